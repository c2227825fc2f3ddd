"""Every channel enters alike, however many there are; channels that cancel each other are said to."""

import json
import logging
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from helpers.projects import ROOT
from helpers.sound_files import lag, tones, write

from pace.media import sounds
from pace.media.channels import Levels
from pace.media.sound_track import read_audio

SURROUND = {  # file -> codec, channels, layout, sample rate; planar codecs, of which PyAV sees eight planes at most
    "aac71.mkv": ("aac", 8, "7.1", 22050),
    "flac71.flac": ("flac", 8, "7.1", 44100),
    "opus71.mkv": ("libopus", 8, "7.1", 48000),
    "alac71.m4a": ("alac", 8, "7.1(wide)", 44100),
    "wavpack916.wv": ("wavpack", 16, "9.1.6", 44100),
    "pcm16.wav": ("pcm_s16le", 16, "9.1.6", 44100),
    "pcm16.mkv": ("pcm_f32le", 16, "ambisonic 3", 44100),
    "pcm24.mov": ("pcm_s24le", 24, "24 channels", 44100),
    "pcm64.mkv": ("pcm_s16le", 64, "64 channels", 44100),
    "apple.mov": ("pcm_s16le", 6, "5.1", 44100),
    "apple.caf": ("pcm_s16le", 6, "5.1", 44100),
}
PROGRAM = """
import json, sys
import numpy as np
from pathlib import Path
from pace.media import sounds
from pace.media.sound_track import read_audio
results = {}
for name, rate, hertz in json.loads(sys.stdin.read()):
    sound = sounds.read(Path(name))
    waves = [(sound.wave, sound.sample_rate), (read_audio(name, 24000), 24000)]
    spectra = [2 / sr * np.abs(np.fft.rfft(wave[sr // 4 : sr // 4 + sr // 2])) * 2 for wave, sr in waves]
    results[name] = {
        "rate": sound.sample_rate, "seconds": sound.seconds, "faults": sound.faults,
        "levels": [[float(spectrum[h // 2]) for h in hertz] for spectrum in spectra],
    }
print(json.dumps(results))
"""


def in_apples_order(path):
    """Give a file of 5.1 channels the order centre, left, right, surrounds, LFE, of which PyAV frees the list twice."""
    content = bytearray(path.read_bytes())
    at = content.index(b"chan") + (12 if path.suffix == ".caf" else 8)
    content[at : at + 4] = struct.pack(">I", 124 << 16 | 6)  # kAudioChannelLayoutTag_MPEG_5_1_D
    path.write_bytes(content)


@pytest.mark.long
def test_all_channels_enter_alike(tmp_path):
    """In a process of its own: what this guards against is a segmentation fault."""
    jobs = []
    for name, (codec, channels, layout, rate) in SURROUND.items():
        path = write(tmp_path / name, codec, tones(channels, rate), rate, layout)
        if name.startswith("apple"):
            in_apples_order(path)
        jobs.append((str(path), rate, [300 + 100 * c for c in range(channels)]))
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=json.dumps(jobs), capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    results = json.loads(run.stdout)
    for path, rate, hertz in jobs:
        result = results[path]
        assert result["rate"] == rate and result["seconds"] == pytest.approx(1, abs=0.06) and result["faults"] == []
        share = np.array(result["levels"]) * len(hertz)  # each tone, times C: 0.5
        if "aac" in path:  # the encoder cuts the fourth channel, the LFE, at 120 Hz
            share = np.delete(share, 3, axis=1)
        np.testing.assert_allclose(share, 0.5, rtol=0.06, err_msg=path)


@pytest.fixture(scope="module")
def music():
    return soundfile.read(ROOT / "tests/cases/sound.wav", dtype="float32")[0]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.m4a", "a.webm"])
@pytest.mark.parametrize("gain", [-1.0, -0.9])
def test_opposite_phases_are_said_and_one_channel_is_taken(name, gain, music, tmp_path, caplog):
    wave = sounds.Sound(music[:66150], 22050).at(24000)
    both = np.stack([gain * wave, wave], axis=1)
    codec = {"wav": "pcm_f32le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "webm": "libopus"}[name[2:]]
    path = write(tmp_path / name, codec, both, 24000, "stereo")
    sound = sounds.read(path)
    (fault,) = sound.faults
    assert fault.startswith("2 channels cancel each other (their sum is ")
    if gain == -0.9:
        assert fault.endswith("took channel 2 alone")
    with caplog.at_level(logging.WARNING):
        decoded = read_audio(path, 24000)
    assert "a." in caplog.text and "cancel each other" in caplog.text
    for heard in (sound.at(24000), decoded):
        assert max(lag(heard, wave)[1], lag(-heard, wave)[1]) > 0.95
        assert np.std(heard) == pytest.approx(np.std(wave), rel=0.1)


def test_the_loudest_of_six_and_of_each_number_of_channels(music):
    wave = music[:20000]
    six = np.stack([wave, -wave, 0.3 * wave, -0.3 * wave, 1.5 * wave, -1.5 * wave], axis=1)
    levels = Levels()
    levels.add(six[:15000])
    levels.add(six[15000:])
    levels.add(np.stack([wave, 0.5 * wave], axis=1))
    np.testing.assert_array_equal(levels.mix(six), 1.5 * wave)
    np.testing.assert_array_equal(levels.mix(np.stack([wave, -0.5 * wave], axis=1)), 0.25 * wave)  # two do not cancel
    assert levels.remarks() == ("6 channels cancel each other (their sum is silent): took channel 5 alone",)


def test_unlike_channels_do_not_cancel(music):
    noise = np.random.default_rng(0).normal(size=(50000, 24)).astype(np.float32)
    wide = np.stack([noise[:, 0] + 0.7 * noise[:, 1], noise[:, 0] - 0.7 * noise[:, 1]], axis=1)
    constant = np.stack([noise[:, 0] * 0.01 + 0.5, noise[:, 0] * 0.01 - 0.5], axis=1)  # a constant is no sound
    for samples in (noise, wide, constant, np.zeros((5000, 2), np.float32), noise[:, :3] * [1, 0, 0]):
        levels = Levels()
        levels.add(samples.astype(np.float32))
        assert levels.remarks() == ()
        np.testing.assert_allclose(levels.mix(samples.astype(np.float32)), samples.mean(axis=1), atol=1e-6)
