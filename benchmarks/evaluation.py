"""Evaluation at the paper's size: 234 five-second clips scored by every protocol, and the three distances' networks.

What hears the clips is what `python -m pace score` and the stage evaluate share: onsets, beats and descriptors of a
reference, a system and the controls, from files, the clips in parallel. The stage's row shuffled, which scores every
pair of clips, runs in one process. The networks have their published sizes and random weights; each runs in a process
of its own over a few clips, as its time per clip does not depend on their number.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from joblib.externals.loky import get_reusable_executor

from benchmarks.embed_clips import NETWORKS, PUBLISHED
from benchmarks.rows import Row, Scale
from benchmarks.throughput import WORKERS, environment
from pace.audio.mel import CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation import fad, file_hearing, systems, table
from pace.evaluation.rhythm import PROTOCOLS
from pace.imports import ROOT
from pace.synthetic.music import compose

NAME = "evaluation"
CLIPS = 234  # of the paper's AIST++ test
SYSTEM = "system"
PAIRED = 8  # clips whose shuffled pairs are timed


def rows(scale: Scale, folder: Path, names: tuple[str, ...] = NETWORKS) -> list[Row]:
    """Clips/s heard and scored, pairs/s of row shuffled, and for each network ms/clip and GB."""
    clips = make_clips(folder, scale.scored_clips)
    heard, result = hearing(clips)
    return [*result, pairs(heard), *networks(scale, names), *distance(scale)]


def make_clips(folder: Path, count: int) -> list[file_hearing.Clip]:
    """References and a system's music of them: composed music, that of the system 20 ms late and noisy."""
    rng, clips = np.random.default_rng(0), []
    for side in ("reference", SYSTEM):
        (folder / side).mkdir(parents=True)
    for i in range(count):
        wave = compose("house", 80 + i % 56, 0.1, CLIP_SECONDS, np.random.default_rng(i)).astype(np.float32)
        other = np.roll(wave, SAMPLE_RATE // 50) + rng.normal(0, 0.01, len(wave)).astype(np.float32)
        paths = [folder / side / f"{i:03d}.wav" for side in ("reference", SYSTEM)]
        for path, samples in zip(paths, (wave, other), strict=True):
            soundfile.write(path, samples, SAMPLE_RATE, subtype="PCM_16")
        clips.append(file_hearing.Clip(paths[0].stem, paths[0], {SYSTEM: paths[1]}))
    return clips


def hearing(clips: list[file_hearing.Clip]) -> tuple[list[file_hearing.Heard], list[Row]]:
    """What was heard, and clips/s for each number of workers; starting the workers is left out."""
    rates, heard = {}, []
    for workers in WORKERS:
        with environment(PACE_WORKERS=str(workers)):
            for _ in systems.listen_all(clips[:workers], PROTOCOLS):
                pass
            start = time.perf_counter()
            heard = list(systems.listen_all(clips, PROTOCOLS))
            rates[workers] = len(clips) / (time.perf_counter() - start)
        get_reusable_executor().shutdown()
    sounds = len(heard[0].scores)
    notes = {workers: f"{sounds} sounds each, {_whole(1 / rate)}" for workers, rate in rates.items()}
    notes |= {n: f"{notes[n]}, {rates[n] / rates[1]:.2f} times one worker" for n in WORKERS if n > 1}
    return heard, [Row(NAME, "all protocols", rate, "clips/s", n, note=notes[n]) for n, rate in rates.items()]


def pairs(heard: list[file_hearing.Heard]) -> Row:
    """Pairs/s of the row shuffled: a clip's generated music against the true music of all others, by all protocols."""
    clips = [
        table.Clip(name, name, name, None, {"truth": one.truth, "generated": one.generated[SYSTEM]})
        for name, one in ((one.clip.name, one) for one in heard)
    ]
    chosen = clips[:PAIRED]
    start = time.perf_counter()
    found = sum(len(table.score_clip(clip, clips, PROTOCOLS).shuffled) for clip in chosen)
    taken = time.perf_counter() - start
    note = f"all protocols, {found} pairs; {CLIPS * (CLIPS - 1) * taken / found:.0f} s for all of {CLIPS} clips"
    return Row(NAME, "shuffled pairs", found / taken, "pairs/s", 1, note=note)


def networks(scale: Scale, names: tuple[str, ...]) -> list[Row]:
    """ms/clip and peak GB of each network, with random weights of the published size or a small one."""
    result = []
    for name in names:
        measured = measure(name, scale.embedded_clips, scale.audio_networks)
        seconds = median(measured["seconds"])
        size = f"{measured['parameters'] / 1e6:.1f} M parameters, random weights, {measured['device']}"
        result += [
            Row(NAME, f"embeddings, {name}", 1000 * seconds, "ms/clip", 1, note=f"{size}, {_whole(seconds)}"),
            Row(NAME, f"embeddings, {name}", measured["peak_gb"], "GB", 1, note="peak of a process of its own"),
        ]
    return result


def measure(network: str, clips: int, size: str) -> dict:
    """What `benchmarks.embed_clips` says of one network in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.embed_clips", network, str(clips), size]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"evaluation: {network} ended with {done.returncode}; see the messages above")
    return json.loads(done.stdout.splitlines()[-1])


def distance(scale: Scale) -> list[Row]:
    """Seconds of one row's distance, with FAD-infinity and intervals, from the embeddings of all clips."""
    result = []
    for name, (per_clip, size) in PUBLISHED.items():
        points = np.random.default_rng(0).normal(size=(2, scale.scored_clips, per_clip, size))
        start = time.perf_counter()
        fad.estimate(*points)
        taken = time.perf_counter() - start
        note = f"n {scale.scored_clips * per_clip}, d {size}, with FAD-infinity and intervals"
        result.append(Row(NAME, f"distance, {name}", taken, "s/row", note=note))
    return result


def _whole(seconds: float) -> str:
    return f"{CLIPS * seconds:.3g} s for {CLIPS} clips"
