"""Operations and bytes of one training step, counted on paper, and the time below which no GPU can take the step.

The step runs on fake tensors, which have shapes and no values, so neither GPU nor memory is needed. An operation
counts if it launches at least one kernel. Its bytes are those of the tensors that it reads and writes.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
import torch.utils._pytree as pytree
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import generator_networks as nets
from benchmarks.gpu.report import Run
from benchmarks.settings import Settings
from pace.diffusion import unet_blocks
from pace.diffusion.flops import generator_size
from pace.diffusion_training.step import Model, batch_losses
from pace.training.optimiser import Optimiser

NAME = "count"
BYTES_PER_SECOND, FLOPS_PER_SECOND = 4.8e12, 989e12  # of an H200, by its data sheet
PHASES = ("forward", "backward", "update")

# Groups of operations, by parts of their names: the first match counts. What is in none is elementwise or a sum.
GROUPS = {
    "convolution": ("convolution",),
    "attention": ("scaled_dot_product",),
    "product": ("addmm", "baddbmm", ".bmm", ".mm"),
    "norm": ("native_group_norm", "native_layer_norm"),
    "optimiser": ("adamw", "_foreach_norm"),
    "copy, cast": ("_to_copy", "copy_", "clone", "cat.", "zero_", "fill_", "zeros", "ones", "full", "arange"),
}
OTHER = "elementwise, sum"
LIBRARY = ("convolution", "attention", "product")  # groups that no compiler fuses with others
# Operations that only describe memory: they launch nothing, though some of them are no views by their schema.
FREE = (
    "empty",
    "_unsafe_view",
    "reshape",
    "lift_fresh",
    "set_",
    "resize_",
    "detach",
    "new_empty",
    "_local_scalar_dense",
)
WRITE_ONLY = ("copy_", "_foreach_copy_", "zero_", "fill_")  # do not read what they write
GATHERING = ("index", "embedding", "gather")  # read no more than they write


@dataclasses.dataclass
class Total:
    """Operations and bytes."""

    operations: int = 0
    bytes: int = 0

    def add(self, other: "Total") -> None:
        """Add another total to this one."""
        self.operations += other.operations
        self.bytes += other.bytes


class Counter(TorchDispatchMode):
    """Counts what runs in its context, by `phase` and group."""

    def __init__(self) -> None:
        super().__init__()
        self.phase = ""
        self.totals: dict[tuple[str, str], Total] = collections.defaultdict(Total)
        self.by_name: dict[str, Total] = collections.defaultdict(Total)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = str(func)
        if func.namespace == "aten" and not func.is_view and not name.removeprefix("aten.").startswith(FREE):
            one = Total(1, _bytes(func, args, kwargs or {}, result))
            self.totals[self.phase, group(name)].add(one)
            self.by_name[name].add(one)
        return result


def group(name: str) -> str:
    """The group of an operation such as `aten.mm.default`."""
    return next((kind for kind, parts in GROUPS.items() if any(part in name for part in parts)), OTHER)


def _bytes(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: object) -> int:
    """Bytes that an operation reads and writes; a tensor given twice is read once."""
    name = func._schema.name.removeprefix("aten::")
    read: dict[int, int] = {}
    changed: dict[int, int] = {}
    for position, argument in enumerate(func._schema.arguments):
        given = args[position] if position < len(args) else kwargs.get(argument.name)
        writes = argument.alias_info is not None and argument.alias_info.is_write and argument.name != "grads"
        if writes:
            changed |= _storages(given)
        if not (writes and name in WRITE_ONLY):
            read |= _storages(given)
    written = sum((_storages(result) | changed).values())
    if name in GATHERING:
        return 2 * written
    return sum(read.values()) + written


def _storages(tree: object) -> dict[int, int]:
    """Bytes of each tensor in nested arguments; an expanded one counts as the memory behind it."""
    sizes: dict[int, int] = {}
    for leaf in pytree.tree_leaves(tree):
        if isinstance(leaf, torch.Tensor):
            sizes[id(leaf)] = min(leaf.numel() * leaf.element_size(), leaf.untyped_storage().nbytes())
    return sizes


@contextlib.contextmanager
def as_on_a_gpu() -> Iterator[None]:
    """The block in which the U-Net does not take the form of the doubling that only the CPU takes."""
    before, unet_blocks.FUSED_UP = unet_blocks.FUSED_UP, 0
    try:
        yield
    finally:
        unet_blocks.FUSED_UP = before


def count_step(config: Settings, batch: int, dtype: torch.dtype) -> Counter:
    """Operations and bytes of one training step in `dtype`, eager, as on a GPU."""
    with as_on_a_gpu(), FakeTensorMode():
        model = Model(*nets.networks(config)).train()
        for weight in model.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.to(memory_format=torch.channels_last)
        process = config.training.task().process()
        optimiser = Optimiser(model, nets.LR, 0.01, nets.CLIP, nets.DECAY, nets.WARMUP, dtype=dtype)
        optimiser.update()  # the first one makes AdamW's averages
        data = nets.draw_batch(config, batch, torch.device("cpu"))
        with Counter() as counter:
            counter.phase = "forward"
            loss = batch_losses(model, data, process).mean()
            counter.phase = "backward"
            loss.backward()
            counter.phase = "update"
            optimiser.collect()
            optimiser.update()
    return counter


def measure(run: Run) -> None:
    """Print the count and the two lower bounds of the step's time on an H200."""
    counter = count_step(run.config, run.batch, torch.bfloat16)
    for line in lines(counter):
        run.report.say(line)
    whole = Total()
    for total in counter.totals.values():
        whole.add(total)
    run.report.row(NAME, "operations of a step, eager", whole.operations, "", note=f"batch {run.batch}, bfloat16")
    run.report.row(NAME, "bytes of a step, eager", whole.bytes / 1e9, "GB")
    flops = run.batch * generator_size(run.config.encoder, run.config.unet, run.config.shape).training_flops
    moving, computing = whole.bytes / BYTES_PER_SECOND, flops / FLOPS_PER_SECOND
    run.report.row(NAME, "an H200 moves these bytes in", 1000 * moving, "ms", note="4.8 TB/s")
    run.report.row(NAME, "an H200 computes the products in", 1000 * computing, "ms", note="989 TFLOP/s")


def lines(counter: Counter) -> Iterator[str]:
    """The count as a Markdown table: operations and GB, by group and phase."""
    yield "| | " + " | ".join(f"{phase}: operations | GB" for phase in (*PHASES, "all")) + " |"
    yield "|---|" + "---|---|" * (len(PHASES) + 1)
    groups = [*GROUPS, OTHER]
    for name in [*groups, "all"]:
        cells = []
        for phase in (*PHASES, "all"):
            total = Total()
            for (its_phase, its_group), part in counter.totals.items():
                if phase in (its_phase, "all") and name in (its_group, "all"):
                    total.add(part)
            cells.append(f"{total.operations:,} | {total.bytes / 1e9:.2f}" if total.operations else " | ")
        yield f"| {name} | " + " | ".join(cells) + " |"
