"""Shares of a batch, and the ranks that torchrun and srun tell."""

import pytest

from pace.training import distributed


def test_a_batch_must_divide_over_the_processes():
    assert distributed.Processes(1, 2).share(6) == slice(3, 6)
    with pytest.raises(ValueError, match=r"`train_diffusion.batch_size` 7 is not a multiple of the 2 processes"):
        distributed.Processes(0, 2).share(7)


def test_what_srun_and_torchrun_say():
    slurm = {"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1"}
    assert distributed._ranks(slurm, srun=True) == (5, 8, 1)
    assert distributed._ranks(slurm, srun=False) is None, "a batch script has these variables too"
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "3"}
    assert distributed._ranks(slurm | torchrun, srun=True) == (3, 4, 3)
    for nodes, first in (("gpu[03-05,09],cpu1", "gpu03"), ("gpu7", "gpu7"), ("a1,a2", "a1"), ("", "localhost")):
        assert distributed._first_host(nodes) == first
