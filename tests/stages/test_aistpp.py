"""AIST++'s own keypoints and 3D joints through the stages from index to mel, in a miniature of its layout."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.aistpp_miniature import TEST, TRAIN, VAL, to_camera, video_id
from helpers.dataset_layouts import project, write_params
from safetensors.torch import save_file

from pace.media.video import read_frames
from pace.motion import aistpp_joints
from pace.motion import energy as energies
from pace.motion.dstformer import DSTformer
from pace.pose import skeleton
from pace.pose.keypoints import KeypointsError, load
from stages import decode, energy, index, keypoints, lift, mel


@pytest.fixture
def project_folder(dataset, annotations, tmp_path, monkeypatch):
    """A working directory with a small network and one broken pickle."""
    root, worlds = dataset
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    torch.manual_seed(0)
    model = DSTformer(dim_feat=16, mlp_ratio=2, depth=1)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    (annotations / "keypoints2d" / f"{VAL}.pkl").write_bytes(b"broken")

    def configure(source):
        write_params(
            tmp_path,
            dataset={"name": "aistpp", "root": str(root / "videos"), "annotations": "annotations", "cameras": ["all"]},
            decode={"short_side": 32},
            keypoints={"backend": "aistpp", "source": "annotations"},
            lift={"source": source, "weights": "w.safetensors"},
        )

    return configure, worlds


@pytest.mark.long
def test_stages_from_index_to_mel(project_folder, tmp_path, capsys):
    configure, worlds = project_folder
    configure("keypoints")
    for stage in (index, decode, keypoints, lift, energy, mel):
        stage.main([])
    videos = pd.read_parquet("data/index/videos.parquet").set_index("video_id")
    good = [video_id(sequence, view) for sequence in (TRAIN, TEST) for view in ("c01", "c04")]
    bad = [video_id(VAL, view) for view in ("c01", "c04")]
    assert set(videos.index) == {*good, *bad}
    assert dict(videos.bpm) == {name: {"gBR": 90.0, "gHO": 135.0, "gKR": 100.0}[name[:3]] for name in videos.index}
    assert "of 2 test clips, 0 share their music, 0 their dance and 0 their source video" in capsys.readouterr().out
    failures = json.loads((tmp_path / "data/keypoints/failures.json").read_text())
    assert set(failures) == set(bad) and "only numpy arrays and plain containers" in failures[bad[0]]
    for name in good:
        dancer = load(tmp_path / f"data/keypoints/{name}.npz")
        truth = project(worlds[name.replace("c01", "cAll").replace("c04", "cAll")], name[8:11])[::2]
        np.testing.assert_allclose(dancer.keypoints[..., :2], truth, atol=0.02)
        frames = sum(1 for _ in read_frames(tmp_path / f"data/decoded/{name}.mp4"))
        with np.load(f"data/pose3d/{name}.npz") as file:
            assert file["pose"].shape == (frames, 17, 3) and len(dancer.keypoints) == frames == 162
        assert len(pd.read_parquet(f"data/energy/{name}.parquet")) == frames
    with np.load("data/mel/train.npz") as file:
        assert file["mel"].shape == (2, 256, 256) and file["mel"].std() > 1

    configure("aistpp")
    lift.main([])
    energy.main([])
    for name in good:
        seen = to_camera(worlds[name.replace("c01", "cAll").replace("c04", "cAll")], name[8:11])
        truth = skeleton.coco17_to_h36m(seen[::2])
        with np.load(f"data/pose3d/{name}.npz") as file:
            assert file["pose"].dtype == np.float32 and float(file["fps"]) == 30
            np.testing.assert_allclose(file["pose"], aistpp_joints.normalise(truth), atol=1e-5)
        settings = energies.EnergyParams(smooth_hz=6.0, split_hz=1.2, order=2, masses="winter", root="keep")
        slow, fast = energies.energies(truth, 30.0, settings)
        table = pd.read_parquet(f"data/energy/{name}.parquet")
        np.testing.assert_allclose(table[list(energies.COLUMNS)], np.hstack([slow, fast]), rtol=2e-3, atol=1e-4)


def test_the_stage_asks_for_the_annotation_folder(project_folder, tmp_path):
    configure, _ = project_folder
    configure("keypoints")
    index.main([])
    shutil.rmtree(tmp_path / "annotations/keypoints2d")
    with pytest.raises(KeypointsError, match=r"no folder keypoints2d; set keypoints\.source to AIST\+\+'s"):
        keypoints.main([])


def test_one_bad_annotation_never_stops_the_others(project_folder, annotations, tmp_path):
    configure, _ = project_folder
    configure("aistpp")
    index.main([])
    keypoints.main([])
    (annotations / "keypoints3d" / f"{TRAIN}.pkl").unlink()
    lift.main([])
    failures = json.loads((tmp_path / "data/pose3d/failures.json").read_text())
    assert set(failures) == {video_id(TRAIN, "c01"), video_id(TRAIN, "c04")}
    assert f"keypoints3d/{TRAIN}.pkl" in failures[video_id(TRAIN, "c01")]
    assert len(list((tmp_path / "data/pose3d").glob("*.npz"))) == 2
