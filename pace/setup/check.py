"""`python -m pace check`: check every key and value of params.yaml against the dataclasses of all stages."""

import argparse
import dataclasses
import importlib
from typing import Any

from pace.pipeline import closure, params
from pace.setup import presets


def add_arguments(_: argparse.ArgumentParser) -> None:
    """The command takes no arguments."""


def run(_: argparse.Namespace) -> None:
    """Check params.yaml. Raises ParamsError naming the file, the key and what is allowed."""
    content = params.read()
    try:
        sections = check(content)
    except params.ParamsError as error:
        raise params.ParamsError(f"{params.FILE}: {error}") from None
    print(f"{params.FILE}: {len(sections)} sections are valid")


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
