"""Reading music files of any kind, and naming their faults."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from pace.audio.silence import is_silent
from pace.media import audio_tracks, sound_track, streams, wav_header
from pace.media.channels import Levels, finite, mean
from pace.media.resampling import mono_at

Wave = npt.NDArray[np.float32]

SHORT = 1.0  # seconds; less has no detectable beat and no VGGish example, so silence is added
CLIPPED_SHARE = 1e-3  # of the samples at full scale
BLOCK = 1 << 26  # values read at a time, 256 MiB; 12 minutes of stereo at 44.1 kHz
CUT_SHORT = 0.25  # seconds, and 1 %, by which a header may exceed what is read
MP3_FRAME = 1152  # samples


@dataclasses.dataclass(frozen=True)
class Sound:
    """Samples (S,) float32, one channel, all finite, at the file's own rate; and the file's faults.

    The channel is the mean of all, each with the same weight, also in surround sound. Where they cancel each other,
    it is the loudest of them.
    """

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

    def with_faults(self, *more: str) -> "Sound":
        """The same sound with more faults."""
        return dataclasses.replace(self, faults=(*self.faults, *more))

    def cut_short(self, declared: float) -> "Sound":
        """The same sound, with a fault if it is notably shorter than `declared` seconds, its length by the header."""
        if declared < CUT_SHORT + 1.01 * self.seconds:
            return self
        return self.with_faults(f"cut short: {declared:.2f} s by its header, {self.seconds:.2f} s in the file")

    def piece(self, seconds: float, position: float = 0.0) -> "Sound":
        """At most `seconds` of the sound. position: its start, as a share (0 to 1) of the latest possible start."""
        first = int(position * max(0.0, self.seconds - seconds) * self.sample_rate)
        return dataclasses.replace(self, wave=self.wave[first : first + round(seconds * self.sample_rate)])


def read(path: Path) -> Sound:
    """Read a music file, or the audio of a video, as it is; see `faults` for the faults reported.

    libsndfile reads what it can, and FFmpeg the rest: other formats, and files of which libsndfile reads only a part
    (see `_longer`). Both place sample 0 alike, also in MP3. Samples that are NaN or infinite become zeros. The first
    sample of a video's audio is the moment of its first frame.
    Raises MediaError for a file that cannot be read or has no audio, OSError for one that the system does not open.
    """
    streams.check_file(path)
    try:
        return _read(path)
    except (streams.MediaError, OSError):
        raise
    except MemoryError:
        raise streams.MediaError(f"{path}: too long for this machine's memory; cut it") from None
    except Exception as error:  # whatever a broken file does to its reader, the other files go on
        raise streams.MediaError(f"{path}: cannot be read ({error}); get an intact copy") from error


def _read(path: Path) -> Sound:
    header = wav_header.read(path)
    first = _by_libsndfile(path)
    if first is None:
        return _by_ffmpeg(path)
    if header is None:
        return _longer(path, first)
    if header.goes_on:
        return _longer(path, first, {"ignore_length": "1"})
    if header.declared and header.held and header.declared > header.held:
        return first.cut_short(first.seconds * header.declared / header.held)
    return first


def _by_libsndfile(path: Path) -> Sound | None:
    """The sound as libsndfile reads it; None if it cannot, or finds an error on the way."""
    try:
        return _gathered(lambda: _libsndfile_blocks(path), soundfile.info(path).samplerate)
    except (soundfile.SoundFileError, ValueError, TypeError):  # TypeError: an ending that stands for headerless samples
        return None


def _libsndfile_blocks(path: Path) -> Iterator[Wave]:
    """Samples (S,C), in few blocks: between two, soundfile seeks, which is not exact in MP3."""
    with soundfile.SoundFile(path) as file:
        file.seek(0)  # as soundfile.read does; without it, samples of an MP3 differ in their last bit
        size = max(1, BLOCK // file.channels)
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            yield block


def _by_ffmpeg(path: Path, options: dict[str, str] | None = None) -> Sound:
    """The sound as FFmpeg decodes it. options: of its demuxer. Raises MediaError if there is none."""
    with streams.open_media(path, options) as container:
        stream = audio_tracks.audio_stream(container)
        if stream is None:
            raise streams.MediaError(f"{path}: no audio in it; give a file with an audio stream")
        rate, remarks = stream.rate, audio_tracks.audio_remarks(container)
        declared = audio_tracks.declared_seconds(container, stream)
    sound = _gathered(lambda: sound_track.channel_chunks(path, rate, options), rate).with_faults(*remarks)
    if not len(sound.wave):
        raise streams.MediaError(f"{path}: no audio in it that can be decoded; get an intact copy")
    return sound.cut_short(declared) if declared else sound


def _longer(path: Path, first: Sound, options: dict[str, str] | None = None) -> Sound:
    """What libsndfile read, or FFmpeg's reading where that is longer.

    libsndfile believes the length in a header, and guesses one for an MP3 without; it reads the first of joined MP3
    or Ogg streams. FFmpeg first only counts the packets, which costs little. Up to four frames of MP3 more are an
    encoder's padding.
    """
    slack = max(0.1, 4 * MP3_FRAME / first.sample_rate)
    try:
        with streams.open_media(path, options) as container:
            stream = audio_tracks.audio_stream(container)
            held = audio_tracks.packet_seconds(container, stream) if stream else 0.0
            declared = audio_tracks.declared_seconds(container, stream) if stream else None
        second = _by_ffmpeg(path, options) if held > first.seconds + slack else first
    except streams.MediaError:
        return first
    if second.seconds > first.seconds + slack:
        return second.with_faults(
            f"its header is wrong or missing: {first.seconds:.2f} s by libsndfile, "
            f"{second.seconds:.2f} s by FFmpeg, which was taken"
        )
    return first.cut_short(declared) if declared else first


def _gathered(blocks: Callable[[], Iterator[Wave]], sample_rate: int) -> Sound:
    """One channel of all blocks (S,C), and their faults. blocks: begins anew, for channels that cancel each other."""
    if not audio_tracks.RATES[0] <= sample_rate <= audio_tracks.RATES[1]:
        raise ValueError(f"a sample rate of {sample_rate} Hz")
    levels = Levels()
    pieces = []
    for block in blocks():
        levels.add(block)
        pieces.append(mean(finite(block)))
    remarks = levels.remarks()
    if remarks:
        pieces = [levels.mix(block) for block in blocks()]
    wave = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return Sound(wave, sample_rate, (*faults(wave, sample_rate, levels), *remarks))


def faults(wave: Wave, sample_rate: int, levels: Levels) -> tuple[str, ...]:
    """What is wrong with a sound: `not finite`, `empty`, `very short`, `silent`, `clipped`, with its measure.

    wave: one channel (S,), which is what is scored; silent means that it has no level. levels: of all channels.
    """
    if not len(wave):
        return ("empty",)
    messages = []
    if levels.not_finite:
        messages.append(f"not finite: {levels.not_finite} samples set to 0")
    if len(wave) < SHORT * sample_rate:
        messages.append(f"very short: {len(wave) / sample_rate:.3f} s")
    if is_silent(wave):
        messages.append("silent")
    if levels.full_scale_share > CLIPPED_SHARE:
        messages.append(f"clipped: {100 * levels.full_scale_share:.1f} % of the samples at full scale")
    return tuple(messages)


def padded(wave: Wave, sample_rate: int) -> Wave:
    """Pad a wave with silence to the shortest length that every extractor accepts."""
    return np.pad(wave, (0, max(0, round(SHORT * sample_rate) - len(wave))))
