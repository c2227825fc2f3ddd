"""What `make` looks at before anything long: `python3.11 -m pace.setup.preflight`.

Prints one line with the remedy for what will fail or is worth knowing, and nothing if all is well. Needs Python 3.11
and no package, because the environment may not be installed yet. `python -m pace doctor` reports the same and more.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pace.setup import doctor_git, doctor_machine
from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, first_line

# (name of the check, the check)
CHECKS: tuple[tuple[str, Callable[[Path], Iterable[Finding]]], ...] = (
    ("Python", doctor_machine.python),
    ("system", doctor_machine.system),
    ("path", doctor_machine.path),
    ("folder", doctor_machine.folders),
    ("user", doctor_machine.user),
    ("git", doctor_git.git),
    ("free disk", doctor_machine.disk),
)


def surroundings(root: Path) -> Iterator[Finding]:
    """The findings about the project's surroundings. A check that raises an error becomes a finding itself."""
    for name, check in CHECKS:
        try:
            yield from check(root)
        except Exception as error:
            yield Finding(NOTE, name, f"could not be checked: {first_line(error)}", "it may be in order")


def main() -> None:
    """Print what is not well, on stderr. Exits with status 1 if `make` cannot go on."""
    findings = [finding for finding in surroundings(Path()) if finding.state != OK]
    for finding in findings:
        print(f"make: {finding.state}: {finding.name}: {finding.message} -> {finding.consequence}", file=sys.stderr)
    if any(finding.state == FAIL for finding in findings):
        sys.exit(1)


if __name__ == "__main__":
    main()
