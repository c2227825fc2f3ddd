"""VGGish: its front end and network against plain re-implementations, and reading its file."""

import functools

import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from helpers.random_weights import randomise
from safetensors.torch import save_file

from pace.evaluation.embedders import vggish

SHAPES = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}


@pytest.fixture
def small(monkeypatch) -> vggish.VGGish:
    """A network of width 1/32; `load` then expects that width too."""
    model = randomise(vggish.VGGish(1 / 32))
    monkeypatch.setattr(vggish, "VGGish", functools.partial(vggish.VGGish, width=1 / 32))
    return model


def noise(seconds: float, rate: int = 16000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def test_published_size_and_keys():
    with torch.device("meta"):
        model = vggish.VGGish()
    state = model.state_dict()
    expected = {f"{name}.weight": shape for name, shape in SHAPES.items()}
    expected |= {f"{name}.bias": shape[:1] for name, shape in SHAPES.items()}
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == expected
    assert len(state) == 18
    assert sum(tensor.numel() for tensor in state.values()) == 72_141_184


def test_mel_matrix_is_that_of_a_public_library():
    audio_utils = pytest.importorskip("transformers.audio_utils")
    expected = audio_utils.mel_filter_bank(257, 64, 125, 7500, 16000, mel_scale="htk", triangularize_in_mel_space=True)
    assert np.abs(vggish.mel_matrix() - expected).max() < 1e-9


def test_mel_matrix_by_single_filters():
    def mel(hz):
        return 2595 * np.log10(1 + hz / 700)

    step = (mel(7500) - mel(125)) / 65
    matrix = vggish.mel_matrix()
    for band in (0, 1, 20, 63):
        centre = mel(125) + (band + 1) * step
        for k in range(257):
            expected = max(0.0, 1 - abs(mel(k * 16000 / 512) - centre) / step)
            assert abs(matrix[k, band] - expected) < 1e-9
    assert not matrix[0].any()


def test_examples_by_single_frames():
    wave = noise(2.2)
    examples = vggish.log_mel_examples(wave)
    assert (examples.shape, examples.dtype) == ((2, 96, 64), np.float32)
    window = scipy.signal.get_window("hann", 400, fftbins=True)
    for example, frame in ((0, 0), (0, 1), (1, 0), (1, 95)):
        start = 160 * (96 * example + frame)
        padded = np.concatenate([wave[start : start + 400] * window, np.zeros(112)])
        expected = np.log(np.abs(np.fft.fft(padded))[:257] @ vggish.mel_matrix() + 0.01)
        assert np.allclose(examples[example, frame], expected, atol=1e-5)


@pytest.mark.parametrize(("samples", "count"), [(15600, 1), (15600 + 15359, 1), (15600 + 15360, 2), (80000, 5)])
def test_number_of_examples(samples, count):
    assert len(vggish.log_mel_examples(np.zeros(samples, dtype=np.float32))) == count


def plain(state: dict, examples: np.ndarray) -> torch.Tensor:
    """The network of FACTS 9 in float64, flattened entry by entry: time, then mel, then channel."""
    state = {key: tensor.double() for key, tensor in state.items()}
    x = torch.from_numpy(examples).double()[:, None]
    for name in ("0", "P", "3", "P", "6", "8", "P", "11", "13", "P"):
        if name == "P":
            x = torch.stack([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)
        else:
            x = F.conv2d(x, state[f"features.{name}.weight"], state[f"features.{name}.bias"], padding=1).clamp(min=0)
    rows = [x[:, channel, t, m] for t in range(6) for m in range(4) for channel in range(x.shape[1])]
    x = torch.stack(rows, dim=1)
    for name in ("0", "2", "4"):
        x = x @ state[f"embeddings.{name}.weight"].T + state[f"embeddings.{name}.bias"]
        x = x if name == "4" else x.clamp(min=0)
    return x


def test_network_is_the_plain_one(small):
    wave = noise(5)
    out = small.embed(wave, 16000)
    expected = plain(small.state_dict(), vggish.log_mel_examples(wave)).numpy()
    assert (out.shape, out.dtype) == ((5, 128), np.float32)
    assert np.abs(out - expected).max() < 1e-4 * np.abs(expected).max()
    assert (out < 0).mean() > 0.2  # no last ReLU
    assert np.abs(out - out[0]).max(axis=1)[1:].min() > 1e-2 * np.abs(out).max()  # examples differ


def test_rows_do_not_depend_on_the_length_of_the_wave(small):
    wave = noise(0.96 * 20 + 0.1)
    rows = small.embed(wave, 16000)
    assert len(rows) == 20  # more than one batch
    alone = small.embed(wave[17 * 15360 : 17 * 15360 + 15600], 16000)
    assert np.abs(rows[17] - alone[0]).max() < 1e-5 * np.abs(rows).max()


def test_any_rate_and_channels(small):
    wave = np.sin(2 * np.pi * 440 * np.arange(5 * 22050) / 22050)
    same = np.sin(2 * np.pi * 440 * np.arange(5 * 16000) / 16000)
    expected = small.embed(same, 16000)
    assert np.allclose(small.embed(wave, 22050)[1:4], expected[1:4], atol=2e-3 * np.abs(expected).max())
    stereo = np.stack([same + noise(5), same - noise(5)])
    assert np.allclose(small.embed(stereo, 16000), expected, atol=1e-4 * np.abs(expected).max())


def test_silence_and_too_short(small):
    assert np.isfinite(small.embed(np.zeros(80000), 16000)).all()
    with pytest.raises(ValueError, match=r"needs 0.975 s of audio; the wave has 0.900 s"):
        small.embed(np.zeros(14400), 16000)


@pytest.mark.parametrize("container", ["zip", "old", "safetensors", "parallel"])
def test_load(small, tmp_path, container):
    path = tmp_path / ("weights.safetensors" if container == "safetensors" else "weights.pth")
    state = {f"module.{k}" if container == "parallel" else k: v for k, v in small.state_dict().items()}
    if container == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=container != "old")
    loaded = vggish.load(path)
    path.write_bytes(b"")  # the network must not depend on the file any more
    assert np.array_equal(loaded.embed(noise(1), 16000), small.embed(noise(1), 16000))
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("embeddings.2.bias"), r"1 key\(s\) missing: embeddings.2.bias"),
        (lambda s: s.update({"embeddings.6.bias": torch.ones(1)}), r"1 key\(s\) unknown: embeddings.6.bias"),
        (lambda s: s.update({"features.0.bias": torch.ones(3)}), r"features.0.bias is \(3,\), expected \(2,\)"),
        (lambda s: s["features.3.bias"].fill_(torch.nan), "with values that are not finite: features.3"),
        (lambda s: s.update({"epoch": 3}), "not a plain state dict"),
    ],
)
def test_load_names_what_is_wrong(small, tmp_path, change, message):
    state = {key: tensor.clone() for key, tensor in small.state_dict().items()}
    change(state)
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(vggish.weights.WeightsError, match=message) as error:
        vggish.load(tmp_path / "wrong.pth")
    assert "wrong.pth" in str(error.value) and "vggish-10086976.pth" in str(error.value)
