"""CNN14: its network against a plain re-implementation, and reading its file, including NumPy values."""

import functools
import os
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.random_weights import randomise

from pace.evaluation.embedders import cnn14

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def random_network() -> cnn14.Cnn14:
    """A network of width 1/32 with random tensors, even in the front end, which `load` must take from the file."""
    model = randomise(cnn14.Cnn14(1 / 32, classes=7))
    generator = torch.Generator().manual_seed(1)
    model.logmel_extractor.melW.uniform_(0, 0.1, generator=generator)
    model.bn0.running_mean.uniform_(-20, 20, generator=generator)  # decibels
    model.bn0.running_var.uniform_(20, 200, generator=generator)
    return model


@pytest.fixture
def small(monkeypatch) -> cnn14.Cnn14:
    model = random_network()
    monkeypatch.setattr(cnn14, "Cnn14", functools.partial(cnn14.Cnn14, width=1 / 32, classes=7))
    return model


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def test_published_size_and_keys():
    with torch.device("meta"):
        model = cnn14.Cnn14()
    expected = {
        "spectrogram_extractor.stft.conv_real.weight": (513, 1, 1024),
        "spectrogram_extractor.stft.conv_imag.weight": (513, 1, 1024),
        "logmel_extractor.melW": (513, 64),
        "fc1.weight": (2048, 2048),
        "fc1.bias": (2048,),
        "fc_audioset.weight": (527, 2048),
        "fc_audioset.bias": (527,),
    }
    expected |= {f"bn0.{name}": (64,) if name != NORM[-1] else () for name in NORM}
    inputs = 1
    for block, outputs in enumerate((64, 128, 256, 512, 1024, 2048), start=1):
        expected[f"conv_block{block}.conv1.weight"] = (outputs, inputs, 3, 3)
        expected[f"conv_block{block}.conv2.weight"] = (outputs, outputs, 3, 3)
        for norm in ("bn1", "bn2"):
            expected |= {f"conv_block{block}.{norm}.{name}": (outputs,) if name != NORM[-1] else () for name in NORM}
        inputs = outputs
    assert {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()} == expected
    assert len(expected) == 84
    trained = [p.numel() for name, p in model.named_parameters() if "extractor" not in name]
    assert sum(trained) == 80_753_615


def plain(state: dict, wave: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Embedding (2048,) and class scores (527,) of one wave in float64, from FACTS 9 and the state dict alone."""
    state = {key: tensor.double() for key, tensor in state.items()}

    def norm(x, name):
        mean, var, gain, bias = (
            state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * gain + bias

    padded = np.pad(wave.astype(np.float64), 512, mode="reflect")
    frames = torch.stack([torch.from_numpy(padded[t : t + 1024]) for t in range(0, len(padded) - 1023, 320)])
    real = frames @ state["spectrogram_extractor.stft.conv_real.weight"][:, 0].T
    imaginary = frames @ state["spectrogram_extractor.stft.conv_imag.weight"][:, 0].T
    mel = (real.square() + imaginary.square()) @ state["logmel_extractor.melW"]
    decibels = 10 * torch.log10(torch.maximum(mel, torch.tensor(1e-10)))
    x = norm(decibels.T[:, :, None], "bn0")[:, :, 0].T[None]  # (1,T,64)
    for block in range(1, 7):
        for layer in (1, 2):
            x = F.conv2d(x[None], state[f"conv_block{block}.conv{layer}.weight"], padding=1)[0]
            x = norm(x, f"conv_block{block}.bn{layer}").clamp(min=0)
        if block < 6:
            time, mels = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
            x = sum(x[:, i:time:2, j:mels:2] for i in (0, 1) for j in (0, 1)) / 4
    x = x.mean(dim=2)
    x = x.max(dim=1).values + x.mean(dim=1)
    x = (state["fc1.weight"] @ x + state["fc1.bias"]).clamp(min=0)
    return x, 1 / (1 + torch.exp(-(state["fc_audioset.weight"] @ x + state["fc_audioset.bias"])))


@pytest.mark.parametrize("samples", [9920, 32000, 5 * 32000, 70001])
def test_network_is_the_plain_one(small, samples):
    wave = noise(samples)
    out = small.embed(wave, 32000)
    embedding, scores = plain(small.state_dict(), wave)
    assert (out.shape, out.dtype) == ((1, 64), np.float32)
    assert np.abs(out[0] - embedding.numpy()).max() < 1e-4 * embedding.max()
    assert 0.2 < (out > 0).mean() < 0.9 and (out >= 0).all()
    assert np.allclose(small.scores(torch.from_numpy(out))[0], scores, atol=1e-5)


def test_embedding_follows_the_sound(small):
    a, b = small.embed(noise(160000), 32000), small.embed(noise(160000, seed=1) * np.linspace(0, 1, 160000), 32000)
    assert np.abs(a - b).max() > 0.05 * np.abs(a).max()


def test_any_rate_and_channels(small):
    rows = [
        small.embed(np.stack([np.sin(2 * np.pi * 440 * np.arange(5 * rate) / rate)] * 2), rate)
        for rate in (32000, 44100)
    ]
    assert np.abs(rows[0] - rows[1]).max() < 0.02 * np.abs(rows[0]).max()


def test_silence_and_too_short(small):
    assert np.isfinite(small.embed(np.zeros(160000), 32000)).all()
    with pytest.raises(ValueError, match=r"needs 0.31 s of audio; the wave has 0.310 s"):
        small.embed(np.zeros(9919), 32000)


def checkpoint(model: cnn14.Cnn14) -> dict:
    """The published layout; the sampler as PANNs' training code saves it."""
    sampler = {
        "indexes_per_class": [np.arange(5), np.array([3, 1], dtype=np.int64)],
        "queue": [3, 1],
        "pointers_of_classes": [0, np.int64(2)],
        "weights": np.ones(3, dtype=np.float32),
    }
    return {"iteration": 600000, "model": model.state_dict(), "sampler": sampler}


@pytest.mark.parametrize("container", ["zip", "old", "numpy 1", "bare", "no counters"])
def test_load(small, tmp_path, container):
    path, content = tmp_path / "Cnn14.pth", checkpoint(small)
    if container == "bare":
        content = {f"module.{key}": tensor for key, tensor in content["model"].items()}
    if container == "no counters":
        content["model"] = {k: v for k, v in content["model"].items() if not k.endswith("num_batches_tracked")}
    torch.save(content, path, _use_new_zipfile_serialization=container not in ("old", "numpy 1"))
    if container == "numpy 1":
        assert b"numpy._core.multiarray\n" in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n"))
    loaded = cnn14.load(path)
    assert np.array_equal(loaded.embed(noise(32000), 32000), small.embed(noise(32000), 32000))
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("bn0.running_var"), r"1 key\(s\) missing: bn0.running_var"),
        (lambda s: s.update({"att_block.att.bias": torch.ones(1)}), r"1 key\(s\) unknown: att_block.att.bias"),
        (
            lambda s: s.update({"spectrogram_extractor.stft.conv_real.weight": torch.ones(257, 1, 512)}),
            r"conv_real.weight is \(257, 1, 512\), expected \(513, 1, 1024\).*16 and 8 kHz",
        ),
    ],
)
def test_load_names_what_is_wrong(small, tmp_path, change, message):
    content = checkpoint(small)
    change(content["model"])
    torch.save(content, tmp_path / "wrong.pth")
    with pytest.raises(cnn14.weights.WeightsError, match=message) as error:
        cnn14.load(tmp_path / "wrong.pth")
    assert "wrong.pth" in str(error.value) and "Cnn14_mAP=0.431.pth" in str(error.value)


class Hostile:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


@pytest.mark.parametrize("new", [True, False])
def test_a_hostile_file_runs_nothing(small, tmp_path, new):
    content = checkpoint(small) | {"sampler": Hostile(tmp_path / "made")}
    pickle.loads(pickle.dumps(Hostile(tmp_path / "control")))
    assert (tmp_path / "control").is_dir()  # it would
    torch.save(content, tmp_path / "hostile.pth", _use_new_zipfile_serialization=new)
    with pytest.raises(cnn14.weights.WeightsError, match=r"hostile.pth: holds posix.mkdir"):
        cnn14.load(tmp_path / "hostile.pth")
    assert not (tmp_path / "made").exists()
