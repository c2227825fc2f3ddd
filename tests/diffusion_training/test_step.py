"""The training step with a network of one weight."""

import torch
from torch import nn

from pace.conditioning.hsf_encoder import Conditions
from pace.diffusion.objectives import ForwardProcess
from pace.diffusion_training.step import Batch, TrainingStep
from pace.training.optimiser import Optimiser

NO_CONDITIONS = Conditions(*torch.zeros(4, 3))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, z, t, conditions, keep):
        return self.weight * z


def test_gradients_left_by_a_broken_off_step_do_not_count():
    """A recording that fails in the middle of `backward` leaves gradients that were never computed."""
    torch.manual_seed(0)
    batch = Batch(*torch.randn(2, 3, 1, 4, 4), torch.tensor([1.0, 500.0, 900.0]), torch.ones(3), NO_CONDITIONS)
    trained = []
    for left in (None, torch.tensor([float("nan")])):
        model = Scale()
        optimiser = Optimiser(model, 0.1, 0.0, 0.0, 0.0, 9)
        optimiser.schedule(0, 0.1)
        step = TrainingStep(model, optimiser, ForwardProcess("v", "cosine", 0.0))
        model.weight.grad = left
        loss, norm = step(batch)
        assert loss > 0 and norm > 0
        trained.append(model.weight.detach().clone())
    assert torch.equal(*trained) and not torch.equal(trained[0], torch.ones(1))
