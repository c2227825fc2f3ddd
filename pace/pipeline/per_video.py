"""Process many videos: workers, a progress bar, and a store that lets an extended run redo only what changed."""

import dataclasses
import functools
import hashlib
import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import joblib
from tqdm import tqdm

from pace.pipeline import closure, dask_cluster
from pace.pipeline.stage import resume_folder
from pace.pipeline.threads import one_thread

Inputs = tuple[Path, ...]
Function = Callable[[str, Inputs, Path], None]

FAILURES = "failures.json"


def map_items(
    step: str,
    function: Function,
    items: dict[str, Inputs],
    outputs: dict[str, Path],
    params: object,
    workers: int | None = None,
) -> dict[str, str]:
    """Call `function(item_id, input_files, folder)` for each item and put what it wrote in place.

    step: name of the store's folder, `.resume/<step>`. items: item id -> input files.
    outputs: name of a file that the function may write into `folder` -> its final path, with `{id}` in it.
    params: a dataclass or a dict of JSON values that the function depends on.
    workers: processes; by default PACE_WORKERS or the number of cores. With PACE_DASK (tcp://host:port of a Dask
    scheduler) the cluster's workers do the work instead; they need this folder and this environment.

    A result is kept in the store under a key made of the item's id, the content of its input files, the
    parameters and the code that the function imports, and is taken from there when the key is met again.
    A missing input file is for the function to name. An item that raises ValueError, OSError or RuntimeError is
    recorded with its reason and the others go on.
    Returns the failures (id -> reason) and writes them to failures.json beside the first output; prints how many
    items were made and how many kept.
    Raises RuntimeError when there is no item, when every item failed, and when PACE_DASK names no usable cluster.
    """
    if not items:
        raise RuntimeError(f"{step}: nothing to do: no input file was found; see the failures of the stage before")
    _clear(outputs)
    root = Path.cwd()
    store = resume_folder(step)
    store.mkdir(parents=True, exist_ok=True)
    function = _importable(function)
    code = closure.code_digest(_module(function))
    base = _base_key(step, code, params)
    dask = os.environ.get("PACE_DASK", "")
    targets = {name: str(root / path) for name, path in outputs.items()}
    task = _Task(function, root, store, base, code if dask else "", targets)
    call = dask_cluster.sealed(task) if dask else task
    jobs = min(workers or worker_count(), len(items))
    keys, failures, taken = set(), {}, 0
    with dask_cluster.backend(dask):
        parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
        results = parallel(joblib.delayed(call)(item, inputs) for item, inputs in items.items())
        for item, key, kept, reason in tqdm(results, total=len(items), desc=step, unit="item", disable=None):
            keys.add(key)
            taken += kept
            if reason:
                failures[item] = reason
                tqdm.write(f"{step}: {item}: {reason}", file=sys.stderr)
    _prune(store, keys)
    folder = next(iter(outputs.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURES).write_text(json.dumps(failures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    done = len(items) - len(failures)
    print(
        f"{step}: {done} of {len(items)} items in {folder}: {done - taken} made now, {taken} kept from an earlier run"
    )
    if len(failures) == len(items):
        item, reason = next(iter(failures.items()))
        raise RuntimeError(f"{step}: every one of {len(items)} items failed; the first, {item}: {reason}")
    return failures


def worker_count() -> int:
    """Number of worker processes: PACE_WORKERS, or the number of cores."""
    value = os.environ.get("PACE_WORKERS", "")
    if not value:
        return os.cpu_count() or 1
    if not value.isdigit() or int(value) < 1:
        raise ValueError(f"PACE_WORKERS is {value!r}; set it to the number of worker processes, such as 2")
    return int(value)


@dataclasses.dataclass(frozen=True)
class _Task:
    """One item's work, run in a worker process, which may have another working folder than `root`.

    code: digest of the function's code that a long-lived worker must have loaded; empty when workers are fresh.
    """

    function: Function
    root: Path
    store: Path
    base: str
    code: str
    outputs: dict[str, str]

    def __call__(self, item: str, inputs: Inputs) -> tuple[str, str, bool, str | None]:
        """The item, its key in the store, whether it was there already, and the reason when it failed."""
        if self.code and self.code != _loaded_code(_module(self.function)):
            raise RuntimeError(
                f"a worker runs other code than that in {self.root}; one Dask cluster serves one version of the "
                "project at a time, on machines that share its folder: run again when the other run has ended"
            )
        files = tuple(self.root / path for path in inputs)
        key, kept, reason = self._run(item, files)
        for file, path in zip(files, inputs, strict=True):
            reason = reason and reason.replace(str(file), str(path))  # failures.json is the same in every folder
        return item, key, kept, reason

    def _run(self, item: str, inputs: Inputs) -> tuple[str, bool, str | None]:
        try:
            key = self._key(item, inputs)
        except OSError as error:
            return "", False, _reason(error)
        entry = self.store / key
        with filelock.FileLock(f"{entry}.lock"):
            kept = entry.is_dir()
            if not kept:
                folder = self.store / f"{key}.partial"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                try:
                    with one_thread():
                        self.function(item, inputs, folder)
                except (ValueError, OSError, RuntimeError) as error:
                    shutil.rmtree(folder)
                    return key, False, _reason(error)
                folder.rename(entry)
            for name, pattern in self.outputs.items():
                if (entry / name).is_file():
                    _link(entry / name, Path(pattern.replace("{id}", item)))
        return key, kept, None

    def _key(self, item: str, inputs: Inputs) -> str:
        digest = hashlib.sha256(f"{self.base}\n{item}".encode())
        for path in inputs:
            digest.update(_digest(path))
        return digest.hexdigest()[:32]


def _digest(path: Path) -> bytes:
    """Digest of a file's content; zeros where there is no file."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return bytes(32)
    return _digest_of_state(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _digest_of_state(path: Path, size: int, mtime_ns: int) -> bytes:
    """Digest of a file that is read once in a process as long as it stays as it is: items share their weights."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _reason(error: Exception) -> str:
    """What an error says; the file and what is wrong with it where the system says it."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _importable(function: Function) -> Function:
    """The same function from its module's real name, when a stage runs as `__main__`.

    A function of `__main__` would be pickled by value, and each call would load its models anew.
    """
    if isinstance(function, functools.partial):
        return functools.partial(_importable(function.func), *function.args, **function.keywords)
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if getattr(function, "__module__", None) != "__main__" or spec is None:
        return function
    return getattr(importlib.import_module(spec.name), function.__qualname__)


def _module(function: Function) -> str:
    return (function.func if isinstance(function, functools.partial) else function).__module__


@functools.cache
def _loaded_code(module: str) -> str:
    """The code when this process first used it."""
    return closure.code_digest(module)


def _base_key(step: str, code: str, params: object) -> str:
    values = dataclasses.asdict(params) if dataclasses.is_dataclass(params) else params
    return json.dumps([step, values, code], sort_keys=True)


def _link(source: Path, target: Path) -> None:
    """Hard-link, or copy where the file system cannot, under a temporary name first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    partial.replace(target)


def _clear(outputs: dict[str, Path]) -> None:
    """Remove what an earlier run left, so that no item that is gone stays behind."""
    for pattern in outputs.values():
        if pattern.parent.is_dir():
            for path in pattern.parent.glob(pattern.name.replace("{id}", "*")):
                path.unlink()


def _prune(store: Path, keys: set[str]) -> None:
    """Drop entries that the last item list did not use, unless another process holds their lock."""
    for lock in store.glob("*.lock"):
        key = lock.stem
        if key in keys:
            continue
        try:
            with filelock.FileLock(lock, timeout=0):
                shutil.rmtree(store / key, ignore_errors=True)
                shutil.rmtree(store / f"{key}.partial", ignore_errors=True)
                lock.unlink(missing_ok=True)
        except filelock.Timeout:
            continue
