"""Values with spaces, quotes and brackets on the command line of `dvc exp run -S`, and on their way into the stages."""

import json
import shlex

import pytest
from helpers.projects import overridden, run

from pace import __main__
from pace.setup.presets import hydra

VALUES = [
    "/data/dances (2024)",
    "/data/Bob's dances",
    "/data/a,b [c] {d} #5 100% $x & y;",
    '/data/6" mix',
    "/data/übung/日本",
    "C:\\dances",
    "~/dances",
    "2024",
    "true",
    " a=b ",
    "torchrun --nproc-per-node=4",
    "srun --export=ALL,A=1 '/opt/my env/bin/python'",
]


def documented(value: str) -> str:
    """A value as docs/training.md says: inside double quotes, those of its own after a backslash."""
    return '"' + value.replace('"', '\\"') + '"'


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("quote", [documented, hydra])
def test_quoted_values_arrive_whole(quote, value, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("dataset: {root: x}\n")
    assert overridden(path, ["-S", f"dataset.root={quote(value)}"])["dataset"]["root"] == value


@pytest.mark.parametrize("value", ["a\\", "\\", "'", "''", "\\'", "a\\\\'b\\\\", '\\"'])
def test_backslashes_before_quotes(value, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("dataset: {root: x}\n")
    assert overridden(path, ["-S", f"dataset.root={hydra(value)}"])["dataset"]["root"] == value


def test_the_lines_of_the_documentation(tmp_path):
    """As the shell splits them."""
    path = tmp_path / "params.yaml"
    lines = {
        "-S 'dataset.root=\"/data/dances (2024)\"'": "/data/dances (2024)",
        "-S \"dataset.root='/data/a=b'\"": "/data/a=b",
        '-S "dataset.root=\\"/data/Bob\'s dances\\""': "/data/Bob's dances",
        "-S 'dataset.root=\"torchrun --nproc-per-node=4\"'": "torchrun --nproc-per-node=4",
    }
    for line, value in lines.items():
        path.write_text("dataset: {root: x}\n")
        assert overridden(path, shlex.split(line))["dataset"]["root"] == value


@pytest.mark.long
def test_they_reach_the_commands_whole(tmp_path):
    """Through a real run of DVC: a folder as a dependency, and a launcher before ` -m stages.train_diffusion`."""
    folder = tmp_path / "it's 100 % (2024) [a], b=c $HOME"
    project = tmp_path / "project"
    for place in (folder, project):
        place.mkdir()
    (folder / "file").write_text("content")
    (project / "params.yaml").write_text("dataset: {root: x}\ntrain: {launcher: x}\n")
    (project / "write.py").write_text(
        "import json, pathlib, sys\n"
        "from ruamel.yaml import YAML\n"
        "root = YAML(typ='safe', pure=True).load(pathlib.Path('params.yaml'))['dataset']['root']\n"
        "found = [sys.argv[1:], pathlib.Path(root, 'file').read_text()]\n"
        "pathlib.Path('out.json').write_text(json.dumps(found))\n"
    )
    (project / "dvc.yaml").write_text(
        "stages:\n  one:\n    cmd: ${train.launcher} -m stages.train_diffusion\n    params: [dataset.root]\n"
        "    deps: ['write.py', \"${dataset.root}\"]\n    outs: [out.json]\n"
    )
    run(project, "git", "init", "-q")
    run(project, "dvc", "init", "-q")
    for key, value in (("user.name", "Test"), ("user.email", "test@example.org")):
        run(project, "git", "config", key, value)
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-q", "-m", "one")
    launcher = "python write.py --nproc-per-node=4 'a b' \"Bob's\""
    values = {"dataset.root": str(folder), "train.launcher": launcher}
    run(
        project,
        "dvc",
        "exp",
        "run",
        *[word for key, value in values.items() for word in ("-S", f"{key}={hydra(value)}")],
    )
    words = ["--nproc-per-node=4", "a b", "Bob's", "-m", "stages.train_diffusion"]
    assert json.loads((project / "out.json").read_text()) == [words, "content"]


def test_arguments_of_our_commands_know_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~kept").mkdir()
    words = {
        "~/a.mp4": "/home/me/a.mp4",
        "--keypoints=~/a.json": "/home/me/a.json",
        "~kept": "~kept",
        "--": "--",
        "": "",
    }
    for word, expanded in words.items():
        assert __main__._with_home(word).removeprefix("--keypoints=") == expanded
