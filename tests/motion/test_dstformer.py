"""DSTformer against the published sizes and an independent formula."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import erf

from pace.motion import dstformer
from pace.motion.dstformer import DSTformer


def randomised(**sizes):
    """A network all of whose tensors are random: the published initialisation hides faults."""
    model = DSTformer(**sizes).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if p.ndim > 1 else 0.5))
    return model


SMALL = {"dim_feat": 16, "mlp_ratio": 2, "depth": 2, "dim_rep": 12, "maxlen": 9}


def reference(
    state: dict, x: np.ndarray, joints: list[int], heads: int, depth: int, fault: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """The published forward pass with an explicit softmax, in double precision NumPy: representation and output of
    x (F,J,3). `fault` puts one mistake in, to see that a comparison would find it."""
    w = {key: value.double().numpy() for key, value in state.items()}

    def linear(name, v):
        return v @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, v):
        centred = v - v.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + (1e-5 if fault == "eps" else 1e-6))
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def softmax(v):
        e = np.exp(v - v.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def attention(name, tokens):  # (N,D)
        dim = tokens.shape[-1]
        size = dim // heads
        q, k, v = np.split(linear(f"{name}.qkv", tokens), 3, axis=-1)
        out = np.empty_like(tokens)
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            out[:, part] = softmax(q[:, part] @ k[:, part].T / math.sqrt(size)) @ v[:, part]
        return linear(f"{name}.proj", out)

    def mlp(name, v):
        hidden = linear(f"{name}.fc1", v)
        if fault == "gelu":
            tanh = np.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3))
            return linear(f"{name}.fc2", 0.5 * hidden * (1 + tanh))
        return linear(f"{name}.fc2", 0.5 * hidden * (1 + erf(hidden / math.sqrt(2))))

    def space(b, v):
        normed = norm(f"{b}.norm1_s", v)
        v = v + np.stack([attention(f"{b}.attn_s", normed[f]) for f in range(len(v))])
        return v + mlp(f"{b}.mlp_s", norm(f"{b}.norm2_s", v))

    def time(b, v):
        normed = norm(f"{b}.norm1_t", v)
        v = v + np.stack([attention(f"{b}.attn_t", normed[:, j]) for j in range(v.shape[1])], axis=1)
        return v + mlp(f"{b}.mlp_t", norm(f"{b}.norm2_t", v))

    v = linear("joints_embed", x) + w["pos_embed"][0, joints] + w["temp_embed"][0, : len(x)]
    for i in range(depth):
        s = time(f"blocks_st.{i}", space(f"blocks_st.{i}", v))
        t = space(f"blocks_ts.{i}", time(f"blocks_ts.{i}", v))
        if fault == "block order":
            s = space(f"blocks_st.{i}", time(f"blocks_st.{i}", v))
        a = softmax(linear(f"ts_attn.{i}", np.concatenate([t, s] if fault == "fusion input" else [s, t], -1)))
        first = 1 if fault == "fusion output" else 0
        v = s * a[..., first : first + 1] + t * a[..., 1 - first : 2 - first]
    representation = np.tanh(linear("pre_logits.fc", norm("norm", v)))
    return representation, linear("head", representation)


@pytest.mark.parametrize(("variant", "parameters"), [("full", 42_466_317), ("lite", 16_001_549)])
def test_published_sizes(variant, parameters):
    with torch.device("meta"):
        model = DSTformer(**dstformer.VARIANTS[variant])
    dim = dstformer.VARIANTS[variant]["dim_feat"]
    state = model.state_dict()
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert len(state) == 260
    assert state["temp_embed"].shape == (1, 243, 1, dim)
    assert state["pos_embed"].shape == (1, 17, dim)
    assert state["ts_attn.4.weight"].shape == (2, 2 * dim)
    assert state["pre_logits.fc.weight"].shape == (512, dim)
    assert {"blocks_ts.4.norm2_s.bias", "blocks_st.0.attn_t.qkv.weight", "blocks_st.3.mlp_t.fc2.weight"} <= set(state)


def test_forward_is_the_published_formula():
    model = randomised(**SMALL)
    x = torch.randn(2, 7, 17, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        representation, pose = model.represent(x), model(x)
    for b in range(2):
        expected, expected_pose = reference(model.state_dict(), x[b].numpy(), list(range(17)), 8, 2)
        np.testing.assert_allclose(representation[b].numpy(), expected, atol=1e-4)
        np.testing.assert_allclose(pose[b].numpy(), expected_pose, atol=5e-4)


def relative_error(output: torch.Tensor, expected: np.ndarray) -> float:
    return float(np.linalg.norm(output.double().numpy() - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module")
def lite():
    """MotionBERT's lite network with every tensor random, its embeddings faint: the first norms then see variances
    near their epsilon. The scales keep the representation out of tanh's saturation."""
    model = DSTformer(**dstformer.VARIANTS["lite"]).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(5)
    for name, p in model.named_parameters():
        random = torch.randn(p.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.3 * random)
        elif name.endswith("_embed") or name.startswith("joints_embed"):
            p.copy_(3e-3 * random)
        else:
            p.copy_(random / math.sqrt(p.shape[-1] if p.ndim > 1 else 100))
    assert all(p.unique().numel() > 0.9 * p.numel() or p.numel() > 1e5 for p in model.parameters())
    return model


@pytest.mark.long
def test_lite_network_agrees_with_the_published_formula_in_float32(lite):
    x = torch.randn(1, 27, 17, 3, generator=torch.Generator().manual_seed(6))
    representation, pose = lite.represent(x), lite(x)
    assert representation.shape == (1, 27, 17, 512) and pose.shape == (1, 27, 17, 3)
    expected = reference(lite.state_dict(), x[0].double().numpy(), list(range(17)), 8, 5)
    assert np.quantile(np.abs(expected[0]), 0.9) < 0.99
    assert relative_error(representation[0], expected[0]) < 1e-5
    assert relative_error(pose[0], expected[1]) < 1e-5


@pytest.mark.parametrize("fault", ["eps", "gelu", "block order", "fusion input", "fusion output"])
def test_the_comparison_finds_a_mistake(lite, fault):
    x = torch.randn(1, 5, 17, 3, generator=torch.Generator().manual_seed(7))
    expected = reference(lite.state_dict(), x[0].double().numpy(), list(range(17)), 8, 5, fault)
    assert relative_error(lite.represent(x)[0], expected[0]) > 1e-4
    assert relative_error(lite(x)[0], expected[1]) > 1e-4


def test_every_norm_has_the_published_epsilon(lite):
    norms = [module for module in lite.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 41
    assert {norm.eps for norm in norms} == {1e-6}


def test_small_inputs_show_the_norms_epsilon():
    # With a variance near 1e-6 the common epsilon 1e-5 would shrink the normalised values three times.
    norm = DSTformer(**SMALL).norm
    x = torch.linspace(-1, 1, 16)
    x = 1e-3 * x / x.pow(2).mean().sqrt()
    assert torch.allclose(norm(x).pow(2).mean().sqrt(), torch.tensor(0.5).sqrt(), atol=1e-4)


def test_joint_subset_is_attention_within_the_part():
    model = randomised(**SMALL)
    joints = [14, 15, 16]
    x = torch.randn(1, 5, 17, 3, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        part = model.represent(x, joints)
        same = model.represent(x[:, :, joints], joints)
    expected, _ = reference(model.state_dict(), x[0, :, joints].numpy(), joints, 8, 2)
    np.testing.assert_allclose(part[0].numpy(), expected, atol=1e-4)
    assert torch.equal(part, same)


def test_first_moves_the_temporal_position():
    model = randomised(**SMALL)
    moved = randomised(**SMALL)
    moved.temp_embed.data[:, :4] = model.temp_embed.data[:, 3:7]
    x = torch.randn(1, 4, 17, 3, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.allclose(model.represent(x, first=3), moved.represent(x))
    with pytest.raises(ValueError, match="takes 9"):
        model.represent(x, first=6)


def checkpoint(model, prefix):
    return {prefix + key: value for key, value in model.state_dict().items()}


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("w.safetensors", lambda m: checkpoint(m, "")),
        ("w.bin", lambda m: {"epoch": 3, "optimizer": {}, "model_pos": checkpoint(m, "module."), "min_loss": 1.0}),
        ("w.bin", lambda m: {"model": {**checkpoint(m, "module.backbone."), "module.head.fc.weight": torch.ones(2)}}),
        ("w.bin", lambda m: checkpoint(m, "")),
    ],
)  # fmt: skip
def test_load_reads_the_sizes_and_gives_the_same_poses(tmp_path, name, wrap):
    model, path = randomised(**SMALL), tmp_path / name
    save_file(wrap(model), path) if name.endswith("safetensors") else torch.save(wrap(model), path)
    loaded = dstformer.load(path)
    x = torch.randn(1, 6, 17, 3)
    assert not loaded.training
    assert torch.equal(loaded(x), model(x).detach())


def test_load_names_file_fault_and_remedy(tmp_path):
    model, path = randomised(**SMALL), tmp_path / "w.bin"
    state = model.state_dict()
    del state["ts_attn.1.bias"]
    torch.save({"model_pos": {**state, "extra": torch.ones(1)}}, path)
    with pytest.raises(dstformer.WeightsError, match=r"w\.bin.*missing: ts_attn\.1\.bias; .*unknown: extra; give"):
        dstformer.load(path)
    torch.save(model.state_dict(), path)
    with pytest.raises(dstformer.WeightsError, match=r"dim_feat 16.*not the full one.*auto"):
        dstformer.load(path, "full")
    torch.save({"conv.weight": torch.ones(1)}, path)
    with pytest.raises(dstformer.WeightsError, match=r"not a DSTformer.*conv.weight"):
        dstformer.load(path)
    path.write_bytes(b"<html>404</html>")
    with pytest.raises(dstformer.WeightsError, match="not a readable weights file"):
        dstformer.load(path)
    with pytest.raises(FileNotFoundError, match=r"nowhere.bin.*no such weights file"):
        dstformer.load(tmp_path / "nowhere.bin")


def test_cached_network_follows_the_file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(randomised(**SMALL).state_dict(), path)
    first = dstformer.load_cached(path)
    assert dstformer.load_cached(path) is first
    save_file(DSTformer(dim_feat=24, mlp_ratio=2, depth=1).state_dict(), path)
    assert dstformer.load_cached(path).pos_embed.shape[-1] == 24


def test_poses_of_other_joints_are_refused(tmp_path):
    torch.save(dstformer.DSTformer(16, 2, depth=1, joints=24).state_dict(), tmp_path / "smpl.pt")
    with pytest.raises(dstformer.WeightsError, match=r"smpl\.pt: a DSTformer for 24 joints; poses here have 17"):
        dstformer.load(tmp_path / "smpl.pt")
