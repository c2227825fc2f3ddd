"""Networks with every tensor random, so that no term of them can hide behind a zero or a one."""

import torch
from torch import nn


@torch.no_grad()
def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every floating tensor random, batch statistics and norms included, scaled so that values stay near one."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        norm = any(part.startswith(("norm", "layernorm", "bn", "batch_norm")) for part in name.split("."))
        if name.endswith("running_var") or (norm and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim > 1:
            # Convolutions twice as large: otherwise their ReLUs and pools shrink what the input has to say to nothing.
            gain = 2.0 if tensor.ndim == 4 else 1.0
            tensor.normal_(0, gain * tensor[0].numel() ** -0.5, generator=generator)
        else:
            tensor.normal_(0, 0.1, generator=generator)
    return model.eval().requires_grad_(False)
