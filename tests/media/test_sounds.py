"""Music files of every kind are read at their right time, and their faults are named."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from pace.media import sounds, writing
from pace.media.streams import MediaError
from pace.scoring import matching

SR = 44100


def tone(seconds=2.0, sample_rate=SR):
    """Silence with a short burst a second after the start."""
    wave = np.zeros(round(seconds * sample_rate), np.float32)
    length = round(0.005 * sample_rate)
    wave[sample_rate : sample_rate + length] = 0.8 * np.hanning(length) * np.sin(np.arange(length) * 0.3)
    return wave


def encode(path: Path, codec: str, wave: np.ndarray, sample_rate: int = SR) -> None:
    """Write mono samples with one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=sample_rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
        context = stream.codec_context
        resampler = av.AudioResampler(context.format.name, "mono", sample_rate, frame_size=context.frame_size or 1024)
        for piece in resampler.resample(frame) + resampler.resample(None):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "sample_rate"),
    [
        ("a.wav", None, 8000), ("a.flac", None, 96000), ("a.ogg", "libopus", 48000), ("a.mp3", "libmp3lame", 44100),
        ("a.m4a", "aac", 44100), ("A.M4A", "aac", 48000), ("a.mp4", "video", 44100),
    ],
)  # fmt: skip
def test_every_format_keeps_its_rate_and_its_clock(name, codec, sample_rate, tmp_path):
    wave = tone(sample_rate=sample_rate)
    path = tmp_path / name
    if codec is None:
        soundfile.write(path, np.stack([wave, 0.5 * wave], axis=1), sample_rate)
    elif codec == "video":
        frames = (np.full((16, 16, 3), 8 * i, np.uint8) for i in range(20))
        writing.write_video(path, frames, 10, wave, sample_rate)
    else:
        encode(path, codec, wave, sample_rate)
    assert matching.find(tmp_path) == [path]
    sound = sounds.read(path)
    assert sound.sample_rate == sample_rate
    assert sound.wave.ndim == 1 and sound.wave.dtype == np.float32
    assert sound.seconds == pytest.approx(2, abs=0.06)
    loudest = np.argmax(np.abs(sound.wave)) / sample_rate
    assert loudest == pytest.approx(np.argmax(np.abs(wave)) / sample_rate, abs=0.002)
    assert np.abs(sound.wave).max() == pytest.approx(0.75 * np.abs(wave).max() if codec is None else 0.8, rel=0.2)
    assert sound.faults == ()
    assert len(sound.at(22050)) == pytest.approx(22050 * sound.seconds, abs=1)


def saved(path, samples, sample_rate=SR, subtype="FLOAT"):
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    return sounds.read(path)


def test_faults_are_named_and_the_samples_made_fit(tmp_path):
    music = 0.3 * np.random.default_rng(0).normal(size=2 * SR).clip(-3, 3).astype(np.float32)
    assert saved(tmp_path / "good.wav", music).faults == ()

    bad = np.stack([music, music], axis=1)
    bad[100:150, 0], bad[150:160, 1] = np.nan, np.inf
    sound = saved(tmp_path / "nan.wav", bad)
    assert sound.faults == ("not finite: 60 samples set to 0",)
    assert np.isfinite(sound.wave).all()
    np.testing.assert_allclose(sound.wave[100:150], music[100:150] / 2)
    np.testing.assert_array_equal(sound.wave[160:], music[160:])

    assert saved(tmp_path / "silent.wav", np.zeros(2 * SR)).faults == ("silent",)
    opposed = saved(tmp_path / "opposed.wav", np.stack([music, -music], axis=1))
    assert opposed.faults == ("2 channels cancel each other (their sum is silent): took channel 1 alone",)
    np.testing.assert_array_equal(opposed.wave, music)
    assert saved(tmp_path / "short.wav", music[:441]).faults == ("very short: 0.010 s",)
    assert saved(tmp_path / "one.wav", np.full((1, 2), 0.5)).faults == ("very short: 0.000 s", "silent")
    clipped = saved(tmp_path / "clipped.wav", np.stack([(5 * music).clip(-1, 1), 0 * music], axis=1), subtype="PCM_16")
    (fault,) = clipped.faults
    assert fault.startswith("clipped: ") and fault.endswith(" % of the samples at full scale")
    assert 20 < float(fault.split()[1]) < 30  # |music| > 0.2 in half of one of two channels
    empty = saved(tmp_path / "empty.wav", np.zeros(0))
    assert empty.faults == ("empty",)
    assert len(empty.at(22050)) == 0 and empty.seconds == 0


def test_what_cannot_be_read_is_an_error_that_names_the_file(tmp_path):
    (tmp_path / "text.wav").write_text("no music")
    (tmp_path / "nothing.mp3").write_bytes(b"")
    frames = (np.zeros((16, 16, 3), np.uint8) for _ in range(5))
    writing.write_video(tmp_path / "mute.mp4", frames, 10)
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")  # opening it would wait for ever
    (tmp_path / "endless.wav").symlink_to("/dev/zero")
    (tmp_path / "headerless.raw").write_bytes(bytes(1000))
    saved(tmp_path / "slow.wav", np.zeros(100))
    header = bytearray((tmp_path / "slow.wav").read_bytes())
    header[24:28] = b"\x01\x00\x00\x00"  # 1 Hz: 100 samples would become 2 million
    (tmp_path / "slow.wav").write_bytes(header)
    rng = np.random.default_rng(0)
    for name, start in (("a.flac", b"fLaC"), ("a.ogg", b"OggS"), ("a.mp3", b"ID3"), ("a.m4a", b"\0\0\0\x18ftypM4A ")):
        (tmp_path / name).write_bytes(start + rng.integers(0, 256, 50000, np.uint8).tobytes())
    for name, message in (
        ("folder.wav", "a folder, device or pipe"), ("pipe.wav", "a folder, device or pipe"),
        ("endless.wav", "a folder, device or pipe"), ("headerless.raw", ""), ("slow.wav", "no audio in it"),
        ("a.flac", ""), ("a.ogg", ""), ("a.mp3", ""), ("a.m4a", ""),
        ("text.wav", "not a readable media file"), ("nothing.mp3", "not a readable media file"),
        ("mute.mp4", "no audio in it"), ("gone.wav", "no such file"),
    ):  # fmt: skip
        with pytest.raises(MediaError, match=rf"{name}: {message}"):
            sounds.read(tmp_path / name)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("sample_rate", [8000, 192000])
def test_every_sample_format_and_rate(subtype, sample_rate, tmp_path):
    wave = tone(1.5, sample_rate)
    sound = saved(tmp_path / "a.wav", np.stack([wave, wave], axis=1), sample_rate, subtype)
    np.testing.assert_allclose(sound.wave, wave, atol=1 / 127 if subtype == "PCM_U8" else 1e-4)
    assert sound.sample_rate == sample_rate and sound.faults == ()


def test_blocks_give_the_samples_of_one_piece(tmp_path, monkeypatch):
    music = np.random.default_rng(0).uniform(-0.5, 0.5, (3 * SR, 2)).astype(np.float32)
    music[1000] = np.nan
    whole = saved(tmp_path / "a.wav", music)
    monkeypatch.setattr(sounds, "BLOCK", 10001)
    pieces = sounds.read(tmp_path / "a.wav")
    np.testing.assert_array_equal(pieces.wave, whole.wave)
    assert pieces.faults == whole.faults == ("not finite: 1 samples set to 0",)
