"""The README's picture, on small outputs of a run made here."""

import io

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from pace.clip import CLIP_SECONDS, SAMPLE_RATE
from pace.media import writing
from pace.pictures import overview
from pace.pipeline import closure
from pace.pose.skeleton import PARTS

FPS, SECONDS, START = 10, 10, 5.0
CLIP = "v_005000"


def dancer(index: int) -> np.ndarray:
    """Grey, with a square of 20 pixels whose brightness tells the frame."""
    frame = np.full((96, 64, 3), 60, np.uint8)
    frame[40:60, 22:42] = 120 + index
    return frame


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """One video of ten seconds; the second of its two clips has music, clicks every half second."""
    root = tmp_path_factory.mktemp("data")
    for folder in ("index", "decoded", "keypoints", "energy", "generated", "synthetic/truth"):
        (root / folder).mkdir(parents=True)
    clips = pd.DataFrame(
        {"clip_id": ["v_000000", CLIP], "video_id": ["v"] * 2, "split": ["test"] * 2, "start_s": [0.0, START]}
    )
    clips.to_parquet(root / "index/clips.parquet")
    writing.write_video(root / "decoded/v.mp4", map(dancer, range(SECONDS * FPS)), FPS)
    corners = np.array([[22, 40, 1], [42, 60, 1]], np.float32)
    np.savez(root / "keypoints/v.npz", keypoints=np.tile(corners, (SECONDS * FPS, 1, 1)), size=np.array([64, 96]))
    time_s = np.arange(SECONDS * FPS) / FPS
    bands = {f"{band}_{part}": time_s for band in ("slow", "fast") for part in PARTS}
    pd.DataFrame({"time_s": time_s, **bands}).to_parquet(root / "energy/v.parquet")
    wave = np.zeros(round(CLIP_SECONDS * SAMPLE_RATE), np.float32)
    for beat in np.arange(0.25, 5, 0.5):
        first = round(beat * SAMPLE_RATE)
        wave[first : first + 600] = np.sin(0.3 * np.arange(600)) * np.exp(-np.arange(600) / 150)
    soundfile.write(root / f"generated/{CLIP}.wav", wave, SAMPLE_RATE, subtype="PCM_16")
    beats = np.arange(0.25, 10, 0.5)
    np.savez(root / "synthetic/truth/v.npz", joints3d=np.zeros(1), joints2d=np.zeros(1), beats=beats, fps=10.0)
    return root


@pytest.fixture(scope="module")
def result(data):
    return overview.read_clip(CLIP, data)


def test_all_that_is_read_is_of_the_clips_seconds(result):
    shades = [int(np.median(frame[5:-5, 5:-5])) - 120 for frame in result.frames]
    middles = [START * FPS + (number + 0.5) / overview.FRAMES * CLIP_SECONDS * FPS for number in range(overview.FRAMES)]
    assert shades == pytest.approx(middles, abs=3)  # H.264 changes shades a little
    assert result.time_s[0] == pytest.approx(0)
    assert result.slow[0] == pytest.approx(START / 9.9)
    assert result.dance_beats == pytest.approx(np.arange(0.25, 5, 0.5))


def test_the_dancers_box_has_a_margin(result):
    margin = int(overview.MARGIN * 64)
    height, width, _ = result.frames[0].shape
    assert (width, height) == pytest.approx((20 + 2 * margin, 20 + 2 * margin), abs=1)


def test_beats_of_the_music_are_heard(result):
    inner = result.music_beats[(result.music_beats > 0.5) & (result.music_beats < 4.5)]
    assert len(inner) >= 7
    assert np.abs((inner - 0.25 + 0.25) % 0.5 - 0.25).max() < 0.07


@pytest.mark.long
def test_the_picture_is_a_small_palette_png_and_always_the_same(result):
    picture = overview.draw(result)
    image = Image.open(io.BytesIO(picture))
    assert image.mode == "P"
    assert image.size == (1800, round(overview.HEIGHT * overview.DPI))
    assert len(picture) < 300_000
    assert overview.draw(result) == picture


@pytest.mark.long
def test_beats_are_marked_at_their_times(result):
    """The lowest panel has a dark mark for each beat of the dance and none between them."""
    pixels = np.asarray(Image.open(io.BytesIO(overview.draw(result))).convert("L"))
    row = pixels[int(0.882 * len(pixels))]
    left, right = 0.095 * 1800, 0.985 * 1800
    dark = np.flatnonzero(row[round(left) : round(right)] < 90) / (right - left) * CLIP_SECONDS
    nearest = np.abs(dark[:, None] - result.dance_beats).min(axis=1)
    assert nearest.max() < 0.02
    assert all(np.abs(dark - beat).min() < 0.01 for beat in result.dance_beats)


@pytest.mark.long
def test_a_clip_without_truth_is_drawn(data, tmp_path):
    for folder in ("index", "decoded", "keypoints", "energy", "generated"):
        (tmp_path / folder).symlink_to(data / folder)
    result = overview.read_clip(CLIP, tmp_path)
    assert result.dance_beats is None
    assert overview.draw(result)


@pytest.mark.parametrize("clip", ["v_000000", "unknown"])
def test_a_clip_without_music_is_named(data, clip, capsys):
    with pytest.raises(SystemExit) as stop:
        overview.main(["--clip", clip, "--data", str(data)])
    assert str(stop.value).startswith(f"overview: {clip}: no clip of that name with music in {data}/generated")


@pytest.mark.long
def test_main_writes_the_picture(data, tmp_path, capsys):
    out = tmp_path / "images" / "overview.png"
    overview.main(["--clip", CLIP, "--data", str(data), "--out", str(out)])
    assert capsys.readouterr().out == f"overview: {out}, {out.stat().st_size / 1000:.0f} kB\n"


def test_the_readmes_picture_is_there_and_small():
    picture = closure.ROOT / overview.OUT
    assert Image.open(picture).width == 1800
    assert picture.stat().st_size < 300_000
