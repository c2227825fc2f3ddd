"""Running a stage from the command line, and where it keeps what survives an interruption."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def run(name: str, main: Callable[[], None]) -> None:
    """Run a stage's main function. A user error ends it with status 1 and one line instead of a traceback."""
    try:
        main()
    except (ValueError, ArithmeticError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")


def resume_folder(name: str) -> Path:
    """The folder of a stage's saved states and results, absolute; temporary experiments share the project's own."""
    return Path.cwd() / os.environ.get("DVC_ROOT", ".") / ".resume" / name
