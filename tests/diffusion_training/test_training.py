"""Training: the condition is used, a resumed run is the same run, a lost run says so."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from pace.conditioning.alignment import resampling
from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.conditioning.hsf_encoder import EncoderParams
from pace.diffusion.generator import DataShape, Generator, build
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion.unet import UNetParams
from pace.diffusion_training import training
from pace.diffusion_training.latents import batch_index, make_dataset, measure_scale
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.step import Model, batch_losses, draw_batch
from pace.diffusion_training.training import train
from pace.sampling.sampling import SampleParams, sample_latents
from pace.training.learning_rate import DECAYS, learning_rate
from pace.training.resume import Resume

ENCODER = EncoderParams(
    width=16,
    heads=2,
    branches="both",
    fusion="gate",
    parts="five",
    pooling="mean",
    residual=False,
    align=True,
    motion=True,
    visual=False,
    part_gate=True,
    energies=True,
    semantic=True,
    part_code=False,
)
UNET = UNetParams(
    widths=(8, 16),
    attention=(False, False),
    layers=1,
    heads=2,
    groups=4,
    align_width=16,
    align_layers=2,
    align_kernel=5,
    align_bins=2,
)
TRAINING = DiffusionParams(
    seed=0,
    steps=6,
    epochs=0,
    batch_size=4,
    lr=3e-3,
    warmup=2,
    decay="linear",
    weight_decay=0.01,
    max_grad_norm=1.0,
    ema=0.98,
    ema_warmup=9,
    drop=0.1,
    mirror=0.5,
    objective="v",
    schedule="cosine",
    min_snr=5.0,
    precision="float32",
    eval_every=3,
    save_every=2,
)
SHAPE = DataShape(channels=1, visual_width=2, frames=150, fps=30.0)


def pulses(count, seed):
    """Clips whose latents are bright in the columns where the arms' fast energy peaks.

    The semantics are the same in every frame and clip: all timing comes through the energies and the attention.
    Returns the pulse of each column (count,32), latents (count,1,32,32) and the conditions.
    """
    rng = np.random.default_rng(seed)
    weights = resampling(32, 150, 30.0).numpy()
    semantic = np.random.default_rng(0).standard_normal((1, 5, 512)).astype(np.float16).repeat(150, axis=0)
    videos, columns = {}, []
    for i in range(count):
        period, first = rng.uniform(0.6, 1.2), rng.uniform(0, 0.6)
        phase = (np.arange(150) / 30 - first + period / 2) % period - period / 2
        pulse = np.exp(-((phase / 0.08) ** 2))
        quiet = rng.uniform(0, 0.05, (150, 5))
        fast = quiet + pulse[:, None] * np.array([0, 1, 1, 0, 0])
        columns.append(weights @ pulse)
        videos[f"{i:03d}"] = VideoConditions(
            quiet.astype(np.float32),
            fast.astype(np.float32),
            semantic,
            np.zeros((2, 2), np.float16),
            np.array([1.0, 4.0]),
            30.0,
        )
    columns = np.array(columns)
    latents = np.repeat((2 * columns - 0.5)[:, None, None, :], 32, axis=2)
    latents += rng.normal(0, 0.1, latents.shape)
    return columns, latents.astype(np.float32), ConditionStore(videos, [(name, 0.0) for name in videos])


def setup(count=8, encoder=ENCODER):
    _, latents, conditions = pulses(count, seed=1)
    variance = np.full_like(latents, -6.0)
    scale = measure_scale(latents, variance)
    torch.manual_seed(0)
    return *build(encoder, UNET, SHAPE), make_dataset(latents, variance, scale, conditions), scale


def correlation(a, b):
    a, b = a - a.mean(-1, keepdims=True), b - b.mean(-1, keepdims=True)
    return float(((a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))).mean())


def timing(align):
    """Correlation of generated columns with the pulses of the own and of another clip's condition, unseen clips."""
    encoder, unet, data, scale = setup(96, dataclasses.replace(ENCODER, align=align))
    params = dataclasses.replace(TRAINING, steps=80, batch_size=8, lr=1e-2, warmup=10, min_snr=0.0, mirror=0.0)
    train(encoder, unet, data, None, dataclasses.replace(params, eval_every=80))
    columns, _, conditions = pulses(16, seed=2)
    names = [str(i) for i in range(16)]
    sampling = SampleParams("dpm++2m", 12, 1.5, 80.0, 0.0, 0, 16, "test", "float32")
    generator = Generator(encoder, unet, params.task(), SHAPE, scale)
    generated = sample_latents(generator, conditions.batch(torch.arange(16)), names, sampling).mean(dim=(1, 2)).numpy()
    return correlation(generated, columns), correlation(generated, np.roll(columns, 5, axis=0))


@pytest.mark.long
def test_the_aligned_condition_sets_the_timing():
    own, other = timing(align=True)
    assert own > 0.8, (own, other)
    assert abs(other) < 0.3, (own, other)


@pytest.mark.long
def test_one_token_per_clip_does_not():
    own, _ = timing(align=False)
    assert own < 0.3, own


def test_batches_cover_each_epoch_once():
    seen = torch.cat([batch_index(step, 4, 10, seed=3) for step in range(5)])
    assert sorted(seen[:10].tolist()) == sorted(seen[10:].tolist()) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()


def test_the_learning_rate_is_that_of_the_schedule_with_the_sections_values():
    params = dataclasses.replace(TRAINING, steps=110, warmup=10, lr=0.5)
    for decay in DECAYS:
        for step in (0, 9, 35, 109):
            rate = dataclasses.replace(params, decay=decay).learning_rate(step)
            assert rate == learning_rate(step, 0.5, 10, 110, decay)


def test_latents_are_normalised_with_their_posterior():
    rng = np.random.default_rng(0)
    mean = rng.normal([[[[3.0]], [[-1.0]]]], [[[[2.0]], [[0.5]]]], (50, 2, 32, 32)).astype(np.float16)
    log_variance = np.full_like(mean, math.log(0.25))
    scale = measure_scale(mean, log_variance)
    torch.testing.assert_close(scale.mean, torch.tensor([3.0, -1.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(scale.std, torch.tensor([4.25, 0.5]).sqrt(), rtol=0.02, atol=0)
    z = torch.randn(2, 2, 32, 32)
    torch.testing.assert_close(scale.restore(scale.normalise(z)), z, atol=1e-5, rtol=1e-5)
    conditions = setup(8)[2].conditions
    data = make_dataset(mean[:8], log_variance[:8], scale, conditions)
    total = data.mean.var(dim=(0, 2, 3)) + data.deviation.square().mean(dim=(0, 2, 3))
    torch.testing.assert_close(total, torch.ones(2), atol=0.1, rtol=0)
    with pytest.raises(ValueError, match="5 latents but 8 clips"):
        make_dataset(mean[:5], log_variance[:5], scale, conditions)


class Killed(Exception):
    pass


@pytest.mark.long
def test_a_resumed_run_is_the_same_run(tmp_path):
    """Stopped after step 4 of 6, the rerun ends with the same bits: weights and curve."""

    seen = []

    def run(resume, stop_at=None):
        encoder, unet, data, _ = setup()

        def progress(step, values):
            seen.append(step)
            if step == stop_at:
                raise Killed

        curve = train(encoder, unet, data, data, TRAINING, resume, progress)
        return [*encoder.state_dict().values(), *unet.state_dict().values()], curve

    weights, curve = run(None)
    resume = Resume(tmp_path / "state")
    with pytest.raises(Killed):
        run(resume, stop_at=6)
    assert resume.load()["step"] == 4
    seen.clear()
    again, curve_again = run(resume)
    assert seen == [6], "the steps before the saved one are not repeated"
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))
    assert curve == curve_again and [row["step"] for row in curve] == [3, 6]


def test_a_loss_that_is_not_finite_stops_the_run():
    encoder, unet, data, _ = setup()
    data.mean[3] = math.nan
    with pytest.raises(FloatingPointError, match=r"loss nan, gradient norm nan at step [01], learning rate 0.00.*none"):
        train(encoder, unet, data, None, TRAINING)


def test_a_gradient_that_is_not_finite_stops_the_run_and_names_the_last_good_state(tmp_path, monkeypatch):
    """The state of step 4 stays; step 5's weights, spoilt by its gradient, are never saved."""
    encoder, unet, data, _ = setup()
    plain = training.draw_batch

    def draw_batch(*arguments):
        if arguments[3] == 4:
            next(unet.parameters()).register_hook(lambda grad: grad * math.inf)
        return plain(*arguments)

    monkeypatch.setattr(training, "draw_batch", draw_batch)
    resume = Resume(tmp_path / "state")
    with pytest.raises(
        FloatingPointError, match=r"gradient norm (inf|nan) at step 4, .*last good state: step 4, in .*state.pt"
    ):
        train(encoder, unet, data, None, TRAINING, resume)
    state = resume.load()
    assert state["step"] == 4 and bool(state["optimiser"]["weights"].isfinite().all())


def test_conditions_are_dropped_as_often_as_asked():
    """With every condition dropped nothing reaches the encoder's weights."""
    process = ForwardProcess("v", "cosine", 0.0)
    for drop, reached in ((1.0, False), (0.0, True)):
        encoder, unet, data, _ = setup()
        params = dataclasses.replace(TRAINING, drop=drop)
        batch_losses(Model(encoder, unet), draw_batch(data, params, process, 0), process).mean().backward()
        assert any(w.grad is not None and bool(w.grad.abs().max() > 0) for w in encoder.parameters()) == reached
