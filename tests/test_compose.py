"""What compose reports for bad input."""

from pathlib import Path

import numpy as np
import pytest

from pace.compose import ComposeParams, Models, compose
from pace.media.writing import write_video
from pace.pipeline.params import read

ROOT = Path(__file__).resolve().parent.parent


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
