"""What makes the networks fast leaves their results and the names of their parameters as they are."""

import dataclasses

import pytest
import torch

from pace.diffusion.unet import FrameShape, UNet, UNetParams
from pace.training import accelerate

CPU = torch.device("cpu")
SMALL = UNetParams(
    widths=(8, 16),
    attention=(True, False),
    layers=1,
    heads=2,
    groups=4,
    align_width=8,
    align_layers=1,
    align_kernel=3,
    align_bins=2,
)


@pytest.mark.long
@pytest.mark.parametrize("frames", [None, FrameShape(3, 30, 6.0)])
def test_the_network_compiles_whole_and_keeps_names_and_values(frames):
    """Traced without a break in the graph, forward and backward; no code is generated here."""
    torch.manual_seed(0)
    unet = UNet(SMALL, 1, 6, frames)
    names = list(unet.state_dict())
    given = (torch.randn(2, 1, 32, 32), torch.tensor([1.0, 500.0]), torch.randn(2, 1, 6))
    given += () if frames is None else (torch.randn(2, 30, 3),)
    eager = unet(*given)
    expected = torch.autograd.grad(eager.square().sum(), list(unet.parameters()))
    unet.compile(dynamic=False, fullgraph=True, backend="aot_eager")
    traced = unet(*given)
    traced.square().sum().backward()
    torch.testing.assert_close(traced, eager, atol=1e-5, rtol=1e-5)
    assert list(unet.state_dict()) == names
    for weights, gradient in zip(unet.parameters(), expected, strict=True):
        torch.testing.assert_close(weights.grad, gradient, atol=1e-3, rtol=1e-3)


def test_the_cpu_stays_eager_unless_told(monkeypatch):
    unet = UNet(dataclasses.replace(SMALL, attention=(False, False)), 1, 6, None)
    asked = []
    monkeypatch.setattr(accelerate, "TORCH", "/opt/torch")
    monkeypatch.setattr(unet, "compile", lambda **options: asked.append(options))
    assert accelerate.prepare(unet, CPU) == "eager" and not asked
    monkeypatch.setattr(accelerate.shutil, "which", lambda name: name == "icpx")
    monkeypatch.setenv("CXX", "icpx")
    assert accelerate.prepare(unet, CPU, compiled=True) == "compiled with icpx"
    assert asked == [{"dynamic": False, "options": {"layout_optimization": False}}]
    monkeypatch.setattr(accelerate.shutil, "which", lambda name: None)
    assert accelerate.prepare(unet, CPU, compiled=True) == "eager" and len(asked) == 1


def test_a_gpu_compiles_where_triton_is(monkeypatch):
    for spec, expected in ((None, "channels_last"), (object(), "channels_last, compiled with triton")):
        unet = UNet(SMALL, 1, 6, None)
        monkeypatch.setattr(unet, "compile", lambda **options: None)
        monkeypatch.setattr(accelerate.importlib.util, "find_spec", lambda name, spec=spec: spec)
        monkeypatch.setattr(accelerate, "_python_headers", lambda: True)
        monkeypatch.setattr(accelerate, "_new_enough", lambda device: True)
        monkeypatch.setattr(accelerate.shutil, "which", lambda name: name)
        before = torch.get_float32_matmul_precision()
        assert accelerate.prepare(unet, torch.device("cuda")) == expected
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.benchmark = False
        assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


def test_precision(monkeypatch):
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        assert accelerate.working_type(CPU, name) == dtype
    for capability, dtype in (("avx512_bf16", torch.bfloat16), ("amx_bf16", torch.bfloat16), ("avx2", torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda capability=capability: {capability: True})
        assert accelerate.working_type(CPU, "auto") == dtype
    assert accelerate.working_type(torch.device("mps"), "auto") == torch.float32
    for fast, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(accelerate, "bfloat16_is_fast", lambda device, fast=fast: fast)
        assert accelerate.working_type(torch.device("cuda")) == dtype
    with pytest.raises(ValueError, match=r"float16.*auto, float32, bfloat16"):
        accelerate.working_type(CPU, "float16")


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA RTX A6000", 155e12),
        ("NVIDIA GeForce RTX 4090", 165e12),
        ("Tesla K80", None),
    ],
)
def test_peaks(monkeypatch, name, peak):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert accelerate.peak_flops(torch.device("cuda")) == peak
    assert accelerate.peak_flops(CPU) is None


def test_a_compiler_counts_only_where_what_it_needs_is_there(monkeypatch, tmp_path):
    there = {"gcc", "g++", "clang++"}
    monkeypatch.setattr(accelerate, "TORCH", "/opt/torch")
    monkeypatch.setattr(accelerate.shutil, "which", lambda name: name if name in there else None)
    monkeypatch.setattr(accelerate.importlib.util, "find_spec", lambda name: name == "triton" or None)
    for name in ("CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    gpu, capability = torch.device("cuda"), [(9, 0)]
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability[0])
    monkeypatch.setattr(accelerate.sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path / scheme)})
    monkeypatch.setattr(accelerate.sysconfig, "get_default_scheme", lambda: "posix_local")
    monkeypatch.setenv("CPATH", "")
    monkeypatch.delenv("C_INCLUDE_PATH", raising=False)
    assert accelerate.compiler(gpu) is None, "no Python.h"
    for name in ("posix_prefix", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Python.h").touch()
        assert (accelerate.compiler(CPU), accelerate.compiler(gpu)) == ("g++", "triton")
        (tmp_path / "posix_prefix" / "Python.h").unlink(missing_ok=True)
        monkeypatch.setenv("CPATH", f"/nowhere:{tmp_path / 'elsewhere'}")
    capability[0] = (6, 1)
    assert accelerate.compiler(gpu) is None, "too old for Triton"
    capability[0] = (7, 0)
    there -= {"gcc", "g++"}  # Inductor looks for g++, Triton for a C compiler
    assert (accelerate.compiler(CPU), accelerate.compiler(gpu)) == (None, None)
    there |= {"icpx", "icx"}
    monkeypatch.setenv("CXX", "icpx")
    monkeypatch.setenv("CC", "icx")
    assert (accelerate.compiler(CPU), accelerate.compiler(gpu)) == ("icpx", "triton")
    monkeypatch.setattr(accelerate.importlib.util, "find_spec", lambda name: None)
    assert accelerate.compiler(gpu) is None
    monkeypatch.setattr(accelerate, "TORCH", "/home/me/my code/torch")
    assert accelerate.compiler(CPU) is None
