"""Reading pickles of numpy arrays without running what a pickle may hold.

A pickle is a program that may call any function. Here it may only name the few that numpy's own pickles call, and each
of those is replaced by a plain one of this module: nothing is imported, no object but arrays and containers is made.
"""

import collections
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np

_KINDS = "biufcSU"  # kinds of dtype that hold numbers and text; objects and structures are refused


class PickleError(ValueError):
    """A pickle is refused or broken; the message names the file and what was refused."""


def load(path: Path | str) -> object:
    """Read a pickle (protocol 2 to 5) of dict, list, tuple, set, text, numbers, numpy arrays, scalars and dtypes.

    The names of numpy 1 (numpy.core) and 2 (numpy._core) are known. Raises PickleError for anything else in it and
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

    def __init__(self, code: str, align: object = False, copy: object = True):
        self.dtype = np.dtype(code) if isinstance(code, str) else np.dtype("O")
        if self.dtype.kind not in _KINDS:
            raise pickle.UnpicklingError(f"refuses arrays of dtype {code!r}")

    def __setstate__(self, state: tuple) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"byte order {order!r} is unknown")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array in the making: the pickle sets shape, dtype and data on it afterwards."""

    __slots__ = ("array",)

    def __init__(self, *_: object):
        self.array = np.zeros(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, fortran, data = state
        self.array = _from_buffer(data, dtype, shape, "F" if fortran else "C")


class _Allowed:
    """A function that a pickle may call, and do nothing else with."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("refuses to change a function")


def _from_buffer(
    data: object, dtype: object, shape: tuple[int, ...], order: str, axes: tuple[int, ...] | None = None
) -> np.ndarray:
    """An array from its bytes. axes: for transposed arrays; then shape and bytes are those before the transposition."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("refuses an array that is not stored as numbers or text")
    array = np.frombuffer(data, dtype.dtype)
    if axes is not None:
        return array.reshape(shape).transpose(axes).copy(order="K")
    return array.reshape(shape, order=order).copy(order="K")


def _scalar(dtype: object, data: object) -> np.generic:
    return _from_buffer(data, dtype, (1,), "C")[0]


def _encode(text: str, encoding: str) -> bytes:
    """Protocol 2 stores bytes as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"refuses to encode as {encoding!r}")
    return text.encode("latin1")


def _filled(kind: type[bytes] | type[bytearray]) -> Callable:
    """The type as a function that takes content alone: of a number it would make as many zeros, in memory at once."""

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
_GLOBALS = {
    **{(f"numpy.{core}.{module}", name): value
       for core in ("core", "_core") for (module, name), value in _NUMPY.items()},
    ("numpy", "ndarray"): _Allowed(_Array),
    ("numpy", "dtype"): _Allowed(_Dtype),
    ("_codecs", "encode"): _Allowed(_encode),
    ("collections", "OrderedDict"): _Allowed(collections.OrderedDict),
    **{(module, name): _Allowed(kind)
       for module in ("builtins", "__builtin__")
       for name, kind in {"set": set, "frozenset": frozenset, "bytearray": _filled(bytearray), "bytes": _filled(bytes),
                          "complex": complex}.items()},
}  # fmt: skip


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
