"""Clips of one track: they cover it, and joining puts them where they were cut."""

import numpy as np
import pytest

from pace.audio.joining import FADE_SECONDS, clip_starts, join

RATE = 1000


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
