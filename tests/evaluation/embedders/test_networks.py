"""The registry of audio networks, and the errors for a file of the wrong network."""

import subprocess
import sys

import pytest
import torch
from helpers.projects import ROOT

from pace.evaluation.embedders import networks, vggish


def test_names():
    assert set(networks.LOADERS) == {"vggish", "cnn14", "clap"}
    with pytest.raises(ValueError, match="audio network 'openl3' is unknown; use one of vggish, cnn14, clap"):
        networks.load("openl3", "weights.pth")


@pytest.mark.parametrize("name", ["vggish", "cnn14", "clap"])
def test_missing_file(name, tmp_path):
    with pytest.raises(vggish.weights.WeightsError, match=r"none\.pth: no such weights file"):
        networks.load(name, tmp_path / "none.pth")


@pytest.mark.parametrize(
    ("key", "name", "remedy"),
    [
        ("features.0.weight", "cnn14", "not the weights of PANNs CNN14.*Cnn14_mAP=0.431.pth"),
        ("features.0.weight", "clap", "not CLAP with an HTSAT audio branch.*LAION"),
        ("conv_block1.conv1.weight", "vggish", "not the weights of VGGish.*vggish-10086976.pth"),
    ],
)
def test_the_file_of_another_network(key, name, remedy, tmp_path):
    torch.save({key: torch.ones(64, 1, 3, 3)}, tmp_path / "other.pth")
    with pytest.raises(vggish.weights.WeightsError, match=remedy):
        networks.load(name, tmp_path / "other.pth")


def test_importing_needs_torch_and_numpy_alone():
    code = (
        "import sys, pace.evaluation.embedders; print({'librosa', 'transformers', 'scipy', 'soxr'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
