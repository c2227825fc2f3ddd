"""Output files: refused before the work where they cannot be, and whole or not there afterwards."""

import errno
import os
import resource
from pathlib import Path

import pytest

from pace import output_files
from pace.output_files import replacing

ENDINGS = (".mp4", ".mov")


def entered(target, inputs=()):
    with replacing(target, "-o", ENDINGS, inputs):
        pass


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "dance.mp4"
    path.write_bytes(b"original")
    return path


@pytest.mark.parametrize("spelling", ["dance.mp4", "./x/../dance.mp4", "link.mp4", "hard.mp4", "chain.mov"])
def test_an_input_is_never_replaced(tmp_path, video, monkeypatch, spelling):
    monkeypatch.chdir(tmp_path)
    Path("x").mkdir()
    Path("link.mp4").symlink_to("dance.mp4")
    Path("chain.mov").symlink_to(tmp_path / "link.mp4")
    os.link("dance.mp4", "hard.mp4")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=rf"^-o {Path(spelling)}: is the video itself, .* choose another name"):
        entered(Path(spelling), [("the video", video)])
    assert video.read_bytes() == b"original"
    assert sorted(tmp_path.iterdir()) == before


def test_an_input_that_will_be_written_is_not_replaced_either(tmp_path):
    (tmp_path / "music.mov").symlink_to("new.mp4")
    with pytest.raises(ValueError, match="is the file of -o itself"):
        entered(tmp_path / "music.mov", [("the file of -o", tmp_path / "new.mp4")])


def test_same_file_on_a_file_system_without_case(tmp_path, video, monkeypatch):
    monkeypatch.setattr(os.path, "samefile", lambda a, b: str(a).lower() == str(b).lower())
    (tmp_path / "DANCE.MP4").write_bytes(b"the same on another file system")
    with pytest.raises(ValueError, match=r"DANCE\.MP4: is the video itself"):
        entered(tmp_path / "DANCE.MP4", [("the video", video)])


@pytest.mark.parametrize(
    "name, message",
    [
        ("none/out.mp4", "there is no folder .*none; make it"),
        ("dance.mp4/out.mp4", "there is no folder .*dance.mp4; make it"),
        ("folder.mp4", "is a folder; give the path of a file"),
        ("out.avi", "its ending must be .mp4 or .mov"),
        ("out", "its ending must be .mp4 or .mov"),
        ("x" * 300 + ".mp4", "cannot be written .File name too long"),
        ("loop.mp4", "is not a regular file; choose another"),
        ("pipe.mp4", "is not a regular file"),
    ],
)
def test_targets_that_cannot_be_written_are_refused(tmp_path, video, name, message):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=rf"(?s)^-o .*{name}: ({message})"):
        entered(tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_in_which_nothing_can_be_written(tmp_path, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ValueError, match=r"out\.mp4: no file can be written in its folder \(Permission denied\)"):
        entered(tmp_path / "out.mp4")


def test_a_write_protected_file_is_kept(tmp_path, video, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != video)
    with pytest.raises(ValueError, match=r"dance\.mp4: is write-protected"):
        entered(video)


def test_success_replaces_and_keeps_the_mode(tmp_path, video):
    video.chmod(0o640)
    with replacing(video, "-o", ENDINGS) as temporary:
        assert temporary.parent == tmp_path and temporary.suffix == ".mp4"
        temporary.write_bytes(b"new")
        assert video.read_bytes() == b"original"
    assert video.read_bytes() == b"new"
    assert video.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [video]


def test_a_link_is_followed(tmp_path, video):
    (tmp_path / "far").mkdir()
    (tmp_path / "near.mp4").symlink_to("far/new.mp4")
    for content in (b"first", b"second"):
        with replacing(tmp_path / "near.mp4", "-o", ENDINGS) as temporary:
            assert temporary.parent == tmp_path / "far"
            temporary.write_bytes(content)
        assert (tmp_path / "near.mp4").is_symlink()
        assert (tmp_path / "far/new.mp4").read_bytes() == content
    assert len(list((tmp_path / "far").iterdir())) == 1


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(143),
        ValueError("bad"),
        OSError(errno.ENOSPC, "No space left on device", "another file"),
    ],
)
def test_failure_leaves_the_older_file(tmp_path, video, error):
    with pytest.raises(type(error)) as caught, replacing(video, "-o", ENDINGS) as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert video.read_bytes() == b"original"
    assert list(tmp_path.iterdir()) == [video]
    assert caught.value is error


@pytest.fixture
def small_files():
    """The system refuses to make files larger than 100,000 bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("length", [50_000, 100_001, 300_000])
def test_a_full_disk_is_said_whoever_writes(tmp_path, video, small_files, length):
    """At once, or when the buffered rest is written; also where the writer raises another error, as FFmpeg does."""

    def write(hide):
        with replacing(video, "-o", ENDINGS) as temporary, output_files.written(temporary) as file:
            for _ in range(length // 1000):
                try:
                    file.write(bytes(1000))
                except OSError:
                    if hide:
                        raise RuntimeError("something failed") from None
                    raise
            file.write(bytes(length % 1000))

    for hide in (False, True):
        video.write_bytes(b"original")
        if length < 100_000:
            write(hide)
            assert video.read_bytes() == bytes(length)
            continue
        with pytest.raises(OSError) as caught:
            write(hide)
        assert str(caught.value) == f"-o {video}: File too large; free some space and run the command again"
        assert video.read_bytes() == b"original"
        assert list(tmp_path.iterdir()) == [video]
