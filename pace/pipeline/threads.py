"""The number of PyTorch's threads in worker processes."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one PyTorch thread: workers share the cores, and results must not depend on their number.

    Afterwards PyTorch has as many threads as before. Does nothing if PyTorch has not been imported.
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
