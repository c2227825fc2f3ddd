"""The convolution of an upsampling in one operation, and where it is used."""

import pytest
import torch
import torch.nn.functional as F

from pace.diffusion import unet_blocks


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (3, 8)])
def test_doubled_convolution_is_doubling_then_convolution(size):
    torch.manual_seed(0)
    x = torch.randn(2, 5, *size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(7, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias, padding=1)
    fused = unet_blocks.doubled_convolution(x, weight, bias)
    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=1e-12)
    weigh = torch.randn_like(plain)
    gradients, expected_gradients = (torch.autograd.grad((y * weigh).sum(), (x, weight, bias)) for y in (fused, plain))
    torch.testing.assert_close(gradients, expected_gradients, atol=1e-11, rtol=1e-11)


def test_wide_levels_double_first(monkeypatch):
    """Both ways of `Resample` give the same; the width decides which it goes."""
    seen = []
    fused = unet_blocks.doubled_convolution
    monkeypatch.setattr(unet_blocks, "doubled_convolution", lambda *given: seen.append(1) or fused(*given))
    block, x = unet_blocks.Resample(8, up=True), torch.randn(1, 8, 4, 4)
    first = block(x)
    monkeypatch.setattr(unet_blocks, "FUSED_UP", 7)
    torch.testing.assert_close(block(x), first, atol=1e-5, rtol=1e-5)
    assert len(seen) == 1
