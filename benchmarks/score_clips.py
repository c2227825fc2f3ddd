"""Listen to clips from files and print time and memory: python -m benchmarks.score_clips FOLDER WORKERS CEILING.

FOLDER holds what `benchmarks.evaluation.make_clips` put there; CEILING is the folder of an autoencoder, or `none`. The
clips are scored as `python -m pace score` scores them. The peaks of resident memory of this process and its workers are
added up. Memory that they share, such as the code of libraries, counts in each, so the sum is an upper bound.
"""

import functools
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.throughput import environment
from pace.audio.vocoder import VocoderParams
from pace.evaluation import ceiling
from pace.evaluation.clips import Clip
from pace.evaluation.metrics.rhythm import PROTOCOLS
from pace.evaluation.score_clips import score_clips
from pace.pipeline import params
from pace.pipeline.closure import ROOT
from pace.scoring import file_clips, matching, rows

REFERENCE, SYSTEM = "reference", "system"


def clips_in(folder: Path, autoencoder: Path | None = None) -> list[Clip]:
    """The clips of a folder, with a ceiling where an autoencoder is given."""
    matches = {SYSTEM: matching.match(*(matching.find(folder / side) for side in (REFERENCE, SYSTEM)))}
    if autoencoder is None:
        return file_clips.clips_of(matches)
    vocoder = params.section(params.read(ROOT / "params.yaml"), "vocoder", VocoderParams)
    rebuild = functools.partial(ceiling.ceiling_track, folder=autoencoder.absolute(), vocoder=vocoder)
    return file_clips.clips_of(matches, rebuild=rebuild)


def peaks_kib() -> dict[int, int]:
    """Highest resident memory so far, in KiB, of this process and of each living worker, by process id."""
    peaks = {}
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in path.read_text(encoding="ascii", errors="replace").splitlines())
        except OSError:  # it has just ended
            continue
        if str(os.getpid()) in (lines["Pid"].strip(), lines["PPid"].strip()) and "VmHWM" in lines:
            peaks[int(lines["Pid"])] = int(lines["VmHWM"].split()[0])
    return peaks


def main() -> None:
    """Print one line of JSON: `seconds` of all clips after a first few, `peak_gb` of `processes`, `sounds` of a clip,
    and for the row shuffled `pairs` and `pair_seconds`.
    """
    folder, workers, autoencoder = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    clips = clips_in(folder, None if autoencoder == "none" else Path(autoencoder))
    with environment(PACE_WORKERS=str(workers)):
        for _ in score_clips(clips[:workers], PROTOCOLS, "evaluation"):  # starts the workers and loads what they need
            pass
        start = time.perf_counter()
        scored, peaks = [], {}
        for clip in score_clips(clips, PROTOCOLS, "evaluation"):
            scored.append(clip)
            peaks |= peaks_kib()  # the workers end with the last clip
        seconds = time.perf_counter() - start
    start = time.perf_counter()
    pairs = rows.shuffled(scored, SYSTEM, PROTOCOLS)
    pair_seconds = time.perf_counter() - start
    measured = {"seconds": seconds, "peak_gb": sum(peaks.values()) * 1024 / 1e9, "processes": len(peaks)}
    measured |= {"sounds": len(scored[0].scores), "pairs": len(pairs), "pair_seconds": pair_seconds}
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
