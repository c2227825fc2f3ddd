import numpy as np
import pytest
import torch

from pace.autoencoder.vae import AutoencoderKL, VaeParams, sample, to_images


def randomise(module):
    """Give every parameter a value of its own: the initial ones and zeros of norms and biases hide faults."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1 + (0.5 if parameter.ndim == 1 else 0.0))
    return module


@pytest.mark.long
@pytest.mark.parametrize("attention", [True, False])
def test_patch_one_is_diffusers_autoencoder(attention):
    diffusers = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    ours = randomise(AutoencoderKL(VaeParams(1, (8, 8, 16, 16), 2, 4, 4, attention)))
    theirs = diffusers.AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=4,
        mid_block_add_attention=attention,
    )
    theirs.load_state_dict(ours.state_dict(), strict=True)
    image = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        mean, log_variance = ours.encode(image)
        posterior = theirs.encode(image).latent_dist
        torch.testing.assert_close(mean, posterior.mean, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(log_variance, posterior.logvar, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(ours.decode(mean), theirs.decode(mean).sample, atol=1e-4, rtol=1e-4)
        assert mean.std() > 0.1  # the comparison is of something


@pytest.mark.parametrize(("patch", "channels"), [(1, (8, 8, 8, 8)), (2, (8, 8, 16)), (4, (8, 16))])
def test_latent_is_32_by_32_for_every_patch(patch, channels):
    vae = AutoencoderKL(VaeParams(patch, channels, 1, 3, 4, False))
    with torch.no_grad():
        mean, log_variance = vae.encode(torch.rand(1, 1, 256, 256))
        assert mean.shape == log_variance.shape == (1, 3, 32, 32)
        assert vae.decode(mean).shape == (1, 1, 256, 256)


def test_folding_puts_each_pixel_into_its_own_channel_and_back():
    vae = AutoencoderKL(VaeParams(4, (8, 16), 1, 4, 4, False))
    vae.decoder.forward = lambda z: z  # leaves the tail alone
    vae.post_quant_conv = torch.nn.Identity()
    folded = torch.arange(16.0).reshape(1, 16, 1, 1)
    # Row-major within the patch: channel 4 * row + column.
    torch.testing.assert_close(vae.decode(folded)[0, 0], torch.arange(16.0).reshape(4, 4))


def test_log_variance_is_clamped():
    vae = AutoencoderKL(VaeParams(4, (8, 16), 1, 2, 4, False))
    with torch.no_grad():
        vae.quant_conv.bias[2:] = torch.tensor([1000.0, -1000.0])
        _, log_variance = vae.encode(torch.rand(1, 1, 64, 64))
    assert (log_variance[:, 0] == 20).all() and (log_variance[:, 1] == -30).all()


def test_sample_has_the_posterior_moments():
    mean, log_variance = torch.tensor(1.5), torch.tensor(np.log(0.25))
    noise = torch.randn(200_000, generator=torch.Generator().manual_seed(0))
    drawn = sample(mean, log_variance, noise)
    assert drawn.mean().item() == pytest.approx(1.5, abs=0.005)
    assert drawn.std().item() == pytest.approx(0.5, abs=0.005)


def test_training_starts_from_a_shallow_map_with_little_noise():
    vae = AutoencoderKL(VaeParams(4, (8, 16), 1, 4, 4, True))
    x = torch.randn(1, 16, 8, 8)
    assert torch.equal(vae.decoder.mid_block(x), x)
    _, log_variance = vae.encode(torch.full((1, 1, 64, 64), 0.4))
    assert log_variance.mean().item() == pytest.approx(-4, abs=1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (VaeParams(4, (8, 8, 8), 1, 4, 4, True), "vae.patch 4 needs 2 levels"),
        (VaeParams(1, (8, 8), 1, 4, 4, True), "vae.patch 1 needs 4 levels"),
        (VaeParams(4, (8, 12), 1, 4, 8, True), "multiples of vae.groups 8"),
    ],
)
def test_impossible_structures_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        AutoencoderKL(params)


def test_stored_mels_become_images_in_the_unit_range():
    stored = torch.tensor([[[0, 51], [102, 255]]], dtype=torch.uint8)
    torch.testing.assert_close(to_images(stored), torch.tensor([[[[0.0, 0.2], [0.4, 1.0]]]]))
    half = torch.tensor([[[0.25]]], dtype=torch.float16)
    assert to_images(half).item() == 0.25
