"""What runs change, share and need, by DVC's graph of a toy project and of this one."""

import os

import pytest
from helpers import toy_project as toy
from helpers.projects import ROOT

from pace.ablation import graph, variants
from pace.pipeline import params
from pace.setup import presets


def values_of(root):
    return {f"{section}.{key}": value for section, key, value in presets.flat(params.read(root / "params.yaml"))}


def run(**overrides):
    return variants.Run("v", 0, "test", {key.replace("__", "."): value for key, value in overrides.items()})


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    return toy.make(tmp_path_factory.mktemp("toy"))


def read(root):
    return graph.read(root, "evaluate", values_of(root))


@pytest.mark.long
def test_stages_come_upstream_first_with_their_inputs(toys):
    stage_graph = read(toys)
    assert list(stage_graph.stages) == ["prepare", "train", "evaluate"]
    assert stage_graph.stages["evaluate"].inputs == ("extra.txt", "stage.py")
    assert stage_graph.stages["evaluate"].upstream == ("train",)
    assert stage_graph.stages["train"].params == ("train",)
    assert list(graph.read(toys, "train", values_of(toys)).stages) == ["prepare", "train"]
    with pytest.raises(ValueError, match="no stage 'nemo'; stages: prepare, train, evaluate"):
        graph.read(toys, "nemo", {})


def test_a_run_changes_the_stages_that_read_its_parameters_and_all_after_them(toys):
    stage_graph = read(toys)
    assert set(stage_graph.changed(run(sample__steps=9))) == {"evaluate"}
    assert set(stage_graph.changed(run(train__width=9))) == {"train", "evaluate"}
    assert stage_graph.changed(run(train__width=1, sample__split="test")) == {}  # as in params.yaml
    assert stage_graph.common([run(sample__steps=9), run(train__width=9)]) == ["prepare"]
    assert stage_graph.common([run(sample__steps=9)]) == ["prepare", "train"]
    assert stage_graph.last_stages(["prepare", "train"]) == ["train"]
    one, other = run(train__width=9, sample__steps=3), run(train__width=9, sample__steps=4)
    assert stage_graph.changed(one)["train"] == stage_graph.changed(other)["train"]
    assert stage_graph.changed(one)["evaluate"] != stage_graph.changed(other)["evaluate"]


def test_fingerprint_follows_parameters_code_and_inputs(toys):
    first = read(toys).fingerprint(run())
    assert read(toys).fingerprint(run()) == first
    assert read(toys).fingerprint(run(train__width=1)) == first
    assert read(toys).fingerprint(run(train__width=2)) != first
    os.utime(toys / "stage.py", (1, 1))
    assert read(toys).fingerprint(run()) == first  # of tracked files the content counts
    unread = graph.read(toys, "evaluate", values_of(toys) | {"report.clips": 9})
    assert unread.fingerprint(run(report__clips=8)) == first
    for name in ("stage.py", "raw.txt"):
        before, stamp = (toys / name).read_text(), (toys / name).stat()
        (toys / name).write_text(before + "\n")
        assert read(toys).fingerprint(run()) != first, name
        (toys / name).write_text(before)
        os.utime(toys / name, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert read(toys).fingerprint(run()) == first, name


def test_ignored_inputs_are_copied(toys, tmp_path):
    stage_graph = read(toys)
    assert stage_graph.inputs_to_copy(["prepare", "evaluate"]) == ["extra.txt", "raw.txt"]
    assert stage_graph.inputs_to_copy(["evaluate"]) == ["extra.txt"]
    outside = graph.Graph(toys, "a", {"a": graph.Stage("a", "x", (), (str(tmp_path),), ())}, {})
    assert outside.inputs_to_copy(["a"]) == []
    relative = graph.Graph(toys, "a", {"a": graph.Stage("a", "x", (), ("../far",), ())}, {})
    with pytest.raises(ValueError, match=r"\.\./far is outside the project: give its absolute path"):
        relative.inputs_to_copy(["a"])


@pytest.mark.long
def test_this_project(project):
    """Variants of the encoder share all up to the latents, those of sampling the trained model too."""
    catalogue = variants.parse(params.read(ROOT / "presets/ablations.yaml"), "")
    stage_graph = graph.read(project, catalogue.target, values_of(project))
    assert "report" not in stage_graph.stages and "models/pretrain/dvc.yaml:pretrain_motion" in stage_graph.stages

    def common(*names, **wanted):
        return stage_graph.common(catalogue.runs(catalogue.choose(names, **wanted)))

    encoders = common("table2", split="test")
    assert "latents" in encoders and "train_diffusion" not in encoders
    assert set(stage_graph.last_stages(encoders)) == {"embed_motion", "embed_visual", "energy", "latents"}
    assert "train_diffusion" in common("guidance", seeds=(0,))
    assert "sample" not in common("guidance", seeds=(0,))
    runs = catalogue.runs(catalogue.choose(["guidance"]))
    trainings = {key for run in runs if (key := stage_graph.changed(run).get("train_diffusion"))}
    assert len(runs) == 15 and len(trainings) == 2  # seed 0 is that of params.yaml
    assert stage_graph.inputs_to_copy(stage_graph.stages) == []
