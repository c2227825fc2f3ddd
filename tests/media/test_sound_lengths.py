"""A file is read as far as it goes, whatever its header says; a header that is wrong is named."""

import struct

import av
import numpy as np
import pytest
import soundfile
from helpers.projects import ROOT
from helpers.sound_files import encode, lag, write

from pace.media import sounds, wav_header

CASES = ROOT / "tests/cases"
WRONG = "its header is wrong or missing: {:.2f} s by libsndfile, {:.2f} s by FFmpeg, which was taken"
CUT = "cut short: {:.2f} s by its header, {:.2f} s in the file"


@pytest.fixture(scope="module")
def music():
    return soundfile.read(CASES / "sound.wav", dtype="float32")[0]


def wav(path, music, size=None, keep=None, tail=b"", riff="RIFF"):
    """A 16-bit wav; size: data size in its header, keep: bytes of the file kept, tail: appended."""
    soundfile.write(path, music, 22050, subtype="PCM_16", format="RF64" if riff == "RF64" else "WAV")
    content = bytearray(path.read_bytes())
    if size is not None and riff == "RF64":
        at = content.index(b"ds64")
        content[at + 16 : at + 24] = struct.pack("<Q", size)
    elif size is not None:
        at = content.index(b"data")
        content[at + 4 : at + 8] = struct.pack("<I", size)
    path.write_bytes(bytes(content)[:keep] + tail)
    return path


CHUNK = b"LIST" + struct.pack("<I", 100004) + b"INFO" + b"\x11\x22" * 50000


@pytest.mark.parametrize(
    ("header", "seconds", "faults"),
    [
        ({}, 6, ()),
        ({"tail": CHUNK}, 6, ()),
        ({"tail": bytes(100000)}, 6, ()),
        ({"tail": b"ID3\x03" + b"\x01" * 100000}, 6, ()),
        ({"size": 0}, 6, (WRONG.format(0, 6),)),
        ({"size": 0xFFFFFFFF}, 6, ()),  # as FFmpeg writes into a pipe
        ({"size": 0x7FFFF000}, 6, ()),  # as SoX does
        ({"size": 44100}, 6, (WRONG.format(1, 6),)),
        ({"size": 264601}, 6, ()),
        ({"keep": 88200 + 44}, 2, (CUT.format(6, 2),)),
        ({"size": 0, "riff": "RF64"}, 6, (WRONG.format(0, 6),)),
    ],
)  # fmt: skip
def test_the_data_size_of_a_wav(header, seconds, faults, music, tmp_path):
    sound = sounds.read(wav(tmp_path / "a.wav", music, **header))
    assert sound.faults == faults
    assert sound.seconds == pytest.approx(seconds, abs=0.001)
    np.testing.assert_allclose(sound.wave, music[: len(sound.wave)], atol=1e-4)


def test_an_empty_wav_stays_empty(music, tmp_path):
    path = wav(tmp_path / "a.wav", music[:0], tail=CHUNK)
    assert wav_header.read(path) == wav_header.WavData(0, len(CHUNK), False)
    assert sounds.read(path).faults == ("empty",)
    assert wav_header.read(CASES / "piped.flac") is None


@pytest.mark.parametrize(
    ("total", "keep", "seconds", "faults"),
    [
        (0, None, 6, ()), (30000, None, 6, (WRONG.format(30000 / 22050, 6),)),
        (300000, None, 6, (CUT.format(300000 / 22050, 6),)),
        (132300, 100000, None, ("cut short: 6.00 s by its header",)),
    ],
)  # fmt: skip
def test_the_number_of_samples_of_a_flac(total, keep, seconds, faults, music, tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, music, 22050, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO's last four bits and four bytes before the MD5
    content[22:26] = struct.pack(">I", total)
    path.write_bytes(content[:keep])
    sound = sounds.read(path)
    assert seconds is None or sound.seconds == pytest.approx(seconds, abs=0.001)
    assert len(sound.faults) == len(faults) and all(f.startswith(s) for f, s in zip(sound.faults, faults, strict=True))
    assert len(sound.wave) > 22050
    np.testing.assert_allclose(sound.wave, music[: len(sound.wave)], atol=1e-4)


def test_both_readers_of_an_mp3_have_one_clock(music, tmp_path):
    """With a LAME tag sample 0 is the music's; without, 1105 samples (encoder and decoder) come first."""
    for options, late in (({}, 0), ({"write_xing": "0"}, 1105)):
        path = write(tmp_path / "a.mp3", "libmp3lame", music[:, None], 22050, "mono", **options)
        for sound in (sounds.read(path), sounds._by_ffmpeg(path)):
            assert sound.faults == ()
            at, likeness = lag(sound.wave, music)
            assert abs(at - late) <= 1 and likeness > 0.97


def test_other_endings_tags_and_joined_files(music, tmp_path):
    content = write(tmp_path / "a.mp3", "libmp3lame", music[:, None], 22050, "mono").read_bytes()
    junk = np.random.default_rng(0).integers(0, 255, 16384, np.uint8).tobytes()
    for name, data in {
        "ending.wav": content,
        "id3.mp3": b"ID3\x04\x00\x00\x00\x01\x00\x00" + junk + content + b"TAG" + b"x" * 125,
        "junk.mp3": b"\x00" * 3000 + content,
    }.items():
        (tmp_path / name).write_bytes(data)
        sound = sounds.read(tmp_path / name)
        assert sound.seconds == pytest.approx(6, abs=0.001) and sound.faults == (), name
        assert abs(lag(sound.wave, music)[0]) <= 1
    (tmp_path / "joined.mp3").write_bytes(content + content)
    sound = sounds.read(tmp_path / "joined.mp3")
    assert sound.seconds == pytest.approx(12.1, abs=0.1) and "6.00 s by libsndfile" in sound.faults[0]
    (tmp_path / "cut.mp3").write_bytes(content[: len(content) // 3])
    (fault,) = sounds.read(tmp_path / "cut.mp3").faults
    assert fault.startswith("cut short: 6.00 s by its header, 1.9")


def test_sound_that_begins_late_is_not_cut_short(music, tmp_path):
    """The header of Matroska counts from zero."""
    samples = np.concatenate([np.zeros(3 * 22050, np.float32), music])
    with av.open(str(tmp_path / "a.mka"), "w") as container:
        stream = container.add_stream("flac", rate=22050, layout="mono")
        for packet in encode(stream, samples[:, None], 22050):
            if packet.pts is None or packet.pts * packet.time_base > 2.9:
                container.mux(packet)
    sound = sounds.read(tmp_path / "a.mka")
    assert sound.seconds == pytest.approx(6, abs=0.2) and sound.faults == ()
