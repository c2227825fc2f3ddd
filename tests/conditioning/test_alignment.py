"""The time grid that ties video frames to latent columns."""

import numpy as np
import torch

from pace.clip import N_FRAMES
from pace.conditioning.alignment import HOP_SECONDS, Alignment, resampling


def test_grid_is_that_of_the_mel_images():
    assert HOP_SECONDS == 431 / 22050 and N_FRAMES == 256


def test_resampling_keeps_times():
    """Averaging the frames' times gives each bin's centre; rows are weights."""
    for bins, frames, fps in ((32, 150, 30.0), (128, 150, 30.0), (256, 300, 60.0), (32, 125, 25.0)):
        weights = resampling(bins, frames, fps)
        torch.testing.assert_close(weights.sum(1), torch.ones(bins))
        size = N_FRAMES // bins
        centres = (np.arange(bins) * size + (size - 1) / 2) * HOP_SECONDS
        times = weights.double().numpy() @ (np.arange(frames) / fps)
        # A mean over part of a frame counts the whole frame's time: at most half a frame off.
        assert np.abs(times - centres)[1:-1].max() < 0.5 / fps
    assert abs((weights[10] > 0).sum() - 0.15638 * 25) <= 2


def test_an_impulse_lands_in_its_column():
    weights = resampling(32, 150, 30.0)
    for frame in range(150):
        column = int((frame / 30 / HOP_SECONDS + 0.5) // 8)
        assert int(weights[:, frame].argmax()) in (column, column - 1, column + 1)
        reach = weights[:, frame].nonzero().flatten().tolist()
        assert column in reach or frame == 149
        assert len(reach) <= 2


def test_addends_have_the_shapes_of_their_blocks_and_are_local():
    torch.manual_seed(0)
    align = Alignment(3, [(32, 4), (16, 6), (8, 5)], width=7, layers=2, kernel=3, bins=4, frames=150, fps=30.0)
    frames = torch.zeros(1, 150, 3)
    base = align(frames)
    assert [tuple(x.shape) for x in base] == [(1, 4, 1, 32), (1, 6, 1, 16), (1, 5, 1, 8)]
    frames[0, 75] = 1.0  # at 2.5 s: column 16 of 32
    for addend, plain in zip(align(frames), base, strict=True):
        columns = addend.shape[-1]
        hit = (addend - plain).abs().sum(dim=(0, 1, 2)).nonzero().flatten()
        assert hit.min() >= 15 * columns // 32 and hit.max() <= 17 * columns // 32 + (columns == 32)


def test_bins_keep_the_place_inside_a_column():
    """With one bin a column only sees its mean; with four, two impulses inside it differ by their place."""
    torch.manual_seed(0)
    a, b = torch.zeros(1, 150, 1), torch.zeros(1, 150, 1)
    a[0, 71], b[0, 73] = 1.0, 1.0  # both inside column 15, away from its borders
    one, four = (
        Alignment(1, [(32, 2)], width=4, layers=1, kernel=1, bins=bins, frames=150, fps=30.0) for bins in (1, 4)
    )
    assert (one(a)[0] - one(b)[0])[..., 15].abs().max() < 1e-5
    assert (four(a)[0] - four(b)[0])[..., 15].abs().max() > 1e-3
