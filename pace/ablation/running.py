"""Running many DVC experiments, several at a time, each in a temporary folder of DVC's.

Each is one `dvc exp run --temp`. Not DVC's queue: its workers outlive the command, start the experiments in no order
that we can choose, so that two compute the same training side by side, and asking for its state takes seconds.
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

STARTED = "Reproducing experiment"  # DVC has left the workspace: before it, the workspace's changes are in its stash
POLL = 0.2  # seconds
PATIENCE = {signal.SIGINT: 30.0, signal.SIGTERM: 10.0, signal.SIGKILL: 10.0}  # seconds after each
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
THREADS = ("OMP_NUM_THREADS", "PACE_WORKERS")


@dataclasses.dataclass(frozen=True)
class Job:
    """An experiment: its name, its label for people, its command, its log file, and the keys of the work in it.

    Jobs with a key in common wait for each other: the first one does the work, the others take it from DVC's cache.
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
    log: IO
    process: subprocess.Popen | None  # None: another process runs this experiment
    since: float

    @property
    def started(self) -> bool:
        return self.process is None or self.process.poll() is not None or STARTED in read_log(self.job.log)


def run(
    jobs: list[Job],
    slots: int,
    root: Path,
    finished: Callable[[str], bool],
    ended: Callable[[Job, str | None, float], None],
) -> None:
    """Run all jobs, `slots` at a time; a job that fails leaves the others alone.

    finished: whether DVC has an experiment of that name. ended: called with each job, the reason why it failed or None,
    and its seconds. On Ctrl-C the running experiments are stopped, and KeyboardInterrupt goes on: what is finished
    stays, and trainings go on from their last saved state when they are started again.
    """
    waiting, running, done = list(jobs), [], set()
    try:
        with tqdm(total=len(jobs), desc="ablate", unit="run", disable=None) as bar:
            while waiting or running:
                for one in [one for one in running if _over(one, finished)]:
                    running.remove(one)
                    one.log.close()
                    reason = None if finished(one.job.name) else failure(read_log(one.job.log))
                    done |= one.job.work if reason is None else set()
                    ended(one.job, reason, time.monotonic() - one.since)
                    bar.update()
                if job := _next(waiting, running, slots, done):
                    slot = min(set(range(slots)) - {one.slot for one in running})
                    waiting.remove(job)
                    running.append(_start(job, slot, slots, root))
                bar.set_postfix_str("; ".join(f"{one.job.label}: {stage(read_log(one.job.log))}" for one in running))
                time.sleep(POLL)
    finally:
        _stop(running)


def environment(slot: int, slots: int, gpus: int, base: dict[str, str], cores: int) -> dict[str, str]:
    """Variables of an experiment: its share of the cores, one GPU of several, and output at once.

    What `base` sets already stays.
    """
    share = str(max(1, cores // slots))
    own = dict.fromkeys(THREADS, share) if slots > 1 else {}
    if gpus > 1:
        own["CUDA_VISIBLE_DEVICES"] = str(slot % gpus)
    return own | base | {"PYTHONUNBUFFERED": "1"}


def stage(log: str) -> str:
    """What an experiment does now, by its log."""
    found = re.findall(r"Running stage '(?:[^']*:)?(\w+)'", log)
    return found[-1] if found else "starting"


def failure(log: str) -> str:
    """Why an experiment failed, in one line: the stage and the last thing that it said before DVC's own error."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    first = next((i for i, line in enumerate(lines) if line.startswith("ERROR:")), None)
    if first is None:
        return f"ended without an error message; last line: {lines[-1]}" if lines else "ended without a word"
    stage_named = re.search(r"failed to reproduce '(?:[^']*:)?(\w+)'", lines[first])
    if not stage_named:
        return lines[first].removeprefix("ERROR: ")
    said = [line for line in lines[:first] if not line.startswith(("WARNING:", ">", "Running stage", "Traceback"))]
    return f"{stage_named[1]}: {said[-1]}" if said else lines[first].removeprefix("ERROR: ")


def read_log(path: Path) -> str:
    """The text of a log file; of a progress bar, which returns to the line's start, the last state."""
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(line.rsplit("\r", 1)[-1] for line in ANSI.sub("", text).rstrip("\n").split("\n"))


def _next(waiting: list[Job], running: list[_Running], slots: int, done: set[str]) -> Job | None:
    """The first job that may start: one at a time goes through the workspace, and no work is done twice."""
    if len(running) >= slots or not all(one.started for one in running):
        return None
    busy = set().union(*(one.job.work for one in running)) - done
    return next((job for job in waiting if not job.work & busy), None)


def _start(job: Job, slot: int, slots: int, root: Path) -> _Running:
    """Start a job, unless another process runs it: whoever runs it holds a lock on its log."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    log = open(job.log, "ab")  # noqa: SIM115 - stays open, and locked, while the job runs
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _Running(job, slot, log, None, time.monotonic())
    log.truncate(0)
    variables = environment(slot, slots, _gpus() if slots > 1 else 1, dict(os.environ), os.cpu_count() or 1)
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


def _over(one: _Running, finished: Callable[[str], bool]) -> bool:
    if one.process is not None:
        return one.process.poll() is not None
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(one.log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _stop(running: list[_Running]) -> None:
    """Stop the processes of the jobs, each after it has left the workspace, and wait for them."""
    ours = [one for one in running if one.process is not None]
    for one in ours:
        for _ in _ticks(60.0):
            if one.started:
                break
    for number, seconds in PATIENCE.items():
        alive = [one for one in ours if one.process.poll() is None]
        for one in alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, number)
        for _ in _ticks(seconds):
            if all(one.process.poll() is not None for one in alive):
                break
    for one in running:
        one.log.close()


def _ticks(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(POLL)
