"""The loop of the diffusion's training against one written out here, and what a step gives to the model."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.conditioning.hsf_encoder import Encoding
from pace.diffusion.objectives import STEPS, ForwardProcess
from pace.diffusion_training import training
from pace.diffusion_training.latents import LatentDataset, batch_index
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.step import Model, batch_losses, draw_batch
from pace.diffusion_training.training import train

PARAMS = DiffusionParams(
    seed=3,
    steps=4,
    epochs=0,
    batch_size=4,
    lr=0.02,
    warmup=2,
    decay="linear",
    weight_decay=0.5,
    max_grad_norm=0.05,
    ema=0.4,
    ema_warmup=2,
    drop=0.2,
    mirror=0.5,
    objective="epsilon",
    schedule="cosine",
    min_snr=0.0,
    precision="float32",
    eval_every=2,
    save_every=100,
)
RATES = [0.01, 0.02, 0.02, 0.01]  # two steps of warm-up, then linearly to zero at a fifth step
DECAYS = [1 / 3, 0.4, 0.4, 0.4]  # (1 + step) / (1 + ema_warmup + step), at most `ema`
SWAPPED = [0, 2, 1, 4, 3]  # left and right arm, left and right leg


def videos(count):
    """Clips whose energies are 10 x their number + the part, so that a condition tells where it came from."""
    energy = [np.full((150, 5), 10 * i, np.float32) + np.arange(5, dtype=np.float32) for i in range(count)]
    still, seen = np.zeros((150, 5, 512), np.float16), np.zeros((1, 2), np.float16)
    return {f"{i:02d}": VideoConditions(e, -e, still, seen, np.zeros(1), 30.0) for i, e in enumerate(energy)}


def make_data(count=6):
    """Posteriors of another mean and deviation in every clip."""
    generator = torch.Generator().manual_seed(count)
    mean = torch.randn(count, 1, 32, 32, generator=generator) + torch.arange(count)[:, None, None, None]
    deviation = (0.5 + torch.arange(count)[:, None, None, None]).expand_as(mean)
    clips = videos(count)
    return LatentDataset(mean, deviation, ConditionStore(clips, [(name, 0.0) for name in clips]))


class Dance(nn.Module):
    """The least encoder: one number from the clip's mean energies."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 1)

    def forward(self, conditions):
        return Encoding(self.linear(conditions.slow.mean(dim=1) / 10)[:, None], None, None, None, None)


class Music(nn.Module):
    """The least U-Net: a convolution that looks at the time and the dance."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, z, t, tokens, frames):
        maps = [z, *(x.reshape(-1, 1, 1, 1).expand_as(z) for x in (t / STEPS, tokens))]
        return self.convolution(torch.cat(maps, dim=1))


def networks():
    torch.manual_seed(0)
    return Dance(), Music()


def test_training_is_the_loop_written_out_here():
    """Clipped gradients, AdamW at each step's rate, averages, validation of the averages: weights and curve."""
    data, val = make_data(), make_data(3)
    encoder, unet = networks()
    curve = train(encoder, unet, data, val, PARAMS)

    model = Model(*networks())
    process = ForwardProcess(PARAMS.objective, PARAMS.schedule, PARAMS.min_snr)
    weights = list(model.parameters())
    averages = [w.detach().clone() for w in weights]
    optimiser = torch.optim.AdamW(weights, weight_decay=0.5, foreach=False)
    losses, val_losses, norms = [], [], []
    for step in range(4):
        optimiser.param_groups[0]["lr"] = RATES[step]
        optimiser.zero_grad()
        loss = batch_losses(model, draw_batch(data, PARAMS, process, step), process).mean()
        loss.backward()
        norms.append(math.sqrt(sum(float(w.grad.square().sum()) for w in weights)))
        for w in weights:
            w.grad *= min(1.0, PARAMS.max_grad_norm / norms[-1])
        optimiser.step()
        averages = [DECAYS[step] * a + (1 - DECAYS[step]) * w.detach() for a, w in zip(averages, weights, strict=True)]
        losses.append(loss.item())
        averaged = Model(*networks())
        for w, a in zip(averaged.parameters(), averages, strict=True):
            w.data.copy_(a)
        val_losses.append(training.validate(averaged, val, PARAMS, process))

    assert min(norms) > 4 * PARAMS.max_grad_norm and max(norms) > 1.5 * min(norms), "the clipping shows"
    for trained, expected in zip([*encoder.parameters(), *unet.parameters()], averages, strict=True):
        torch.testing.assert_close(trained.data, expected, atol=1e-6, rtol=1e-6)
    assert not encoder.training and not unet.training
    assert [row["step"] for row in curve] == [2, 4]
    assert [row["loss"] for row in curve] == pytest.approx([np.mean(losses[:2]), np.mean(losses[2:])], rel=1e-5)
    assert [row["val_loss"] for row in curve] == pytest.approx(val_losses[1::2], rel=1e-5)
    assert [row["lr"] for row in curve] == RATES[1::2]


class Listener(nn.Module):
    """A model that keeps what it is given, and what it predicts."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 1)

    def forward(self, z, t, conditions, keep):
        self.z, self.conditions = z, conditions
        self.prediction = self.convolution(z)
        return self.prediction


@dataclasses.dataclass(frozen=True)
class Still(ForwardProcess):
    """The rectified flow with all times at one end: what the model is given is the latents (0) or the noise (1)."""

    share: float = 0.0

    def times(self, uniform):
        return torch.full_like(uniform, STEPS * self.share)


def given(share=0.0, step=0, **changes):
    """What a step gives to the model, and the clips that it takes."""
    data, model, params = make_data(), Listener(), dataclasses.replace(PARAMS, **changes)
    process = Still("flow", "cosine", 0.0, share=share)
    batch_losses(model, draw_batch(data, params, process, step), process)
    return model, data, batch_index(step, params.batch_size, len(data.mean), params.seed)


def test_a_step_draws_latents_from_their_posterior():
    model, data, clips = given()
    drawn = (model.z - data.mean[clips]) / data.deviation[clips]
    # 1,024 values a clip: standard errors of 0.03 and 2.2 %
    torch.testing.assert_close(drawn.mean(dim=(1, 2, 3)), torch.zeros(4), atol=0.12, rtol=0)
    torch.testing.assert_close(drawn.std(dim=(1, 2, 3)), torch.ones(4), atol=0.09, rtol=0)


def test_a_step_draws_unit_noise_apart_from_the_posteriors():
    noise, (latents, data, clips) = given(share=1.0)[0].z, given()
    posterior = (latents.z - data.mean[clips]) / data.deviation[clips]
    assert noise.std().item() == pytest.approx(1, abs=0.05) and noise.mean().item() == pytest.approx(0, abs=0.06)
    assert torch.corrcoef(torch.stack([noise.flatten(), posterior.flatten()]))[0, 1].abs() < 0.06


def test_noise_is_of_the_seed_and_the_step():
    noise = given(share=1.0)[0].z
    assert torch.equal(given(share=1.0)[0].z, noise)
    for other in (given(share=1.0, seed=4)[0].z, given(share=1.0, step=1)[0].z):
        assert (other - noise).abs().mean() > 0.5


@pytest.mark.parametrize(("mirror", "parts"), [(0.0, [0, 1, 2, 3, 4]), (1.0, SWAPPED)])
def test_a_step_gives_each_clip_its_own_dance_mirrored_as_asked(mirror, parts):
    model, _, clips = given(mirror=mirror)
    expected = 10.0 * clips[:, None] + torch.tensor(parts)
    torch.testing.assert_close(model.conditions.slow[:, 70], expected)
    torch.testing.assert_close(model.conditions.fast[:, 70], -expected)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("auto", torch.float32)]
)
def test_the_precision_is_that_of_training_and_validation(monkeypatch, precision, dtype):
    """The networks compute in it, and end in float32 whatever it is."""
    monkeypatch.setattr(training.accelerate, "bfloat16_is_fast", lambda device: False)
    data, seen = make_data(), []

    class Level(nn.Module):
        """Predicts its one weight, whatever it is given."""

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, z, t, tokens, frames):
            seen.append(self.weight.dtype)
            return self.weight.view(1, 1, 1, 1).expand_as(z)

    class NoDance(nn.Module):
        def forward(self, conditions):
            return Encoding(conditions.slow, None, None, None, None)

    unet = Level()
    train(NoDance(), unet, data, make_data(3), dataclasses.replace(PARAMS, precision=precision))
    assert len(seen) == 4 + 2 * training.VAL_REPEATS and set(seen) == {dtype}
    assert unet.weight.dtype == torch.float32


class Knowing(nn.Module):
    """Tells the noise from a clip's dance: the latents are level, at the mean energy of the first part."""

    def forward(self, z, t, conditions, keep):
        signal = ForwardProcess("epsilon", "cosine", 0.0).signal[t.long()][:, None, None, None]
        level = conditions.slow[:, :, 0].mean(dim=1)[:, None, None, None]
        return (z - signal.sqrt() * level * keep[:, None, None, None]) / (1 - signal).sqrt()


def test_the_validation_loss_of_known_networks():
    """None for one that knows each clip's latents from its own dance; the noise's variance, 1, for one that is dumb."""
    data, process = make_data(5), ForwardProcess("epsilon", "cosine", 0.0)
    level = 10.0 * torch.arange(5)[:, None, None, None]
    data = data._replace(mean=level.expand_as(data.mean).clone())
    assert training.validate(Knowing(), data, PARAMS, process) == pytest.approx(0, abs=1e-4)

    def dumb(z, t, conditions, keep):
        return torch.zeros_like(z)

    # 20 times 1,024 values: a standard error of 1 %
    assert training.validate(dumb, data, PARAMS, process) == pytest.approx(1, abs=0.04)
