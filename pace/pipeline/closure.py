"""The project's files that a module imports, directly and through other modules: the code that running it executes."""

import ast
import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pace", "stages")


def module_path(name: str) -> Path | None:
    """The file of a module of this project, relative to the root; None for a module from elsewhere."""
    if name.split(".")[0] not in PACKAGES:
        return None
    path = Path(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


@functools.cache
def direct_imports(path: Path) -> frozenset[Path]:
    """The project's files that one file imports, inside functions too."""
    imported: set[Path] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        imported.update(target for name in names if (target := module_path(name)) and target.name != "__init__.py")
    return frozenset(imported)


def closure(module: str) -> list[Path]:
    """All of the project's files that running `module` executes, its own included; sorted, relative to the root.

    The packages' `__init__.py` files are not listed: they are empty, or decide no result.
    Raises ValueError for a module from elsewhere.
    """
    start = module_path(module)
    if start is None:
        raise ValueError(f"{module} is not a module of this project")
    seen: set[Path] = set()
    todo = [start]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(direct_imports(path))
    return sorted(seen)


def code_digest(module: str) -> str:
    """SHA-256 of the project's code that `module` runs; empty for a module from elsewhere."""
    if not module_path(module):
        return ""
    digest = hashlib.sha256()
    for path in closure(module):
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()
