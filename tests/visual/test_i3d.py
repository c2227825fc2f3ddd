import itertools
import math

import pytest
import torch
from safetensors.torch import save_file

from pace.visual import i3d


def small(seed: int = 0) -> i3d.I3D:
    """A network of width 1/16 whose every tensor is random, batch statistics included."""
    generator = torch.Generator().manual_seed(seed)
    model = i3d.I3D(1 / 16, classes=5)
    for name, tensor in model.state_dict().items():
        if name.endswith(("running_var", "bn.weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif name.endswith(("running_mean", "bias")):
            tensor.normal_(0, 0.1, generator=generator)
    return model.eval()


def released(model: i3d.I3D) -> dict:
    return {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}


def test_published_size_and_keys():
    model = i3d.I3D()
    assert sum(p.numel() for p in model.parameters()) == 12_697_264
    assert sum(p.numel() for name, p in model.named_parameters() if not name.startswith("logits")) == 12_287_264
    assert len(model.state_dict()) == 344
    assert len(released(model)) == 287
    assert model.dim == 1024
    branches = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")
    blocks = [f"Mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")]
    units = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3", *map(".".join, itertools.product(blocks, branches))]
    tensors = ("conv3d.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    expected = {f"{unit}.{tensor}" for unit in units for tensor in tensors} | {
        "logits.conv3d.weight",
        "logits.conv3d.bias",
    }
    assert set(released(model)) == expected
    assert model.state_dict()["Mixed_4e.b1b.conv3d.weight"].shape == (288, 144, 3, 3, 3)
    assert model.state_dict()["Mixed_5c.b3b.conv3d.weight"].shape == (128, 832, 1, 1, 1)


@pytest.mark.parametrize("length", range(1, 20))
@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (3, 1), (2, 2), (1, 1), (1, 2)])
def test_same_padding_follows_the_remainder_rule(length, kernel, stride):
    # The rule by the remainder of the division, as other ports of TensorFlow networks state it.
    remainder = length % stride
    total = max(kernel - (remainder or stride), 0)
    pads = i3d.same_padding((length,) * 3, (kernel,) * 3, (stride,) * 3)
    assert pads == [total // 2, total - total // 2] * 3


def test_unit_takes_the_windows_that_same_padding_names():
    # Kernel 3, stride 2 over 6 frames: one zero is needed, at the end, so windows start at frames 0, 2 and 4.
    unit = i3d.Unit(1, 1, 3, 2).eval()
    torch.nn.init.ones_(unit.conv3d.weight)
    x = torch.zeros(1, 1, 6, 2, 2)
    x[0, 0, :, 0, 0] = torch.tensor([1.0, 2, 4, 8, 16, 32])
    scale = (1 + 1e-3) ** -0.5  # batch norm with variance 1
    assert torch.allclose(unit(x)[0, 0, :, 0, 0], torch.tensor([7.0, 28, 48]) * scale)


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 2, 2), (5, 7, 9), (8, 14, 15)])
@pytest.mark.parametrize(
    ("kernel", "stride"),
    [((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (2, 2, 2)), ((2, 2, 2), (2, 2, 2)), ((3, 3, 3), (1, 1, 1))],
)
def test_max_pool_has_the_same_values_with_and_without_gradients(size, kernel, stride):
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).relu()
    padded = torch.nn.functional.pad(x, i3d.same_padding(size, kernel, stride))
    expected = torch.nn.functional.max_pool3d(padded, kernel, stride)
    assert torch.equal(i3d.same_max_pool(x, kernel, stride), expected)
    assert torch.equal(i3d.same_max_pool(x.requires_grad_(), kernel, stride), expected)


def test_batch_norm_epsilon():
    unit = i3d.Unit(1, 1).eval()
    torch.nn.init.ones_(unit.conv3d.weight)
    unit.bn.running_var.fill_(0.003)
    assert torch.allclose(unit(torch.ones(1, 1, 1, 1, 1)), torch.tensor(0.004**-0.5))
    assert unit.bn.momentum == 0.01


@pytest.mark.parametrize("frames", [9, 15, 16, 17, 24, 25, 40, 64])
def test_number_of_steps(frames):
    expected = math.ceil(math.ceil(math.ceil(frames / 2) / 2) / 2) - 1
    with torch.inference_mode():
        model = small()
        assert model.features(torch.zeros(1, 3, frames, 32, 32)).shape == (1, 64, expected)
        assert model(torch.zeros(1, 3, frames, 32, 32)).shape == (1, 5, expected)


def test_too_few_frames():
    with pytest.raises(ValueError, match="at least 9 frames, got 8; give a longer video"):
        small().features(torch.zeros(1, 3, 8, 32, 32))


@pytest.mark.parametrize(("size", "side"), [(224, 7), (112, 4), (256, 8)])
def test_pool(size, side):
    model = small()
    x = torch.randn(1, 3, 16, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        maps, features = model._maps(x), model.features(x)
    assert maps.shape == (1, 64, 2, side, side)
    pooled = torch.stack(
        [maps[..., top : top + 7, left : left + 7].mean((2, 3, 4)) for top, left in itertools.product((0, 1), (0, 1))]
        if side == 8
        else [maps.mean((2, 3, 4))]
    ).mean(0)
    assert torch.allclose(features[..., 0], pooled, atol=1e-6)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_load_infers_the_width_and_accepts_missing_counters(tmp_path, suffix):
    model, path = small(), tmp_path / f"weights{suffix}"
    save = torch.save if suffix == ".pt" else save_file
    save(released(model), path)
    loaded = i3d.load(path)
    x = torch.randn(2, 3, 16, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        assert torch.equal(loaded.features(x), model.features(x))
        assert torch.equal(loaded(x), model(x))
    assert (loaded.width, loaded.training, loaded.logits.conv3d.out_channels) == (1 / 16, False, 5)


def test_load_the_old_container_format(tmp_path):
    torch.save(released(small()), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert i3d.load(tmp_path / "old.pt").width == 1 / 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("Mixed_4c.b2a.bn.running_var"), "missing: Mixed_4c.b2a.bn.running_var"),
        (lambda s: s.update({"Mixed_6a.b0.bn.bias": torch.ones(1)}), "unknown: Mixed_6a.b0.bn.bias"),
        (lambda s: s.update({"Mixed_3b.b0.bn.bias": torch.ones(9)}), r"Mixed_3b.b0.bn.bias is \(9,\), expected \(4,\)"),
        (lambda s: s.pop("Conv3d_1a_7x7.conv3d.weight"), "no Conv3d_1a_7x7.conv3d.weight"),
        (lambda s: s.update({"logits.conv3d.bias": torch.ones(5).long()}), "logits.conv3d.bias holds torch.int64"),
        (lambda s: s.update({"logits.conv3d.weight": torch.tensor(1.0)}), r"its logits are \(\)"),
        (lambda s: s.update({"epoch": 3}), "not a plain state dict"),
    ],
)
def test_load_names_what_is_wrong(tmp_path, change, message):
    state, path = released(small()), tmp_path / "wrong.pt"
    change(state)
    torch.save(state, path)
    with pytest.raises(i3d.WeightsError, match=message) as error:
        i3d.load(path)
    assert str(path) in str(error.value)
    assert "rgb_imagenet.pt" in str(error.value)


def test_load_two_stream_flow_weights(tmp_path):
    state = released(small())
    state["Conv3d_1a_7x7.conv3d.weight"] = state["Conv3d_1a_7x7.conv3d.weight"][:, :2]
    torch.save(state, tmp_path / "flow.pt")
    with pytest.raises(i3d.WeightsError, match=r"is \(4, 2, 7, 7, 7\), expected \(4, 3, 7, 7, 7\)"):
        i3d.load(tmp_path / "flow.pt")


@pytest.mark.parametrize("content", [None, b"", b"not weights", b"\x80\x02}q\x00."])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "weights.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(i3d.WeightsError, match=r"weights\.pt"):
        i3d.load(path)


def test_width_must_scale_every_layer():
    with pytest.raises(ValueError, match="multiple of 1/64"):
        i3d.I3D(0.3)
