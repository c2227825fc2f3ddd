"""One clock for video and audio: flashes and clicks made together must come out together."""

import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest

from pace.media import frames
from pace.media.adding_music import add_music
from pace.media.sound_track import read_audio
from pace.media.streams import MediaError
from pace.media.video import VideoInfo, decode, probe, read_frames
from pace.media.writing import write_video

RATE = 48000
FPS = 30


def make_file(
    path, times, flash, click, video_start=0.0, audio_start=0.0, seconds=4.0, audio=True, options=None, **display
):
    """An mp4 (or mkv) whose video shows a flash and whose audio has a click, at seconds on the players' clock.

    `times`: when each video frame is shown, before `video_start` is added. The streams begin at their starts.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "12", "bf": "2", "threads": "1"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 30000)
        if "rotation" in display:
            video.set_display_rotation(display["rotation"])
        sound = container.add_stream("aac", rate=RATE, layout="stereo") if audio else None
        for time in times:
            image = np.full((video.height, video.width, 3), 230 if flash <= time + video_start < flash + 0.2 else 20)
            image[: video.height // 4, : video.width // 4] = display.get("corner", image[0, 0])
            frame = av.VideoFrame.from_ndarray(image.astype(np.uint8), format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round((time + video_start) * 30000), Fraction(1, 30000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            wave = np.zeros((2, round(seconds * RATE)), np.float32)
            wave[:, round((click - audio_start) * RATE) :][:, :48] = 0.8
            for start in range(0, wave.shape[1], 1024):
                frame = av.AudioFrame.from_ndarray(wave[:, start : start + 1024].copy(), "fltp", "stereo")
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = start + round(audio_start * RATE)
                container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def decoded(path, folder, fps=FPS, short_side=64):
    decode(path, folder / "out.mp4", folder / "out.wav", fps, short_side)
    frames = np.stack(list(read_frames(folder / "out.mp4")))
    return frames, read_audio(folder / "out.wav") if (folder / "out.wav").exists() else None


def flash_time(frames, fps=FPS):
    return int(np.argmax(frames[:, frames.shape[1] // 2 :].mean(axis=(1, 2, 3)) > 120)) / fps


def click_time(samples):
    return int(np.argmax(np.abs(samples) > 0.25 * np.abs(samples).max())) / 22050


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("starts", [(0.0, 0.0), (0.0454, 0.0), (0.0, 0.045), (0.5, 0.455), (0.1, 0.8)])
def test_flash_and_click_stay_together(tmp_path, starts, container):
    video_start, audio_start = starts
    moment = video_start + 60 / FPS
    times = np.arange(120) / FPS
    path = make_file(tmp_path / f"in.{container}", times, moment - 1e-4, moment, video_start, audio_start)
    frames, samples = decoded(path, tmp_path)
    assert len(frames) == 120
    assert len(samples) == 4 * 22050
    assert flash_time(frames) == pytest.approx(60 / FPS)
    assert abs(click_time(samples) - flash_time(frames)) < 0.005


def test_edit_lists_cut_both_streams(tmp_path):
    """An mp4 trimmed by edit lists alone, as phones do: the first 0.5 s of both streams are stored but not shown."""
    path = make_file(tmp_path / "in.mp4", np.arange(120) / FPS, 2.0 - 1e-4, 2.0)
    content = bytearray(path.read_bytes())
    at = -1
    while (at := content.find(b"elst", at + 1)) > 0:
        header = content.rfind(b"mdhd", 0, content.find(b"mdhd", at) + 4)
        scale = int.from_bytes(content[header + 16 : header + 20])
        length, start = (int.from_bytes(content[i : i + 4]) for i in (at + 12, at + 16))
        content[at + 12 : at + 20] = (length - 500).to_bytes(4) + (start + scale // 2).to_bytes(4)
    path.write_bytes(content)
    frames, samples = decoded(path, tmp_path)
    assert len(frames) == 105
    assert flash_time(frames) == pytest.approx(1.5)
    assert abs(click_time(samples) - 1.5) < 0.005


def test_hole_in_the_audio_keeps_its_length(tmp_path):
    """Packets lost for 0.4 s: what follows keeps its time."""
    with av.open(str(tmp_path / "in.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        wave = np.zeros((1, 2 * RATE), np.int16)
        wave[0, round(1.5 * RATE) :][:48] = 20000
        for start in range(0, wave.shape[1], 960):
            frame = av.AudioFrame.from_ndarray(wave[:, start : start + 960].copy(), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            packets = stream.encode(frame)
            if not 0.5 <= start / RATE < 0.9:
                container.mux(packets)
    samples = read_audio(tmp_path / "in.mkv")
    assert len(samples) == pytest.approx(2 * 22050, abs=30)
    assert abs(click_time(samples) - 1.5) < 0.002


def test_variable_frame_rate(tmp_path):
    """Frames 12 to 90 ms apart, some dropped for half a second: the flash still comes at its time."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.012, 0.09, 90))
    times -= times[0]
    times = np.sort(np.concatenate([times[(times < 0.8) | (times > 1.3)], [2.0]]))
    times = times[(np.abs(times - 2.0) > 0.011) | (times == 2.0)]
    path = make_file(tmp_path / "in.mp4", times, 2.045 - 1e-4, 2.045, 0.045, 0.0)
    frames, samples = decoded(path, tmp_path)
    assert len(frames) == round(probe(path).duration_s * FPS)
    assert probe(path).duration_s == pytest.approx(times[-1], abs=0.1)
    assert flash_time(frames) == pytest.approx(2.0)
    assert abs(click_time(samples) - 2.0) < 0.005


@pytest.mark.parametrize("rate", [23.976, 24, 25, 29.97, 50, 59.94, 60])
def test_rate_conversion_has_no_mean_delay(rate):
    """Each grid time gets the nearest frame: the error is half a step at most and averages out."""
    times = np.round(np.arange(round(100 * rate)) / rate, 3)
    chosen = np.array(list(frames.on_grid(((time, time) for time in times), 30, 3000)))
    error = chosen - np.arange(3000) / 30
    assert np.abs(error).max() < 0.5 / rate + 0.002
    assert abs(error.mean()) < (0.004 if rate == 25 else 0.001)  # 25 to 30 has ties, which go to the earlier frame


@pytest.mark.parametrize("rotation, corner", [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_rotation_is_applied(tmp_path, rotation, corner):
    """FFmpeg's display rotation is counter-clockwise: at +90 the stored top left corner is shown bottom left."""
    path = make_file(
        tmp_path / "in.mp4", np.arange(30) / FPS, 9, 0, audio=False, rotation=rotation, corner=(250, 250, 250)
    )
    info = probe(path)
    assert (info.width, info.height) == ((96, 64) if rotation in (0, 180) else (64, 96))
    image = next(iter(read_frames(path))).mean(axis=2)
    assert image.shape == (info.height, info.width)
    assert image[corner] > 200
    assert (image > 120).mean() == pytest.approx(1 / 16, abs=0.02)
    frames, _ = decoded(path, tmp_path, short_side=32)
    assert frames.shape[1:3] == ((32, 48) if rotation in (0, 180) else (48, 32))
    assert frames[0].mean(axis=2)[corner] > 180


def test_no_audio_and_odd_sizes(tmp_path):
    frames = [np.full((75, 131, 3), 90, np.uint8)] * 30
    write_video(tmp_path / "in.mp4", frames, FPS)
    assert probe(tmp_path / "in.mp4") == VideoInfo(1.0, 30.0, 130, 74, False)
    out, samples = decoded(tmp_path / "in.mp4", tmp_path, short_side=51)
    assert samples is None
    assert out.shape == (30, 52, 90, 3)
    with pytest.raises(MediaError, match=r"in\.mp4: no audio"):
        read_audio(tmp_path / "in.mp4")


def test_write_video_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    colours = rng.integers(30, 220, (20, 3))
    frames = [np.broadcast_to(colour, (48, 64, 3)).astype(np.uint8) for colour in colours]
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(22050 * 2 // 3) / 22050).astype(np.float32)
    hashes = set()
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, iter(frames), FPS, tone)
        hashes.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(hashes) == 1
    back = np.stack(list(read_frames(tmp_path / "a.mp4")))
    assert np.abs(back.mean(axis=(1, 2)) - colours).max() < 6
    heard = read_audio(tmp_path / "a.mp4")[: len(tone)]
    assert np.sqrt(np.mean((heard - tone)[1024:-1024] ** 2)) < 0.01


def test_other_sound_keeps_frames_and_zero(tmp_path):
    """New music on a video that starts late: its first sample sounds with the first frame, frames are untouched."""
    path = make_file(tmp_path / "in.mp4", np.arange(90) / FPS, 1.5, 1.5, 0.5, 0.0)
    music = np.zeros(3 * 22050, np.float32)
    music[22050 : 22050 + 22] = 0.8
    assert add_music(path, music, 22050, tmp_path / "out.mp4") is None
    before, after = (np.stack(list(read_frames(p))) for p in (path, tmp_path / "out.mp4"))
    assert np.array_equal(before, after)
    assert abs(click_time(read_audio(tmp_path / "out.mp4")) - 1.0) < 0.002
    assert flash_time(after) == pytest.approx(1.0)


def test_surround_sound_is_averaged(tmp_path):
    with av.open(str(tmp_path / "in.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=44100, layout="5.1")
        values = np.repeat([[6000, 0, 0, 0, 0, 0]], 44100, axis=0).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(values, "s16", "5.1")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = read_audio(tmp_path / "in.wav")
    assert abs(len(samples) - 22050) <= 1
    assert np.median(samples) == pytest.approx(6000 / 32768 / 6, abs=1e-3)


def test_unusable_files_say_what_to_do(tmp_path):
    good = tmp_path / "good.mp4"
    make_file(good, np.arange(90) / FPS, 1, 1, options={"movflags": "faststart"})
    content = good.read_bytes()
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "empty.mp4").write_bytes(b"")
    write_video(tmp_path / "moov.mp4", [np.zeros((32, 32, 3), np.uint8)] * 30, FPS)
    content = (tmp_path / "moov.mp4").read_bytes()
    (tmp_path / "moov.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"none\.mp4: no such file"):
        probe(tmp_path / "none.mp4")
    for name in ("text.mp4", "empty.mp4", "moov.mp4"):
        fault = "not a readable media file .* intact copy|no video stream .* undamaged video file"
        with pytest.raises(MediaError, match=rf"{name}: ({fault})"):
            probe(tmp_path / name)
    with pytest.raises(MediaError, match=r"cut\.mp4: truncated, its video ends at .* of .* s"):
        list(read_frames(tmp_path / "cut.mp4"))
    with pytest.raises(ValueError, match="no frames"):
        write_video(tmp_path / "x.mp4", [], FPS)
