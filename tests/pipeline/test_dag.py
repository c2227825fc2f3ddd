"""The shape of the DVC graph: stages, their dependencies and parameters, and how the stand-ins drop out."""

import dataclasses
import importlib
import re
import shutil
from pathlib import Path

import pytest
from helpers.projects import ROOT, copy_project, read_stages, run
from ruamel.yaml import YAML

from pace.pipeline import closure, params
from pace.setup import code_deps, presets
from pace.setup.code_deps import DVC_FILES

ROOT_STAGES = (
    "index", "decode", "keypoints", "lift", "energy", "embed_motion", "embed_visual", "mel", "train_vae", "latents",
    "train_diffusion", "sample", "evaluate", "report",
)  # fmt: skip
STAND_INS = {"synthesise": DVC_FILES[1], "pretrain_motion": DVC_FILES[2], "pretrain_visual": DVC_FILES[2]}


STAGES = {name: stage for file in DVC_FILES for name, stage in read_stages(file).items()}


def code_deps_of(stage: dict) -> list[str]:
    return [dep for dep in stage["deps"] if dep.startswith(("pace/", "stages/"))]


def test_stages_are_those_of_the_design():
    assert tuple(read_stages("dvc.yaml")) == ROOT_STAGES
    assert {name: file for file in DVC_FILES[1:] for name in read_stages(file)} == STAND_INS


@pytest.mark.long
def test_dvc_lists_every_stage(project):
    listed = run(project, "dvc", "stage", "list", "--all", "--name-only").split()
    assert sorted(name.split(":")[-1] for name in listed) == sorted([*ROOT_STAGES, *STAND_INS])


@pytest.mark.parametrize("name", STAGES)
def test_stage_is_described_and_run_by_its_script(name):
    assert STAGES[name]["desc"]
    launcher = "${train.launcher}" if name == "train_diffusion" else "python"
    assert STAGES[name]["cmd"] == f"{launcher} -m stages.{name}"
    assert (ROOT / "stages" / f"{name}.py").is_file()


def modules(dep: str) -> set[Path]:
    """The modules that a code dependency stands for."""
    paths = [ROOT / dep] if dep.endswith(".py") else (ROOT / dep).rglob("*.py")
    return {path.relative_to(ROOT) for path in paths if path.name != "__init__.py"}


@pytest.mark.long
@pytest.mark.parametrize("name", STAGES)
def test_code_deps_hold_the_closure_of_imports(name):
    """Those of a training hold nothing else, since a change of any of them starts it again."""
    named = set().union(*map(modules, code_deps_of(STAGES[name])))
    needed = set(closure.closure(f"stages.{name}"))
    assert needed <= named, f"run `make deps`; not in dvc.yaml: {sorted(map(str, needed - named))}"
    if name in code_deps.TRAININGS:
        assert named == needed, f"run `make deps`; too much in dvc.yaml: {sorted(map(str, named - needed))}"


@pytest.mark.parametrize("file", DVC_FILES)
def test_make_deps_has_nothing_to_write(file):
    text = (ROOT / file).read_text()
    assert code_deps.with_code_deps(text) == text, "run `make deps`"


@pytest.mark.parametrize("name", STAGES)
def test_params_are_those_the_script_loads(name):
    content = params.read(ROOT / "params.yaml")
    expected = set()
    for section, cls in getattr(importlib.import_module(f"stages.{name}"), "PARAMS", {}).items():
        keys = {field.name for field in dataclasses.fields(cls)}
        expected |= {section} if keys == set(content[section]) else {f"{section}.{key}" for key in keys}
    assert set(STAGES[name].get("params", [])) == expected


def test_only_the_loader_and_the_commands_read_params():
    for path in ROOT.glob("pace/**/*.py"):
        code = path.read_text()
        if path.name != "params.py" and "def add_arguments(" not in code:  # that is a command
            assert "params.read(" not in code and "params.load(" not in code, path


def test_no_root_stage_names_a_stand_in():
    for name, stage in read_stages("dvc.yaml").items():
        for dep in stage["deps"]:
            assert not dep.startswith(("data/synthetic", "models/pretrain")), f"{name}: {dep}"


def test_every_output_is_ignored_by_git_and_every_metric_is_not(project):
    for stage in STAGES.values():
        for out in stage.get("outs", []):
            assert run(project, "git", "check-ignore", "--no-index", f"{out}/x" if "." not in Path(out).name else out)
        for metric in stage.get("metrics", []):
            (name,) = metric
            assert metric[name] == {"cache": False}
            assert name not in run(project, "git", "ls-files", "--others", "--ignored", "--exclude-standard")


def test_presets_name_known_keys():
    for path in ROOT.glob("presets/*.yaml"):
        if path.name != "ablations.yaml":  # names of variants above the sections
            presets.load(path, ROOT / "params.yaml")


def test_params_yaml_is_complete_and_sound():
    from pace.setup.check import check

    content = params.read(ROOT / "params.yaml")
    assert {name: set(values) for name, values in content.items()} == check(content)


def upstream_of_report(project: Path) -> set[str]:
    """The stages that `dvc repro report` would look at."""
    return set(re.findall(r'"(?:[^":]*:)?(\w+)"', run(project, "dvc", "dag", "--dot", "report")))


@pytest.mark.long
def test_stand_ins_drop_out(tmp_path):
    """With a dataset and weights from elsewhere, no stand-in is left in the graph."""
    project = copy_project(tmp_path / "project")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("dance.mp4", "motion.bin", "visual.pt"):
        (elsewhere / name).write_bytes(b"x")
    shutil.copytree(project / "data/none", elsewhere / "none")
    assert upstream_of_report(project) == {*ROOT_STAGES, *STAND_INS}
    yaml = YAML()
    content = yaml.load((project / "params.yaml").read_text())
    content["dataset"]["root"] = str(elsewhere)
    content["dataset"]["truth"] = "data/none"
    content["dataset"]["annotations"] = content["dataset"]["split_lists"] = str(elsewhere / "none")
    content["lift"]["weights"] = content["embed_motion"]["weights"] = str(elsewhere / "motion.bin")
    content["visual"]["weights"] = str(elsewhere / "visual.pt")
    with open(project / "params.yaml", "w") as file:
        yaml.dump(content, file)
    assert upstream_of_report(project) == set(ROOT_STAGES)
