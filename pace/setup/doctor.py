"""`python -m pace doctor`: look at the whole set-up and report what is there, what is missing, and the consequences.

The checks are in `preflight` (Python, system, user, folders, git, disk: what `make` looks at too), `doctor_environment`
(packages, devices, DVC), `doctor_inputs` (dataset, input paths, settings, trained models) and `doctor_weights` (weights
files).
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pace.setup import doctor_environment, doctor_inputs, doctor_weights, preflight
from pace.setup.check import check, read_params
from pace.setup.doctor_findings import FAIL, OK, Finding, Setup, first_line, read_graph

# (name of the check, the check, whether it needs params.yaml)
CHECKS: tuple[tuple[str, Callable[[Setup], Iterable[Finding]], bool], ...] = (
    ("surroundings", lambda setup: preflight.surroundings(setup.root), False),
    ("caches", doctor_environment.caches, False),
    ("packages", doctor_environment.packages, False),
    ("extras", doctor_environment.extras, False),
    ("devices", doctor_environment.devices, False),
    ("dataset", doctor_inputs.dataset, True),
    ("inputs", doctor_inputs.input_paths, True),
    ("weights", doctor_weights.weights, True),
    ("settings", doctor_inputs.settings, True),
    ("models", doctor_inputs.models, False),
    ("storage", doctor_environment.storage, False),
)


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(_: argparse.Namespace) -> None:
    """Report on the set-up. Exits with status 1 if the pipeline cannot run with it."""
    findings = examine(Path(), read_params, check)
    print(report(findings))
    if failures(findings):
        sys.exit(1)


def examine(
    root: Path,
    read: Callable[[], dict[str, Any]],
    check: Callable[[dict[str, Any]], object],
) -> list[Finding]:
    """Run all checks on the project at `root`. A check that raises an error becomes a finding itself.

    read: returns the parameters. check: raises ValueError if they are wrong.
    """
    findings: list[Finding] = []
    content: dict[str, Any] = {}
    try:
        content = read()
        check(content)
        findings.append(Finding(OK, "params.yaml", "every key and value is valid"))
    except Exception as error:
        findings.append(Finding(FAIL, "params.yaml", first_line(error), "no stage runs"))
    setup = Setup(root, content, *read_graph(root))
    for name, function, needs_params in CHECKS:
        if needs_params and not content:
            continue
        try:
            findings += function(setup)
        except Exception as error:
            findings.append(Finding(FAIL, name, f"could not be checked: {first_line(error)}"))
    return findings


def failures(findings: list[Finding]) -> list[Finding]:
    """The findings that keep the pipeline from running."""
    return [finding for finding in findings if finding.state == FAIL]


def report(findings: list[Finding]) -> str:
    """One aligned line for each finding, and a summary."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        consequence = f" -> {finding.consequence}" if finding.consequence else ""
        lines.append(f"{finding.state:<4}  {finding.name:<{width}}  {finding.message}{consequence}")
    count = len(failures(findings))
    problems = f"{count} problem{'s' if count > 1 else ''} marked {FAIL}"
    summary = f"The pipeline cannot run with the current params.yaml: {problems}." if count else "The pipeline can run."
    return "\n".join([*lines, summary])
