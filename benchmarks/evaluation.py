"""Evaluation at the paper's size: 234 five-second clips scored by every protocol, and the three distances' networks.

The clips are scored as `python -m pace score` scores them: onsets, beats and descriptors of a reference, a system and
the controls, from files, several clips at a time, and once more with a ceiling of the default size. The row shuffled,
of pairs of clips, runs in one process. The networks have their published sizes and random weights; each runs over a few
clips, as its time per clip does not depend on their number. Everything runs in processes of its own, so that their
memory is that of the work alone.
"""

import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import soundfile
import torch

from benchmarks import settings
from benchmarks.embed_clips import NETWORKS, PUBLISHED
from benchmarks.results import Row, Scale
from benchmarks.score_clips import REFERENCE, SYSTEM
from benchmarks.throughput import WORKERS
from pace.autoencoder.vae import AutoencoderKL
from pace.clip import CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation.metrics import frechet
from pace.pipeline.closure import ROOT
from pace.scoring.rows import PAIRED
from pace.synthetic.clock import Clock
from pace.synthetic.music import compose
from pace.training.checkpoint import save_model, write_config

NAME = "evaluation"
CLIPS = 234  # of the paper's AIST++ test


def rows(scale: Scale, folder: Path, names: tuple[str, ...] = NETWORKS) -> list[Row]:
    """Clips/s and GB of listening and scoring, pairs/s of row shuffled, and ms/clip and GB of each network."""
    make_clips(folder, scale.scored_clips)
    make_autoencoder(folder / "vae", scale.preset if scale.audio_networks == "small" else "")
    plain = {workers: measure("score_clips", folder, workers, "none") for workers in WORKERS}
    most = max(WORKERS)
    with_ceiling = {most: measure("score_clips", folder, most, folder / "vae")}
    result = [*listening("all protocols", plain, scale), *listening("all protocols, ceiling", with_ceiling, scale)]
    return [*result, pairs(plain[min(WORKERS)]), *networks(scale, names), *distance(scale)]


def make_clips(folder: Path, count: int) -> None:
    """References and a system's music of them: composed music, that of the system 20 ms late and noisy."""
    rng = np.random.default_rng(0)
    for side in (REFERENCE, SYSTEM):
        (folder / side).mkdir(parents=True)
    for i in range(count):
        wave = compose("house", Clock(80 + i % 56, 0.1), CLIP_SECONDS, np.random.default_rng(i)).sound()
        other = np.roll(wave, SAMPLE_RATE // 50) + rng.normal(0, 0.01, len(wave)).astype(np.float32)
        for side, samples in ((REFERENCE, wave), (SYSTEM, other)):
            soundfile.write(folder / side / f"{i:03d}.wav", samples, SAMPLE_RATE, subtype="PCM_16")


def make_autoencoder(folder: Path, preset: str) -> None:
    """An autoencoder with random weights, as `train_vae` leaves it, of the sizes of params.yaml or of a preset."""
    vae = settings.read(preset).vae
    torch.manual_seed(0)
    save_model(folder / "vae.safetensors", AutoencoderKL(vae).state_dict())
    write_config(folder, {"vae": dataclasses.asdict(vae)})


def listening(label: str, measured: dict[int, dict[str, Any]], scale: Scale) -> list[Row]:
    """Clips/s and the memory of all processes together, for each number of workers."""
    result = []
    rates = {workers: scale.scored_clips / figures["seconds"] for workers, figures in measured.items()}
    for workers, rate in rates.items():
        note = f"{measured[workers]['sounds']} sounds each, {_whole(1 / rate)}"
        note += f", {rate / rates[1]:.2f} times one worker" if workers > 1 and 1 in rates else ""
        result.append(Row(NAME, label, rate, "clips/s", workers, note=note))
    for workers, figures in measured.items():
        note = f"sum of the peaks of {figures['processes']} processes, what they share counted in each"
        result.append(Row(NAME, label, figures["peak_gb"], "GB", workers, note=note))
    return result


def pairs(measured: dict[str, Any]) -> Row:
    """Pairs/s of the row shuffled: a clip's generated music against the true music of others, by all protocols."""
    count, seconds = measured["pairs"], measured["pair_seconds"]
    whole = PAIRED * (PAIRED - 1) * seconds / count
    note = f"all protocols, {count} pairs; {whole:.0f} s for the row, of {PAIRED} clips at most"
    return Row(NAME, "shuffled pairs", count / seconds, "pairs/s", 1, note=note)


def networks(scale: Scale, names: tuple[str, ...]) -> list[Row]:
    """ms/clip and peak GB of each network, with random weights of the published size or a small one."""
    result = []
    for name in names:
        measured = measure("embed_clips", name, scale.embedded_clips, scale.audio_networks)
        seconds = median(measured["seconds"])
        size = f"{measured['parameters'] / 1e6:.1f} M parameters, random weights, {measured['device']}"
        result += [
            Row(NAME, f"embeddings, {name}", 1000 * seconds, "ms/clip", 1, note=f"{size}, {_whole(seconds)}"),
            Row(NAME, f"embeddings, {name}", measured["peak_gb"], "GB", 1, note="peak of a process of its own"),
        ]
    return result


def measure(program: str, *arguments: object) -> dict[str, Any]:
    """The figures that `benchmarks.PROGRAM` prints in a fresh process."""
    command = [sys.executable, "-m", f"benchmarks.{program}", *map(str, arguments)]
    process = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise RuntimeError(
            f"evaluation: {' '.join(command[2:])} ended with {process.returncode}; see the messages above"
        )
    return json.loads(process.stdout.splitlines()[-1])


def distance(scale: Scale) -> list[Row]:
    """Seconds of one row's distance, with FAD-infinity and intervals, from the embeddings of all clips."""
    result = []
    for name, (per_clip, size) in PUBLISHED.items():
        points = np.random.default_rng(0).normal(size=(2, scale.scored_clips, per_clip, size))
        start = time.perf_counter()
        frechet.estimate(*points)
        seconds = time.perf_counter() - start
        note = f"n {scale.scored_clips * per_clip}, d {size}, with FAD-infinity and intervals"
        result.append(Row(NAME, f"distance, {name}", seconds, "s/row", note=note))
    return result


def _whole(seconds: float) -> str:
    return f"{CLIPS * seconds:.3g} s for {CLIPS} clips"
