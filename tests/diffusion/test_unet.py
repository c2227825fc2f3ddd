"""The U-Net against diffusers' class, its size, and how the aligned frames enter."""

import dataclasses

import pytest
import torch

from pace.diffusion.unet import FrameShape, UNet, UNetParams

SMALL = UNetParams(
    widths=(16, 32, 32),
    attention=(True, True, False),
    layers=1,
    heads=4,
    groups=8,
    align_width=8,
    align_layers=2,
    align_kernel=3,
    align_bins=2,
)
PAPER = dataclasses.replace(
    SMALL, widths=(128, 256, 512, 512), attention=(True, True, True, False), layers=2, heads=8, groups=32
)


@pytest.mark.parametrize(("context", "count"), [(2048, 155_008_641), (1024, 144_785_025), (1792, 152_452_737)])
def test_size_at_the_papers_scale(context, count):
    with torch.device("meta"):
        unet = UNet(PAPER, 1, context, None)
    assert sum(weights.numel() for weights in unet.parameters()) == count


@pytest.mark.parametrize(("attention", "layers"), [((True, True, False), 1), ((False, True, True), 2)])
def test_weights_and_outputs_are_those_of_diffusers(attention, layers):
    diffusers = pytest.importorskip("diffusers")
    names = [("CrossAttn" if attend else "") for attend in attention]
    oracle = diffusers.UNet2DConditionModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        down_block_types=[f"{name}DownBlock2D" for name in names],
        up_block_types=[f"{name}UpBlock2D" for name in reversed(names)],
        block_out_channels=SMALL.widths,
        layers_per_block=layers,
        cross_attention_dim=24,
        attention_head_dim=SMALL.heads,
        norm_num_groups=SMALL.groups,
    ).eval()
    torch.manual_seed(0)
    unet = UNet(dataclasses.replace(SMALL, attention=attention, layers=layers), 3, 24, None).eval()
    for weights in unet.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    oracle.load_state_dict(unet.state_dict(), strict=True)
    z, context = torch.randn(2, 3, 32, 32), torch.randn(2, 5, 24)
    t = torch.tensor([3.0, 500.5])
    with torch.no_grad():
        torch.testing.assert_close(unet(z, t, context), oracle(z, t, context).sample, atol=1e-4, rtol=1e-4)


def test_all_that_align_adds_lies_under_align():
    frames = FrameShape(width=6, count=150, fps=30.0)
    plain, aligned = (set(UNet(SMALL, 1, 24, f).state_dict()) for f in (None, frames))
    assert plain < aligned
    assert all(key.startswith("align.") for key in aligned - plain)


def test_every_residual_block_gets_its_addend():
    torch.manual_seed(0)
    unet = UNet(SMALL, 1, 24, FrameShape(6, 150, 30.0))
    blocks = [m for m in unet.modules() if type(m).__name__ == "ResnetBlock"]
    assert len(unet.align.projections) == len(blocks) == 3 + 2 + 6
    unet(
        torch.randn(2, 1, 32, 32), torch.tensor([1, 2]), torch.randn(2, 1, 24), torch.randn(2, 150, 6)
    ).sum().backward()
    assert all(p.weight.grad.abs().max() > 0 for p in unet.align.projections)


def test_a_single_token_has_no_timing_but_frames_have():
    """Without attention levels, moving the frame features in time moves the output; a token acts everywhere."""
    torch.manual_seed(0)
    unet = UNet(SMALL, 1, 24, FrameShape(1, 150, 30.0)).eval()
    z, t, context = torch.zeros(1, 1, 32, 32), torch.tensor([500]), torch.zeros(1, 1, 24)
    frames = torch.zeros(1, 150, 1)
    early, late = frames.clone(), frames.clone()
    early[:, 20:25], late[:, 120:125] = 5.0, 5.0
    with torch.no_grad():
        base = unet(z, t, context, frames)
        change = [(unet(z, t, context, f) - base).abs().mean(dim=(0, 1, 2)) for f in (early, late)]
    assert change[0][:10].mean() > 2 * change[0][22:].mean()
    assert change[1][22:].mean() > 2 * change[1][:10].mean()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"groups": 5}, ("unet.groups", "unet.widths")),
        ({"heads": 5}, ("unet.heads", "unet.widths")),
        ({"attention": (True, False)}, ("unet.attention", "unet.widths")),
        ({"align_kernel": 4}, ("unet.align_kernel",)),
        ({"widths": (16,) * 7, "attention": (False,) * 7}, ("unet.widths",)),
    ],
)
def test_wrong_combinations_name_their_keys(changes, names):
    with pytest.raises(ValueError) as error:
        UNet(dataclasses.replace(SMALL, **changes), 1, 24, None)
    assert all(name in str(error.value) for name in names)
