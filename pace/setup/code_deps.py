"""`make deps`: write the code dependencies of every stage into the dvc.yaml files.

A stage's code is the closure of its script's imports. A training depends on exactly that, for it takes long: a folder
stands for its modules only where all of them belong to it. The other stages depend on whole packages: they keep their
results of each video (`pace.pipeline.per_video`) or take a minute, and dvc.yaml stays easy to read.
"""

import re
from pathlib import Path

from pace.pipeline import closure

FILES = (Path("dvc.yaml"), Path("data/synthetic/dvc.yaml"), Path("models/pretrain/dvc.yaml"))
TRAININGS = ("pretrain_motion", "pretrain_visual", "train_vae", "train_diffusion")
CODE = re.compile(r" +- (?:pace|stages)/[\w/]+(?:\.py)?\n")
STAGE = re.compile(r"  (\w+):\n")


def code_deps(stage: str) -> list[str]:
    """Files and folders with the code of a stage, sorted."""
    code = set(closure.closure(f"stages.{stage}"))
    if stage not in TRAININGS:
        return sorted({"/".join(path.parts[:2]) for path in code})  # pace/PACKAGE, pace/clip.py, stages/STAGE.py
    folders, covered = [], set()
    for folder in sorted((closure.ROOT / "pace").rglob("*/")):  # a folder comes before its own folders
        modules = _modules(folder)
        if modules and modules <= code and not modules <= covered:
            folders.append(folder.relative_to(closure.ROOT).as_posix())
            covered |= modules
    return sorted([*folders, *(path.as_posix() for path in code - covered)])


def _modules(folder: Path) -> set[Path]:
    """The modules of a folder and its folders, relative to the root, but for the empty `__init__.py` files."""
    return {path.relative_to(closure.ROOT) for path in folder.rglob("*.py") if path.name != "__init__.py"}


def renewed(text: str) -> str:
    """The text of a dvc.yaml with the code dependencies as they must be; they stand last in each list of deps."""
    lines, stage = [], ""
    for line in text.splitlines(keepends=True):
        if found := STAGE.fullmatch(line):
            stage = found[1]
        if not CODE.fullmatch(line):
            lines.append(line)
        if stage and CODE.fullmatch(line) and f"stages/{stage}.py" in line:  # the last of them
            lines += [f"      - {path}\n" for path in code_deps(stage)]
    return "".join(lines)


def main() -> None:
    """Renew the files and say which have changed."""
    for file in FILES:
        path = closure.ROOT / file
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
        print(f"{file}: {'written' if after != before else 'up to date'}")


if __name__ == "__main__":
    main()
