"""Calls that fail in every way that a library can: for worker processes, which import them from here."""

import os
import signal
import sys
import time
from pathlib import Path


class Unpicklable(Exception):
    """Cannot be pickled, nor can its message be had."""

    def __init__(self):
        super().__init__(lambda: None)

    def __str__(self):
        raise TypeError("no text")


class NeedsTwo(Exception):
    """Pickles, but cannot be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Panic(BaseException):
    """As extensions in Rust raise it: no Exception."""


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1)


def opencv_error() -> None:
    import cv2
    import numpy as np

    cv2.resize(np.zeros((0, 0, 3), np.uint8), (2, 2))


def av_error() -> None:
    import av

    raise av.error.ExternalError(1, "generic error", "x.mp4")


RAISED = {
    "memory": lambda: (_ for _ in ()).throw(MemoryError()),
    "type": lambda: "a" + 1,
    "assertion": lambda: (_ for _ in ()).throw(AssertionError()),
    "zero": lambda: 1 / 0,
    "recursion": recurse,
    "unicode": lambda: b"\xff".decode(),
    "key": lambda: {}["part"],
    "opencv": opencv_error,
    "av": av_error,
    "unpicklable": lambda: (_ for _ in ()).throw(Unpicklable()),
    "two": lambda: (_ for _ in ()).throw(NeedsTwo("one", "two")),
    "panic": lambda: (_ for _ in ()).throw(Panic("index out of bounds")),
    "lines": lambda: (_ for _ in ()).throw(ValueError("first\n  second")),
}
KILLED = {"segv": signal.SIGSEGV, "killed": signal.SIGKILL, "abort": signal.SIGABRT}


def act(name: str) -> object:
    """What the name says; the name itself if it says nothing."""
    if name in RAISED:
        return RAISED[name]()
    if name in KILLED:
        os.kill(os.getpid(), KILLED[name])
    if name == "exit":
        os._exit(3)
    if name == "result":
        return lambda: None
    if name == "sys.exit":
        sys.exit(7)
    if name == "interrupt":
        raise KeyboardInterrupt
    if name.startswith("slow"):
        time.sleep(float(name[4:]))
    return name


def act_once(folder: Path, name: str) -> object:
    """`act` at the first call for a name, which is noted in a folder; later the name."""
    note = folder / name
    if note.exists():
        return name
    note.touch()
    return act(name)


def process(name: str) -> int:
    """The id of the process that runs the call."""
    return os.getpid()


def video(log: Path, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """A per-video step that does what its input file says and writes the file's text. Each call leaves a mark."""
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{video_id}\n")
    (folder / "out.txt").write_text("half")
    text = inputs[0].read_text(encoding="utf-8")
    act(text)
    (folder / "out.txt").write_text(text)


def media(path: Path) -> None:
    """Die as a decoder does on a file called `crash`; raise an odd error on one called `odd`."""
    if path.stem.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if path.stem.startswith("odd"):
        raise TypeError("int expected")
