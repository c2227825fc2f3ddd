"""`make bench-gpu`: small, without a GPU and without any package but PyTorch and NumPy."""

import importlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from benchmarks import settings
from benchmarks.gpu import count, kernels
from benchmarks.gpu.report import Report, Run
from pace.pipeline.closure import ROOT
from pace.training.optimiser import Optimiser

gpu = importlib.import_module("benchmarks.gpu.__main__")

BLOCKED = """av cv2 dask diffusers dvc joblib librosa matplotlib mediapipe mir_eval numba onnxruntime pandas PIL pyarrow
ruamel safetensors scipy sklearn soundfile tqdm transformers yaml""".split()  # noqa: SIM905
PACKAGES = (
    "autoencoder", "autoencoder_training", "conditioning", "diffusion", "diffusion_training", "sampling", "training",
)  # fmt: skip
IMPORTS = f"""
import importlib, pkgutil, sys
for name in {BLOCKED}:
    sys.modules[name] = None
for package in {PACKAGES}:
    module = importlib.import_module(f"pace.{{package}}")
    for found in pkgutil.iter_modules(module.__path__, f"pace.{{package}}."):
        importlib.import_module(found.name)
from benchmarks.gpu.__main__ import main
"""
RUN = 'sys.exit(main(["--small", "--out", sys.argv[1]]))'


@pytest.mark.long
def test_the_generator_imports_with_nothing_but_pytorch_and_numpy():
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_small_run_needs_nothing_but_pytorch_and_numpy(tmp_path):
    out = tmp_path / "rows.json"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS + RUN, out],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "diffusers is not installed" in done.stdout
    rows = {(row["part"], row["what"]): row["value"] for row in json.loads(out.read_text())}
    assert {part for part, _ in rows} == {"unet", "step", "sample", "vae", "train", "projection", "count"}
    assert rows["train", "resumed / uninterrupted - 1, largest"] == 0
    assert rows["train", "loss of the last third"] < rows["train", "loss of the first third"]
    whole = rows["projection", "training of the generator"]
    assert whole == pytest.approx(62_900 * 2 / rows["step", "whole loop, rate"] / 3600)
    assert all(f"{what} " in done.stdout for _, what in rows)


def test_stored_settings_are_those_of_the_presets():
    assert settings.STORED.read_text() == settings.stored_text(), "run `python -m benchmarks.settings`"
    for preset in settings.PRESETS:
        assert settings.stored(preset) == settings.read(preset)


def test_a_part_that_fails_does_not_stop_the_next(monkeypatch, capsys, tmp_path):
    def fails(run):
        raise ValueError("no such kernel")

    def works(run):
        run.report.row("works", "answer", 42.0, "samples/s")

    parts = {name: SimpleNamespace(NAME=name, measure=f) for name, f in (("fails", fails), ("works", works))}
    monkeypatch.setattr(gpu, "PARTS", parts)
    out = tmp_path / "rows.json"
    assert gpu.main(["--small", "--parts", "fails", "works", "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "ValueError: no such kernel" in said and "; fails failed" in said
    assert [row["value"] for row in json.loads(out.read_text())] == [42.0]
    assert gpu.main(["--small", "--parts", "works"]) == 0
    monkeypatch.setattr(gpu, "SECONDS", -1)
    assert gpu.main(["--small", "--parts", "fails", "works"]) == 0
    assert "works: left out" in capsys.readouterr().out
    monkeypatch.setattr(gpu, "PARTS", parts | {gpu.projection.NAME: parts["works"]})
    gpu.main(["--small", "--parts", gpu.projection.NAME])
    assert "left out" not in capsys.readouterr().out, "the projection takes no time"


def test_sizes_of_the_paper_need_a_gpu(capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit):
        gpu.main([])
    assert "there is no GPU here" in capsys.readouterr().err


def test_make_bench_gpu_installs_nothing():
    command = ["make", "-n", "bench-gpu", "PYTHON=/opt/python3", "ARGS=--small"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # of `make test`
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ['"/opt/python3" -m benchmarks.gpu --small']


def test_operations_and_bytes_of_a_layer_by_hand():
    """A linear layer and SiLU in float32: x (8,16), weights (32,16), y (8,32)."""
    layer, x = nn.Linear(16, 32), torch.randn(8, 16)
    x_bytes, weight, bias, y = 512, 2048, 128, 1024
    counter = count.Counter()
    with counter:
        counter.phase = "forward"
        loss = nn.functional.silu(layer(x)).sum()
        counter.phase = "backward"
        loss.backward()
    totals = {key: (total.operations, total.bytes) for key, total in counter.totals.items()}
    assert totals == {
        ("forward", "product"): (1, x_bytes + weight + bias + y),
        ("forward", count.OTHER): (2, y + y + y + 4),  # SiLU; sum
        ("backward", "copy, cast"): (1, 4 + 4),  # the loss's gradient, 1
        ("backward", count.OTHER): (2, 4 + y + y + y + bias),  # SiLU, from the one gradient of all; sum for the bias
        ("backward", "product"): (1, x_bytes + y + weight),
    }


def test_operations_and_bytes_of_an_update_by_hand():
    """1,024 weights with a bfloat16 copy: every one of the twelve operations, and 4 bytes a number in float32."""
    layer = nn.Linear(32, 32, bias=False)
    optimiser = Optimiser(layer, 1e-3, 0.0, 1.0, 0.9, 9, dtype=torch.bfloat16)
    optimiser.update()
    layer(torch.ones(1, 32).bfloat16()).sum().backward()
    with count.Counter() as counter:
        optimiser.collect()
        optimiser.update()
    names = {name: total.bytes // 1024 for name, total in counter.by_name.items()}
    assert names["aten._fused_adamw_.default"] == 4 * 4 + 3 * 4  # weights, gradients, two averages; all but gradients
    assert names["aten.lerp_.Tensor"] == 8 + 4  # averages and weights; averages
    assert names["aten.mul_.Tensor"] == 4 + 4
    assert names["aten._foreach_norm.Scalar"] == 4
    assert names["aten._foreach_copy_.default"] == (2 + 4) + (4 + 2)  # gradients to float32, weights to bfloat16


def test_count_of_a_step_scales_with_the_batch_and_leaves_the_cpu_form_of_doubling():
    config, fused_up = settings.stored("tiny"), count.unet_blocks.FUSED_UP
    two, four = (count.count_step(config, batch, torch.bfloat16) for batch in (2, 4))
    assert fused_up == count.unet_blocks.FUSED_UP
    operations = [sum(total.operations for total in c.totals.values()) for c in (two, four)]
    assert operations[0] == operations[1] > 500
    moved = [{key: total.bytes for key, total in c.totals.items()} for c in (two, four)]
    assert moved[0]["update", "optimiser"] == moved[1]["update", "optimiser"]
    attention = [sum(size for (_, group), size in sizes.items() if group == "attention") for sizes in moved]
    assert attention[1] == 2 * attention[0] > 0
    assert "aten.upsample_nearest2d.default" in two.by_name


def test_kernels_are_counted_by_name(monkeypatch, capsys):
    """Three calls of one launch, with two kernels of 300 and 100 microseconds each."""
    cpu, cuda = torch.autograd.DeviceType.CPU, torch.autograd.DeviceType.CUDA

    def event(name, device, microseconds=0):
        return SimpleNamespace(
            name=name, device_type=device, time_range=SimpleNamespace(elapsed_us=lambda: microseconds)
        )

    events = [event("matmul", cuda, 300), event("norm", cuda, 100), event("cudaGraphLaunch", cpu), event("step", cpu)]

    class Profile:
        def __init__(self, **_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def events(self):
            return 3 * events

    monkeypatch.setattr(kernels, "profile", Profile)
    run = Run(settings.stored("tiny"), torch.device("cpu"), 2, True, 0.0, Report())
    kernels.rows(run, "step", "graph", lambda: None)
    assert [(row.what, row.value) for row in run.report.rows] == [
        ("graph: kernels", 2),
        ("graph: launches by the CPU", 1),
        ("graph: GPU busy", pytest.approx(0.4)),
    ]
    assert "0.300 ms     1.0 x  75.0 %  matmul" in capsys.readouterr().out
