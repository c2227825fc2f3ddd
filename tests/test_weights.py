"""The reader of weights files: containers, prefixes, what is refused and how the message helps."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pace import weights
from pace.weights import MissingWeightsError, WeightsError

REMEDY = "get the published file"
STATE = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.ones(2)}
POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:6a6ad0055c7ad50da083af0549a24c52ec1c21f89e440912645054d74be0a461\nsize 64099897\n"
)


def read(path, **options):
    return weights.read(path, REMEDY, **options)


def refused(path, **options) -> str:
    with pytest.raises(WeightsError) as error:
        read(path, **options)
    message = str(error.value)
    assert message.startswith(str(path)) and message.endswith(REMEDY)
    return message


def same(state) -> bool:
    return list(state) == list(STATE) and all(torch.equal(state[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin"])
@pytest.mark.parametrize("new", [True, False])
def test_containers_of_torch(tmp_path, name, new):
    torch.save(STATE, tmp_path / name, _use_new_zipfile_serialization=new)
    assert zipfile.is_zipfile(tmp_path / name) == new
    assert same(read(tmp_path / name))


def test_safetensors(tmp_path):
    save_file({f"module.{key}": value for key, value in STATE.items()}, tmp_path / "w.safetensors")
    loaded = read(tmp_path / "w.safetensors")
    assert all(torch.equal(loaded[key], STATE[key]) for key in STATE)


def test_sections_and_prefixes(tmp_path):
    path = tmp_path / "w.pt"
    inner = {f"module.{key}": value for key, value in STATE.items()}
    torch.save({"epoch": 3, "optimizer": {"state": {}}, "model_pos": inner, "min_loss": 0.1}, path)
    assert same(read(path, sections=("model_pos", "model")))
    assert "not a plain state dict of tensors (epoch, optimizer, model_pos, ... no tensors)" in refused(path)
    torch.save({"model": inner, "state_dict": {"x": torch.ones(1)}}, path)
    assert same(read(path, sections=("model_pos", "model", "state_dict")))
    torch.save({"module.module.weight": STATE["weight"]}, path)
    assert list(read(path)) == ["module.weight"]  # one prefix, not every "module." inside


def test_numpy_values_next_to_the_weights(tmp_path):
    path = tmp_path / "w.pth"
    other_values = {
        "loss": np.float64(0.25),
        "best": np.float32(1.5),
        "sampler": {"indexes": np.arange(5), "names": np.array(["a", "bc"]), "pointer": np.int64(3)},
    }
    for new in (True, False):
        torch.save({"iteration": 600_000, "model": STATE, **other_values}, path, _use_new_zipfile_serialization=new)
        assert same(read(path, sections=("model",), numpy_values=True))
        assert "holds numpy._core.multiarray.scalar, a Python object" in refused(path, sections=("model",))


def test_numpy_1_names(tmp_path):
    # Files written with NumPy 1 name numpy.core, those of NumPy 2 numpy._core.
    path = tmp_path / "w.pth"
    torch.save({"model": STATE, "loss": np.float64(0.25), "array": np.arange(3)}, path, pickle_protocol=2)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    assert b"numpy._core.multiarray" in parts[name]
    parts[name] = parts[name].replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for key, value in parts.items():
            file.writestr(key, value)
    assert same(read(path, sections=("model",), numpy_values=True))


class Hostile:
    """Runs a command when unpickled without care."""

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.mark.parametrize("numpy_values", [False, True])
@pytest.mark.parametrize("container", ["zip", "old", "bare pickle"])
def test_a_hostile_file_is_refused_and_runs_nothing(tmp_path, container, numpy_values):
    path, marker = tmp_path / "w.pt", tmp_path / "ran"
    hostile = Hostile()
    hostile.marker = str(marker)
    if container == "bare pickle":
        path.write_bytes(pickle.dumps({"weight": hostile}))
    else:
        torch.save({"model": STATE, "extra": hostile}, path, _use_new_zipfile_serialization=container == "zip")
    refused(path, sections=("model",), numpy_values=numpy_values)
    assert not marker.exists()
    if container != "bare pickle":
        assert "posix.mkdir, a Python object other than tensors" in refused(path, sections=("model",))
        torch.load(path, weights_only=False)
        assert marker.exists()  # the file is what it claims to be


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (POINTER.encode(), "a Git LFS pointer to a file of 64,099,897 bytes, not the weights: run `git lfs"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "a web page, not a readable weights file"),
        (b"\n  <HTML>sign in</HTML>", "a web page"),
        (b"", "the file is empty"),
        (b"not weights", "not a readable weights file of 11 bytes, damaged or cut short"),
    ],
)
@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_what_is_no_weights_file_at_all(tmp_path, content, message, name):
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name)


@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_a_truncated_file(tmp_path, kind, share):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    state = {"weight": torch.arange(40_000.0)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert f"{int(share * len(whole)):,} bytes, damaged or cut short" in refused(path)


def test_missing_file_and_folder(tmp_path):
    assert "no such weights file" in refused(tmp_path / "none.pt")
    assert "is a folder" in refused(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.pt")
    assert issubclass(MissingWeightsError, WeightsError)


def test_other_contents(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(torch.ones(3), path)
    assert "holds Tensor, not a plain state dict" in refused(path)
    torch.save({}, path)
    assert "it is empty" in refused(path)
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), buffer)
    path.write_bytes(buffer.getvalue())
    assert "holds a TorchScript program" in refused(path)
    torch.save({"a": torch.ones(3)}, path, pickle_protocol=4)
    assert "a protocol other than 2; save it again with torch.save's default" in refused(path)


def test_a_zip_mark_at_the_end_of_an_old_container_does_not_matter(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"a": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    with open(path, "ab") as file:
        file.write(b"PK\x05\x06" + bytes(18))
    assert torch.equal(weights.read(path, REMEDY)["a"], torch.ones(3))


def test_kinds_of_numbers_must_fit():
    state = state_of(Small())
    state["line.weight"] = state["line.weight"].long()
    with pytest.raises(weights.WeightsError, match=r"line\.weight holds torch\.int64, expected torch\.float32"):
        weights.check(state, Small().state_dict(), "w.pt", "a small one", REMEDY)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3, 2)
        self.norm = nn.BatchNorm1d(2)


def state_of(model) -> dict:
    return {key: torch.full_like(value, 3) for key, value in model.state_dict().items()}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_load_strict_fills_the_model(device):
    with torch.device(device):
        model = Small()
    state = state_of(Small())
    state["line.weight"] = state["line.weight"].half()
    del state["norm.num_batches_tracked"]
    loaded = weights.load_strict(model, state, "w.pt", "a small one", REMEDY, (".num_batches_tracked",))
    assert loaded is model and not model.training and not any(p.requires_grad for p in model.parameters())
    assert model.line.weight.dtype == torch.float32
    assert all((value == 3).all() for key, value in model.state_dict().items() if "tracked" not in key)
    assert model.norm.num_batches_tracked == 0


def faults(change) -> str:
    state = state_of(Small())
    change(state)
    with pytest.raises(WeightsError) as error:
        weights.load_strict(Small(), state, "dir/w.pt", "a small one", REMEDY, (".num_batches_tracked",))
    message = str(error.value)
    assert message.startswith("dir/w.pt: not the weights of a small one: ") and message.endswith(f"; {REMEDY}")
    return message


def test_every_kind_of_fault_is_named():
    assert "1 key(s) missing: line.bias;" in faults(lambda s: s.pop("line.bias"))
    assert "1 key(s) unknown: more;" in faults(lambda s: s.update(more=torch.ones(1)))
    assert "line.bias is (3,), expected (2,);" in faults(lambda s: s.update({"line.bias": torch.ones(3)}))
    assert "line.bias is (2, 1), expected (2,);" in faults(lambda s: s.update({"line.bias": torch.ones(2, 1)}))
    assert "not finite: line.weight;" in faults(lambda s: s["line.weight"][0].fill_(torch.nan))
    many = faults(lambda s: (s.clear(), s.update({f"k{i}": torch.ones(1) for i in range(9)})))
    assert "6 key(s) missing: line.weight, line.bias, norm.weight, ...;" in many
    assert "9 key(s) unknown: k0, k1, k2, ...;" in many
