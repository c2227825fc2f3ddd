"""Stage latents: the posterior of each clip's mel image, under the clip's id."""

import numpy as np
import torch
from helpers import tiny_autoencoder

from pace.autoencoder.inference import load_vae
from stages import latents


def test_every_clip_has_the_posterior_of_its_own_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_autoencoder.save("models/vae")
    mels = np.random.default_rng(0).integers(0, 256, (3, 256, 256), dtype=np.uint8)
    (tmp_path / "data/mel").mkdir(parents=True)
    for split, chosen in (("train", [2, 0]), ("val", [1]), ("test", [])):
        np.savez(f"data/mel/{split}.npz", mel=mels[chosen], clip_id=np.array([f"clip{i}" for i in chosen], "U8"))
    latents.main([])
    with np.load("data/latents/train.npz") as file:
        assert file["clip_id"].tolist() == ["clip2", "clip0"]
        with torch.no_grad():
            mean, log_variance = load_vae("models/vae").encode(torch.from_numpy(mels[[2, 0]])[:, None] / 255.0)
        np.testing.assert_allclose(file["mean"], mean, atol=2e-3)
        np.testing.assert_allclose(file["log_variance"], log_variance, atol=4e-3)
        assert np.abs(file["mean"] - file["log_variance"]).mean() > 0.1
        assert np.abs(file["mean"][0] - file["mean"][1]).mean() > 0.01
    with np.load("data/latents/test.npz") as file:
        assert file["mean"].shape == (0, 2, 32, 32)
