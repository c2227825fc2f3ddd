"""What an edited file makes DVC run again, and whether an interrupted training still finds its saved state."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from helpers.projects import copy_project, read_stages

from pace.pipeline import closure

pytestmark = pytest.mark.long

# The modules whose code decides what a training computes: part of the key of its saved state.
TRAINING_MODULES = {
    "train_vae": "pace.autoencoder_training.vae_training",
    "train_diffusion": "pace.diffusion_training.training",
}
STAGES = (*TRAINING_MODULES, "latents")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy in which DVC takes STAGES for done: their inputs and outputs are there, as dummies."""
    project = copy_project(tmp_path_factory.mktemp("reruns"))
    stages = read_stages("dvc.yaml")
    for stage in STAGES:
        (project / "models/vae").mkdir(parents=True, exist_ok=True)
        metrics = [name for metric in stages[stage].get("metrics", []) for name in metric]
        for name in (*stages[stage]["deps"], *stages[stage]["outs"], *metrics):
            path = project / name
            if not name.startswith("$") and not path.exists():
                file = path if path.suffix else path / "dummy"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("dummy")
    with pytest.MonkeyPatch.context() as patch, Repo(str(project)) as repo:
        patch.chdir(project)
        for stage in STAGES:
            repo.commit(stage, force=True)
    return project


@pytest.fixture
def changed(project, monkeypatch):
    """A function that adds a comment to a file: whether DVC then reruns a stage, and whether the code's digest differs.

    The digest is None for a stage that saves no state.
    """
    monkeypatch.chdir(project)
    monkeypatch.setattr(closure, "ROOT", project)

    def digest(stage: str) -> str | None:
        closure.direct_imports.cache_clear()
        return closure.code_digest(TRAINING_MODULES[stage]) if stage in TRAINING_MODULES else None

    def try_comment(stage: str, file: str) -> tuple[bool, bool]:
        path = project / file
        before, text = digest(stage), path.read_text()
        assert not reruns(stage)
        path.write_text(f"{text}# a comment\n")
        try:
            return reruns(stage), digest(stage) != before
        finally:
            path.write_text(text)

    yield try_comment
    closure.direct_imports.cache_clear()


def reruns(stage: str) -> bool:
    """Whether `dvc status` finds a change of the stage."""
    with Repo() as repo:
        return bool(repo.status(stage))


@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("train_diffusion", "pace/sampling/samplers.py"),
        ("train_diffusion", "pace/sampling/sampling.py"),
        ("train_diffusion", "pace/size.py"),
        ("train_diffusion", "pace/autoencoder/vae.py"),
        ("train_vae", "pace/autoencoder/inference.py"),
        ("train_vae", "pace/diffusion/unet.py"),
        ("latents", "pace/autoencoder_training/vae_training.py"),
        ("latents", "stages/train_vae.py"),
    ],
)
def test_code_that_a_stage_does_not_run_changes_nothing(changed, stage, file):
    assert changed(stage, file) == (False, False)


@pytest.mark.parametrize("stage", TRAINING_MODULES)
def test_a_changed_script_reruns_a_training_and_finds_its_saved_state(changed, stage):
    assert changed(stage, f"stages/{stage}.py") == (True, False)


@pytest.mark.parametrize(
    ("stage", "file"),
    [
        ("train_diffusion", "pace/diffusion/unet.py"),
        ("train_diffusion", "pace/conditioning/hsf_encoder.py"),
        ("train_diffusion", "pace/diffusion_training/training.py"),
        ("train_vae", "pace/autoencoder/vae.py"),
        ("train_vae", "pace/autoencoder_training/perceptual.py"),
    ],
)
def test_code_that_decides_the_result_restarts_a_training(changed, stage, file):
    assert changed(stage, file) == (True, True)


def test_latents_follow_the_autoencoder(changed):
    assert changed("latents", "pace/autoencoder/vae.py") == (True, False)


@pytest.mark.parametrize("stage", STAGES)
def test_compiled_code_does_not_count(project, monkeypatch, stage):
    """Dependencies are folders of code, in which every run leaves a `__pycache__`."""
    monkeypatch.chdir(project)
    folders = [project / dep for dep in read_stages("dvc.yaml")[stage]["deps"] if dep.startswith("pace/")]
    caches = [folder / "__pycache__" for folder in folders if folder.is_dir()]
    assert caches
    for cache in caches:
        cache.mkdir(exist_ok=True)
        (cache / "module.cpython-311.pyc").write_bytes(b"compiled")
    try:
        assert not reruns(stage)
    finally:
        for cache in caches:
            shutil.rmtree(cache)
