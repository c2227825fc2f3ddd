"""Whole runs of per-video steps, in processes of their own: killed, extended, changed, on workers and on a cluster."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import stub_onnx
from helpers.projects import ROOT

from pace.media import writing
from pace.pipeline import dask_cluster, per_video
from pace.pipeline.params import read

WORK = '''
import functools
import json
import os
import signal
import sys
import time
from pathlib import Path

from pace import helper
from pace.pipeline import per_video


@functools.cache
def weight(path):
    return int(path.read_text())


def work(video_id, inputs, folder):
    """Product of the video's number, the weight and the helper's factor; each call leaves a mark."""
    root = inputs[0].parent
    with open(root / "log", "a") as file:
        file.write(video_id + "\\\\n")
    (folder / "out.txt").write_text("half")
    if (root / "hang").exists() and video_id in (root / "hang").read_text():
        time.sleep(60)
    if inputs[0].read_text() == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if inputs[0].read_text() == "bad":
        raise ValueError(f"{inputs[0]}: not a number")
    (folder / "out.txt").write_text(str(int(inputs[0].read_text()) * weight(inputs[1]) * helper.FACTOR))


if __name__ == "__main__":
    names, params = sys.argv[1], json.loads(sys.argv[2])
    inputs = {name: (Path(f"{name}.in"), Path("weight")) for name in names}
    per_video.map_videos("work", work, inputs, {"out.txt": Path("out/{id}.txt")}, params)
'''.replace("\\\\", "\\")


class Project:
    """A project of one step over videos a, b, c ... whose numbers are 1, 2, 3 ..."""

    def __init__(self, folder: Path, workers: int = 1, dask: str = ""):
        self.folder = folder
        for name in ("pace", "stages"):
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").touch()
        shutil.copytree(ROOT / "pace/pipeline", folder / "pace/pipeline")
        (folder / "stages/work.py").write_text(WORK)
        (folder / "pace/helper.py").write_text("FACTOR = 10\n")
        (folder / "pace/other.py").write_text("NUMBER = 1\n")
        (folder / "weight").write_text("1")
        for index, name in enumerate("abcdefgh"):
            (folder / f"{name}.in").write_text(str(index + 1))
        self.environment = environment(PACE_WORKERS=str(workers), PACE_DASK=dask)

    def start(self, names: str, params: object = None) -> subprocess.Popen:
        (self.folder / "log").write_text("")
        return subprocess.Popen(
            [sys.executable, "-m", "stages.work", names, json.dumps(params)],
            cwd=self.folder, env=self.environment, start_new_session=True, text=True, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, names: str, params: object = None) -> tuple[str, dict[str, str]]:
        """The videos that the step was called for, sorted, and all results."""
        process = self.start(names, params)
        errors = process.communicate(timeout=60)[1]
        assert process.returncode == 0, errors
        return self.called(), self.results()

    def called(self) -> str:
        return "".join(sorted((self.folder / "log").read_text().split()))

    def results(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in (self.folder / "out").glob("*.txt")}


def environment(**values: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "PYTHONPATH")}
    return {**kept, "OMP_NUM_THREADS": "1", **values}


def products(names: str, factor: int = 10) -> dict[str, str]:
    return {name: str(factor * (ord(name) - ord("a") + 1)) for name in names}


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """Address of a Dask scheduler with two worker processes in a folder from which the project cannot be imported."""
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-m", "dask"]
    common = ["--scheduler-file", str(folder / "scheduler.json"), "--dashboard-address", ":0", "--no-dashboard"]
    commands = (
        [*command, "scheduler", "--host", "127.0.0.1", "--port", "0", *common],
        [*command, "worker", "--nworkers", "2", "--nthreads", "1", *common],
    )
    settings = environment(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")  # a dead worker's item is not tried again
    processes = [
        subprocess.Popen(line, cwd=folder, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for line in commands
    ]
    try:
        wait_for(lambda: (folder / "scheduler.json").is_file() and (folder / "scheduler.json").read_text())
        yield json.loads((folder / "scheduler.json").read_text())["address"]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(10)


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize(("workers", "hanging", "redone"), [(1, "c", "cdef"), (2, "cd", "cdef")])
def test_killed_run_goes_on_where_it_stopped(tmp_path, workers, hanging, redone):
    """Killed while videos are half done: these and the ones after them are done again, the others are not."""
    project = Project(tmp_path / "project", workers)
    (project.folder / "hang").write_text(hanging)
    process = project.start("abcdef")
    wait_for(lambda: set(hanging) <= set(project.called()) and len(project.results()) == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and project.results() == products("ab")
    (project.folder / "hang").unlink()
    assert project.run("abcdef") == (redone, products("abcdef"))
    assert not list((project.folder / ".resume/work").glob("*.partial"))
    assert project.run("abcdef") == ("", products("abcdef"))


@pytest.mark.long
def test_extended_list_and_what_changes_redo_only_what_they_must(tmp_path):
    project = Project(tmp_path / "project")
    assert project.run("abc") == ("abc", products("abc"))
    assert project.run("abcd") == ("d", products("abcd"))
    (project.folder / "pace/other.py").write_text("NUMBER = 2\n")  # imported by nothing that the step runs
    assert project.run("abcd") == ("", products("abcd"))
    assert project.run("abcd", params={"x": 1}) == ("abcd", products("abcd"))
    (project.folder / "pace/helper.py").write_text("FACTOR = 20\n")  # imported by the step
    assert project.run("abcd", params={"x": 1}) == ("abcd", products("abcd", 20))


@pytest.mark.long
def test_cluster_keeps_the_store_and_sees_new_code_and_files(tmp_path, dask):
    """Its workers live on from run to run, and are elsewhere: neither their folder nor what they loaded may count."""
    project = Project(tmp_path / "project", dask=dask)
    assert project.run("abc") == ("abc", products("abc"))
    assert project.run("abcd") == ("d", products("abcd"))
    project.environment["PACE_DASK"] = ""
    assert project.run("abcde") == ("e", products("abcde"))
    project.environment["PACE_DASK"] = dask
    (project.folder / "pace/helper.py").write_text("FACTOR = 20\n")
    assert project.run("abcde") == ("abcde", products("abcde", 20))
    (project.folder / "weight").write_text("3")
    assert project.run("abcde") == ("abcde", products("abcde", 60))
    (project.folder / "b.in").write_text("bad")
    expected = products("acde", 60)
    assert project.run("abcde") == ("b", expected)
    failures = json.loads((project.folder / "out/failures.json").read_text())
    assert failures == {"b": "b.in: not a number"}  # not where the folder happens to lie
    other = Project(tmp_path / "other", dask=dask)
    (other.folder / "pace/helper.py").write_text("FACTOR = 30\n")
    assert other.run("ab") == ("ab", products("ab", 30))


@pytest.mark.long
def test_a_video_that_kills_its_worker_on_the_cluster_stops_no_other(tmp_path, dask):
    project = Project(tmp_path / "project", dask=dask)
    (project.folder / "b.in").write_text("die")
    process = project.start("abcdef")
    assert process.communicate(timeout=60)[1] and process.returncode == 0
    assert project.results() == products("acdef")
    failures = json.loads((project.folder / "out/failures.json").read_text())
    assert failures == {"b": f"b.in: {dask_cluster.DIED}"}


def test_worker_with_other_code_is_refused(tmp_path):
    task = per_video._Task(per_video.map_videos, tmp_path, tmp_path, "base", "another digest", {})
    with pytest.raises(RuntimeError, match="other code than that in"):
        task("a", ())


def use_dask(monkeypatch, tmp_path, address):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_DASK", address)
    per_video.map_videos("none", functools.partial(print), {"a": ()}, {"out.txt": tmp_path / "out/{id}.txt"}, {})


@pytest.mark.long
def test_unusable_clusters_are_named(monkeypatch, tmp_path):
    from distributed import LocalCluster

    monkeypatch.setattr(dask_cluster, "TIMEOUT", 0.5)
    with pytest.raises(RuntimeError, match=r"PACE_DASK is tcp://127\.0\.0\.1:1, where no Dask scheduler answers"):
        use_dask(monkeypatch, tmp_path, "tcp://127.0.0.1:1")
    options = {"processes": False, "dashboard_address": ":0", "host": "127.0.0.1", "protocol": "tcp"}
    with (
        LocalCluster(n_workers=0, **options) as empty,
        pytest.raises(RuntimeError, match="a scheduler without workers; start `dask worker"),
    ):
        use_dask(monkeypatch, tmp_path, empty.scheduler_address)
    with (
        LocalCluster(n_workers=1, threads_per_worker=2, **options) as threaded,
        pytest.raises(RuntimeError, match="workers of 2 threads"),
    ):
        use_dask(monkeypatch, tmp_path, threaded.scheduler_address)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RuntimeError, match=r"pip install -r requirements-dask\.txt"):
        use_dask(monkeypatch, tmp_path, "tcp://127.0.0.1:1")
    assert (ROOT / "requirements-dask.txt").is_file()


@pytest.mark.long
def test_a_stage_is_the_same_on_one_worker_two_and_a_cluster(tmp_path, dask):
    """Keypoints by RTMPose stubs, with a bad video among them, byte for byte."""
    (tmp_path / "data/decoded").mkdir(parents=True)
    for index in range(5):
        frames = [stub_onnx.picture((50 + index + 2 * i, 60)) if index else stub_onnx.picture() for i in range(12)]
        writing.write_video(tmp_path / f"data/decoded/v{index}.mp4", frames, 30)
    content = read(ROOT / "params.yaml")
    content["keypoints"] |= {"backend": "rtmpose", "rtmpose_det": "det.onnx", "rtmpose_pose": "pose.onnx"}
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    stub_onnx.detector(tmp_path / "det.onnx")
    stub_onnx.pose(tmp_path / "pose.onnx")
    results = []
    for number, settings in enumerate(({"PACE_WORKERS": "1"}, {"PACE_WORKERS": "2"}, {"PACE_DASK": dask})):
        values = environment(PYTHONPATH=str(ROOT), DVC_ROOT=str(tmp_path / f"store{number}"), **settings)
        command = [sys.executable, "-m", "stages.keypoints"]
        done = subprocess.run(command, cwd=tmp_path, env=values, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "keypoints: v0: data/decoded/v0.mp4: no person" in done.stderr
        results.append({path.name: path.read_bytes() for path in (tmp_path / "data/keypoints").iterdir()})
    assert set(results[0]) == {*(f"v{index}.npz" for index in range(1, 5)), "failures.json"}
    assert results[0] == results[1] == results[2]
    assert len({results[0][f"v{index}.npz"] for index in range(1, 5)}) == 4
    failures = results[0]["failures.json"].decode()
    assert "no person" in failures and str(tmp_path) not in failures
