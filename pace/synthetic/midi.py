"""MIDI files of composed pieces, whose time is that of the video and whose beats and bars are the clock's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from pace.synthetic.clock import Clock
from pace.synthetic.soundfont import ALL_SOUND_OFF, Note

TICKS = 960  # per beat
BAR = 4  # beats


def write_midi(
    path: Path,
    clock: Clock,
    seconds: float,
    notes: Sequence[Note],
    programs: Mapping[int, int],
    breaks: Sequence[float],
) -> None:
    """Write a MIDI file of format 1: a track of tempi, then one for each channel.

    Its time 0 is that of the piece. Every beat of the clock after 0 is at a multiple of 960 ticks; the first of them
    ends the beat, however short, that the file begins in. A tempo in each beat follows the drift, and a bar of fewer
    beats leads to the first downbeat. Notes that begin before 0 are left out, and each break is an All Sound Off.
    """
    beats = clock.beats(seconds + 8 * clock.period)
    beats = beats[clock.time(beats) > 0]
    times = np.concatenate([[0.0], clock.time(beats)])
    file = mido.MidiFile(ticks_per_beat=TICKS, tracks=[_conductor(times, 1 + int(-beats[0] % BAR))])

    def tick(time: float) -> int:
        return round(float(np.interp(time, times, TICKS * np.arange(len(times)))))

    for channel, program in programs.items():
        # Events at one tick are in the order: what ends, the break, what begins.
        events = [
            (tick(time), 1, mido.Message("control_change", channel=channel, control=ALL_SOUND_OFF))
            for time in breaks
            if 0 <= time < seconds
        ]
        for note in notes:
            if note.channel == channel and 0 <= note.time < seconds:
                start, end = tick(note.time), tick(note.time + note.duration)
                on = mido.Message("note_on", channel=channel, note=note.pitch, velocity=note.velocity)
                off = mido.Message("note_off", channel=channel, note=note.pitch)
                events += [(start, 2, on), (max(end, start + 1), 0, off)]
        track = mido.MidiTrack([mido.Message("program_change", channel=channel, program=program)])
        now = 0
        for at, _, message in sorted(events, key=lambda event: event[:2]):
            track.append(message.copy(time=at - now))
            now = at
        file.tracks.append(track)
    file.save(path)


def _conductor(times: npt.NDArray[np.float64], until_bar: int) -> mido.MidiTrack:
    """The track of tempi and bars. times (B,): of 0 and the beats after it; the first bar has `until_bar` beats."""
    track = mido.MidiTrack()
    waited = 0
    for number, microseconds in enumerate(np.diff(np.round(1e6 * times)).astype(int)):
        if number in (0, until_bar):
            numerator = BAR if number else until_bar
            track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=4, time=waited))
            waited = 0
        track.append(mido.MetaMessage("set_tempo", tempo=int(microseconds), time=waited))
        waited = TICKS
    return track
