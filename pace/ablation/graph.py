"""The DVC graph as an ablation needs it: what a run changes, what runs share, and the fingerprint of a run.

It is read with DVC itself, so that templates, sub-pipelines and paths are those that `dvc repro` sees.
"""

import dataclasses
import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pace.ablation.variants import Run

PARAMS_FILE = "params.yaml"


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml.

    upstream: the stages that it depends on. inputs: dependencies that no stage makes, relative to the root unless
    dvc.yaml has an absolute path. params: keys and sections of params.yaml.
    """

    name: str
    command: str
    upstream: tuple[str, ...]
    inputs: tuple[str, ...]
    params: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Graph:
    """The stages up to a target, upstream first, and the values of params.yaml, `section.key` -> value."""

    root: Path
    target: str
    stages: Mapping[str, Stage]
    values: Mapping[str, object]

    def keys(self, run: Run | None = None) -> dict[str, str]:
        """A key for each stage: equal if the stage and all before it have equal parameters.

        run: whose overrides count; without one, the values are those of params.yaml.
        """
        values = {**self.values, **(run.overrides if run else {})}
        keys: dict[str, str] = {}
        for name, stage in self.stages.items():
            own = {key: value for key, value in values.items() if _declared(key, stage.params)}
            keys[name] = _digest([name, own, [keys[before] for before in stage.upstream]])
        return keys

    def changed(self, run: Run) -> dict[str, str]:
        """The keys of the stages that a run's overrides change."""
        now = self.keys()
        return {name: key for name, key in self.keys(run).items() if key != now[name]}

    def common(self, runs: Iterable[Run]) -> list[str]:
        """The stages that no run changes."""
        changed = {name for run in runs for name in self.changed(run)}
        return [name for name in self.stages if name not in changed]

    def last_stages(self, names: Iterable[str]) -> list[str]:
        """Those of the named stages that no other of them depends on."""
        names = list(names)
        before = {other for name in names for other in self.stages[name].upstream}
        return [name for name in names if name not in before]

    def fingerprint(self, run: Run) -> str:
        """Eight digits for all that decides a run's result: parameters, commands and inputs that no stage makes."""
        return _digest([self.keys(run)[self.target], self._sources])[:8]

    @functools.cached_property
    def _sources(self) -> str:
        commands = [(stage.name, stage.command) for stage in self.stages.values()]
        inputs = sorted({path for stage in self.stages.values() for path in stage.inputs})
        return _digest([commands, {path: self._content(path) for path in inputs}])

    @functools.cached_property
    def _tracked(self) -> list[str]:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, capture_output=True, text=True, check=True)
        return listed.stdout.split("\0")

    def _tracked_under(self, path: str) -> list[str]:
        return [file for file in self._tracked if _overlap(file, path) and len(file) >= len(path)]

    def _content(self, path: str) -> object:
        """The content of an input: hashes of the files that git tracks, otherwise sizes and times of its files."""
        if tracked := self._tracked_under(path):
            files = [self.root / file for file in tracked]
            return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
        absolute = self.root / path
        files = [absolute] if absolute.is_file() else sorted(file for file in absolute.rglob("*") if file.is_file())
        return [(str(file.relative_to(absolute)), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]

    def inputs_to_copy(self, names: Iterable[str]) -> list[str]:
        """The stages' inputs in the root that git does not track: a run in a temporary folder needs copies of them.

        Raises ValueError for a relative path that leads out of the root: from a temporary folder it leads elsewhere.
        """
        paths = []
        for path in sorted({path for name in names for path in self.stages[name].inputs}):
            if os.path.isabs(path):
                continue
            if path.startswith(".."):
                raise ValueError(f"{path} is outside the project: give its absolute path in {PARAMS_FILE}")
            if (self.root / path).exists() and not self._tracked_under(path):
                paths.append(path)
        return paths


def read(root: Path, target: str, values: Mapping[str, object]) -> Graph:
    """Read the graph of the project at `root` up to the stage `target`.

    values: every parameter, `section.key` -> value. Raises ValueError if there is no such stage.
    """
    import networkx
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        index = repo.index
        last = next((stage for stage in index.stages if _name(stage) == target), None)
        if last is None:
            raise ValueError(f"dvc.yaml has no stage {target!r}; stages: {', '.join(map(_name, index.stages))}")
        graph = index.graph
        wanted = graph.subgraph({last, *networkx.descendants(graph, last)})
        outs = [out.fs_path for stage in index.stages for out in stage.outs]
        stages = {}
        for stage in reversed(list(networkx.lexicographical_topological_sort(wanted, key=_name))):
            files = [dep for dep in stage.deps if not hasattr(dep, "params")]
            inputs = [
                _path_of_dependency(dep, root) for dep in files if not any(_overlap(dep.fs_path, out) for out in outs)
            ]
            keys = [key for dep in stage.deps if hasattr(dep, "params") for key in dep.params]
            upstream = tuple(sorted(map(_name, wanted.successors(stage))))
            stages[_name(stage)] = Stage(_name(stage), str(stage.cmd), upstream, tuple(sorted(inputs)), tuple(keys))
    return Graph(root, target, stages, values)


def _name(stage: Any) -> str:
    """A stage's name in DVC's commands: `train_vae`, `models/pretrain/dvc.yaml:pretrain_motion`."""
    file = Path(stage.path_in_repo).as_posix()
    name: str = stage.name
    return name if file == "dvc.yaml" else f"{file}:{name}" if name else file


def _path_of_dependency(dep: Any, root: Path) -> str:
    """The path of a dependency as dvc.yaml has it if it is absolute, otherwise relative to the root."""
    if os.path.isabs(dep.def_path):
        return str(dep.def_path)
    return os.path.relpath(dep.fs_path, root.resolve())


def _overlap(path: str, other: str) -> bool:
    """Whether two paths are the same or one of them is in the other."""
    return path == other or path.startswith(other + os.sep) or other.startswith(path + os.sep)


def _declared(key: str, params: tuple[str, ...]) -> bool:
    """Whether a parameter, or its section, is among those that a stage names."""
    return any(key == name or key.startswith(f"{name}.") for name in params)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
