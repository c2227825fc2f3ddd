"""One PyTorch thread for tests of tiny networks: on a busy machine, threads that wait for each other take seconds."""

from collections.abc import Iterator

import pytest
import torch  # noqa: F401  (only a PyTorch that is imported can be told its threads)

from pace.pipeline import threads


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Set the number of threads for the tests of a module, and restore it."""
    with threads.one_thread():
        yield
