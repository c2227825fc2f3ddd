"""Why the work on one item failed: a line that is the same in every folder, and a traceback for the log."""

import re
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

FILE = "failures.json"
STOPPING = (KeyboardInterrupt, SystemExit)  # they end a run; every other exception fails the item that raised it
_OF_THE_INPUT = (ValueError, OSError, RuntimeError)  # errors whose text is written for the user


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of one item: the call's value, or the reason in one line and the traceback, which may be empty."""

    value: T | None = None
    reason: str | None = None
    trace: str = ""


def outcome(error: BaseException) -> Outcome[T]:
    """The outcome of an item that raised an error."""
    return Outcome(None, reason(error), trace(error))


def of_the_input(error: BaseException) -> bool:
    """Whether an error is of a kind that the project raises for wrong input, with a text that explains it."""
    return isinstance(error, _OF_THE_INPUT) and not isinstance(error, RecursionError)


def reason(error: BaseException) -> str:
    """An error in one line, without what differs from run to run: an errno, an address in memory.

    An error that is not of the input starts with its type: `'x'` alone does not say that it is a KeyError.
    """
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # an error that cannot be printed
        text = ""
    if isinstance(error, MemoryError):
        text = text or "not enough memory; fewer worker processes (PACE_WORKERS) need less"
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", " ".join(text.split()))
    if not text:
        return kind
    return text if of_the_input(error) else f"{kind}: {text}"


def of_file(why: str, path: Path | str) -> str:
    """The reason with the file that it is about, if it does not name it: errors of libraries rarely do."""
    return why if str(path) in why else f"{path}: {why}"


def trace(error: BaseException) -> str:
    """The traceback of an error; the last line alone where there is no memory or depth left to format it."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception:
        return reason(error) + "\n"


def death(exit_code: int | None) -> str:
    """Why a worker process is gone, by its exit code: minus the signal that killed it."""
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        if name == "SIGKILL":
            return f"its worker process was killed ({name}), perhaps because memory ran out; see PACE_WORKERS"
        return f"its worker process died ({name})"
    return f"its worker process ended with status {exit_code}"


class Log:
    """A file of the tracebacks of one run; it exists if something failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.unlink(missing_ok=True)

    def add(self, name: str, why: str, text: str) -> None:
        """Append a failed item: its name, the reason, and its traceback, which may be empty."""
        with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{name}: {why}\n{text}\n")
