"""How long a training lasts, and that its stage does as it says."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from helpers.projects import ROOT

from pace.conditioning.conditions import ConditionStore, VideoConditions
from pace.diffusion.generator import LatentScale
from pace.diffusion_training.latents import LatentDataset
from pace.diffusion_training.params import DiffusionParams
from pace.diffusion_training.training import total_steps
from pace.pipeline import params
from pace.setup import presets
from stages import train_diffusion

TRAINING = params.section(params.read(ROOT / "params.yaml"), "train_diffusion", DiffusionParams)


@pytest.mark.parametrize(
    ("epochs", "batch", "clips", "expected"),
    [
        (0, 64, 20_140, 7),  # `steps`
        (200, 64, 20_140, 62_938),  # the paper's: 4,028,000 clips in batches of 64, the last one partly
        (2, 2, 3, 3),
        (1, 4, 3, 1),
        (3, 4, 4, 3),
    ],
)
def test_total_steps(epochs, batch, clips, expected):
    training = dataclasses.replace(TRAINING, steps=7, epochs=epochs, batch_size=batch)
    assert total_steps(training, clips) == expected


def test_the_stage_trains_for_epochs_and_prints_its_size(tmp_path, monkeypatch, capsys):
    """Three clips, two epochs in batches of four: two steps, whatever `steps` says."""
    content = presets.with_preset(ROOT / "presets/tiny.yaml", ROOT / "params.yaml")
    content["train_diffusion"] |= {"steps": 50, "epochs": 2, "batch_size": 4}
    generator = np.random.default_rng(0)
    semantic = generator.standard_normal((150, 5, 512)).astype(np.float16)
    energy = generator.random((150, 5)).astype(np.float32)
    video = VideoConditions(energy, energy, semantic, np.ones((20, 6), np.float16), np.arange(20) / 4, 30.0)
    conditions = ConditionStore({"v": video}, [("v", 0.0)] * 3)
    data = LatentDataset(torch.zeros(3, 2, 32, 32), torch.ones(3, 2, 32, 32), conditions)
    scale = LatentScale(torch.zeros(2), torch.ones(2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(params, "read", lambda path="params.yaml": content)
    monkeypatch.setattr(train_diffusion, "load_data", lambda folders, device, log: (data, None, scale, "key"))
    train_diffusion.main([])
    written = json.loads((tmp_path / "models/diffusion/config.json").read_text())["train_diffusion"]
    assert (written["steps"], written["epochs"]) == (2, 2)
    assert (tmp_path / "reports/curves/diffusion.csv").read_text().splitlines()[-1].startswith("2,")
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("encoder 0.") and " M, U-Net " in first and ", FLOPs per training sample " in first
