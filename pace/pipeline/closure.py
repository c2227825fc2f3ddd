"""Which of the project's files a module imports, followed through all its imports."""

import ast
import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pace", "stages")


def module_path(name: str) -> Path | None:
    """The file of a module of this project, relative to the root, or None for any other module."""
    if name.split(".")[0] not in PACKAGES:
        return None
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


@functools.cache
def direct(path: Path) -> frozenset[Path]:
    """The project's files imported anywhere in one file, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        found.update(target for name in names if (target := module_path(name)) and target.name != "__init__.py")
    return frozenset(found)


def closure(module: str) -> list[Path]:
    """All project files that running `module` executes, itself included, sorted, relative to the root.

    The packages' `__init__.py` files are empty and not listed.
    """
    start = module_path(module)
    if start is None:
        raise ValueError(f"{module} is not a module of this project")
    seen, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(direct(path))
    return sorted(seen)


def code_digest(module: str) -> str:
    """Digest of the project's code that `module` runs; empty for a module from elsewhere."""
    if not module_path(module):
        return ""
    digest = hashlib.sha256()
    for path in closure(module):
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()
