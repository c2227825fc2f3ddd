import torch
from helpers.small_vae_training import images

from pace.autoencoder_training.flux import flux_loss, spectral_flux


def test_flux_of_a_stroke_is_its_rise_in_its_band_alone():
    image = torch.zeros(1, 1, 16, 6)
    image[0, 0, 2:4, 3] = torch.tensor([0.5, 0.7])  # the second of eight bands, struck once
    flux = spectral_flux(image)
    assert flux.shape == (1, 8, 5)
    assert flux[0, 1].tolist() == [0, 0, torch.tensor(0.6), 0, 0]
    assert flux.sum() == flux[0, 1].sum()


def test_smearing_a_stroke_over_time_costs_more_than_shifting_its_level():
    image = torch.full((1, 1, 16, 32), 0.2)
    image[..., 8:20] += 0.5
    smeared = torch.nn.functional.avg_pool2d(image, (1, 5), stride=1, padding=(0, 2), count_include_pad=False)
    louder = image + (smeared - image).abs().mean()  # the same L1
    assert flux_loss(image, image) == 0
    assert flux_loss(image, louder) < 1e-6 < 0.01 < flux_loss(image, smeared)


def test_gradients_pull_a_smeared_stroke_together():
    image = images()
    output = image.mean(dim=-1, keepdim=True).expand_as(image).clone().requires_grad_()
    before = flux_loss(image, output)
    (gradient,) = torch.autograd.grad(flux_loss(image, output + 0.01 * image), output)
    assert gradient.abs().sum() > 0
    assert flux_loss(image, output + 0.5 * (image - output)) < before
