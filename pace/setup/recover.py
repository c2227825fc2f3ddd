"""`python -m pace recover`: clean up after a killed `dvc exp run`, and keep your own edits.

DVC runs an experiment in the workspace on a detached HEAD. It puts the workspace's edits aside, adds those of `-S`,
and records the whole as the commit EXEC_MERGE. A run that is killed (SIGKILL, a full memory, a power cut) cannot undo
this: HEAD stays detached, and params.yaml holds the edits of `-S` among your own.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pace.pipeline import params
from pace.setup.git import git, succeeds

RUN = Path(".dvc/tmp/exps/run/workspace")
REFS = "refs/exps/exec/"
DETACHED = re.compile(r"(\d+) checkout: moving from (\S+) to [0-9a-f]{40}")
PUT_ASIDE = re.compile(r"([0-9a-f]{40}) (\d+) WIP on ")
SLACK = 10  # seconds between DVC's putting edits aside and its checkout; nothing lies between the two


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(_: argparse.Namespace) -> None:
    """Undo what a killed run left, and say what was done. Raises RuntimeError while DVC still runs."""
    process = running_process()
    if process:
        raise RuntimeError(f"`dvc exp run` still runs as process {process}; end it first (Ctrl-C lets it clean up)")
    if not succeeds("rev-parse", "--verify", "--quiet", f"{REFS}EXEC_MERGE"):
        print(f"recover: no killed `dvc exp run` here{stashed_hint()}")
        return
    left = checkouts()
    changed = restore_params([time for time, _ in left])
    branch = attach_head([branch for _, branch in left])
    for name in git("for-each-ref", "--format=%(refname)", REFS).split():
        git("update-ref", "-d", name)
    (RUN / "workspace.json").unlink(missing_ok=True)
    (RUN / "workspace.run").unlink(missing_ok=True)
    edits = "the values of -S are undone, your own edits are kept" if changed else "as it was"
    print(f"recover: {params.FILE}: {edits}")
    print(f"recover: on branch {branch}" if branch else "recover: HEAD is as it was")


def running_process() -> int | None:
    """The process of a `dvc exp run` in this workspace, if it lives."""
    try:
        process = int(json.loads((RUN / "workspace.json").read_text(encoding="utf-8"))["pid"])
        os.kill(process, 0)
        command = Path(f"/proc/{process}/cmdline")
        return process if not command.exists() or b"dvc" in command.read_bytes() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def checkouts() -> list[tuple[int, str]]:
    """When HEAD was detached, and from which branch, the latest first."""
    lines = git("reflog", "--format=%gd %gs", "--date=unix", "HEAD").splitlines()
    found = [DETACHED.fullmatch(line.removeprefix("HEAD@{").replace("}", "", 1)) for line in lines]
    return [(int(match[1]), match[2]) for match in found if match]


def restore_params(times: Sequence[int]) -> bool:
    """Undo the values of `-S` in params.yaml; edits from after the kill stay too. Returns whether it changed.

    Raises RuntimeError where such an edit is of the same lines.
    """
    file = str(params.FILE)
    with_overrides = git("show", f"{REFS}EXEC_MERGE:./{file}")
    own = git("show", f"{put_aside(times) or f'{REFS}EXEC_HEAD'}:./{file}")
    with tempfile.TemporaryDirectory() as folder:
        base, other = Path(folder, "base"), Path(folder, "own")
        base.write_text(with_overrides, encoding="utf-8")
        other.write_text(own, encoding="utf-8")
        command = ["git", "merge-file", "--stdout", file, str(base), str(other)]
        merged = subprocess.run(command, capture_output=True, check=False)
    if merged.returncode:
        raise RuntimeError(
            f"{file} was edited after the run was killed, in lines that -S had changed; nothing was done: put the "
            "values of -S back by hand, then run `git update-ref -d refs/exps/exec/EXEC_MERGE` and `git switch` to "
            "your branch"
        )
    changed = merged.stdout != params.FILE.read_bytes()
    if changed:
        params.FILE.write_bytes(merged.stdout)
        git("reset", "--quiet", "--", file)
    return changed


def put_aside(times: Sequence[int]) -> str | None:
    """The commit in which DVC put the workspace's edits aside before the run; None if there were no edits.

    No name refers to it any more. It has the same parent as the run and was made just before a checkout of the run.
    """
    head = git("rev-parse", f"{REFS}EXEC_HEAD").strip()
    lost = [line.split()[2] for line in git("fsck", "--unreachable", "--no-progress").splitlines() if "commit" in line]
    commits = []
    for commit in lost:
        text = git("show", "--no-patch", "--format=%H %ct %s", commit).strip()
        match = PUT_ASIDE.match(text)
        parents = git("show", "--no-patch", "--format=%P", commit).split()
        if match and parents[:1] == [head]:
            commits.append((int(match[2]), match[1]))
    end = times[1] if len(times) > 1 else None  # the run's first checkout; its second one starts the stages
    near = [entry for entry in commits if end is None or end - SLACK <= entry[0] <= end + 1]
    return max(near)[1] if near else None


def attach_head(branches: Sequence[str]) -> str | None:
    """Put a detached HEAD back on the branch that it left, with all edits; None if there is nothing to do."""
    if succeeds("symbolic-ref", "--quiet", "HEAD"):
        return None
    head = git("rev-parse", "HEAD")
    for branch in branches:
        name = f"refs/heads/{branch}"
        if succeeds("show-ref", "--verify", "--quiet", name) and git("rev-parse", name) == head:
            git("symbolic-ref", "-m", f"recover: back to {branch}", "HEAD", name)
            return branch
    return None


def stashed_hint() -> str:
    """Where edits may be, if a run was killed while it put them aside."""
    if succeeds("symbolic-ref", "--quiet", "HEAD") or not git("stash", "list"):
        return ""
    return (
        "; but HEAD is detached and `git stash list` is not empty: if a run was killed right at its start, your edits "
        "are there: `git switch --force BRANCH && git stash pop --index`"
    )
