"""Strict, typed loading of params.yaml: each section becomes a frozen dataclass."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = typing.TypeVar("T", bound="DataclassInstance")

FILE = Path("params.yaml")  # in the project's root folder, where all commands run


class ParamsError(ValueError):
    """A parameter file is wrong. The message names the key, the value and what is allowed."""


def choice(*allowed: object) -> typing.Any:
    """A dataclass field whose value must be one of `allowed`."""
    return dataclasses.field(metadata={"choices": allowed})


def limits(low: float = -math.inf, high: float = math.inf) -> typing.Any:
    """A dataclass field whose number must lie in [low, high]."""
    return dataclasses.field(metadata={"limits": (low, high)})


def read(path: Path | str = FILE) -> dict[str, typing.Any]:
    """Read a parameter file as YAML 1.2, in which `3e-05` is a number. Raises ParamsError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        with open(path, encoding="utf-8") as file:
            content = YAML(typ="safe", pure=True).load(file)
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run the command from the project's root folder") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected sections of keys, found {type(content).__name__}")
    return content


def section(content: Mapping[str, typing.Any], name: str, cls: type[T], partial: bool = False) -> T:
    """Build the dataclass `cls` from section `name`.

    The section must have every field of `cls` with its type (an int serves as a float).
    partial: the section may have other keys too, because `cls` holds only those that one stage reads.
    Raises ParamsError naming the key, the value and what is allowed.
    """
    values = content.get(name)
    if not isinstance(values, dict):
        near = difflib.get_close_matches(name, [str(key) for key in content], 1)
        raise ParamsError(f"section `{name}` is missing" + (f"; did you misspell it as `{near[0]}`?" if near else ""))
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = [] if partial else [key for key in values if key not in fields]
    missing = [key for key in fields if key not in values]
    if unknown:
        near = difflib.get_close_matches(str(unknown[0]), fields, 1)
        hint = f": did you mean `{name}.{near[0]}`?" if near else "."
        raise ParamsError(f"unknown key `{name}.{unknown[0]}`{hint} Known keys: {', '.join(fields)}")
    if missing:
        near = difflib.get_close_matches(missing[0], [str(key) for key in values if key not in fields], 1)
        hint = f"; did you misspell it as `{name}.{near[0]}`?" if near else ""
        raise ParamsError(f"key `{name}.{missing[0]}` is missing{hint}")
    hints = typing.get_type_hints(cls)
    converted = {key: _convert(f"{name}.{key}", values[key], hints[key]) for key in fields}
    for key, field in fields.items():
        _check(f"{name}.{key}", converted[key], field.metadata)
    return cls(**converted)


def load(
    sections: Mapping[str, type[typing.Any]], path: Path | str = FILE, partial: tuple[str, ...] = ()
) -> dict[str, typing.Any]:
    """Load sections of a parameter file, each as its dataclass.

    sections: name -> dataclass. partial: names of the sections that may have other keys too (see `section`).
    Raises ParamsError naming the file, the key, the value and what is allowed.
    """
    content = read(path)
    try:
        return {name: section(content, name, cls, name in partial) for name, cls in sections.items()}
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from None


def _convert(key: str, value: object, kind: typing.Any) -> object:
    """A value of YAML as the field's type `kind`: a list as a tuple, an int as a float where one is expected."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        if value is None and type(None) in typing.get_args(kind):
            return None
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
        origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list):
            raise ParamsError(f"`{key}` is {value!r}; expected a list such as [1, 2]")
        return tuple(_convert(f"{key}[{i}]", item, typing.get_args(kind)[0]) for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
        raise ParamsError(f"`{key}` is {value!r} ({type(value).__name__}); expected {names.get(kind, kind)}")
    return value


def _check(key: str, value: object, metadata: Mapping[str, typing.Any]) -> None:
    """Raise ParamsError unless a value, or each item of a list, is one of the choices and within the limits."""
    values = value if isinstance(value, tuple) else (value,)
    for item in values:
        if "choices" in metadata and item not in metadata["choices"]:
            allowed = ", ".join(map(str, metadata["choices"]))
            raise ParamsError(f"`{key}` is {item!r}; allowed values: {allowed}")
        if "limits" in metadata and item is not None:
            low, high = metadata["limits"]
            if not low <= item <= high:
                raise ParamsError(f"`{key}` is {item!r}; allowed range: {low:g} to {high:g}")
