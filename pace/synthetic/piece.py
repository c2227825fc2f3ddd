"""A composed piece: its notes, its sound, and its MIDI file."""

from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
from scipy import signal

from pace.clip import SAMPLE_RATE
from pace.synthetic.clock import Clock
from pace.synthetic.soundfont import ALL_SOUND_OFF, DRUM_CHANNEL, Note, play

PEAK = 0.9
LEAD_IN_S = 3.0  # notes that began before t = 0 may still ring
TICKS = 960  # per beat in the MIDI file
BAR = 4  # beats
ROOM = 0.25  # level of the reverberation


def _room(sample_rate: int) -> npt.NDArray[np.float64]:
    """The impulse response of a small room, of unit energy: noise that decays by 60 dB in 0.8 s."""
    time = np.arange(round(0.6 * sample_rate)) / sample_rate
    response = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-time / 0.12)
    response[: round(0.01 * sample_rate)] = 0
    return response / np.linalg.norm(response)


@dataclass(frozen=True)
class Piece:
    """Music from 0 to `seconds`, with the notes of the LEAD_IN_S before that, which may ring into it.

    programs: (channel, General MIDI program or drum kit) of each part. breaks: times in seconds at which everything
    that rings is damped.
    """

    clock: Clock
    seconds: float
    notes: tuple[Note, ...]
    programs: tuple[tuple[int, int], ...]
    breaks: tuple[float, ...]

    def sound(self, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.float32]:
        """Play the piece: mono float32 (round(seconds * sample_rate),), peak 0.9."""
        raw = play(self.notes, dict(self.programs), self.breaks, -LEAD_IN_S, self.seconds, sample_rate)
        raw = raw + ROOM * signal.fftconvolve(raw, _room(sample_rate))[: len(raw)]
        passed = signal.sosfilt(signal.butter(2, 30, "high", fs=sample_rate, output="sos"), raw)
        length = round(self.seconds * sample_rate)
        cut = passed[len(passed) - length :]
        # Soft limiting of the highest peaks, by 3 dB at most, as in mastered music.
        limited = np.tanh(cut / (0.8 * np.abs(cut).max()))
        return np.asarray(limited * (PEAK / np.abs(limited).max()), np.float32)

    def write_midi(self, path: Path) -> None:
        """Write a MIDI file whose time is that of the piece, and whose beats and bars are those of the clock.

        Beats are at multiples of 960 ticks, except that the file may begin within one; tempo events in every beat
        follow the drift. Notes that began before 0 s are left out.
        """
        beats = self.clock.beats(self.seconds)
        times = self.clock.time(beats)
        inner = times > 0
        seconds = np.concatenate([[0.0], times[inner], self.clock.time(beats[-1] + np.arange(1.0, 9.0))])
        ticks = TICKS * np.arange(len(seconds))
        until_bar = int(-beats[inner][0] % BAR) + 1  # beats before the first whole bar, the first of them cut off
        conductor = mido.MidiTrack()
        conductor.append(mido.MetaMessage("time_signature", numerator=until_bar, denominator=4, time=0))
        for number, step in enumerate(np.diff(seconds)):
            if number == until_bar:
                conductor.append(mido.MetaMessage("time_signature", numerator=BAR, denominator=4, time=0))
            conductor.append(mido.MetaMessage("set_tempo", tempo=round(1e6 * step), time=0))
            conductor.append(mido.MetaMessage("marker", text="", time=TICKS))
        file = mido.MidiFile(ticks_per_beat=TICKS)
        file.tracks.append(conductor)

        def tick(time: float) -> int:
            return round(float(np.interp(time, seconds, ticks)))

        for channel, program in self.programs:
            events = [(tick(time), 1, ALL_SOUND_OFF, 0, "control_change") for time in self.breaks if time >= 0]
            for note in self.notes:
                if note.channel == channel and 0 <= note.time < self.seconds:
                    end = max(tick(note.time + note.duration), tick(note.time) + 1)
                    events.append((tick(note.time), 2, note.pitch, note.velocity, "note_on"))
                    events.append((end, 0, note.pitch, 0, "note_off"))
            track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
            now = 0
            for at, _, first, second, kind in sorted(events):
                names = ("control", "value") if kind == "control_change" else ("note", "velocity")
                values = dict(zip(names, (first, second), strict=True))
                track.append(mido.Message(kind, channel=channel, time=at - now, **values))
                now = at
            file.tracks.append(track)
        file.save(path)


__all__ = ["DRUM_CHANNEL", "LEAD_IN_S", "PEAK", "Note", "Piece"]
