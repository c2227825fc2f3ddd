"""Copies of the project in temporary folders, commands run in them, and the stages of its dvc.yaml files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from pace.pipeline import params

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command in a folder with this interpreter's environment first on PATH; return its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "PACE_WORKERS")
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    env = {**inherited, "PATH": path, "GIT_CONFIG_NOSYSTEM": "1", **environment}
    done = subprocess.run(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout


def copy_project(folder: Path) -> Path:
    """A git repository in `folder` with the files that git tracks or would track here, in one commit."""
    listed = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    run(folder, "git", "init", "-q")
    run(folder, "git", "config", "user.name", "Test")
    run(folder, "git", "config", "user.email", "test@example.org")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "copy")
    return folder


def read_stages(file: str) -> dict:
    """The stages of one of the project's dvc.yaml files, name -> entry."""
    return YAML(typ="safe", pure=True).load((ROOT / file).read_text())["stages"]


def overridden(path: Path, arguments: list[str]) -> dict:
    """What `dvc exp run` with these arguments makes of a params.yaml."""
    from dvc.cli.parser import get_main_parser
    from dvc.utils.cli_parse import to_path_overrides
    from dvc.utils.hydra import apply_overrides, to_hydra_overrides

    parsed = get_main_parser().parse_args(["exp", "run", *arguments])
    (overrides,) = to_path_overrides(parsed.set_param).values()
    assert not any(override.is_sweep_override() for override in to_hydra_overrides(overrides))
    apply_overrides(path, overrides)
    return params.read(path)
