"""The doctor on good and bad set-ups: what it finds, the consequences it names, and that no fault makes it fail."""

import copy
import functools
import hashlib
import json

import pandas as pd
import pytest
import torch
from helpers import layouts
from helpers.projects import ROOT, run
from safetensors.torch import save_file

from pace import __main__
from pace.motion.dstformer import DSTformer
from pace.pipeline import params
from pace.setup import check, doctor, doctor_environment, official
from pace.setup.code_deps import DVC_FILES
from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding, Setup, check_path
from pace.setup.official import Official, OfficialFile
from pace.visual.i3d import I3D

CONTENT = params.read(ROOT / "params.yaml")


@pytest.fixture
def root(tmp_path):
    """A folder with the project's own dvc.yaml files and requirements, nothing computed in it."""
    for name in (*DVC_FILES, "requirements.txt", ".dvc/config", "data/none/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    run(tmp_path, "git", "init", "-q")
    return tmp_path


def look(root, **changes) -> dict[str, list[Finding]]:
    """Items by name; changes: section__key=value."""
    content = copy.deepcopy(CONTENT)
    for key, value in changes.items():
        section, name = key.split("__")
        content[section][name] = value
    findings: dict[str, list[Finding]] = {}
    for finding in doctor.examine(root, lambda: content, lambda _: None):
        findings.setdefault(finding.name, []).append(finding)
    return findings


def one(findings: dict, name: str) -> Finding:
    (finding,) = findings[name]
    return finding


def failed(findings: dict) -> list[str]:
    return [name for name, group in findings.items() if any(finding.state == FAIL for finding in group)]


def dstformer(path, **sizes):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(DSTformer(**{"dim_feat": 16, "mlp_ratio": 2, "depth": 1, **sizes}).state_dict(), path)
    return str(path)


@pytest.mark.long
def test_a_fresh_clone_can_run(project):
    out = run(project, "python", "-m", "pace", "doctor")  # exit status 0
    assert "The pipeline can run." in out and "FAIL" not in out
    assert "ok    params.yaml " in out
    for key in ("lift.weights", "embed_motion.weights"):
        assert f"ok    {key} " in out
    assert "models/pretrain/motion.safetensors, not built yet -> created by `dvc repro` (stage pretrain_motion)" in out
    assert "not trained -> `dvc repro` trains it; compose needs it" in out


def test_a_broken_set_up_ends_with_status_1(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(params, "read", functools.partial(params.read, project / "nowhere.yaml"))
    with pytest.raises(SystemExit) as ended:
        __main__.main(["doctor"])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "nowhere.yaml: no such file" in out
    assert "The pipeline cannot run with the current params.yaml: 1 problem marked FAIL." in out
    assert "ok    DVC cache" in out  # the other checks ran


def test_report_is_aligned_one_line_each():
    findings = [Finding("ok", "a", "one"), Finding("FAIL", "longer", "two", "three")]
    assert doctor.report(findings).splitlines() == [
        "ok    a       one",
        "FAIL  longer  two -> three",
        "The pipeline cannot run with the current params.yaml: 1 problem marked FAIL.",
    ]


def test_missing_inputs_stop_the_pipeline(root):
    findings = look(root, dataset__root="/nowhere/aist", visual__weights="gone.pt", keypoints__source="")
    assert set(failed(findings)) == {"dataset.root", "visual.weights", "keypoints.source"}
    assert "/nowhere/aist does not exist" in one(findings, "dataset.root").message
    assert "correct params.yaml" in one(findings, "visual.weights").consequence


def test_dataset_and_index_are_counted(root):
    videos = root / "linked/deep"
    videos.mkdir(parents=True)
    for name in ("a.m4v", "b.MOV", "c.txt", ".hidden.mp4"):
        (videos / name).touch()
    (root / "videos").mkdir()
    (root / "videos/link").symlink_to(root / "linked")
    (root / "data/index").mkdir(parents=True)
    pd.DataFrame({"split": ["train"] * 3 + ["test"]}).to_parquet(root / "data/index/videos.parquet")
    pd.DataFrame({"split": ["train"] * 9 + ["test"] * 2}).to_parquet(root / "data/index/clips.parquet")
    findings = look(root, dataset__root="videos", dataset__name="folder")
    assert one(findings, "dataset.root").message == "folder, videos: 2 videos"
    assert one(findings, "data/index").message == "4 videos (3 train, 1 test); 11 clips (9 train, 2 test)"
    (root / "data/index/clips.parquet").write_bytes(b"broken")
    findings = look(root, dataset__root="data/none")
    assert one(findings, "dataset.root").state == FAIL and "no video in it" in one(findings, "dataset.root").message
    assert one(findings, "data/index").state == NOTE and "cannot be read" in one(findings, "data/index").message


def test_the_lite_network_in_place_of_the_full_one_is_reported(root):
    for name in ("motionbert", "motionbert-lite"):
        place = root / "models/official" / official.OFFICIAL[name].sets["lift.weights"].removeprefix("models/official/")
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model_pos": layouts.flat(layouts.dstformer(256, 4))}, place)
        findings = look(root, lift__weights=str(place.relative_to(root)))["lift.weights"]
        assert ("not the full network of motionbert" in findings[0].message) == (name == "motionbert")


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("synthetic", None, "videos.csv: no such file"),
        ("tiktok", None, "none of its 1 videos is named as TikTok's"),
        ("aistpp", None, "no video for dataset.name aistpp: 1 files not named"),
        ("folder", "video\nmine.mp4\n", "no column 'file'; its columns are video"),
    ],
)
def test_a_dataset_that_is_not_what_its_name_says(root, name, table, message):
    (root / "mine").mkdir()
    (root / "mine/mine.mp4").touch()
    (root / "annotations/splits").mkdir(parents=True)
    (root / "annotations/ignore_list.txt").touch()
    for split in ("train", "val", "test"):
        sequence = "gBR_sBM_cAll_d04_mBR0_ch01"
        (root / f"annotations/splits/crossmodal_{split}.txt").write_text(f"{sequence}\n" if split == "train" else "")
    if table:
        (root / "mine/videos.csv").write_text(table)
    findings = look(root, dataset__name=name, dataset__root="mine", dataset__annotations="annotations")
    finding = one(findings, "dataset.root")
    assert finding.state == FAIL and message in finding.message and finding.consequence == "the stage index fails"
    file = look(root, dataset__name=name, dataset__root="mine/mine.mp4", dataset__annotations="annotations")
    assert "mine.mp4: no such folder" in one(file, "dataset.root").message


def test_networks_and_their_origins_are_named(root, monkeypatch):
    dstformer(root / "models/pretrain/motion.safetensors", dim_feat=48)
    torch.save({"model_pos": layouts.flat(layouts.dstformer(256, 4))}, root / "lite.bin")
    torch.save(layouts.flat(layouts.i3d()), root / "rgb.pt")
    table = {
        "motionbert-lite": one_file(root / "lite.bin", {"lift.weights": "x/lite.bin", "lift.root": "global"}),
        "i3d": one_file(root / "rgb.pt", {"visual.weights": "x/rgb.pt", "visual.crop": 224, "visual.short_side": 256}),
    }
    for name, entry in table.items():
        monkeypatch.setitem(official.OFFICIAL, name, entry)
    findings = look(root, lift__weights="lite.bin", visual__weights="rgb.pt", visual__crop=224)
    assert not failed(findings)
    assert one(findings, "lift.weights").message.startswith(
        "DSTformer, the lite network (dim_feat 256, mlp_ratio 4); official (motionbert-lite), sha256 matches"
    )
    assert "other sizes" in one(findings, "embed_motion.weights").message
    assert "dim_feat 48" in one(findings, "embed_motion.weights").message
    assert "stand-in from stage pretrain_motion" in one(findings, "embed_motion.weights").message
    assert one(findings, "visual.weights").message.startswith(
        "I3D of width 1, 400 classes; official (i3d), sha256 matches"
    )
    # Only settings that do not suit the official file are reported.
    assert one(findings, "lift.root").consequence == "lite.bin is meant for lift.root: global"
    assert one(findings, "visual.short_side").state == NOTE
    assert "visual.crop" not in findings


def one_file(path, sets) -> Official:
    content = path.read_bytes()
    file = OfficialFile(path.name, "https://example.org", hashlib.sha256(content).hexdigest(), len(content))
    return Official("a test", "none", (file,), sets)


def test_a_file_like_an_official_one_with_another_sha256_is_reported(root):
    torch.save(layouts.flat(layouts.dstformer(512, 2)), root / "full.bin")
    finding = one(look(root, lift__weights="full.bin"), "lift.weights")
    assert "the full network" in finding.message and "sha256 of no known official file" in finding.message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\nsize 64099897\n", "Git LFS pointer to a file of 64,099,897"),
        (b"PK\x03\x04 cut", "damaged or cut short"),
        (b"", "empty"),
    ],
)
def test_unusable_weights_stop_the_pipeline_and_nothing_else(root, content, message):
    (root / "w.bin").write_bytes(content)
    findings = look(root, lift__weights="w.bin", visual__weights="w.bin")
    assert set(failed(findings)) == {"lift.weights", "visual.weights"}
    assert message in one(findings, "lift.weights").message
    assert one(findings, "free disk").message.endswith("GB")


def test_weights_of_another_network_are_refused(root):
    save_file(I3D(1 / 16, classes=5).state_dict(), root / "i3d.safetensors")
    torch.save(layouts.flat(layouts.i3d(inputs=2)), root / "flow.pt")
    findings = look(root, lift__weights="i3d.safetensors", visual__weights="flow.pt")
    assert "not a DSTformer" in one(findings, "lift.weights").message
    assert "optical flow" in one(findings, "visual.weights").message
    assert set(failed(findings)) == {"lift.weights", "visual.weights"}


def test_audio_networks(root):
    for name in ("vggish", "cnn14", "clap"):
        finding = one(look(root), f"evaluate.{name}_weights")
        assert (finding.state, finding.consequence) == (OK, "its Frechet distance is not computed")
    save_file({"conv_block1.conv1.weight": torch.ones(1)}, root / "other.safetensors")
    finding = one(look(root, evaluate__vggish_weights="other.safetensors"), "evaluate.vggish_weights")
    assert finding.state == FAIL and "not the weights of VGGish" in finding.message


def test_lpips_weights(root):
    finding = one(look(root), "train_vae.lpips_weights")
    assert finding.consequence == "the VAE's perceptual loss is feature matching"
    folder = root / "lpips"
    folder.mkdir()
    torch.save(layouts.flat(layouts.lpips_heads()), folder / "vgg.pth")
    finding = one(look(root, train_vae__lpips_weights="lpips"), "train_vae.lpips_weights")
    assert finding.state == FAIL and "no VGG-16 weights" in finding.message
    vgg = {key: shape for key, shape in layouts.vgg16().items() if key.startswith("features.")}
    torch.save(layouts.flat(vgg), folder / "vgg16.pth")
    findings = look(root, train_vae__lpips_weights="lpips")["train_vae.lpips_weights"]
    assert [finding.state for finding in findings] == ["ok", "ok"]
    assert [finding.message.split(";")[0] for finding in findings] == ["LPIPS heads", "VGG-16"]


@pytest.mark.parametrize(
    ("value", "message", "consequence"),
    [
        ("~/videos", "`~` and variables are not expanded here", "write the whole path, /home/me/videos"),
        ("$HOME/videos", "`~` and variables are not expanded here", "write the whole path, /home/me/videos"),
        ("videos ", "ends with a space", "remove it"),
        ("C:\\dances\\a", "a path of Windows", "in WSL it is /mnt/c/dances/a"),
        ("data\\none", "a backslash separates no folders", "write data/none"),
        ("'/data/dances'", "has quotes of its own", "remove the inner or the outer ones"),
        ("s3://bucket/videos", "is an address", "download it"),
        ("videos.dvc", "DVC keeps for itself", "rename it"),
    ],
)
def test_paths_that_cannot_be_meant_so(root, value, message, consequence, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    finding = one(look(root, dataset__root=value), "dataset.root")
    assert finding.state == FAIL and message in finding.message and consequence in finding.consequence
    content = copy.deepcopy(CONTENT)
    content["dataset"]["root"] = value
    with pytest.raises(params.ParamsError, match=r"^params.yaml: `dataset.root`: ") as error:
        check.check_inputs(root, content)
    assert message in str(error.value) and consequence in str(error.value)


@pytest.mark.parametrize("name", ["~", "$HOME", "a ", "dances (2024)", "Bob's dances", "50 %", "a#b", "C:\\x", "ä"])
def test_folders_with_odd_names_are_taken(root, name):
    (root / name).mkdir()
    (root / name / "a.mp4").touch()
    content = copy.deepcopy(CONTENT)
    content["dataset"] |= {"root": name, "name": "folder"}
    check.check_inputs(root, content)
    assert one(look(root, dataset__root=name, dataset__name="folder"), "dataset.root").state == OK


def test_a_relative_path_out_of_the_project(root):
    (root / "inner").mkdir()
    (root / "w.json").touch()
    finding = check_path(Setup(root / "inner", {"a": {"b": "../w.json"}}, {}, ("a.b",), ()), "a.b")
    assert finding.state == NOTE and "`--temp`" in finding.consequence


@pytest.mark.parametrize(
    ("launcher", "message"),
    [
        ("python", None),
        ("torchrun --nproc-per-node=4", None),
        ("OMP_NUM_THREADS=2 srun --export=ALL,A=1 '/opt/my env/bin/python'", None),
        ("'/opt/Bob\\'s/python'", "is not a command (no closing quotation)"),
        ("/opt/Bob's/python", "is not a command (no closing quotation)"),
        ("python \\", "is not a command (no escaped character)"),
        ("", "is empty"),
        (" ", "is empty"),
        ("python # four GPUs", "ends the command before"),
        ("python\n", "ends the command before"),
    ],
)
def test_launchers(root, launcher, message):
    content = copy.deepcopy(CONTENT)
    content["train"]["launcher"] = launcher
    if message is None:
        check.check_inputs(root, content)
        return
    with pytest.raises(params.ParamsError, match=r"`train\.launcher`") as error:
        check.check_inputs(root, content)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("changes", "key", "state", "message"),
    [
        ({"dataset__name": "aistpp"}, "dataset.annotations", "FAIL", "dataset.name: aistpp has no splits"),
        (
            {"dataset__name": "aistpp", "dataset__annotations": "some"},
            "dataset.annotations",
            "FAIL",
            "no folder splits",
        ),
        ({"dataset__name": "aistpp", "dataset__split_lists": "some"}, "dataset.annotations", "ok", "not used"),
        ({"lift__source": "aistpp"}, "lift.source", "FAIL", "dataset.annotations is not set"),
        ({"keypoints__backend": "alphapose"}, "keypoints.source", "FAIL", "data/decoded has no result files"),
        (
            {"keypoints__backend": "alphapose", "keypoints__source": "some"},
            "keypoints.source",
            "FAIL",
            "no result files",
        ),
        ({"keypoints__backend": "aistpp", "keypoints__source": "some"}, "keypoints.source", "FAIL", "keypoints2d"),
        ({"keypoints__source": "some"}, "keypoints.source", "FAIL", "some has no mp4 files"),
        ({"keypoints__backend": "rtmpose"}, "keypoints.rtmpose_det", "note", "not set"),
        ({"dataset__root": "some"}, "dataset.truth", "note", "the truth of another dataset"),
    ],
)
def test_settings_that_conflict(root, changes, key, state, message):
    (root / "some").mkdir()
    (root / "some/video.m4v").touch()
    findings = look(root, **changes)[key]
    assert any(finding.state == state and message in finding.message for finding in findings), findings
    assert all(finding.state == "ok" for finding in look(root).get(key, []))


def test_a_damaged_official_file_is_not_taken_for_the_official_one(root):
    place = root / "models/official/i3d/rgb_imagenet.pt"
    place.parent.mkdir(parents=True)
    torch.save(layouts.flat(layouts.i3d()), place)
    finding = one(look(root, visual__weights=str(place.relative_to(root))), "visual.weights")
    assert finding.state == NOTE and "its sha256 is not that of official i3d" in finding.message
    assert "python -m pace fetch i3d" in finding.consequence
    pose = root / "models/official/motionbert/pose3d.bin"  # no sha256 of it is published
    pose.parent.mkdir()
    torch.save({"model_pos": layouts.flat(layouts.dstformer(512, 2))}, pose)
    findings = look(root, lift__weights=str(pose.relative_to(root)), lift__root="global")
    assert "as fetched (motionbert), no published sha256 to compare with" in one(findings, "lift.weights").message
    assert one(findings, "lift.root").consequence == "motionbert/pose3d.bin is meant for lift.root: relative"


def test_onnx_files_are_recognised(root):
    (root / "page.onnx").write_text("<!doctype html><html>")
    (root / "net.onnx").write_bytes(b"\x08\x07" + bytes(100))
    save_file(I3D(1 / 16, classes=5).state_dict(), root / "i3d.safetensors")
    findings = look(root, keypoints__rtmpose_det="page.onnx", keypoints__rtmpose_pose="net.onnx")
    assert failed(findings) == ["keypoints.rtmpose_det"]
    assert "a web page" in one(findings, "keypoints.rtmpose_det").message
    findings = look(root, keypoints__rtmpose_det="i3d.safetensors", visual__weights="net.onnx")
    assert set(failed(findings)) == {"keypoints.rtmpose_det", "visual.weights"}


def test_packages_and_backends(root, monkeypatch):
    versions = {"torch": "2.13.0+cpu", "numpy": "1.0"}
    monkeypatch.setattr(doctor_environment, "installed_version", versions.get)
    (root / "requirements.txt").write_text("torch==2.13.0\nnumpy==2.4.6  # x\nabsent-one==1.0\n# comment==1\n")
    findings = look(root)
    assert one(findings, "packages").message == "1 of 3 have the version that requirements.txt pins"
    numpy = one(findings, "numpy")
    assert (numpy.state, numpy.message) == (NOTE, "1.0, but requirements.txt pins 2.4.6")
    assert set(failed(findings)) == {"absent-one", "mediapipe"}
    assert "which is set" in one(findings, "mediapipe").consequence
    findings = look(root, keypoints__backend="rtmpose")
    assert set(failed(findings)) == {"absent-one", "rtmlib", "onnxruntime"}
    assert one(findings, "transformers").state == NOTE
    versions |= {"mediapipe": "0.10.35", "torch": "2.13.0"}
    (root / "requirements-mediapipe.txt").write_text("mediapipe==0.10.21\n")
    assert one(look(root), "mediapipe").message == "0.10.35, but the requirements pin 0.10.21"
    monkeypatch.setenv("PACE_DASK", "tcp://127.0.0.1:1")
    assert "distributed" in failed(look(root))


def test_trained_models_and_cache(root):
    (root / "models/vae").mkdir(parents=True)
    (root / "models/vae/vae.safetensors").write_bytes(b"x")
    assert one(look(root), "models/vae").state == NOTE  # without its config.json it is of no use
    (root / "models/vae/config.json").write_text(json.dumps({}))
    (root / ".dvc/config").write_text("[cache]\n    dir = ../shared-cache\n")
    (root / "shared-cache/files").mkdir(parents=True)
    (root / "shared-cache/files/one").write_bytes(bytes(300_000_000 // 1000))
    findings = look(root)
    assert one(findings, "models/vae").message == "trained (vae.safetensors)"
    assert "1 files, 0.0 GB" in one(findings, "DVC cache").message and not one(findings, "DVC cache").consequence


def test_broken_dvc_files_stop_the_pipeline(root):
    (root / "dvc.yaml").write_text("stages: [")
    (root / "models/pretrain/dvc.yaml").unlink()
    findings = look(root)
    assert "DVC" in failed(findings)
    message = one(findings, "DVC").message
    assert "dvc.yaml" in message and "models/pretrain/dvc.yaml is missing" in message


def test_a_failing_check_does_not_stop_the_others(root, monkeypatch):
    def devices(_):
        raise RuntimeError("driver mismatch\nmore")

    checks = [(name, devices if name == "devices" else function, needed) for name, function, needed in doctor.CHECKS]
    monkeypatch.setattr(doctor, "CHECKS", checks)
    (root / "requirements.txt").unlink()
    findings = look(root, lift__weights=None, visual__weights=7)
    assert one(findings, "devices").message == "could not be checked: driver mismatch"
    assert {"packages", "devices", "lift.weights", "visual.weights"} == set(failed(findings))
    assert "free disk" in findings


def test_wrong_params_are_reported_and_the_rest_is_checked(root):
    content = copy.deepcopy(CONTENT) | {"odd": 3}

    def check(_):
        raise params.ParamsError("section `odd` is unknown")

    findings = doctor.examine(root, lambda: content, check)
    assert [(finding.name, finding.message) for finding in doctor.failures(findings)] == [
        ("params.yaml", "section `odd` is unknown")
    ]
    assert any(finding.name == "lift.weights" for finding in findings)
