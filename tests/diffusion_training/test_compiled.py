"""What a GPU run does, on the CPU: compiled networks in training, validation, resume and sampling.

Inductor compiles them for real, with g++. Only CUDA graphs are missing, which tests/training/test_graphs.py imitates.
"""

import dataclasses

import numpy as np
import pytest
import torch
from functorch.compile import make_boxed_func
from torch._inductor.compile_fx import compile_fx

from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.conditioning.hsf_encoder import Conditions, EncoderParams
from pace.diffusion.generator import COMPILED, DataShape, Generator, LatentScale, build
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion.unet import UNetParams
from pace.diffusion_training import training
from pace.diffusion_training.latents import LatentDataset
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.step import Batch, Model, batch_losses, draw_batch
from pace.diffusion_training.training import train
from pace.sampling.sampling import SampleParams, sample_latents
from pace.training import accelerate
from pace.training.resume import Resume

CPU = torch.device("cpu")
PAPER = EncoderParams(8, 2, "both", "gate", "five", "mean", False, False, True, True, True, True, True)
ALIGNED = dataclasses.replace(PAPER, align=True, pooling="sequence")
UNET = UNetParams((8,), (True,), 1, 2, 4, 8, 1, 3, 2)  # four kinds of block: compiling takes seconds each
SHAPE = DataShape(channels=1, visual_width=3, frames=150, fps=30.0)
PARAMS = DiffusionParams(
    seed=0, steps=6, epochs=0, batch_size=4, lr=1e-2, warmup=1, decay="linear", weight_decay=0.0, max_grad_norm=1.0,
    ema=0.5, ema_warmup=9, drop=0.25, mirror=0.5, objective="v", schedule="cosine", min_snr=0.0, precision="float32",
    eval_every=3, save_every=2,
)  # fmt: skip
SAMPLE = SampleParams("ddpm", 3, 1.5, 0.0, 4.0, 0, 3, "test", "float32")

needs_compiler = pytest.mark.skipif(accelerate.compiler(CPU) is None, reason="needs g++, in a path without spaces")


def dataset(count):
    rng = np.random.default_rng(count)
    videos = {
        f"{i:02d}": VideoConditions(
            rng.random((150, 5), np.float32),
            rng.random((150, 5), np.float32),
            rng.standard_normal((150, 5, 512)).astype(np.float16),
            rng.standard_normal((3, 3)).astype(np.float16),
            np.array([1.0, 2.5, 4.0]),
            30.0,
        )
        for i in range(count)
    }
    latents = torch.from_numpy(rng.standard_normal((2, count, 1, 32, 32)).astype(np.float32))
    return LatentDataset(latents[0], 0.1 * latents[1].abs(), ConditionStore(videos, [(name, 0.0) for name in videos]))


def run(encoder, precision, resume=None, steps=6):
    """Train from the same weights, and sample with the result; returns curve, weights and latents."""
    params = dataclasses.replace(PARAMS, precision=precision, steps=steps)
    torch.manual_seed(0)
    networks = build(encoder, UNET, SHAPE)
    curve = train(*networks, dataset(6), dataset(5), params, resume)
    scale = LatentScale(torch.zeros(1), torch.ones(1))
    generator = Generator(*networks, params.task(), SHAPE, scale)
    conditions = dataset(3).conditions.batch(torch.arange(3))
    music = sample_latents(generator, conditions, ["a", "b", "c"], SAMPLE)
    return curve, torch.cat([p.detach().flatten() for net in networks for p in net.parameters()]), music


def rewritten_only(graph, inputs):
    """Inductor up to its rewriting of attention and other patterns, where a GPU run once failed; no code is made."""
    return compile_fx(graph, inputs, inner_compile=lambda rewritten, *_, **__: make_boxed_func(rewritten.forward))


def compiled_as_on_a_gpu(monkeypatch, backend):
    """Let `accelerate.prepare` compile. Returns a list that gets the number of compiled modules of each call."""
    plain, count = accelerate.prepare, []

    def prepare(network, device, compiled=None, blocks=()):
        if backend == "inductor":
            assert plain(network, device, True, blocks) == "compiled with g++"
        else:
            for module in network.modules():
                if isinstance(module, blocks):
                    module.compile(dynamic=False, backend=backend)
        count.append(sum(module._compiled_call_impl is not None for module in network.modules()))
        return "compiled"

    monkeypatch.setattr(accelerate, "prepare", prepare)
    return count


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def close(a, b, tolerance):
    return float((a - b).norm() / b.norm()) < tolerance


@needs_compiler
@pytest.mark.slow
def test_a_compiled_training_is_the_eager_one(tmp_path, monkeypatch):
    """Through validation on a smaller last batch, averages swapped in, an interruption, and sampling under no_grad."""
    count = compiled_as_on_a_gpu(monkeypatch, "inductor")
    curve, weights, music = run(PAPER, "float32", Resume(tmp_path / "whole"))
    assert count == [10], "the encoder, five residual blocks and four transformers"
    stop_after(4, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run(PAPER, "float32", Resume(tmp_path / "cut"))
    monkeypatch.setattr(training, "draw_batch", draw_batch)
    resumed = run(PAPER, "float32", Resume(tmp_path / "cut"))
    assert torch.equal(resumed[1], weights) and resumed[0] == curve and torch.equal(resumed[2], music)
    monkeypatch.undo()
    eager = run(PAPER, "float32")
    assert close(weights, eager[1], 1e-4) and close(music, eager[2], 1e-3)
    for row, expected in zip(curve, eager[0], strict=True):
        assert row == pytest.approx(expected, rel=1e-3)


def stop_after(steps, monkeypatch):
    def stopping(data, params, process, step, processes):
        if step == steps:
            raise KeyboardInterrupt
        return draw_batch(data, params, process, step, processes)

    monkeypatch.setattr(training, "draw_batch", stopping)


@pytest.mark.parametrize(
    ("encoder", "backend"),
    [
        (PAPER, rewritten_only),
        pytest.param(ALIGNED, rewritten_only, marks=pytest.mark.slow),
        pytest.param(PAPER, "inductor", marks=[pytest.mark.slow, needs_compiler]),
        pytest.param(ALIGNED, "inductor", marks=[pytest.mark.slow, needs_compiler]),
    ],
)
def test_a_compiled_training_in_bfloat16(monkeypatch, encoder, backend):
    """As on a GPU by default. Few steps: bfloat16 has three digits."""
    count = compiled_as_on_a_gpu(monkeypatch, backend)
    curve, weights, music = run(encoder, "bfloat16", steps=3)
    assert count[0] >= 10 and weights.dtype == torch.float32 and bool(music.isfinite().all())
    monkeypatch.undo()
    eager = run(encoder, "float32", steps=3)
    assert close(weights, eager[1], 0.05)
    assert curve[-1]["val_loss"] == pytest.approx(eager[0][-1]["val_loss"], rel=0.02)


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [
        (rewritten_only, torch.float32),
        pytest.param(rewritten_only, torch.bfloat16, marks=pytest.mark.slow),
        pytest.param("inductor", torch.float32, marks=[pytest.mark.slow, needs_compiler]),
        pytest.param("inductor", torch.bfloat16, marks=[pytest.mark.slow, needs_compiler]),
    ],
)
def test_compiled_networks_run_without_gradients_after_a_training_step(monkeypatch, backend, dtype):
    """What failed on a GPU: a step, then the same modules under no_grad, in the same and in another batch size."""
    compiled_as_on_a_gpu(monkeypatch, backend)
    torch.manual_seed(0)
    model = Model(*build(PAPER, UNET, SHAPE))
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    accelerate.prepare(model, CPU, blocks=COMPILED)
    process = ForwardProcess("v", "cosine", 0.0)
    batch = draw_batch(dataset(6), PARAMS, process, 0)
    losses = batch_losses(model, batch, process)
    losses.mean().backward()
    smaller = Batch(*(x[:3] for x in batch[:4]), Conditions(*(x[:3] for x in batch.conditions)))
    with torch.no_grad():
        torch.testing.assert_close(batch_losses(model, batch, process), losses.detach(), rtol=2e-2, atol=2e-2)
        torch.testing.assert_close(batch_losses(model, smaller, process), losses[:3].detach(), rtol=2e-2, atol=2e-2)
        if dtype == torch.float32:
            with torch.autocast("cpu", torch.bfloat16):
                torch.testing.assert_close(batch_losses(model, batch, process), losses.detach(), rtol=0.1, atol=0.1)
