"""The flux loss: the rises of a reconstruction's level from frame to frame against those of the image (ours).

Onsets, beats and the density of music are heard in these rises (librosa's onset strength is their mean over the mels).
The L1 loss hardly sees them: a stroke that is smeared over a few frames costs it little.
"""

from torch import Tensor

BANDS = 8  # of neighbouring mels, whose rises are averaged


def spectral_flux(images: Tensor) -> Tensor:
    """Rises (B,8,W-1) of images (B,1,H,W) from column to column: falls count as 0. H is a multiple of 8."""
    rises = (images[:, 0, :, 1:] - images[:, 0, :, :-1]).clamp(min=0)
    return rises.reshape(len(rises), BANDS, -1, rises.shape[-1]).mean(dim=2)


def flux_loss(images: Tensor, output: Tensor) -> Tensor:
    """Mean absolute difference of the flux of images and of reconstructions, both (B,1,H,W)."""
    return (spectral_flux(output.float()) - spectral_flux(images.float())).abs().mean()
