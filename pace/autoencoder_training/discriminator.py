"""The patch discriminator of the autoencoder's training, its hinge losses and feature matching (paper 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_GROUP = 8  # channels that share a normalisation group
MAX_LAYERS = 6  # strided convolutions; a mel image then has 2 x 2 scores


class PatchDiscriminator(nn.Module):
    """Scores overlapping patches of a mel image, as in pix2pix: strided 4 x 4 convolutions and LeakyReLU.

    Group norms instead of batch norms, so an image's scores depend on that image alone.
    It computes in the type of its weights.
    `width` is a multiple of 8; `layers` is the number of strided convolutions (3 gives patches of 70 x 70 pixels).
    Raises ValueError for a `width` or `layers` that does not fit.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        if width % NORM_GROUP:
            raise ValueError(f"train_vae.discriminator_width {width} must be a multiple of {NORM_GROUP}")
        if layers > MAX_LAYERS:
            raise ValueError(f"train_vae.discriminator_layers {layers} is more than a mel image allows, {MAX_LAYERS}")
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        blocks = [nn.Sequential(nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2))]
        for i in range(1, layers + 1):
            blocks.append(
                nn.Sequential(
                    nn.Conv2d(widths[i - 1], widths[i], 4, stride=2 if i < layers else 1, padding=1, bias=False),
                    nn.GroupNorm(widths[i] // NORM_GROUP, widths[i]),
                    nn.LeakyReLU(0.2),
                )
            )
        self.blocks = nn.ModuleList(blocks)
        self.score = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Mel image (B,1,H,W) -> patch scores (B,1,h,w), high for real images, and the features of every layer."""
        features, x = [], x.to(self.score.weight.dtype)
        for block in self.blocks:
            x = block(x)
            features.append(x)
        return self.score(x), features


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Discriminator loss: half the sum of the means of max(0, 1 - real) and max(0, 1 + fake); 1 if all scores are 0."""
    return 0.5 * (F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())


def hinge_generator(fake: Tensor) -> Tensor:
    """Adversarial loss of the autoencoder: minus the mean score of the reconstructions."""
    return -fake.float().mean()


def feature_matching(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """L1 distance of the features (B,C,h,w) of each layer over the real ones' mean magnitude, averaged over layers.

    0 for equal images; no gradient flows into `real`.
    """
    pairs = [(a.detach().float(), b.float()) for a, b in zip(real, fake, strict=True)]
    return torch.stack([(a - b).abs().mean() / a.abs().mean().clamp_min(1e-8) for a, b in pairs]).mean()
