"""Sampling with a compiled U-Net, as for the paper's test clips: apart, because it compiles for up to a minute."""

from benchmarks import generator_networks as nets
from benchmarks.gpu import sampling
from benchmarks.gpu.report import Run
from pace.diffusion.generator import COMPILED_FROM

NAME = "compiled"
PRECISION = "bfloat16, compiled"


def measure(run: Run) -> None:
    """The rows of `sampling`, compiled. Without a GPU nothing is compiled."""
    generator = nets.random_generator(run.config, run.device, "bfloat16", COMPILED_FROM)
    sampling.rows(run, PRECISION, generator)
