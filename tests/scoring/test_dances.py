"""`python -m pace score --dances`: music of dances without true music, by its alignment alone."""

import csv
import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from pace import __main__
from pace.scoring import dances

ROOT = Path(__file__).resolve().parents[2]
SR, FPS, SECONDS = 22050, 30, 8.0
TEMPI = {f"d{bpm}": bpm for bpm in (84, 92, 101, 110, 120, 131)}


def bobbing(bpm, first=0.3):
    """A body (N,17,3) that rests at each beat, moving up in one and down in the next."""
    time = np.arange(round(SECONDS * FPS)) / FPS
    height = np.cos(np.pi * (time - first) * bpm / 60)
    joints = np.random.default_rng(3).normal(size=(17, 3))
    return joints + 0.3 * height[:, None, None] * np.linspace(0.2, 1, 17)[:, None]


def music(bpm, first=0.3):
    return librosa.clicks(times=np.arange(first, SECONDS, 60 / bpm), sr=SR, length=round(SECONDS * SR))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Six dances; `good` has music in time with each, `other` that of the next dance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    for folder in ("data/none", "poses", "good", "other"):
        (tmp_path / folder).mkdir(parents=True)
    for (name, bpm), following in zip(TEMPI.items(), [*[*TEMPI.values()][1:], 84], strict=True):
        np.savez(f"poses/{name}.npz", pose=bobbing(bpm).astype(np.float32), fps=np.float32(FPS))
        soundfile.write(f"good/{name}_gen.wav", music(bpm), SR)
        soundfile.write(f"other/{name}.wav", music(following), SR)
    return tmp_path


def command(*arguments):
    __main__.main(["score", "--dances", "poses", *map(str, arguments)])


@pytest.mark.long
def test_own_music_against_that_of_all_other_dances(folders, capsys):
    soundfile.write("good/stranger.wav", music(100), SR)
    Path("good/d84_gen.wav").write_text("no music")
    command("good", "other", "--out", "table.json")
    said = capsys.readouterr().out
    result = json.loads(Path("table.json").read_text())
    good, other, clock = (result["rows"][row] for row in ("good", "other", "clock"))
    assert (good["dances"], other["dances"], clock["dances"]) == (5, 6, 6)
    for figure in ("bas", "bas_music"):
        assert good["own"][figure] > 0.8 > 0.5 > good["others"][figure]
        assert good["difference"][figure] == pytest.approx(good["own"][figure] - good["others"][figure], abs=1e-5)
        low, high = good["interval"]["difference"][figure]
        assert 0 < low < good["difference"][figure] < high
        assert clock["own"][figure] is not None
    assert other["difference"]["bas"] < 0.1 and other["interval"]["difference"]["bas"][0] < 0
    assert result["not_above_clock"] == {"good": [], "other": []}  # a body at rest on the beat: its clock is early
    assert result["files"]["unmatched"] == {"good": {"dances": 0, "music": 1}}
    assert "d84" in result["files"]["unreadable"]["good"]
    assert "good: 0 dances without music, 1 music files without a dance" in said
    assert "beats heard by librosa, 30 ms taken off, in all rows alike" in said
    assert max(map(len, said.splitlines()[:9])) <= 100


@pytest.mark.long
def test_csv_and_markdown(folders):
    command("good", "--out", "table.csv", "--name", "ours")
    with open("table.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [record["row"] for record in table] == ["ours", "clock"]
    assert float(table[0]["own_bas_low"]) <= float(table[0]["own_bas"]) <= float(table[0]["own_bas_high"])
    command("good", "--out", "table.md", "--name", "ours")
    assert Path("table.md").read_text().splitlines()[4].startswith("| ours | 6 | ")


def test_a_dance_at_rest_or_without_a_counterpart_is_named(folders, capsys):
    np.savez("poses/d84.npz", pose=np.ones((240, 17, 3), np.float32), fps=np.float32(FPS))
    Path("good/d92_gen.wav").unlink()
    command("good")
    said = capsys.readouterr().out
    assert "d84: not scored: d84.npz: its dance has no beats" in said
    assert "good: 1 dances without music, 0 music files without a dance" in said


def test_a_file_that_is_no_pose_and_music_that_cannot_be_read_cost_themselves_alone(folders, capsys):
    names = sorted(TEMPI)
    Path(f"poses/{names[0]}.npz").write_bytes(b"no pose")
    for path in Path("other").iterdir():
        path.write_bytes(b"no music")
    command("good", "other", "--out", "all.json")
    said, result = capsys.readouterr().out, json.loads(Path("all.json").read_text())
    assert f"{names[0]}: not scored: " in said and f"other: {names[1]}: not scored: " in said
    assert {name: row["dances"] for name, row in result["rows"].items()} == {"good": 5, "other": 0, "clock": 5}
    assert result["rows"]["other"]["own"] == {}


def test_music_that_is_no_better_than_the_clock_is_marked():
    values = {f"d{i}": {"alignment": {"bas": 0.5 + 0.01 * i, "bas_music": 0.5}} for i in range(6)}
    better = {
        name: {"alignment": {"bas": one["alignment"]["bas"] + 0.2, "bas_music": 0.5}} for name, one in values.items()
    }
    assert dances.not_above(better, values, {name: name for name in values}) == ["bas_music"]


def test_a_pair_is_compared_as_long_as_both_last():
    dance, short = dances.Heard(np.array([1.0, 2.0, 3.0]), 4.0), dances.Heard(np.array([1.0]), 1.5)
    assert dances.align(dance, short)["alignment"] == {"bas": 1.0, "bas_music": 1.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good", "--vae", "x"], "--vae needs true music: it cannot be given with --dances"),
        (["good", "--protocols", "strict"], "--protocols needs true music"),
        (["poses"], "no music file in it"),
        (["good", "--suffixes", "_x"], "no music has the name of a pose in poses, such as 'd101'; see --suffixes"),
    ],
)
def test_what_is_wrong_is_named(folders, arguments, message):
    with pytest.raises(SystemExit) as error:
        command(*arguments)
    assert message in str(error.value)


def test_without_dances_a_system_is_needed(folders):
    with pytest.raises(SystemExit, match="no GENERATED_DIR: give the folder of the true music"):
        __main__.main(["score", "good"])
