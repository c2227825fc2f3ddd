"""Run many DVC experiments, several at a time, each in one of DVC's temporary folders.

Each is one `dvc exp run --temp`. DVC's own queue would not do: its workers outlive the command, its order cannot be
chosen, so that two of them may compute the same training side by side, and asking for its state takes seconds.
"""

import contextlib
import dataclasses
import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pace.pipeline.workers import cores

# DVC prints this when it has left the workspace; until then, the workspace's changes are in its stash.
STARTED = "Reproducing experiment"
POLL = 0.2  # seconds between polls
PATIENCE = {signal.SIGINT: 30.0, signal.SIGTERM: 10.0, signal.SIGKILL: 10.0}  # seconds to wait after each signal
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
THREADS = ("OMP_NUM_THREADS", "PACE_WORKERS")


@dataclasses.dataclass(frozen=True)
class Job:
    """An experiment to run.

    label: its display name. work: keys of the stages that it runs. Jobs with a key in common wait for each other:
    the first one does the work, and the others take the result from DVC's cache.
    """

    name: str
    label: str
    command: tuple[str, ...]
    log: Path
    work: frozenset[str]


@dataclasses.dataclass
class _Running:
    job: Job
    slot: int
    log: IO[bytes]
    process: subprocess.Popen[bytes] | None  # None: another process runs this experiment
    since: float

    @property
    def started(self) -> bool:
        """Whether it has left the workspace, or has ended."""
        return self.process is None or self.process.poll() is not None or STARTED in read_log(self.job.log)


def run(
    jobs: list[Job],
    slots: int,
    root: Path,
    finished: Callable[[str], bool],
    on_end: Callable[[Job, str | None, float], None],
) -> None:
    """Run all jobs, `slots` at a time; a job that fails leaves the others alone.

    finished: whether DVC has an experiment of that name.
    on_end: called with each job, the reason why it failed (None if it did not), and the seconds that it took.
    Ctrl-C stops the running experiments and raises KeyboardInterrupt. What is finished stays, and trainings continue
    from their last saved state when they are started again.
    """
    waiting = list(jobs)
    running: list[_Running] = []
    done: set[str] = set()
    try:
        with tqdm(total=len(jobs), desc="ablate", unit="run", disable=None) as bar:
            while waiting or running:
                for experiment in [experiment for experiment in running if _has_ended(experiment)]:
                    running.remove(experiment)
                    experiment.log.close()
                    job = experiment.job
                    reason = None if finished(job.name) else failure(read_log(job.log))
                    done |= job.work if reason is None else set()
                    on_end(job, reason, time.monotonic() - experiment.since)
                    bar.update()
                if next_job := _next(waiting, running, slots, done):
                    slot = min(set(range(slots)) - {experiment.slot for experiment in running})
                    waiting.remove(next_job)
                    running.append(_start(next_job, slot, slots, root))
                bar.set_postfix_str("; ".join(f"{e.job.label}: {stage(read_log(e.job.log))}" for e in running))
                time.sleep(POLL)
    finally:
        _stop(running)


def environment(slot: int, slots: int, gpus: int, base: dict[str, str], cores: int) -> dict[str, str]:
    """Environment variables of an experiment: its share of the cores, one of the GPUs, and unbuffered output.

    A variable that `base` sets already keeps its value.
    """
    share = str(max(1, cores // slots))
    own = dict.fromkeys(THREADS, share) if slots > 1 else {}
    if gpus > 1:
        own["CUDA_VISIBLE_DEVICES"] = str(slot % gpus)
    return own | base | {"PYTHONUNBUFFERED": "1"}


def stage(log: str) -> str:
    """The stage that an experiment runs now, by its log."""
    stages: list[str] = re.findall(r"Running stage '(?:[^']*:)?(\w+)'", log)
    return stages[-1] if stages else "starting"


def failure(log: str) -> str:
    """Why an experiment failed, in one line: the stage and its last line before DVC's own error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR:")), None)
    if first is None:
        return f"ended without an error message; last line: {lines[-1]}" if lines else "ended without any output"
    stage_named = re.search(r"failed to reproduce '(?:[^']*:)?(\w+)'", lines[first])
    if not stage_named:
        return lines[first].removeprefix("ERROR: ")
    output_lines = [
        line for line in lines[:first] if not line.startswith(("WARNING:", ">", "Running stage", "Traceback"))
    ]
    return f"{stage_named[1]}: {output_lines[-1]}" if output_lines else lines[first].removeprefix("ERROR: ")


def read_log(path: Path) -> str:
    """The text of a log file, with progress bars in their last state: each state returns to the start of the line."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(line.rsplit("\r", 1)[-1] for line in ANSI.sub("", text).rstrip("\n").split("\n"))


def _next(waiting: list[Job], running: list[_Running], slots: int, done: set[str]) -> Job | None:
    """The next job that may start. Only one at a time may be in the workspace, and no work is done twice."""
    if len(running) >= slots or not all(experiment.started for experiment in running):
        return None
    busy: set[str] = set().union(*(experiment.job.work for experiment in running)) - done
    return next((job for job in waiting if not job.work & busy), None)


def _start(job: Job, slot: int, slots: int, root: Path) -> _Running:
    """Start a job, unless another process runs it already; the process that runs a job locks its log."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    log = open(job.log, "ab")  # noqa: SIM115 - stays open, and locked, while the job runs
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _Running(job, slot, log, None, time.monotonic())
    log.truncate(0)
    variables = environment(slot, slots, _gpus() if slots > 1 else 1, dict(os.environ), cores())
    process = subprocess.Popen(
        job.command,
        cwd=root,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C must not reach it while it is in the workspace
    )
    return _Running(job, slot, log, process, time.monotonic())


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _has_ended(experiment: _Running) -> bool:
    """Whether an experiment has ended. One of another process has ended when its log can be locked."""
    if experiment.process is not None:
        return experiment.process.poll() is not None
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(experiment.log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _stop(running: list[_Running]) -> None:
    """Stop the processes of the jobs, each after it has left the workspace, and wait for them to end."""
    for experiment in running:
        for _ in _ticks(60.0):
            if experiment.started:
                break
    processes = [experiment.process for experiment in running if experiment.process is not None]
    for number, seconds in PATIENCE.items():
        alive = [process for process in processes if process.poll() is None]
        for process in alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for _ in _ticks(seconds):
            if all(process.poll() is not None for process in alive):
                break
    for experiment in running:
        experiment.log.close()


def _ticks(seconds: float) -> Iterator[None]:
    """Yield every POLL seconds until `seconds` have passed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(POLL)
