"""Two-dimensional data with a closed form: a mixture of round Gaussians and its expected clean value."""

import torch

WEIGHTS = torch.tensor([0.3, 0.5, 0.2], dtype=torch.float64)
MEANS = torch.tensor([[-1.2, 0.5], [0.8, -0.9], [0.9, 1.1]], dtype=torch.float64)
DEVIATIONS = torch.tensor([0.15, 0.3, 0.5], dtype=torch.float64)


def responsibilities(z: torch.Tensor, t: float) -> torch.Tensor:
    """Probability (n,3) of each component, given z (n,2) = (1 - t) data + t noise."""
    variance = (1 - t) ** 2 * DEVIATIONS**2 + t**2
    distance = (z[:, None] - (1 - t) * MEANS).square().sum(-1)
    return (WEIGHTS.log() - variance.log() - distance / (2 * variance)).softmax(-1).to(z.dtype)


def expected(z: torch.Tensor, t: float) -> torch.Tensor:
    """E[data | z] (n,2) of z (n,2) = (1 - t) data + t noise: the denoiser that a perfect network is."""
    gain = (1 - t) * DEVIATIONS**2 / ((1 - t) ** 2 * DEVIATIONS**2 + t**2)
    of_component = MEANS + gain[:, None] * (z[:, None] - (1 - t) * MEANS)
    return (responsibilities(z, t)[..., None] * of_component).sum(1).to(z.dtype)


def draw(count: int, seed: int) -> torch.Tensor:
    """Data (count,2) of the mixture, float64."""
    g = torch.Generator().manual_seed(seed)
    component = torch.multinomial(WEIGHTS, count, replacement=True, generator=g)
    return MEANS[component] + DEVIATIONS[component, None] * torch.randn(count, 2, generator=g, dtype=torch.float64)
