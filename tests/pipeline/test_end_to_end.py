"""The whole pipeline at the tiny preset in a fresh copy: it ends in sound metrics, and reruns only what must be."""

import json
import math
import re
from pathlib import Path

import pytest
from helpers.projects import copy_project, run

pytestmark = pytest.mark.long

ROWS = ("truth", "mel", "ceiling", "generated", "clock", "retrieval", "shuffled", "random")
ROWS += ("clicks", "clicks120", "delayed")
METRICS = {
    "d2mgan": ("bcs", "csd", "bhs", "hsd", "f1"),
    "loris": ("bcs", "csd", "bhs", "hsd", "f1"),
    "strict": (
        "onset_f70", "onset_f50", "beat_f70", "beat_f35", "cmlt", "amlt", "information_gain",
        "tempo_error_bpm", "tempo_error_octave_bpm",
    ),
    "dynamics": ("loudness", "density"),
    "alignment": ("bas", "bas_music"),
}  # fmt: skip
UPSTREAM = ("synthesise", "index", "decode", "keypoints", "lift", "energy", "embed_motion", "mel", "train_vae")

# Other tests run beside: threads that wait for each other would make this several times slower.
ONE_CORE = {"PACE_WORKERS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory) -> Path:
    """A copy in which `dvc repro` ran once at the tiny preset."""
    project = copy_project(tmp_path_factory.mktemp("tiny"))
    (project / "dvc.lock").unlink(missing_ok=True)
    run(project, "python", "-m", "pace", "preset", "tiny", "--write")
    run(project, "dvc", "repro", **ONE_CORE)
    run(project, "git", "add", "-A")
    run(project, "git", "commit", "-q", "-m", "tiny")
    return project


def ran(output: str) -> set[str]:
    """The stages that DVC ran, by its output."""
    return set(re.findall(r"Running stage '(?:[^']*:)?(\w+)'", output))


def test_metrics_are_complete_and_sound(reproduced):
    metrics = json.loads((reproduced / "reports/metrics.json").read_text())
    assert set(metrics["rhythm"]) == set(ROWS)
    for row in ROWS:
        for protocol, names in METRICS.items():
            values = metrics["rhythm"][row][protocol]
            assert set(values) == set(names), (row, protocol)
            if protocol == "dynamics":  # missing where the music does not change, as of clicks
                assert all(value is None or -1 <= value <= 1 for value in values.values()), row
                continue
            assert all(math.isfinite(value) and value >= 0 for value in values.values()), (row, protocol)
            if protocol == "strict":
                assert all(values[name] <= 1 for name in names[:7])
    assert metrics["rhythm"]["truth"]["loris"]["f1"] == 100
    assert metrics["rhythm"]["truth"]["strict"]["onset_f50"] == 1
    assert metrics["rhythm"]["truth"]["dynamics"]["loudness"] in (1, None)
    assert metrics["rhythm"]["generated"] != metrics["rhythm"]["ceiling"]
    for row in ("ceiling", "generated", "random", "clicks", "delayed"):
        distance = metrics["fad"][row]["descriptors"]
        assert (distance["n"], distance["d"]) == (10, 38), row
        assert math.isfinite(distance["fad"]) and distance["fad"] > 0, row
    assert set(metrics["fad"]["not_computed"]) == {"vggish", "cnn14", "clap"}
    assert metrics["fad"]["warning"]["descriptors"].startswith("n = 10 rows of 2 clips, not above d = 38")
    assert metrics["data"]["test_videos"] == 2
    assert metrics["data"]["test_clips"] == 2
    assert metrics["data"]["failed_videos"] == 0
    assert metrics["pose"]["pck10"] >= 0.9
    for section in ("lift", "vae"):
        assert metrics[section]
    by_third = metrics["strength"]  # two dances are one of each
    assert {third: entry["dances"] for third, entry in by_third.items()} == {"weak": 1, "strong": 1}
    assert by_third["weak"]["strength"][1] < by_third["strong"]["strength"][0]
    assert by_third["weak"]["rhythm"]["truth"] != by_third["strong"]["rhythm"]["truth"]


def test_every_clip_has_music_of_five_seconds(reproduced):
    import soundfile

    waves = sorted((reproduced / "data/generated").glob("*.wav"))
    assert len(waves) == 2
    signals = [soundfile.read(path)[0] for path in waves]
    assert all(len(signal) == 110_250 and signal.std() > 1e-4 for signal in signals)
    assert abs(signals[0] - signals[1]).max() > 1e-3


def test_report_shows_every_file_that_it_names(reproduced):
    page = (reproduced / "reports/index.html").read_text()
    named = re.findall(r'(?:src|href)="([^"#:]+)"', page)
    assert any(name.endswith(".mp4") for name in named)
    assert all((reproduced / "reports" / name).is_file() for name in named)


def test_metrics_are_readable_by_dvc(reproduced):
    shown = json.loads(run(reproduced, "dvc", "metrics", "show", "--json"))
    assert "reports/metrics.json" in json.dumps(shown)
    assert "generated.strict.beat_f70" in run(reproduced, "dvc", "metrics", "diff", "--all", "HEAD")


def test_second_run_does_nothing(reproduced):
    output = run(reproduced, "dvc", "repro")
    assert ran(output) == set()
    assert "up to date" in output
    assert run(reproduced, "git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_clone_with_an_empty_cache_makes_the_same_lock_files(reproduced, tmp_path):
    """It runs every stage, trains every network, and every output has the same bytes."""
    run(tmp_path, "git", "clone", "-q", str(reproduced), "clone")
    clone = tmp_path / "clone"
    assert {"synthesise", "pretrain_motion", "train_vae", "train_diffusion"} <= ran(
        run(clone, "dvc", "repro", **ONE_CORE)
    )
    assert run(clone, "git", "status", "--porcelain") == ""


def test_compose_gives_a_video_its_music(reproduced, tmp_path):
    import numpy as np

    from pace.media.sound_track import read_audio
    from pace.media.video import probe

    video = next((reproduced / "data/synthetic/videos").glob("*test*.mp4"))
    out = tmp_path / "out.mp4"
    output = run(reproduced, "python", "-m", "pace", "compose", str(video), "-o", str(out))
    assert "person found in" in output
    source, composed = probe(video), probe(out)
    assert composed.has_audio
    assert composed.duration_s == pytest.approx(source.duration_s, abs=0.05)
    music = read_audio(out)
    assert len(music) / 22_050 == pytest.approx(source.duration_s, abs=0.05)
    assert np.std(music) > 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("where", ["workspace", "temp", "queue"])
def test_experiment_reruns_from_train_diffusion_on(reproduced, where):
    """Other heads than the 4 of params.yaml, each once: the stages before train_diffusion stay as they are."""
    heads = {"workspace": 2, "temp": 1, "queue": 8}[where]
    command = ["dvc", "exp", "run", "-n", f"heads-{where}", "-S", f"encoder.heads={heads}"]
    if where == "queue":
        run(reproduced, *command, "--queue")
        output = run(reproduced, "dvc", "exp", "run", "--run-all")
    else:
        output = run(reproduced, *command, *(["--temp"] if where == "temp" else []))
    assert ran(output) == {"train_diffusion", "sample", "evaluate", "report"}
    shown = run(reproduced, "dvc", "exp", "show", "--json")
    assert f"heads-{where}" in shown
    run(reproduced, "git", "checkout", "-q", "--", ".")
    run(reproduced, "dvc", "checkout", "--quiet")
