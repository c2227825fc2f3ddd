"""Several jobs at a time: slots, shared work, failures, and jobs that another process runs."""

import fcntl
import sys
import threading
import time

import pytest

from pace.ablation import running
from pace.ablation.running import Job

CODE = """
import sys, time
name, seconds, fails = sys.argv[1:]
print("Reproducing experiment", name)
with open("spans.txt", "a") as file:
    file.write(f"{name} {time.monotonic()} start\\n")
time.sleep(float(seconds))
with open("spans.txt", "a") as file:
    file.write(f"{name} {time.monotonic()} end\\n")
if int(fails):
    print("Running stage 'train':")
    print("ValueError: of no use")
    sys.exit("ERROR: failed to reproduce 'train': exited with 1")
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "POLL", 0.02)
    ended = {}

    def job(name, *work, seconds=0.3, fails=0):
        command = (sys.executable, "-c", CODE, name, str(seconds), str(fails))
        return Job(name, name, command, tmp_path / "logs" / f"{name}.log", frozenset(work))

    def run(jobs, slots):
        bad = {job.name for job in jobs if job.command[-1] == "1"}
        running.run(jobs, slots, tmp_path, lambda name: name not in bad, lambda j, why, _: ended.update({j.name: why}))
        return ended, spans(tmp_path)

    return job, run


def spans(folder):
    times = {}
    for line in (folder / "spans.txt").read_text().splitlines():
        name, at, what = line.split()
        times.setdefault(name, {})[what] = float(at)
    return times


def apart(one, other):
    return one["end"] <= other["start"] or other["end"] <= one["start"]


def test_jobs_run_side_by_side_but_never_more_than_the_slots(play):
    job, run = play
    ended, times = run([job(name, name) for name in "abcd"], 2)
    assert ended == dict.fromkeys("abcd")
    for moment in (span["start"] for span in times.values()):
        assert sum(span["start"] <= moment < span["end"] for span in times.values()) <= 2
    assert not apart(times["a"], times["b"])


def test_jobs_with_work_in_common_wait_for_the_first(play):
    """b and c share a's training: they start when it is done, and then side by side; d does not wait."""
    job, run = play
    _, times = run([job("a", "train1"), job("b", "train1"), job("c", "train1"), job("d", "train2", seconds=0.1)], 2)
    assert apart(times["a"], times["b"]) and apart(times["a"], times["c"])
    assert not apart(times["a"], times["d"])
    assert not apart(times["b"], times["c"])


def test_a_failing_job_leaves_the_others_alone(play):
    job, run = play
    ended, times = run([job("bad", "x", seconds=0, fails=1), job("good", "x", seconds=0)], 1)
    assert ended == {"bad": "train: ValueError: of no use", "good": None}
    assert times["good"]["start"] > times["bad"]["end"]


def test_a_job_that_another_process_runs_is_waited_for_and_not_run(play, tmp_path):
    job, run = play
    theirs = job("theirs")
    theirs.log.parent.mkdir()
    log = open(theirs.log, "a")  # noqa: SIM115
    fcntl.flock(log, fcntl.LOCK_EX)
    threading.Timer(0.5, log.close).start()
    begin = time.monotonic()
    ended, times = run([theirs, job("ours", seconds=0)], 2)
    assert time.monotonic() - begin > 0.45
    assert ended == {"theirs": None, "ours": None}
    assert set(times) == {"ours"}


def test_environment_shares_the_machine():
    assert running.environment(0, 1, 1, {}, 8) == {"PYTHONUNBUFFERED": "1"}
    variables = running.environment(1, 3, 2, {"OMP_NUM_THREADS": "5"}, 8)
    assert variables == {
        "OMP_NUM_THREADS": "5", "PACE_WORKERS": "2", "CUDA_VISIBLE_DEVICES": "1", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    assert running.environment(2, 3, 2, {}, 2)["CUDA_VISIBLE_DEVICES"] == "0"
    assert running.environment(2, 3, 2, {}, 2)["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "Running stage 'models/pretrain/dvc.yaml:train':\n> python -m stages.train\nTraceback (most recent):\n"
            "  x\nValueError: no\nERROR: failed to reproduce 'models/pretrain/dvc.yaml:train': failed to run\nmore",
            "train: ValueError: no",
        ),
        ("WARNING: w\nERROR: failed to reproduce 'mel': output exists", "failed to reproduce 'mel': output exists"),
        ("ERROR: unexpected error - disk full\n", "unexpected error - disk full"),
        ("Killed\n", "ended without an error message; last line: Killed"),
        ("", "ended without any output"),
    ],
)
def test_reasons(log, reason):
    assert running.failure(log) == reason


def test_logs_are_read_without_colours_and_old_states_of_progress_bars(tmp_path):
    path = tmp_path / "a.log"
    assert running.read_log(path) == ""
    path.write_bytes(b"\x1b[31mRunning stage 'a':\x1b[39m\n 10%\r 90%\nRunning stage 'b/dvc.yaml:sample':\n")
    assert running.read_log(path) == "Running stage 'a':\n 90%\nRunning stage 'b/dvc.yaml:sample':"
    assert running.stage(running.read_log(path)) == "sample"
    assert running.stage("") == "starting"
