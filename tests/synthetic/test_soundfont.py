"""Playing notes with the soundfont: pitch, time, level, breaks, and the same bytes in every process."""

import hashlib
import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from pace.synthetic import soundfont
from pace.synthetic.grooves import DRUMS, GROOVES, PROGRAMS
from pace.synthetic.soundfont import DRUM_CHANNEL, Note, peak, play

RATE = 22050


def _note(program: int, pitch: int, velocity: int = 100, seconds: float = 1.0, drum: bool = False) -> np.ndarray:
    channel = DRUM_CHANNEL if drum else 0
    return play([Note(0.1, channel, pitch, velocity, seconds)], {channel: program}, (), 0.0, 1.5, RATE)


@pytest.mark.long
def test_notes_sound_at_their_pitch():
    for name, program in PROGRAMS.items():
        spectrum = np.abs(np.fft.rfft(_note(program, 57)[:RATE], 4 * RATE))
        harmonic = [spectrum[round(4 * 220 * h) - 12 : round(4 * 220 * h) + 13].max() for h in (0.5, 1, 2, 3)]
        between = spectrum[4 * 286 - 20 : 4 * 286 + 21].max()
        assert max(harmonic) > 5 * between, name


@pytest.mark.long
def test_drums_sound_within_five_milliseconds_of_their_note():
    for groove in GROOVES.values():
        for kit in groove.kits:
            for name in {*groove.drums, *groove.fill, "clap", "crash", "tom_low"}:
                wave = np.abs(_note(kit, DRUMS[name].key, drum=True))
                start, early = round(0.1 * RATE), wave[: round(0.16 * RATE)].max()
                assert wave[:start].max() == 0
                # Some are soft at first: a hi-hat that the foot closes, a shaker.
                late = 0.011 if name in ("hat_foot", "shaker", "tambourine", "swish") else 0.005
                assert np.argmax(wave > 0.1 * early) / RATE - 0.1 <= late, (kit, name)


def test_amplitude_is_proportional_to_velocity():
    full, half = (np.abs(_note(PROGRAMS["epiano"], 60, velocity)).max() for velocity in (120, 60))
    assert full / half == pytest.approx(2, rel=1e-3)
    assert peak(PROGRAMS["epiano"], 60, False) == pytest.approx(full * 127 / 120, rel=0.1)


def test_a_break_damps_what_rings_within_20_ms_and_later_notes_sound():
    notes = [
        Note(0.0, 0, 60, 100, 1.0),
        Note(0.0, DRUM_CHANNEL, DRUMS["crash"].key, 100, 1.0),
        Note(0.8, 0, 64, 100, 0.5),
    ]
    programs = {0: PROGRAMS["strings"], DRUM_CHANNEL: 0}
    wave = play(notes, programs, (0.5,), 0.0, 1.2, RATE)
    assert np.abs(wave[round(0.4 * RATE) : round(0.5 * RATE)]).max() > 0.01
    assert np.abs(wave[round(0.52 * RATE) : round(0.79 * RATE)]).max() == 0
    assert np.abs(wave[round(0.9 * RATE) :]).max() > 0.01


SCRIPT = """
import hashlib
import numpy as np
from pace.synthetic.clock import Clock
from pace.synthetic.music import compose
wave = compose("waack", Clock(110.0, 0.2, 0.05, 0.3), 4.0, np.random.default_rng(3)).sound()
print(hashlib.sha256(wave.tobytes()).hexdigest())
"""


@pytest.mark.long
def test_the_same_bytes_in_every_process_and_run():
    first, second = (
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout for _ in "ab"
    )
    assert first == second and len(first.strip()) == 64
    assert len({hashlib.sha256(_note(0, 60).tobytes()).hexdigest() for _ in range(3)}) == 1


def test_a_missing_soundfont_names_the_remedy(monkeypatch):
    soundfont._soundfont.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FileNotFoundError, match=r"--no-deps -r requirements-music\.txt"):
        _note(0, 60)
