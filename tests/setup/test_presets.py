"""Presets: known keys, flags that survive the shell and DVC, writing, and what the paper's preset holds."""

import importlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.projects import ROOT, overridden

from pace import size
from pace.autoencoder.vae import AutoencoderKL
from pace.datasets import aistpp
from pace.datasets.index import clip_starts
from pace.diffusion.generator import build
from pace.pipeline import params
from pace.pipeline.params import ParamsError
from pace.setup import presets
from pace.setup.check import check
from pace.setup.official import OFFICIAL
from pace.setup.parameter_conflicts import find_conflicts

PARAMS = ROOT / "params.yaml"
NAMES = sorted(path.stem for path in ROOT.glob("presets/*.yaml") if path.name != "ablations.yaml")  # its layout differs
PAPER = ROOT / "presets/paper.yaml"
# Of the sections that make the networks and train them, what the preset need not hold: seeds, the split that gets
# music, and what it leaves unused.
OPEN = (
    "unet.align_", "train_diffusion.seed", "train_diffusion.steps", "train_vae.seed", "sample.seed", "sample.split",
    "sample.sigma_max", "train_diffusion.precision", "train_vae.precision", "sample.precision",
)  # fmt: skip
TEST_MUSIC = ("mBR0", "mPO1", "mLO2", "mMH3", "mLH4", "mHO5", "mWA0", "mKR2", "mJS3", "mJB5")


def preset_of(folder: Path, text: str) -> tuple[Path, Path]:
    """A preset with this text, and a params.yaml that has its keys."""
    (folder / "preset.yaml").write_text(text)
    (folder / "params.yaml").write_text("a: {b: 1, c: [x]}\n")
    return folder / "preset.yaml", folder / "params.yaml"


def project(folder: Path) -> Path:
    """What `python -m pace preset` reads."""
    shutil.copy(PARAMS, folder / "params.yaml")
    shutil.copytree(ROOT / "presets", folder / "presets")
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """params.yaml with the paper's preset written into it."""
    path = shutil.copy(PARAMS, tmp_path_factory.mktemp("paper") / "params.yaml")
    assert "vae.patch" in presets.write(PAPER, path)
    return path


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_preset_makes_sound_parameters(name):
    content = presets.with_preset(ROOT / "presets" / f"{name}.yaml", PARAMS)
    check(content)
    size.sizes(content)


def test_unknown_keys_and_strange_files_are_named(tmp_path):
    with pytest.raises(ParamsError, match=r"preset\.yaml: `a\.d` is not a key of .*params\.yaml"):
        presets.load(*preset_of(tmp_path, "a: {d: 1}\n"))
    with pytest.raises(ParamsError, match=r"`e\.b` is not a key"):
        presets.load(*preset_of(tmp_path, "e: {b: 1}\n"))
    with pytest.raises(ParamsError, match=r"`a` is \[1\]; expected a section"):
        presets.load(*preset_of(tmp_path, "a: [1]\n"))


def test_applied_leaves_the_files_alone(tmp_path):
    preset, path = preset_of(tmp_path, "a: {c: [y, z]}\n")
    before = path.read_text()
    assert presets.with_preset(preset, path) == {"a": {"b": 1, "c": ["y", "z"]}}
    assert path.read_text() == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_flags_survive_an_unquoted_substitution(name, shell, tmp_path):
    """Also in a folder with files that the list [all] would match as a pattern; and a later -S overrides an earlier."""
    folder = project(tmp_path)
    for letter in "atr16":
        (folder / letter).touch()
    command = f'printf "%s\\n" $({shlex.quote(sys.executable)} -m pace preset {name}) -S encoder.heads=8'
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    arguments = subprocess.run(
        [shell, "-c", command], cwd=folder, env=environment, text=True, capture_output=True, check=True
    ).stdout.splitlines()
    assert arguments == [*presets.flags(ROOT / "presets" / f"{name}.yaml", PARAMS), "-S", "encoder.heads=8"]
    expected = presets.with_preset(ROOT / "presets" / f"{name}.yaml", PARAMS)
    expected["encoder"]["heads"] = 8
    content = overridden(folder / "params.yaml", arguments)
    assert content == expected
    check(content)


@pytest.mark.parametrize(
    "value",
    ["true", "null", "1e-5", "12", "5hz", "a=b.pth", "~/videos", "it's", "dpm++2m", "x,y", "[x]", "{x}", "ä", ""],
)
def test_text_stays_text(value, tmp_path):
    preset, path = preset_of(tmp_path, "a: {b: 0, c: [0]}\n")
    preset.write_text(f"a: {{b: {value!r}, c: [{value!r}, plain]}}\n".replace('"', "'").replace("'it's'", '"it\'s"'))
    assert overridden(path, presets.flags(preset, path)) == {"a": {"b": value, "c": [value, "plain"]}}


@pytest.mark.parametrize("value", ["my videos", "*.mp4", "video?", "C:\\videos", "${HOME}/videos"])
def test_text_that_a_shell_would_change_is_refused(value, tmp_path):
    with pytest.raises(ParamsError, match=r"`a\.b`: .* cannot stand on a command line without quotes; .* --write"):
        presets.flags(*preset_of(tmp_path, f"a: {{b: '{value}'}}\n"))


def without_items(path: Path) -> list[str]:
    """The lines of a params.yaml but for the items of its lists, of which a preset may have more or fewer."""
    return [line for line in path.read_text().splitlines() if not line.startswith("  - ")]


def test_write_keeps_comments_and_order(written):
    changed = set()
    for old, new in zip(without_items(PARAMS), without_items(written), strict=True):
        assert old.partition("#")[2] == new.partition("#")[2]
        assert old.partition(":")[0] == new.partition(":")[0]
        changed |= {old.partition(":")[0].strip()} if old != new else set()
    assert {"root", "patch", "kl_weight", "align", "sampler"} <= changed
    assert params.read(written) == presets.with_preset(PAPER, PARAMS)
    assert presets.write(PAPER, written) == []


def test_an_override_of_dvc_changes_one_line(tmp_path):
    """params.yaml is written as DVC writes it, so that `dvc exp run -S encoder.heads=8` leaves the rest alone."""
    path = tmp_path / "params.yaml"
    path.write_bytes(PARAMS.read_bytes())
    overridden(path, ["-S", "encoder.heads=8"])
    pairs = list(zip(PARAMS.read_text().splitlines(), path.read_text().splitlines(), strict=True))
    assert [new.split("#")[0].strip() for old, new in pairs if old != new] == ["heads: 8"]


@pytest.mark.long
def test_every_stage_loads_the_papers_parameters(written):
    check(params.read(written))
    for script in sorted(ROOT.glob("stages/[a-z]*.py")):
        stage = importlib.import_module(f"stages.{script.stem}")
        sections = getattr(stage, "PARAMS", {})
        assert set(params.load(sections, written, getattr(stage, "PARTIAL", ()))) == set(sections)


@pytest.mark.long
def test_the_papers_parameters_go_together(written, tmp_path):
    content = params.read(written)
    values = {f"{section}.{key}": value for section, key, value in presets.flat(content)}
    assert list(find_conflicts(tmp_path, values)) == []
    stages = {
        name: importlib.import_module(f"stages.{name}").PARAMS for name in ("train_vae", "train_diffusion", "sample")
    }
    loaded = params.load({name: cls for sections in stages.values() for name, cls in sections.items()}, written)
    with torch.device("meta"):
        encoder, unet = build(loaded["encoder"], loaded["unet"], size.shape(content))
        vae = AutoencoderKL(loaded["vae"])
    assert encoder.context_width == 768 + 1024
    assert unet.align is None
    assert vae.decoder.conv_in.in_channels == 1


def test_guidance_and_no_dropped_conditions_do_not_go_together(tmp_path):
    values = {f"{section}.{key}": value for section, key, value in presets.flat(params.read(PARAMS))}
    assert values["sample.guidance"] != 1 and not list(find_conflicts(ROOT, values))
    (conflict,) = find_conflicts(ROOT, values | {"train_diffusion.drop": 0.0})
    assert (
        conflict.stops
        and conflict.key == "sample.guidance"
        and conflict.message == "1.5, but train_diffusion.drop is 0"
    )


def test_parameters_without_effect_are_told():
    values = {f"{section}.{key}": value for section, key, value in presets.flat(params.read(PARAMS))}
    (conflict,) = find_conflicts(ROOT, values | {"train_vae.steps": 10})
    assert conflict.stops and conflict.key == "train_vae.discriminator_start"
    no_weight = {"train_vae.adversarial_weight": 0.0, "train_vae.perceptual_weight": 0.0}
    assert not list(find_conflicts(ROOT, values | {"train_vae.steps": 10} | no_weight))
    whole = values | {"encoder.parts": "whole", "encoder.residual": False}
    (conflict,) = find_conflicts(ROOT, whole)
    assert not conflict.stops and conflict.key == "encoder.parts"
    for passing in ({"encoder.residual": True}, {"encoder.semantic": False}, {"encoder.energies": False}):
        assert not list(find_conflicts(ROOT, whole | passing))


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"heads": 5}, "heads", "5, which does not divide encoder.width 64"),
        ({"branches": "slow", "fusion": "concat"}, "fusion", "concat, but encoder.branches is slow"),
        ({"motion": False, "visual": False}, "align", "true, but encoder.motion and encoder.visual are false"),
        ({"energies": False, "branches": "slow"}, "branches", "slow, but encoder.energies is false"),
        ({"energies": False, "fusion": "concat"}, "fusion", "concat, but encoder.energies is false"),
        (
            {"energies": False, "semantic": False},
            "semantic",
            "false, as is encoder.energies, but encoder.motion is true",
        ),
    ],
)
def test_contradictions_of_the_encoder_are_told_before_a_stage_runs(changes, key, message):
    values = {f"{section}.{name}": value for section, name, value in presets.flat(params.read(PARAMS))}
    (conflict,) = find_conflicts(ROOT, values | {f"encoder.{name}": value for name, value in changes.items()})
    assert (conflict.stops, conflict.key, conflict.message) == (True, f"encoder.{key}", message)


def test_what_the_paper_says():
    paper = params.read(PAPER)
    says = {
        "dataset": {"name": "aistpp", "cameras": ["all"], "train_stride": 5, "eval_stride": 5, "truth": "data/none"},
        "keypoints": {"backend": "alphapose"},
        "embed_motion": {"input": "pose3d", "parts": "tokens"},
        "visual": {"short_side": 256, "crop": 224},
        "vae": {"patch": 1, "latent_channels": 1},
        "train_vae": {"adaptive": True, "adversarial_weight": 0.5, "kl_weight": 1e-6},
        "encoder": {
            "width": 768, "branches": "both", "fusion": "gate", "parts": "five", "pooling": "mean", "residual": False,
            "align": False, "motion": True, "visual": True, "energies": True, "semantic": True,
        },
        "train_diffusion": {"epochs": 200, "batch_size": 64, "objective": "epsilon", "min_snr": 0, "drop": 0},
        "sample": {"sampler": "ddpm", "steps": 1000, "guidance": 1},
    }  # fmt: skip
    for section, values in says.items():
        assert {key: paper[section][key] for key in values} == values


def test_the_paper_preset_stays_as_it_is():
    """A default that changes, or a new key, must not change the paper's networks and their training."""
    paper, defaults = params.read(PAPER), params.read(PARAMS)
    sections = "lift", "vae", "train_vae", "encoder", "unet", "train_diffusion", "sample", "vocoder", "evaluate"
    for section in sections:
        left = {f"{section}.{key}" for key in defaults[section] if key not in paper[section]}
        missing = sorted(key for key in left if not key.startswith(OPEN))
        assert not missing, f"give these keys the paper's values in presets/paper.yaml, or name them in OPEN: {missing}"


def test_weights_are_where_fetch_writes_them():
    paper = params.read(PAPER)
    sets = [OFFICIAL[name].sets for name in ("motionbert", "i3d", "vgg16", "lpips")]
    for key, value in ((key, value) for entry in sets for key, value in entry.items()):
        section, name = key.split(".")
        assert paper[section][name] == value, key


def test_clips_are_as_many_as_the_papers():
    """Nine cameras, sequences of 16 beats (basic) and 64 (advanced), cut by the preset's strides: 234 and 20,140."""
    dataset = params.read(PAPER)["dataset"]

    def clips(music: str, beats: int, stride: float) -> int:
        name = aistpp.parse_name(f"g{music[1:3]}_sBM_cAll_d01_{music}_ch01")
        return 9 * len(clip_starts(beats * 60 / name.bpm, stride))

    assert sum(2 * clips(music, 16, dataset["eval_stride"]) for music in TEST_MUSIC) == 234
    others = [f"{test[:3]}{piece}" for test in TEST_MUSIC for piece in range(6) if f"{test[:3]}{piece}" != test]
    # By genre the 980 sequences are 80 basic ones, 16 for each of five pieces, and 18 advanced ones.
    basic = sum(16 * clips(music, 16, dataset["train_stride"]) for music in others)
    advanced = sum(18 / 5 * clips(music, 64, dataset["train_stride"]) for music in others)
    assert basic + advanced == pytest.approx(20_140, rel=0.005)
