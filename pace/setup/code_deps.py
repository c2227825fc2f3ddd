"""`make deps`: write the code dependencies of every stage into the dvc.yaml files.

A stage's code is the closure of its script's imports. A training takes long, so it depends on exactly that code: a
folder stands for its modules only if the training imports all of them. The other stages depend on whole packages. They
keep the result of each video (`pace.pipeline.per_video`) or take a minute, and dvc.yaml stays short.
"""

import re
from pathlib import Path

from pace.pipeline import closure

DVC_FILES = ("dvc.yaml", "data/synthetic/dvc.yaml", "models/pretrain/dvc.yaml")
TRAININGS = ("pretrain_motion", "pretrain_visual", "train_vae", "train_diffusion")
CODE = re.compile(r" +- (?:pace|stages)/[\w/]+(?:\.py)?\n")
STAGE = re.compile(r"  (\w+):\n")


def code_deps(stage: str) -> list[str]:
    """The files and folders that hold the code of a stage, sorted, relative to the root."""
    code = set(closure.closure(f"stages.{stage}"))
    if stage not in TRAININGS:
        return sorted({"/".join(path.parts[:2]) for path in code})  # pace/PACKAGE, pace/clip.py, stages/STAGE.py
    folders: list[str] = []
    covered: set[Path] = set()
    for folder in sorted((closure.ROOT / "pace").rglob("*/")):  # a folder comes before its own folders
        modules = _modules(folder)
        if modules and modules <= code and not modules <= covered:
            folders.append(folder.relative_to(closure.ROOT).as_posix())
            covered |= modules
    return sorted([*folders, *(path.as_posix() for path in code - covered)])


def _modules(folder: Path) -> set[Path]:
    """The modules in a folder and below, relative to the root, without the empty `__init__.py` files."""
    return {path.relative_to(closure.ROOT) for path in folder.rglob("*.py") if path.name != "__init__.py"}


def with_code_deps(text: str) -> str:
    """The text of a dvc.yaml with its code dependencies replaced by those that the imports give.

    The code dependencies come last in each list of deps, and the stage's script comes last among them.
    """
    lines, stage = [], ""
    for line in text.splitlines(keepends=True):
        if match := STAGE.fullmatch(line):
            stage = match[1]
        if not CODE.fullmatch(line):
            lines.append(line)
        if stage and CODE.fullmatch(line) and f"stages/{stage}.py" in line:  # the last one
            lines += [f"      - {path}\n" for path in code_deps(stage)]
    return "".join(lines)


def main() -> None:
    """Update all dvc.yaml files and print which of them changed."""
    for file in DVC_FILES:
        path = closure.ROOT / file
        before = path.read_text(encoding="utf-8")
        after = with_code_deps(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
        print(f"{file}: {'written' if after != before else 'up to date'}")


if __name__ == "__main__":
    main()
