"""Compose: every kind of video comes back whole with its music, and bad input is refused without a trace."""

import dataclasses
import errno
import os
import resource
import signal
from pathlib import Path

import av
import numpy as np
import pandas
import pytest
import soundfile
from helpers import numbered_video, tiny_compose
from helpers.threads import one_thread  # noqa: F401

from pace import compose as command
from pace.compose import ComposeParams, Models, compose
from pace.evaluation.metrics.beat_alignment import read_pose
from pace.media.sound_track import read_audio
from pace.media.video import frame_times, probe, read_frames
from pace.media.writing import write_video
from pace.motion import lifting
from pace.pipeline.params import read

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests/cases"
STEADY = np.arange(156) / 30  # 5.2 s
SMALL = ((64, 48),)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return tiny_compose.make(tmp_path_factory.mktemp("networks"))


def composed(video, folder, networks, ending=".mp4"):
    """Compose; the output, its codec's tag, and the messages. The sound and what lies in the folder are checked."""
    out, wav, messages = folder / f"out{ending}", folder / "out.wav", []
    results = tiny_compose.alphapose_results(folder / "people.json", video)
    compose(video, out, *networks, results, wav, messages.append)
    assert {path.name for path in folder.iterdir()} <= {out.name, "out.wav", "people.json", video.name}
    source, written = probe(video), probe(out)
    assert written.duration_s == pytest.approx(source.duration_s, abs=0.01)
    music, rate = soundfile.read(wav)
    heard = read_audio(out)
    assert (rate, len(music)) == (22050, round(source.duration_s * 22050))
    assert len(heard) / 22050 == pytest.approx(source.duration_s, abs=0.05)
    assert np.corrcoef(heard[2000:80000], music[2000:80000])[0, 1] > 0.9
    with av.open(str(out)) as container:
        return out, container.streams.video[0].codec_context.codec_tag, messages


@pytest.mark.long
@pytest.mark.parametrize(
    "name, count, size, tag",
    [
        ("obs_default.mkv", 300, (256, 256), "avc1"),
        ("x265_bframes.mkv", 300, (256, 256), "hvc1"),
        ("h264_bframes.avi", 300, (256, 256), "avc1"),
        ("iphone_hevc.mov", 300, (480, 270), "hvc1"),
        ("two_tracks.mkv", 180, (256, 256), "avc1"),
        ("poster_first.mp4", 180, (256, 256), "avc1"),
    ],
)
def test_files_that_go_wrong_are_copied_whole(tmp_path, networks, name, count, size, tag):
    out, written_tag, messages = composed(CASES / name, tmp_path, networks)
    assert written_tag == tag
    assert not any("encoded anew" in message for message in messages)
    assert (probe(out).width, probe(out).height) == size
    np.testing.assert_allclose(frame_times(out), np.arange(count) / 30, atol=0.001)
    pairs = zip(read_frames(CASES / name, 5), read_frames(out, 5), strict=True)
    assert all(np.array_equal(before, after) for before, after in pairs)


@pytest.mark.long
@pytest.mark.parametrize(
    "name, count, size", [("flash_click.wmv", 240, (160, 120)), ("long_sound.wmv", 180, (256, 256))]
)
def test_files_that_no_mp4_holds_are_encoded_anew(tmp_path, networks, name, count, size):
    out, tag, messages = composed(CASES / name, tmp_path, networks)
    assert tag == "avc1"
    reason = "encoded anew as H.264, at full size and rate, because players expect no wmv2 video in it"
    assert [message for message in messages if "encoded anew" in message] == [f"{CASES / name}: {reason}"]
    assert (probe(out).width, probe(out).height) == size
    np.testing.assert_allclose(frame_times(out), np.arange(count) / 30, atol=0.002)
    pairs = zip(read_frames(CASES / name, 5), read_frames(out, 5), strict=True)
    assert max(abs(before.astype(float) - after).mean() for before, after in pairs) < 4


def plain(folder):
    return numbered_video.write(folder / "in.mp4", STEADY, sizes=SMALL)


def wrong_header(folder):
    """An mp4 whose header states 0.65 s."""
    path = numbered_video.write(folder / "in.mp4", STEADY, sizes=SMALL)
    content = bytearray(path.read_bytes())
    at = content.find(b"mdhd")
    scale = int.from_bytes(content[at + 16 : at + 20])
    content[at + 20 : at + 24] = (scale * 65 // 100).to_bytes(4)
    path.write_bytes(content)
    return path


def joined_in_the_middle(folder):
    """A broadcast that begins in the middle of a group of pictures: 0 to 29 cannot be shown."""
    times = np.arange(186) / 30
    path = numbered_video.write(
        folder / "in.ts", times, sizes=SMALL, options={"bf": "2", "g": "30", "sc_threshold": "0"}
    )
    packets = path.read_bytes()
    with av.open(str(path)) as container:
        second = [packet.pos for packet in container.demux(video=0)][5]
    header = [packets[at : at + 188] for at in range(0, second, 188) if packets[at + 1] & 0x1F == 0 or at < 3 * 188]
    path.write_bytes(b"".join(header[:3]) + packets[second // 188 * 188 :])
    return path


def joined_recordings(folder):
    """Time stamps start anew in the middle."""
    path = numbered_video.write(folder / "in.ts", STEADY[:78], sizes=SMALL)
    path.write_bytes(2 * path.read_bytes())
    return path


def eight_channels(folder):
    path = folder / "in.mkv"
    silent = numbered_video.write(folder / "silent.mkv", STEADY, sizes=SMALL)
    with av.open(str(silent)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        sound = container.add_stream("pcm_s16le", rate=22050, layout="7.1")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8 * 5 * 22050), np.int16), "s16", "7.1")
        frame.sample_rate = 22050
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    silent.unlink()
    return path


def programme_stream(folder):
    return numbered_video.write(folder / "in.mpg", STEADY, "mpeg2video", SMALL)


def turned(name, codec):
    def make(folder):
        return numbered_video.write(folder / name, STEADY, codec, ((64, 48), (64, 48), (48, 64)))

    return make


@pytest.mark.long
@pytest.mark.parametrize(
    "make, numbers, reason",
    [
        (plain, range(156), None),
        (wrong_header, range(156), None),
        (joined_in_the_middle, range(30, 186), None),
        (joined_recordings, 2 * list(range(78)), None),
        (eight_channels, range(156), None),
        (programme_stream, range(156), "players expect no mpeg2video video in it"),
        (turned("in.mkv", "libx264"), range(104), "its size changes"),
        (turned("in.webm", "libvpx"), range(104), "players expect no vp8 video in it"),
    ],
)
def test_every_picture_comes_back_at_its_time(tmp_path, networks, make, numbers, reason):
    """numbers: those of the pictures, without the last third where they are turned and hard to read."""
    out, _, messages = composed(make(tmp_path), tmp_path, networks)
    assert [message.partition("because ")[2] for message in messages if "encoded anew" in message] == [reason] * bool(
        reason
    )
    images = list(read_frames(out))
    assert len(images) == 156
    assert {image.shape for image in images} == {(48, 64, 3)}
    assert list(map(numbered_video.number, images))[: len(numbers)] == list(numbers)
    np.testing.assert_allclose(frame_times(out), STEADY, atol=0.001)


@pytest.mark.long
def test_remarks_are_said_once(tmp_path, networks):
    _, _, messages = composed(joined_in_the_middle(tmp_path), tmp_path, networks, ".mov")
    for remark in probe(tmp_path / "in.ts").remarks:
        assert messages.count(f"{tmp_path / 'in.ts'}: {remark}") == 1
    assert any(message.startswith(f"{tmp_path / 'in.ts'}: ") for message in messages[:1])


@pytest.mark.long
def test_pose_and_energies_are_kept_under_the_name_of_the_output(tmp_path, networks):
    video = plain(tmp_path)
    results = tiny_compose.alphapose_results(tmp_path / "people.json", video)
    compose(video, tmp_path / "mine.mp4", *networks, results, log=lambda _: None, keep=tmp_path / "kept/poses")
    assert {path.name for path in (tmp_path / "kept/poses").iterdir()} == {"mine.npz", "mine.parquet"}
    pose, fps, *_ = read_pose(tmp_path / "kept/poses/mine.npz")
    assert pose.shape == (156, 17, 3) and fps == 30
    table = pandas.read_parquet(tmp_path / "kept/poses/mine.parquet")
    assert list(table.columns)[:2] == ["frame", "time_s"] and len(table) == 156


@pytest.fixture
def settings() -> ComposeParams:
    return ComposeParams.of(read(ROOT / "params.yaml"))


def test_missing_short_and_untrained_are_named(tmp_path, settings):
    models = Models(tmp_path / "vae", tmp_path / "diffusion")
    out = tmp_path / "out.mp4"
    with pytest.raises(FileNotFoundError, match=r"gone\.mp4: no such file"):
        compose(tmp_path / "gone.mp4", out, settings, models)
    with pytest.raises(ValueError, match="a folder, device or pipe; give the path of a video"):
        compose(tmp_path, out, settings, models)
    frames = [np.zeros((64, 64, 3), np.uint8)] * 180
    write_video(tmp_path / "short.mp4", frames[:90], 30)
    with pytest.raises(ValueError, match=r"short\.mp4: 3\.00 s long"):
        compose(tmp_path / "short.mp4", out, settings, models)
    write_video(tmp_path / "long.mp4", frames, 30)
    with pytest.raises(FileNotFoundError, match="run `make repro` first"):
        compose(tmp_path / "long.mp4", out, settings, models)
    with pytest.raises(
        FileNotFoundError, match=r"people\.json: no such file; give a result file of AlphaPose for .*long"
    ):
        compose(tmp_path / "long.mp4", out, settings, models, tmp_path / "people.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4", "short.mp4"]


def test_outputs_are_refused_before_any_work(tmp_path, settings, monkeypatch):
    """None of these even opens the video."""
    monkeypatch.setattr(command, "probe", lambda path: pytest.fail("work began"))
    monkeypatch.chdir(tmp_path)
    for name in ("dance.mp4", "people.json", "dance.wav"):
        Path(name).write_bytes(b"mine")
    Path("link.mp4").symlink_to("dance.mp4")
    Path("song.wav").symlink_to("people.json")
    refused = [
        ("dance.mp4", "dance.mp4", None, "-o dance.mp4: is the video itself"),
        ("dance.mp4", "link.mp4", None, "-o link.mp4: is the video itself"),
        ("link.mp4", "dance.mp4", None, "-o dance.mp4: is the video itself"),
        ("dance.wav", "out.mp4", "dance.wav", "--wav dance.wav: is the video itself"),
        ("dance.mp4", "out.mp4", "song.wav", "--wav song.wav: is the keypoints file itself"),
        ("dance.mp4", "out.mp4", "out.mp4", "--wav out.mp4: is the file of -o itself"),
        ("dance.mp4", "out.mp4", "none/out.wav", "--wav none/out.wav: there is no folder"),
        ("dance.mp4", "out.mp4", "out.mp3", "--wav out.mp3: its ending must be .wav"),
        ("dance.mp4", "out.webm", None, "-o out.webm: its ending must be .mp4 or .m4v or .mov"),
        ("dance.mp4", "none/out.mp4", None, "-o none/out.mp4: there is no folder"),
        ("dance.mp4", ".", None, "-o .: is a folder"),
    ]
    before = sorted(Path().iterdir())
    for video, out, wav, message in refused:
        with pytest.raises(ValueError) as caught:
            people = Path("people.json")
            compose(Path(video), Path(out), settings, Models(Path("v"), Path("d")), people, wav and Path(wav))
        assert str(caught.value).startswith(message)
    assert sorted(Path().iterdir()) == before
    assert all(Path(name).read_bytes() == b"mine" for name in ("dance.mp4", "people.json", "dance.wav"))


@pytest.mark.long
@pytest.mark.parametrize("full, space", [("out.mp4", 5000), ("out.wav", 150_000)])
def test_a_full_disk_leaves_the_older_files(tmp_path, networks, monkeypatch, full, space):
    """While the video is written, or the wav after it. The system refuses to make files larger than `space` bytes."""
    out, wav, video = tmp_path / "out.mp4", tmp_path / "out.wav", plain(tmp_path)
    results = tiny_compose.alphapose_results(tmp_path / "people.json", video)
    for path in (out, wav):
        path.write_bytes(b"older")
    before, (usual, most) = sorted(tmp_path.iterdir()), resource.getrlimit(resource.RLIMIT_FSIZE)

    def music(*_):
        resource.setrlimit(resource.RLIMIT_FSIZE, (space, most))
        return np.zeros(round(5.2 * 22050), np.float32)

    monkeypatch.setattr(command, "_generate", music)
    try:
        with pytest.raises(OSError, match=f"{full}: File too large; free some space and run the command again"):
            compose(video, out, *networks, results, wav)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))
    assert sorted(tmp_path.iterdir()) == before
    assert out.read_bytes() == wav.read_bytes() == b"older"


def test_full_space_for_temporary_files_is_named(tmp_path, networks, monkeypatch):
    video = plain(tmp_path)
    results = tiny_compose.alphapose_results(tmp_path / "people.json", video)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(command, "write_video", full)
    with pytest.raises(OSError, match=r"No space left on device for the temporary files of .*in\.mp4 .* TMPDIR"):
        compose(video, tmp_path / "out.mp4", *networks, results)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_the_older_file(tmp_path, networks, monkeypatch, capsys, number, status):
    video, out = plain(tmp_path), tmp_path / "out.mp4"
    out.write_bytes(b"older")
    parser = command.argparse.ArgumentParser()
    command.add_arguments(parser)
    seen = []

    def stop(*_):
        seen.extend(path.name for path in tmp_path.iterdir())
        os.kill(os.getpid(), number)
        raise AssertionError("the signal was ignored")

    monkeypatch.setattr(command, "write_video", stop)
    monkeypatch.setattr(command, "Models", lambda *_: networks[1])
    monkeypatch.chdir(ROOT)
    usual = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup has it ignored
    try:
        with pytest.raises(SystemExit) as caught:
            command.run(parser.parse_args([str(video), "-o", str(out), "--wav", str(tmp_path / "out.wav")]))
    finally:
        signal.signal(signal.SIGTERM, usual[0])
        signal.signal(signal.SIGINT, usual[1])
    assert caught.value.code == status
    assert len(seen) == 4  # two temporary files lay beside the targets
    assert sorted(tmp_path.iterdir()) == [video, out]
    assert out.read_bytes() == b"older"
    assert ("interrupted" in capsys.readouterr().err) == (number == signal.SIGINT)


@pytest.mark.long
def test_messages_name_the_users_file(tmp_path, networks, monkeypatch):
    """No temporary copy, whichever step fails."""
    settings, models = networks
    video, out = plain(tmp_path), tmp_path / "out.mp4"
    with pytest.raises(ValueError) as caught:
        compose(video, out, settings, models)
    assert str(caught.value).startswith(f"{video}: no person in 100 % of its frames")
    results = tiny_compose.alphapose_results(tmp_path / "people.json", video)

    def standing_still(params, video_id, inputs, folder):
        np.savez(folder / "pose3d.npz", pose=np.zeros((156, 17, 3), np.float32), fps=np.float32(30))

    def two_points(path):
        return np.zeros((156, 17, 3), np.float32), (64, 48), 30.0

    for name, stub in (("lift_video", standing_still), ("read_keypoints", two_points)):
        with monkeypatch.context() as patched, pytest.raises(ValueError) as caught:
            patched.setattr(lifting, name, stub)
            compose(video, out, settings, models, results)
        assert str(video) in str(caught.value)
        assert "pace-" not in str(caught.value)
    settings = dataclasses.replace(settings, visual=dataclasses.replace(settings.visual, fps=1))
    with pytest.raises(ValueError, match=rf"^{video}: the video has 5 frames at the network's rate"):
        compose(video, out, settings, models, results)
    assert sorted(tmp_path.iterdir()) == [video, results]
