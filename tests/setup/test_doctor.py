"""The doctor on good and bad set-ups: what it finds, what it says follows, and that nothing bad makes it fall."""

import copy
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
from pace.setup import doctor, official
from pace.setup.official import Official, OfficialFile
from pace.visual.i3d import I3D

CONTENT = params.read(ROOT / "params.yaml")


@pytest.fixture
def root(tmp_path):
    """A folder with the project's own dvc.yaml files and requirements, nothing computed in it."""
    for name in (*doctor.DVC_FILES, "requirements.txt", ".dvc/config", "data/none/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def look(root, **changes) -> dict[str, list[doctor.Item]]:
    """Items by name; changes: section__key=value."""
    content = copy.deepcopy(CONTENT)
    for key, value in changes.items():
        section, name = key.split("__")
        content[section][name] = value
    found: dict[str, list[doctor.Item]] = {}
    for item in doctor.examine(root, lambda: content, lambda _: None):
        found.setdefault(item.name, []).append(item)
    return found


def one(found: dict, name: str) -> doctor.Item:
    (item,) = found[name]
    return item


def failed(found: dict) -> list[str]:
    return [name for name, items in found.items() if any(item.state == doctor.FAIL for item in items)]


def dstformer(path, **sizes):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(DSTformer(**{"dim_feat": 16, "mlp_ratio": 2, "depth": 1, **sizes}).state_dict(), path)
    return str(path)


def test_a_fresh_clone_can_run(project):
    out = run(project, "python", "-m", "pace", "doctor")  # exit status 0
    assert "The pipeline can run." in out and "FAIL" not in out
    assert "ok    params.yaml " in out
    for key in ("lift.weights", "embed_motion.weights"):
        assert f"ok    {key} " in out
    assert "models/pretrain/motion.safetensors, not made yet -> `dvc repro` makes it (stage pretrain_motion)" in out
    assert "not trained -> `dvc repro` trains it; compose needs it" in out


def test_a_broken_set_up_ends_with_status_1(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setattr(__main__, "PARAMS", project / "nowhere.yaml")
    with pytest.raises(SystemExit) as ended:
        __main__.main(["doctor"])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "nowhere.yaml: no such file" in out
    assert "The configured pipeline cannot run: 1 item(s) marked FAIL." in out
    assert "ok    DVC cache" in out  # and went on


def test_report_is_aligned_one_line_each():
    items = [doctor.Item("ok", "a", "one"), doctor.Item("FAIL", "longer", "two", "three")]
    assert doctor.report(items).splitlines() == [
        "ok    a       one",
        "FAIL  longer  two -> three",
        "The configured pipeline cannot run: 1 item(s) marked FAIL.",
    ]


def test_missing_inputs_stop_the_pipeline(root):
    found = look(root, dataset__root="/nowhere/aist", visual__weights="gone.pt", keypoints__source="")
    assert set(failed(found)) == {"dataset.root", "visual.weights", "keypoints.source"}
    assert "/nowhere/aist does not exist" in one(found, "dataset.root").found
    assert "correct params.yaml" in one(found, "visual.weights").follows


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
    found = look(root, dataset__root="videos", dataset__name="folder")
    assert one(found, "dataset.root").found == "folder, videos: 2 videos"
    assert one(found, "data/index").found == "4 videos (3 train, 1 test); 11 clips (9 train, 2 test)"
    (root / "data/index/clips.parquet").write_bytes(b"broken")
    found = look(root, dataset__root="data/none")
    assert one(found, "dataset.root").state == doctor.FAIL and "no video in it" in one(found, "dataset.root").found
    assert one(found, "data/index").state == doctor.NOTE and "cannot be read" in one(found, "data/index").found


def test_the_lite_network_in_place_of_the_full_one_is_said(root):
    for name in ("motionbert", "motionbert-lite"):
        place = root / "models/official" / official.OFFICIAL[name].sets["lift.weights"].removeprefix("models/official/")
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model_pos": layouts.flat(layouts.dstformer(256, 4))}, place)
        found = [item.found for item in look(root, lift__weights=str(place.relative_to(root)))["lift.weights"]]
        assert ("not the full network of motionbert" in found[0]) == (name == "motionbert")


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
    found = look(root, dataset__name=name, dataset__root="mine", dataset__annotations="annotations")
    item = one(found, "dataset.root")
    assert item.state == doctor.FAIL and message in item.found and item.follows == "the stage index stops"
    file = look(root, dataset__name=name, dataset__root="mine/mine.mp4", dataset__annotations="annotations")
    assert "mine.mp4: no such folder" in one(file, "dataset.root").found


def test_networks_are_named(root, monkeypatch):
    dstformer(root / "models/pretrain/motion.safetensors", dim_feat=48)
    torch.save({"model_pos": layouts.flat(layouts.dstformer(256, 4))}, root / "lite.bin")
    torch.save(layouts.flat(layouts.i3d()), root / "rgb.pt")
    table = {
        "motionbert-lite": one_file(root / "lite.bin", {"lift.weights": "x/lite.bin", "lift.root": "global"}),
        "i3d": one_file(root / "rgb.pt", {"visual.weights": "x/rgb.pt", "visual.crop": 224, "visual.short_side": 256}),
    }
    for name, entry in table.items():
        monkeypatch.setitem(official.OFFICIAL, name, entry)
    found = look(root, lift__weights="lite.bin", visual__weights="rgb.pt", visual__crop=224)
    assert not failed(found)
    assert one(found, "lift.weights").found.startswith(
        "DSTformer, the lite network (dim_feat 256, mlp_ratio 4); official (motionbert-lite), sha256 right"
    )
    assert "other sizes" in one(found, "embed_motion.weights").found
    assert "dim_feat 48" in one(found, "embed_motion.weights").found
    assert "stand-in of stage pretrain_motion" in one(found, "embed_motion.weights").found
    assert one(found, "visual.weights").found.startswith("I3D of width 1, 400 classes; official (i3d), sha256 right")
    # Settings that do not go with the official file are noted, those that do are not.
    assert one(found, "lift.root").follows == "lite.bin was made for lift.root: global"
    assert one(found, "visual.short_side").state == doctor.NOTE
    assert "visual.crop" not in found


def one_file(path, sets) -> Official:
    content = path.read_bytes()
    file = OfficialFile(path.name, "https://example.org", hashlib.sha256(content).hexdigest(), len(content))
    return Official("a test", "none", (file,), sets)


def test_an_unknown_official_looking_file_is_said_to_be_unknown(root):
    torch.save(layouts.flat(layouts.dstformer(512, 2)), root / "full.bin")
    item = one(look(root, lift__weights="full.bin"), "lift.weights")
    assert "the full network" in item.found and "sha256 of no known official file" in item.found


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
    found = look(root, lift__weights="w.bin", visual__weights="w.bin")
    assert set(failed(found)) == {"lift.weights", "visual.weights"}
    assert message in one(found, "lift.weights").found
    assert one(found, "free disk").found.endswith("GB")


def test_the_wrong_network_in_a_place(root):
    save_file(I3D(1 / 16, classes=5).state_dict(), root / "i3d.safetensors")
    torch.save(layouts.flat(layouts.i3d(inputs=2)), root / "flow.pt")
    found = look(root, lift__weights="i3d.safetensors", visual__weights="flow.pt")
    assert "not a DSTformer" in one(found, "lift.weights").found
    assert "optical flow" in one(found, "visual.weights").found
    assert set(failed(found)) == {"lift.weights", "visual.weights"}


def test_audio_networks(root):
    for name in ("vggish", "cnn14", "clap"):
        item = one(look(root), f"evaluate.{name}_weights")
        assert (item.state, item.follows) == (doctor.OK, "its Frechet distance is not computed")
    save_file({"conv_block1.conv1.weight": torch.ones(1)}, root / "other.safetensors")
    item = one(look(root, evaluate__vggish_weights="other.safetensors"), "evaluate.vggish_weights")
    assert item.state == doctor.FAIL and "not the weights of VGGish" in item.found


def test_lpips_weights(root):
    item = one(look(root), "train_vae.lpips_weights")
    assert item.follows == "the VAE's perceptual loss is feature matching"
    folder = root / "lpips"
    folder.mkdir()
    torch.save(layouts.flat(layouts.lpips_heads()), folder / "vgg.pth")
    item = one(look(root, train_vae__lpips_weights="lpips"), "train_vae.lpips_weights")
    assert item.state == doctor.FAIL and "no VGG-16 weights" in item.found
    vgg = {key: shape for key, shape in layouts.vgg16().items() if key.startswith("features.")}
    torch.save(layouts.flat(vgg), folder / "vgg16.pth")
    items = look(root, train_vae__lpips_weights="lpips")["train_vae.lpips_weights"]
    assert [item.state for item in items] == ["ok", "ok"]
    assert [item.found.split(";")[0] for item in items] == ["LPIPS heads", "VGG-16"]


@pytest.mark.parametrize(
    ("changes", "key", "state", "message"),
    [
        ({"dataset__name": "aistpp"}, "dataset.annotations", "FAIL", "no splits for dataset.name: aistpp"),
        (
            {"dataset__name": "aistpp", "dataset__annotations": "some"},
            "dataset.annotations",
            "FAIL",
            "no folder splits",
        ),
        ({"dataset__name": "aistpp", "dataset__split_lists": "some"}, "dataset.annotations", "ok", "not given"),
        ({"lift__source": "aistpp"}, "lift.source", "FAIL", "dataset.annotations is not given"),
        ({"keypoints__backend": "alphapose"}, "keypoints.source", "FAIL", "data/decoded has no result files"),
        (
            {"keypoints__backend": "alphapose", "keypoints__source": "some"},
            "keypoints.source",
            "FAIL",
            "no result files",
        ),
        ({"keypoints__backend": "aistpp", "keypoints__source": "some"}, "keypoints.source", "FAIL", "keypoints2d"),
        ({"keypoints__source": "some"}, "keypoints.source", "FAIL", "some has no mp4 files"),
        ({"keypoints__backend": "rtmpose"}, "keypoints.rtmpose_det", "note", "not given"),
        ({"dataset__root": "some"}, "dataset.truth", "note", "the truth of another dataset"),
    ],
)
def test_settings_that_do_not_go_together(root, changes, key, state, message):
    (root / "some").mkdir()
    (root / "some/video.m4v").touch()
    items = look(root, **changes)[key]
    assert any(item.state == state and message in item.found for item in items), items
    assert all(item.state == "ok" for item in look(root).get(key, []))


def test_a_damaged_official_file_is_not_taken_for_one(root):
    place = root / "models/official/i3d/rgb_imagenet.pt"
    place.parent.mkdir(parents=True)
    torch.save(layouts.flat(layouts.i3d()), place)
    item = one(look(root, visual__weights=str(place.relative_to(root))), "visual.weights")
    assert item.state == doctor.NOTE and "its sha256 is not that of official i3d" in item.found
    assert "python -m pace fetch i3d" in item.follows
    pose = root / "models/official/motionbert/pose3d.bin"  # no sha256 of it is published
    pose.parent.mkdir()
    torch.save({"model_pos": layouts.flat(layouts.dstformer(512, 2))}, pose)
    found = look(root, lift__weights=str(pose.relative_to(root)), lift__root="global")
    assert "as fetched (motionbert), no published sha256 is known" in one(found, "lift.weights").found
    assert one(found, "lift.root").follows == "motionbert/pose3d.bin was made for lift.root: relative"


def test_onnx_files_are_looked_at(root):
    (root / "page.onnx").write_text("<!doctype html><html>")
    (root / "net.onnx").write_bytes(b"\x08\x07" + bytes(100))
    save_file(I3D(1 / 16, classes=5).state_dict(), root / "i3d.safetensors")
    found = look(root, keypoints__rtmpose_det="page.onnx", keypoints__rtmpose_pose="net.onnx")
    assert failed(found) == ["keypoints.rtmpose_det"]
    assert "a web page" in one(found, "keypoints.rtmpose_det").found
    found = look(root, keypoints__rtmpose_det="i3d.safetensors", visual__weights="net.onnx")
    assert set(failed(found)) == {"keypoints.rtmpose_det", "visual.weights"}


def test_packages_and_backends(root, monkeypatch):
    versions = {"torch": "2.13.0+cpu", "numpy": "1.0"}
    monkeypatch.setattr(doctor, "_version", versions.get)
    (root / "requirements.txt").write_text("torch==2.13.0\nnumpy==2.4.6  # x\nabsent-one==1.0\n# comment==1\n")
    found = look(root)
    assert one(found, "packages").found == "1 of 3 as pinned in requirements.txt"
    assert one(found, "numpy").found == "1.0, pinned is 2.4.6" and one(found, "numpy").state == doctor.NOTE
    assert set(failed(found)) == {"absent-one", "mediapipe"}
    assert "which is configured" in one(found, "mediapipe").follows
    found = look(root, keypoints__backend="rtmpose")
    assert set(failed(found)) == {"absent-one", "rtmlib", "onnxruntime"}
    assert one(found, "transformers").state == doctor.NOTE
    versions |= {"mediapipe": "0.10.35", "torch": "2.13.0"}
    (root / "requirements-mediapipe.txt").write_text("mediapipe==0.10.21\n")
    assert one(look(root), "mediapipe").found == "0.10.35, pinned is 0.10.21"
    monkeypatch.setenv("PACE_DASK", "tcp://127.0.0.1:1")
    assert "distributed" in failed(look(root))


def test_trained_models_and_cache(root):
    (root / "models/vae").mkdir(parents=True)
    (root / "models/vae/vae.safetensors").write_bytes(b"x")
    assert one(look(root), "models/vae").state == doctor.NOTE  # without its config.json it is of no use
    (root / "models/vae/config.json").write_text(json.dumps({}))
    (root / ".dvc/config").write_text("[cache]\n    dir = ../shared-cache\n")
    (root / "shared-cache/files").mkdir(parents=True)
    (root / "shared-cache/files/one").write_bytes(bytes(300_000_000 // 1000))
    found = look(root)
    assert one(found, "models/vae").found == "trained (vae.safetensors)"
    assert "1 files, 0.0 GB" in one(found, "DVC cache").found and not one(found, "DVC cache").follows


def test_broken_dvc_files_stop_the_pipeline(root):
    (root / "dvc.yaml").write_text("stages: [")
    (root / "models/pretrain/dvc.yaml").unlink()
    found = look(root)
    assert "DVC" in failed(found)
    assert "dvc.yaml" in one(found, "DVC").found and "models/pretrain/dvc.yaml is missing" in one(found, "DVC").found


def test_one_bad_part_does_not_stop_the_rest(root, monkeypatch):
    def _devices(_):
        raise RuntimeError("driver mismatch\nmore")

    monkeypatch.setattr(doctor, "_devices", _devices)
    (root / "requirements.txt").unlink()
    found = look(root, lift__weights=None, visual__weights=7)
    assert one(found, "devices").found == "could not be examined: driver mismatch"
    assert {"packages", "devices", "lift.weights", "visual.weights"} == set(failed(found))
    assert "free disk" in found


def test_params_that_are_wrong_are_reported_and_the_rest_is_seen(root):
    content = copy.deepcopy(CONTENT) | {"odd": 3}

    def check(_):
        raise params.ParamsError("section `odd` is unknown")

    items = doctor.examine(root, lambda: content, check)
    assert [(item.name, item.found) for item in doctor.stopping(items)] == [("params.yaml", "section `odd` is unknown")]
    assert any(item.name == "lift.weights" for item in items)
