"""A video with other sound: every picture in order and at its time, copied where possible, or encoded anew."""

from fractions import Fraction

import av
import numpy as np
import pytest
from helpers import numbered_video, numbered_videos

from pace.media.adding_music import add_music
from pace.media.sound_track import read_audio
from pace.media.streams import MediaError
from pace.media.video import probe, read_frames

STEADY = np.arange(40) / 30
UNSTEADY = np.concatenate([[0], np.cumsum(np.random.default_rng(3).uniform(0.012, 0.09, 39))]).round(3)
RATE = 22050


def with_click(seconds, at=0.5):
    music = np.zeros(round(seconds * RATE), np.float32)
    music[round(at * RATE) :][:30] = 0.8
    return music


def added(path, ending=".mp4"):
    """Add music; the result, why it was encoded anew, and its codec's tag. Pictures, size and sound are checked."""
    out, info = path.with_name("out" + ending), probe(path)
    reason = add_music(path, with_click(info.duration_s), RATE, out)
    heard = read_audio(out)
    assert abs(np.argmax(np.abs(heard) > 0.2) / RATE - 0.5) < 0.003
    assert len(heard) / RATE == pytest.approx(info.duration_s, abs=0.05)
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        return out, reason, container.streams.video[0].codec_context.codec_tag


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".m4v"])
@pytest.mark.parametrize(
    "container, codec, tag",
    [
        ("mkv", "libx264", "avc1"),
        ("mkv", "libx265", "hvc1"),
        ("mkv", "libvpx-vp9", "vp09"),
        ("mkv", "libsvtav1", "av01"),
        ("mp4", "libx265", "hvc1"),
        ("ts", "libx264", "avc1"),
        ("ts", "libx265", "hvc1"),
        ("avi", "libx264", "avc1"),
        ("avi", "mpeg4", "mp4v"),
        ("flv", "libx264", "avc1"),
        ("mov", "libx264", "avc1"),
    ],
)
def test_streams_are_copied_with_all_pictures(tmp_path, container, codec, tag, ending):
    """With B-frames where the codec has them. Packets without times, times in decoding order, in units of 1/30 s."""
    path = numbered_video.write(tmp_path / f"in.{container}", STEADY, codec)
    if ending == ".mov" and tag in ("vp09", "av01"):  # a mov file holds neither
        _, reason, tag_of_encoded = added(path, ending)
        assert reason and tag_of_encoded == "avc1"
        return
    out, reason, written_tag = added(path, ending)
    assert (reason, written_tag) == (None, tag)
    numbers, times = numbered_video.numbers(out)
    assert numbers == list(range(40))
    np.testing.assert_allclose(times, STEADY, atol=0.001)


@pytest.mark.parametrize(
    "container, codec, pixels",
    [
        ("webm", "libvpx", "yuv420p"),
        ("mov", "prores_ks", "yuv422p10le"),
        ("mov", "mjpeg", "yuvj420p"),
        ("avi", "mjpeg", "yuvj422p"),
        ("mpg", "mpeg2video", "yuv420p"),
        ("ts", "mpeg2video", "yuv420p"),
        ("wmv", "wmv2", "yuv420p"),
        ("mkv", "ffv1", "yuv444p"),
        ("avi", "rawvideo", "bgr24"),
        ("mov", "png", "rgb24"),
    ],
)
def test_other_streams_are_encoded_anew_at_full_size(tmp_path, container, codec, pixels):
    path = numbered_video.write(tmp_path / f"in.{container}", STEADY, codec, ((322, 242),), pix_fmt=pixels)
    out, reason, tag = added(path)
    assert codec.split("_")[0].removeprefix("lib").removesuffix("x")[:3] in reason
    assert tag == "avc1"
    numbers, times = numbered_video.numbers(out)
    assert numbers == list(range(40))
    np.testing.assert_allclose(times, STEADY, atol=0.001)
    for before, after in zip(list(read_frames(path))[::13], list(read_frames(out))[::13], strict=True):
        assert after.shape == (242, 322, 3)
        assert abs(before.astype(float) - after).mean() < 4
        assert abs(before.mean(axis=(0, 1)) - after.mean(axis=(0, 1))).max() < 4


@pytest.mark.parametrize("codec", ["libx264", "libvpx"])
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_unsteady_rates_keep_each_time(tmp_path, codec, start):
    path = numbered_video.write(tmp_path / "in.mkv", UNSTEADY + start, codec)
    out, reason, _ = added(path)
    assert (reason is None) == (codec == "libx264")
    numbers, times = numbered_video.numbers(out)
    assert numbers == list(range(40))
    np.testing.assert_allclose(times, UNSTEADY, atol=0.001)


@pytest.mark.parametrize("codec, size", [("libx264", (96, 64)), ("mjpeg", (97, 65))])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_survives(tmp_path, codec, size, rotation):
    """As the container's matrix where copied, applied where encoded anew; an odd last row or column is cut off."""
    pixels = "yuvj444p" if codec == "mjpeg" else "yuv420p"
    path = numbered_video.write(tmp_path / "in.mov", STEADY, codec, (size,), rotation=rotation, pix_fmt=pixels)
    out, _, _ = added(path)
    before, after = (np.stack(list(read_frames(each))).astype(float) for each in (path, out))
    height, width = (side // 2 * 2 for side in before.shape[1:3])
    assert after.shape == (40, height, width, 3)
    assert abs(after - before[:, :height, :width]).mean() < 6


def test_pixel_aspect_is_kept_and_applied(tmp_path):
    for codec, container in (("libx264", "mp4"), ("mpeg2video", "mpg")):
        path = numbered_video.write(tmp_path / f"in.{container}", STEADY, codec, ((96, 64),), aspect=Fraction(4, 3))
        out, _, _ = added(path)
        before, after = probe(path), probe(out)
        assert before.width >= 128
        assert (after.width, after.height) == (before.width // 2 * 2, 64)
        assert list(map(numbered_video.number, read_frames(out))) == list(range(40))


def test_edit_list_hides_what_it_hid(tmp_path):
    """The first 0.2 s are stored, since later pictures need them, but are not shown."""
    path = numbered_video.write(tmp_path / "in.mp4", STEADY)
    content = bytearray(path.read_bytes())
    at = content.find(b"elst")
    header = content.find(b"mdhd")
    scale = int.from_bytes(content[header + 16 : header + 20])
    length, start = (int.from_bytes(content[i : i + 4]) for i in (at + 12, at + 16))
    content[at + 12 : at + 20] = (length - 200).to_bytes(4) + (start + scale // 5).to_bytes(4)
    path.write_bytes(content)
    out, reason, _ = added(path)
    assert reason is None
    numbers, times = numbered_video.numbers(out)
    assert numbers == list(range(6, 40))
    np.testing.assert_allclose(times, STEADY[:-6], atol=0.001)


@pytest.mark.parametrize("changed", [False, True])
def test_joined_recordings(tmp_path, changed):
    """Time stamps start anew in the middle. Where the stream's parameters change too, an mp4 cannot hold it."""
    first = numbered_video.write(tmp_path / "a.ts", STEADY)
    second = numbered_video.write(tmp_path / "b.ts", STEADY, options={"bf": "0", "refs": "1"} if changed else None)
    path = tmp_path / "in.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    out, reason, _ = added(path)
    assert reason == ("the parameters of its stream change midway" if changed else None)
    numbers, times = numbered_video.numbers(out)
    assert numbers == 2 * list(range(40))
    np.testing.assert_allclose(times, np.arange(80) / 30, atol=0.001)


@pytest.mark.parametrize("codec, container", [("libx264", "mkv"), ("libvpx", "webm"), ("libx264", "ts")])
def test_a_size_that_changes_is_letterboxed(tmp_path, codec, container):
    """A phone that was turned: the pictures of the rarer shape lie between black borders, not stretched."""
    sizes = ((96, 64), (96, 64), (64, 96))
    path = numbered_video.write(tmp_path / f"in.{container}", np.arange(60) / 30, codec, sizes)
    out, reason, _ = added(path)
    assert codec == "libvpx" or reason == "its size changes"
    images = list(read_frames(out))
    assert {image.shape for image in images} == {(64, 96, 3)}
    assert [numbered_video.number(image) for image in images[:40]] == list(range(40))
    for number, image in enumerate(images[40:], 40):
        left, right = (96 - 43) // 2, (96 + 43) // 2
        assert max(image[:, : left - 2].max(), image[:, right + 3 :].max()) < 12
        assert numbered_video.number(image[:, left:right]) == number


def test_full_range_and_high_bit_depth_keep_their_brightness(tmp_path):
    """A black and white picture in full range, and 10 bits, are the same grey levels in the file encoded anew."""
    for codec, pixels in (("mjpeg", "yuvj420p"), ("prores_ks", "yuv422p10le")):
        path = numbered_video.write(tmp_path / "in.mov", STEADY, codec, ((320, 240),), pix_fmt=pixels)
        out, reason, _ = added(path)
        assert ("10 bits" in reason) == (codec == "prores_ks")
        for image in list(read_frames(out))[1::20]:
            levels = np.sort(image.reshape(-1))
            assert levels[len(levels) // 20] == pytest.approx(30, abs=4)
            assert levels[-len(levels) // 20] == pytest.approx(220, abs=4)


def test_unreadable_video_is_named(tmp_path):
    (tmp_path / "in.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match=r"in\.mp4: not a readable media file"):
        add_music(tmp_path / "in.mp4", with_click(1.0), RATE, tmp_path / "out.mp4")


@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
@pytest.mark.parametrize("count", [40, 41, 42])
def test_a_last_picture_that_is_held(tmp_path, codec, count):
    """Whether or not it is the last one stored: of a copy, an mp4 knows how long that one lasts."""
    times = np.arange(count) / 30

    def held(kind, number, packet):
        if packet.pts * packet.time_base > times[-1] - 0.01:
            packet.duration = round(0.5 / packet.time_base)

    options = {"b_frames": 2, "options": {"b_strategy": "0"}} if codec == "libx264" else {}
    path = numbered_videos.write(tmp_path / "in.mkv", count, codec, alter=held, **options)
    out, reason, _ = added(path)
    assert probe(out).duration_s == pytest.approx(times[-1] + 0.5, abs=0.002)
    assert numbered_video.numbers(out)[1] == pytest.approx(times, abs=0.001)
    assert codec == "libx264" or reason.startswith("players expect no ffv1")
