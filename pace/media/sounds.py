"""Reading music files of any kind, and naming their faults."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from pace.audio.silence import is_silent
from pace.media import sound_track, streams
from pace.media.resampling import mono_at

Wave = npt.NDArray[np.float32]

SHORT = 1.0  # seconds; less has no detectable beat and no VGGish example, so silence is added
FULL_SCALE = 0.999
CLIPPED_SHARE = 1e-3  # of the samples at full scale


@dataclasses.dataclass(frozen=True)
class Sound:
    """Samples (S,) float32, the mean of the channels, all finite, at the file's own rate; and the file's faults."""

    wave: Wave
    sample_rate: int
    faults: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the sound lasts."""
        return len(self.wave) / self.sample_rate

    def at(self, sample_rate: int) -> Wave:
        """Samples (S',) at another rate; an empty sound stays empty."""
        return mono_at(self.wave, self.sample_rate, sample_rate) if len(self.wave) else self.wave

    def piece(self, seconds: float, position: float = 0.0) -> "Sound":
        """At most `seconds` of the sound. position: its start, as a share (0 to 1) of the latest possible start."""
        first = int(position * max(0.0, self.seconds - seconds) * self.sample_rate)
        return dataclasses.replace(self, wave=self.wave[first : first + round(seconds * self.sample_rate)])


def read(path: Path) -> Sound:
    """Read a music file, or the audio of a video, as it is; see `faults` for the faults reported.

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
        channels = sound_track.read_audio(path, sample_rate)[:, None]
    return Sound(finite(channels).mean(axis=1, dtype=np.float32), sample_rate, faults(channels, sample_rate))


def finite(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples with zeros for NaN and infinity."""
    return np.where(np.isfinite(samples), samples, np.float32(0))


def faults(channels: npt.NDArray[Any], sample_rate: int) -> tuple[str, ...]:
    """What is wrong with samples (S,C): `not finite`, `empty`, `very short`, `silent`, `clipped`, with its measure.

    Silent (`silence.is_silent`): the mean of the channels, which is what is scored, has no level.
    """
    if not len(channels):
        return ("empty",)
    messages = []
    if bad := np.count_nonzero(~np.isfinite(channels).all(axis=1)):
        messages.append(f"not finite: {bad} samples set to 0")
    if len(channels) < SHORT * sample_rate:
        messages.append(f"very short: {len(channels) / sample_rate:.3f} s")
    if is_silent(finite(channels).mean(axis=1)):
        messages.append("silent")
    share = float(np.mean(np.abs(finite(channels)) >= FULL_SCALE))
    if share > CLIPPED_SHARE:
        messages.append(f"clipped: {100 * share:.1f} % of the samples at full scale")
    return tuple(messages)


def padded(wave: Wave, sample_rate: int) -> Wave:
    """Pad a wave with silence to the shortest length that every extractor accepts."""
    return np.pad(wave, (0, max(0, round(SHORT * sample_rate) - len(wave))))
