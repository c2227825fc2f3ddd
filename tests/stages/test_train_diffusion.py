"""The stage as it is run: killed and run again, in several processes, and with bad data."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pace.pipeline.closure import ROOT
from pace.pose.skeleton import PARTS
from pace.setup import presets
from pace.training.checkpoint import load_model

VIDEOS, FRAMES = 6, 180
SETTINGS = """
train_diffusion:
  steps: 24
  batch_size: 4
  warmup: 4
  eval_every: 6
  save_every: 2
"""


def make_project(folder: Path, precision: str = "float32") -> Path:
    """Everything that the stage reads, random, and params.yaml at the tiny preset with SETTINGS."""
    rng = np.random.default_rng(0)
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    presets.write(ROOT / "presets/tiny.yaml", folder / "params.yaml")
    (folder / "settings.yaml").write_text(f"{SETTINGS}  precision: {precision}\n")
    presets.write(folder / "settings.yaml", folder / "params.yaml")
    for name in ("index", "latents", "energy", "motion", "visual"):
        (folder / "data" / name).mkdir(parents=True)
    videos = [f"v{i}" for i in range(VIDEOS)]
    clips = [
        (f"{video}_{start}", video, "val" if video == "v5" else "train", start)
        for video in videos
        for start in (0.0, 1.0)
    ]
    pd.DataFrame(clips, columns=["clip_id", "video_id", "split", "start_s"]).to_parquet(
        folder / "data/index/clips.parquet"
    )
    for split in ("train", "val"):
        ids = [clip for clip, _, of, _ in clips if of == split]
        mean = rng.standard_normal((len(ids), 4, 32, 32)).astype(np.float16)
        np.savez(folder / f"data/latents/{split}.npz", mean=mean, log_variance=mean - 6, clip_id=np.array(ids))
    for video in videos:
        energy = {f"{band}_{part}": rng.random(FRAMES) for band in ("slow", "fast") for part in PARTS}
        pd.DataFrame(energy).to_parquet(folder / f"data/energy/{video}.parquet")
        embedding = rng.standard_normal((FRAMES, 5, 512)).astype(np.float16)
        np.savez(folder / f"data/motion/{video}.npz", embedding=embedding, fps=30.0)
        steps = rng.standard_normal((4, 8)).astype(np.float16)
        np.savez(folder / f"data/visual/{video}.npz", embedding=steps, time_s=np.arange(4.0))
    return folder


def start(folder: Path, launcher: tuple[str, ...] = (sys.executable,)) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder), "OMP_NUM_THREADS": "1"}
    command = [*launcher, "-m", "stages.train_diffusion"]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def results(folder: Path) -> dict[str, bytes]:
    files = [*sorted((folder / "models/diffusion").iterdir()), folder / "reports/curves/diffusion.csv"]
    return {path.name: path.read_bytes() for path in files}


def states(folder: Path) -> list[Path]:
    return list((folder / ".resume/train_diffusion").glob("*/*"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("undisturbed"))
    assert "encoder + U-Net" in finish(start(folder))
    assert not states(folder), "a finished run leaves no state"
    return folder


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_bits(undisturbed, tmp_path):
    """SIGKILL at a random moment after the first saved state; the rerun goes on there: weights, averages, curve."""
    folder = make_project(tmp_path)
    process = start(folder)
    while not any(path.name == "state.pt" for path in states(folder)) and process.poll() is None:
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    step = torch.load(next(p for p in states(folder) if p.name == "state.pt"), weights_only=True)["step"]
    assert 2 <= step < 24 and not (folder / "models/diffusion").exists()
    assert f"continues from step {step}, saved in" in finish(start(folder))
    assert results(folder) == results(undisturbed)


@pytest.mark.long
def test_two_processes_learn_the_same(undisturbed, tmp_path):
    """torchrun over gloo: the same global batch, the same curve within 1e-4, nearly the same averaged weights."""
    folder = make_project(tmp_path)
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert "2 x cpu" in finish(start(folder, torchrun))
    one, two = (pd.read_csv(at / "reports/curves/diffusion.csv") for at in (undisturbed, folder))
    assert list(two.step) == [6, 12, 18, 24]
    np.testing.assert_allclose(two[["loss", "val_loss"]], one[["loss", "val_loss"]], rtol=1e-4, atol=0)
    for name in ("encoder", "unet"):
        one, two = (load_model(at / f"models/diffusion/{name}.safetensors") for at in (undisturbed, folder))
        torch.testing.assert_close(two, one, atol=5e-5, rtol=0)  # they differ by 3e-6; last weights 2e-4
    assert not states(folder)


@pytest.mark.slow
def test_two_processes_learn_the_same_in_bfloat16(tmp_path):
    """As on GPUs: bfloat16 working copies, gradients summed in float32. Three digits."""
    curves, weights = [], []
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    for name, launcher in (("one", (sys.executable,)), ("two", torchrun)):
        (tmp_path / name).mkdir()
        folder = make_project(tmp_path / name, "bfloat16")
        finish(start(folder, launcher))
        curves.append(pd.read_csv(folder / "reports/curves/diffusion.csv")[["loss", "val_loss"]])
        weights.append(load_model(folder / "models/diffusion/unet.safetensors"))
    np.testing.assert_allclose(*curves, rtol=0.02, atol=0)
    assert not np.array_equal(*curves), "two processes round otherwise"
    for name, one in weights[0].items():
        torch.testing.assert_close(weights[1][name], one, atol=0.02, rtol=0)


@pytest.mark.long
def test_a_bad_latent_ends_with_one_line(tmp_path):
    folder = make_project(tmp_path)
    path = folder / "data/latents/train.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["log_variance"][3] = 3e4  # a number, but no latent can be drawn with that deviation
    np.savez(path, **arrays)
    process = start(folder)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1 and "Traceback" not in output
    assert "loss nan" in output and "learning rate" in output and "last good state: " in output
