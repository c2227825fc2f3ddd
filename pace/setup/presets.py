"""Presets: small files that hold differences from params.yaml; `python -m pace preset`."""

import argparse
import copy
import re
from collections.abc import Iterator
from pathlib import Path

from pace.pipeline.params import FILE, ParamsError, read

FOLDER = Path("presets")
ABLATIONS = FOLDER / "ablations.yaml"  # variants, not a preset
_WORDS = ("true", "false", "null", "nan", "inf")  # which Hydra's grammar does not take for text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", help="a file of presets/, without .yaml")
    parser.add_argument("--write", action="store_true", help="edit params.yaml instead, keeping its comments")


def run(arguments: argparse.Namespace) -> None:
    """Print a preset as -S flags, or write it into params.yaml."""
    path = find(arguments.name)
    if arguments.write:
        print(f"{FILE}: changed {', '.join(write(path, FILE)) or 'nothing'}")
    else:
        print(" ".join(flags(path, FILE)))


def find(name: str) -> Path:
    """The file of a preset. Raises ValueError where there is none."""
    path = FOLDER / f"{name}.yaml"
    if not path.is_file() or path == ABLATIONS:
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml") if file.name != ABLATIONS.name))
        raise ValueError(f"there is no preset {name!r}; presets: {names}")
    return path


def flat(content: dict) -> Iterator[tuple[str, str, object]]:
    """(section, key, value) of each parameter."""
    for section, values in content.items():
        for key, value in values.items():
            yield section, key, value


def load(preset: Path, params: Path) -> dict:
    """Read a preset and check that it names only keys that params.yaml has.

    Raises ParamsError naming the file and the key.
    """
    content, known = read(preset), read(params)
    for section, values in content.items():
        if not isinstance(values, dict):
            raise ParamsError(f"{preset}: `{section}` is {values!r}; expected a section of keys as in {params}")
    for section, key, _ in flat(content):
        if key not in known.get(section, {}):
            raise ParamsError(f"{preset}: `{section}.{key}` is not a key of {params}")
    return content


def applied(preset: Path, params: Path) -> dict:
    """The content of params.yaml with the preset's values in place of its own; no file is changed."""
    content = copy.deepcopy(read(params))
    for section, key, value in flat(load(preset, params)):
        content[section][key] = value
    return content


def flags(preset: Path, params: Path) -> list[str]:
    """The preset as arguments of `dvc exp run`: -S section.key=value ...

    The values are in Hydra's grammar, which DVC reads, and hold no space, `*` or `?`: in an unquoted $(...) the shell
    passes them on as they are. (A list is a pattern for the shell too, but no file is named `section.key=a`.)
    Raises ParamsError for a value that cannot be written so.
    """
    arguments = []
    for section, key, value in flat(load(preset, params)):
        try:
            _keep_in_shell(value)
            arguments += ["-S", f"{section}.{key}={hydra(value)}"]
        except ValueError as error:
            raise ParamsError(
                f"{preset}: `{section}.{key}`: {error}; write the preset into {params} with --write instead"
            ) from None
    return arguments


def write(preset: Path, params: Path) -> list[str]:
    """Edit params.yaml to the preset's values, keeping its comments. Returns the changed keys."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    content = yaml.load(params.read_text(encoding="utf-8"))
    changed = []
    for section, key, value in flat(load(preset, params)):
        if content[section][key] != value:
            if isinstance(value, list):
                content[section][key][:] = value  # in place: the comment beside the key belongs to the list
            else:
                content[section][key] = value
            changed.append(f"{section}.{key}")
    partial = params.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as file:
        yaml.dump(content, file)
    partial.replace(params)
    return changed


def hydra(value: object) -> str:
    """A value in Hydra's override grammar, which the -S of `dvc exp run` takes."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(hydra, value))}]"
    if value is None:
        return "null"
    if not isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else str(value)
    plain = re.fullmatch(r"[A-Za-z/][\w/.+-]*", value, re.ASCII) and value.lower() not in _WORDS
    return value if plain else "'" + value.replace("'", r"\'") + "'"


def _keep_in_shell(value: object) -> None:
    """Raise ValueError for text that an unquoted $(...) would not keep."""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str) and re.search(r"[\s*?\\]|\${", part):
            raise ValueError(f"{part!r} cannot stand in a command line without quotes")
