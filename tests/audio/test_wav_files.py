"""The stages' own wav files are checked when they are read."""

import numpy as np
import pytest
import soundfile

from pace.audio.wav_files import read_wave


def test_samples_come_back_and_other_files_are_named(tmp_path):
    wave = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
    soundfile.write(tmp_path / "good.wav", wave, 22050, subtype="FLOAT")
    np.testing.assert_array_equal(read_wave(tmp_path / "good.wav"), wave)
    (tmp_path / "broken.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:30])
    soundfile.write(tmp_path / "stereo.wav", np.stack([wave, wave], axis=1), 22050)
    soundfile.write(tmp_path / "fast.wav", wave, 44100)
    for name in ("broken.wav", "stereo.wav", "fast.wav", "gone.wav"):
        with pytest.raises(ValueError, match=rf"{name}: .*rerun its stage"):
            read_wave(tmp_path / name)
