"""How many processes and threads run: by affinity, quota and PACE_WORKERS."""

import os
import subprocess
import sys

import pytest
import torch

from pace.pipeline import workers


def test_the_setting_comes_first(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: 3)
    monkeypatch.delenv("PACE_WORKERS", raising=False)
    assert workers.worker_count() == 3
    monkeypatch.setenv("PACE_WORKERS", "7")
    assert workers.worker_count() == 7
    monkeypatch.setenv("PACE_WORKERS", "0")
    assert workers.worker_count() == 0


@pytest.mark.parametrize("value", ["two", "-1", "1.5", "²"])
def test_nonsense_is_rejected(monkeypatch, value):
    monkeypatch.setenv("PACE_WORKERS", value)
    with pytest.raises(ValueError, match=f"PACE_WORKERS is '{value}'; set it to the number of worker processes"):
        workers.worker_count()


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_bound_to_one_core_starts_one_worker():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from pace.pipeline import workers; print(workers.worker_count())"
    environment = {name: value for name, value in os.environ.items() if name != "PACE_WORKERS"}
    assert subprocess.check_output([sys.executable, "-c", code], env=environment, text=True) == "1\n"


def test_pytorch_keeps_to_the_cores(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(workers, "cores", lambda: 2)
    try:
        for threads, kept in ((5, 2), (2, 2), (1, 1)):
            torch.set_num_threads(threads)
            workers.keep_to_cores()
            assert torch.get_num_threads() == kept
    finally:
        torch.set_num_threads(before)
