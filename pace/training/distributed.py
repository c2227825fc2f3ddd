"""Training in several processes, started by torchrun or srun: one for each GPU, or for a share of the CPUs."""

import dataclasses
import os
import re
from collections.abc import Mapping

import torch
import torch.distributed as dist


@dataclasses.dataclass(frozen=True)
class LauncherParams:
    """Section `train` of params.yaml: the command that dvc.yaml puts before `-m stages.train_diffusion`."""

    launcher: str


@dataclasses.dataclass(frozen=True)
class Processes:
    """The processes that train together, seen from one of them: its rank, their number and its device."""

    rank: int = 0
    count: int = 1
    device: torch.device = dataclasses.field(default_factory=lambda: torch.device("cpu"))

    @property
    def first(self) -> bool:
        """Whether this process reports and writes the results."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """The part of a batch that belongs to this process. Raises ValueError if the batch cannot be divided evenly."""
        if batch_size % self.count:
            raise ValueError(
                f"`train_diffusion.batch_size` {batch_size} is not a multiple of the {self.count} processes of "
                "`train.launcher`; change one of them"
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def broadcast(self, values: torch.Tensor) -> None:
        """Replace `values` by those of the first process."""
        if self.count > 1:
            dist.broadcast(values, src=0)

    def average(self, values: torch.Tensor) -> None:
        """Replace `values` by their mean over the processes."""
        if self.count > 1:
            dist.all_reduce(values)
            values /= self.count

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """Mean of `values` over the processes; every process gets the same result."""
        values = values.clone()
        self.average(values)
        return values

    def agree(self, value: int) -> bool:
        """Whether all processes have the same value."""
        ends = torch.tensor([value, -value], device=self.device)
        if self.count > 1:
            dist.all_reduce(ends, op=dist.ReduceOp.MAX)
        return int(ends[0]) == -int(ends[1])


ALONE = Processes()


def start(launcher: str) -> Processes:
    """Join the other processes that `launcher` started, if any.

    torchrun's environment variables always count; srun's count only if the launcher contains `srun`, because SLURM sets
    them in a batch script too. GPUs communicate over NCCL, CPUs over gloo. Raises ValueError if a process has no GPU.
    """
    ranks = _ranks(os.environ, "srun" in launcher)
    gpus = torch.cuda.device_count()
    if ranks is None:
        return Processes(device=torch.device("cuda", 0) if gpus else torch.device("cpu"))
    rank, count, local_rank = ranks
    if gpus and local_rank >= gpus:
        raise ValueError(f"process {rank} has no GPU: this machine has {gpus}; lower the processes of `train.launcher`")
    device = torch.device("cuda", local_rank) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    if count > 1:
        os.environ.setdefault("MASTER_ADDR", _first_host(os.environ.get("SLURM_JOB_NODELIST", "")))
        os.environ.setdefault("MASTER_PORT", str(20_000 + int(os.environ.get("SLURM_JOB_ID", "0")) % 20_000))
        dist.init_process_group("nccl" if gpus else "gloo", rank=rank, world_size=count)
    return Processes(rank, count, device)


def finish() -> None:
    """Leave the group of processes. Does nothing for a process that trains alone."""
    if dist.is_initialized():
        dist.destroy_process_group()


def _ranks(environment: Mapping[str, str], srun: bool) -> tuple[int, int, int] | None:
    """(rank, number of processes, rank on this machine) by torchrun's variables, else, if `srun`, by srun's."""
    torchrun, slurm = ("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
    for names in (torchrun, slurm) if srun else (torchrun,):
        if all(name in environment for name in names):
            rank, count, local_rank = (int(environment[name]) for name in names)
            return rank, count, local_rank
    return None


def _first_host(nodes: str) -> str:
    """The first machine of a SLURM node list: `gpu[03-05,09],cpu1` -> `gpu03`."""
    match = re.match(r"([^,\[]+)(?:\[(\w+))?", nodes)
    return "localhost" if match is None else match[1] + (match[2] or "")
