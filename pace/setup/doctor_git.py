"""The doctor's check of git: DVC needs a repository, and experiments need a commit, an owner and a name.

Standard library only: `make` runs it before it installs anything.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, first_line

COMMIT = "git init && git add -A && git commit -q -m PACE"
EXPERIMENTS = "`dvc exp run`, `python -m pace ablate` and `dvc metrics diff`"


def git(root: Path) -> Iterator[Finding]:
    """The git repository of the project at `root`, and the name that experiments are committed under."""
    try:
        top, error = _git(root, "rev-parse", "--show-toplevel")
    except FileNotFoundError:
        here = (root / ".git").exists()
        message = "git is not installed" if here else "git is not installed, and this folder is not a repository"
        remedy = "the tests need it" if here else f"DVC needs a repository: install git, then `{COMMIT}`"
        yield Finding(NOTE if here else FAIL, "git", message, remedy)
        return
    if "dubious ownership" in error:
        owner = f"the repository belongs to another user (id {root.stat().st_uid}; you are {os.getuid()})"
        remedy = f"`git config --global --add safe.directory {shlex.quote(str(root.resolve()))}`"
        yield Finding(NOTE, "git", owner, f"git refuses it, and so do {EXPERIMENTS}: {remedy}")
    elif "not a git repository" in error:
        message = "not a git repository, as after the download of a ZIP file"
        yield Finding(FAIL, "git", message, f"no DVC command runs: clone the project, or `{COMMIT}`")
    elif error:
        yield Finding(NOTE, "git", error, "DVC may fail too")
    elif Path(top).resolve() != root.resolve():
        message = f"the repository is {top}, a folder further up"
        yield Finding(NOTE, "git", message, f"experiments would commit all of it: `{COMMIT}` here")
    elif _git(root, "rev-parse", "--quiet", "--verify", "HEAD")[1]:
        yield Finding(NOTE, "git", "the repository has no commit", f"{EXPERIMENTS} need one: `{COMMIT}`")
    else:
        yield Finding(OK, "git", "a repository with commits")
    missing = [key for key in ("user.name", "user.email") if not _git(root, "config", key)[0]]
    if missing:
        example = {"user.name": '"Your Name"', "user.email": "you@example.org"}
        remedy = " && ".join(f"git config --global {key} {example[key]}" for key in missing)
        message = f"{' and '.join(missing)} not set"
        yield Finding(NOTE, "git", message, f"`git commit` and `dvc exp run` fail without: `{remedy}`")


def _git(root: Path, *arguments: str) -> tuple[str, str]:
    """What a git command prints, and the first line of its error; empty where there is none."""
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, errors="replace")
    if done.returncode == 0:
        return done.stdout.strip(), ""
    return "", first_line(RuntimeError(done.stderr.strip() or f"git {arguments[0]} ended with {done.returncode}"))
