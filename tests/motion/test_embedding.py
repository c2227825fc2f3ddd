"""Part embeddings: what goes in, what is averaged, how windows join."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pace.motion import embedding
from pace.motion.dstformer import DSTformer
from pace.motion.embedding import EmbedMotionParams, embed, normalise_pose
from pace.pose.skeleton import PARTS


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = DSTformer(dim_feat=16, mlp_ratio=2, depth=2).eval().requires_grad_(False)
    for p in network.parameters():
        p.copy_(torch.randn(p.shape) * 0.3)
    # Drifts over a window, so that windows disagree where they meet.
    network.temp_embed.copy_(torch.linspace(-1, 1, 243).view(1, -1, 1, 1) * torch.randn(16))
    return network


def track(frames):
    return np.random.default_rng(1).uniform(-1, 1, (frames, 17, 3)).astype(np.float32)


def test_pose_normalisation_keeps_the_shape():
    pose = np.zeros((4, 17, 3))
    pose[0, 1], pose[3, 2], pose[2, 3] = (2, 1, 5), (6, 3, 6), (3, 2, 5.5)
    pose[pose.sum(-1) == 0] = (4, 2, 5.5)
    out = normalise_pose(pose)
    np.testing.assert_allclose(out[0, 1], (-1, -0.5, -0.25))
    np.testing.assert_allclose(out[3, 2], (1, 0.5, 0.25))
    np.testing.assert_allclose(normalise_pose(pose * 3 + [5, 6, -70]), out, atol=1e-6)
    with pytest.raises(ValueError, match="one place"):
        normalise_pose(np.ones((4, 17, 3)))


def test_tokens_see_their_part_alone(model):
    x = track(30)
    before = embed(model, x, "tokens")
    assert before.shape == (30, 5, 512)
    x[:, list(PARTS["la"])] *= 0.5
    after = embed(model, x, "tokens")
    changed = [np.abs(after[:, p] - before[:, p]).max() > 1e-3 for p in range(5)]
    assert changed == [False, True, False, False, False]
    joints = PARTS["rl"]
    alone = model.represent(torch.from_numpy(x[None]), joints)[0].mean(dim=1)
    np.testing.assert_allclose(after[:, 4], alone, atol=1e-5)


def test_pool_sees_the_whole_body(model):
    x = track(30)
    pooled = embed(model, x, "pool")
    whole = model.represent(torch.from_numpy(x[None]))[0]
    np.testing.assert_allclose(pooled[:, 2], whole[:, [14, 15, 16]].mean(dim=1), atol=1e-5)


@pytest.mark.long
def test_long_tracks_join_smoothly(model):
    t = np.arange(700)[:, None, None] / 30
    x = 0.8 * np.sin(t * 0.4 + np.arange(51).reshape(1, 17, 3)).astype(np.float32)
    steps = np.linalg.norm(np.diff(embed(model, x, "tokens"), axis=0), axis=(1, 2))
    jumps = np.linalg.norm(np.diff(embed(model, x, "tokens", overlap=0), axis=0), axis=(1, 2))
    assert jumps[242] > 5 * np.median(jumps)
    assert max(steps[[161, 242, 323, 404]]) < 1.5 * np.percentile(steps, 95)


@pytest.mark.parametrize("source", ["pose3d", "keypoints"])
def test_file_contract(tmp_path, model, source):
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    values = np.abs(track(25)) * 100
    np.savez(tmp_path / "pose3d.npz", pose=values, fps=np.float32(25))
    detected = np.ones(25, bool)
    np.savez(
        tmp_path / "keypoints.npz", keypoints=values, layout="coco17", fps=25.0, size=(200, 200), detected=detected
    )
    params = EmbedMotionParams(weights="w.safetensors", input=source, parts="tokens")
    out = tmp_path / "out"
    out.mkdir()
    embedding.embed_video(params, "v", (tmp_path / f"{source}.npz", tmp_path / "w.safetensors"), out)
    with np.load(out / "motion.npz") as file:
        assert file["embedding"].dtype == np.float16
        assert file["embedding"].shape == (25, 5, 512)
        assert float(file["fps"]) == 25.0
        assert np.abs(file["embedding"]).max() <= 1
