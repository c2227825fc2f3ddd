"""A worker process that runs one call at a time: its parent knows which call it was if the process dies."""

import faulthandler
import functools
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pace.pipeline import failures

# Variables that give the number of threads of the numeric libraries.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
PATIENCE = 5.0  # seconds in which a process may end by itself

_SPAWN = multiprocessing.get_context("spawn")  # a forked process would share the locks of the parent's threads


@dataclass(frozen=True)
class Death:
    """The end of a worker process during a call: its exit code (minus a signal), and its stack if it crashed."""

    exit_code: int | None
    stack: str


class WorkerProcess:
    """A process that calls `call`, pickled, with one item's arguments after another.

    threads: number of threads of its numeric libraries, unless the environment gives one.
    crash_file: where it leaves its stack if it crashes.
    """

    def __init__(self, call: bytes, threads: int, crash_file: Path) -> None:
        self.connection, other_end = _SPAWN.Pipe()
        self._crash_file = crash_file
        crash_file.touch()
        self._process = _SPAWN.Process(target=serve, args=(other_end, call, str(crash_file)), daemon=True)
        with _environment({name: os.environ.get(name, str(threads)) for name in THREADS}):
            self._process.start()
        other_end.close()

    @property
    def handles(self) -> tuple[Connection, int]:
        """What to wait for: one of them is ready when a call has ended or the process has died."""
        return self.connection, self._process.sentinel

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    def begin(self, arguments: bytes) -> None:
        """Start a call. Its arguments are pickled. A process that is gone already says so in `result`."""
        try:
            self.connection.send_bytes(arguments)
        except OSError:
            self._process.join(PATIENCE)

    def result(self) -> failures.Outcome[Any] | BaseException | Death:
        """What became of the call; only where the connection or the sentinel is ready.

        A KeyboardInterrupt or SystemExit if the call raised one.
        """
        try:
            if self.connection.poll():
                message: failures.Outcome[Any] | BaseException = pickle.loads(self.connection.recv_bytes())
                return message
        except (EOFError, OSError):  # it died before it sent all of it
            pass
        except Exception as error:  # the value is of a kind that cannot be unpickled
            return failures.outcome(error)
        self._process.join(PATIENCE)
        return Death(self._process.exitcode, self._crash_file.read_text(encoding="utf-8", errors="replace"))

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self.join()

    def join(self) -> None:
        """Wait until a process has ended that is killed, or whose connection is closed; not for ever."""
        self.connection.close()
        self._process.join(PATIENCE)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self._process.close()


def serve(connection: Connection, call_bytes: bytes, crash_file: str) -> None:
    """Run calls until the parent closes the connection or dies. Sends what `WorkerProcess.result` returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(crash_file, "w", encoding="utf-8") as file:
        faulthandler.enable(file)
        while True:
            try:
                arguments = connection.recv_bytes()
                connection.send_bytes(_answer(call_bytes, arguments))
            except (EOFError, OSError):
                return


def _answer(call_bytes: bytes, arguments: bytes) -> bytes:
    """The message about one call, pickled. An exception is sent as text: many cannot be pickled."""
    try:
        return pickle.dumps(failures.Outcome(_load(call_bytes)(*pickle.loads(arguments))))
    except KeyboardInterrupt:
        return pickle.dumps(KeyboardInterrupt())
    except SystemExit as error:
        return pickle.dumps(SystemExit(error.code if isinstance(error.code, int) else str(error.code)))
    except BaseException as error:
        return pickle.dumps(failures.outcome(error))


@functools.cache
def _load(call_bytes: bytes) -> Any:
    return pickle.loads(call_bytes)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables that a process started inside inherits."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
