"""The kept results of each video: what is redone, what is kept, what happens to a bad video."""

import functools
import hashlib
import json
from pathlib import Path

import pytest
from helpers import misbehaving

from pace.pipeline import per_video


def double(log: Path, video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write twice the number of the input file, and leave a mark for each call."""
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{video_id}\n")
    text = inputs[0].read_text()
    if text == "bad":
        raise ValueError(f"{inputs[0]}: not a number")
    (folder / "out.txt").write_text(str(2 * int(text)))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def run(numbers: dict[str, str], params=None, workers=0):
        for name, text in numbers.items():
            (tmp_path / f"{name}.in").write_text(text)
        log = tmp_path / "log"
        log.write_text("")
        failures = per_video.map_videos(
            "double",
            functools.partial(double, log),
            {name: (tmp_path / f"{name}.in",) for name in numbers},
            {"out.txt": Path("out/{id}.txt")},
            params or {"factor": 2},
            workers,
        )
        outputs = {path.stem: path.read_text() for path in Path("out").glob("*.txt")}
        return outputs, failures, sorted(log.read_text().split())

    return run


def test_only_new_and_changed_videos_are_redone(world):
    assert world({"a": "1", "b": "2"}) == ({"a": "2", "b": "4"}, {}, ["a", "b"])
    assert world({"a": "1", "b": "2"})[2] == []
    assert world({"a": "1", "b": "2", "c": "3"})[2] == ["c"]
    assert world({"a": "1", "b": "7", "c": "3"}) == ({"a": "2", "b": "14", "c": "6"}, {}, ["b"])


def test_it_says_how_many_were_processed_and_how_many_kept(world, capsys):
    world({"a": "1", "b": "2", "c": "bad"})
    assert capsys.readouterr().out == "double: 2 of 3 videos in out: 2 processed now, 0 kept from an earlier run\n"
    world({"a": "1", "b": "2", "c": "3", "d": "bad"})
    assert capsys.readouterr().out == "double: 3 of 4 videos in out: 1 processed now, 2 kept from an earlier run\n"


def test_changed_params_redo_everything(world):
    world({"a": "1", "b": "2"})
    assert world({"a": "1", "b": "2"}, params={"factor": 3})[2] == ["a", "b"]


def test_a_bad_video_is_recorded_and_the_others_continue(world, tmp_path):
    outputs, failures, _ = world({"a": "1", "b": "bad", "c": "3"})
    assert outputs == {"a": "2", "c": "6"}
    assert failures == {"b": f"{tmp_path / 'b.in'}: not a number"}
    assert json.loads(Path("out/failures.json").read_text()) == failures
    assert world({"a": "1", "b": "2", "c": "3"}) == ({"a": "2", "b": "4", "c": "6"}, {}, ["b"])


def test_all_videos_failing_is_an_error(world):
    with pytest.raises(RuntimeError, match=r"none of 1 videos could be processed.*not a number"):
        world({"a": "bad"})


def test_missing_input_is_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.in").write_text("1")
    function = functools.partial(double, tmp_path / "log")
    inputs = {"a": (tmp_path / "a.in",), "b": (tmp_path / "gone.in",)}
    failures = per_video.map_videos("double", function, inputs, {"out.txt": Path("out/{id}.txt")}, {}, 0)
    assert failures == {"b": f"{tmp_path / 'gone.in'}: No such file or directory"}


def weigh(video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    """Write the product of the video's number and the shared weight."""
    (folder / "out.txt").write_text(str(int(inputs[0].read_text()) * int(inputs[1].read_text())))


def test_a_file_that_videos_share_is_hashed_once_until_it_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    read, real = [], hashlib.file_digest

    def count(file, name):
        read.append(Path(file.name).name)
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", count)

    def run(weight: str) -> list[str]:
        (tmp_path / "weights").write_text(weight)
        per_video.map_videos("weigh", weigh, inputs, {"out.txt": Path("out/{id}.txt")}, {}, 0)
        return [Path(f"out/{name}.txt").read_text() for name in inputs]

    inputs = {name: (tmp_path / f"{name}.in", tmp_path / "weights") for name in "abcd"}
    for number, name in enumerate(inputs):
        (tmp_path / f"{name}.in").write_text(str(number))
    assert run("2") == ["0", "2", "4", "6"]
    assert sorted(read) == ["a.in", "b.in", "c.in", "d.in", "weights"]
    assert run("30") == ["0", "30", "60", "90"]
    assert sorted(read) == ["a.in", "b.in", "c.in", "d.in", "weights", "weights"]


def test_braces_in_the_folder(tmp_path, monkeypatch):
    (tmp_path / "{0} {x}").mkdir()
    monkeypatch.chdir(tmp_path / "{0} {x}")
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("a.in").write_text("1")
    function = functools.partial(double, tmp_path / "log")
    assert (
        per_video.map_videos("double", function, {"a": (Path("a.in"),)}, {"out.txt": Path("out/{id}.txt")}, {}, 0) == {}
    )
    assert Path("out/a.txt").read_text() == "2"


def complain(video_id: str, inputs: tuple[Path, ...], folder: Path) -> None:
    if not inputs[0].is_file():
        raise ValueError(f"{inputs[0]}: make it first")
    (folder / "out.txt").write_text("made")


def test_the_function_says_what_a_missing_input_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    Path("a.in").write_text("1")
    inputs = {name: (Path(f"{name}.in"),) for name in "ab"}

    def run():
        return per_video.map_videos("complain", complain, inputs, {"out.txt": Path("out/{id}.txt")}, {}, 0)

    assert run() == {"b": "b.in: make it first"}
    Path("b.in").write_text("1")
    assert run() == {}


def test_interrupted_run_keeps_what_was_done(world, monkeypatch):
    real = per_video._link
    calls = []

    def stop_at_second(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(per_video, "_link", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        world({"a": "1", "b": "2", "c": "3"})
    monkeypatch.setattr(per_video, "_link", real)
    outputs, _, redone = world({"a": "1", "b": "2", "c": "3"})
    assert outputs == {"a": "2", "b": "4", "c": "6"}
    assert redone == ["c"]


def test_removed_videos_leave_neither_outputs_nor_kept_results(world):
    world({"a": "1", "b": "2"})
    outputs, _, _ = world({"a": "1"})
    assert outputs == {"a": "2"}
    assert len([path for path in Path(".resume/double").iterdir() if path.is_dir()]) == 1


@pytest.mark.long
def test_two_workers_give_the_same(world):
    numbers = {f"v{i}": str(i) for i in range(6)}
    assert world(numbers, workers=2)[0] == {name: str(2 * int(text)) for name, text in numbers.items()}


def test_store_lies_under_dvc_root(world, tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "main"))
    world({"a": "1"})
    assert any((tmp_path / "main/.resume/double").iterdir())


BAD = {"c": "type", "e": "key", "f": "unpicklable", "h": "segv", "i": "killed"}


@pytest.mark.long
@pytest.mark.parametrize("count", [1, 2])
def test_no_video_stops_the_others_and_a_rerun_redoes_the_failed_ones(tmp_path, monkeypatch, capsys, count):
    """In two folders with the same failures.json; where the failures lie in the code is in a log of its own."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    texts = []
    for folder in (tmp_path / "here", tmp_path / "there"):
        folder.mkdir()
        monkeypatch.chdir(folder)
        inputs = {name: (Path(f"{name}.in"),) for name in "abcdefghi"}
        for name, (path,) in inputs.items():
            path.write_text(BAD.get(name, name))

        def run():
            log = folder / "log"  # noqa: B023 - called in the same round
            log.write_text("")
            function = functools.partial(misbehaving.video, log)
            outputs = {"out.txt": Path("out/{id}.txt")}
            failures = per_video.map_videos("act", function, inputs, outputs, {}, count)  # noqa: B023
            return failures, {path.stem: path.read_text() for path in Path("out").glob("*.txt")}, log.read_text()

        reasons, outputs, _ = run()
        assert outputs == {name: name for name in "abdg"}
        assert reasons == {
            "c": 'c.in: TypeError: can only concatenate str (not "int") to str',
            "e": "e.in: KeyError: 'part'",
            "f": "f.in: Unpicklable",
            "h": "h.in: its worker process died (SIGSEGV)",
            "i": "i.in: its worker process was killed (SIGKILL), perhaps because memory ran out; see PACE_WORKERS",
        }
        texts.append(Path("out/failures.json").read_text())
        assert json.loads(texts[-1]) == reasons
        log = Path(".resume/act/failures.log").read_text()
        assert all(f"{name}: {reason}\n" in log for name, reason in reasons.items())
        assert log.count("Traceback (most recent call last)") == 3 and "Segmentation fault" in log
        said = capsys.readouterr()
        assert "act: 4 of 9 videos in out: 4 processed now, 0 kept" in said.out
        assert "5 failed" in said.err and ".resume/act/failures.log" in said.err
        assert f"act: c: {reasons['c']}" in said.err
        if folder.name == "there":
            continue
        _, outputs, called = run()
        assert set(called.split()) == {*BAD} and outputs == {name: name for name in "abdg"}
        for name in BAD:
            Path(f"{name}.in").write_text(name)
        reasons, outputs, called = run()
        assert (reasons, outputs) == ({}, {name: name for name in inputs}) and set(called.split()) == {*BAD}
        assert not Path(".resume/act/failures.log").exists() and not [*Path(".resume/act").glob("*.partial")]
    assert texts[0] == texts[1]


@pytest.mark.long
def test_an_interrupt_keeps_what_is_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    inputs = {name: (Path(f"{name}.in"),) for name in "abcd"}
    log = Path("log")

    def run():
        log.write_text("")
        function = functools.partial(misbehaving.video, tmp_path / log)
        return per_video.map_videos("act", function, inputs, {"out.txt": Path("out/{id}.txt")}, {}, 1)

    for name, (path,) in inputs.items():
        path.write_text("interrupt" if name == "c" else name)
    with pytest.raises(KeyboardInterrupt):
        run()
    Path("c.in").write_text("c")
    assert run() == {} and sorted(log.read_text().split()) == ["c", "d"]
    assert sorted(path.read_text() for path in Path("out").glob("*.txt")) == [*"abcd"]


def test_an_error_of_the_output_file_fails_its_video(world, monkeypatch):
    """It has no more to do with the others than one of the function's."""
    real = per_video._link

    def refuse(source, target):
        if target.stem == "b":
            raise PermissionError(13, "Permission denied", str(target))
        real(source, target)

    monkeypatch.setattr(per_video, "_link", refuse)
    outputs, failures, _ = world({"a": "1", "b": "2", "c": "3"})
    assert outputs == {"a": "2", "c": "6"} and list(failures) == ["b"]
    monkeypatch.setattr(per_video, "_link", real)
    assert world({"a": "1", "b": "2", "c": "3"}) == ({"a": "2", "b": "4", "c": "6"}, {}, [])  # its result was kept


def test_parameters_of_the_run_are_checked_before_it_removes_anything(world, monkeypatch):
    world({"a": "1"})
    monkeypatch.setenv("PACE_WORKERS", "two")
    with pytest.raises(ValueError, match="PACE_WORKERS is 'two'"):
        world({"a": "1"}, workers=None)
    assert Path("out/a.txt").read_text() == "2"
