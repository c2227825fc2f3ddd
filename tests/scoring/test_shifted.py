"""A system that is late by a constant has a row without the lateness: the same music, scored anew."""

import av
import numpy as np
import pytest
import soundfile
from helpers.composed import composed

from pace.media.sounds import Sound
from pace.motion.energy import EnergyParams
from pace.scoring import score, shifted
from pace.scoring.lateness import Lateness

SR = 22050
ENERGY = EnergyParams(6.0, 1.2, 2, "unit", "keep")


def write_aac(path, wave):
    """Write mono AAC without an edit list: 1,024 samples late."""
    with av.open(str(path), "w", options={"use_editlist": "0"}) as container:
        stream = container.add_stream("aac", rate=SR, layout="mono", bit_rate=96_000)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


@pytest.mark.slow
def test_encoded_early_and_other_music(tmp_path, monkeypatch):
    """Four pieces: AAC, copies 30 ms early, other pieces. Not house: with every eighth struck, any eighth is a lag."""
    monkeypatch.setenv("PACE_WORKERS", "1")
    for folder in ("true", "aac", "early", "other"):
        (tmp_path / folder).mkdir()
    for i in range(4):
        wave = composed("break", 93 + 8 * i, 0.1 + 0.06 * i, 4.0, i)
        other = composed("lock", 126 - 7 * i, 0.3, 4.0, 50 + i)
        write_aac(tmp_path / f"aac/{i}.m4a", wave)
        for folder, made in (("true", wave), ("early", wave[round(0.03 * SR) :]), ("other", other)):
            soundfile.write(tmp_path / folder / f"{i}.wav", made, SR)
    systems = {name: tmp_path / name for name in ("aac", "other", "early")}
    result = score.score(score.ScoreOptions(tmp_path / "true", systems, ("strict", "5hz"), (), {}, energy=ENERGY))
    late = result["lateness"]
    assert late.keys() == {"aac", "early"}
    assert late["aac"]["seconds"] == pytest.approx(1024 / SR, abs=0.003)
    assert late["early"]["seconds"] == pytest.approx(-0.03, abs=0.003)
    assert late["aac"]["low"] < late["aac"]["seconds"] < late["aac"]["high"]
    assert late["aac"]["clips"] == late["aac"]["measured"] == 4
    names = [f"{name}, {late[name]['shift']}" for name in ("aac", "early")]
    assert names[0][:6] == "aac, 4" and names[0].endswith(" ms earlier") and names[1].endswith(" ms later")
    assert list(result["rows"])[:5] == ["aac", names[0], "other", "early", names[1]]
    strict = {row: entry["rhythm"]["strict"] for row, entry in result["rows"].items()}
    for system, row in zip(("aac", "early"), names, strict=True):
        assert result["rows"][row]["clips"] == 4 and result["rows"][row]["fad"] == {}
        assert strict[row]["onset_f50"] > 0.9 and strict[row]["beat_f70"] > 0.9
        assert result["rows"][row]["rhythm"]["5hz"]["f1"] > result["rows"][system]["rhythm"]["5hz"]["f1"] + 5
    assert not any(names[0] in (one["first"], one["second"]) for one in result["differences"])


def test_earlier_cuts_the_start_and_later_mirrors_it():
    sound = Sound(np.arange(1, 6, dtype=np.float32), 100, ("clipped",))
    assert shifted.earlier(sound, 0.02).wave.tolist() == [3, 4, 5]
    assert shifted.earlier(sound, -0.02).wave.tolist() == [2, 1, 1, 2, 3, 4, 5]
    assert shifted.earlier(sound, 1.0).wave.tolist() == []


def test_rows_are_named_by_what_removes_the_lateness():
    late, early = (Lateness(seconds, None, None, 1, 1) for seconds in (0.0464, -0.0301))
    assert shifted.row_name("ours", late) == "ours, 46 ms earlier"
    assert shifted.row_name("ours", early) == "ours, 30 ms later"
    assert shifted.measure([], ["ours"]) == {}
