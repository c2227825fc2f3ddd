"""The restricted unpickler: numpy's own pickles of every protocol come through, hostile ones are refused unexecuted."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest

from pace.pose import numpy_pickles

VALUES = {
    "keypoints2d": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "timestamps": np.arange(5, dtype=np.int64) * 16667,
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
    "sliced": np.arange(20)[::3],
    "big_endian": np.arange(4, dtype=">i2"),
    "names": np.array(["gBR", "gPO_sBM"]),
    "bytes": np.array([b"ab", b"c"]),
    "mask": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "empty": np.zeros((0, 17, 3)),
    "point": np.array(3.5),
    "scalar": np.float64(2.5),
    "whole": np.int32(-7),
    "dtype": np.dtype("<f4"),
    "nothing": [b"", bytearray()],
    "plain": [1, (2.5, None, "text"), {"a": b"raw"}, {3, 4}, frozenset({5}), bytearray(b"x"), 2j, True],
    "ordered": collections.OrderedDict(b=np.zeros(2), a=1),
}


def assert_same(loaded, expected):
    assert type(loaded) is type(expected)
    if isinstance(expected, np.ndarray):
        assert loaded.dtype == expected.dtype and loaded.shape == expected.shape
        np.testing.assert_array_equal(loaded, expected)
        loaded.flat[:1] = loaded.flat[:1]  # may be written to
    elif isinstance(expected, dict):
        assert list(loaded) == list(expected)
        for key, value in expected.items():
            assert_same(loaded[key], value)
    elif isinstance(expected, list | tuple):
        assert len(loaded) == len(expected)
        for pair in zip(loaded, expected, strict=True):
            assert_same(*pair)
    else:
        assert loaded == expected


def as_numpy_1(data: bytes) -> bytes:
    """The pickle as numpy 1 wrote it: numpy.core instead of numpy._core."""
    old = data.replace(b"cnumpy._core.", b"cnumpy.core.")
    for module in (b"multiarray", b"numeric"):
        new_name, old_name = b"numpy._core." + module, b"numpy.core." + module
        old = old.replace(bytes([0x8C, len(new_name)]) + new_name, bytes([0x8C, len(old_name)]) + old_name)
    if data[2:3] == b"\x95":  # one frame holds it all: its length shrinks by a byte for each name
        (length,) = struct.unpack("<Q", data[3:11])
        old = old[:3] + struct.pack("<Q", length - (len(data) - len(old))) + old[11:]
    return old


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("numpy", [1, 2])
def test_numpys_pickles_come_through(tmp_path, protocol, numpy):
    data = pickle.dumps(VALUES, protocol=protocol)
    if numpy == 1:
        data = as_numpy_1(data)
        assert b"numpy._core" not in data and b"numpy.core" in data
    (tmp_path / "v.pkl").write_bytes(data)
    assert_same(numpy_pickles.load(tmp_path / "v.pkl"), VALUES)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"keypoints2d": x}, lambda x: [np.zeros(3), x]])
def test_a_hostile_pickle_does_not_execute(tmp_path, protocol, wrap):
    trace = tmp_path / "trace"
    (tmp_path / "h.pkl").write_bytes(pickle.dumps(wrap(Call(os.mkdir, str(trace))), protocol=protocol))
    with pytest.raises(numpy_pickles.PickleError, match=r"h\.pkl: not read: refuses to load (posix|nt)\.mkdir"):
        numpy_pickles.load(tmp_path / "h.pkl")
    assert not trace.exists()
    pickle.loads((tmp_path / "h.pkl").read_bytes())  # the same bytes do harm in the ordinary way
    assert trace.exists()


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        (Call(eval, "1"), r"builtins\.eval|__builtin__\.eval"),
        (Call(getattr, "", "join"), r"getattr"),
        (np.load, r"numpy\.load|numpy\.lib"),
        (np.array([{}, 1], dtype=object), r"dtype 'O8'"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), r"dtype 'V8'"),
        (np.ma.masked_array([1.0, 2.0]), r"refuses to load numpy\.ma"),
        (pickle.PickleBuffer, r"refuses to load"),
        (Call(bytes, 10), r"refuses bytes of int"),
        (Call(bytearray, np.int64(10)), r"refuses bytearray of int64"),
    ],
)
def test_other_objects_are_refused(tmp_path, value, refused):
    (tmp_path / "o.pkl").write_bytes(pickle.dumps(value, protocol=4))
    with pytest.raises(numpy_pickles.PickleError, match=rf"o\.pkl: not read: .*({refused})"):
        numpy_pickles.load(tmp_path / "o.pkl")


def test_allowed_functions_are_neither_values_nor_changed(tmp_path):
    name = b"\x80\x02cnumpy._core.multiarray\n_reconstruct\n"
    for data, message in [
        (name + b".", "function as a value"),
        (name + b"}X\x01\x00\x00\x00aK\x01sb.", "change a function"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf16\x86R.", "refuses to encode"),
    ]:
        (tmp_path / "f.pkl").write_bytes(data)
        with pytest.raises(numpy_pickles.PickleError, match=message):
            numpy_pickles.load(tmp_path / "f.pkl")


def test_dtype_state_cannot_turn_numbers_into_objects(tmp_path):
    """numpy itself would let a pickle set a dtype's flags and fields; here only the byte order is taken."""
    good = pickle.dumps(np.arange(2.0), protocol=2)
    assert good.count(b"K\x03X\x01\x00\x00\x00<") == 1
    (tmp_path / "d.pkl").write_bytes(good.replace(b"X\x01\x00\x00\x00<", b"X\x01\x00\x00\x00O"))
    with pytest.raises(numpy_pickles.PickleError, match="byte order 'O'"):
        numpy_pickles.load(tmp_path / "d.pkl")
    sizes = b"J\xff\xff\xff\xffJ\xff\xff\xff\xff"  # element size and alignment, before the flags
    changed = good.replace(sizes + b"K\x00", sizes + b"K\x3f")
    assert changed != good
    (tmp_path / "d.pkl").write_bytes(changed)
    assert numpy_pickles.load(tmp_path / "d.pkl").dtype.flags == np.dtype("f8").flags


def test_broken_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        numpy_pickles.load(tmp_path / "gone.pkl")
    data = pickle.dumps({"a": np.arange(1000)})
    for broken in (b"", b"text", data[:-20], data[:40]):
        (tmp_path / "b.pkl").write_bytes(broken)
        with pytest.raises(
            numpy_pickles.PickleError, match=r"b\.pkl: not read: .*Get the file from its publisher again"
        ):
            numpy_pickles.load(tmp_path / "b.pkl")
