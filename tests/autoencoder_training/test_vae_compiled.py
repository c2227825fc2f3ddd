"""What `train_vae`, `latents` and `sample` do on a GPU, compiled for the CPU by Inductor and g++ at a small size."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from helpers.small_vae_training import CPU, PARAMS, VAE, mels, narrow_lpips, random_lpips

from pace.autoencoder.inference import encode_mels
from pace.autoencoder.vae import COMPILED, AutoencoderKL, VaeParams
from pace.autoencoder_training import perceptual
from pace.autoencoder_training.discriminator import PatchDiscriminator
from pace.autoencoder_training.perceptual import Lpips
from pace.autoencoder_training.vae_trainer import VaeTrainer
from pace.autoencoder_training.vae_training import evaluate, train
from pace.training import accelerate
from pace.training.resume import Resume

pytestmark = pytest.mark.skipif(accelerate.compiler(CPU) is None, reason="needs g++, in a path without spaces")
WITH_ATTENTION = VaeParams(4, (8, 8), 1, 1, 4, True)


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(accelerate, "prepare", functools.partial(accelerate.prepare, compiled=True))


@pytest.mark.long
def test_everything_that_is_compiled_is_traced_whole_and_trains_as_it_is_written(compiled, monkeypatch):
    """No code is generated here. The adaptive scale differentiates twice through what is compiled."""
    plain, traced = torch.nn.Module.compile, []

    def trace(module, dynamic, options):
        traced.append(type(module))
        plain(module, dynamic=dynamic, backend="aot_eager", fullgraph=True)

    monkeypatch.setattr(torch.nn.Module, "compile", trace)
    args = mels(4, size=32), mels(3, seed=1, size=32), WITH_ATTENTION, PARAMS, narrow_lpips(monkeypatch)
    with accelerate.not_compiled():
        eager = train(*args)
    torch._dynamo.utils.counters.clear()
    whole = train(*args)
    assert set(traced) == {*COMPILED, PatchDiscriminator, Lpips}
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= len(set(traced))
    for expected, row in zip(eager.curve, whole.curve, strict=True):
        assert row == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.slow
def test_a_compiled_distance_in_bfloat16_is_differentiated_twice(monkeypatch):
    """By Inductor: LPIPS alone, as code for all networks takes a minute."""
    plain = accelerate.prepare
    monkeypatch.setattr(accelerate, "prepare", lambda x, device, blocks=(): plain(x, device, isinstance(x, Lpips)))
    monkeypatch.setattr(perceptual, "VGG16", (((0, 3, 8),),))
    params = dataclasses.replace(PARAMS, precision="bfloat16", discriminator_start=0)
    lpips, stored = random_lpips(), torch.from_numpy(mels(3, size=32))
    values, scores = [], []
    for stance in ("force_eager", "default"):
        trainer = VaeTrainer(VAE, params, lpips, CPU)
        with torch.compiler.set_stance(stance):
            values.append(trainer.step(stored[:2, None] / 255.0, 0))
        trainer.swap()
        scores.append(evaluate(trainer.vae, stored, 2, CPU))
    for key, value in values[0].items():
        assert values[1][key].item() == pytest.approx(value.item(), rel=0.03), key
    assert scores[1]["val_l1"] == pytest.approx(scores[0]["val_l1"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "with_lpips"), [("float32", True), ("bfloat16", True), ("bfloat16", False)])
def test_a_compiled_training_is_close_to_the_eager_one(compiled, monkeypatch, tmp_path, precision, with_lpips):
    """Through the discriminator's start, validations with a smaller last batch, an interruption, encoding, decoding."""
    params = dataclasses.replace(PARAMS, precision=precision)
    structure = WITH_ATTENTION if with_lpips else VAE
    args = (mels(5), mels(3, seed=1), structure, params, narrow_lpips(monkeypatch) if with_lpips else None)
    with accelerate.not_compiled():
        eager = train(*args)
    whole = train(*args)
    # The mean score may be near 0, while single scores near 1 are rounded to 2^-8, in both trainings.
    relative, absolute = (0.03, 2**-7) if precision == "bfloat16" else (1e-3, 1e-4)
    for expected, row in zip(eager.curve, whole.curve, strict=True):
        assert row == pytest.approx(expected, rel=relative, abs=absolute)
    assert whole.metrics == pytest.approx(eager.metrics, rel=2e-2 if precision == "bfloat16" else 1e-4)
    assert all(weight.dtype == torch.float32 for weight in whole.state_dict.values())

    def stop(done, _):
        if done == 4:
            raise KeyboardInterrupt

    resume = Resume(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(*args, resume=resume, progress=stop)
    again = train(*args, resume=resume)
    assert again.curve == whole.curve and again.metrics == whole.metrics
    for key, value in whole.state_dict.items():
        assert torch.equal(value, again.state_dict[key]), key

    vae = AutoencoderKL(structure)
    vae.load_state_dict(whole.state_dict)
    accelerate.prepare(vae, CPU)
    stored = mels(3, size=256)
    mean, _ = encode_mels(vae, stored, CPU, lambda count: None)
    with torch.no_grad():
        images = vae.decode(torch.from_numpy(mean).float())[:, 0].clamp(0, 1).numpy()
    expected = evaluate(vae, torch.from_numpy(stored), 2, CPU)["val_l1"]
    assert np.abs(images - stored / 255.0).mean() == pytest.approx(expected, abs=1e-3)
