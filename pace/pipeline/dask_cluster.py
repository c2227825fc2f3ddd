"""The same call for many items on a Dask cluster.

Its workers share the project's folder and live on from one run to the next.
"""

import contextlib
import pickle
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from pace.pipeline import closure
from pace.pipeline.failures import Outcome
from pace.pipeline.isolated import Items
from pace.pipeline.stalls import Watch

T = TypeVar("T")

TIMEOUT = 10  # seconds that a scheduler and its first worker may take to answer


DIED = "each worker of the cluster that tried it died; see the logs of the Dask workers"


def run(address: str, label: str, call: Callable[..., T], items: Items) -> Generator[tuple[str, Outcome[T]]]:
    """`isolated.run` on the cluster of the Dask scheduler at `address`. Yields names and outcomes as they come.

    Dask tries an item whose worker died on other workers (its setting `allowed-failures`), and gives it up then. Such
    an item is tried once more at the end, alone: it may have shared its workers with another that killed them.
    PACE_TIMEOUT does not count here. `call` returns failures, as the exceptions that it raises end the run.
    Raises RuntimeError as `_connected` does.
    """
    sealed_call = sealed(call)
    with _connected(address) as client, Watch(label) as watch:
        suspects = []
        for name, outcome in _outcomes(client, sealed_call, items, items, watch):
            if outcome is None:
                suspects.append(name)
            else:
                yield name, outcome
        for suspect in suspects:
            for name, outcome in _outcomes(client, sealed_call, items, [suspect], watch):
                yield name, outcome or Outcome(None, DIED)


def _outcomes(
    client: Any, call: Callable[..., Any], items: Items, names: Iterable[str], watch: Watch
) -> Iterator[tuple[str, Outcome[Any] | None]]:
    """The outcomes of some of the items; None where workers died."""
    from distributed import KilledWorker, as_completed

    left = {client.submit(call, *items[name], pure=False): name for name in names}
    watched = _some(left.values())
    watch.begin(watched)
    for future in as_completed(list(left), loop=client.loop):  # type: ignore[no-untyped-call]
        error = future.exception()
        name = left.pop(future)
        watch.end(watched)
        if error is not None and not isinstance(error, KilledWorker):
            raise error
        yield name, None if error else Outcome(future.result())
        watched = _some(left.values())
        watch.begin(watched)
    watch.end(watched)


def _some(names: Iterable[str]) -> str:
    """A few of the names."""
    first, more = [*names][:3], [*names][3:]
    return ", ".join(first) + (f" and {len(more)} more" if more else "")


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the Dask scheduler at `address`.

    Raises RuntimeError if Dask is missing, if no scheduler answers, if it has no workers, or if a worker has several
    threads: the steps set process-wide state, such as the number of PyTorch's threads.
    """
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
        yield client


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
