"""`make pictures`: draw the stages and the packages for docs/architecture.md from the project's own files."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pace.pictures.layered_graph import Label, draw, reduced
from pace.pipeline import closure
from pace.setup.code_deps import DVC_FILES, TRAININGS

PAGE = Path("docs/architecture.md")
STAGES_PICTURE, PACKAGES_PICTURE = Path("docs/images/stages.svg"), Path("docs/images/packages.svg")
PACKAGE_ROW = re.compile(r"\| `(pace/\w+(?:\.py)?)` \| ([\w ]+) \| (.+) \|")  # of the page's table
STAGE_COLOURS = {
    "training": "#ffe2cc",
    "results kept for each video": "#d8ecff",
    "run as a whole": "#f0f2f5",
}
PALETTE = ("#d8ecff", "#fff3c4", "#ffe2cc", "#dff3e0", "#ecdffb", "#f0f2f5")  # kinds of packages, in the page's order


def read_stages() -> dict[str, dict[str, Any]]:
    """Stages of all dvc.yaml files by name, with the values of params.yaml for `${...}` in their dependencies."""
    values = _read_yaml(Path("params.yaml"))

    def resolved(path: str) -> str:
        return re.sub(r"\$\{(\w+)\.(\w+)\}", lambda match: str(values[match[1]][match[2]]), path)

    stages: dict[str, dict[str, Any]] = {}
    for file in DVC_FILES:
        for name, stage in _read_yaml(Path(file))["stages"].items():
            stages[name] = stage | {"deps": [resolved(path) for path in stage["deps"]]}
    return stages


def stage_graph(stages: Mapping[str, dict[str, Any]]) -> dict[str, set[str]]:
    """Stage -> the stages that read its outputs."""
    graph: dict[str, set[str]] = {name: set() for name in stages}
    for maker, stage in stages.items():
        for reader, other in stages.items():
            if any(_inside(dep, out) for dep in other["deps"] for out in outputs(stage)):
                graph[maker].add(reader)
    return graph


def outputs(stage: Mapping[str, Any]) -> list[str]:
    """Paths that a stage writes, metrics last."""
    return [*stage.get("outs", []), *(path for metric in stage.get("metrics", []) for path in metric)]


def stage_kind(name: str) -> str:
    """What a changed input costs: a training, only the videos that changed, or the whole stage."""
    if name in TRAININGS:
        return "training"
    script = (closure.ROOT / "stages" / f"{name}.py").read_text(encoding="utf-8")
    return "results kept for each video" if "per_video.map_" in script else "run as a whole"


def draw_stages() -> str:
    """The picture of the stages, as SVG."""
    stages = read_stages()
    labels = {
        name: Label(name, tuple(outputs(stage)), STAGE_COLOURS[stage_kind(name)]) for name, stage in stages.items()
    }
    return draw(reduced(stage_graph(stages)), labels, STAGE_COLOURS, "The stages of the pipeline and what they write")


def package_of(module: Path) -> str:
    """`pace/audio` for all below that folder, `pace/clip.py` for a module directly in `pace/`."""
    return "/".join(module.parts[:2])


def package_graph() -> dict[str, set[str]]:
    """Package, or loose module -> the packages that its modules import."""
    graph: dict[str, set[str]] = {}
    for path in sorted((closure.ROOT / "pace").rglob("*.py")):
        module = path.relative_to(closure.ROOT)
        if module.name not in ("__init__.py", "__main__.py"):
            package = package_of(module)
            graph.setdefault(package, set()).update(package_of(target) for target in closure.direct_imports(module))
            graph[package].discard(package)
    return graph


def package_kinds(page: str) -> dict[str, str]:
    """Package -> kind, from the page's table of packages."""
    return {match[1]: match[2] for match in PACKAGE_ROW.finditer(page)}


def draw_packages(page: str) -> str:
    """The picture of the packages, as SVG; the colours follow the page's table."""
    kinds = package_kinds(page)
    colours = dict(zip(dict.fromkeys(kinds.values()), PALETTE, strict=True))
    graph = package_graph()
    if differing := sorted(graph.keys() ^ kinds.keys()):
        raise ValueError(f"{PAGE}: its table of packages and pace/ differ in {', '.join(differing)}; correct the table")
    labels = {package: Label(package.removeprefix("pace/"), (), colours[kinds[package]]) for package in graph}
    return draw(reduced(graph), labels, colours, "The packages of pace/ and which imports which")


def pictures() -> dict[Path, str]:
    """Path of each picture, relative to the root -> its text."""
    page = (closure.ROOT / PAGE).read_text(encoding="utf-8")
    return {STAGES_PICTURE: draw_stages(), PACKAGES_PICTURE: draw_packages(page)}


def _read_yaml(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = YAML(typ="safe", pure=True).load((closure.ROOT / path).read_text(encoding="utf-8"))
    return content


def _inside(path: str, folder: str) -> bool:
    """Whether a path is an output, is in it, or holds it."""
    return path == folder or path.startswith(f"{folder}/") or folder.startswith(f"{path}/")


def main(argv: list[str] | None = None) -> None:
    """Write the pictures and say which have changed."""
    argparse.ArgumentParser(prog="python -m pace.pictures.architecture", description=__doc__).parse_args(argv)
    for path, text in pictures().items():
        target = closure.ROOT / path
        changed = not target.is_file() or target.read_text(encoding="utf-8") != text
        if changed:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        print(f"{path}: {'written' if changed else 'up to date'}")


if __name__ == "__main__":
    main()
