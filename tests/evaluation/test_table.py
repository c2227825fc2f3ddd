"""The rhythm table: which pairs its rows hold, what they are summed up to, and how it is shown."""

import dataclasses

import numpy as np
import pytest
from helpers.scored_clips import clip_of, events_at, power_at, scored_clip

from pace.evaluation import table
from pace.evaluation.clips import Annotations
from pace.evaluation.controls import ROWS

PROTOCOLS = ("loris", "strict")
OWN_ROWS = tuple(row for row in ROWS if row != "shuffled")


def clip(name, video, music, truth=(0.5, 1.5), generated=(0.5, 2.5), **annotations):
    events = {row: events_at(truth) for row in OWN_ROWS} | {"generated": events_at(generated)}
    return scored_clip(clip_of(name, video, music, annotations=Annotations(**annotations)), events, PROTOCOLS)


def rows_of(*clips):
    return table.pipeline_rows(clips, PROTOCOLS)


def summary_of(*clips):
    return table.summary(rows_of(*clips))


def test_shuffled_pairs_are_all_ordered_pairs_of_other_video_and_other_music():
    clips = [
        clip(f"{video}_{i}", video, music) for video, music in (("a", "m"), ("b", "m"), ("c", "n")) for i in (0, 1)
    ]
    own = [entry.clip.clip.name for entry in rows_of(*clips)["shuffled"]]
    assert [own.count(one.clip.name) for one in clips] == [2, 2, 2, 2, 4, 4]
    forty = [clip_of(f"{i}", f"v{i // 2}", f"m{i // 2}") for i in range(40)]
    assert sum(a.unrelated(b) for a in forty for b in forty) == 40 * 38


def test_generated_music_meets_its_own_reference_and_shuffled_the_others():
    one = clip("a", "a", "m", truth=(0.5, 1.5), generated=(0.5, 2.5))
    two = clip("b", "b", "n", truth=(2.5, 3.5, 4.5), generated=(2.5, 3.5, 4.5))
    entries = rows_of(one, two)
    assert entries["generated"][0].scores["loris"] == {"bcs": 50.0, "bhs": 50.0}
    assert entries["truth"][0].scores["loris"] == {"bcs": 100.0, "bhs": 100.0}
    first, second = entries["shuffled"]
    assert first.scores["loris"] == {"bcs": 50.0, "bhs": pytest.approx(100 / 3)}
    assert second.scores["loris"] == {"bcs": 0.0, "bhs": 0.0}
    rows = table.summary(entries)
    assert tuple(rows) == ROWS
    assert rows["generated"]["loris"]["bcs"] == 75.0
    assert rows["shuffled"]["loris"]["bcs"] == 25.0
    assert rows["shuffled"]["strict"]["onset_f50"] == pytest.approx(0.2)  # 2 * 1/2 * 1/3 / (5/6) and 0


def test_a_shuffled_pair_uses_the_true_beats_of_the_other_clip():
    one = clip("a", "a", "m", generated=(0.7, 1.7), beats=np.array([0.5]))
    two = clip("b", "b", "n", generated=(0.5, 1.0), beats=np.array([0.7, 1.7]))
    rows = rows_of(one, two)
    first, second = rows["shuffled"]
    assert rows["generated"][0].scores["strict"]["beat_f70"] == 0.0
    assert first.scores["strict"]["beat_f70"] == 1.0
    assert second.scores["strict"]["beat_f70"] == pytest.approx(2 / 3)


def test_the_dance_is_compared_where_it_is_known():
    """The music of row generated has beats at 0.5 and 2.5 s, the dance of b at 0.5 s, of a none is known."""
    one = clip("a", "a", "m", generated=(0.5, 1.5))
    two = clip("b", "b", "n", generated=(0.5, 2.5), motion_beats=np.array([0.5]))
    entries = rows_of(one, two)
    rows = table.summary(entries)
    assert rows["generated"]["alignment"] == pytest.approx({"bas": 1.0, "bas_music": 0.5})
    assert rows["shuffled"]["alignment"]["bas_music"] == pytest.approx(0.5)  # a's music with b's dance
    records = {(record["clip_id"], record["row"]): record for record in table.per_clip([one, two], entries)}
    assert "alignment_bas" not in records["a", "generated"]
    assert records["b", "generated"]["alignment_bas"] == pytest.approx(1.0)
    assert "alignment bas" in table.text(rows)
    assert "alignment" not in summary_of(one)["truth"]


def test_a_known_tempo_is_used():
    one = clip("a", "a", "m", beats=np.array([0.5, 1.0]), bpm=90.0)  # its music has tempo 0
    assert summary_of(one)["generated"]["strict"]["tempo_error_bpm"] == 90.0


def test_without_unrelated_clips_there_is_no_shuffled_row():
    rows = summary_of(clip("a", "v", "m"), clip("b", "v", "m"))
    assert "shuffled" not in rows
    assert set(rows) == set(OWN_ROWS)


def test_per_clip_has_a_line_for_each_clip_and_row_and_the_mean_over_its_pairs():
    clips = [
        clip("a", "a", "m", generated=(0.5, 2.5)),
        clip("b", "b", "n", truth=(2.5,)),
        clip("c", "c", "o", truth=(0.5, 2.5)),
    ]
    records = table.per_clip(clips, rows_of(*clips))
    assert [(record["clip_id"], record["row"]) for record in records] == [(c, row) for c in "abc" for row in ROWS]
    shuffled = records[ROWS.index("shuffled")]
    assert shuffled["loris_bcs"] == 75.0  # against b 50, against c 100
    assert list(shuffled) == [
        "clip_id", "video_id", "row", "loris_bcs", "loris_bhs",
        "strict_onset_f70", "strict_onset_f50", "strict_beat_f70", "strict_beat_f35",
        "strict_cmlt", "strict_amlt",
        "strict_information_gain", "strict_tempo_error_bpm", "strict_tempo_error_octave_bpm",
        "dynamics_loudness", "dynamics_density",
    ]  # fmt: skip


def test_shuffled_music_is_not_to_blame_for_another_clip_s_length():
    """Its dynamics are compared as far as it goes. Own music that ends early is silent there."""
    truth = events_at(np.concatenate([np.arange(0.1, 5, 0.9), np.arange(5, 10, 0.2)]))
    truth = dataclasses.replace(truth, duration=10.0, power=power_at(truth.beats, 10.0))
    short = dataclasses.replace(truth, duration=5.0, power=truth.power[:250])
    clips = [
        scored_clip(clip_of(name, music=name), {"truth": truth, "generated": short}, PROTOCOLS) for name in ("a", "b")
    ]
    rows = table.pipeline_rows(clips, PROTOCOLS)
    assert rows["shuffled"][0].scores["dynamics"]["loudness"] == pytest.approx(1)
    assert rows["shuffled"][0].scores["strict"]["onset_f70"] == 1
    assert rows["generated"][0].scores["dynamics"]["loudness"] < 0


def test_text_shows_each_row():
    lines = table.text(summary_of(clip("a", "a", "m"), clip("b", "b", "n"))).splitlines()
    assert lines[0].split() == [
        "row", "loris", "f1", "strict", "onset_f70", "strict", "onset_f50", "strict", "beat_f70",
        "strict", "beat_f35", "strict", "cmlt",
        "strict", "amlt", "strict", "information_gain", "strict", "tempo_error_bpm", "strict", "tempo_error_octave_bpm",
        "dynamics", "loudness", "dynamics", "density",
    ]  # fmt: skip
    assert lines[1].split() == ["truth", "100.000", *["1.000"] * 7, "0.000", "0.000", "1.000", "1.000"]
    assert [line.split()[0] for line in lines[1:]] == list(ROWS)
