import numpy as np
import pytest
import torch

from pace.media import writing
from pace.pipeline.params import ParamsError, section
from pace.visual import features, i3d


@pytest.fixture(scope="module")
def model() -> i3d.I3D:
    """A random network whose batch statistics fit its input, so that features have the size of trained ones."""
    torch.manual_seed(0)
    model = i3d.I3D(1 / 16, classes=5)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 16, 64, 64) * 2 - 1)
    return model.eval()


def numbered(count: int) -> list[np.ndarray]:
    return [np.full((1, 1, 1), index, np.int64) for index in range(count)]


@pytest.mark.parametrize("count", [*range(9, 140), 250, 300])
def test_chunks_give_every_step_once(count):
    steps = []
    for chunk, skip in features.chunks(numbered(count)):
        assert len(chunk) <= features.CHUNK
        assert len(chunk) % 8 == 0
        frames = chunk.ravel()
        assert (np.diff(frames[frames < count - 1]) == 1).all()
        steps += [int(frames[8 * step]) for step in range(skip, len(frames) // 8 - 1)]
    assert steps == [8 * step for step in range(-(-count // 8) - 1)]


def test_last_chunk_is_shifted_back():
    chunks = list(features.chunks(numbered(250)))
    assert [int(chunk[0, 0, 0, 0]) for chunk, _ in chunks] == [0, 56, 112, 168, 192]
    assert chunks[-1][1] == 4
    assert chunks[-1][0].ravel()[-7:].tolist() == [249] * 7


def test_few_frames_are_an_error():
    with pytest.raises(ValueError, match="has 8 frames at the network's rate; I3D needs at least 9"):
        list(features.chunks(numbered(8)))


def test_centre_times_are_those_of_the_receptive_fields():
    # The frames that can move step 8 of a long clip lie evenly around its centre.
    torch.manual_seed(1)
    model = i3d.I3D(1 / 16, classes=5).double().eval()
    x = torch.randn(1, 3, 160, 32, 32, dtype=torch.float64, requires_grad=True)
    model.features(x)[0, :, 8].pow(2).sum().backward()
    seen = torch.nonzero(x.grad.abs().sum((0, 1, 3, 4))).ravel()
    assert (int(seen[0]) + int(seen[-1])) / 2 == pytest.approx(features.CENTRE + 8 * features.STRIDE, abs=1)


def test_short_video_equals_one_pass(model):
    rng = np.random.default_rng(0)
    frames = list(rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8))
    embedding, time_s = features.embed(model, frames, 25)
    x = torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2)[None] / 127.5 - 1
    with torch.inference_mode():
        expected = model.features(x)[0].T.numpy()
    assert embedding.dtype == np.float16
    assert expected.std() > 0.05
    assert np.allclose(embedding, expected, rtol=2e-3, atol=1e-3)
    assert np.allclose(time_s, [0.36, 0.68, 1.0, 1.32])


def test_centre_crop():
    frame = np.arange(6 * 8 * 3).reshape(6, 8, 3)
    assert np.array_equal(features.centre_crop(frame, 4), frame[1:5, 2:6])


def test_video_of_another_rate_is_sampled_at_25_fps(tmp_path, model):
    # A grey ramp over two seconds at 50 fps: 50 frames at 25 fps, so ceil(50 / 8) - 1 = 6 steps.
    ramp = [np.full((64, 96, 3), 2 * index, np.uint8) for index in range(100)]
    writing.write_video(tmp_path / "ramp.mp4", ramp, 50)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    params = features.VisualParams("unused", 25.0, 48, 32)
    features.embed_video("ramp", (tmp_path / "ramp.mp4", tmp_path / "weights.pt"), tmp_path, params)
    with np.load(tmp_path / "visual.npz", allow_pickle=False) as file:
        embedding, time_s = file["embedding"], file["time_s"]
    assert embedding.shape == (6, model.dim)
    assert time_s[-1] == pytest.approx((9 + 8 * 5) / 25)

    def error(first: int) -> float:
        greys = [np.full((32, 32, 3), 4 * index + first, np.uint8) for index in range(50)]
        return float(np.abs(embedding - features.embed(model, greys, 25)[0]).mean())

    assert error(first=0) < 0.5 * min(error(first=4), error(first=8))  # one and two frames later: another picture


def test_short_video_is_named(tmp_path, model):
    writing.write_video(tmp_path / "tiny.mp4", [np.zeros((64, 64, 3), np.uint8)] * 5, 25)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    params = features.VisualParams("unused", 25.0, 64, 64)
    with pytest.raises(ValueError, match=r"tiny\.mp4: the video has 5 frames"):
        features.embed_video("tiny", (tmp_path / "tiny.mp4", tmp_path / "weights.pt"), tmp_path, params)


def test_crop_must_fit_the_frame():
    content = {"visual": {"weights": "w", "fps": 25, "short_side": 64, "crop": 65}}
    with pytest.raises(ValueError, match=r"`visual\.crop` is 65"):
        section(content, "visual", features.VisualParams)
    with pytest.raises(ParamsError, match=r"visual\.fps"):
        section({"visual": {**content["visual"], "fps": 0}}, "visual", features.VisualParams)
