"""Shared types of the doctor's checks: the project that they look at, and the findings that they return."""

import os
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
    if fault := path_fault(setup.root, value):
        return Finding(FAIL, key, *fault)
    path = str(value)
    if (setup.root / path).exists():
        if path.startswith(".."):
            remedy = "runs with `--temp` or `--queue` work in another folder and do not find it: give the whole path"
            return Finding(NOTE, key, f"{path}, outside the project", remedy)
        return Finding(OK, key, f"not used ({NO_INPUT})" if path == NO_INPUT else path)
    if stage := setup.stage_of(path):
        return Finding(OK, key, f"{path}, not built yet", f"created by `dvc repro` (stage {stage})")
    return Finding(FAIL, key, f"{path} does not exist", "stages that read it fail; correct params.yaml")


def path_fault(root: Path, value: object) -> tuple[str, str] | None:
    """What is wrong with the text of a path in params.yaml, and the remedy; None for a path that stages can read.

    DVC and the stages take a path as it stands: no `~`, no variable, no address.
    """
    if not isinstance(value, str) or not value:
        return f"{value!r} is not a path", f"use {NO_INPUT} for an input that you do not have"
    if Path(value).suffix == ".dvc" or Path(value).name in ("dvc.yaml", "dvc.lock"):
        return f"{value!r} is a name that DVC keeps for itself", "rename it"
    if re.match(r"[A-Za-z][\w+.-]+://", value):
        return f"{value} is an address", "download it and give the path"
    if (root / value).exists():
        return None
    expanded = os.path.expandvars(os.path.expanduser(value))
    if expanded != value:
        return f"{value}: `~` and variables are not expanded here", f"write the whole path, {expanded}"
    if value != value.strip():
        return f"{value!r} begins or ends with a space", "remove it"
    if re.match(r"[A-Za-z]:[\\/]", value) and os.name != "nt":
        path = value[2:].replace("\\", "/")
        return f"{value} is a path of Windows", f"in WSL it is /mnt/{value[0].lower()}{path}"
    if "\\" in value and (root / value.replace("\\", "/")).exists():
        return f"{value}: a backslash separates no folders here", f"write {value.replace(chr(92), '/')}"
    if value[0] == value[-1] and value[0] in "'\"":
        return f"{value} has quotes of its own", "remove the inner or the outer ones"
    return None


def first_line(error: Exception) -> str:
    """The first line of an error's message, or the error's name if it has no message."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
