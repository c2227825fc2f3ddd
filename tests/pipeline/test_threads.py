"""One thread inside, the former number afterwards."""

import sys

import pytest
import torch

from pace.pipeline.threads import one_thread


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_one_thread_inside_and_the_former_number_afterwards(three_threads):
    with one_thread():
        assert torch.get_num_threads() == 1
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


def test_the_former_number_after_an_error_too(three_threads):
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert torch.get_num_threads() == 3


def test_it_does_not_import_torch(three_threads, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    with one_thread():
        assert "torch" not in sys.modules
        assert torch.get_num_threads() == 3
