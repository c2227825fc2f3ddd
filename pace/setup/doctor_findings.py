"""Shared types of the doctor's checks: the project that they look at, and the findings that they return."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pace.setup.code_deps import DVC_FILES

OK, NOTE, FAIL = "ok", "note", "FAIL"  # FAIL: the pipeline cannot run with the current params.yaml
NO_INPUT = "data/none"  # what params.yaml holds for an optional input that is not used


@dataclass(frozen=True)
class Finding:
    """One line of the report: its state, its subject, what the check found, and what follows from that."""

    state: str
    name: str
    message: str
    consequence: str = ""


@dataclass(frozen=True)
class Setup:
    """The project that the checks look at.

    root: its folder. content: params.yaml, empty if it cannot be read.
    outputs: path of an output -> the stage that creates it.
    inputs: the parameters that dvc.yaml uses as dependencies, such as `dataset.root`.
    dvc_faults: what is wrong with the dvc.yaml files.
    """

    root: Path
    content: dict[str, Any]
    outputs: dict[str, str]
    inputs: tuple[str, ...]
    dvc_faults: tuple[str, ...]

    def values(self) -> dict[str, object]:
        """Every parameter: `section.key` -> value."""
        values: dict[str, object] = {}
        todo: list[tuple[str, dict[str, Any]]] = [("", self.content)]
        while todo:
            prefix, section = todo.pop(0)
            for name, value in section.items():
                if isinstance(value, dict):
                    todo.append((f"{prefix}{name}.", value))
                else:
                    values[f"{prefix}{name}"] = value
        return values

    def value(self, key: str) -> object:
        """The value of a parameter `section.key`; None if there is no such key."""
        return self.values().get(key)

    def stage_of(self, path: str) -> str | None:
        """The stage that creates a path, or a folder that holds it."""
        folders = (str(folder) for folder in (Path(path), *Path(path).parents))
        return next((self.outputs[folder] for folder in folders if folder in self.outputs), None)


def read_graph(root: Path) -> tuple[dict[str, str], tuple[str, ...], tuple[str, ...]]:
    """The outputs, inputs and faults of all dvc.yaml files (see Setup)."""
    from ruamel.yaml import YAML

    outputs: dict[str, str] = {}
    inputs: dict[str, None] = {}
    faults = []
    for name in DVC_FILES:
        try:
            stages = YAML(typ="safe", pure=True).load((root / name).read_text(encoding="utf-8"))["stages"]
            for stage, entry in stages.items():
                for out in [*entry.get("outs", []), *entry.get("metrics", [])]:
                    outputs[next(iter(out)) if isinstance(out, dict) else out] = stage
                for dep in entry.get("deps", []):
                    inputs |= dict.fromkeys(re.findall(r"\$\{([\w.]+)\}", str(dep)))
        except FileNotFoundError:
            faults.append(f"{name} is missing")
        except Exception as error:
            faults.append(f"{name}: {first_line(error)}")
    return outputs, tuple(inputs), tuple(faults)


def check_path(setup: Setup, key: str) -> Finding:
    """Whether the path that a parameter names exists, will be created by a stage, is not used, or is missing."""
    value = setup.value(key)
    if not isinstance(value, str) or not value:
        return Finding(FAIL, key, f"{value!r} is not a path", f"use {NO_INPUT} for an input that you do not have")
    if (setup.root / value).exists():
        return Finding(OK, key, f"not used ({NO_INPUT})" if value == NO_INPUT else value)
    if stage := setup.stage_of(value):
        return Finding(OK, key, f"{value}, not built yet", f"created by `dvc repro` (stage {stage})")
    return Finding(FAIL, key, f"{value} does not exist", "stages that read it fail; correct params.yaml")


def first_line(error: Exception) -> str:
    """The first line of an error's message, or the error's name if it has no message."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
