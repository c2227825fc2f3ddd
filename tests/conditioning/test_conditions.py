"""Gathering the conditions of clips from the videos' arrays."""

import numpy as np
import pytest
import torch
from helpers.condition_files import video

from pace.conditioning.conditions import ConditionStore


def test_clips_are_cut_at_their_frames():
    videos = {"b": video(300, 2), "a": video(200, 1)}
    store = ConditionStore(videos, [("b", 0.0), ("a", 1.0), ("b", 5.0)])
    batch = store.batch(torch.tensor([1, 0, 2]))
    assert len(store) == 3 and store.frames == 150
    assert batch.slow.shape == (3, 150, 5) and batch.visual.shape == (3, 150, 3)
    np.testing.assert_allclose(batch.slow[0], videos["a"].slow[30:180])
    np.testing.assert_allclose(batch.fast[1], videos["b"].fast[:150])
    np.testing.assert_array_equal(batch.semantic[2], videos["b"].semantic[150:].astype(np.float32))


def test_frames_past_the_end_repeat_the_last_one():
    videos = {"a": video(160, 1), "b": video(160, 2)}
    batch = ConditionStore(videos, [("a", 1.0), ("b", 0.0)]).batch(torch.tensor([0]))
    np.testing.assert_allclose(batch.slow[0, :130], videos["a"].slow[30:])
    np.testing.assert_allclose(batch.slow[0, 130:], np.broadcast_to(videos["a"].slow[-1], (20, 5)))


def test_visual_steps_are_interpolated_at_frame_times():
    """The first channel is the time itself: between the first and last step interpolation gives the frame's time."""
    videos = {"a": video(300, 1), "b": video(300, 2)}
    batch = ConditionStore(videos, [("b", 2.0), ("b", 0.0)]).batch(torch.tensor([0, 1]))
    time = 2 + np.arange(150) / 30
    np.testing.assert_allclose(batch.visual[0, :, 0], time, atol=5e-3)
    np.testing.assert_allclose(batch.visual[0, :, 1], 2 * time + 2, atol=1e-2)
    np.testing.assert_allclose(batch.visual[1, :10, 0], 0.36, atol=1e-3)


def test_mirror_exchanges_left_and_right():
    store = ConditionStore({"a": video(150, 1)}, [("a", 0.0)])
    index = torch.tensor([0, 0])
    plain, mirrored = store.batch(index), store.batch(index, torch.tensor([True, False]))
    for a, b in zip(plain[:3], mirrored[:3], strict=True):
        torch.testing.assert_close(b[0], a[0][:, [0, 2, 1, 4, 3]])
        torch.testing.assert_close(b[1], a[1])


def test_errors_name_the_video():
    good = video(150, 1)
    with pytest.raises(ValueError, match="video b: motion embedding"):
        ConditionStore({"a": good, "b": good._replace(semantic=good.semantic[:-1])}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match=r"video b has 25 frames/s"):
        ConditionStore({"a": good, "b": good._replace(fps=25.0)}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match="visual embedding"):
        ConditionStore({"a": good, "b": video(150, 2, width=2)}, [("a", 0.0), ("b", 0.0)])
    with pytest.raises(ValueError, match="no clip"):
        ConditionStore({}, [])
