"""Running a stage from the command line."""

import sys
from collections.abc import Callable


def run(name: str, main: Callable[[], None]) -> None:
    """Run a stage's main function; an error of its input ends it with status 1 and one line instead of a traceback."""
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")
