"""Calls of git in the project's folder, with its errors in one line."""

import subprocess


def git(*arguments: str) -> str:
    """The output of a git command. Raises RuntimeError with git's first error line, or where there is no git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError("git is not installed; install it") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
        raise RuntimeError(f"git {arguments[0]}: {lines[0]}")
    return done.stdout


def succeeds(*arguments: str) -> bool:
    """Whether a git command ends with status 0."""
    try:
        git(*arguments)
    except RuntimeError:
        return False
    return True
