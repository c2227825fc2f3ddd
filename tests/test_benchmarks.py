"""Each benchmark at a minute scale: it runs, and its rows hold what was measured."""

import json

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import energy, mel, memory, rows, throughput

SMALL = rows.Scale(
    videos=1, seconds=5.0, fps=15.0, published_videos=1, motion=(("dim_feat", 16), ("mlp_ratio", 2)),
    long_motion=(("dim_feat", 16), ("mlp_ratio", 2)), width=1 / 32, short_side=48, crop=32, minutes=0.1,
    published_seconds=5.0, repeats=1, copies=2,
)  # fmt: skip


def test_energy_and_mel_are_written_as_a_table(tmp_path, capsys):
    benchmarks.main(["energy", "mel"], SMALL, tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["machine"]["cores"] >= 1
    found = {(row["benchmark"], row["what"]): row for row in content["rows"]}
    assert found["energy", "in memory"]["target"] == energy.TARGET == 200_000
    assert found["mel", "one clip in memory"]["target"] == mel.TARGET == 100
    assert all(row["value"] > 0 for row in content["rows"])
    said = capsys.readouterr().out
    assert "with its files" in said and "frames/s" in said


def test_unknown_name(tmp_path):
    with pytest.raises(SystemExit):
        benchmarks.main(["speed"], SMALL, tmp_path / "bench.json")


def test_throughput_has_every_stage_with_one_and_two_workers(tmp_path):
    found = throughput.rows(SMALL, tmp_path)
    stages = {"decode", "keypoints", "energy", "mel"}
    stages |= {
        f"{stage}, {size}" for stage in ("lift", "embed_motion", "embed_visual") for size in ("stand-in", "published")
    }
    assert {(row.what, row.workers) for row in found} == {(stage, n) for stage in stages for n in (1, 2)}
    assert all(row.value > 0 for row in found)


def test_memory_is_that_of_a_process_of_its_own(tmp_path):
    found = memory.rows(SMALL, tmp_path, ("decode", "keypoints", "lift", "mel"))
    assert [row.what for row in found] == ["decode", "keypoints", "lift", "mel", "lift, published"]
    assert "GB that 0.1 minutes add" in found[-1].note
    assert all(0.02 < row.value < 2 and row.target == 2 and row.met for row in found)


def test_targets():
    least, most = rows.Row("b", "x", 1.0, "s", target=2.0), rows.Row("b", "y", 1.0, "GB", target=2.0, at_most=True)
    assert (least.met, most.met, rows.Row("b", "z", 1.0, "s").met) == (False, True, None)
    lines = rows.table([least, most]).splitlines()
    assert ">= 2 MISSED" in lines[1] and "<= 2 met" in lines[2]
