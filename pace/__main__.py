"""Commands that complement the pipeline: python -m pace COMMAND --help.

The module named here declares a command's arguments and runs it: `add_arguments(parser)` and `run(arguments)`.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from pace.pipeline import failures
from pace.pipeline.workers import keep_to_cores

COMMANDS = {
    "check": ("pace.setup.check", "check every key and value of params.yaml"),
    "preset": ("pace.setup.presets", "print a preset as flags of `dvc exp run`, or write it into params.yaml"),
    "baseline": ("pace.setup.baseline", "commit this machine's own results, to compare with"),
    "recover": ("pace.setup.recover", "clean up after a killed `dvc exp run`, and keep your own edits"),
    "size": ("pace.size", "parameters and FLOPs of the networks that params.yaml describes"),
    "compose": ("pace.compose", "generate music for a dance video with the trained models"),
    "score": ("pace.scoring.command", "score music from any system against references and controls"),
    "fetch": ("pace.setup.fetch", "download official weights; without a name, list them"),
    "doctor": ("pace.setup.doctor", "check packages, inputs, weights, settings and disk space"),
    "sensitivity": ("pace.sensitivity.command", "study what each rhythm metric sees, on composed music"),
    "listening": ("pace.scoring.opinion_scores", "mean opinion scores and agreement from files of ratings"),
    "ablate": ("pace.ablation.command", "run variants as DVC experiments and write a table of results"),
}


def main(argv: list[str] | None = None) -> None:
    """Run one command. On an error of the input or the set-up, print one line on stderr and exit with status 1."""
    argv = [_with_home(word) for word in (sys.argv[1:] if argv is None else argv)]
    parser = argparse.ArgumentParser(prog="python -m pace", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    modules = {}
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name == chosen:  # importing all of them takes seconds
            modules[name] = importlib.import_module(module)
            modules[name].add_arguments(command)
    arguments = parser.parse_args(argv)
    keep_to_cores()
    try:
        modules[arguments.command].run(arguments)
    except KeyboardInterrupt:
        print(f"python -m pace {arguments.command}: interrupted", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(f"python -m pace {arguments.command}: {failures.reason(error)}")
    except (ValueError, RuntimeError) as error:
        sys.exit(f"python -m pace {arguments.command}: {error}")


def _with_home(word: str) -> str:
    """An argument with the home folder for a `~` that the shell left, as in `--keypoints=~/file` and in quotes."""
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return word if not value.startswith("~") or Path(value).exists() else f"{option}{equals}{os.path.expanduser(value)}"


if __name__ == "__main__":
    main()
