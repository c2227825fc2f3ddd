"""Presets: small files that hold differences from params.yaml."""

from collections.abc import Iterator
from pathlib import Path

from pace.params import ParamsError, read


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
    for section, key, _ in flat(content):
        if key not in known.get(section, {}):
            raise ParamsError(f"{preset}: `{section}.{key}` is not a key of {params}")
    return content


def flags(preset: Path, params: Path) -> list[str]:
    """The preset as arguments of `dvc exp run`: -S section.key=value ..."""
    arguments = []
    for section, key, value in flat(load(preset, params)):
        text = f"[{','.join(map(str, value))}]" if isinstance(value, list) else _plain(value)
        arguments += ["-S", f"{section}.{key}={text}"]
    return arguments


def write(preset: Path, params: Path) -> list[str]:
    """Edit params.yaml to the preset's values, keeping its comments. Returns the changed keys."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(params.read_text(encoding="utf-8"))
    changed = []
    for section, key, value in flat(load(preset, params)):
        if content[section][key] != value:
            content[section][key] = value
            changed.append(f"{section}.{key}")
    partial = params.with_suffix(".partial")
    with open(partial, "w", encoding="utf-8") as file:
        yaml.dump(content, file)
    partial.replace(params)
    return changed


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
