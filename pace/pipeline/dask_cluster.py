"""joblib on a Dask cluster: its workers share the project's folder and live on from one run to the next."""

import contextlib
import pickle
import sys
from collections.abc import Callable, Iterator
from typing import Any

import joblib

from pace.pipeline import closure

TIMEOUT = 10  # seconds that a scheduler and its first worker may take to answer


@contextlib.contextmanager
def backend(address: str) -> Iterator[None]:
    """Let joblib use the cluster of the Dask scheduler at `address`; its own processes if the address is empty.

    Raises RuntimeError if Dask is missing, if no scheduler answers, if it has no workers, or if a worker has several
    threads: the steps set process-wide state, such as the number of PyTorch's threads.
    """
    if not address:
        yield
        return
    try:
        import distributed
    except ImportError:
        raise RuntimeError(
            f"PACE_DASK is {address}, which needs Dask: `pip install -r requirements-dask.txt`, or unset PACE_DASK"
        ) from None
    try:
        client: Any = distributed.Client(address, timeout=TIMEOUT, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"PACE_DASK is {address}, where no Dask scheduler answers ({error}); start `dask scheduler` and "
            "`dask worker --nthreads 1`, or unset PACE_DASK"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=TIMEOUT)
        except TimeoutError:
            raise RuntimeError(
                f"PACE_DASK is {address}, a scheduler without workers; start `dask worker --nthreads 1 {address}`"
            ) from None
        threads = max(client.nthreads().values())
        if threads > 1:
            raise RuntimeError(
                f"PACE_DASK is {address}, with workers of {threads} threads; each step needs a process of its own: "
                "start the workers with `--nthreads 1 --nworkers N`"
            )
        client.register_plugin(_fresh_project(distributed.WorkerPlugin))
        with joblib.parallel_config(backend="dask", client=client):
            yield


def sealed(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same call as a function that can be unpickled where the project is missing, as in the scheduler."""
    content = pickle.dumps(call)

    def run(*args: object) -> Any:
        return pickle.loads(content)(*args)

    return run


def _fresh_project(plugin: Any) -> Any:
    """A plugin that makes workers import the project as it is now, whatever they imported for earlier runs.

    The class is defined inside the function so that it is sent by value: workers cannot import this module yet.
    """
    root, packages = str(closure.ROOT), closure.PACKAGES

    class FreshProject(plugin):  # type: ignore[misc]
        name = "pace"

        def setup(self, worker: object) -> None:
            for module in [name for name in sys.modules if name.split(".")[0] in packages]:
                del sys.modules[module]
            sys.path[:] = [root, *(path for path in sys.path if path != root)]

    return FreshProject()
