"""What cannot be scored is named, counted and left out of all rows alike."""

import json

import numpy as np
import pytest
import soundfile
from helpers.projects import ROOT
from helpers.scored_clips import clip_of, power_at, scored_clip

from pace.evaluation import intervals, metric_validity, table, unscored
from pace.evaluation.clips import Annotations
from pace.evaluation.metrics.onsets import PICKING, Events
from pace.evaluation.score_clips import ScoredClip, score_clip
from pace.scoring import file_clips, matching

SR = 22050
PROTOCOLS = ("loris", "strict")
OF_BEATS = ("beat_f70", "beat_f35", "cmlt", "amlt", "information_gain", "tempo_error_bpm", "tempo_error_octave_bpm")
RNG = np.random.default_rng(0)


def sound(onsets, beats=None, seconds=5.0):
    """Five seconds with these onsets, and beats (by default the onsets) at 120 BPM."""
    beats = np.asarray(onsets if beats is None else beats, dtype=float)
    onsets = {name: np.asarray(onsets, dtype=float) for name in PICKING}
    return Events(seconds, onsets, beats, 120.0 if len(beats) else np.nan, power_at(onsets["strict"], seconds))


def clip(name, truth, generated, **annotations):
    events = {"truth": truth, "generated": generated, "clicks": sound([0.5, 1.5, 2.5])}
    return scored_clip(clip_of(name, annotations=Annotations(**annotations)), events, PROTOCOLS)


HEARD = sound([0.5, 1.0, 1.5, 2.0])
ONSETS_ONLY = sound([0.5, 1.5], beats=[])
MUTE = sound([])


def test_reasons_name_the_metrics_and_the_cause():
    clips = [
        clip("good", HEARD, MUTE, motion_beats=np.array([0.5])),
        clip("onsets", ONSETS_ONLY, HEARD, motion_beats=np.array([0.5])),
        clip("mute", MUTE, HEARD),
        clip("still", HEARD, HEARD, motion_beats=np.zeros(0)),
        clip("one", sound([0.5, 1.5], beats=[0.5]), HEARD),
        clip("marked", HEARD, HEARD, beats=np.zeros(0)),
        clip("gap", HEARD, HEARD, pose_unusable="NaN in gap.npz"),
        clip("brief", sound([], seconds=0.05), HEARD),
        ScoredClip(clip_of("silent"), silent=True),
        ScoredClip(clip_of("broken"), unreadable={"truth": "x.wav: no sound"}),
        ScoredClip(clip_of("lost"), unreadable={"reference": "named elsewhere"}),
    ]
    beats, every = ", ".join(OF_BEATS), ", ".join(("onset_f70", "onset_f50", *OF_BEATS))
    assert unscored.reasons(clips) == {
        "onsets": f"left out of strict ({beats}), alignment (bas, bas_music) in every row: "
        "no beat is heard in its true music",
        "mute": f"left out of loris (bcs, bhs), strict ({every}) in every row: no onset is heard in its true music, "
        "no beat is heard in its true music",
        "still": "left out of alignment in every row: "
        "its dance has no beats: nothing in it slows down and speeds up again",
        "one": "left out of strict (cmlt, amlt, information_gain) in every row: "
        "only one beat is heard in its true music",
        "marked": f"left out of strict ({beats}) in every row: it has no true beats",
        "gap": "left out of alignment in every row: NaN in gap.npz",
        "brief": f"left out of loris (bcs, bhs), strict ({every}) in every row: its true music is only 0.050 s long, "
        "no beat is heard in its true music",
        "silent": "left out of every row: its true music is silent",
        "broken": "left out of every row: its true music cannot be read: x.wav: no sound",
    }  # fmt: skip


def test_missing_scores_are_left_out_of_all_rows_alike_and_counted():
    """Three clips are heard; one has no beats in its true music, one no sound at all. Means are those of the others.

    Silent generated music has no dynamics either, which are missing in its row alone.
    """
    heard = [clip(name, HEARD, generated) for name, generated in (("a", HEARD), ("b", MUTE), ("c", HEARD))]
    clips = [*heard, clip("d", ONSETS_ONLY, HEARD), clip("e", MUTE, HEARD)]
    rows = table.pipeline_rows(clips, PROTOCOLS)
    counts = {row: table.missing([entry.scores for entry in entries]) for row, entries in rows.items()}
    dynamics = {row: counts[row].pop("dynamics") for row in ("truth", "generated", "clicks")}
    lacking = {"truth": 1, "generated": 2, "clicks": 1}
    assert dynamics == {row: {"loudness": count, "density": count} for row, count in lacking.items()}
    assert counts["truth"] == counts["generated"] == counts["clicks"] == {
        "loris": {"bcs": 1, "bhs": 1},
        "strict": {"onset_f70": 1, "onset_f50": 1} | dict.fromkeys(OF_BEATS, 2),
    }  # fmt: skip
    assert counts["shuffled"]["strict"]["beat_f70"] == 2 * 4 and counts["shuffled"]["loris"] == {"bcs": 4, "bhs": 4}
    summary, expected = table.summary(rows), table.summary(table.pipeline_rows(heard, PROTOCOLS))
    assert summary["truth"]["strict"]["beat_f70"] == 1.0 and summary["truth"]["loris"]["f1"] == 100.0
    for metric in OF_BEATS:  # generated: two perfect, one without beats
        assert summary["generated"]["strict"][metric] == expected["generated"]["strict"][metric]
    assert summary["generated"]["strict"]["beat_f70"] == pytest.approx(2 / 3)
    assert summary["generated"]["strict"]["tempo_error_bpm"] == pytest.approx(120 / 3)
    records = {(one["clip_id"], one["row"]): one for one in table.per_clip(clips, rows)}
    assert np.isnan(records["d", "generated"]["strict_beat_f70"]) and records["d", "truth"]["strict_onset_f70"] == 1
    assert records["e", "shuffled"]["strict_beat_f70"] > 0  # its music against the others' references
    lines = table.text(table.summary({"truth": rows["truth"][4:]})).splitlines()
    assert lines[1].split() == ["truth", *["–"] * 12]


def test_intervals_resample_what_exists():
    """The interval of a metric is that of the clips that have it alone; one that a single clip has, has none."""
    scores = [{"strict": {"onset_f70": RNG.random(), "beat_f70": RNG.random(), "cmlt": np.nan}} for _ in range(12)]
    scores[0]["strict"]["cmlt"] = 0.5
    for i in (2, 5, 7):
        scores[i]["strict"]["beat_f70"] = np.nan
    limits = intervals.score_intervals(scores, [str(i) for i in range(12)])["strict"]
    assert set(limits) == {"onset_f70", "beat_f70"}
    kept = [i for i in range(12) if i not in (2, 5, 7)]
    of_kept = [{"strict": {"beat_f70": scores[i]["strict"]["beat_f70"]}} for i in kept]
    assert limits["beat_f70"] == intervals.score_intervals(of_kept, [str(i) for i in kept])["strict"]["beat_f70"]


def test_a_metric_is_tested_against_the_controls_on_the_clips_that_have_it():
    """Beats of three sources are too few for a test, onsets of five are enough."""
    pairs = []
    for i in range(5):
        true = {"strict": {"onset_f70": 1.0, "beat_f70": 1.0 if i < 3 else np.nan}}
        chance = {"strict": {"onset_f70": 0.3 + 0.01 * i, "beat_f70": 0.2 if i < 3 else np.nan}}
        pairs.append(metric_validity.Pair((true,), chance, (str(i),)))
    assert metric_validity.uninformative({"delayed": pairs}) == {"strict": {"onset_f70": []}}


def scored_files(folder, **waves):
    """The scored clips of references that are their own generated music."""
    folder.mkdir()
    for name, wave in waves.items():
        soundfile.write(folder / f"{name}.wav", wave, SR, subtype="FLOAT")
    files = matching.find(folder)
    clips = file_clips.clips_of({"mine": matching.match(files, files)})
    return [score_clip(clip, ("d2mgan", "loris", "5hz", "strict")) for clip in clips]


def drum(seconds=5.0, seed=0):
    """A stroke of noise every half second."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * SR)) / SR
    return (0.3 * rng.normal(size=len(time)) * np.exp(-30 * (time % 0.5))).astype(np.float32)


def test_music_with_onsets_and_no_beats_does_not_pull_the_truth_down(tmp_path):
    """A melody of sines in which librosa's tracker hears onsets and no beat, beside drums in which it hears both."""
    wave, rate = soundfile.read(ROOT / "tests/cases/sines.flac", dtype="float32")
    assert rate == 2 * SR
    scored = scored_files(tmp_path / "ref", drums=drum(), sines=wave[::2][: 5 * SR])
    assert list(unscored.reasons(scored)) == ["sines"]
    summary = table.summarise_row([one.scores["truth"] for one in scored])
    assert summary["strict"]["beat_f70"] == summary["strict"]["cmlt"] == summary["strict"]["onset_f70"] == 1.0
    assert summary["loris"]["f1"] == 100.0
    missing = table.missing([one.scores["mine"] for one in scored])
    assert missing.pop("dynamics") == {"loudness": 2, "density": 2}  # regular strokes, and sines of one level
    assert json.dumps(missing) == json.dumps({"strict": dict.fromkeys(OF_BEATS, 1)})
