"""The commit of a machine's own results, in a toy project with git and DVC."""

import json
import shutil
from pathlib import Path

import pytest
from helpers import toy_project
from helpers.projects import run as shell

from pace.setup import baseline

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Path:
    """A toy project whose last commit has the results of another machine, and in which everything has been run."""
    folder = toy_project.make(tmp_path_factory.mktemp("toy") / "project")
    shell(folder, "dvc", "repro", "-q")
    metrics = folder / "reports/metrics.json"
    own = metrics.read_text()
    content = json.loads(own)
    content["fad"]["generated"]["vggish"]["fad"] += 1e-3
    del content["rhythm"]["ceiling"]
    metrics.write_text(json.dumps(content))
    shell(folder, "dvc", "commit", "-q", "-f", "evaluate")
    shell(folder, "git", "add", "-A")
    shell(folder, "git", "commit", "-q", "-m", "of another machine")
    metrics.write_text(own)
    shell(folder, "dvc", "commit", "-q", "-f", "evaluate")
    return folder


@pytest.fixture
def project(reproduced, tmp_path, monkeypatch) -> Path:
    shutil.copytree(reproduced, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    return Path.cwd()


def git(*arguments: str) -> str:
    return shell(Path.cwd(), "git", *arguments)


def test_it_commits_the_results_and_nothing_else(project):
    (project / "notes.txt").write_text("staged")
    git("add", "notes.txt")
    (project / "presets/ablations.yaml").write_text("# edited\n")
    (project / "untracked.txt").write_text("mine")
    before = git("status", "--porcelain", "--untracked-files=all")
    said = baseline.commit()
    assert git("show", "--format=", "--name-only", "HEAD").split() == ["dvc.lock", "reports/metrics.json"]
    assert git("log", "-1", "--format=%s").strip() == baseline.MESSAGE
    assert "2 of 4 metrics changed" in said and "Your other changes are as they were" in said
    after = git("status", "--porcelain", "--untracked-files=all")
    kept = [line for line in before.splitlines() if "metrics.json" not in line and "dvc.lock" not in line]
    assert after.splitlines() == kept
    assert "nothing to commit" in baseline.commit()
    assert not shell(project, "dvc", "metrics", "diff").strip()


def test_check_tells_what_another_machine_left(project):
    said = baseline.check()
    assert said.startswith("2 of 4 metrics differ from the last commit's, with the same parameters and code")
    assert "make baseline" in said and said.count("\n") == 2
    baseline.commit()
    assert baseline.check() == ""


def test_check_is_silent_after_a_change(project):
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("width: 1", "width: 2"))
    assert baseline.check() == ""
    with pytest.raises(RuntimeError, match=r"params\.yaml differs from the last commit.*commit or revert it"):
        baseline.commit()


def test_incomplete_results_are_refused(project):
    (project / "prepared.txt").write_text("changed")
    with pytest.raises(RuntimeError, match="not up to date, see `dvc status`"):
        baseline.commit()
    (project / "reports/metrics.json").unlink()
    with pytest.raises(RuntimeError, match=r"reports/metrics\.json is missing: let `make repro` finish first"):
        baseline.commit()


def test_without_a_repository(project):
    shutil.rmtree(project / ".git")
    with pytest.raises(RuntimeError, match="is not in a git repository with a commit; `git init`"):
        baseline.commit()
    assert baseline.check() == ""
