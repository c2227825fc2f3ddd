"""`python -m pace preset`: presets are small files of values that replace those of params.yaml."""

import argparse
import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pace.pipeline.params import FILE, ParamsError, read

FOLDER = Path("presets")
ABLATIONS = FOLDER / "ablations.yaml"  # variants of `python -m pace ablate`, not a preset
_NOT_TEXT = ("true", "false", "null", "nan", "inf")  # words with a meaning of their own in Hydra's grammar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", help="a file of presets/, without .yaml")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the values into params.yaml (keeping its comments) instead of printing flags",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print a preset as -S flags, or write its values into params.yaml."""
    path = find(arguments.name)
    if arguments.write:
        print(f"{FILE}: changed {', '.join(write(path, FILE)) or 'nothing'}")
    else:
        print(" ".join(flags(path, FILE)))


def find(name: str) -> Path:
    """The file of a preset. Raises ValueError if there is no such preset."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file() or path == ABLATIONS:
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml") if file.name != ABLATIONS.name))
        raise ValueError(f"there is no preset {name!r}; presets: {names}")
    return path


def flat(content: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Each parameter as (section, key, value)."""
    for section, values in content.items():
        for key, value in values.items():
            yield section, key, value


def load(preset: Path, params: Path) -> dict[str, Any]:
    """Read a preset and check that params.yaml has all of its keys.

    Raises ParamsError naming the file and the key.
    """
    content, defaults = read(preset), read(params)
    for section, values in content.items():
        if not isinstance(values, dict):
            raise ParamsError(f"{preset}: `{section}` is {values!r}; expected a section of keys as in {params}")
    for section, key, _ in flat(content):
        if key not in defaults.get(section, {}):
            raise ParamsError(f"{preset}: `{section}.{key}` is not a key of {params}")
    return content


def with_preset(preset: Path, params: Path) -> dict[str, Any]:
    """The content of params.yaml with the preset's values; no file is changed."""
    content = copy.deepcopy(read(params))
    for section, key, value in flat(load(preset, params)):
        content[section][key] = value
    return content


def flags(preset: Path, params: Path) -> list[str]:
    """The preset as arguments of `dvc exp run`: -S section.key=value ...

    The values are written in Hydra's grammar, which DVC reads. They hold no space, `*` or `?`, so that the shell passes
    them on unchanged from an unquoted $(...). (To the shell a list is a pattern too, but no file is named
    `section.key=a`.) Raises ParamsError for a value that cannot be written like this.
    """
    arguments = []
    for section, key, value in flat(load(preset, params)):
        try:
            _check_shell_safe(value)
            arguments += ["-S", f"{section}.{key}={hydra(value)}"]
        except ValueError as error:
            raise ParamsError(
                f"{preset}: `{section}.{key}`: {error}; write the preset into {params} with --write instead"
            ) from None
    return arguments


def write(preset: Path, params: Path) -> list[str]:
    """Write the preset's values into params.yaml; its comments stay. Returns the changed keys."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    content = yaml.load(params.read_text(encoding="utf-8"))
    changed = []
    for section, key, value in flat(load(preset, params)):
        if content[section][key] != value:
            if isinstance(value, list):
                content[section][key][:] = value  # in place: the comment next to the key belongs to the list
            else:
                content[section][key] = value
            changed.append(f"{section}.{key}")
    partial = params.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as file:
        yaml.dump(content, file)
    partial.replace(params)
    return changed


def hydra(value: object) -> str:
    """A value in Hydra's override grammar, as the -S of `dvc exp run` expects it."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(hydra, value))}]"
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    plain = re.fullmatch(r"[A-Za-z/][\w/.+-]*", value, re.ASCII) and value.lower() not in _NOT_TEXT
    if plain:
        return value
    doubled = re.sub(r"(\\+)(?='|\Z)", r"\1\1", value)  # in Hydra's quotes, backslashes count before a quote alone
    return "'" + doubled.replace("'", r"\'") + "'"


def _check_shell_safe(value: object) -> None:
    """Raise ValueError for text that the shell would change in an unquoted $(...)."""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and re.search(r"[\s*?\\]|\${", part):
            raise ValueError(f"{part!r} cannot stand on a command line without quotes")
