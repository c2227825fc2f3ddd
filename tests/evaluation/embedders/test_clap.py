"""CLAP: front end against transformers' extractor, LAION's layout against a plain HTSAT, and reading its files."""

import sys

import numpy as np
import pytest
import torch
from helpers.htsat import embedding
from helpers.random_weights import randomise

from pace.evaluation.embedders import clap

transformers = pytest.importorskip("transformers")
SMALL = {
    "patch_embeds_hidden_size": 8,
    "depths": [2, 2, 1, 2],
    "num_attention_heads": [1, 2, 2, 4],
    "hidden_size": 64,
    "projection_dim": 16,
}
CLAP_ERROR = clap.weights.WeightsError


@pytest.fixture(scope="module")
def network():
    """A small network with random tensors; its batch norm scales decibels to about one, as a trained one does."""
    network = randomise(transformers.ClapAudioModelWithProjection(transformers.ClapAudioConfig(**SMALL)))
    generator = torch.Generator().manual_seed(1)
    network.audio_model.audio_encoder.batch_norm.running_mean.uniform_(-60, -30, generator=generator)
    network.audio_model.audio_encoder.batch_norm.running_var.uniform_(50, 200, generator=generator)
    return network


@pytest.fixture(scope="module")
def model(network) -> clap.Clap:
    return clap.Clap(network).eval().requires_grad_(False)


def noise(seconds: float, rate: int = 48000, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    samples = round(seconds * rate)
    return (generator.normal(0, 0.1, samples) * np.linspace(0.1, 1, samples)).astype(np.float32)


def sixteen_bits(wave: np.ndarray) -> np.ndarray:
    return (np.clip(wave, -1.0, 1.0) * 32767.0).astype(np.int16) / 32767.0


@pytest.mark.parametrize("seconds", [5, 3.3, 10, 0.02])
def test_embedding_is_that_of_transformers_extractor_and_network(model, network, seconds):
    extractor = transformers.ClapFeatureExtractor(
        frequency_min=50, frequency_max=14000, truncation="rand_trunc", padding="repeatpad"
    )
    wave = noise(seconds)
    features = extractor(sixteen_bits(wave), sampling_rate=48000, return_tensors="pt")["input_features"]
    assert features.shape == (1, 1, 1001, 64)
    with torch.inference_mode():
        expected = network(input_features=features.float()).audio_embeds[0].numpy()
    expected /= np.linalg.norm(expected)
    out = model.embed(wave, 48000)
    assert (out.shape, out.dtype) == ((1, 16), np.float32)
    assert np.abs(out[0] - expected).max() < 1e-4


def test_sixteen_bits_are_cut_towards_zero_and_clipped():
    step = 1 / 32767
    wave = np.array([-1.5, -2.9 * step, -0.9 * step, 0.9 * step, 2.9 * step, 0.5, 1.5], dtype=np.float32)
    expected = np.array([-32767, -2, 0, 0, 2, 16383, 32767]) / 32767
    assert np.allclose(clap.quantised(wave), expected, atol=1e-8)
    wave = np.random.default_rng(0).normal(0, 0.5, 10000).astype(np.float32)
    assert np.array_equal(clap.quantised(wave), sixteen_bits(wave).astype(np.float32))


def test_windows_repeat_whole_clips_then_pad():
    wave = np.arange(1, 158401, dtype=np.float32)  # 3.3 s: three times, then 0.1 s of silence
    (window,) = clap.windows(wave)
    assert np.array_equal(window[:475200].reshape(3, -1), np.stack([wave] * 3))
    assert not window[475200:].any() and len(window) == 480000
    (window,) = clap.windows(wave[:1].repeat(240000))
    assert window.all()  # five seconds fill ten


def test_a_long_clip_is_the_mean_of_windows_to_its_end(model):
    wave = noise(25)
    assert [window[0] for window in clap.windows(wave)] == [wave[0], wave[480000], wave[720000]]
    assert len(clap.windows(wave[:960000])) == 2
    parts = np.concatenate([model.embed(wave[start : start + 480000], 48000) for start in (0, 480000, 720000)])
    expected = parts.mean(axis=0) / np.linalg.norm(parts.mean(axis=0))
    assert np.allclose(model.embed(wave, 48000)[0], expected, atol=1e-5)


def test_any_rate_and_channels(model):
    rows = [
        model.embed(np.stack([np.sin(2 * np.pi * 440 * np.arange(5 * rate) / rate) / 2] * 2), rate)
        for rate in (48000, 22050)
    ]
    assert np.abs(rows[0] - rows[1]).max() < 0.02


def test_silence_has_a_finite_unit_embedding_and_sounds_differ(model):
    silence = model.embed(np.zeros(110250), 22050)
    assert np.isfinite(silence).all() and np.isclose(np.linalg.norm(silence), 1, atol=1e-5)
    assert np.abs(model.embed(noise(5), 48000) - silence).max() > 0.1


def to_laion(network, front_end: clap.Clap | None = None) -> dict:
    """The audio branch as LAION's training code saves it, module by module, with the other entries of such a file."""
    encoder = network.audio_model.audio_encoder
    out = {}

    def put(name, module, *parts):
        for part in parts or ("weight", "bias"):
            out[f"module.{name}.{part}"] = getattr(module, part).detach()

    put("audio_branch.bn0", encoder.batch_norm, "weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    put("audio_branch.patch_embed.proj", encoder.patch_embed.proj)
    put("audio_branch.patch_embed.norm", encoder.patch_embed.norm)
    for i, stage in enumerate(encoder.layers):
        for j, block in enumerate(stage.blocks):
            name, inner = f"audio_branch.layers.{i}.blocks.{j}", block.attention.self
            put(f"{name}.norm1", block.layernorm_before)
            put(f"{name}.norm2", block.layernorm_after)
            put(f"{name}.attn", inner, "relative_position_bias_table", "relative_position_index")
            for part in ("weight", "bias"):
                thirds = [getattr(linear, part) for linear in (inner.query, inner.key, inner.value)]
                out[f"module.{name}.attn.qkv.{part}"] = torch.cat(thirds).detach()
            put(f"{name}.attn.proj", block.attention.output.dense)
            put(f"{name}.mlp.fc1", block.intermediate.dense)
            put(f"{name}.mlp.fc2", block.output.dense)
            if j % 2 and i < 3:
                out[f"module.{name}.attn_mask"] = torch.zeros(64 // 4**i, 64, 64)
        if stage.downsample is not None:
            put(f"audio_branch.layers.{i}.downsample.reduction", stage.downsample.reduction, "weight")
            put(f"audio_branch.layers.{i}.downsample.norm", stage.downsample.norm)
    put("audio_branch.norm", encoder.norm)
    put("audio_projection.0", network.audio_projection.linear1)
    put("audio_projection.2", network.audio_projection.linear2)
    front_end = front_end or clap.Clap(network)
    stft, melw = front_end.spectrogram_extractor.stft, front_end.logmel_extractor.melW
    out["module.audio_branch.spectrogram_extractor.stft.conv_real.weight"] = stft.conv_real.weight.detach()
    out["module.audio_branch.spectrogram_extractor.stft.conv_imag.weight"] = stft.conv_imag.weight.detach()
    out["module.audio_branch.logmel_extractor.melW"] = melw.detach()
    for name in ("audio_branch.tscam_conv.weight", "audio_branch.tscam_conv.bias", "audio_branch.head.weight"):
        out[f"module.{name}"] = torch.ones(2)
    for name in ("text_branch.embeddings.position_ids", "text_projection.0.weight", "text_transform.sequential.0.bias"):
        out[f"module.{name}"] = torch.ones(2)
    for name in ("audio_transform.sequential.0.weight", "logit_scale_a", "logit_scale_t"):
        out[f"module.{name}"] = torch.ones(())
    return out


def laion_file(path, state: dict, new: bool = True):
    """The published layout, with an optimizer's state: tensors and a learning rate that is a NumPy scalar."""
    optimizer = {"state": {0: {"step": 3, "exp_avg": torch.ones(4)}}, "param_groups": [{"lr": np.float64(1e-4)}]}
    content = {"epoch": 15, "name": "music", "state_dict": state, "optimizer": optimizer, "scaler": {"scale": 65536.0}}
    torch.save(content, path, _use_new_zipfile_serialization=new)
    return path


@pytest.mark.long
@pytest.mark.parametrize("new", [True, False])
def test_laion_file_gives_the_same_embedding(model, network, tmp_path, new):
    loaded = clap.load(laion_file(tmp_path / "music.pt", to_laion(network), new))
    assert np.array_equal(loaded.embed(noise(5), 48000), model.embed(noise(5), 48000))
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())


def test_laion_file_computes_what_a_plain_htsat_computes(network, tmp_path):
    state = to_laion(network)
    loaded = clap.load(laion_file(tmp_path / "music.pt", state))
    wave = noise(5)
    with torch.inference_mode():
        waves = torch.from_numpy(clap.windows(clap.quantised(wave))[0])[None]
        log_mel = loaded.logmel_extractor(loaded.spectrogram_extractor(waves))[0]
    expected = embedding(state, log_mel, SMALL["num_attention_heads"], SMALL["depths"])
    assert np.abs(loaded.embed(wave, 48000)[0] - expected.numpy()).max() < 1e-4


def test_laion_files_front_end_is_used(model, network, tmp_path):
    other = clap.Clap(network)
    other.logmel_extractor.melW.data *= 4
    loaded = clap.load(laion_file(tmp_path / "music.pt", to_laion(network, other)))
    assert torch.equal(loaded.logmel_extractor.melW, other.logmel_extractor.melW)
    assert np.abs(loaded.embed(noise(5), 48000) - model.embed(noise(5), 48000)).max() > 1e-3


@pytest.mark.parametrize(("width", "third"), [(96, 6), (128, 12)])
def test_sizes_are_read_from_the_tensors(width, third):
    """HTSAT-tiny and HTSAT-base at full size."""
    sizes = {
        "patch_embeds_hidden_size": width,
        "patch_size": 4,
        "depths": [2, 2, third, 2],
        "num_attention_heads": [4, 8, 16, 32],
        "window_size": 8,
        "mlp_ratio": 4.0,
        "hidden_size": 8 * width,
        "projection_dim": 512,
    }
    with torch.device("meta"):
        full = transformers.ClapAudioModelWithProjection(transformers.ClapAudioConfig(**sizes))
        state = to_laion(full)
    state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    assert clap.sizes(state) == sizes
    audio = {k: t for k, t in state.items() if k.startswith("audio_") and not clap._ASIDE.match(k)}
    audio = {k: t for k, t in audio.items() if not clap._UNUSED.match(k) and not clap._FRONT_END.match(k)}
    expected = {key: tensor.shape for key, tensor in full.state_dict().items()}
    assert {key: tensor.shape for key, tensor in clap.from_laion(audio).items()} == expected


@pytest.mark.parametrize("kind", ["audio", "whole", "whole in half precision", "bin"])
def test_folder_of_transformers(model, network, tmp_path, kind):
    saved = network
    if kind.startswith("whole"):
        text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        config = transformers.ClapConfig(text_config=text | {"vocab_size": 9}, audio_config=SMALL, projection_dim=16)
        saved = transformers.ClapModel(config)
        saved.load_state_dict(network.state_dict(), strict=False)
    (saved.half() if "half" in kind else saved).save_pretrained(tmp_path)
    if kind == "bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = clap.load(tmp_path)
    difference = np.abs(loaded.embed(noise(5), 48000) - model.embed(noise(5), 48000)).max()
    assert difference < 5e-3 if "half" in kind else difference == 0
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("module.audio_projection.2.bias"), r"1 key\(s\) missing: audio_projection.linear2.bias"),
        (lambda s: s.pop("module.audio_branch.bn0.running_var"), "missing: .*batch_norm.running_var"),
        (lambda s: s.update({"module.audio_branch.extra": torch.ones(1)}), r"1 key\(s\) unknown: .*extra"),
        (lambda s: s.update({"module.other.bias": torch.ones(1)}), r"1 key\(s\) unknown: other.bias"),
        (lambda s: s.pop("module.audio_branch.logmel_extractor.melW"), r"CLAP's logmel_extractor: .*missing: melW"),
        (
            lambda s: s.update({"module.audio_branch.norm.bias": torch.ones(3)}),
            r"norm.bias is \(3,\), expected \(64,\)",
        ),
        (lambda s: s.pop("module.audio_branch.patch_embed.proj.weight"), "not CLAP with an HTSAT audio branch"),
        (lambda s: [s.pop(k) for k in list(s) if ".layers." in k], "not CLAP with an HTSAT audio branch"),
        (
            lambda s: s.update({"module.audio_branch.patch_embed.mel_conv2d.weight": torch.ones(8, 1, 4, 12)}),
            "a CLAP network with feature fusion",
        ),
    ],
)
def test_load_names_what_is_wrong(network, tmp_path, change, message):
    state = to_laion(network)
    change(state)
    with pytest.raises(CLAP_ERROR, match=message) as error:
        clap.load(laion_file(tmp_path / "wrong.pt", state))
    assert "wrong.pt" in str(error.value) and "music_audioset_epoch_15_esc_90.14.pt" in str(error.value)


def test_folders_that_do_not_fit(network, tmp_path):
    with pytest.raises(CLAP_ERROR, match=r"no config.json with model.safetensors"):
        clap.load(tmp_path)
    fused = transformers.ClapAudioConfig(**SMALL, enable_fusion=True, fusion_type="aff_2d")
    transformers.ClapAudioModelWithProjection(fused).save_pretrained(tmp_path / "fused")
    with pytest.raises(CLAP_ERROR, match="feature fusion"):
        clap.load(tmp_path / "fused")
    other = transformers.ClapAudioConfig(**SMALL | {"projection_dim": 17})
    network.save_pretrained(tmp_path / "other")
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(CLAP_ERROR, match=r"linear1.bias is \(16,\), expected \(17,\)"):
        clap.load(tmp_path / "other")


def test_without_transformers(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install -r requirements-clap.txt"):
        clap.load(tmp_path)
