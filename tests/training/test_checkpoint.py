import torch

from pace.autoencoder.vae import VaeParams
from pace.training import checkpoint

PARAMS = VaeParams(4, (8, 16), 1, 4, 4, True)


def test_the_same_weights_give_the_same_bytes(tmp_path):
    tensors = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.ones(2, dtype=torch.int64)}
    checkpoint.save_model(tmp_path / "1.safetensors", tensors)
    checkpoint.save_model(tmp_path / "2.safetensors", dict(reversed(tensors.items())))
    assert (tmp_path / "1.safetensors").read_bytes() == (tmp_path / "2.safetensors").read_bytes()
    assert torch.equal(checkpoint.load_model(tmp_path / "1.safetensors")["b"], tensors["b"])
