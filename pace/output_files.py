"""Files that a command writes: checked before the work, and put in their place only when they are whole."""

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no space, no quota, a file larger than the file system can hold


@contextlib.contextmanager
def replacing(
    target: Path, option: str, endings: tuple[str, ...], inputs: Iterable[tuple[str, Path]] = ()
) -> Iterator[Path]:
    """A new, empty file beside `target`, with its ending; it replaces `target` when the `with` block succeeds.

    After an error or an interrupt it is removed, and an older `target` is untouched. A link is followed: the file that
    it points to is replaced. option: how the user named `target`. inputs: (what it is, path) of files to be kept.
    Raises ValueError naming `target` and the remedy for a target of another ending, one of `inputs`, a folder, a
    missing folder or one in which nothing can be written.
    """
    real = _check(target, option, endings, inputs)
    temporary = real.with_name(f".pace-{secrets.token_hex(6)}{target.suffix}")
    try:
        temporary.open("xb").close()
    except OSError as error:
        raise ValueError(
            f"{option} {target}: no file can be written in its folder ({error.strerror}); choose another"
        ) from None
    try:
        yield temporary
        if real.exists():
            temporary.chmod(real.stat().st_mode & 0o777)
        os.replace(temporary, real)
    except OSError as error:
        if error.filename != str(temporary):
            raise
        remedy = "free some space" if error.errno in FULL else "look after its disk, or choose another place"
        raise OSError(f"{option} {target}: {error.strerror}; {remedy} and run the command again") from error
    finally:
        temporary.unlink(missing_ok=True)


class _NamedFile(io.FileIO):
    """A file whose errors name it, and that remembers them: FFmpeg reports all errors alike, or not at all."""

    error: OSError | None = None

    def write(self, content: "ReadableBuffer", /) -> int:
        """Write some bytes. Raises OSError."""
        try:
            return super().write(content)
        except OSError as error:
            self.error = OSError(error.errno, error.strerror, str(self.name))
            raise self.error from None


@contextlib.contextmanager
def written(path: Path) -> "Iterator[io.BufferedWriter[_NamedFile]]":
    """A file to write, on the disk when the `with` block ends.

    Raises OSErrors that name it, also where the writer hides them or raises another error.
    """
    raw = _NamedFile(str(path), "w")
    with io.BufferedWriter(raw) as file:
        try:
            yield file
        except Exception:
            if raw.error:
                raise raw.error from None
            raise
        file.flush()
        os.fsync(file.fileno())


def _check(target: Path, option: str, endings: tuple[str, ...], inputs: Iterable[tuple[str, Path]]) -> Path:
    """The file that `target` names, links followed. Raises ValueError as `replacing` does."""
    real = Path(os.path.realpath(target))
    try:
        if not real.parent.is_dir():
            raise ValueError(f"{option} {target}: there is no folder {real.parent}; make it, or choose another")
        try:
            mode: int | None = os.lstat(real).st_mode  # says also that a name is too long
        except FileNotFoundError:
            mode = None
        for what, path in inputs:
            if real == Path(os.path.realpath(path)) or (mode and path.exists() and os.path.samefile(real, path)):
                raise ValueError(f"{option} {target}: is {what} itself, which would be lost; choose another name")
        if mode and stat.S_ISDIR(mode):
            raise ValueError(f"{option} {target}: is a folder; give the path of a file")
        if target.suffix.lower() not in endings:
            raise ValueError(f"{option} {target}: its ending must be {' or '.join(endings)}; give it another")
        if mode and not stat.S_ISREG(mode):
            raise ValueError(f"{option} {target}: is not a regular file; choose another name")
        if mode and not os.access(real, os.W_OK):
            raise ValueError(f"{option} {target}: is write-protected; choose another name, or allow writing")
    except OSError as error:
        raise ValueError(f"{option} {target}: cannot be written ({error.strerror}); choose another name") from None
    return real
