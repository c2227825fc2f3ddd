"""Reading pickles of numpy arrays without running the code that a pickle may contain.

A pickle is a program that may call any function. Here it may only name the few that numpy's own pickles call, and a
plain function of this module replaces each of those: nothing is imported, and only arrays and containers are made.
"""

import collections
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

_KINDS = "biufcSU"  # dtype kinds of numbers and text; objects and structures are refused


class PickleError(ValueError):
    """A pickle is refused or broken; the message names the file and what was refused."""


def load(path: Path | str) -> object:
    """Read a pickle (protocol 2 to 5) of dict, list, tuple, set, text, numbers, numpy arrays, scalars and dtypes.

    Pickles of numpy 1 (numpy.core) and numpy 2 (numpy._core) can be read. Raises PickleError for any other content and
    for a broken file, FileNotFoundError for a missing one.
    """
    with open(path, "rb") as file:
        try:
            return _plain(_Unpickler(file).load())
        except Exception as error:  # broken pickles raise almost anything
            raise PickleError(
                f"{path}: not read: {str(error) or type(error).__name__}; only numpy arrays and plain containers are "
                "allowed. Get the file from its publisher again"
            ) from None


class _Dtype:
    """A dtype in the making: its code, and the byte order that the pickle sets on it afterwards."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, align: object = False, copy: object = True) -> None:
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype("O")
        if self.dtype.kind not in _KINDS:
            raise pickle.UnpicklingError(f"refuses arrays of dtype {code!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"byte order {order!r} is unknown")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array in the making: the pickle sets shape, dtype and data on it afterwards."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array: np.ndarray = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _from_buffer(data, dtype, shape, "F" if fortran else "C")


class _Allowed:
    """A function that a pickle may call but not keep or change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("refuses to change a function")


def _from_buffer(
    data: object,
    dtype: object,
    shape: tuple[int, ...],
    order: Literal["C", "F", "A"],
    axes: tuple[int, ...] | None = None,
) -> np.ndarray:
    """An array from its bytes. axes: for transposed arrays; shape and bytes are then those before transposing."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("refuses an array that is not stored as numbers or text")
    array: np.ndarray = np.frombuffer(data, dtype.dtype)
    if axes is not None:
        return array.reshape(shape).transpose(axes).copy(order="K")
    return array.reshape(shape, order=order).copy(order="K")


def _scalar(dtype: object, data: object) -> np.generic:
    scalar: np.generic = _from_buffer(data, dtype, (1,), "C")[0]
    return scalar


def _encode(text: str, encoding: str) -> bytes:
    """Protocol 2 stores bytes as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"refuses to encode as {encoding!r}")
    return text.encode("latin1")


def _from_content(kind: type[bytes] | type[bytearray]) -> Callable[..., object]:
    """The type as a function that takes content alone. Of a number n it would make n zeros, however many."""

    def make(*arguments: object) -> bytes | bytearray:
        if arguments and not isinstance(arguments[0], str | bytes | bytearray | list | tuple):
            raise pickle.UnpicklingError(f"refuses {kind.__name__} of {type(arguments[0]).__name__}")
        return kind(*arguments)

    return make


_NUMPY = {
    ("multiarray", "_reconstruct"): _Allowed(_Array),
    ("multiarray", "scalar"): _Allowed(_scalar),
    ("numeric", "_frombuffer"): _Allowed(_from_buffer),
}
_CONTAINERS: dict[str, Callable[..., object]] = {
    "set": set,
    "frozenset": frozenset,
    "bytearray": _from_content(bytearray),
    "bytes": _from_content(bytes),
    "complex": complex,
}
_GLOBALS = {
    **{
        (f"numpy.{core}.{module}", name): function
        for core in ("core", "_core")
        for (module, name), function in _NUMPY.items()
    },
    ("numpy", "ndarray"): _Allowed(_Array),
    ("numpy", "dtype"): _Allowed(_Dtype),
    ("_codecs", "encode"): _Allowed(_encode),
    ("collections", "OrderedDict"): _Allowed(collections.OrderedDict),
    **{(module, name): _Allowed(kind) for module in ("builtins", "__builtin__") for name, kind in _CONTAINERS.items()},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _GLOBALS:
            raise pickle.UnpicklingError(f"refuses to load {module}.{name}")
        return _GLOBALS[module, name]


def _plain(value: object) -> object:
    """Containers with finished arrays in place of those in the making."""
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, _Dtype):
        return value.dtype
    if isinstance(value, dict):
        return type(value)((_plain(key), _plain(item)) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return type(value)(map(_plain, value))
    if isinstance(value, _Allowed):
        raise pickle.UnpicklingError("refuses a function as a value")
    return value
