"""A step of the autoencoder's training as a CUDA graph sees it: fixed inputs, results that the next step overwrites.

The graph is imitated on the CPU. Types and memory layouts are those of a GPU run.
"""

import dataclasses

import pytest
import torch
from helpers.small_vae_training import CPU, PARAMS, VAE, images, mels, narrow_lpips

from pace.autoencoder.vae import COMPILED, AutoencoderKL, VaeParams
from pace.autoencoder_training import vae_trainer
from pace.autoencoder_training.vae_trainer import VaeTrainer
from pace.autoencoder_training.vae_training import evaluate, train
from pace.training.optimiser import Optimiser


class Graph:
    """Stands in for `Recorded`: what it reads must keep its place, and its results lie in the same tensors always."""

    made = 0

    def __init__(self, work, device):
        Graph.made += 1
        self.work, self.results = work, None
        self.places = [x.data_ptr() for x in work.args if isinstance(x, torch.Tensor)]
        assert len(self.places) == 2  # images and noise

    def __call__(self):
        assert self.places == [x.data_ptr() for x in self.work.args if isinstance(x, torch.Tensor)]
        results = self.work()
        if self.results is None:
            self.results = {key: value.clone() for key, value in results.items()}
        else:
            assert list(results) == list(self.results)
            torch._foreach_copy_(list(self.results.values()), list(results.values()))
        return self.results


@pytest.mark.parametrize("with_lpips", [False, True])
def test_replayed_steps_give_the_same_training(monkeypatch, with_lpips):
    lpips = narrow_lpips(monkeypatch) if with_lpips else None
    args = mels(5), mels(3, seed=1), VAE, PARAMS, lpips
    plain = train(*args)
    monkeypatch.setattr(vae_trainer, "Recorded", Graph)
    monkeypatch.setattr(Graph, "made", 0)
    replayed = train(*args)
    assert Graph.made == 2  # before and after the start of the discriminator
    assert replayed.curve == plain.curve
    for key, value in plain.state_dict.items():
        assert torch.equal(value, replayed.state_dict[key]), key


def test_the_values_of_a_step_outlive_the_next_one(monkeypatch):
    monkeypatch.setattr(vae_trainer, "Recorded", Graph)
    trainer = VaeTrainer(VAE, PARAMS, None, CPU)
    first = trainer.step(images(), 2)
    kept = {key: value.item() for key, value in first.items()}
    trainer.step(images(4)[2:], 3)
    assert {key: value.item() for key, value in first.items()} == kept


def test_bfloat16_trains_nearly_as_float32(monkeypatch):
    """With float32 weights beside the bfloat16 ones, in which the networks compute: an update below 2^-8 counts."""
    lpips = narrow_lpips(monkeypatch)
    args = mels(5), mels(3, seed=1), VAE
    full, low = (
        train(*args, dataclasses.replace(PARAMS, precision=precision), lpips) for precision in ("float32", "bfloat16")
    )
    for expected, row in zip(full.curve, low.curve, strict=True):
        assert row == pytest.approx(expected, rel=0.05, abs=1e-3)
        assert row["val_l1"] == pytest.approx(expected["val_l1"], abs=2e-3)
    assert low.metrics == pytest.approx(full.metrics, rel=5e-3)
    weights = low.state_dict["encoder.conv_in.weight"]
    assert weights.dtype == torch.float32 and not torch.equal(weights, weights.bfloat16().float())
    assert all(weight.dtype == torch.float32 for weight in lpips.parameters())  # the caller's stay as they are


def test_networks_compute_in_bfloat16_and_losses_in_float32(monkeypatch):
    trainer = VaeTrainer(VAE, dataclasses.replace(PARAMS, precision="bfloat16"), narrow_lpips(monkeypatch), CPU)
    seen = set()
    for network in (trainer.vae, trainer.discriminator, trainer.lpips.features):
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.GroupNorm):
                module.register_forward_hook(lambda _, inputs, output: seen.update({inputs[0].dtype, output.dtype}))
    terms, output = trainer.terms(images(), torch.randn(2, 2, 8, 8), PARAMS.discriminator_start)
    assert seen == {torch.bfloat16} and output.dtype == torch.bfloat16
    assert {value.dtype for value in terms.values()} == {torch.float32} == {trainer.loss(terms)[1].dtype}
    values = trainer.step(images(), PARAMS.discriminator_start)
    assert {value.dtype for value in values.values()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("structure", [VaeParams(1, (8, 8, 8, 8), 1, 1, 4, True), VAE])
def test_every_block_gets_and_gives_channels_last(structure, dtype):
    """A convolution of one channel gives the layout of its weights, which the optimiser must keep."""
    vae = AutoencoderKL(structure).to(memory_format=torch.channels_last)
    Optimiser(vae, lr=0, weight_decay=0, max_grad_norm=0, ema=0, ema_warmup=0, dtype=dtype)
    layouts = []
    for module in vae.modules():
        if isinstance(module, COMPILED):
            module.register_forward_hook(lambda _, inputs, output: layouts.extend([inputs[0], output]))
    vae.decode(vae.encode(torch.rand(2, 1, 64, 64))[0])
    assert len(layouts) > 20
    assert all(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous() for x in layouts)


def test_validation_of_bfloat16_weights_is_in_float32():
    vae = AutoencoderKL(VAE).bfloat16()
    stored = torch.from_numpy(mels(3))
    scores = evaluate(vae, stored, 2, CPU)
    with torch.no_grad():
        output = torch.cat([vae.decode(vae.encode(x[:, None] / 255.0)[0]).float() for x in stored.split(2)])
    error = (output[:, 0].clamp(0, 1) - stored / 255.0).abs().mean().item()
    assert scores["val_l1"] == pytest.approx(error, rel=1e-6)
