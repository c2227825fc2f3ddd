"""Music files of any system: finding them, matching them by name, and reading them with all their faults named."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from pace.media import streams, video
from pace.media.resampling import mono_at

# In the order of preference where one name has several files: what is stored exactly comes first.
EXTENSIONS = (
    ".wav", ".flac", ".aiff", ".aif", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".mov", ".mkv", ".webm",
)  # fmt: skip
ENDINGS = (
    "_generated", "_gen", "_pred", "_fake", "_sample", "_output", "_reference", "_ref", "_gt", "_real", "_audio",
)  # fmt: skip
SHORT = 1.0  # seconds; in less a beat cannot be told, and VGGish hears nothing: there silence follows it
SILENT = 1e-4  # peak: -80 dB of full scale
FULL_SCALE = 0.999
CLIPPED_SHARE = 1e-3  # of the samples at full scale


@dataclasses.dataclass(frozen=True)
class Sound:
    """Samples (S,) float32, the mean of the channels, all finite, at the file's own rate; and the file's faults."""

    wave: np.ndarray
    sample_rate: int
    faults: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.wave) / self.sample_rate

    def at(self, sample_rate: int) -> np.ndarray:
        """Samples (S',) at another rate; none stay none."""
        return mono_at(self.wave, self.sample_rate, sample_rate) if len(self.wave) else self.wave


@dataclasses.dataclass(frozen=True)
class Matches:
    """Which files belong together, by name. What is not used is listed, nothing is left out without a word.

    pairs: name -> (reference, generated). reference_only, generated_only: files without a counterpart.
    doubles: files whose name another file of the same folder has taken.
    """

    pairs: dict[str, tuple[Path, Path]]
    reference_only: list[Path]
    generated_only: list[Path]
    doubles: list[Path]


def find(folder: Path) -> list[Path]:
    """Music and video files below a folder at any depth, hidden ones aside. Raises ValueError where there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a folder of music files")
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in EXTENSIONS]
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        raise ValueError(f"{folder}: no music file in it; known are {', '.join(EXTENSIONS)}")
    return sorted(found)


def match(reference: Iterable[Path], generated: Iterable[Path], endings: Iterable[str] = ENDINGS) -> Matches:
    """Match files by their name without extension; where that has no counterpart, by the name without its ending."""
    endings = tuple(endings)
    own, doubles = _by_stem(reference)
    theirs, more = _by_stem(generated)
    pairs = {stem: (own.pop(stem), theirs.pop(stem)) for stem in sorted(own.keys() & theirs.keys())}
    ours, others = _by_bare_name(own, endings), _by_bare_name(theirs, endings)
    for name in sorted(ours.keys() & others.keys()):
        if name not in pairs:
            pairs[name] = (own.pop(ours[name]), theirs.pop(others[name]))
    return Matches(dict(sorted(pairs.items())), sorted(own.values()), sorted(theirs.values()), doubles + more)


def _by_stem(files: Iterable[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Stem -> file, and the files whose stem was taken by one that is stored more exactly."""
    taken: dict[str, Path] = {}
    doubles = []
    for path in sorted(files, key=lambda path: (EXTENSIONS.index(path.suffix.lower()), path)):
        if path.stem in taken:
            doubles.append(path)
        else:
            taken[path.stem] = path
    return taken, doubles


def _by_bare_name(stems: Iterable[str], endings: tuple[str, ...]) -> dict[str, str]:
    """Name without ending -> stem, the first of several."""
    return {_bare(stem, endings): stem for stem in sorted(stems, reverse=True)}


def _bare(stem: str, endings: tuple[str, ...]) -> str:
    """A stem without the longest of the endings that it has."""
    fitting = [ending for ending in endings if ending and stem.endswith(ending) and len(stem) > len(ending)]
    return stem[: -max(map(len, fitting))] if fitting else stem


def read(path: Path) -> Sound:
    """Read a music file, or the audio of a video, as it is; see `faults` for what is named.

    Samples that are NaN or infinite become zeros. The first sample of a video's audio is the moment of its first frame.
    Raises MediaError for a file that cannot be read or has no audio.
    """
    try:
        channels, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:  # m4a, mp4 and other containers
        with streams.open_media(path) as container:
            stream = streams.audio_stream(container)
            if stream is None:
                raise streams.MediaError(f"{path}: no audio in it; give a file with an audio stream") from None
            sample_rate = stream.rate
        channels = video.read_audio(path, sample_rate)[:, None]
    return Sound(finite(channels).mean(axis=1, dtype=np.float32), sample_rate, faults(channels, sample_rate))


def finite(samples: np.ndarray) -> np.ndarray:
    """Samples with zeros for NaN and infinity."""
    return np.where(np.isfinite(samples), samples, np.float32(0))


def faults(channels: np.ndarray, sample_rate: int) -> tuple[str, ...]:
    """What is wrong with samples (S,C): `not finite`, `empty`, `very short`, `silent`, `clipped`, with its measure.

    Silent is what has no level in the mean of the channels, which is what is heard.
    """
    found = []
    if not len(channels):
        return ("empty",)
    if bad := np.count_nonzero(~np.isfinite(channels).all(axis=1)):
        found.append(f"not finite: {bad} samples set to 0")
    if len(channels) < SHORT * sample_rate:
        found.append(f"very short: {len(channels) / sample_rate:.3f} s")
    if np.abs(finite(channels).mean(axis=1)).max() < SILENT:
        found.append("silent")
    share = float(np.mean(np.abs(finite(channels)) >= FULL_SCALE))
    if share > CLIPPED_SHARE:
        found.append(f"clipped: {100 * share:.1f} % of the samples at full scale")
    return tuple(found)


def audible(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """A wave with silence after it up to the shortest that every extractor takes."""
    return np.pad(wave, (0, max(0, round(SHORT * sample_rate) - len(wave))))
