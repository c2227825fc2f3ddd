"""The report on small artefacts in the layout that the stages write."""

import dataclasses
import html
import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pace.evaluation import strength, table
from pace.media import sound_track, video, writing
from pace.pose.skeleton import PARTS
from pace.report import clips, page, published_table, tables, wording
from pace.report.published import DataParams, read

pytestmark = pytest.mark.long

RATE = 22050
SECONDS = 10


def clicks(period: float) -> np.ndarray:
    wave = np.zeros(RATE * SECONDS, np.float32)
    for start in np.arange(0, SECONDS - 0.1, period):
        first = round(start * RATE)
        wave[first : first + 1000] = np.sin(np.arange(1000) * 0.3) * np.exp(-np.arange(1000) / 200)
    return 0.8 * wave


def bar(index: int) -> np.ndarray:
    """A frame with a white bar of four rows, which moves down by four rows a frame and starts over after 24 frames."""
    frame = np.full((96, 64, 3), 60, np.uint8)
    frame[4 * (index % 24) : 4 * (index % 24) + 4] = 255
    return frame


def metrics() -> dict:
    binned = {"bcs": 91.23, "csd": 8.0, "bhs": 88.8, "hsd": 9.1, "f1": 90.0}
    strict = {"onset_f70": 0.61, "onset_f50": 0.5, "beat_f70": 0.55, "tempo_error_bpm": 12.345}
    rows = (
        "delayed",
        "clicks120",
        "clicks",
        "random",
        "shuffled",
        "retrieval",
        "clock",
        "generated",
        "mel",
        "ceiling",
        "truth",
    )
    return {
        "rhythm": {row: {"d2mgan": binned, "loris": binned, "strict": strict} for row in rows},
        "pose": {"detected": 0.991, "pck": {"0.1": 0.97}},
        "vae": {"l1": 0.0312},
        "data": {"test_videos": 3, "test_clips": 4, "leak": leak(music=3, unknown_dance=1)},
        "faults": {"b2_005000": "silent & <short>"},
    }


def leak(**counts: int) -> dict:
    return {"music": 0, "dance": 0, "video": 0, "unknown_music": 0, "unknown_dance": 0} | counts


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Three test videos, one without audio and one with an id that HTML must escape; five clips with music."""
    root = tmp_path_factory.mktemp("project")
    for folder in ("index", "decoded", "audio", "generated", "energy", "keypoints"):
        (root / "data" / folder).mkdir(parents=True)
    (root / "reports" / "curves").mkdir(parents=True)
    data, videos, rows = root / "data", [], []
    rng = np.random.default_rng(0)
    for number, name in enumerate(("a<b>&1", "b2", "c3")):
        writing.write_video(data / "decoded" / f"{name}.mp4", map(bar, range(SECONDS * 10)), 10)
        if name != "c3":
            soundfile.write(data / "audio" / f"{name}.wav", clicks(0.5), RATE, subtype="PCM_16")
        time_s = np.arange(SECONDS * 10) / 10
        columns = {f"{band}_{part}": np.abs(np.sin(time_s * (2 + i) + number)) * 10.0**-i
                   for band in ("slow", "fast") for i, part in enumerate(PARTS)}  # fmt: skip
        energy = pd.DataFrame({"frame": np.arange(len(time_s)), "time_s": time_s} | columns)
        energy.to_parquet(data / "energy" / f"{name}.parquet")
        videos.append({"video_id": name, "split": "test", "genre": "pop", "music_id": f"m{number}", "dancer": None})
        for start in (0.0, 5.0):
            clip_id = f"{name}_{round(start * 1000):06d}"
            rows.append({"clip_id": clip_id, "video_id": name, "split": "test", "start_s": start})
            if clip_id != "b2_000000":
                wave = clicks(0.5)[: 5 * RATE] + 0.01 * rng.standard_normal(5 * RATE).astype(np.float32)
                soundfile.write(data / "generated" / f"{clip_id}.wav", wave, RATE, subtype="PCM_16")
    rows.append({"clip_id": "t_000000", "video_id": "t", "split": "train", "start_s": 0.0})
    pd.DataFrame(videos).to_parquet(data / "index" / "videos.parquet")
    pd.DataFrame(rows).to_parquet(data / "index" / "clips.parquet")
    gate = rng.dirichlet(np.ones(5), (1, 50)).astype(np.float16)
    np.savez(data / "generated" / "gates.npz", clip_id=np.array(["c3_000000"]), gate_slow=gate, gate_fast=gate,
             alpha=rng.random((1, 50)))  # fmt: skip
    (data / "keypoints" / "failures.json").write_text(json.dumps({"x9": "no person <found>"}))
    (data / "index" / "failures.json").write_text("{}")
    (root / "reports" / "metrics.json").write_text(json.dumps(metrics()))
    scores = {"clip_id": ["b2_005000"] * 2, "video_id": ["b2"] * 2, "row": ["truth", "generated"]}
    pd.DataFrame(scores | {"strict_beat_f70": [1.0, 0.4321]}).to_csv(root / "reports" / "per_clip.csv", index=False)
    curve = pd.DataFrame({"step": range(20), "loss": np.geomspace(1, 0.1, 20), "stage": ["x"] * 20})
    curve["validation"] = curve["loss"].where(curve["step"] % 5 == 0)
    curve.to_csv(root / "reports" / "curves" / "vae.csv", index=False)
    return root


def inputs(root: Path) -> page.Inputs:
    data, reports = root / "data", root / "reports"
    sources = clips.Sources(data / "decoded", data / "audio", data / "generated", data / "energy")
    return page.Inputs(data, sources, reports / "metrics.json", reports / "per_clip.csv", reports / "curves")


@pytest.fixture(scope="module")
def built(project) -> Path:
    return page.build(inputs(project), page.ReportParams(clips=4), project / "reports")


class Links(html.parser.HTMLParser):
    VOID = ("meta", "img", "br", "link")

    def __init__(self) -> None:
        super().__init__()
        self.files, self.anchors, self.ids, self.open = [], [], [], []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        values = dict(attrs)
        self.files += [values[key] for key in ("src", "href") if key in values and not values[key].startswith("#")]
        self.anchors += [values["href"][1:]] if values.get("href", "").startswith("#") else []
        self.ids += [values["id"]] if "id" in values else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_its_links_lead_to_files_beside_it(built):
    links = Links()
    links.feed(built.read_text())
    assert not links.open
    assert set(links.anchors) == set(links.ids) == {"results", "clips", "training", "measures", "failures"}
    assert len(links.files) == len(set(links.files))
    assert all((built.parent / file).is_file() and file.startswith("media/") for file in links.files)
    assert {path.name for path in (built.parent / "media").iterdir()} == {Path(file).name for file in links.files}
    for word in ("http://", "https://", "url("):
        assert word not in built.read_text()


def test_names_and_reasons_are_escaped(built):
    text = built.read_text()
    assert "a&lt;b&gt;&amp;1_000000" in text
    assert "no person &lt;found&gt;" in text
    assert "a<b>" not in text
    assert "Failures (2)" in text
    assert "<tr><td>evaluate</td><td>b2_005000</td><td>silent &amp; &lt;short&gt;</td></tr>" in text
    assert "<h3>faults</h3>" not in text


def test_videos_last_five_seconds_and_have_sound(built):
    videos = sorted((built.parent / "media").glob("*.mp4"))
    assert sorted(path.name.rsplit("_", 1)[1] for path in videos) == ["generated.mp4"] * 4 + ["own.mp4"] * 3
    for path in videos:
        info = video.probe(path)
        assert info.has_audio
        assert info.duration_s == pytest.approx(5.0, abs=0.01)
    # The second clip of b2 starts at frame 50, with the bar in its third position, and with a click.
    first = next(video.read_frames(built.parent / "media" / "b2_005000_own.mp4"))
    assert np.flatnonzero(first.mean((1, 2)) > 200).tolist() == [8, 9, 10, 11]
    wave = sound_track.read_audio(built.parent / "media" / "b2_005000_own.mp4")
    expected = clicks(0.5)[5 * RATE : 10 * RATE]
    assert np.corrcoef(wave[: len(expected)], expected[: len(wave)])[0, 1] > 0.95


def test_same_inputs_same_bytes(built, project, tmp_path):
    again = page.build(inputs(project), page.ReportParams(clips=4), tmp_path)
    files = sorted(path.relative_to(built.parent) for path in (built.parent / "media").iterdir())
    assert len(files) > 15
    # About once in a hundred runs x264 gives other bytes for the same frames, so videos are not compared.
    for file in [*(file for file in files if file.suffix != ".mp4"), Path("index.html")]:
        assert (built.parent / file).read_bytes() == (again.parent / file).read_bytes(), file


def test_clips_are_spread_over_videos_and_have_music(project):
    table = pd.read_parquet(project / "data/index/clips.parquet")
    generated = project / "data/generated"
    assert list(clips.choose(table, 2, generated)["clip_id"]) == ["a<b>&1_000000", "c3_000000"]
    assert list(clips.choose(table, 3, generated)["video_id"]) == ["a<b>&1", "b2", "c3"]
    assert len(clips.choose(table, 99, generated)) == 5
    assert clips.choose(table, 0, generated).empty


def test_energy_is_relative_to_each_parts_maximum_in_the_video(project):
    path = project / "data/energy/b2.parquet"
    time_s, slow, fast = clips.clip_energy(path, 5.0)
    assert time_s[0] == 0
    table = pd.read_parquet(path)
    expected = table["slow_rl"][table["time_s"] >= 5] / table["slow_rl"].max()
    assert np.allclose(slow[: len(expected), 4], expected)
    assert fast.max() <= 1


def test_facts_of_a_clip(built):
    text = built.read_text()
    assert "beat F 70 ms <b>0.43</b>" in text
    assert "dancer" not in text.split('id="clips"')[1].split('id="training"')[0]


def test_the_leak_check_stands_beside_the_results(built):
    results = built.read_text().split('id="results"')[1].split("</section>")[0]
    assert "of 4 test clips, 3 share their music, 0 their dance and 0 their source video with training" in results
    assert "Not known: the dance of 1 test clips" in results
    assert "memorising" in results
    clean = page.html({"rhythm": {}, "data": {"test_clips": 4, "leak": leak()}}, [], {}, [])
    assert "of 4 test clips, 0 share their music" in clean and "memorising" not in clean
    for shared in ("dance", "video"):
        assert "memorising" in page.html({"data": {"test_clips": 4, "leak": leak(**{shared: 1})}}, [], {}, [])
    assert "Leak" not in page.html({"data": {"test_clips": 4}}, [], {}, [])


def test_rhythm_table_has_rows_in_order_and_a_sentence_for_each_protocol():
    text = tables.rhythm(metrics()["rhythm"])
    order = [text.index(f'<th scope="row">{row}<') for row in wording.ROWS]
    assert order == sorted(order)
    assert text.count("<table") == 3
    assert all(html.escape(wording.PROTOCOLS[name][1]) in text for name in ("strict", "loris", "d2mgan"))
    assert "<td>12.3</td>" in text
    assert "<td>0.550</td>" in text


def test_intervals_stand_below_their_values():
    intervals = {"generated": {"strict": {"beat_f70": [0.5123, 0.6], "tempo_error_bpm": [11.04, 13.0]}}}
    text = tables.rhythm(metrics()["rhythm"], intervals)
    assert "<td>0.550<small>0.512–0.600</small></td>" in text
    assert "<td>12.3<small>11.0–13.0</small></td>" in text
    assert text.count("–") == 2
    assert "95 % interval" in text and "95 % interval" not in tables.rhythm(metrics()["rhythm"])
    assert "interval" not in tables.others(metrics() | {"interval": intervals})


def test_a_report_on_the_validation_split_says_so(project):
    data = {"split": "val", "val_videos": 3, "val_clips": 4, "leak": leak()}
    text = page.html({"rhythm": {}, "data": data}, [], {}, [])
    assert "Scored on 4 validation clips from 3 validation videos." in text
    assert "of 4 validation clips, 0 share" in text
    table = pd.read_parquet(project / "data/index/clips.parquet")
    assert clips.choose(table, 3, project / "data/generated", "val").empty
    table.loc[table["video_id"] == "b2", "split"] = "val"
    assert set(clips.choose(table, 3, project / "data/generated", "val")["video_id"]) == {"b2"}


def test_distances_are_shown_with_n_and_d_and_missing_ones_are_explained():
    figures = {"fad": 12.3456, "n": 200, "n_reference": 200, "clips": 40, "d": 38}
    section = {row: {"descriptors": figures, "cnn14": figures | {"d": 2048}} for row in ("clicks", "generated")}
    section |= {"warning": {"cnn14": "n = 200 is not above d = 2048"}, "not_computed": {"clap": "no <weights>"}}
    text = tables.distances(section)
    assert text.count("<table") == 2
    assert text.index(">generated<") < text.index(">clicks<")
    assert "<td>12.346</td><td>200</td><td>200</td><td>40</td><td>38</td>" in text
    assert "<th>FAD</th><th>n</th><th>n_reference</th><th>clips</th><th>d</th>" in text and "95 %" not in text
    assert "<p>PANNs CNN14: n = 200 is not above d = 2048</p>" in text
    assert "<p>CLAP: no &lt;weights&gt;</p>" in text
    assert tables.distances({}) == ""
    assert text in page.html({"fad": section}, [], {}, [])
    assert "fad" not in tables.others({"fad": section, "vae": {"l1": 0.1}})


def test_intervals_of_distances_stand_below_their_values():
    figures = {"fad": 12.3456, "fad_inf": 1.5, "n": 200, "n_reference": 200, "clips": 40, "d": 38}
    section = {row: {"descriptors": figures} for row in ("clicks", "generated")}
    limits = {"generated": {"descriptors": {"fad": [11.04, 13.0]}, "strict": {"beat_f70": [0.5, 0.6]}}}
    text = tables.distances(section, limits)
    assert "<td>12.346<small>11.040–13.000</small></td><td>1.500</td>" in text
    assert text.count("<small>11.040") == 1 and "0.500" not in text and wording.FAD_INTERVALS in text
    assert text in page.html({"fad": section, "interval": limits}, [], {}, [])
    assert wording.FAD_INTERVALS not in tables.distances(section, {"generated": {"strict": {"beat_f70": [0.5, 0.6]}}})


def test_metrics_that_are_missing_or_unknown():
    text = tables.rhythm({"generated": {"new": {"bcs": 1.5}}, "mine": {"new": {"other": 2}}})
    assert "<td>–</td>" in text
    assert '<th scope="row">mine</th>' in text
    assert tables.rhythm({}) == ""
    assert "results" not in page.html({}, [], {}, [])
    assert "No video failed in any stage, and no generated clip is faulty" in page.html({}, [], {}, [])


def test_missing_values_are_dashes_and_counted():
    """Two clips have no beats to compare with; no clip has a tempo."""
    scored = metrics()
    for row in scored["rhythm"].values():
        row["strict"] = row["strict"] | {"tempo_error_bpm": None}
    counts = {"beat_f70": 2, "tempo_error_bpm": 4}
    scored["missing"] = {
        "generated": {"strict": counts},
        "truth": {"strict": counts},
        "shuffled": {"loris": {"bcs": 3}},
    }
    scored["unscored"] = {"b2_000000": "left out of strict (beat_f70) in every row: no beat is heard"}
    text = page.html(scored, [], {}, [])
    assert "truth: beat F 70 ms 2, tempo error BPM 4; generated: beat F 70 ms 2, tempo error BPM 4." in text
    assert "shuffled: BCS % 3." in text
    assert text.count("<td>–</td>") == len(scored["rhythm"]) and "None" not in text and "null" not in text
    assert "unscored" not in text and "<h3>missing</h3>" not in text
    assert "Numbers left out" not in page.html(metrics(), [], {}, [])


def test_other_metrics_are_flattened():
    assert tables.flatten(metrics()["pose"]) == {"detected": 0.991, "pck.0.1": 0.97}
    text = tables.others(metrics() | {"lift": {"ratio": None}})
    assert '<th scope="row">pck.0.1</th><td>0.970</td>' in text
    assert '<th scope="row">ratio</th><td>–</td>' in text
    assert "rhythm" not in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (1234, "1,234"), (0.12345, "0.123"), (91.23, "91.2"), ("lite", "lite"), (True, "true"), (None, "–")],
)
def test_numbers(value, text):
    assert tables.number(value) == text


def scored(clips: int, missing: int = 0) -> dict:
    own = {"bcs": 91.234, "csd": 8.0, "bhs": 88.8, "hsd": 9.1, "f1": 90.001}
    return {"rhythm": {"generated": {"loris": own}}, "data": {"test_clips": clips, "missing_clips": missing}}


def test_a_figure_without_a_value_is_not_computed_in_the_published_table():
    own = scored(234)
    own["rhythm"]["generated"]["loris"] |= {"csd": None, "f1": None}
    text = published_table.published(own, DataParams("aistpp", "data/none"))
    assert "Comparable with this run. Not computed in this run: CSD, F1 % of means" in text and "None" not in text


def test_published_figures_are_shown_alone_where_not_comparable():
    text = published_table.published(scored(40), DataParams("synthetic", "data/none"))
    assert text.count("Not comparable with this run") == 2
    assert "dataset synthetic instead of AIST++." in text and "dataset synthetic instead of TikTok." in text
    assert "this run</th>" not in text and "91.23" not in text
    for row in read():
        where = f"tables {row.table}" if row.table == "1 and 2" else f"table {row.table}"
        assert f'<th scope="row">{row.method}<small>{where}</small></th><td>{row.bcs:.2f}</td>' in text
    assert "<td>98.67</td><td>98.87</td>" in text  # F1 as printed and of the printed means


def test_published_figures_are_shown_with_own_ones_where_comparable():
    text = published_table.published(scored(235, missing=1), DataParams("aistpp", "data/none"))
    first, second = text.split("<h3>TikTok</h3>")
    assert "Comparable with this run." in first and "<td>91.23</td>" in first
    assert "Not comparable" in second and "91.234" not in second and "<td>91.23</td>" not in second
    assert "this run has no loris scores and no FAD" in published_table.published({}, DataParams("aistpp", "data/none"))


def test_own_distances_are_shown_under_the_printed_headings_where_comparable():
    own = {"vggish": {"fad": 6.125, "n": 1170}, "cnn14": {"fad": 4.256, "fad_panns_pooled_legacy": 0.01234},
           "descriptors": {"fad": 77.7}}  # fmt: skip
    run = scored(234) | {"fad": {"generated": own, "clicks": {"vggish": {"fad": 55.5}}}}
    first, second = published_table.published(run, DataParams("aistpp", "data/none")).split("<h3>TikTok</h3>")
    heads = [f"<th>{title}</th>" for title, _ in published_table.COLUMNS.values()]
    row = first.split('class="ours">')[1].split("</tr>")[0]
    cells = dict(zip(heads, [cell.split("</td>")[0] for cell in row.split("<td>")[1:]], strict=True))
    assert cells["<th>FAD v</th>"] == "6.12" and cells["<th>FAD p</th>"] == "4.26" and cells["<th>FAD c</th>"] == "–"
    assert cells["<th>FAD p pooled, legacy</th>"] == "0.0123"
    assert "".join(heads) in first
    assert "Comparable with this run. Not computed in this run: FAD c." in first
    assert "6.12<" not in second and "77.7" not in first and "55.5" not in first
    apart = published_table.published(run, DataParams("synthetic", "data/none"))
    assert "6.12<" not in apart and "Not computed" not in apart


def test_own_distances_need_no_beat_scores():
    run = {"data": {"test_clips": 234, "missing_clips": 0}, "fad": {"generated": {"clap": {"fad": 0.555}}}}
    text = published_table.published(run, DataParams("aistpp", "data/none"))
    assert text.count('class="ours"') == 1 and "<td>0.56</td>" in text.split('class="ours"')[1].split("</tr>")[0]
    assert "Not computed in this run: BCS %, CSD, BHS %, HSD, F1 % of means, FAD v, FAD p, FAD p pooled" in text


UNINFORMATIVE = {
    "loris": {"bcs": ["clicks", "delayed"], "csd": [], "bhs": ["clicks"], "hsd": [], "f1": ["clicks"]},
    "strict": {"onset_f70": [], "onset_f50": [], "beat_f70": [], "tempo_error_bpm": ["delayed"]},
    "descriptors": {"fad": ["random", "delayed"], "fad_inf": []},
}


def test_uninformative_metrics_are_marked_with_their_controls():
    text = tables.rhythm(metrics()["rhythm"], uninformative=UNINFORMATIVE)
    strict, loris, d2mgan = text.split("<h3>")[1:]
    assert "<th>BCS %†</th><th>CSD</th><th>BHS %†</th><th>HSD</th><th>F1 %†</th>" in loris
    controls = "BCS %† (clicks, delayed); BHS %† (clicks); F1 %† (clicks)"
    assert f"<p>Controls not separated from the true music: {controls}.</p>" in loris
    assert "<th>beat F 70 ms</th><th>tempo error BPM†</th>" in strict
    assert "<p>Controls not separated from the true music: tempo error BPM† (delayed).</p>" in strict
    assert "†" not in d2mgan
    assert text.startswith(f"<p>{wording.MARK_MEANS}</p>")
    whole_page = page.html({"rhythm": metrics()["rhythm"], "uninformative": UNINFORMATIVE}, [], {}, [])
    assert text in whole_page and "uninformative" not in tables.others({"uninformative": UNINFORMATIVE})


def test_distances_are_marked_too():
    figures = {"descriptors": {"fad": 1.0, "fad_inf": 0.5, "n": 5}}
    section = {"ceiling": figures, "delayed": figures}
    text = tables.distances(section, {}, UNINFORMATIVE)
    assert "<th>FAD†</th><th>FAD∞</th><th>n</th>" in text and wording.FAD_MARK_MEANS in text
    assert "<p>Controls not separated from the true music: FAD† (random, delayed).</p>" in text
    assert text in page.html({"fad": section, "uninformative": UNINFORMATIVE}, [], {}, [])
    unmarked = tables.distances(section, {}, {"descriptors": {"fad": []}})
    assert "<th>FAD</th>" in unmarked and "not separated" not in unmarked
    untested = tables.distances(section, {}, {"loris": {"f1": []}})
    assert "†" not in untested and wording.NOT_TESTED in untested
    assert wording.NOT_TESTED not in tables.distances(section) and "†" not in tables.distances(section)


def test_metrics_that_were_not_tested_have_no_mark():
    text = tables.rhythm(metrics()["rhythm"], uninformative={"descriptors": UNINFORMATIVE["descriptors"]})
    assert wording.NOT_TESTED in text and "†" not in text
    without = tables.rhythm(metrics()["rhythm"])
    assert wording.NOT_TESTED not in without and "†" not in without


def test_page_shows_published_figures_when_it_knows_the_data(project, tmp_path):
    index = page.build(inputs(project), page.ReportParams(clips=0), tmp_path, DataParams("folder", "data/none"))
    assert 'id="published"' in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["empty", "nan", "silent", "unreadable"])
def test_faulty_music_does_not_stop_the_report(project, tmp_path, fault):
    """Faulty music is shown as it is. If it cannot be read, the page shows the video with its own music alone."""
    sources = inputs(project).sources
    generated = tmp_path / "generated"
    generated.mkdir()
    if fault == "unreadable":
        (generated / "b2_005000.wav").write_text("no music")
    else:
        wave = {"empty": np.zeros(0), "nan": np.full(RATE, np.nan), "silent": np.zeros(5 * RATE)}[fault]
        soundfile.write(generated / "b2_005000.wav", wave, RATE, subtype="FLOAT")
    clip = pd.Series({"clip_id": "b2_005000", "video_id": "b2", "start_s": 5.0})
    view = clips.view(
        clip, pd.Series({"genre": "pop"}), {}, dataclasses.replace(sources, generated=generated), tmp_path
    )
    assert ("generated music" in view.videos) == (fault != "unreadable")
    assert all((tmp_path / file).is_file() for file in (*view.videos.values(), *view.mels.values(), view.rhythm))
    assert page.html({}, [view], {}, []).count("<video") == len(view.videos)


def test_figures_of_the_generated_music_that_are_not_above_the_clock_are_marked():
    section = {**metrics(), "not_above_clock": {"strict": ["beat_f70"], "d2mgan": []}}
    text = page.html(section, [], {}, [])
    assert text.count("‡") == 2 and "0.550‡" in text and wording.AS_CLOCK_MEANS in html.unescape(text)
    row = text[text.index("0.550‡") - 900 : text.index("0.550‡")]
    assert '<th scope="row">generated<' in row
    assert "‡" not in page.html(metrics(), [], {}, [])


def test_figures_of_the_generated_music_that_are_not_above_shuffled_are_marked():
    difference = {"difference": 0.3, "interval": [0.1234, 0.4567]}
    section = metrics() | {
        "not_above_clock": {"strict": ["beat_f70"]},
        "not_above_shuffled": {"strict": ["beat_f70", "onset_f50"]},
        "own_minus_shuffled": {"dynamics": {"loudness": difference}, "strict": {"cmlt": difference}},
    }
    text = html.unescape(page.html(section, [], {}, []))
    assert "0.550‡§" in text and "0.500§" in text and text.count("§") == 3
    assert wording.AS_SHUFFLED_MEANS in text and wording.OWN_MINUS_SHUFFLED in text
    assert "<td>+0.300<small>+0.123 – +0.457</small></td>" in text and text.count("+0.300") == 1  # the main metrics
    assert "own_minus_shuffled" not in text and "§" not in page.html(metrics(), [], {}, [])


def test_thirds_of_the_dances_are_a_table():
    """Two thirds of three: figures of the missing one, and of rows without it, are dashes."""
    row = {"strict": {"beat_f70": 0.5111, "onset_f70": 0.6}, "dynamics": {"loudness": -0.25, "density": None}}
    weak = {
        "dances": 4, "clips": 8, "strength": [0.0, 0.3],
        "rhythm": dict.fromkeys(("truth", "generated", "random"), row),
        "interval": {"generated": {"strict": {"beat_f70": [0.4, 0.6]}}},
        "own_minus_shuffled": {"dynamics": {"loudness": {"difference": 0.25, "interval": [-0.1, 0.6]}}},
    }  # fmt: skip
    strong = weak | {"strength": [0.7, 1.0], "interval": {}, "own_minus_shuffled": {}}
    text = page.html(metrics() | {"strength": {"weak": weak, "strong": strong}}, [], {}, [])
    part = html.unescape(text[text.index('<section id="strength">') : text.index('<section id="clips">')])
    counts = (
        "weak: 4 dances, 8 clips, strength 0.00–0.30; middle: no dance; strong: 4 dances, 8 clips, strength 0.70–1.00."
    )
    assert counts in part
    heads = [wording.COLUMNS[metric][0] for _, metric in wording.MAIN]
    assert re.findall(r'<th colspan="3">([^<]*)<', part) == heads
    assert re.findall(r"<th>(\w*)</th>", part) == [*["", "", *["weak", "middle", "strong"] * 2] * 2]
    lines = [line for line in part.splitlines() if '<th scope="row">' in line]
    rows = ["generated", "truth", "generated − shuffled"]
    assert [re.search(r'"row">([\w− ]*)<', line)[1] for line in lines] == [*rows, *rows]
    assert re.findall(r"<td>([^<]*)", lines[0]) == ["0.511", "–", "0.511", "0.600", "–", "0.600"]
    assert re.findall(r"<td>([^<]*)", lines[3]) == ["-0.250", "–", "-0.250", "–", "–", "–"]
    assert lines[0].count("<small>0.400–0.600</small>") == 1
    assert re.findall(r"<td>([^<]*)", lines[2]) == ["–"] * 6
    assert re.findall(r"<td>([^<]*)", lines[5]) == ["+0.250", *["–"] * 5]
    assert 'id="strength"' not in page.html(metrics(), [], {}, [])


def test_the_report_and_the_evaluation_name_the_same_thirds_and_main_metrics():
    assert tuple(table.MAIN) == wording.MAIN
    assert (wording.THIRDS, wording.MAIN_ROWS) == (strength.THIRDS, strength.MAIN_ROWS)


def test_the_page_says_what_heard_the_beats():
    text = page.html({**metrics(), "beats": {"tracker": "madmom", "lateness_ms": 0.0}}, [], {}, [])
    assert "the beats are those that madmom hears, less its constant lateness of 0 ms" in text
