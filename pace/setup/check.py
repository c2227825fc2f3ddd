"""`python -m pace check`: check every key and value of params.yaml against the dataclasses of all stages."""

import argparse
import dataclasses
import importlib
from pathlib import Path
from typing import Any

from pace.pipeline import closure, params
from pace.setup import presets
from pace.setup.doctor_findings import Setup, path_fault, read_graph
from pace.setup.parameter_conflicts import find_conflicts


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(_: argparse.Namespace) -> None:
    """Check params.yaml. Raises ParamsError naming the file, the key and what is allowed or the remedy."""
    content = read_params()
    try:
        sections = check(content)
    except params.ParamsError as error:
        raise params.ParamsError(f"{params.FILE}: {error}") from None
    check_inputs(Path(), content)
    print(f"{params.FILE}: {len(sections)} sections are valid")


def read_params() -> dict[str, Any]:
    """params.yaml. Raises ParamsError, of one line, where it is not YAML in UTF-8."""
    try:
        return params.read()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise params.ParamsError(f"{params.FILE}:{line}: not text in UTF-8; save the file as UTF-8") from None
    except params.ParamsError as error:
        raise params.ParamsError(" ".join(str(error).split())) from None


def check(content: dict[str, Any]) -> dict[str, set[str]]:
    """Check every section with every stage that reads it. Each key must belong to some stage.

    Returns the keys of each section that the stages read. Raises ParamsError.
    """
    allowed: dict[str, set[str]] = {}
    readers = []
    for path in sorted(closure.ROOT.glob("stages/[a-z]*.py")):
        for name, cls in getattr(importlib.import_module(f"stages.{path.stem}"), "PARAMS", {}).items():
            readers.append((name, cls))
            allowed.setdefault(name, set()).update(field.name for field in dataclasses.fields(cls))
    for name in content:
        if name not in allowed:
            raise params.ParamsError(f"section `{name}` is unknown; known sections: {', '.join(sorted(allowed))}")
    for name, cls in readers:
        params.section(content, name, cls, partial=True)
    for name, key, _ in presets.flat(content):
        if key not in allowed[name]:
            raise params.ParamsError(f"unknown key `{name}.{key}`; known keys: {', '.join(sorted(allowed[name]))}")
    return allowed


def check_inputs(root: Path, content: dict[str, Any]) -> None:
    """Check what would stop `dvc repro` at `root` later: paths that cannot be meant so, and settings that conflict.

    Raises ParamsError naming the key and the remedy. A path that does not exist is no error here: DVC names it before
    it runs a stage.
    """
    setup = Setup(root, content, *read_graph(root))
    for key in setup.inputs:
        if fault := path_fault(root, setup.value(key)):
            raise params.ParamsError(f"{params.FILE}: `{key}`: {': '.join(fault)}")
    for conflict in find_conflicts(root, setup.values()):
        if conflict.stops:
            raise params.ParamsError(f"{params.FILE}: `{conflict.key}`: {conflict.message}: {conflict.remedy}")
