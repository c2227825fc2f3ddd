"""Systems scored from files: the same numbers as the functions of evaluate, controls, and nothing lost on the way."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers.composed import composed
from helpers.projects import ROOT, run

from pace.evaluation import controls, unscored
from pace.evaluation.clips import Annotations
from pace.evaluation.distances import Distances
from pace.evaluation.embedders import descriptors
from pace.evaluation.embeddings import embed_clip
from pace.evaluation.metrics import frechet, rhythm
from pace.evaluation.score_clips import score_clip
from pace.evaluation.scores import score_events, score_waves
from pace.media.sounds import Sound
from pace.scoring import file_clips, matching, rows

SR = 22050
PROTOCOLS = ("d2mgan", "loris", "5hz", "strict")


@pytest.fixture(scope="module")
def music():
    return [composed("house", 100 + 10 * i, 0.1 + 0.1 * i, 5.0, i) for i in range(4)]


def saved(folder, waves, sample_rate=SR):
    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in waves.items():
        soundfile.write(folder / f"{name}.wav", wave, sample_rate, subtype="FLOAT")
    return folder


def clips_in(reference, **generated):
    files = matching.find(reference)
    matches = {name: matching.match(files, matching.find(path)) for name, path in generated.items()}
    return file_clips.clips_of(matches)


def scored_in(reference, protocols=PROTOCOLS, sources=None, **generated):
    """The scored clips of some folders. sources: clip -> source, if others than the clips themselves."""
    clips = clips_in(reference, **generated)
    clips = [file_clips.with_source(clip, sources[clip.name]) for clip in clips] if sources else clips
    return [score_clip(clip, protocols) for clip in clips]


def scores_of(reference, generated, protocols=PROTOCOLS):
    """Scores of one pair of waves."""
    (clip,) = file_clips.clips_of({"mine": matching.match([Path("a.wav")], [Path("a.wav")])})
    return score_waves(clip, {"truth": reference, "mine": generated}, protocols)[1]["mine"]


def table_of(scored, systems, protocols=PROTOCOLS, extractors=("descriptors",), networks=None):
    embedded = [embed_clip(clip, extractors, networks or {}) for clip in scored]
    distances = Distances(embedded, [clip.clip.source for clip in scored])
    return rows.entries(rows.score_rows(scored, systems, protocols), distances)


@pytest.mark.parametrize("seconds", [3.2, 5.0])
def test_a_pair_is_scored_as_rhythm_scores_it(music, seconds):
    generated = music[1][: round(seconds * SR)]
    scores = scores_of(music[0], generated)
    for protocol in PROTOCOLS:
        assert scores[protocol] == rhythm.score(music[0], generated, SR, protocol), protocol


def test_of_longer_music_only_what_has_a_reference_counts_in_strict(music):
    longer = np.concatenate([music[0], music[1]])
    scores = scores_of(music[0], longer)
    assert scores["strict"] == rhythm.score(music[0], music[0], SR, "strict")
    assert scores["d2mgan"] == rhythm.score(music[0], longer, SR, "d2mgan")
    assert scores["d2mgan"]["bcs"] > 150  # the protocol's own way: it does not cut


def test_clicks_come_at_any_length_and_rate():
    track = controls.click_track(3 * 48000, 48000, 120)
    onsets = rhythm.events(track, 48000).onsets["strict"]
    np.testing.assert_allclose(np.diff(onsets), 0.5, atol=0.025)
    assert not controls.click_track(100, SR, 60).any()


def test_controls_tell_what_a_score_is_worth(music):
    made = file_clips.controls(Sound(music[0], SR))
    assert list(made) == ["truth", "clicks", "clicks120", "delayed"]
    assert {len(sound.wave) for sound in made.values()} == {len(music[0])}
    np.testing.assert_array_equal(made["delayed"].wave, np.roll(music[0], round(0.25 * SR)))
    scores = {row: scores_of(music[0], sound.wave) for row, sound in made.items()}
    assert scores["truth"]["loris"] == {"bcs": 100.0, "bhs": 100.0}
    assert scores["truth"]["strict"]["onset_f50"] == 1.0
    assert scores["delayed"]["loris"]["bhs"] >= 80 > 50 > 100 * scores["delayed"]["strict"]["beat_f70"]


@pytest.mark.long
def test_table_is_the_summary_of_the_clips_and_the_distance_of_their_sets(music, tmp_path):
    names = "abcd"
    reference = saved(tmp_path / "ref", dict(zip(names, music, strict=True)))
    other = saved(tmp_path / "other", dict(zip(names, [0.3 * music[i] for i in (1, 2, 3, 0)], strict=True)))
    sources = dict.fromkeys("ab", "one") | {"c": "c", "d": "d"}
    table = table_of(scored_in(reference, sources=sources, same=reference, other=other), ["same", "other"])
    assert list(table) == [
        "same", "other", "same (shuffled)", "other (shuffled)", "truth", "clicks", "clicks120", "delayed",
    ]  # fmt: skip
    assert {entry["clips"] for entry in table.values()} == {4}
    assert table["same"]["rhythm"] == table["truth"]["rhythm"]
    for protocol in PROTOCOLS:
        scores = [rhythm.score(music[i], 0.3 * music[j], SR, protocol) for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))]
        assert table["other"]["rhythm"][protocol] == pytest.approx(rhythm.summarise(scores))
        others = [(i, j) for i in range(4) for j in range(4) if i != j and {i, j} != {0, 1}]  # a, b: one source
        shuffled = [rhythm.score(music[j], music[i], SR, protocol) for i, j in others]
        assert table["same (shuffled)"]["rhythm"][protocol] == pytest.approx(rhythm.summarise(shuffled))
    assert table["same (shuffled)"]["pairs"] == 10
    sets = [np.concatenate([descriptors.embed(w, SR) for w in waves]) for waves in (music, [0.3 * w for w in music])]
    assert table["other"]["fad"]["descriptors"]["fad"] == pytest.approx(frechet.frechet(*sets), rel=1e-4)
    assert table["other"]["fad"]["descriptors"]["n"] == 20
    assert table["same"]["fad"]["descriptors"]["fad"] == pytest.approx(0, abs=1e-6)
    assert table["same"]["warning"]["descriptors"].startswith("n = 20 rows of 4 clips, not above d = 38")
    assert table["truth"]["fad"] == table["same (shuffled)"]["fad"] == {}


def test_rates_and_lengths_may_differ_and_formats_too(music, tmp_path):
    from scipy import signal

    reference = saved(tmp_path / "ref", {"a": music[0], "b": music[1]})
    doubled = {name: signal.resample_poly(wave, 2, 1) for name, wave in zip("ab", music, strict=False)}
    doubled["a"] = np.stack([doubled["a"]] * 2, axis=1)
    faster = saved(tmp_path / "faster", doubled, 2 * SR)
    scored = scored_in(reference, faster=faster)
    table = table_of(scored, ["faster"])
    assert table["faster"]["rhythm"]["loris"]["f1"] == 100
    assert table["faster"]["rhythm"]["strict"]["onset_f50"] > 0.95
    assert table["faster"]["fad"]["descriptors"]["fad"] < 2


@pytest.mark.long
def test_every_kind_of_bad_audio_is_scored_or_listed_and_none_is_lost(music, tmp_path):
    good, names = music[0], ("silent", "empty", "short", "nan", "clipped", "broken", "late", "good")
    reference = saved(tmp_path / "ref", dict.fromkeys(names, good))
    nan = good.copy()
    nan[1000:2000] = np.nan
    waves = {
        "silent": 0 * good, "empty": good[:0], "short": good[:500], "nan": nan, "clipped": (20 * good).clip(-1, 1),
        "good": good, "late": good,
    }  # fmt: skip
    generated = saved(tmp_path / "gen", waves)
    (generated / "broken.wav").write_text("no music")
    (reference / "late.wav").write_text("no music")
    scored = scored_in(reference, mine=generated)
    assert [clip.clip.name for clip in scored] == sorted(names)
    by_name = {clip.clip.name: clip for clip in scored}
    faults = {name: [fault.split(":")[0] for fault in one.faults.get("mine", ())] for name, one in by_name.items()}
    assert faults == {
        "silent": ["silent"], "empty": ["empty"], "short": ["very short"], "nan": ["not finite"],
        "clipped": ["clipped"], "broken": [], "late": [], "good": [],
    }  # fmt: skip
    assert by_name["broken"].unreadable["mine"].startswith(str(generated / "broken.wav"))
    assert by_name["late"].unreadable["reference"].startswith(str(reference / "late.wav"))
    assert by_name["late"].scores == {}
    for name in ("silent", "empty", "short"):
        assert by_name[name].scores["mine"]["loris"] == {"bcs": 0.0, "bhs": 0.0}
        assert by_name[name].scores["mine"]["strict"]["onset_f70"] == 0.0
        assert np.isfinite(by_name[name].descriptors["mine"]).all()
        assert np.isnan([*by_name[name].scores["mine"]["dynamics"].values()]).all()
    assert by_name["nan"].scores["mine"]["strict"]["onset_f70"] > 0.8
    assert 0.9 < by_name["nan"].scores["mine"]["dynamics"]["loudness"] <= 1  # 45 ms of silence
    table = table_of(scored, ["mine"])
    assert table["mine"]["clips"] == 6
    assert table["truth"]["clips"] == 7  # of the broken one the reference is sound
    mean = np.mean([one.scores["mine"]["strict"]["onset_f70"] for one in scored if "mine" in one.scores])
    assert table["mine"]["rhythm"]["strict"]["onset_f70"] == pytest.approx(mean)


def test_a_silent_reference_is_in_no_row_and_named(music, tmp_path):
    """A constant wave and dither of one step of 16 bits are silent too."""
    dither = np.random.default_rng(0).integers(-1, 2, len(music[1])) / 2**15
    for silence in (0 * music[1], dither, np.full(len(music[1]), 0.5)):
        reference = saved(tmp_path / "ref", {"a": music[0], "b": silence})
        scored = scored_in(reference, mine=saved(tmp_path / "gen", {"a": music[0], "b": music[1]}))
        assert unscored.reasons(scored) == {"b": "left out of every row: its true music is silent"}
        table = table_of(scored, ["mine"])
        for row in ("mine", "truth", "clicks"):
            assert table[row]["clips"] == 1 and set(table[row].get("missing", {})) <= {"dynamics"}  # of clicks
        assert table["mine"]["rhythm"]["loris"]["bhs"] == table["truth"]["rhythm"]["loris"]["bhs"] == 100
        assert table["mine"]["fad"]["descriptors"]["clips"] == 1
        assert "mine (shuffled)" not in table  # the other clip is no reference


@pytest.mark.long
def test_systems_with_other_clips_have_their_own_numbers(music, tmp_path):
    reference = saved(tmp_path / "ref", dict(zip("abcd", music, strict=True)))
    half = saved(tmp_path / "half", {"a": music[0], "c": music[2]})
    scored = scored_in(reference, all=reference, half=half)
    table = table_of(scored, ["all", "half"])
    assert (table["all"]["clips"], table["half"]["clips"], table["truth"]["clips"]) == (4, 2, 4)
    assert table["half"]["fad"]["descriptors"]["fad"] == pytest.approx(0, abs=1e-6)  # to the references of its own
    assert table["half"]["fad"]["descriptors"]["n_reference"] == 10


class Level:
    """A network of two numbers for each half second, that knows how long a wave it got."""

    def __init__(self):
        self.seconds = []

    def embed(self, wave, sample_rate):
        self.seconds.append(len(wave) / sample_rate)
        parts = wave[: len(wave) // (sample_rate // 2) * (sample_rate // 2)].reshape(-1, sample_rate // 2)
        return np.stack([parts.mean(axis=1), parts.std(axis=1)], axis=1)


def test_networks_hear_the_files_at_their_own_rate_up_to_the_reference_s_end(music, tmp_path):
    reference = saved(tmp_path / "ref", {"a": music[0], "b": music[1]})
    generated = saved(tmp_path / "gen", {"a": np.tile(music[0], 3), "b": music[1][:100]}, SR)
    network = Level()
    scored = scored_in(reference, ("strict",), mine=generated)
    table = table_of(scored, ["mine"], ("strict",), ("vggish",), {"vggish": network})
    assert set(table["mine"]["fad"]) == {"vggish"}
    assert table["mine"]["fad"]["vggish"]["n"] == 10 + 2  # half seconds of a clip, and a scrap with silence after it
    assert table["clicks"]["fad"]["vggish"]["n"] == 20
    assert set(network.seconds) == {5.0, 1.0}


def test_random_music_is_a_seeded_piece_of_the_training_music(music, tmp_path):
    reference = saved(tmp_path / "ref", {"a": music[0][: 2 * SR], "b": music[1][: 2 * SR]})
    training = matching.find(saved(tmp_path / "train", {str(i): wave for i, wave in enumerate(music)}))
    matches = {"mine": matching.match(matching.find(reference), matching.find(reference))}
    clips = file_clips.clips_of(matches, training)
    assert clips == file_clips.clips_of(matches, training)
    assert clips != file_clips.clips_of(matches, training, seed=1)
    files = clips[0].files
    assert len({clip.files.random[0] for clip in clips}) == 2
    piece, whole = files.read().rows["random"].wave, music[int(files.random[0].stem)]
    assert len(piece) == 2 * SR
    assert any(np.array_equal(piece, whole[i : i + len(piece)]) for i in range(3 * SR))
    lost = dataclasses.replace(files, random=(tmp_path / "gone.wav", 0.5))
    assert lost.read().unreadable == {
        "random": f"{tmp_path / 'gone.wav'}: no such file; correct the path or restore the file"
    }
    table = table_of([score_clip(clip, ("strict",)) for clip in clips], ["mine"], ("strict",), ())
    assert table["random"]["rhythm"]["strict"]["onset_f50"] < table["truth"]["rhythm"]["strict"]["onset_f50"]


def test_delayed_music_sounds_as_the_true_music_does(music):
    """A quarter of a second of silence before it would be most of what the distances measure."""
    late = [file_clips.controls(Sound(wave, SR))["delayed"].wave for wave in music]
    silent = [np.concatenate([np.zeros(round(0.25 * SR)), wave])[: len(wave)] for wave in music]
    true, *others = (np.concatenate([descriptors.embed(wave, SR) for wave in set_]) for set_ in (music, late, silent))
    distance, with_silence = (frechet.frechet(true, other) for other in others)
    assert 2 * distance < with_silence, (distance, with_silence)


def test_a_system_without_any_usable_file_has_a_row_of_nothing(music, tmp_path):
    reference = saved(tmp_path / "ref", {"a": music[0], "b": music[1]})
    broken = saved(tmp_path / "broken", {"a": music[0]})
    (broken / "a.wav").write_text("no music")
    scored = scored_in(reference, mine=reference, broken=broken)
    table = table_of(scored, ["broken", "mine"])
    assert table["broken"] == {"clips": 0, "rhythm": {}, "interval": {}, "fad": {}}
    assert list(table)[:2] == ["broken", "mine"] and table["mine"]["clips"] == 2
    assert rows.shuffled(scored, "broken", PROTOCOLS) == []


def test_beats_tempo_and_poses_are_scored_as_in_the_pipeline(music, tmp_path):
    """True beats and tempo replace those detected, motion beats up to the reference's end for the dance."""
    beats, motion = np.arange(0.37, 9, 0.6), np.arange(0.2, 9, 0.7)
    names, protocols = "ab", ("loris", "strict")
    reference = saved(tmp_path / "ref", dict(zip(names, music, strict=False)))
    mine = saved(tmp_path / "gen", dict(zip(names, music[2:], strict=True)))
    clips = [
        dataclasses.replace(clip, annotations=Annotations(beats, 97.0, motion))
        for clip in clips_in(reference, mine=mine)
    ]
    scored = [score_clip(clip, protocols) for clip in clips]
    until = Annotations(beats[beats < 5], 97.0, motion[motion < 5])

    def expected(own, other):
        """Scores of one clip's music against the reference of another."""
        truth, generated = (rhythm.events(music[i], SR) for i in (other, 2 + own))
        return score_events(until, truth, lambda _: (truth, generated), protocols)

    for i, clip in enumerate(scored):
        assert clip.scores["mine"] == expected(i, i)
        assert clip.scores["mine"]["strict"] == rhythm.score(music[i], music[2 + i], SR, "strict", beats[beats < 5], 97)
        assert clip.scores["clicks"]["alignment"]["bas"] > 0
        assert clip.scores["truth"]["strict"]["beat_f70"] < 0.9
        assert abs(clip.events["truth"].tempo - 97) == clip.scores["truth"]["strict"]["tempo_error_bpm"] > 0
    shuffled = [pair.scores for pair in rows.shuffled(scored, "mine", protocols)]
    assert shuffled == [expected(0, 1), expected(1, 0)]


def test_the_ceiling_is_made_once_and_heard_by_networks(music, tmp_path):
    lengths = []

    def rebuild(wave):
        lengths.append(len(wave))
        return 0.5 * wave

    (clip,) = clips_in(saved(tmp_path / "ref", {"a": music[0]}), mine=tmp_path / "ref")
    clip = dataclasses.replace(clip, files=dataclasses.replace(clip.files, rebuild=rebuild))
    embedded = embed_clip(score_clip(clip, ("strict",), keep_rebuilt=True), ("level",), {"level": Level()})
    np.testing.assert_allclose(embedded["ceiling"]["level"], 0.5 * embedded["truth"]["level"], rtol=1e-5)
    assert lengths == [len(music[0])]
    assert score_clip(clip, ("strict",)).rebuilt is None


@pytest.mark.long
def test_workers_do_without_pytorch():
    code = "import sys, pace.evaluation.score_clips, pace.scoring.file_clips; print('torch' in sys.modules)"
    assert run(ROOT, "python", "-c", code).strip() == "False"
