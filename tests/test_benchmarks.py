"""Each benchmark at a tiny scale: it runs, and its rows hold the right numbers."""

import json

import numpy as np
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import embed_clips, energy, evaluation, generator, mel, memory, results, settings, throughput

SMALL = results.Scale(
    videos=1, seconds=5.0, fps=15.0, published_videos=1, motion=(("dim_feat", 16), ("mlp_ratio", 2)),
    long_motion=(("dim_feat", 16), ("mlp_ratio", 2)), width=1 / 32, short_side=48, crop=32, minutes=0.1,
    published_seconds=5.0, repeats=1, copies=2, preset="tiny", batch=2, compiled=False, sampling_steps=2,
    scored_clips=4, embedded_clips=2, audio_networks="small",
)  # fmt: skip


def test_energy_and_mel_are_written_as_a_table(tmp_path, capsys):
    benchmarks.main(["energy", "mel"], SMALL, tmp_path / "bench.json")
    content = json.loads((tmp_path / "bench.json").read_text())
    assert content["machine"]["cores"] >= 1
    by_name = {(row["benchmark"], row["what"]): row for row in content["rows"]}
    assert by_name["energy", "in memory"]["target"] == energy.TARGET == 200_000
    assert by_name["mel", "one clip in memory"]["target"] == mel.TARGET == 100
    assert all(row["value"] > 0 for row in content["rows"])
    said = capsys.readouterr().out
    assert "with its files" in said and "frames/s" in said


def test_unknown_name(tmp_path):
    with pytest.raises(SystemExit):
        benchmarks.main(["speed"], SMALL, tmp_path / "bench.json")


@pytest.mark.slow
def test_throughput_has_every_stage_with_one_and_two_workers(tmp_path):
    rows = throughput.rows(SMALL, tmp_path)
    stages = {"decode", "keypoints", "energy", "mel"}
    stages |= {
        f"{stage}, {size}" for stage in ("lift", "embed_motion", "embed_visual") for size in ("stand-in", "published")
    }
    assert {(row.what, row.workers) for row in rows} == {(stage, n) for stage in stages for n in (1, 2)}
    assert all(row.value > 0 for row in rows)


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(tmp_path):
    rows = memory.rows(SMALL, tmp_path, ("decode", "keypoints", "lift", "mel"))
    assert [row.what for row in rows] == ["decode", "keypoints", "lift", "mel", "lift, published"]
    assert "GB that 0.1 minutes add" in rows[-1].note
    assert all(0.02 < row.value < 2 and row.target == 2 and row.met for row in rows)


@pytest.mark.slow
def test_generator_is_compared_with_diffusers(tmp_path):
    rows, cuda = generator.rows(SMALL, tmp_path), generator.torch.cuda.is_available()
    assert all(row.value > 0 for row in rows)
    units = {(row.what, row.unit) for row in rows}
    assert {(f"sampling, {name}", "ms/clip") for name in generator.samplers.SAMPLERS} < units
    for name in ("tiny", "default"):
        assert {(f"training step, {name}", unit) for unit in ("samples/s", "GFLOP/s")} < units
        assert {(f"VAE {way}, {name}", "ms/clip") for way in ("encode", "decode")} < units
    ratios = [row for row in rows if row.unit == "times"]
    assert {row.what for row in ratios} == {
        f"U-Net step, ours / {name}" for name in ("diffusers", "diffusers' scripts")
    }
    assert generator.RATIO == 1.2 and {row.target for row in ratios} == {None if cuda else generator.RATIO}


@pytest.mark.slow
def test_evaluation_scores_clips_and_embeds_them(tmp_path):
    rows = evaluation.rows(SMALL, tmp_path, ("vggish",))
    assert all(row.value > 0 for row in rows)
    assert [(row.what, row.unit, row.workers) for row in rows] == [
        ("all protocols", "clips/s", 1),
        ("all protocols", "clips/s", 2),
        ("all protocols", "GB", 1),
        ("all protocols", "GB", 2),
        ("all protocols, ceiling", "clips/s", 2),
        ("all protocols, ceiling", "GB", 2),
        ("shuffled pairs", "pairs/s", 1),
        ("embeddings, vggish", "ms/clip", 1),
        ("embeddings, vggish", "GB", 1),
        *((f"distance, {name}", "s/row", None) for name in embed_clips.NETWORKS),
    ]
    # Reference, system, three controls, and the ceiling; four clips make twelve pairs.
    assert rows[0].note.startswith("5 sounds each, ") and rows[4].note.startswith("6 sounds each, ")
    assert "12 pairs" in rows[6].note
    whole = float(rows[0].note.split(", ")[1].split(" s for 234")[0])
    assert whole == pytest.approx(234 / rows[0].value, rel=0.01)
    one, two, with_ceiling = (rows[i].value for i in (2, 3, 5))
    assert 0.2 < one < two < with_ceiling < 4  # workers that rebuild have PyTorch loaded
    assert int(rows[3].note.split(" processes")[0].split()[-1]) >= 3  # two workers and the process that waits for them
    assert "0.3 M parameters" in rows[7].note and 0.1 < rows[8].value < 2
    assert rows[9].note.startswith("n 20, d 128") and rows[10].note.startswith("n 4, d 2048")
    assert results.Scale().scored_clips == evaluation.CLIPS == 234 and results.Scale().audio_networks == "published"


@pytest.mark.parametrize(("name", "count"), [("vggish", 72_141_184), ("cnn14", 80_753_615), ("clap", 68_611_864)])
def test_measured_networks_are_the_published_ones(name, count):
    """Those of clap: of HTSAT base with its projection."""
    pytest.importorskip("transformers")
    with embed_clips.torch.device("meta"):
        network = embed_clips.build(name, "published")
    trained = {key: parameter for key, parameter in network.named_parameters() if "_extractor" not in key}
    assert sum(map(embed_clips.torch.numel, trained.values())) == count
    shape = embed_clips.build(name, "small").embed(np.full(110250, 0.1, np.float32), 22050).shape
    assert shape[0] == embed_clips.PUBLISHED[name][0]


def test_compared_networks_have_the_same_parameters():
    config = settings.read("tiny")
    device = generator.torch.device("cpu")
    ours = generator.nets.unet_step(config, 1, device, "float32").network.unet
    theirs = generator.nets.diffusers_steps(config, 1, device, "float32")[0].network
    shapes = [{n: p.shape for n, p in network.named_parameters()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_calls_alternate_and_their_time_is_counted():
    """Calls of the first take 2 s and of the second 3 s, on a simulated clock; the warm-up does not count."""
    now, order = [0.0], []

    def takes(name, seconds):
        return lambda: (order.append(name), now.__setitem__(0, now[0] + seconds))

    functions = {"a": takes("a", 2.0), "b": takes("b", 3.0)}
    seconds = generator.alternate(functions, 3, generator.torch.device("cpu"), lambda: now[0])
    assert seconds == {"a": [2.0] * 3, "b": [3.0] * 3} and order == ["a", "b"] * 5


def test_ratios_are_of_neighbouring_calls(monkeypatch):
    """A machine that gets slower by the turn: the ratio of neighbours stays."""
    seconds = {"ours": [1.0, 2.0, 4.0], "diffusers": [1.3, 2.6, 5.2], "diffusers' scripts": [1.1, 2.2, 4.4]}
    monkeypatch.setattr(generator, "alternate", lambda *_: seconds)
    rows = generator.comparison(settings.read("tiny"), SMALL, generator.torch.device("cpu"), "float32")
    ratios = {row.what: (round(row.value, 6), row.met) for row in rows if row.unit == "times"}
    assert ratios == {
        "U-Net step, ours / diffusers": (1.3, True),
        "U-Net step, ours / diffusers' scripts": (1.1, False),
    }


def test_targets():
    least, most = (
        results.Row("b", "x", 1.0, "s", target=2.0),
        results.Row("b", "y", 1.0, "GB", target=2.0, at_most=True),
    )
    assert (least.met, most.met, results.Row("b", "z", 1.0, "s").met) == (False, True, None)
    lines = results.table([least, most]).splitlines()
    assert ">= 2 MISSED" in lines[1] and "<= 2 met" in lines[2]
