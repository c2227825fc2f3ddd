"""Joining the clips of one video's music, and what compose says of bad input."""

from pathlib import Path

import numpy as np
import pytest

from pace.compose import FADE_SECONDS, ComposeParams, Models, clip_starts, compose, join
from pace.media import write_video
from pace.params import read

RATE = 1000
ROOT = Path(__file__).resolve().parent.parent


def test_clips_cover_the_video_and_the_last_is_shifted_back():
    assert clip_starts(5.0) == [0.0]
    assert clip_starts(4.99) == [0.0]
    assert clip_starts(10.0) == [0.0, 5.0]
    assert clip_starts(9.6) == [0.0, pytest.approx(4.6)]
    assert clip_starts(12.0) == [0.0, 5.0, 7.0]


def test_join_keeps_every_clip_at_its_time():
    clips = np.stack([np.full(5 * RATE, value, np.float32) for value in (1, 2, 3)])
    out = join(clips, [0.0, 5.0, 7.0], 12.0, RATE)
    fade = round(FADE_SECONDS * RATE)
    assert len(out) == 12 * RATE
    np.testing.assert_array_equal(out[: 5 * RATE - fade], 1)
    np.testing.assert_array_equal(out[5 * RATE + fade : 10 * RATE - fade], 2)
    np.testing.assert_array_equal(out[10 * RATE + fade :], 3)


def test_join_cross_fades_without_a_dip_where_clips_overlap():
    clips = np.ones((2, 5 * RATE), np.float32)
    np.testing.assert_allclose(join(clips, [0.0, 4.6], 9.6, RATE), 1, atol=1e-6)


@pytest.fixture
def settings() -> ComposeParams:
    return ComposeParams.of(read(ROOT / "params.yaml"))


def test_missing_short_and_untrained_are_named(tmp_path, settings):
    models = Models(tmp_path / "vae", tmp_path / "diffusion")
    out = tmp_path / "out.mp4"
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4: no such file"):
        compose(tmp_path / "gone.mp4", out, settings, models)
    frames = [np.zeros((64, 64, 3), np.uint8)] * 180
    write_video(tmp_path / "short.mp4", frames[:90], 30)
    with pytest.raises(ValueError, match=r"short\.mp4: 3\.00 s long"):
        compose(tmp_path / "short.mp4", out, settings, models)
    write_video(tmp_path / "long.mp4", frames, 30)
    with pytest.raises(FileNotFoundError, match="run `make repro` first"):
        compose(tmp_path / "long.mp4", out, settings, models)
    assert not out.exists()
