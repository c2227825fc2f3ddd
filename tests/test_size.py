"""Parameters and FLOPs of the networks against the paper's figure, FACTS 10, diffusers and formulas by hand."""

import dataclasses

import pytest
import torch
from helpers.projects import ROOT
from torch.utils.flop_counter import FlopCounterMode

from pace import size
from pace.__main__ import main
from pace.autoencoder.vae import VaeParams
from pace.diffusion.generator import DataShape
from pace.diffusion.unet import UNet
from pace.diffusion_training.params import DiffusionParams
from pace.pipeline import params
from pace.sampling.sampling import SampleParams
from pace.setup import presets

CONTENT = presets.with_preset(ROOT / "presets/paper.yaml", ROOT / "params.yaml")
PAPER = size.sizes(CONTENT)


def built(section, cls, **changes):
    return dataclasses.replace(params.section(CONTENT, section, cls), **changes)


def test_the_papers_parameters():
    generator = PAPER.generator
    assert (generator.encoder, generator.unet) == (7_489_026, 152_452_737)
    assert (generator.encoder + generator.unet) / 1e6 == pytest.approx(159.66, rel=0.003)


def test_printed_lines():
    lines = size.text(PAPER).splitlines()
    assert lines[:4] == ["encoder 7.49 M", "U-Net 152.45 M", "encoder + U-Net 159.94 M", "VAE 20.92 M"]
    assert lines[4].startswith("FLOPs per training sample 116.56 G")
    assert "1000 U-Net evaluations" in lines[-1]
    assert all(line.startswith("FLOPs per clip: ") for line in lines[5:])


@pytest.mark.long
def test_command(monkeypatch, capsys):
    """With a preset, without, and with a name that there is not; params.yaml stays as it is."""
    monkeypatch.chdir(ROOT)
    before = (ROOT / "params.yaml").read_bytes()
    main(["size", "--preset", "paper"])
    assert capsys.readouterr().out == size.text(PAPER) + "\n"
    main(["size"])
    assert capsys.readouterr().out == size.text(size.sizes(params.read("params.yaml"))) + "\n"
    with pytest.raises(SystemExit, match=r"pace size: there is no preset 'papr'; presets: .*paper"):
        main(["size", "--preset", "papr"])
    assert (ROOT / "params.yaml").read_bytes() == before


@pytest.mark.long
def test_parameters_are_those_of_diffusers():
    diffusers = pytest.importorskip("diffusers")
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(
            sample_size=32,
            in_channels=1,
            out_channels=1,
            block_out_channels=(128, 256, 512, 512),
            cross_attention_dim=768 + 1024,
        )  # the rest are its defaults
        vae = diffusers.AutoencoderKL(
            in_channels=1,
            out_channels=1,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(64, 128, 256, 256),
            layers_per_block=2,
            latent_channels=1,
        )
    assert sum(weights.numel() for weights in unet.parameters()) == PAPER.generator.unet
    assert sum(weights.numel() for weights in vae.parameters()) == PAPER.vae.parameters


def unet_flops(widths, attention, layers, channels, context, tokens):
    """FLOPs of the U-Net's forward pass, term by term; a multiply-add counts as two."""
    total, time = 0, 4 * widths[0]

    def convolution(side, a, b, kernel=3):
        return 2 * side**2 * a * b * kernel**2

    def residual(side, a, b):
        shortcut = convolution(side, a, b, 1) if a != b else 0
        return convolution(side, a, b) + convolution(side, b, b) + 2 * time * b + shortcut

    def transformer(side, c):
        n = side**2
        projections = 2 * convolution(side, c, c, 1)
        self_attention = 4 * 2 * n * c**2 + 2 * 2 * n**2 * c
        cross_attention = 2 * 2 * n * c**2 + 2 * 2 * tokens * context * c + 2 * 2 * n * tokens * c
        if tokens == 1:  # values and output of the token alone
            cross_attention = 2 * context * c + 2 * c**2
        return projections + self_attention + cross_attention + 2 * n * c * 8 * c + 2 * n * 4 * c * c

    total += 2 * widths[0] * time + 2 * time**2  # time embedding
    total += convolution(32, channels, widths[0]) + convolution(32, widths[0], channels)
    skips, below = [widths[0]], widths[0]
    for level, (width, attend) in enumerate(zip(widths, attention, strict=True)):
        side = 32 >> level
        for _ in range(layers):
            total += residual(side, below, width) + attend * transformer(side, width)
            below = width
            skips.append(width)
        if level < len(widths) - 1:
            total += convolution(side // 2, width, width)
            skips.append(width)
    total += 2 * residual(side, below, below) + transformer(side, below)
    for level in reversed(range(len(widths))):
        side, width = 32 >> level, widths[level]
        for _ in range(layers + 1):
            total += residual(side, below + skips.pop(), width) + attention[level] * transformer(side, width)
            below = width
        if level:
            total += convolution(2 * side, width, width)
    return total


def encoder_flops(width, frames, parts=5):
    """FLOPs of the encoder: equation 2, then per branch 3 (1 -> d -> d), 4 (q, k, v, out, attention), 5, and 6."""
    n = frames * parts
    branch = 2 * n * width + 2 * n * width**2 + 4 * 2 * n * width**2 + 2 * 2 * frames * parts**2 * width + 2 * n * width
    return 2 * n * 512 * width + 2 * branch + 2 * frames * 2 * width * width


def test_flops_by_hand():
    assert PAPER.generator.unet_flops == unet_flops(
        (128, 256, 512, 512), (True, True, True, False), 2, channels=1, context=1792, tokens=1
    )
    assert PAPER.generator.encoder_flops == encoder_flops(768, frames=150)
    assert PAPER.generator.training_flops == 3 * (PAPER.generator.unet_flops + PAPER.generator.encoder_flops)


@pytest.mark.long
def test_flops_of_facts_10():
    """32.3 GFLOP forward and about 97 in training, U-Net alone, hold for a context of 50 tokens of width 2048."""
    with torch.device("meta"):
        unet = UNet(built("unet", size.UNetParams), 1, 2048, None)
        with FlopCounterMode(display=False) as counter:
            out = unet(torch.empty(1, 1, 32, 32), torch.empty(1), torch.empty(1, 50, 2048, requires_grad=True))
        forward = counter.get_total_flops()
        with counter:
            out.sum().backward()
    assert forward == unet_flops((128, 256, 512, 512), (True, True, True, False), 2, 1, context=2048, tokens=50)
    assert forward / 1e9 == pytest.approx(32.3, abs=0.05)
    assert (forward + counter.get_total_flops()) / 1e9 == pytest.approx(97, abs=0.3)
    assert forward + counter.get_total_flops() == pytest.approx(3 * forward, rel=0.001)


@pytest.mark.parametrize(
    ("channels", "encode", "decode"), [((64, 128, 256, 256), 69, 156), ((32, 64, 128, 256), 25, 54)]
)
def test_vae_flops_of_facts_10(channels, encode, decode):
    vae = size.vae_size(built("vae", VaeParams, channels=channels))
    assert vae.encode_flops / 1e9 == pytest.approx(encode, abs=1)
    assert vae.decode_flops / 1e9 == pytest.approx(decode, abs=1)


@pytest.mark.parametrize(
    ("sampler", "steps", "guidance", "expected"),
    [("ddpm", 1000, 1.0, 1000), ("dpm++2m", 25, 1.5, 50), ("dpm++2m", 10, 1.0, 10), ("heun", 5, 2.0, 18)],
)
def test_evaluations_of_a_clip(sampler, steps, guidance, expected):
    sample = built("sample", SampleParams, sampler=sampler, steps=steps, guidance=guidance)
    assert size.evaluations(sample, built("train_diffusion", DiffusionParams, drop=0.1)) == expected


def test_sampling_adds_up():
    generator, vae = PAPER.generator, PAPER.vae
    assert PAPER.sampling_flops == generator.encoder_flops + 1000 * generator.unet_flops + vae.decode_flops


def test_what_the_networks_cost_at_the_default_scale():
    """The default scale has `align`: its convolutions and projections are counted, and D is the stand-in's."""
    content = params.read(ROOT / "params.yaml")
    assert size.shape(content) == DataShape(8, 128, 150, 30.0)
    sizes = size.sizes(content)
    plain = size.sizes({**content, "encoder": {**content["encoder"], "align": False}})
    assert sizes.generator.unet > plain.generator.unet and sizes.generator.unet_flops > plain.generator.unet_flops
    assert sizes.generator.encoder_flops == plain.generator.encoder_flops


@pytest.mark.parametrize("width", [0.0625, 0.125, 0.25])
def test_width_of_the_visual_condition_is_that_of_the_stand_in(width):
    content = params.read(ROOT / "params.yaml")
    content["pretrain_visual"]["width"] = width
    assert size.shape(content).visual_width == 1024 * width
    content["visual"]["weights"] = "somewhere/rgb_imagenet.pt"
    assert size.shape(content).visual_width == 1024


def test_stand_in_is_that_of_its_stage():
    from stages import pretrain_visual

    assert str(pretrain_visual.WEIGHTS) == size.STAND_IN_I3D
    assert params.read(ROOT / "params.yaml")["visual"]["weights"] == size.STAND_IN_I3D


def test_nothing_is_drawn_or_allocated():
    """Real weights would be drawn from the generator, and of this size they would need 2 TB."""
    state = torch.get_rng_state()
    wide = built("unet", size.UNetParams, widths=(16384, 32768, 65536, 65536))
    generator = size.generator_size(built("encoder", size.EncoderParams), wide, size.shape(CONTENT))
    assert generator.unet > 5e11
    assert torch.equal(torch.get_rng_state(), state)


def test_parameters_that_do_not_go_together_are_named():
    with pytest.raises(ValueError, match=r"unet\.groups"):
        size.sizes({**CONTENT, "unet": {**CONTENT["unet"], "groups": 48}})
    with pytest.raises(params.ParamsError, match=r"encoder\.heads"):
        size.sizes({**CONTENT, "encoder": {**CONTENT["encoder"], "heads": "four"}})
