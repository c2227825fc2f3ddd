"""Sound of notes: a General MIDI soundfont, played by TinySoundFont without a sound card.

The soundfont is TimGM6mb.sf2, a file of the package pretty_midi, which is not imported. Its licence is GPL-2; nothing
of it is part of this repository.
"""

import functools
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tinysoundfont

DRUM_CHANNEL = 9
DRUM_BANK = 128
SOUNDFONT = "TimGM6mb.sf2"
ALL_SOUND_OFF = 120  # MIDI controller

_INSTALL = "install it with `pip install --no-deps -r requirements-music.txt`"


@dataclass(frozen=True, order=True)
class Note:
    """A note, or the stroke of a drum on channel 9.

    time, duration: seconds; the time is negative where the note began before the piece's first second. pitch: MIDI
    number, of a drum its place in the General MIDI drum map. velocity: 1 to 127; the amplitude is proportional to it.
    """

    time: float
    channel: int
    pitch: int
    velocity: int
    duration: float


def play(
    notes: Sequence[Note],
    programs: Mapping[int, int],
    breaks: Sequence[float],
    start: float,
    stop: float,
    sample_rate: int,
) -> npt.NDArray[np.float32]:
    """Play notes from `start` to `stop` seconds: mono float32 (S,), S = round((stop - start) * sample_rate).

    programs: General MIDI program of each channel, of channel 9 its drum kit. breaks: times at which all that rings is
    damped. Every note starts within half a sample of its time. The same notes give the same bytes.
    """
    synth = _synth(sample_rate, programs)

    def damp() -> None:
        for channel in programs:
            synth.control_change(channel, ALL_SOUND_OFF, 0)

    # At one sample, what ends comes before what begins.
    actions: list[tuple[float, int, Callable[[], object]]] = [(time, 0, damp) for time in breaks]
    for note in notes:
        actions.append((note.time, 2, functools.partial(synth.noteon, note.channel, note.pitch, note.velocity)))
        actions.append((note.time + note.duration, 1, functools.partial(synth.noteoff, note.channel, note.pitch)))
    total = round((stop - start) * sample_rate)
    placed = [(round((time - start) * sample_rate), order, act) for time, order, act in actions]
    parts, done = [], 0
    for sample, _, act in sorted(placed, key=lambda action: action[:2]):
        if sample >= total:
            break
        if sample > done:
            parts.append(_generate(synth, sample - done))
            done = sample
        act()
    parts.append(_generate(synth, total - done))
    return np.concatenate(parts)


@functools.cache
def peak(program: int, pitch: int, drum: bool) -> float:
    """The peak of a note of velocity 127 held for 0.35 s: the soundfont's instruments differ by 20 dB."""
    channel = DRUM_CHANNEL if drum else 0
    sound = play([Note(0.0, channel, pitch, 127, 0.35)], {channel: program}, (), 0.0, 0.4, 22050)
    return float(np.abs(sound).max())


@functools.cache
def _soundfont() -> bytes:
    """The bytes of the soundfont."""
    package = importlib.util.find_spec("pretty_midi")
    folders = package.submodule_search_locations if package else None
    path = Path(folders[0]) / SOUNDFONT if folders else None
    if path is None or not path.is_file():
        raise FileNotFoundError(f"the soundfont {SOUNDFONT} of the package pretty_midi is missing: {_INSTALL}")
    return path.read_bytes()


def _synth(sample_rate: int, programs: Mapping[int, int]) -> tinysoundfont.Synth:
    synth = tinysoundfont.Synth(samplerate=sample_rate)
    soundfont = synth.sfload(_soundfont())
    for channel, program in programs.items():
        drum = channel == DRUM_CHANNEL
        synth.program_select(channel, soundfont, DRUM_BANK if drum else 0, program, drum)
    return synth


def _generate(synth: tinysoundfont.Synth, samples: int) -> npt.NDArray[np.float32]:
    """The next samples (S,), both channels mixed to one."""
    stereo = np.frombuffer(synth.generate_simple(samples), np.float32).reshape(-1, 2)
    mono: npt.NDArray[np.float32] = stereo.mean(axis=1)
    return mono
