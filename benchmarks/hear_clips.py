"""Hear and score clips from files and print time and memory: python -m benchmarks.hear_clips FOLDER WORKERS CEILING.

FOLDER holds what `benchmarks.evaluation.make_clips` put there; CEILING is the folder of an autoencoder, or `none`. All
is done as `python -m pace score` does it: this process and its workers, whose peaks of resident memory are added up.
What they share, such as the code of libraries, is counted in each: the sum is an upper bound.
"""

import dataclasses
import functools
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.throughput import environment
from pace.audio.vocoder import VocoderParams
from pace.evaluation import ceiling
from pace.evaluation.metrics.rhythm import PROTOCOLS
from pace.media import sounds
from pace.pipeline import params
from pace.pipeline.closure import ROOT
from pace.scoring import listen, systems

REFERENCE, SYSTEM = "reference", "system"


def clips_in(folder: Path, autoencoder: Path | None = None) -> list[listen.Clip]:
    """The clips of a folder, with a ceiling where an autoencoder is given."""
    found = [sounds.find(folder / side) for side in (REFERENCE, SYSTEM)]
    clips = listen.clips_of({SYSTEM: sounds.match(*found)})
    if autoencoder is None:
        return clips
    vocoder = params.section(params.read(ROOT / "params.yaml"), "vocoder", VocoderParams)
    rebuild = functools.partial(ceiling.track_ceiling, folder=autoencoder.absolute(), vocoder=vocoder)
    return [dataclasses.replace(clip, rebuild=rebuild) for clip in clips]


def peaks_kib() -> list[int]:
    """Highest resident memory so far of this process and of each of its workers that lives."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in path.read_text(encoding="ascii", errors="replace").splitlines())
        except OSError:  # it has just ended
            continue
        if str(os.getpid()) in (lines["Pid"].strip(), lines["PPid"].strip()) and "VmHWM" in lines:
            found.append(int(lines["VmHWM"].split()[0]))
    return found


def main() -> None:
    """Print one line of JSON: `seconds` of all clips after a first few, `peak_gb` of `processes`, `sounds` of a clip,
    and for the row shuffled `pairs` and `pair_seconds`."""
    folder, workers, autoencoder = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    clips = clips_in(folder, None if autoencoder == "none" else Path(autoencoder))
    with environment(PACE_WORKERS=str(workers)):
        for _ in systems.listen_all(clips[:workers], PROTOCOLS):  # starts the workers and loads what they need
            pass
        start = time.perf_counter()
        heard = list(systems.listen_all(clips, PROTOCOLS))
        seconds = time.perf_counter() - start
    peaks = peaks_kib()
    start = time.perf_counter()
    pairs = systems.shuffled(heard, SYSTEM, PROTOCOLS, {one.clip.name: one.clip.name for one in heard})
    taken = time.perf_counter() - start
    found = {"seconds": seconds, "peak_gb": sum(peaks) * 1024 / 1e9, "processes": len(peaks)}
    print(json.dumps(found | {"sounds": len(heard[0].scores), "pairs": len(pairs), "pair_seconds": taken}))


if __name__ == "__main__":
    main()
