"""Threads of PyTorch in worker processes."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread inside: workers share the cores, and results must not depend on how many there are.

    Outside, the process has its threads again. Does nothing where PyTorch has not been imported.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
