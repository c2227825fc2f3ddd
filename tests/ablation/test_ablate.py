"""`python -m pace ablate` on a toy project: experiments, their table by hand, reruns, a failing variant, Ctrl-C."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import toy_project as toy
from helpers.projects import ROOT, run

from pace.ablation import results

pytestmark = pytest.mark.long


def ablate(project: Path, *arguments: str, status: int = 0) -> str:
    """Run the command with this checkout's code; `status` is what it must end with."""
    script = f"python -m pace ablate {' '.join(arguments)} 2>&1; test $? = {status}"
    return run(project, "bash", "-c", script, PYTHONPATH=str(ROOT))


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return toy.make(tmp_path_factory.mktemp("ablate"))


@pytest.fixture(scope="module")
def ablated(project) -> tuple[Path, str]:
    """The toy after `ablate --jobs 2`, with an edit in its params.yaml that is not committed, and its output."""
    (project / "params.yaml").write_text(toy.PARAMS + "# an edit\n")
    return project, ablate(project, "--jobs", "2", status=1)


def table(project: Path) -> dict[str, dict[str, str]]:
    with open(project / "reports/ablation/table.csv", newline="") as file:
        return {line["variant"]: line for line in csv.DictReader(file)}


@pytest.mark.slow
def test_shared_work_is_done_once_and_the_workspace_stays(ablated):
    """prepare once in the workspace; base and steps have one training, which the second takes from the cache."""
    project, output = ablated
    trained = ["train 1 0 2", "train 13 0 2", "train 2 0 2"]
    assert toy.ran(project) == ["evaluate 1 0 2", "evaluate 1 0 5", "evaluate 2 0 2", "prepare 1 0 2", *trained]
    assert "4 runs share prepare" in output
    assert (project / "params.yaml").read_text() == toy.PARAMS + "# an edit\n"
    assert run(project, "git", "status", "--porcelain").split("\n") == [
        "A  dvc.lock",
        " M params.yaml",
        "?? reports/",
        "",
    ]
    assert not (project / "model.json").exists() and not (project / "reports/metrics.json").exists()
    assert run(project, "git", "stash", "list") == ""


def test_the_table_by_hand(ablated):
    project, _ = ablated
    lines = table(project)
    base, wide, steps = (lines[name] for name in ("base", "wide", "steps"))
    beats = 0.1 * np.arange(6) + 0.02 + 0.1 * (np.arange(6) % 2)
    assert float(base["strict_beat_f70"]) == pytest.approx(beats.mean())
    dances = beats.reshape(3, 2).mean(axis=1)  # three dances: the extremes of 10,000 resamples are their own
    assert (float(base["strict_beat_f70_low"]), float(base["strict_beat_f70_high"])) == pytest.approx(
        (dances.min(), dances.max())
    )
    bcs, bhs = 80 + np.arange(6), 90 - np.arange(6)
    assert float(base["loris_csd"]) == pytest.approx(bcs.std(ddof=1), abs=1e-5)
    assert float(base["loris_f1"]) == pytest.approx(2 * 82.5 * 87.5 / 170, abs=1e-5)
    assert float(base["loris_bhs"]) == bhs.mean()
    assert base["strict_beat_f70_change"] == "" and base["paper_loris_bcs"] == "98.39"
    for line, change in ((wide, 0.05), (steps, 0.03)):
        for field in ("change", "change_low", "change_high"):
            assert float(line[f"strict_beat_f70_{field}"]) == pytest.approx(change)
        assert float(line["loris_bcs_change"]) == 0 and float(line["loris_bcs_p"]) == 1
    assert (wide["fad_v"], base["fad_v"], wide["shuffled_beat_f70"]) == ("5.5", "4.5", "0.25")
    assert wide["ceiling_beat_f70"] == "0.9" and "vae_mel_l1" not in wide
    assert (wide["clips"], wide["dances"], wide["seeds"], wide["split"]) == ("6", "3", "0", "test")
    assert "fad_c" not in wide and "strict_beat_f70_spread" not in wide


def test_the_page(ablated):
    project, _ = ablated
    lines = (project / "reports/ablation/table.md").read_text().splitlines()
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines if "|" in line
    }
    heads = rows["variant"]
    base = dict(zip(heads, rows["**base**: the base"], strict=True))
    assert base["BCS"].startswith("82.5 [") and base["FAD_v"] == "4.50" and base["FAD_c"] == "not computed"
    assert base["shuffled beat F 70"] == "0.250" and base["change of beat F 70"] == ""
    paper = dict(zip(heads, rows["*PACE as the paper prints it, AIST++*"], strict=True))
    assert (paper["BCS"], paper["F1"], paper["FAD_c"], paper["beat F 70"]) == ("98.39", "98.67", "0.55", "")
    assert "*the paper prints no row for PACE-wide*" in rows
    wide = dict(zip(heads, rows["**wide**: wider"], strict=True))
    assert wide["change of beat F 70"] == "+0.050 [+0.050, +0.050]"
    assert float(wide["p after Holm"]) == pytest.approx(2 * float(wide["p"]), abs=0.001)  # the other is of `steps`
    assert "Split test, 6 clips of 3 dances; seeds 0; compared with base." in "\n".join(lines)


def test_a_failing_variant_has_its_row_with_the_reason(ablated):
    project, output = ablated
    assert table(project)["bad"]["failures"] == "seed 0: train: ValueError: width 13 is unlucky"
    text = (project / "reports/ablation/table.md").read_text()
    assert "| failed: train: ValueError: width 13 is unlucky |" in text
    (log,) = (project / ".resume/ablate").glob("bad-*.log")
    assert "ValueError: width 13 is unlucky" in log.read_text()
    assert "bad seed 0 test: FAILED" in output


def test_finished_runs_are_not_run_again_and_seeds_are_summed_up(ablated):
    """A commit in between does not matter. Seed 1 alone is new; its scores are 0.001 above those of seed 0."""
    project, _ = ablated
    run(project, "git", "commit", "-q", "-am", "another commit")
    before = toy.ran(project)
    output = ablate(project, "wide", "--seeds", "0,1", "--out", "reports/seeds")
    assert "4 runs, 2 already finished" in output
    assert sorted(set(toy.ran(project)) - set(before)) == [
        "evaluate 1 1 2", "evaluate 2 1 2", "train 1 1 2", "train 2 1 2",
    ]  # fmt: skip
    assert len(toy.ran(project)) == len(before) + 4
    with open(project / "reports/seeds/table.csv", newline="") as file:
        base, wide = csv.DictReader(file)
    assert (base["variant"], wide["variant"], wide["seeds"]) == ("base", "wide", "0 1")
    assert float(base["strict_beat_f70"]) == pytest.approx(0.32 + 0.0005)
    assert float(base["strict_beat_f70_spread"]) == pytest.approx(0.001 / np.sqrt(2), abs=1e-6)
    assert float(wide["strict_beat_f70_change"]) == pytest.approx(0.05)
    output = ablate(project, "wide", "--seeds", "0,1", "--out", "reports/seeds")
    assert "4 runs, 4 already finished" in output and "dvc repro" not in output
    assert len(toy.ran(project)) == len(before) + 4


def test_a_result_that_left_the_cache_is_reported(ablated):
    project, _ = ablated
    name, ref = next((name, ref) for name, ref in results.experiments(project).items() if name.startswith("steps-"))
    lock = run(project, "git", "show", f"{ref}:dvc.lock")
    digest = lock.split("reports/per_clip.csv")[1].split("md5:")[1].split()[0]
    path = project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(ValueError, match=f"gone .*`dvc exp remove {name}`"):
        results.read(project, ref)
    path.write_bytes(kept)
    assert list(results.read(project, ref).clips.index) == [f"c{clip}" for clip in range(6)]


def test_interrupted_in_the_middle_everything_is_as_before(project):
    """Ctrl-C with a finished, and a running experiment: no process, stash or temporary folder is left."""
    status = run(project, "git", "status", "--porcelain")
    command = [sys.executable, "-m", "pace", "ablate", "minutes", "--jobs", "2"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    quick = "quick-"
    for _ in range(600):
        if "train 60 0 2" in toy.ran(project) and any(name.startswith(quick) for name in results.experiments(project)):
            break
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted; finished runs are kept" in output
    assert run(project, "git", "status", "--porcelain") == status
    assert run(project, "git", "stash", "list") == ""
    assert run(project, "git", "symbolic-ref", "HEAD").startswith("refs/heads/")
    assert [path.name for path in (project / ".dvc" / "tmp" / "exps" / "standalone").iterdir()] == ["run"]
    (log,) = (project / ".resume/ablate").glob("slow-*.log")
    assert "KeyboardInterrupt" in log.read_text()
