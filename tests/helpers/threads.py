"""One PyTorch thread for tests of tiny networks: on a busy machine, threads that wait for each other take seconds."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Set the number of threads for the tests of a module, and restore it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
