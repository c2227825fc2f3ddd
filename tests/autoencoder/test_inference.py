"""The trained autoencoder: loaded as it was saved, and encoding stored mel images."""

import dataclasses

import numpy as np
import pytest
import torch

from pace.autoencoder.inference import encode_mels, load_vae
from pace.autoencoder.vae import AutoencoderKL, VaeParams
from pace.training import checkpoint

PARAMS = VaeParams(4, (8, 16), 1, 4, 4, True)


def save_vae(folder, model):
    checkpoint.save_model(folder / "vae.safetensors", model.state_dict())
    checkpoint.write_config(folder, {"vae": dataclasses.asdict(model.params)})


def test_a_saved_vae_comes_back_exactly(tmp_path):
    torch.manual_seed(0)
    model = AutoencoderKL(PARAMS)
    save_vae(tmp_path / "vae", model)
    again = load_vae(tmp_path / "vae")
    assert again.params == PARAMS and not again.training
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key


def test_bad_model_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json: no such file"):
        load_vae(tmp_path)
    save_vae(tmp_path, AutoencoderKL(PARAMS))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json: not valid JSON"):
        load_vae(tmp_path)
    config = {"vae": {**dataclasses.asdict(PARAMS), "layers": 2}}
    checkpoint.write_config(tmp_path, config)
    with pytest.raises(ValueError, match=r"vae\.safetensors does not fit AutoencoderKL: .*keys missing"):
        load_vae(tmp_path)
    config["vae"]["layers"], config["vae"]["channels"] = 1, [8, 24]
    checkpoint.write_config(tmp_path, config)
    with pytest.raises(ValueError, match=r"vae\.safetensors.*shape"):
        load_vae(tmp_path)
    del config["vae"]["groups"]
    checkpoint.write_config(tmp_path, config)
    with pytest.raises(ValueError, match=r"config\.json: key `vae\.groups` is missing"):
        load_vae(tmp_path)
    (tmp_path / "vae.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="not a safetensors file"):
        checkpoint.load_model(tmp_path / "vae.safetensors")


def test_encode_mels_keeps_order_and_scale():
    torch.manual_seed(0)
    vae = AutoencoderKL(VaeParams(4, (8, 16), 1, 4, 4, False)).eval()
    mels = np.random.default_rng(0).integers(0, 256, (17, 256, 256), dtype=np.uint8)
    counted = []
    mean, log_variance = encode_mels(vae, mels, torch.device("cpu"), counted.append)
    assert mean.shape == log_variance.shape == (17, 4, 32, 32) and mean.dtype == np.float16
    assert sum(counted) == 17
    with torch.no_grad():
        expected, _ = vae.encode(torch.from_numpy(mels[16:]).unsqueeze(1) / 255.0)
    np.testing.assert_allclose(mean[16:], expected.numpy(), atol=2e-3)
    empty, _ = encode_mels(vae, mels[:0], torch.device("cpu"), counted.append)
    assert empty.shape == (0, 4, 32, 32)
    with pytest.raises(ValueError, match="these have"):
        encode_mels(vae, mels[:, :128], torch.device("cpu"), counted.append)
