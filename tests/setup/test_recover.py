"""What a killed `dvc exp run -S` leaves, undone, in a toy project: HEAD on its branch, the user's own edits kept."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import toy_project
from helpers.projects import run as shell

from pace.setup import recover

OWN = {"none": {}, "some": {"steps: 2": "steps: 4", "{name: toy}": "{name: toy} # my note"}}


def command() -> None:
    recover.run(argparse.Namespace())


def branch() -> str:
    return shell(Path.cwd(), "git", "rev-parse", "--abbrev-ref", "HEAD").strip()


def edited(text: str, edits: dict[str, str]) -> str:
    for old, new in edits.items():
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.long
@pytest.mark.parametrize("own", OWN.values(), ids=OWN)
def test_a_killed_run_is_undone_and_own_edits_stay(tmp_path, monkeypatch, capsys, own):
    folder = toy_project.make(tmp_path / "project")
    monkeypatch.chdir(folder)
    for name in ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    at_first = branch()
    params = folder / "params.yaml"
    mine = edited(params.read_text(), own)
    params.write_text(mine)
    code = (folder / "stage.py").read_text() + ("# my code\n" if own else "")
    (folder / "stage.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "exp", "run", "-S", "train.width=60", "-S", "sample.seed=3"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not any(line.startswith("train 60") for line in toy_project.ran(folder)):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    with pytest.raises(RuntimeError, match=f"still runs as process {process.pid}; end it first"):
        command()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = params.read_text()
    assert branch() == "HEAD" and "width: 60" in left and "seed: 3" in left

    params.write_text(left.replace("width: 60", "width: 61"))  # edited since, where -S had been
    with pytest.raises(RuntimeError, match=r"params\.yaml was edited after the run was killed, in lines that -S had"):
        command()
    assert branch() == "HEAD" and "width: 61" in params.read_text()
    params.write_text("# edited since\n" + left)
    command()
    assert params.read_text() == "# edited since\n" + mine
    assert (folder / "stage.py").read_text() == code
    assert branch() == at_first
    assert not shell(folder, "git", "for-each-ref", "refs/exps/exec").strip()
    assert "your own edits are kept" in capsys.readouterr().out
    command()
    assert "no killed `dvc exp run` here" in capsys.readouterr().out
    assert params.read_text() == "# edited since\n" + mine


@pytest.mark.long
def test_edits_in_the_stash_are_pointed_out(tmp_path, monkeypatch, capsys):
    """Killed at its very start, while DVC had put the workspace's edits aside."""
    folder = toy_project.make(tmp_path / "project")
    monkeypatch.chdir(folder)
    (folder / "stage.py").write_text("# mine\n")
    shell(folder, "git", "stash", "push", "-q")
    command()
    assert "git stash" not in capsys.readouterr().out  # the user's own stash
    shell(folder, "git", "checkout", "-q", "--detach")
    command()
    assert "your edits are there: `git switch --force BRANCH && git stash pop --index`" in capsys.readouterr().out
