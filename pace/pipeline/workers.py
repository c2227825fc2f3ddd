"""How many worker processes and threads may run."""

import os
import sys


def cores() -> int:
    """Number of cores that this process may use: by its affinity and by the quota of its container."""
    import joblib  # takes a quarter of a second

    return int(joblib.cpu_count())


def worker_count() -> int:
    """Number of worker processes: PACE_WORKERS, or the number of cores; 0 means no process but the caller's own."""
    value = os.environ.get("PACE_WORKERS", "")
    if not value:
        return cores()
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f"PACE_WORKERS is {value!r}; set it to the number of worker processes, such as 2")
    return int(value)


def keep_to_cores() -> None:
    """Take away PyTorch's threads beyond the cores: by itself it does not see a container's quota.

    Does nothing if PyTorch has not been imported.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() > cores():
        torch.set_num_threads(cores())
