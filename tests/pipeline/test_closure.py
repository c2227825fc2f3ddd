"""The import closure on a small project whose imports are known."""

import hashlib
from pathlib import Path

import pytest

from pace.pipeline import closure

FILES = {
    "pace/__init__.py": "",
    "pace/a/__init__.py": "",
    "pace/a/one.py": "import numpy as np\nfrom pace.a import two\n",
    "pace/a/two.py": "def lazy():\n    import pace.a.three\n    import os.path, pace.b\n",
    "pace/a/three.py": "from pace.a.one import something\n",  # a circle
    "pace/b.py": "TEXT = 'import pace.unused'\n# import pace.unused\n",
    "pace/unused.py": "",
    "stages/__init__.py": "",
    "stages/run.py": "from pace import b as other, missing\nfrom pace.a.one import np\nfrom . import sibling\n",
    "stages/alone.py": "import json\nfrom stagesmith import tool\n",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    closure.direct_imports.cache_clear()
    yield
    closure.direct_imports.cache_clear()


def names(module: str) -> list[str]:
    return [path.as_posix() for path in closure.closure(module)]


def test_module_paths(small):
    assert closure.module_path("pace.a.one") == Path("pace/a/one.py")
    assert closure.module_path("pace.a") == Path("pace/a/__init__.py")
    assert closure.module_path("pace.nothing") is None
    assert closure.module_path("numpy") is None
    assert closure.module_path("os.path") is None


def test_closure_follows_imports_everywhere_and_lists_no_init(small):
    assert names("stages.run") == ["pace/a/one.py", "pace/a/three.py", "pace/a/two.py", "pace/b.py", "stages/run.py"]


def test_imports_inside_functions_count_and_text_and_comments_do_not(small):
    assert closure.direct_imports(Path("pace/a/two.py")) == {Path("pace/a/three.py"), Path("pace/b.py")}
    assert closure.direct_imports(Path("pace/b.py")) == frozenset()


def test_a_module_without_project_imports_is_its_own_closure(small):
    assert names("stages.alone") == ["stages/alone.py"]
    assert names("pace.b") == ["pace/b.py"]


def test_a_name_imported_from_a_module_is_not_a_module(small):
    assert closure.direct_imports(Path("pace/a/three.py")) == {Path("pace/a/one.py")}


def test_another_package_is_refused(small):
    with pytest.raises(ValueError, match="numpy is not a module of this project"):
        closure.closure("numpy")


def test_the_project_itself():
    """The vocoder pulls in the loader of parameters, which stands alone."""
    assert Path("pace/pipeline/params.py") in closure.closure("pace.audio.vocoder")
    assert closure.closure("pace.pipeline.params") == [Path("pace/pipeline/params.py")]


def test_code_digest_is_that_of_the_closure(small, tmp_path):
    content = b"".join((tmp_path / name).read_bytes() for name in names("stages.run"))
    assert closure.code_digest("stages.run") == hashlib.sha256(content).hexdigest()
    assert closure.code_digest("numpy") == ""


@pytest.mark.parametrize(("file", "counts"), [("pace/a/three.py", True), ("pace/unused.py", False)])
def test_code_digest_follows_the_code_that_runs(small, tmp_path, file, counts):
    before = closure.code_digest("stages.run")
    with open(tmp_path / file, "a") as opened:
        opened.write("# a comment\n")
    assert (closure.code_digest("stages.run") != before) == counts
