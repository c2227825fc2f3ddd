"""The encoder against equations 2-7 written out in numpy, and what follows from them."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from pace.conditioning.hsf_encoder import (
    Conditions,
    EncoderParams,
    HSFEncoder,
    attend_by_products,
    attend_by_sums,
    position_code,
    zscore,
)

PAPER = EncoderParams(
    width=8,
    heads=2,
    branches="both",
    fusion="gate",
    parts="five",
    pooling="mean",
    residual=False,
    align=True,
    motion=True,
    visual=True,
    part_gate=True,
    energies=True,
    semantic=True,
)


def make(visual_width=6, frames=12, fps=30.0, **changes):
    torch.manual_seed(0)
    encoder = HSFEncoder(dataclasses.replace(PAPER, **changes), visual_width, frames, fps)
    for weights in encoder.parameters():  # the norms' ones and zeros would hide mistakes
        torch.nn.init.normal_(weights, std=0.5)
    return encoder.eval()


def draw(batch=2, frames=12, visual_width=6, seed=1):
    g = torch.Generator().manual_seed(seed)
    return Conditions(
        torch.rand(batch, frames, 5, generator=g),
        torch.rand(batch, frames, 5, generator=g),
        torch.randn(batch, frames, 5, 512, generator=g),
        torch.randn(batch, frames, visual_width, generator=g),
    )


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x, weight, bias):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * weight + bias


def branch_by_hand(w, name, energy, e, heads):
    """Equations 3-5 frame by frame, part by part, head by head."""

    def linear(key, x):
        return x @ w[f"branches.{name}.{key}.weight"].T + w[f"branches.{name}.{key}.bias"]

    z = (energy - energy.mean(0)) / energy.std(0)
    hidden = linear("mlp.0", z[..., None])
    motion = linear("mlp.2", hidden / (1 + np.exp(-hidden)))
    n, parts, d = motion.shape
    size = d // heads
    out, gates = np.zeros((n, d)), np.zeros((n, parts))
    for frame in range(n):
        q, k, v = linear("query", motion[frame]), linear("key", e[frame]), linear("value", e[frame])
        attended = np.zeros((parts, d))
        for head in range(heads):
            cut = slice(head * size, (head + 1) * size)
            for part in range(parts):
                weights = softmax(q[part, cut] @ k[:, cut].T / math.sqrt(size))
                attended[part, cut] = weights @ v[:, cut]
        attended = linear("out", attended)
        gates[frame] = softmax(linear("gate", attended)[:, 0])
        out[frame] = gates[frame] @ attended
    return out, gates


def test_equations_by_hand():
    encoder, c = make(), draw(batch=1)
    encoding = encoder(c)
    w = {key: value.detach().double().numpy() for key, value in encoder.state_dict().items()}
    semantic = c.semantic[0].double().numpy()
    e = layer_norm(semantic, w["norm.weight"], w["norm.bias"]) @ w["project.weight"].T + w["project.bias"]
    slow, gate_slow = branch_by_hand(w, "slow", c.slow[0].double().numpy(), e, 2)
    fast, gate_fast = branch_by_hand(w, "fast", c.fast[0].double().numpy(), e, 2)
    joined = layer_norm(np.concatenate([slow, fast], -1), w["fusion_norm.weight"], w["fusion_norm.bias"])
    alpha = 1 / (1 + np.exp(-(joined @ w["fusion.weight"].T + w["fusion.bias"])))
    hidden = alpha * slow + (1 - alpha) * fast
    np.testing.assert_allclose(encoding.gate_slow[0].detach(), gate_slow, atol=2e-4)
    np.testing.assert_allclose(encoding.gate_fast[0].detach(), gate_fast, atol=2e-4)
    np.testing.assert_allclose(encoding.alpha[0].detach(), alpha, atol=2e-4)
    np.testing.assert_allclose(encoding.frames[0, :, :8].detach(), hidden, atol=2e-3)
    np.testing.assert_allclose(encoding.tokens[0, 0, :8].detach(), hidden.mean(0), atol=2e-3)
    np.testing.assert_allclose(encoding.tokens[0, 0, 8:].detach(), c.visual[0].mean(0), atol=1e-6)


def test_parameter_count_of_the_paper():
    params = dataclasses.replace(PAPER, width=768, heads=8, align=False)
    with torch.device("meta"):
        encoder = HSFEncoder(params, 1024, 150, 30.0)
    assert sum(weights.numel() for weights in encoder.parameters()) == 7_489_026
    assert encoder.context_width == 1792


def test_energy_acts_through_attention_only():
    """Permuting the energies in time changes H_n; equal semantics of all parts hide the energies without a residual."""
    c = draw()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    permuted = c._replace(slow=c.slow[:, order], fast=c.fast[:, order])
    same = c.semantic[:, :, :1].expand_as(c.semantic)
    for residual, hidden in ((False, True), (True, False)):
        encoder = make(residual=residual)
        assert (encoder(c).frames - encoder(permuted).frames).abs().max() > 1e-2
        change = encoder(c._replace(semantic=same)).frames - encoder(permuted._replace(semantic=same)).frames
        assert (change.abs().max() < 1e-4) == hidden


def test_zscore():
    energy = torch.rand(2, 150, 5) * torch.tensor([1.0, 10.0, 0.1, 5.0, 0.0]) + 0.3
    z = zscore(energy)
    torch.testing.assert_close(z[..., :4].mean(1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z[..., :4].std(1, correction=0), torch.ones(2, 4), atol=1e-4, rtol=0)
    assert z[..., 4].abs().max() < 0.02  # the still part: rounding only


def test_gates_sum_to_one_and_alpha_is_a_share():
    encoding = make()(draw())
    torch.testing.assert_close(encoding.gate_slow.sum(-1), torch.ones(2, 12))
    torch.testing.assert_close(encoding.gate_fast.sum(-1), torch.ones(2, 12))
    assert encoding.alpha.min() > 0 and encoding.alpha.max() < 1


def test_variants():
    c = draw()
    concat = make(fusion="concat")(c)
    assert concat.alpha is None and concat.gate_slow is not None
    slow = make(branches="slow")(c)
    assert slow.gate_fast is None and slow.alpha is None
    assert make(parts="whole")(c).gate_slow.shape == (2, 12, 1)
    assert make(visual=False)(c).tokens.shape == (2, 1, 8)
    visual = make(motion=False)(c)
    assert visual.tokens.shape == (2, 1, 6) and visual.gate_slow is None
    torch.testing.assert_close(visual.tokens[:, 0], c.visual.mean(1))
    nothing = make(motion=False, visual=False, align=False)(c)
    assert nothing.tokens.shape == (2, 1, 8) and not nothing.tokens.any() and nothing.frames is None
    assert make(align=False)(c).frames is None


def test_without_part_gates_the_parts_count_alike():
    """Equation 5 with g = 1/5: what the gated encoder gives when its gates see nothing (weights 0)."""
    c = draw()
    plain, gated = make(part_gate=False), make()
    assert not any(".gate." in name for name in plain.state_dict())
    weights = gated.state_dict()
    gates = [name for name in weights if ".gate." in name]
    weights |= {name: weights[name] if name in gates else value for name, value in plain.state_dict().items()}
    gated.load_state_dict(weights)
    assert (gated(c).frames - plain(c).frames).abs().max() > 1e-3
    gated.load_state_dict({name: 0 * value if name in gates else value for name, value in weights.items()})
    torch.testing.assert_close(plain(c).frames, gated(c).frames)
    torch.testing.assert_close(plain(c).gate_slow, torch.full((2, 12, 5), 0.2))


def test_whole_body_sums_energies_and_averages_semantics():
    c = draw()
    encoder = make(parts="whole", residual=True)
    share = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25])
    slow, fast = (energy.sum(-1, keepdim=True) * share for energy in (c.slow, c.fast))
    semantic = c.semantic.mean(2, keepdim=True).expand_as(c.semantic)
    other = c._replace(slow=slow, fast=fast, semantic=semantic)
    torch.testing.assert_close(encoder(c).frames, encoder(other).frames, atol=1e-4, rtol=1e-4)
    for changed in (c._replace(slow=c.slow.flip(1)), c._replace(fast=c.fast.flip(1))):
        assert (encoder(c).frames - encoder(changed).frames).abs().max() > 1e-2


def test_attention_over_one_part_lets_no_energy_through_without_the_residual():
    """Equation 4 over a single key has the weight 1 whatever the query."""
    c, encoder = draw(), make(parts="whole")
    assert torch.equal(encoder(c).frames, encoder(c._replace(slow=c.slow.flip(1), fast=c.fast.flip(1))).frames)


INPUTS = ("slow", "fast", "semantic", "visual")
ALONE = {  # variant without energies or semantics -> the inputs that it reads
    "energies": ({"semantic": False}, {"slow", "fast", "visual"}),
    "slow energies": ({"semantic": False, "branches": "slow"}, {"slow", "visual"}),
    "fast energies": ({"semantic": False, "branches": "fast"}, {"fast", "visual"}),
    "embedding": ({"energies": False}, {"semantic", "visual"}),
    "embedding, no visual": ({"energies": False, "visual": False}, {"semantic"}),
    "energies by concat": ({"semantic": False, "fusion": "concat"}, {"slow", "fast", "visual"}),
}


@pytest.mark.parametrize("parts", ["five", "whole"])
@pytest.mark.parametrize("others", [{}, {"residual": True}, {"part_gate": False}, {"align": False}], ids=str)
@pytest.mark.parametrize(("changes", "read"), ALONE.values(), ids=list(ALONE))
def test_energies_or_embedding_alone_read_all_of_that_and_nothing_else(changes, read, others, parts):
    """Each frame and part of what is read moves the output. One part lets energies through, without a residual too."""
    c = Conditions(*(x.requires_grad_() for x in draw()))
    encoding = make(parts=parts, **changes, **others)(c)
    output = encoding.tokens if encoding.frames is None else encoding.frames
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
    slopes = torch.autograd.grad((output * weights).sum(), c, allow_unused=True)
    for name, slope in zip(INPUTS, slopes, strict=True):
        assert (slope is not None) == (name in read), name
        widths = slope if name in ("slow", "fast") or slope is None else slope.abs().amax(dim=-1)
        assert widths is None or (widths != 0).all(), name


@pytest.mark.parametrize(("changes", "unread"), [({"semantic": False}, "semantic"), ({"energies": False}, "slow fast")])
def test_what_is_left_out_leaves_no_weights(changes, unread):
    encoder, c = make(**changes), draw()
    changed = c._replace(**{name: getattr(c, name).flip(1) for name in unread.split()})
    for one, other in zip(encoder(c), encoder(changed), strict=True):
        assert one is other is None or torch.equal(one, other)
    names = {name.rsplit(".", 1)[0] for name in encoder.state_dict()}
    assert any(name.startswith(("norm", "project")) for name in names) == ("semantic" not in unread)
    assert any(".mlp." in name for name in names) == ("slow" not in unread)
    assert all(weights.grad is not None for weights in with_gradients(encoder, c).parameters())


def with_gradients(encoder, conditions):
    encoder(conditions).frames.square().sum().backward()
    return encoder


def test_energies_alone_are_equation_4_with_their_own_features_as_keys_and_values():
    encoder, c = make(semantic=False, branches="slow", visual=False), draw(batch=1)
    w = {key: value.detach().double().numpy() for key, value in encoder.state_dict().items()}
    energy = c.slow[0].double().numpy()
    z = (energy - energy.mean(0)) / energy.std(0)
    hidden = z[..., None] @ w["branches.slow.mlp.0.weight"].T + w["branches.slow.mlp.0.bias"]
    own = hidden / (1 + np.exp(-hidden)) @ w["branches.slow.mlp.2.weight"].T + w["branches.slow.mlp.2.bias"]
    expected, gates = branch_by_hand(w, "slow", energy, own, 2)
    np.testing.assert_allclose(encoder(c).frames[0].detach(), expected, atol=2e-4)
    np.testing.assert_allclose(encoder(c).gate_slow[0].detach(), gates, atol=2e-4)


def test_the_embedding_alone_has_one_branch_and_no_gate_of_slow_and_fast():
    """One part: the value of E' passes as it is, and the residual adds E'."""
    c, plain, added = draw(), *(make(energies=False, parts="whole", residual=value) for value in (False, True))
    assert list(plain.branches) == ["semantic"] and not hasattr(plain, "fusion")
    encoding = plain(c)
    assert (encoding.gate_slow, encoding.gate_fast, encoding.alpha) == (None, None, None)
    semantic = plain.project_semantic(c.semantic.mean(2))
    branch = plain.branches["semantic"]
    torch.testing.assert_close(encoding.frames[..., :8], branch.out(branch.value(semantic)), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(added(c).frames[..., :8], encoding.frames[..., :8] + semantic, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("changes", [{"semantic": False}, {"energies": False}])
def test_alone_the_parts_are_told_apart_by_their_gates_only(changes):
    """All parts share their weights: their order changes neither sum nor fusion, but goes with the gates."""
    order, c = torch.tensor([3, 0, 4, 1, 2]), draw()
    moved = Conditions(*(x[:, :, order] for x in c[:3]), c.visual)
    encoder = make(**changes)
    torch.testing.assert_close(encoder(c).frames, encoder(moved).frames, atol=1e-4, rtol=1e-4)
    if encoder(c).gate_slow is not None:
        torch.testing.assert_close(encoder(c).gate_slow[..., order], encoder(moved).gate_slow)


def test_sequence_tokens():
    encoder, c = make(pooling="sequence", frames=150), draw(frames=150)
    encoding = encoder(c)
    assert encoding.tokens.shape == (2, 32, 14)
    plain = encoding.tokens - position_code(32, 14)
    torch.testing.assert_close(plain[:, 5], encoder.pool[5] @ encoding.frames, atol=1e-5, rtol=1e-5)


def test_null_condition_drops_tokens_and_frames():
    encoding = make()(draw()).masked(torch.tensor([True, False]))
    assert encoding.tokens[0].any() and encoding.frames[0].any()
    assert not encoding.tokens[1].any() and not encoding.frames[1].any()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"heads": 3}, ("encoder.heads", "encoder.width")),
        ({"motion": False, "visual": False}, ("encoder.align", "encoder.motion")),
        ({"branches": "slow", "fusion": "concat"}, ("encoder.fusion", "encoder.branches")),
        ({"energies": False, "semantic": False}, ("encoder.energies", "encoder.semantic", "encoder.motion")),
        ({"energies": False, "branches": "fast"}, ("encoder.energies", "encoder.branches")),
        ({"energies": False, "fusion": "concat"}, ("encoder.energies", "encoder.fusion")),
    ],
)
def test_wrong_combinations_name_their_keys(changes, names):
    with pytest.raises(ValueError) as error:
        make(**changes)
    assert all(name in str(error.value) for name in names)


def test_without_motion_energies_and_semantics_do_not_matter():
    expected = make(motion=False)(draw()).tokens
    assert torch.equal(make(motion=False, energies=False, semantic=False)(draw()).tokens, expected)


def test_position_code():
    expected = torch.tensor([math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)])
    torch.testing.assert_close(position_code(3, 4)[1], expected)
    assert position_code(3, 5).shape == (3, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_forms_of_attention_are_pytorchs(dtype):
    """Values and gradients; the form by sums is a GPU's."""
    torch.manual_seed(0)
    given = [torch.randn(6, 2, 5, 8, dtype=dtype, requires_grad=True) for _ in range(3)]
    expected = torch.nn.functional.scaled_dot_product_attention(*given)
    slopes = torch.autograd.grad(expected.float().square().sum(), given)
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.05, "atol": 0.1}
    for attention in (attend_by_products, attend_by_sums):
        attended = attention(*given)
        torch.testing.assert_close(attended, expected, **tolerance)
        for slope, own in zip(slopes, torch.autograd.grad(attended.float().square().sum(), given), strict=True):
            torch.testing.assert_close(own, slope, **tolerance)
