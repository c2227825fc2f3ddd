"""How a stage runs from the command line, and where it saves what must survive an interruption."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from pace.pipeline.workers import keep_to_cores


def run(name: str, main: Callable[[], None]) -> None:
    """Run a stage's main function. On an error, print one line, `name: message`, and exit with status 1.

    After Ctrl-C the status is 130, as shells have it.
    """
    keep_to_cores()
    try:
        main()
    except KeyboardInterrupt:
        print(f"{name}: interrupted; what is finished is kept, run the command again to go on", file=sys.stderr)
        sys.exit(130)
    except (ValueError, ArithmeticError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")


def resume_folder(name: str) -> Path:
    """The absolute folder of a stage's saved states and kept results.

    It is in the project's own folder even if the stage runs in one of DVC's temporary experiments (DVC_ROOT).
    """
    return Path.cwd() / os.environ.get("DVC_ROOT", ".") / ".resume" / name
