"""The paper's whole training, projected from what was measured on this card."""

from benchmarks.gpu import autoencoder, compiled_sampling, sampling, training_step
from benchmarks.gpu.report import Run

NAME = "projection"
GENERATOR_STEPS = 62_900  # 200 epochs of about 20,140 clips in batches of 64
TEST_CLIPS = 234


def measure(run: Run) -> None:
    """Hours and memory of the autoencoder's and the generator's training, and of sampling the paper's test clips."""
    report = run.report
    rate = report.value(training_step.NAME, training_step.LOOP)
    memory = report.value(training_step.NAME, training_step.MEMORY)
    if rate is not None:
        note = f"{GENERATOR_STEPS:,} steps of {run.batch} clips, {_memory(memory)}"
        report.row(NAME, "training of the generator", GENERATOR_STEPS * run.batch / rate / 3600, "h", note=note)
    params = run.config.train_vae
    late = report.value(autoencoder.NAME, autoencoder.ADVERSARIAL)
    early = report.value(autoencoder.NAME, autoencoder.PERCEPTUAL)
    memory = report.value(autoencoder.NAME, f"{autoencoder.ADVERSARIAL}: {autoencoder.MEMORY}")
    if late is not None and early is not None:
        before = min(params.discriminator_start, params.steps)
        hours = (before * early + (params.steps - before) * late) / 3.6e6
        note = f"{params.steps:,} steps of {params.batch_size} clips, {_memory(memory)}"
        report.row(NAME, "training of the autoencoder", hours, "h", note=note)
    for precision in ("bfloat16", compiled_sampling.PRECISION, "float32"):
        seconds = report.value(sampling.NAME, f"{sampling.DDPM}, {precision}")
        decoding = report.value(sampling.NAME, sampling.DECODE)
        if seconds is not None and decoding is not None:
            minutes = TEST_CLIPS * (seconds / run.batch + decoding / 1000) / 60
            report.row(NAME, f"sampling {TEST_CLIPS} clips, {precision}", minutes, "min", note="DDPM, and decoding")


def _memory(value: float | None) -> str:
    return "memory unknown" if value is None else f"{value:.1f} GB"
