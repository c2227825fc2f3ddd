import pytest
import torch

from pace.autoencoder_training.discriminator import (
    PatchDiscriminator,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
)


@pytest.mark.parametrize(("width", "layers", "named"), [(12, 3, "width 12"), (8, 7, "layers 7")])
def test_impossible_sizes_are_refused_at_once(width, layers, named):
    with pytest.raises(ValueError, match=f"train_vae.discriminator_{named}"):
        PatchDiscriminator(width, layers)
    assert PatchDiscriminator(8, 6)(torch.zeros(1, 1, 256, 256))[0].shape == (1, 1, 2, 2)


def test_hinge_losses_of_known_scores():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    # max(0, 1 - r): 0, 0.5, 2; max(0, 1 + f): 0, 1, 2
    assert hinge_discriminator(real, fake).item() == pytest.approx(0.5 * (2.5 / 3 + 3 / 3))
    assert hinge_generator(fake).item() == pytest.approx(2 / 3)
    assert hinge_discriminator(torch.zeros(4), torch.zeros(4)).item() == 1.0


def test_feature_matching_is_relative_and_spares_the_real_features():
    real = [torch.full((1, 2, 2, 2), 2.0, requires_grad=True), torch.full((1, 1, 1, 1), 10.0)]
    fake = [torch.full((1, 2, 2, 2), 3.0, requires_grad=True), torch.full((1, 1, 1, 1), 5.0)]
    loss = feature_matching(real, fake)
    assert loss.item() == pytest.approx((0.5 + 0.5) / 2)
    loss.backward()
    assert real[0].grad is None
    # d/d fake of |fake - real| / (8 values * magnitude 2 * 2 layers)
    torch.testing.assert_close(fake[0].grad, torch.full((1, 2, 2, 2), 1 / 32))
    assert feature_matching(real, real).item() == 0


def test_a_score_sees_a_patch_of_seventy_pixels_through_its_convolutions():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(8, 3)
    for block in discriminator.blocks[1:]:
        block[1] = torch.nn.Identity()  # the norms see the whole image
    image = torch.rand(1, 1, 256, 256, requires_grad=True)
    scores, features = discriminator(image)
    assert scores.shape == (1, 1, 30, 30) and [f.shape[1] for f in features] == [8, 16, 32, 64]
    scores[0, 0, 15, 15].backward()
    rows = image.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == 70


def test_scores_do_not_depend_on_the_rest_of_the_batch():
    torch.manual_seed(0)
    discriminator, images = PatchDiscriminator(8, 3), torch.rand(3, 1, 64, 64)
    together, alone = discriminator(images)[0][1], discriminator(images[1:2])[0][0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_width_must_fit_the_norm_groups():
    with pytest.raises(ValueError, match="discriminator_width 12 must be a multiple of 8"):
        PatchDiscriminator(12, 3)
