"""The U-Net alone, not compiled: ours, and diffusers' of the same size."""

import importlib.util

from benchmarks import generator_networks as nets
from benchmarks.gpu.report import Run, reset_memory
from benchmarks.timing import per_call

NAME = "unet"


def measure(run: Run) -> None:
    """Samples/s of a training step of the U-Net in float32 (on a GPU TF32) and in bfloat16."""
    installed = importlib.util.find_spec("diffusers") is not None
    if not installed:
        run.report.say("diffusers is not installed: its U-Net is left out")
    for precision in ("bfloat16", "float32"):
        note = f"eager, batch {run.batch}"
        step = nets.unet_step(run.config, run.batch, run.device, precision, compiled=False, recorded=False)
        _row(run, f"ours, {precision}", step, note)
        del step
        reset_memory(run.device)
        if installed:
            plain, published = nets.diffusers_steps(run.config, run.batch, run.device, precision)
            _row(run, f"diffusers, {precision}", plain, f"{note}, fused AdamW and our averages")
            del plain
            _row(run, f"diffusers' scripts, {precision}", published, f"{note}, AdamW as PyTorch chooses, EMAModel")
            del published
            reset_memory(run.device)


def _row(run: Run, what: str, step: object, note: str) -> None:
    assert callable(step)
    rate = run.batch / per_call(step, run.device, run.seconds)
    run.report.row(NAME, f"U-Net step, {what}", rate, "samples/s", note=note)
