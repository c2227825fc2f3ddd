"""Averages of weights, by hand."""

import pytest
import torch

from pace.training.ema import Ema


def test_ema_follows_by_hand():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    ema = Ema([weight], decay=0.5, warmup=9)
    with torch.no_grad():
        weight.fill_(3.0)
    ema.schedule(0)  # decay 0.1
    ema.update()
    assert ema.averages[0].item() == pytest.approx(0.1 * 1 + 0.9 * 3)
    ema.schedule(1000)  # decay 0.5
    ema.update()
    assert ema.averages[0].item() == pytest.approx(0.5 * 2.8 + 0.5 * 3)
    ema.swap()
    assert weight.item() == pytest.approx(2.9) and ema.averages[0].item() == 3.0


def test_the_warm_up_of_the_average_is_its_length_as_a_share_of_the_steps():
    """Of weights that count the steps, an average over 1/n of them lags by steps / (n + 1); the decay caps it."""
    for warmup, decay, lag in ((9, 1.0, 0.1), (3, 1.0, 0.25), (27, 1.0, 1 / 28), (9, 0.9, 9 / 1000), (9, 0.0, 0.0)):
        weight = torch.nn.Parameter(torch.tensor([0.0], dtype=torch.float64))
        ema = Ema([weight], decay, warmup)
        for step in range(1000):
            with torch.no_grad():
                weight.fill_(step)
            ema.schedule(step)
            ema.update()
        assert (999 - ema.averages[0].item()) / 1000 == pytest.approx(lag, abs=0.002)
