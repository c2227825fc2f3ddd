"""MIDI files: the time of the notes is that of the piece, and beats and bars are the clock's."""

import mido
import numpy as np
import pytest

from pace.synthetic.clock import Clock
from pace.synthetic.intensity import Intensity
from pace.synthetic.midi import TICKS
from pace.synthetic.music import compose
from pace.synthetic.soundfont import ALL_SOUND_OFF


@pytest.mark.parametrize("clock", [Clock(100.0, 1.3), Clock(95.0, 0.0), Clock(120.0, 2.2, 0.06, 0.4)])
def test_notes_breaks_beats_and_bars_of_the_file(tmp_path, clock):
    hold = np.arange(-20, 40) == 7
    piece = compose("krump", clock, 8.0, np.random.default_rng(0), Intensity(-20, np.ones(60), np.zeros(60), hold))
    piece.write_midi(tmp_path / "a.mid")
    file = mido.MidiFile(tmp_path / "a.mid")
    played, breaks, programs, now = [], set(), {}, 0.0
    for message in file:  # in seconds, through the tempi
        now += message.time
        if message.type == "note_on":
            played.append((now, message.channel, message.note, message.velocity))
        elif message.type == "control_change" and message.control == ALL_SOUND_OFF:
            breaks.add(round(now, 2))
        elif message.type == "program_change":
            programs[message.channel] = message.program
    written = [(note.time, note.channel, note.pitch, note.velocity) for note in piece.notes if note.time >= 0]
    assert sorted(note[1:] for note in played) == sorted(note[1:] for note in written)
    np.testing.assert_allclose(sorted(note[0] for note in played), sorted(note[0] for note in written), atol=1e-3)
    assert programs == dict(piece.programs)
    assert breaks == {round(float(clock.time(7)), 2)}

    beats, downbeats, tick, now, tempo = [], [], 0, 0.0, 500_000
    for message in file.tracks[0]:
        now += message.time * tempo / TICKS / 1e6
        tick += message.time
        if message.type == "set_tempo":
            tempo = message.tempo
            beats.append(now)
        elif message.type == "time_signature" and message.numerator == 4:
            downbeats.append(now)
    true = clock.time(clock.beats(8.0))
    np.testing.assert_allclose(beats[1 : 1 + (true > 0).sum()], true[true > 0], atol=1e-4)
    first = clock.beats(8.0)
    first = first[(first % 4 == 0) & (clock.time(first) > 0)][0]
    assert downbeats[-1] == pytest.approx(float(clock.time(first)), abs=1e-4)
