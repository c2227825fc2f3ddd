"""The generator on this GPU in under six minutes: speed, memory, a short training, and the paper's training projected.

It needs PyTorch and NumPy alone; diffusers' U-Net is measured beside ours where diffusers is installed. Each row is
printed as soon as it is measured. A part that fails prints its error, the others go on, and the exit status is 1.
"""

import argparse
import platform
import sys
import time
import traceback
from pathlib import Path

import numpy
import torch

from benchmarks import settings
from benchmarks.gpu import (
    autoencoder,
    compiled_sampling,
    count,
    fused,
    projection,
    sampling,
    short_training,
    training_step,
    unet,
)
from benchmarks.gpu.report import Report, Run, reset_memory
from pace.training import accelerate

# The projection reads what the parts before it have measured.
DEFAULT = (unet, training_step, sampling, autoencoder, short_training, compiled_sampling, projection, count)
PARTS = {part.NAME: part for part in (*DEFAULT, fused)}  # compiling for `fused` takes minutes
SECONDS = 300  # no part starts later


def main(argv: list[str] | None = None) -> int:
    """Run the parts. Returns the exit status."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="tiny networks, for tests; works on the CPU too")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, metavar="NAME", help=f"of {', '.join(PARTS)} (default: all but fused)"
    )
    parser.add_argument("--batch", type=int, help="clips of a step and of a sampling (default: 64; 2 with --small)")
    parser.add_argument("--out", type=Path, help="write the rows to this JSON file too")
    arguments = parser.parse_args(argv)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    names = arguments.parts or [part.NAME for part in DEFAULT]
    if device.type == "cpu" and not arguments.small and not {count.NAME, fused.NAME} >= set(names):
        parser.error("there is no GPU here; --small and --parts count fused work without one")
    if arguments.small:
        torch.set_num_threads(1)  # more only wait for each other
    run = Run(
        settings.stored("tiny" if arguments.small else "paper"),
        device,
        arguments.batch or (2 if arguments.small else 64),
        arguments.small,
        0.01 if arguments.small else 2.0,
        Report(arguments.out),
    )
    run.report.say(", ".join(machine(device)))
    run.report.head()
    failed = [name for name in names if not measure(name, run, start)]
    run.report.say(f"done after {time.perf_counter() - start:.0f} s" + "".join(f"; {name} failed" for name in failed))
    return 1 if failed else 0


def measure(name: str, run: Run, begun: float) -> bool:
    """Run one part, or leave it out if there is no time since `begun`. Returns False, with the error, if it failed."""
    if time.perf_counter() - begun > SECONDS and name != projection.NAME:  # which only reads the rows
        run.report.say(f"{name}: left out, {SECONDS} s are over")
        return True
    reset_memory(run.device)
    start = time.perf_counter()
    try:
        PARTS[name].measure(run)
    except Exception:
        run.report.say(f"{name} failed:\n{traceback.format_exc()}")
        return False
    run.report.say(f"{name}: took {time.perf_counter() - start:.0f} s")
    return True


def machine(device: torch.device) -> list[str]:
    """The device and the versions."""
    versions = [f"PyTorch {torch.__version__}", f"NumPy {numpy.__version__}", f"Python {platform.python_version()}"]
    if device.type == "cpu":
        return ["CPU", *versions]
    memory = torch.cuda.get_device_properties(device).total_memory / 1e9
    return [
        f"{torch.cuda.get_device_name(device)}, {memory:.0f} GB",
        *versions,
        f"CUDA {torch.version.cuda}",
        f"cuDNN {torch.backends.cudnn.version()}",
        f"compiler {accelerate.compiler(device) or 'none: nothing is compiled'}",
        f"bfloat16 {'yes' if accelerate.bfloat16_is_fast(device) else 'no'}",
    ]


if __name__ == "__main__":
    sys.exit(main())
