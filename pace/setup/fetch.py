"""`python -m pace fetch`: download official weights, check their sha256, and print how to use them."""

import argparse
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import filelock

from pace import weights
from pace.setup.official import FOLDER, OFFICIAL, Official, OfficialFile

_STAGING = ".partial-"  # prefix of folders that hold a download in progress
_TIMEOUT = 30  # seconds without an answer


class FetchError(ValueError):
    """A download is not the expected file. The message says what was received; the download is discarded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="names of weights, such as motionbert or i3d; run without names for the list",
    )


def run(arguments: argparse.Namespace) -> None:
    """Download official weights into models/official, or list them. Exits with status 1 if a download failed."""
    if not arguments.names:
        print(listing())
    elif not fetch(arguments.names):
        sys.exit(1)


def fetch(names: list[str], folder: Path = FOLDER, table: Mapping[str, Official] = OFFICIAL) -> bool:
    """Download the files of these names into `folder`, one after the other, and print the result of each.

    A file that is already present with the right sha256 is not downloaded again. Others are downloaded to a temporary
    folder next to their target and moved there once they are complete and their sha256 matches. If a download fails,
    the others continue, and instructions for doing it by hand are printed.
    Returns whether all files are there. Raises ValueError for an unknown name.
    """
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError(f"there are no official weights {unknown[0]!r}; known: {', '.join(table)}")
    folder.mkdir(parents=True, exist_ok=True)
    failed: list[OfficialFile] = []
    with filelock.FileLock(folder / ".fetch.lock"):
        for stale in folder.rglob(f"{_STAGING}*"):  # left by a run that was killed
            shutil.rmtree(stale, ignore_errors=True)
        for file in dict.fromkeys(file for name in names for file in table[name].files):
            try:
                print(f"{folder / file.path}: {_get(file, folder)}", flush=True)
            except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
                print(f"{folder / file.path}: not fetched: {_short(error)}", file=sys.stderr, flush=True)
                failed.append(file)
    sets = {key: value for name in names for key, value in _usable(name, folder, table).items()}
    if sets:
        print("To use them, set in params.yaml:\n" + "\n".join(f"  {key}: {value}" for key, value in sets.items()))
    if failed:
        print(by_hand(failed, folder), file=sys.stderr)
    return not failed


def _usable(name: str, folder: Path, table: Mapping[str, Official]) -> dict[str, object]:
    """The parameters that put these weights to use; none until all files that these parameters need are there."""
    sets = table[name].sets
    files = [file for entry in table.values() if entry.sets == sets for file in entry.files]
    return sets if all((folder / file.path).is_file() for file in files) else {}


def listing(folder: Path = FOLDER, table: Mapping[str, Official] = OFFICIAL) -> str:
    """The list of all official weights: name, use, licence, whether the files are there, and the parameters to set."""
    width = max(map(len, table))
    lines = []
    for name, official in table.items():
        lines.append(f"{name:<{width}}  {official.enables}; {official.licence}")
        for file in official.files:
            unchecked = "" if file.sha256 else ", sha256 unknown"
            lines.append(f"{'':<{width}}  {state(file, folder)}: {folder / file.path}{unchecked}")
        lines += [f"{'':<{width}}    {key}: {value}" for key, value in official.sets.items()]
    return "\n".join([*lines, "Fetch with: python -m pace fetch NAME ..."])


def state(file: OfficialFile, folder: Path) -> str:
    """Whether a file is there and has the right size. Its content is not read."""
    target = folder / file.path
    if not target.is_file():
        return "missing" if file.size is None else f"missing ({file.size / 1e6:,.1f} MB)"
    size = target.stat().st_size
    if file.size is not None and size != file.size:
        return f"WRONG ({size:,} bytes, expected {file.size:,})"
    return f"there ({size / 1e6:,.1f} MB)"


def by_hand(files: list[OfficialFile], folder: Path = FOLDER) -> str:
    """Instructions for downloading files on another machine."""
    lines = ["If this machine has no network, download the files on another one and copy them:"]
    for file in files:
        lines.append(f"  {file.url}")
        lines.append(f"    {f'its {file.member} goes to' if file.member else 'to'} {folder / file.path}")
        lines.append(f"    sha256 {file.sha256 or 'unknown'}")
    return "\n".join(lines)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    import pooch

    return str(pooch.file_hash(str(path), alg="sha256"))


def _get(file: OfficialFile, folder: Path) -> str:
    """Download a file unless it is there. Returns the result in words; raises FetchError and others if it failed."""
    target = folder / file.path
    if target.is_file():
        digest = sha256(target)
        if file.sha256 is None:
            return f"already present; its sha256 {digest} cannot be checked, for none is published"
        if digest == file.sha256:
            return "already present, sha256 matches"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_STAGING, dir=target.parent) as staging:
        path = _download(file, Path(staging))
        fault = weights.not_weights(path)
        digest = sha256(path)
        if fault:
            raise FetchError(f"{file.url} is not the expected file: {fault}")
        if file.sha256 not in (None, digest):
            raise FetchError(f"the file from {file.url} has sha256 {digest}, not {file.sha256}; it was discarded")
        path.replace(target)
    if file.sha256 is None:
        return f"fetched; its sha256 {digest} cannot be checked, for none is published"
    return "fetched, sha256 matches"


def _download(file: OfficialFile, staging: Path) -> Path:
    """Download a file into the folder `staging`, out of its zip archive if it comes in one. Returns its path there."""
    import pooch

    path = staging / "download"
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT, chunk_size=1 << 20)
    downloader(file.url, str(path), None)
    if file.member is None:
        return path
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == file.member]
        if len(members) != 1:
            raise FetchError(f"the archive at {file.url} has {len(members)} files named {file.member}, expected one")
        with archive.open(members[0]) as source, open(staging / "member", "wb") as kept:
            shutil.copyfileobj(source, kept, 1 << 20)
    return staging / "member"


def _short(error: Exception) -> str:
    """The first line of an error, cut at 300 characters."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if len(text) < 300 else f"{type(error).__name__}: {text[:300]}..."
