"""The same call for many items, in worker processes: no item can end the work on the others.

An exception fails its item, and so does the death of the process that worked on it (a crash in a library of C code, a
process killed because memory ran out). joblib, loky and concurrent.futures give up all waiting items in that case, and
do not tell which one it was.
"""

import math
import pickle
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from pace.pipeline import failures
from pace.pipeline.failures import Outcome
from pace.pipeline.stalls import Watch, seconds_of, span
from pace.pipeline.worker_process import Death, WorkerProcess
from pace.pipeline.workers import cores, worker_count

T = TypeVar("T")
Items = Mapping[str, tuple[Any, ...]]  # name of an item -> the call's arguments

POLL = 0.5  # seconds between looks at the clock, where PACE_TIMEOUT is set


def run(
    label: str, call: Callable[..., T], items: Items, workers: int | None = None
) -> Generator[tuple[str, Outcome[T]]]:
    """Call `call(*items[name])` for each name, several at a time. Yields names and outcomes as they come.

    label: starts the messages about items that take long (see `stalls.Watch`).
    workers: number of processes, by default `worker_count()`; each imports `call` once and takes one item after
    another. With 0 the calls run in this process, where a crash ends everything: for tests and debuggers.

    An item whose process died is tried again at the end, alone and in a new process: what killed it may have been the
    memory that others took, or what an earlier item left behind.
    An item that takes longer than PACE_TIMEOUT seconds, if that is set, is given up and its process killed.
    KeyboardInterrupt and SystemExit, here or in a call, end the run and its processes. Close the iterator
    (contextlib.closing) if you may leave it early.
    """
    count = min(worker_count() if workers is None else workers, len(items))
    watch, timeout = Watch(label), seconds_of("PACE_TIMEOUT", math.inf)
    return _in_processes(call, items, count, watch, timeout) if count else _here(call, items, watch)


def _here(call: Callable[..., T], items: Items, watch: Watch) -> Generator[tuple[str, Outcome[T]]]:
    """`run` in this process."""
    with watch:
        for name, arguments in items.items():
            watch.begin(name)
            try:
                outcome = Outcome(call(*arguments))
            except failures.STOPPING:
                raise
            except BaseException as error:
                outcome = failures.outcome(error)
            watch.end(name)
            yield name, outcome


@dataclass(frozen=True)
class _Running:
    name: str
    worker: WorkerProcess
    since: float


class _Pool:
    """The worker processes of a run. call: pickled. threads: of each. folder: for their crash files."""

    def __init__(self, call: bytes, threads: int, folder: Path) -> None:
        self._call, self._threads, self._folder = call, threads, folder
        self._started = 0
        self._idle: list[WorkerProcess] = []
        self.running: list[_Running] = []

    def begin(self, name: str, arguments: bytes) -> None:
        """Give an item to an idle process, or to a new one."""
        while self._idle and not self._idle[-1].alive:
            self._idle.pop().join()
        if not self._idle:
            self._started += 1
            self._idle.append(WorkerProcess(self._call, self._threads, self._folder / f"{self._started}.txt"))
        self.running.append(_Running(name, self._idle.pop(), time.monotonic()))
        self.running[-1].worker.begin(arguments)

    def ready(self, seconds: float | None) -> list[_Running]:
        """The items whose processes have answered or died; waits for one, but not longer than `seconds`."""
        handles = [handle for task in self.running for handle in task.worker.handles]
        ready = wait(handles, seconds) if handles else []
        return [task for task in self.running if any(handle in ready for handle in task.worker.handles)]

    def release(self, task: _Running) -> None:
        """The process of a finished item is idle."""
        self.running.remove(task)
        self._idle.append(task.worker)

    def kill(self, task: _Running) -> None:
        """End the process of an item."""
        self.running.remove(task)
        task.worker.kill()

    def dismiss(self) -> None:
        """End the idle processes."""
        for worker in self._idle:
            worker.connection.close()
        while self._idle:
            self._idle.pop().join()

    def stop(self) -> None:
        """End all processes: the idle ones in their own time, the others at once."""
        for task in [*self.running]:
            self.kill(task)
        self.dismiss()


def _in_processes(
    call: Callable[..., T], items: Items, count: int, watch: Watch, timeout: float
) -> Generator[tuple[str, Outcome[T]]]:
    """`run` with `count` processes."""
    with watch, tempfile.TemporaryDirectory(prefix="pace-workers-", ignore_cleanup_errors=True) as folder:
        pool = _Pool(pickle.dumps(call), max(cores() // count, 1), Path(folder))
        suspects = []
        try:
            for name, result in _results(pool, items, count, watch, timeout):
                if isinstance(result, Death):
                    suspects.append(name)
                else:
                    yield name, result
            for suspect in suspects:
                pool.dismiss()
                for name, result in _results(pool, {suspect: items[suspect]}, 1, watch, timeout):
                    if isinstance(result, Death):
                        result = Outcome(None, failures.death(result.exit_code), result.stack)
                    yield name, result
        finally:
            pool.stop()


def _results(
    pool: _Pool, items: Items, count: int, watch: Watch, timeout: float
) -> Iterator[tuple[str, Outcome[Any] | Death]]:
    """The outcomes of the items, and the deaths of the processes that worked on them."""
    waiting = deque(items)
    while waiting or pool.running:
        while waiting and len(pool.running) < count:
            name = waiting.popleft()
            try:
                arguments = pickle.dumps(items[name])
            except Exception as error:
                yield name, failures.outcome(error)
            else:
                watch.begin(name)
                pool.begin(name, arguments)
        for task in pool.ready(None if timeout == math.inf else POLL):
            watch.end(task.name)
            result = task.worker.result()
            if isinstance(result, Death):
                pool.kill(task)
            else:
                pool.release(task)
            if isinstance(result, BaseException):
                raise result
            yield task.name, result
        for task in [task for task in pool.running if time.monotonic() - task.since > timeout]:
            watch.end(task.name)
            pool.kill(task)
            yield task.name, Outcome(None, f"not done after {span(timeout)}, the limit that PACE_TIMEOUT sets")
