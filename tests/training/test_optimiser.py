"""The flat optimiser against PyTorch's on separate weights, its working copy, its state and its layouts."""

import copy

import pytest
import torch
from torch import nn

from pace.training.optimiser import ALIGNMENT, Optimiser


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.GroupNorm(1, 5), nn.Flatten(), nn.Linear(5, 7))


def optimiser(net, **changes):
    options = {"lr": 0.01, "weight_decay": 0.1, "max_grad_norm": 0.5, "ema": 0.9, "ema_warmup": 1.0}
    return Optimiser(net, **(options | changes))


def steps(net, own, count, first=0):
    for step in range(first, first + count):
        own.schedule(step, 0.01 / (1 + step))
        torch.manual_seed(step)
        net(torch.randn(4, 3, 3, 3).to(own.dtype)).float().square().sum().backward()
        own.collect()
        own.average_gradients()
        norm = own.update()
    return norm


def test_it_is_adamw_with_clipping_and_averages():
    net, plain = network(), network()
    own = optimiser(net)
    adamw = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.1, fused=True)
    averages = [p.detach().clone() for p in plain.parameters()]
    for step in range(3):
        norm = steps(net, own, 1, step)
        adamw.param_groups[0]["lr"] = 0.01 / (1 + step)
        torch.manual_seed(step)
        adamw.zero_grad()
        plain(torch.randn(4, 3, 3, 3)).square().sum().backward()
        assert torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.5) == norm > 0.5
        adamw.step()
        decay = min(0.9, (1 + step) / (2 + step))
        averages = [decay * a + (1 - decay) * p.detach() for a, p in zip(averages, plain.parameters(), strict=True)]
    for trained, expected in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.equal(trained, expected), "the same bits"
    own.swap()
    for trained, expected in zip(net.parameters(), averages, strict=True):
        torch.testing.assert_close(trained.data, expected)


def test_weights_in_bfloat16_are_a_copy_of_float32_ones():
    """Updates too small for bfloat16 add up in float32."""
    net = network()
    own = optimiser(net, dtype=torch.bfloat16, weight_decay=0.0)
    assert {p.dtype for p in net.parameters()} == {torch.bfloat16}
    before = [p.detach().clone() for p in net.parameters()]
    for step in range(40):
        own.schedule(step, 2e-5)
        net(torch.ones(1, 3, 3, 3, dtype=torch.bfloat16)).float().sum().backward()
        own.collect()
        own.update()
        for working, master in zip(net.parameters(), own.masters, strict=True):
            assert torch.equal(working, master.bfloat16())
    moved = [(a - b.float()).abs().max() for a, b in zip(own.masters, before, strict=True)]
    assert max(moved) > 2e-4
    own.release()
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert all(torch.equal(p, m) for p, m in zip(net.parameters(), own.masters, strict=True))
    assert len({p.untyped_storage().data_ptr() for p in net.parameters()}) == len(own.masters), "no storage in common"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_state_goes_on_with_the_same_bits(dtype, tmp_path):
    whole, cut = network(), network()
    own = optimiser(whole, dtype=dtype)
    steps(whole, own, 4)
    first = optimiser(cut, dtype=dtype)
    steps(cut, first, 2)
    torch.save(first.state(), tmp_path / "state.pt")
    again = network()
    second = optimiser(again, dtype=dtype)
    second.load(torch.load(tmp_path / "state.pt", weights_only=True))
    steps(again, second, 2, first=2)
    assert torch.equal(second.weights, own.weights) and torch.equal(second.ema.averages[0], own.ema.averages[0])
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_layouts_stay_and_weights_start_where_fast_kernels_ask():
    net = network().to(memory_format=torch.channels_last)
    values = copy.deepcopy(net.state_dict())
    own = optimiser(net)
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(net.state_dict()[name], value) for name, value in values.items())
    assert all(master.storage_offset() % ALIGNMENT == 0 for master in own.masters)
    steps(net, own, 1)
    assert all(g.stride() == p.stride() for g, p in zip(own.gradients, net.parameters(), strict=True)), (
        "gradients and weights correspond, value by value"
    )


def test_a_weight_without_gradient_counts_as_one_with_gradient_zero():
    net = network()
    own = optimiser(net, weight_decay=0.0)
    steps(net, own, 1)
    before = [p.detach().clone() for p in net.parameters()]
    net[3](torch.ones(1, 5)).sum().backward()
    own.collect()
    assert own.gradients[0].abs().max() == 0 < own.gradients[-1].abs().min()
    own.update()
    assert not torch.equal(net[3].weight, before[-2])


def test_gradients_are_averaged_and_weights_shared(monkeypatch):
    from pace.training.distributed import Processes

    asked = []
    monkeypatch.setattr(Processes, "broadcast", lambda self, values: asked.append(("broadcast", values.data_ptr())))
    monkeypatch.setattr(Processes, "average", lambda self, values: asked.append(("average", values.data_ptr())))
    net = network()
    own = optimiser(net, processes=Processes(0, 2))
    steps(net, own, 1)
    assert asked == [("broadcast", own.weights.data_ptr()), ("average", own.weights.grad.data_ptr())]
