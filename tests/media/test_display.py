"""Pictures whose size, shape or rotation changes midway are shown whole, and several video streams."""

from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from helpers.numbered_videos import number_of, picture, write

from pace.media import streams
from pace.media.display import Display
from pace.media.video import decode, probe, read_frames

BORDER = 30  # below it a pixel is a border: the pictures are grey at their edges


def write_sizes(path, codec, *sizes, each=30, aspects=None, pixels=None):
    """A video of several sizes in turn, `each` pictures of each, numbered throughout."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        for part, size in enumerate(sizes):
            encoder = av.CodecContext.create(codec, "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, pixels[part] if pixels else "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 30), Fraction(30)
            encoder.options = {"threads": "1", "tune": "zerolatency"} if codec == "libx264" else {"threads": "1"}
            if aspects:
                encoder.sample_aspect_ratio = aspects[part]
            for index in [*range(part * each, part * each + each), None]:
                frame = None
                if index is not None:
                    frame = av.VideoFrame.from_ndarray(picture(index, size), "rgb24").reformat(format=encoder.pix_fmt)
                    frame.pts, frame.time_base = index, Fraction(1, 30)
                for packet in encoder.encode(frame):
                    packet.stream = stream
                    container.mux(packet)
    return path


def inside(image):
    """Left, top, right and bottom of what is not border."""
    rows, columns = (np.flatnonzero(image.mean(axis=2).max(axis=axis) > BORDER) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize("name, codec", [("a.webm", "libvpx"), ("a.webm", "libvpx-vp9"), ("a.ts", "libx264")])
def test_the_phone_is_turned(tmp_path, name, codec):
    path = write_sizes(tmp_path / name, codec, (128, 72), (72, 128))
    images = list(read_frames(path))
    assert [number_of(image) for image in images[:30]] == list(range(30))
    assert all(image.shape == (72, 128, 3) for image in images) and len(images) == 60
    for index, image in enumerate(images[30:], 30):
        left, top, right, bottom = inside(image)
        assert abs(left - 44) <= 2 and abs(right - 84) <= 2 and top <= 1 and bottom >= 71  # 40 x 72 in the middle
        assert number_of(image[:, left:right]) == index
    info = probe(path)
    assert (info.width, info.height) == (128, 72)
    assert info.remarks == ("the size of its pictures changes (128x72, 72x128); each is shown whole within 128x72",)
    decode(path, tmp_path / "out.mp4", tmp_path / "out.wav", 30, 36)
    assert {image.shape for image in read_frames(tmp_path / "out.mp4")} == {(36, 64, 3)}


def test_the_size_of_most_pictures_counts(tmp_path):
    path = write_sizes(tmp_path / "a.webm", "libvpx", (72, 128), (128, 72), (128, 72))
    assert (probe(path).width, probe(path).height) == (128, 72)
    first = next(read_frames(path))
    left, _, right, _ = inside(first)
    assert number_of(first[:, left:right]) == 0 and right - left == pytest.approx(40, abs=2)


def test_another_size_of_the_same_shape_fills_the_picture(tmp_path):
    path = write_sizes(tmp_path / "a.webm", "libvpx", (128, 72), (64, 36), (128, 72))
    images = list(read_frames(path))
    assert [number_of(image) for image in images] == list(range(90))
    assert all(inside(image) == (0, 0, 128, 72) for image in images)


def test_the_pixel_aspect_changes(tmp_path):
    """From square pixels to ones twice as wide: the picture becomes wide and flat."""
    path = write_sizes(tmp_path / "a.ts", "libx264", (96, 64), (96, 64), aspects=(Fraction(1), Fraction(2)))
    images = list(read_frames(path))
    assert all(image.shape == (64, 96, 3) for image in images)
    assert inside(images[5]) == (0, 0, 96, 64)
    left, top, right, bottom = inside(images[50])
    assert (left, right) == (0, 96) and bottom - top == pytest.approx(32, abs=2)
    assert number_of(images[50]) == 50


def test_the_pixel_format_changes(tmp_path):
    path = write_sizes(tmp_path / "a.ts", "libx264", (96, 64), (96, 64), pixels=("yuv420p", "yuv444p"))
    assert [number_of(image) for image in read_frames(path)] == list(range(60))
    assert probe(path).remarks == ()


@pytest.mark.parametrize("average, guessed, rate", [(0, 25, 25), (10**9, 30, 30), (None, None, 30), (24, 30, 24)])
def test_an_implausible_rate_is_not_believed(average, guessed, rate):
    assert streams.frame_rate(SimpleNamespace(average_rate=average, guessed_rate=guessed)) == rate


@pytest.mark.parametrize("matrix", [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_letterboxed_pictures_are_upright(matrix):
    frame = av.VideoFrame.from_ndarray(np.full((20, 40, 3), 200, np.uint8), format="rgb24")
    image = Display(1.0, matrix).rgb(frame, (40, 40), av.video.reformatter.VideoReformatter())
    assert inside(image) == ((0, 10, 40, 30) if matrix[0] else (10, 0, 30, 40))


def add_stream(container, codec, pix, size, rate, count, default):
    stream = container.add_stream(codec, rate=rate)
    stream.width, stream.height, stream.pix_fmt = *size, pix
    stream.disposition = av.stream.Disposition.default if default else 0
    packets = []
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(picture(index % 256, size), "rgb24").reformat(format=pix)
        frame.pts, frame.time_base = index, Fraction(1, rate)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


@pytest.mark.parametrize(
    "others, size",
    [
        ([("mjpeg", "yuvj420p", (128, 96), 30, 1, True), ("libx264", "yuv420p", (96, 64), 30, 60, False)], (96, 64)),
        ([("mjpeg", "yuvj420p", (128, 96), 1, 2, True), ("libx264", "yuv420p", (96, 64), 30, 60, False)], (96, 64)),
        ([("libx264", "yuv420p", (32, 24), 30, 60, True), ("libx264", "yuv420p", (96, 64), 30, 60, False)], (96, 64)),
        ([("libx264", "yuv420p", (96, 72), 30, 60, False), ("libx264", "yuv420p", (96, 64), 30, 60, True)], (96, 64)),
        ([("libx264", "yuv420p", (96, 72), 30, 20, False), ("libx264", "yuv420p", (96, 64), 30, 60, False)], (96, 64)),
        ([("libx264", "yuv420p", (96, 64), 30, 60, False), ("libx264", "yuv420p", (96, 72), 30, 60, False)], (96, 64)),
    ],
    ids=["poster", "slides", "preview", "default", "longest", "first"],
)
def test_the_stream_that_a_viewer_wants(tmp_path, others, size):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        packets = [packet for other in others for packet in add_stream(container, *other)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    info = probe(path)
    assert (info.width, info.height, info.duration_s) == (*size, pytest.approx(2.0, abs=0.01))
    assert len(info.remarks) == 1 and info.remarks[0].startswith("it has 2 video streams; the one used is stream ")
    assert len(list(read_frames(path))) == 60


def test_a_plain_video_has_no_remarks(tmp_path):
    assert probe(write(tmp_path / "a.mp4", 20)).remarks == ()
