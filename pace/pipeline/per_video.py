"""Process many videos in parallel, and keep the result of each, so that a run redoes only what changed."""

import contextlib
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
from typing import Any

import filelock
from tqdm import tqdm

from pace.pipeline import closure, dask_cluster, failures, isolated
from pace.pipeline.stage import resume_folder
from pace.pipeline.threads import one_thread

Inputs = tuple[Path, ...]
Function = Callable[[str, Inputs, Path], None]  # takes the video's id, its input files and the output folder

LOG = "failures.log"


def map_videos(
    step: str,
    function: Function,
    inputs: dict[str, Inputs],
    outputs: dict[str, Path],
    params: object,
    workers: int | None = None,
) -> dict[str, str]:
    """Call `function(video_id, input_files, folder)` for each video and put the files that it writes in place.

    step: name of the folder `.resume/<step>`, where the results are kept.
    inputs: video id -> input files. The function itself must report a missing one.
    outputs: name of a file that the function may write into `folder` -> its final path, with `{id}` in it.
    params: a dataclass or a dict of JSON values that the function depends on.
    workers: number of processes; by default PACE_WORKERS, or the number of cores; see `isolated.run`. With PACE_DASK
    (tcp://host:port of a Dask scheduler), the cluster's workers run the function instead. They need access to this
    folder and environment.

    A result is kept under a key made of the video's id, the content of its input files, the parameters, and the code
    that the function imports. A later run that meets the same key uses the kept result.
    If the work on a video raises an exception or ends its process, the reason is recorded and the others continue.

    Returns the failures (video id -> reason). They are also written to failures.json next to the first output, and
    with their tracebacks to `.resume/<step>/failures.log`.
    Raises RuntimeError if there are no videos, if all of them fail, or if PACE_DASK names no usable cluster.
    """
    if not inputs:
        raise RuntimeError("nothing to do: there are no input files; see failures.json of the stage before")
    root = Path.cwd()
    store = resume_folder(step)
    store.mkdir(parents=True, exist_ok=True)
    function = _importable(function)
    code = closure.code_digest(_module(function))
    base = _base_key(step, code, params)
    dask = os.environ.get("PACE_DASK", "")
    targets = {name: str(root / path) for name, path in outputs.items()}
    task = _Task(function, root, store, base, code if dask else "", targets)
    items = {video_id: (video_id, files) for video_id, files in inputs.items()}
    outcomes = dask_cluster.run(dask, step, task, items) if dask else isolated.run(step, task, items, workers)
    _clear(outputs)
    log = failures.Log(store / LOG)
    keys: set[str] = set()
    reasons: dict[str, str] = {}
    kept_count = 0
    with contextlib.closing(outcomes):
        for video_id, outcome in tqdm(outcomes, total=len(inputs), desc=step, unit="video", disable=None):
            result = outcome.value or _failed(outcome, inputs[video_id])
            keys.add(result.key)
            kept_count += result.kept
            if result.reason:
                reasons[video_id] = result.reason
                log.add(video_id, result.reason, result.trace)
                tqdm.write(f"{step}: {video_id}: {result.reason}", file=sys.stderr)
    _prune(store, keys)
    folder = next(iter(outputs.values())).parent
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(reasons, indent=1, sort_keys=True) + "\n"
    (folder / failures.FILE).write_text(text, encoding="utf-8")
    done = len(inputs) - len(reasons)
    print(
        f"{step}: {done} of {len(inputs)} videos in {folder}: "
        f"{done - kept_count} processed now, {kept_count} kept from an earlier run"
    )
    if reasons:
        print(
            f"{step}: {len(reasons)} failed: reasons in {folder / failures.FILE}, tracebacks in {_shown(log.path)}; "
            f"`dvc repro -f {step}` tries them again",
            file=sys.stderr,
        )
    if len(reasons) == len(inputs):
        video_id = next(video_id for video_id in inputs)
        raise RuntimeError(
            f"none of {len(inputs)} videos could be processed; the first, {video_id}: {reasons[video_id]}"
        )
    return reasons


def _shown(path: Path) -> Path:
    """A path as the user may write it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


@dataclasses.dataclass(frozen=True)
class _Result:
    """What became of one video: its key, whether a kept result was used, and if it failed, why, with the traceback."""

    key: str
    kept: bool = False
    reason: str | None = None
    trace: str = ""


def _failed(outcome: failures.Outcome[_Result], inputs: Inputs) -> _Result:
    """The result of a video whose worker process is gone."""
    reason = outcome.reason or ""
    return _Result("", False, failures.of_file(reason, inputs[0]) if inputs else reason, outcome.trace)


@dataclasses.dataclass(frozen=True)
class _Task:
    """The work on one video. It runs in a worker process, whose working folder may differ from `root`.

    store: folder of the kept results. base: what all keys have in common (see `_base_key`).
    code: digest of the code that a long-lived worker must have loaded; empty if the workers are new.
    outputs: file name -> absolute path with `{id}` in it.
    """

    function: Function
    root: Path
    store: Path
    base: str
    code: str
    outputs: dict[str, str]

    def __call__(self, video_id: str, inputs: Inputs) -> _Result:
        """Process a video, or use its kept result; any exception but KeyboardInterrupt and SystemExit is its reason."""
        if self.code and self.code != _loaded_code(_module(self.function)):
            raise RuntimeError(
                f"a Dask worker has loaded other code than that in {self.root}; a cluster serves one version of the "
                "project at a time, on machines that share its folder: try again when the other run has ended"
            )
        files = tuple(self.root / path for path in inputs)
        key = ""
        try:
            key = self._key(video_id, files)
            return _Result(key, self._run(key, video_id, files))
        except failures.STOPPING:
            raise
        except BaseException as error:
            reason = failures.reason(error)
            # failures.json is the same in every folder
            for file, path in zip(files, inputs, strict=True):
                reason = reason.replace(str(file), str(path))
            reason = reason.replace(f"{self.store / key}.partial/", "")
            if not any(path.is_absolute() for path in inputs):
                reason = reason.replace(f"{self.root}/", "")
            if inputs and not failures.of_the_input(error):
                reason = failures.of_file(reason, inputs[0])
            return _Result(key, False, reason, failures.trace(error))

    def _run(self, key: str, video_id: str, inputs: Inputs) -> bool:
        """Put the files of a video in place. Returns whether they were kept from an earlier run."""
        entry = self.store / key
        with filelock.FileLock(f"{entry}.lock"):
            kept = entry.is_dir()
            if not kept:
                folder = self.store / f"{key}.partial"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                try:
                    with one_thread():
                        self.function(video_id, inputs, folder)
                    folder.rename(entry)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
            for name, pattern in self.outputs.items():
                if (entry / name).is_file():
                    _link(entry / name, Path(pattern.replace("{id}", video_id)))
        return kept

    def _key(self, video_id: str, inputs: Inputs) -> str:
        digest = hashlib.sha256(f"{self.base}\n{video_id}".encode())
        for path in inputs:
            digest.update(_digest(path))
        return digest.hexdigest()[:32]


def _digest(path: Path) -> bytes:
    """Digest of a file's content; zeros if there is no such file."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return bytes(32)
    return _digest_of_state(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _digest_of_state(path: Path, size: int, mtime_ns: int) -> bytes:
    """Digest of a file, cached while its size and time stay the same: all videos share the weights files."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _importable(function: Function) -> Function:
    """The same function, imported by its module's real name if the stage runs as `__main__`.

    A function of `__main__` would be pickled by value, and each call would load its models again.
    """
    if isinstance(function, functools.partial):
        return functools.partial(_importable(function.func), *function.args, **function.keywords)
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if getattr(function, "__module__", None) != "__main__" or spec is None:
        return function
    imported: Function = getattr(importlib.import_module(spec.name), function.__qualname__)
    return imported


def _module(function: Function) -> str:
    return (function.func if isinstance(function, functools.partial) else function).__module__


@functools.cache
def _loaded_code(module: str) -> str:
    """Digest of a module's code as it was when this process first asked."""
    return closure.code_digest(module)


def _base_key(step: str, code: str, params: object) -> str:
    """The part of the keys that a step's videos share. JSON of the parameters, so that equal values give equal keys."""
    values: Any = params
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        values = dataclasses.asdict(params)
    return json.dumps([step, values, code], sort_keys=True)


def _link(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it if the file system cannot link; under a temporary name first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    partial.replace(target)


def _clear(outputs: dict[str, Path]) -> None:
    """Remove the outputs of an earlier run, so that none is left of a video that is gone."""
    for pattern in outputs.values():
        if pattern.parent.is_dir():
            for path in pattern.parent.glob(pattern.name.replace("{id}", "*")):
                path.unlink()


def _prune(store: Path, keys: set[str]) -> None:
    """Drop the kept results that this run did not use, unless another process holds their lock."""
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
