"""The training step of encoder and U-Net: eager, compiled, recorded, and the whole loop around it."""

import dataclasses
import time
from collections.abc import Callable

import torch

from benchmarks import generator_networks as nets
from benchmarks.gpu import kernels
from benchmarks.gpu.data import dataset
from benchmarks.gpu.report import Run, peak_memory, reset_memory
from benchmarks.timing import per_call, wait
from pace.diffusion.flops import generator_size
from pace.diffusion_training.step import Model, draw_batch
from pace.diffusion_training.training import CHECK_EVERY
from pace.training import accelerate

NAME = "step"
RATE, MFU, FIRST_STEP = 2000, 24, 60  # samples/s of an H200 and % of the peak, of the whole loop; s
LOOP, MEMORY = "whole loop, rate", "memory"
VIDEOS = 32  # of six clips


def measure(run: Run) -> None:
    """Rows of the step as the training takes it, and of the steps towards it."""
    batch = nets.draw_batch(run.config, run.batch, run.device)
    precision = "auto" if run.gpu else "bfloat16"

    def make(compiled: bool) -> nets.OurStep:
        return nets.OurStep(Model(*nets.networks(run.config)), batch, run.config, precision, compiled, recorded=False)

    step = make(compiled=False)
    _row(run, "step, eager", step, f"{step.optimiser.dtype}")
    if run.gpu:
        kernels.rows(run, NAME, "step, eager", step)
        del step
        reset_memory(run.device)
        start = time.perf_counter()
        step = make(compiled=True)
        step()
        wait(run.device)
        first = time.perf_counter() - start
        run.report.row(NAME, "until the first step, compiled", first, "s", f"<= {FIRST_STEP}", step.how)
        _row(run, "step, compiled", step, step.how)
        step.record(True)
        _row(run, "step, compiled, CUDA graph", step, "graphs of both halves")
    else:
        run.report.say("no GPU: nothing is compiled or recorded")
    _loop(run, step)
    if run.gpu:
        run.report.row(NAME, MEMORY, peak_memory(run.device), "GB", note="reserved at most, compiled and recorded")
        kernels.rows(run, NAME, "step, compiled, CUDA graph", step)


def _loop(run: Run, step: nets.OurStep) -> None:
    """Rows of the loop of `train_diffusion`: drawing the batch, the step, and a check every few steps."""
    data = dataset(run.config, 2 if run.small else VIDEOS, run.device)
    params = dataclasses.replace(run.config.training, batch_size=run.batch)
    take_step, optimiser, process = step.take_step, step.optimiser, step.process
    pending: list[torch.Tensor] = []
    steps = iter(range(2**31))

    def draw() -> object:
        return draw_batch(data, params, process, next(steps))

    def once() -> None:
        index = next(steps)
        optimiser.schedule(index, params.learning_rate(min(index, params.steps - 1)))
        pending.append(take_step(draw_batch(data, params, process, index)))
        if len(pending) == CHECK_EVERY:
            torch.stack(pending).tolist()
            pending.clear()

    alone, drawing, whole = (per_call(call, run.device, run.seconds) for call in (step, draw, once))
    rate = run.batch / whole
    flops = generator_size(run.config.encoder, run.config.unet, run.config.shape).training_flops
    run.report.row(NAME, LOOP, rate, "samples/s", f">= {RATE}" if run.gpu else "", f"batch {run.batch}")
    run.report.row(NAME, "whole loop, time", 1000 * whole, "ms/step")
    run.report.row(NAME, "the loop around the step", 1000 * (whole - alone), "ms/step", "~0" if run.gpu else "")
    run.report.row(NAME, "drawing a batch, alone", 1000 * drawing, "ms/step")
    run.report.row(NAME, "whole loop, products", rate * flops / 1e12, "TFLOP/s")
    peak = accelerate.peak_flops(run.device)
    if peak:
        note = f"of {peak / 1e12:g} TFLOP/s"
        run.report.row(NAME, "whole loop, share of the peak", 100 * rate * flops / peak, "% MFU", f">= {MFU}", note)
    elif run.gpu:
        run.report.say("the peak of this card is unknown: no MFU")


def _row(run: Run, what: str, step: Callable[[], object], note: str) -> None:
    seconds = per_call(step, run.device, run.seconds)
    run.report.row(NAME, what, run.batch / seconds, "samples/s", note=f"{1000 * seconds:.1f} ms, {note}")
