"""How a stage runs from the command line, and where it saves what must survive an interruption."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


def run(name: str, main: Callable[[], None]) -> None:
    """Run a stage's main function. After a user's error it exits with status 1 and one line, `name: what is wrong`."""
    try:
        main()
    except (ValueError, ArithmeticError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")


def resume_folder(name: str) -> Path:
    """The absolute folder of a stage's saved states and kept results.

    It lies in the project's own folder even if the stage runs in one of DVC's temporary experiments (DVC_ROOT).
    """
    return Path.cwd() / os.environ.get("DVC_ROOT", ".") / ".resume" / name
