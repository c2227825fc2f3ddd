"""Many calls in worker processes: what one of them does to itself, none of the others feels."""

import os
import signal
import subprocess
import sys
import time

import pytest
from helpers import misbehaving
from helpers.projects import ROOT

from pace.pipeline import isolated

REASONS = {
    "memory": "MemoryError: not enough memory; fewer worker processes (PACE_WORKERS) need less",
    "type": 'TypeError: can only concatenate str (not "int") to str',
    "assertion": "AssertionError",
    "zero": "ZeroDivisionError: division by zero",
    "recursion": "RecursionError: maximum recursion depth exceeded",
    "unicode": "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    "key": "KeyError: 'part'",
    "unpicklable": "Unpicklable",
    "two": "NeedsTwo: one and two",
    "panic": "Panic: index out of bounds",
    "lines": "first second",
}
DEATHS = {
    "segv": "its worker process died (SIGSEGV)",
    "abort": "its worker process died (SIGABRT)",
    "killed": "its worker process was killed (SIGKILL), perhaps because memory ran out; see PACE_WORKERS",
    "exit": "its worker process ended with status 3",
}


def outcomes(names, workers, call=misbehaving.act):
    return dict(isolated.run("act", call, {name: (name,) for name in names}, workers))


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_every_exception_fails_its_item_alone(workers):
    ended = outcomes(["a", *misbehaving.RAISED, "b"], workers)
    assert {name: outcome.value for name, outcome in ended.items() if not outcome.reason} == {"a": "a", "b": "b"}
    reasons = {name: outcome.reason for name, outcome in ended.items() if outcome.reason}
    assert {name: reasons[name] for name in REASONS} == REASONS
    assert reasons["opencv"].startswith("error: OpenCV") and "\n" not in reasons["opencv"]
    assert reasons["av"].startswith("ExternalError: ") and "x.mp4" in reasons["av"]
    assert all("Traceback" in ended[name].trace for name in reasons if name != "unpicklable")
    assert "in act" in ended["type"].trace


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_dead_process_fails_its_item_alone(workers):
    healthy = [f"v{number}" for number in range(6)]
    ended = outcomes(["segv", *healthy[:3], "killed", "exit", *healthy[3:], "abort"], workers)
    assert {name: outcome.value for name, outcome in ended.items() if not outcome.reason} == {v: v for v in healthy}
    assert {name: outcome.reason for name, outcome in ended.items() if outcome.reason} == DEATHS
    assert "in act" in ended["segv"].trace and not ended["killed"].trace  # the stack at the crash


@pytest.mark.long
def test_what_killed_a_process_once_is_tried_again_alone(tmp_path):
    """Memory that others took, or what an earlier item left behind: not the item's fault."""
    items = {name: (tmp_path, name) for name in ("killed", "segv", "a", "b")}
    ended = dict(isolated.run("act", misbehaving.act_once, items, 2))
    assert {name: outcome.value for name, outcome in ended.items()} == {name: name for name in items}


@pytest.mark.long
def test_results_and_arguments_that_cannot_be_pickled_fail_their_item():
    items = {"a": ("a",), "result": ("result",), "argument": (lambda: None,)}
    ended = dict(isolated.run("act", misbehaving.act, items, 1))
    assert ended["a"].value == "a"
    assert all("pickle" in ended[name].reason for name in ("result", "argument"))


@pytest.mark.long
def test_a_process_takes_one_item_after_another():
    names = [str(number) for number in range(20)]
    used = {outcome.value for outcome in outcomes(names, 2, misbehaving.process).values()}
    assert len(used) == 2 and os.getpid() not in used
    assert {outcome.value for outcome in outcomes("ab", 0, misbehaving.process).values()} == {os.getpid()}


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_interrupt_and_exit_end_the_run(workers):
    with pytest.raises(KeyboardInterrupt):
        outcomes(["a", "interrupt", "b"], workers)
    with pytest.raises(SystemExit) as ended:
        outcomes(["a", "sys.exit", "b"], workers)
    assert ended.value.code == 7


@pytest.mark.long
def test_an_item_beyond_the_time_limit_is_given_up(monkeypatch):
    monkeypatch.setenv("PACE_TIMEOUT", "1.5")
    ended = outcomes(["slow60", "a", "b"], 1)
    assert ended["slow60"].reason == "not done after 1.5 s, the limit that PACE_TIMEOUT sets"
    assert ended["a"].value == "a" and ended["b"].value == "b"


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.long)])
def test_a_long_item_is_told_once(monkeypatch, capsys, workers):
    monkeypatch.setenv("PACE_STALL", "0.2")
    outcomes(["a", "slow1.0"], workers)
    said = capsys.readouterr().err
    assert said.count("act: still working on slow1.0 after 0.") == 1 and "Ctrl-C" in said
    assert workers or " on a " not in said  # a process also takes its time to start


@pytest.mark.parametrize(("name", "value"), [("PACE_STALL", "0"), ("PACE_TIMEOUT", "ten"), ("PACE_STALL", "nan")])
def test_a_limit_that_is_no_time_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} is '{value}'; set it to a number of seconds"):
        outcomes("a", 0)


SCRIPT = """
import sys
from helpers import misbehaving
from pace.pipeline import isolated
for name, outcome in isolated.run("act", misbehaving.process, {"a": ("a",)}, 1):
    print(outcome.value, flush=True)
for name, _ in isolated.run("act", misbehaving.act, {"a": ("a",), "slow60": ("slow60",)}, 2):
    print(name, flush=True)
"""


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_run_that_is_stopped(number):
    """Only the parent gets the signal: its processes end with it, even in the middle of an item."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # nohup has it ignored
    )  # fmt: skip
    assert process.stdout.readline().strip().isdigit() and process.stdout.readline() == "a\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    end = time.monotonic() + 5
    while group_exists(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not group_exists(process.pid)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
