"""Each picture at its time, and the sound with it, in containers of all kinds and in files joined or cut anywhere."""

import av
import numpy as np
import pytest
from helpers.numbered_videos import click_times, number_of, write

from pace.media import streams
from pace.media.sound_track import read_audio
from pace.media.streams import MediaError
from pace.media.video import frame_times, probe, read_frames

STEP = 1 / 30
MP2_DELAY = 481 / 44100  # of the decoder, which AVI has no room to tell
QUIET = {"x265-params": "bframes=3:log-level=none"}


def shown(path):
    """Numbers and times of the pictures, and times of the clicks, after checking that all readers agree."""
    info, times = probe(path), frame_times(path)
    numbers = [number_of(image) for image in read_frames(path)]
    assert len(numbers) == len(times) and times[0] == 0
    assert info.duration_s == pytest.approx(times[-1] + STEP, abs=0.002)
    grid = [number_of(image) for image in read_frames(path, 30)]
    assert len(grid) == round(info.duration_s * 30)
    if np.abs(np.diff(times) - STEP).max() < 0.002:
        assert grid == numbers
    return numbers, times, click_times(read_audio(path)) if info.has_audio else None


@pytest.mark.long
@pytest.mark.parametrize(
    "name, codec, options",
    [
        ("a.mp4", "libx264", {"b_frames": 2}),
        ("a.mkv", "libx264", {"b_frames": 2, "start": 0.5, "sound_start": 0.2}),
        ("a.mov", "libx265", {"options": QUIET}),
        ("a.avi", "libx264", {"b_frames": 2, "sound": "mp2"}),
        ("packed.avi", "mpeg4", {"b_frames": 2, "sound": "mp2"}),
        ("a.flv", "libx264", {"b_frames": 2}),
        ("a.mpg", "mpeg2video", {"b_frames": 2, "sound": "mp2"}),
        ("a.vob", "mpeg2video", {"b_frames": 2, "sound": "mp2"}),
        ("a.ts", "libx264", {"b_frames": 2}),
        ("a.wmv", "wmv2", {"sound": "wmav2"}),
    ],
)
def test_every_container(tmp_path, name, codec, options):
    moments = [0.5, 1.5]
    path = write(tmp_path / name, 60, codec, clicks=moments, **options)
    numbers, times, clicks = shown(path)
    assert numbers == list(range(60))
    assert times == pytest.approx(np.arange(60) * STEP, abs=0.001)
    assert clicks == pytest.approx(np.array(moments) + (MP2_DELAY if name.endswith("avi") else 0), abs=0.001)
    assert probe(path).remarks == ()


@pytest.mark.parametrize(
    "name, codec, options",
    [
        ("a.h264", "libx264", {"b_frames": 2}),
        ("a.hevc", "libx265", {"options": QUIET}),
        ("a.m4v", "mpeg4", {"b_frames": 2}),
        ("a.m2v", "mpeg2video", {"b_frames": 2}),
        ("a.ivf", "libvpx", {}),
    ],
)
def test_raw_streams(tmp_path, name, codec, options):
    path = write(tmp_path / name, 40, codec, **options)
    numbers, times, _ = shown(path)
    assert numbers == list(range(40))
    assert times == pytest.approx(np.arange(40) * STEP, abs=0.001)
    assert len(probe(path).remarks) == (codec in ("libx264", "libx265"))  # the others state their times in the pictures


def joined(path, *parts):
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_time_stamps_that_start_anew(tmp_path):
    one = write(tmp_path / "1.ts", 30, b_frames=2, clicks=[0.5])
    two = write(tmp_path / "2.ts", 45, b_frames=2, first=30, clicks=[0.25, 1.0])
    numbers, times, clicks = shown(joined(tmp_path / "joined.ts", one, two, one))
    assert numbers == [*range(75), *range(30)]
    assert times == pytest.approx(np.arange(105) * STEP, abs=1e-6)
    assert clicks == pytest.approx([0.5, 1.25, 2.0, 3.0], abs=0.001)
    (remark,) = probe(tmp_path / "joined.ts").remarks
    assert remark.startswith("its time stamps start anew or jump at 1.00, 2.50 s")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_time_stamps_that_jump_by_hours(tmp_path, order):
    parts = [write(tmp_path / f"{h}.ts", 30, b_frames=2, first=30 * i, start=3600.0 * h, clicks=[0.5]) for i, h in
             enumerate((0, 10))]  # fmt: skip
    numbers, times, clicks = shown(joined(tmp_path / "joined.ts", *(parts[i] for i in order)))
    assert numbers == [*range(30 * order[0], 30 * order[0] + 30), *range(30 * order[1], 30 * order[1] + 30)]
    assert times == pytest.approx(np.arange(60) * STEP, abs=1e-6)
    assert clicks == pytest.approx([0.5, 1.5], abs=0.001)


def later(seconds, *kinds):
    """An `alter` that adds seconds to the stamps of the packets from 1.5 s on."""

    def alter(kind, number, packet):
        if kind in kinds and packet.pts * packet.time_base >= 1.5:
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return alter


@pytest.mark.parametrize("kinds", [("video", "sound"), ("video",), ("sound",)])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_jump_in_one_stream_or_both(tmp_path, name, kinds):
    path = write(tmp_path / name, 75, clicks=[0.5, 2.0], alter=later(36000, *kinds))
    numbers, times, clicks = shown(path)
    assert numbers == list(range(75)) and times == pytest.approx(np.arange(75) * STEP, abs=0.001)
    assert clicks == pytest.approx([0.5, 2.0], abs=0.001)
    assert len(probe(path).remarks) == 1 and "start anew or jump" in probe(path).remarks[0]


def test_pauses_stay(tmp_path):
    """A camera that pauses for seconds; and one whose picture stands for longer while its sound goes on."""
    path = write(tmp_path / "a.mkv", 60, clicks=[0.5, 1.8], alter=later(4, "video", "sound"))
    _, times, clicks = shown(path)
    assert times[[44, 45]] == pytest.approx([44 * STEP, 5.5], abs=0.001)
    assert clicks == pytest.approx([0.5, 5.8], abs=0.001)
    path = write(tmp_path / "b.mkv", 60, clicks=[0.5, 13.8], sound_seconds=14.0, alter=later(12, "video"))
    _, times, clicks = shown(path)
    assert times[[44, 45]] == pytest.approx([44 * STEP, 13.5], abs=0.001)
    assert clicks == pytest.approx([0.5, 13.8], abs=0.001)
    assert probe(path).remarks == ()


def test_a_gap_of_hours_between_few_pictures_ends_soon(tmp_path):
    def hours(kind, number, packet):
        packet.pts = packet.dts = number * round(36000 / packet.time_base)

    path = write(tmp_path / "a.mkv", 4, alter=hours)
    assert probe(path).duration_s < 60
    assert len(list(read_frames(path, 30))) < 2000


def test_time_stamps_run_over_33_bits(tmp_path):
    def near_the_end(kind, number, packet):
        ticks = round(95442 / packet.time_base)  # 1.7 s before 2**33 / 90000 s
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    numbers, times, clicks = shown(write(tmp_path / "a.ts", 75, b_frames=2, clicks=[0.5, 2.0], alter=near_the_end))
    assert numbers == list(range(75)) and times == pytest.approx(np.arange(75) * STEP, abs=1e-6)
    assert clicks == pytest.approx([0.5, 2.0], abs=0.001)


@pytest.mark.long
@pytest.mark.parametrize(
    "name, codec, options",
    [
        ("a.ts", "libx264", {"b_frames": 2}),
        ("a.mp4", "libx264", {"b_frames": 2}),
        ("a.mkv", "libx265", {"options": {"x265-params": "bframes=3:log-level=none:keyint=12"}}),
        ("a.avi", "mpeg4", {"b_frames": 2}),
        ("a.wmv", "wmv2", {}),
        ("a.webm", "libvpx", {}),
        ("a.webm", "libvpx-vp9", {}),
        ("a.flv", "flv", {}),
        ("a.mpg", "mpeg2video", {"b_frames": 2}),
    ],
)
def test_a_beginning_in_the_middle_of_a_group_of_pictures(tmp_path, name, codec, options):
    """From the first picture that is whole; what some decoders show before it is grey."""
    path = write(tmp_path / name, 60, codec, alter=lambda kind, number, packet: number >= 5, **options)
    numbers, times, _ = shown(path)
    assert numbers == list(range(numbers[0], 60)) and 12 <= numbers[0] <= 16
    assert times == pytest.approx(np.arange(len(numbers)) * STEP, abs=0.001)
    (remark,) = probe(path).remarks
    assert f"its first {numbers[0] - 5} pictures cannot be shown" in remark


@pytest.mark.parametrize("codec, b_frames", [("libx264", 0), ("libx264", 2), ("mpeg2video", 2)])
@pytest.mark.parametrize("missing", ["some", "all"])
def test_packets_without_time_stamps(tmp_path, monkeypatch, codec, b_frames, missing):
    path = write(tmp_path / "a.mkv", 60, codec, b_frames=b_frames)
    real = streams.packets

    def without(container, *chosen):
        for packet in real(container, *chosen):
            if missing == "all" or streams.packet_number(packet) % 3 == 1:
                packet.pts = packet.dts = None
            yield packet

    monkeypatch.setattr(streams, "packets", without)
    numbers, times, _ = shown(path)
    assert numbers == list(range(60))
    assert times == pytest.approx(np.arange(60) * STEP, abs=0.002 if missing == "all" else 0.035)
    (remark,) = probe(path).remarks
    assert remark.startswith("its pictures have no time" if missing == "all" else "20 of its pictures have no time")


@pytest.mark.parametrize("missing", [{39}, {10, 11}, range(1000)])
def test_sound_packets_without_time_stamps(tmp_path, monkeypatch, missing):
    """Their sound follows directly."""
    path = write(tmp_path / "a.mkv", 60, clicks=[0.5, 1.5])
    real = streams.packets

    def without(container, *chosen):
        for packet in real(container, *chosen):
            if packet.stream.type == "audio" and streams.packet_number(packet) in missing:
                packet.pts = packet.dts = None
            yield packet

    monkeypatch.setattr(streams, "packets", without)
    _, _, clicks = shown(path)
    assert clicks == pytest.approx([0.5, 1.5], abs=0.001)
    assert len(probe(path).remarks) == (len(missing) == 1000)


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_one_damaged_time_stamp(tmp_path, monkeypatch, kind):
    """It adds no hours."""
    path = write(tmp_path / "a.mkv", 60, clicks=[0.5, 1.5])
    real = streams.packets

    def damaged(container, *chosen):
        for packet in real(container, *chosen):
            if packet.stream.type == kind and streams.packet_number(packet) == 40:
                packet.pts += round(36000 / packet.time_base)
            yield packet

    monkeypatch.setattr(streams, "packets", damaged)
    numbers, times, clicks = shown(path)
    assert numbers == list(range(60)) and times == pytest.approx(np.arange(60) * STEP, abs=0.035)
    assert clicks == pytest.approx([0.5, 1.5], abs=0.001)


def test_a_stream_that_appears_midway(tmp_path):
    """Two recordings joined, the second with other numbers of its streams: FFmpeg takes it as further streams."""
    one = write(tmp_path / "1.ts", 30, clicks=[0.5])
    two = write(tmp_path / "2.ts", 30, clicks=[0.5], first=30, container_options={"mpegts_start_pid": "0x300"})
    numbers, _, clicks = shown(joined(tmp_path / "joined.ts", one, two))
    assert numbers[:30] == list(range(30)) and clicks[0] == pytest.approx(0.5, abs=0.001)


def test_reading_goes_on_where_ffmpeg_asks_to_try_again(tmp_path):
    with av.open(str(write(tmp_path / "a.mkv", 5))) as container:
        stored = [packet for packet in container.demux(video=0) if packet.size]

        class Container:
            def demux(self, chosen):
                while stored:
                    yield stored.pop(0)
                    if len(stored) == 2:
                        raise av.error.BlockingIOError(11, "try again")

        assert [streams.packet_number(p) for p in streams.packets(Container(), stored[0].stream)] == [0, 1, 2, 3, 4]


def test_damaged_pictures_are_left_out(tmp_path, caplog):
    path = write(tmp_path / "a.webm", 60, "libvpx")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    for position, size in packets[24:27]:
        content[position + 4 : position + 4 + size] = bytes(size)
    path.write_bytes(content)
    numbers, times, _ = shown(path)
    assert numbers[-10:] == list(range(50, 60))
    assert times[-1] == pytest.approx(59 * STEP, abs=0.001)
    assert "a.webm: pictures left out because they are damaged: 3" in caplog.text


@pytest.mark.parametrize(
    "times, clicks",
    [
        ({"sound_start": 9.0}, [9.5]),  # FFmpeg looks at the first 5 s, or the first 5 MB
        ({"start": 9.0, "sound_start": 0.0}, [0.5]),
    ],
)
def test_a_stream_that_begins_late(tmp_path, times, clicks):
    path = write(tmp_path / "a.ts", 300, clicks=clicks, **times)
    numbers, pictures, heard = shown(path)
    assert numbers[:200] == list(range(200)) and probe(path).remarks == ()
    assert pictures == pytest.approx(np.arange(300) * STEP, abs=1e-6)
    assert heard == pytest.approx(clicks, abs=0.001)


def test_a_header_that_lies(tmp_path):
    path = write(tmp_path / "a.mp4", 60)
    content = bytearray(path.read_bytes())
    at = content.find(b"mdhd")
    scale = int.from_bytes(content[at + 16 : at + 20])
    content[at + 20 : at + 24] = (scale // 3).to_bytes(4)
    path.write_bytes(content)
    info = probe(path)
    assert info.duration_s == pytest.approx(2.0, abs=1e-9) and info.fps == pytest.approx(30, abs=1e-6)
    assert info.remarks == ("its header says 0.33 s, its pictures last 2.00 s",)


@pytest.mark.parametrize("name, codec, sound", [("a.wmv", "wmv2", "wmav2"), ("a.mkv", "libx264", "aac")])
def test_sound_longer_than_the_picture(tmp_path, name, codec, sound):
    path = write(tmp_path / name, 60, codec, clicks=[0.5, 3.5], sound=sound, sound_seconds=4.0)
    numbers, _, clicks = shown(path)
    assert numbers == list(range(60)) and probe(path).duration_s == pytest.approx(2.0, abs=0.002)
    assert clicks == pytest.approx([0.5, 3.5], abs=0.001)


@pytest.mark.parametrize("keep", [0.4, 0.7])
def test_fewer_samples_than_the_table_promises(tmp_path, keep):
    path = write(tmp_path / "a.mp4", 90, container_options={"movflags": "faststart"}, options={"crf": "1"})
    content = path.read_bytes()
    path.write_bytes(content[: round(keep * len(content))])
    with pytest.raises(MediaError, match=r"a\.mp4: truncated, its video ends at [012]\.\d\d of 3\.00 s"):
        probe(path)
