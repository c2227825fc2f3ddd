"""`python -m pace score`: arguments, the table in every form, exit status."""

import csv
import json
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import tiny_autoencoder
from helpers.composed import composed

from pace import __main__
from pace.evaluation.metrics import beat_alignment, onsets
from pace.scoring import console_table, tables

ROOT = Path(__file__).resolve().parents[2]
SR = 22050
ASIDE = (
    "beats",
    "not_above_clock",
    "not_above_shuffled",
    "not_separated",
)  # columns that the notes and marks of Markdown tell
ROWS = ["mine", "mine (shuffled)", "truth", "clicks", "clicks120", "delayed"]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three references and a system's music of them: one other, one under an ending, one missing, one of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACE_WORKERS", "0")
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "data/none").mkdir(parents=True)
    for folder in ("ref", "mine"):
        (tmp_path / folder).mkdir()
    music = {name: composed("lock", 100 + 10 * i, 0.2, 3.0, i) for i, name in enumerate("abc")}
    for name, wave in music.items():
        soundfile.write(tmp_path / "ref" / f"{name}.wav", wave, SR)
    soundfile.write(tmp_path / "mine/a.flac", music["b"], SR)
    soundfile.write(tmp_path / "mine/b_gen.wav", music["b"], SR)
    soundfile.write(tmp_path / "mine/z.wav", music["b"], SR)
    return tmp_path


def command(*arguments):
    __main__.main(["score", *map(str, arguments)])


def test_the_table_on_the_console_and_as_json(folders, capsys):
    command("ref", "mine", "--out", "made/table.json")
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert lines[0].split() == ["clips", "beat", "95", "%", "onset", "loud", "dens.", "d2mgan", "loris", "descr."]
    assert lines[1].split() == ["F", "interval", "F", "r", "r", "F1", "%", "F1", "%", "FAD"]
    assert [line[:15].rstrip() for line in lines[2:9]] == ["mine", "controls:", *ROWS[1:]]
    assert lines[2].split()[1:4] == ["2", "of", "3"]
    assert lines[5].split()[:6] == ["truth", "2", "1.000", "1.000–1.000", "1.000", "–"]
    assert "vggish, cnn14, clap: not computed: no weights (python -m pace fetch NAME)" in lines
    assert "references without a generated file: mine 1, c.wav" in lines
    assert "generated files without a reference: mine 1, z.wav" in lines
    assert lines[-1].startswith("made/table.json also has all metrics, intervals, differences")
    assert max(map(len, lines)) <= 100
    result = json.loads(Path("made/table.json").read_text())
    assert list(result["rows"]) == ROWS
    assert result["rows"]["mine"]["clips"] == 2
    assert result["rows"]["mine"]["not_scored"] == 1
    assert set(result["rows"]["mine"]["rhythm"]) == {"d2mgan", "loris", "strict", "dynamics"}
    assert result["rows"]["mine"]["fad"]["descriptors"]["n"] == 6
    assert result["uninformative"] == {} and "†" not in said
    assert result["rows"]["mine"]["interval"].keys() == {
        "d2mgan",
        "loris",
        "strict",
    }  # two sources have none of a distance
    assert [
        line for line in lines if line.startswith("distances not tested against the controls (descriptors): without")
    ]
    assert "rhythm metrics not tested against the controls: only 2 sources; at least 4 are needed" in lines
    assert "intervals resample 2 sources of 2 clips" in lines
    missing = "without the control ceiling (--vae DIR) and random (--training DIR) fewer columns can be marked as"
    assert f"{missing} uninformative" in " ".join(said.split())
    assert set(result["not_computed"]) == {"vggish", "cnn14", "clap"}
    assert result["files"]["unmatched"] == {"mine": {"reference_only": ["c.wav"], "generated_only": ["z.wav"]}}
    assert [(one["clip"], one["row"]) for one in result["per_clip"] if one["row"] == "mine"] == [
        ("a", "mine"),
        ("b", "mine"),
    ]
    own = {one["clip"]: one for one in result["per_clip"] if one["row"] == "mine"}
    assert own["b"]["strict_onset_f50"] == 1.0 > own["a"]["strict_onset_f50"]


def test_csv_and_markdown_hold_the_same_table(folders, capsys):
    command("ref", "mine", "--out", "table.csv", "--protocols", "5hz", "strict", "--extractors", "descriptors", "clap")
    command("ref", "mine", "--out", "table.md", "--protocols", "5hz", "strict", "--extractors", "descriptors", "clap")
    with open("table.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [record["row"] for record in table] == ROWS
    assert {record["clap_fad"] for record in table} == {"not computed: no weights (python -m pace fetch clap)"}
    assert "loris_f1" not in table[0] and "vggish_fad" not in table[0]
    assert float(table[2]["5hz_f1"]) == 100
    lines = Path("table.md").read_text().splitlines()
    assert lines[0] == "# Scores against ref" and "## Notes" in lines
    assert "- clap: not computed: no weights (python -m pace fetch clap)" in lines
    assert [line for line in lines if line.startswith("- no row random: no training music (give a folder with --trai")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:10]]
    assert cells[0] == [name for name in table[0] if name not in ASIDE and not name.endswith(("_low", "_high"))]
    assert [row[0] for row in cells[2:]] == ROWS
    assert cells[4][cells[0].index("5hz_f1")] == "100.0 [100.0, 100.0]"
    onset = [f"{float(table[0][f'strict_onset_f50{end}']):.3f}" for end in ("", "_low", "_high")]
    assert cells[2][cells[0].index("strict_onset_f50")] == "{} [{}, {}]".format(*onset)
    assert cells[2][cells[0].index("clap_fad")] == "not computed: no weights"
    assert "- mine: generated files without a reference (1): z.wav" in lines


@pytest.mark.long
def test_uninformative_rhythm_metrics_are_marked_in_every_form(folders, capsys):
    """Six pieces: one-second bins do not tell clicks from the music, tempo not the delayed, beats tell all apart."""
    for folder in ("songs", "ours", "training"):
        Path(folder).mkdir()
    for i in range(6):
        wave = composed("house", 93 + 7 * i, 0.1 + 0.05 * i, 5.0, i)
        other = composed("lock", 90 + 8 * i, 0.3 + 0.03 * i, 5.0, i + 10)
        soundfile.write(f"training/{i}.wav", other, SR)
        soundfile.write(f"songs/{i}.wav", wave, SR)
        soundfile.write(f"ours/{i}.wav", np.roll(wave, 500) + 0.3 * np.random.default_rng(i).random(len(wave)), SR)
    arguments = ("songs", "ours", "--training", "training", "--protocols", "loris", "strict")
    arguments += ("--extractors", "descriptors", "--out")
    for name in ("x.json", "x.csv", "x.md"):
        command(*arguments, name)
    marks = json.loads(Path("x.json").read_text())["uninformative"]
    assert "clicks" in marks["loris"]["f1"] and "ours (shuffled)" in marks["loris"]["f1"]
    assert marks["strict"]["beat_f70"] == marks["strict"]["onset_f50"] == []
    assert marks["strict"]["tempo_error_octave_bpm"][-1] == "delayed"
    assert marks["descriptors"]["fad"] == ["delayed"]  # the same music is no farther than music of another style
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["clips", "beat", "95", "%", "onset", "loud", "dens.", "loris", "descr."]
    dynamics = ["r" + "†" * bool(marks["dynamics"].get(name)) for name in ("loudness", "density")]
    assert lines[1].split() == ["F", "interval", "F", *dynamics, "F1", "%†", "FAD†"]
    said = " ".join(lines[lines.index(next(line for line in lines if line.startswith("† uninf"))) :])
    assert said.startswith("† uninformative: a high figure proves no fit, since the truth is not separated from shuf")
    notes = [line for line in Path("x.md").read_text().splitlines() if line.startswith("- † uninformative")]
    assert [line for line in notes if "separated from delayed: strict_information_gain, " in line or "delayed:" in line]
    assert not [line for line in lines if "not tested" in line]
    with open("x.csv", newline="") as file:
        blind = {record["row"]: record["not_separated"].split() for record in csv.DictReader(file)}
    assert "loris_f1" in blind["clicks"] and "loris_f1" in blind["ours (shuffled)"] and blind["ours"] == []
    assert blind == {
        row: [f"{p}_{m}" for p, metrics in marks.items() for m, rows in metrics.items() if row in rows] for row in blind
    }
    head = Path("x.md").read_text().splitlines()[2]
    assert "| loris_f1† |" in head and "| strict_beat_f70 |" in head and "not_separated" not in head


@pytest.mark.long
def test_distances_have_intervals_and_paired_differences_in_every_form(folders, capsys):
    """Six songs, and two systems: the songs with a little noise, and with a little more of the same."""
    for folder in ("songs", "near", "far"):
        Path(folder).mkdir()
    for i in range(6):
        wave = composed("house", 93 + 7 * i, 0.1 + 0.05 * i, 3.0, i)
        noise = np.random.default_rng(i).normal(size=len(wave))
        for folder, level in (("songs", 0.0), ("near", 0.02), ("far", 0.2)):
            soundfile.write(f"{folder}/{i}.wav", 0.5 * wave + level * noise, SR)
    arguments = ("songs", "near", "far", "--protocols", "strict", "--extractors", "descriptors", "--out")
    for name in ("x.json", "x.csv", "x.md"):
        command(*arguments, name)
    result = json.loads(Path("x.json").read_text())
    value = {name: result["rows"][name]["fad"]["descriptors"]["fad"] for name in ("near", "far")}
    low, high = result["rows"]["far"]["interval"]["descriptors"]["fad"]
    assert 0 <= low < value["far"] < high
    (one,) = [one for one in result["differences"] if one["protocol"] == "descriptors"]
    assert (one["first"], one["second"], one["metric"], one["clips"]) == ("near", "far", "fad", 6)
    assert one["difference"] == pytest.approx(value["near"] - value["far"], rel=1e-3)
    assert one["low"] < one["difference"] < one["high"] < 0 and one["p"] < 0.05
    with open("x.csv", newline="") as file:
        record = {record["row"]: record for record in csv.DictReader(file)}["far"]
    assert [float(record[f"descriptors_fad{end}"]) for end in ("_low", "_high")] == [low, high]
    assert (record["descriptors_n"], record["descriptors_clips"]) == ("18", "6")
    assert f"{tables.shown(value['far'])} [{tables.shown(low)}, {tables.shown(high)}]" in Path("x.md").read_text()
    value, low, high = (console_table.signed(one[key]) for key in ("difference", "low", "high"))
    assert f"\n| near | far | descriptors_fad | {value} [{low}, {high}] | = " in Path("x.md").read_text()
    (row,) = {line for line in capsys.readouterr().out.splitlines() if line.startswith("far ")}
    assert row.endswith("*")
    # Nearer systems than all controls do not make the distance informative: no row says what is near.
    assert "descriptors" not in result["uninformative"]


def test_several_systems_are_rows_of_one_table_by_their_names(folders, capsys):
    command("ref", "mine", "ref", "--name", "first", "second", "--protocols", "strict", "--extractors", "descriptors")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:6]] == ["first", "second", "controls:", "shuffled (best)"]
    i = lines.index("beat F minus that of first, with its 95 % interval:")
    assert lines[i + 1].startswith("  second  +0.") and "p = " in lines[i + 1]


@pytest.mark.long
def test_clips_of_one_source_have_no_interval(folders, capsys):
    for name in ("ref/a.wav", "ref/b.wav", "ref/c.wav"):
        Path(name).rename(name.replace("/", "/song_"))
    arguments = (
        "ref",
        "ref",
        "--name",
        "mine",
        "--protocols",
        "strict",
        "--extractors",
        "descriptors",
        "--out",
        "x.json",
    )
    command(*arguments)
    result = json.loads(Path("x.json").read_text())
    assert result["group"]["sources"] == 3
    assert result["rows"]["mine"]["interval"]["strict"]["onset_f50"] == [1.0, 1.0]
    command(*arguments, "--group", "(.*)_.")
    result = json.loads(Path("x.json").read_text())
    assert result["group"]["sources"] == 1
    assert result["rows"]["mine"]["interval"] == {} and "mine (shuffled)" not in result["rows"]
    lines = capsys.readouterr().out.splitlines()
    assert "intervals resample 1 source of 3 clips" in lines
    assert "no row mine (shuffled): there are no two clips of different sources" in lines
    command(*arguments, "--group", "(song)_[ab]")
    lines = capsys.readouterr().out.splitlines()
    assert "intervals resample 2 sources of 3 clips" in lines
    assert "1 of 3 clip names do not match (song)_[ab]: each its own source" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gone", "mine"), "gone: no such folder"),
        (("ref", "data/none"), "data/none: no music file in it"),
        (("ref", "mine", "mine"), "two folders are called 'mine': give each a name of its own with --name"),
        (("ref", "mine", "--name", "a", "b"), "2 names for 1 folders"),
        (("ref", "mine", "--name", "truth"), "'truth' is the name of another row"),
        (
            ("ref", "mine", "--out", "x.xlsx"),
            "x.xlsx: unknown kind of table; give a file name that ends in one of .json, .csv, .md",
        ),
        (("ref", "mine", "--out", "ref.json"), "ref.json: a folder; give the name of a file in it"),
        (("ref", "mine", "--out", "ref/a.wav/x.md"), "ref/a.wav is a file; give a file in a folder"),
        (
            ("ref", "mine", "--beats", "beats.csv", "--out", "./beats.csv"),
            "beats.csv: an input of this command, which the table would replace",
        ),
        (("ref/a.wav", "mine"), "ref/a.wav: a file; give the folder that it lies in"),
        (("ref", "mine", "--protocols", "beats"), "rhythm protocol 'beats' is unknown"),
        (
            ("ref", "mine", "--extractors", "openl3"),
            "no extractor 'openl3'; there are descriptors, vggish",
        ),
        (("ref", "mine", "--extractors", "vggish=gone.pth"), "gone.pth: no such weights file"),
        (("ref", "other"), "no file of other has the name of one in ref; see --suffixes"),
        (("broken", "mine"), "broken/a.wav: not a readable media file"),
        (("ref", "broken"), "no generated file can be read; the first, "),
        (("ref", "mine", "--group", "song_(.*)"), "no clip has a name that 'song_(.*)' matches, for instance 'a'"),
        (("ref", "mine", "--poses", "gone"), "gone: no such folder; give a folder of poses"),
        (("ref", "mine", "--tempo", "tempo.csv"), "tempo.csv:3: bpm is 'fast'; give beats per minute, above 0"),
    ],
)
def test_wrong_arguments_end_with_one_line(folders, arguments, message):
    for name in ("other/x.wav", "broken/a.wav"):
        Path(name).parent.mkdir()
        Path(name).write_text("no music")
    Path("tempo.csv").write_text("clip,bpm\na,120\nb,fast\n")
    Path("beats.csv").write_text("clip,time_s\na,1\n")
    Path("ref.json").mkdir()
    with pytest.raises(SystemExit) as stopped:
        command(*arguments)
    assert message in str(stopped.value)
    assert str(stopped.value).startswith("python -m pace score: ")


def test_suffixes_and_strict(folders, capsys):
    with pytest.raises(SystemExit) as stopped:
        command("ref", "mine", "--strict", "--protocols", "strict", "--suffixes", "--extractors", "descriptors")
    assert stopped.value.code == 3
    out = capsys.readouterr().out
    assert "references without a generated file: mine 2, such as b.wav" in out
    assert "generated files without a reference: mine 2, such as b_gen.wav" in out
    command("ref", "ref", "--strict", "--protocols", "strict", "--extractors", "descriptors")  # nothing left out


@pytest.mark.long
def test_two_workers_give_the_same_and_training_music_a_row(folders, monkeypatch):
    arguments = ("ref", "mine", "--training", "ref", "--protocols", "strict", "--extractors", "descriptors", "--out")
    command(*arguments, "one.json")
    monkeypatch.setenv("PACE_WORKERS", "2")
    command(*arguments, "two.json")
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    assert json.loads(Path("one.json").read_text())["rows"]["random"]["clips"] == 2


@pytest.mark.long
def test_a_system_without_a_usable_file_has_a_row_and_is_named(folders, capsys):
    """Of `lost` nothing matches, of `broken` nothing can be read."""
    for name in ("lost/x.wav", "broken/a.wav"):
        Path(name).parent.mkdir()
        Path(name).write_text("no music")
    arguments = ("ref", "lost", "mine", "broken", "--protocols", "loris", "--extractors", "descriptors", "--out")
    for name in ("x.json", "x.CSV", "x.md"):
        command(*arguments, name)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["clips", "loris", "95", "%", "descr."]
    assert lines[2].split() == ["lost", "0", "of", "3", "–", "–"]
    assert lines[4].split() == ["broken", "0", "of", "3", "–", "–"]
    notes = [line for line in lines if line.endswith(": nothing scored, it has no usable file")]
    assert [note.split(":")[0] for note in notes[:2]] == ["lost", "broken"]
    rows = json.loads(Path("x.json").read_text())["rows"]
    assert rows["lost"] == {"clips": 0, "rhythm": {}, "interval": {}, "fad": {}, "not_scored": 3}
    with open("x.CSV", newline="") as file:
        table = {record["row"]: record for record in csv.DictReader(file)}
    assert list(table["mine"])[:5] == ["row", "beats", "clips", "not_scored", "loris_bcs"]
    assert list(table["mine"])[-1] == "not_separated"
    assert {value for name, value in table["lost"].items() if name not in ("row", "beats", "clips", "not_scored")} == {
        ""
    }
    (row,) = [line for line in Path("x.md").read_text().splitlines() if line.startswith("| lost |")]
    assert {cell.strip() for cell in row.strip("|").split("|")[3:]} == {"–"}


def test_poses_beats_and_tempo_are_heeded_and_their_lack_is_counted(folders, capsys):
    Path("poses").mkdir()
    pose = np.cumsum(np.random.default_rng(0).normal(size=(90, 17, 3)), axis=0)
    np.savez("poses/a.npz", pose=pose, fps=30.0)
    np.savez("poses/b.npz", pose=pose[:5], fps=30.0)  # too short to have beats
    Path("beats.csv").write_text("clip,time_s\n" + "".join(f"b,{time}\n" for time in (2.5, 0.5, 1.5, 1.0, 2.0)))
    Path("tempo.csv").write_text("clip,bpm\na,101\nb,87\nother,5\n")
    arguments = ("ref", "mine", "--protocols", "strict", "--extractors", "descriptors", "--out", "x.json")
    command(*arguments)
    plain = {(one["clip"], one["row"]): one for one in json.loads(Path("x.json").read_text())["per_clip"]}
    capsys.readouterr()
    command(*arguments, "--poses", "poses", "--beats", "beats.csv", "--tempo", "tempo.csv")
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert "1 of 2 clips without a usable pose, not in alignment" in lines
    unused = "left out of alignment in every row: b.npz: track of 5 frames; the filter of order 2 needs at least 10"
    assert f"not scored, or not in all metrics: pose 1, b ({unused})" in " ".join(said.split())
    assert "1 of 2 clips without true beats, scored against the beats tracked in the reference" in lines
    assert not [line for line in lines if "without a tempo" in line]
    result = json.loads(Path("x.json").read_text())
    assert result["known"] == {"a usable pose": 1, "true beats": 1, "a tempo": 2}
    scores = {(one["clip"], one["row"]): one for one in result["per_clip"]}
    motion = beat_alignment.read_motion_beats(Path("poses/a.npz"), 0, 3).times
    detected = onsets.events(soundfile.read("ref/a.wav", dtype="float32")[0], SR)
    assert scores["a", "truth"]["alignment_bas"] == pytest.approx(
        beat_alignment.alignment_score(detected.beats, motion), abs=1e-6
    )
    assert "alignment_bas" not in scores["b", "truth"] and "alignment_bas" in scores["a", "mine"]
    assert result["rows"]["mine"]["rhythm"]["alignment"]["bas"] == scores["a", "mine"]["alignment_bas"]
    assert scores["a", "truth"]["strict_tempo_error_bpm"] == pytest.approx(abs(detected.tempo - 101), abs=1e-5)
    assert scores["a", "truth"]["strict_beat_f70"] == 1.0 == plain["b", "truth"]["strict_beat_f70"]
    assert scores["b", "truth"]["strict_beat_f70"] < 1


def test_a_constant_lateness_is_told_with_the_figures_without_it(folders, capsys):
    """Music in AAC without an edit list: 1024 samples at 11,025 Hz, 93 ms, later than its file says."""
    for folder, name in (("true", "sound.wav"), ("ours", "noelst.m4a")):
        Path(folder).mkdir()
        shutil.copy(ROOT / "tests/cases" / name, Path(folder) / f"song{Path(name).suffix}")
    command("true", "ours", "--protocols", "strict", "--extractors", "descriptors", "--out", "x.json")
    lines = capsys.readouterr().out.splitlines()
    assert "  ours: 93 ms late, measured on one clip alone" in lines
    assert [line.split()[:4] for line in lines[2:4]] == [["ours", "1", "0.333", "0.118"], ["93", "ms", "earlier", "1"]]
    result = json.loads(Path("x.json").read_text())
    late = result["lateness"]["ours"]
    assert late["seconds"] == pytest.approx(1024 / 11025, abs=0.001)
    assert (late["low"], late["high"], late["clips"], late["row"]) == (None, None, 1, "ours, 93 ms earlier")
    assert list(result["rows"])[:2] == ["ours", "ours, 93 ms earlier"]
    before, after = (result["rows"][row]["rhythm"]["strict"] for row in ("ours", "ours, 93 ms earlier"))
    assert before["beat_f70"] < 0.4 < 0.9 < after["beat_f70"] and before["onset_f50"] == 0 < 0.8 < after["onset_f50"]
    assert {one["row"] for one in result["per_clip"]} >= {"ours", "ours, 93 ms earlier"}
    command("true", "true", "--name", "ours", "--protocols", "strict", "--extractors", "descriptors", "--out", "x.json")
    assert json.loads(Path("x.json").read_text())["lateness"] == {}


def test_linked_folders_composed_names_and_the_home_folder(folders, capsys, monkeypatch):
    """A link to a folder of music, a name as macOS stores it, a link to nothing, a tilde that the shell left."""
    monkeypatch.setenv("HOME", str(folders))
    Path("ref/c.wav").rename(f"ref/{unicodedata.normalize('NFC', 'é')}.wav")
    Path("disk").mkdir()
    shutil.copy("mine/a.flac", f"disk/{unicodedata.normalize('NFD', 'é')}.flac")
    Path("mine/more").symlink_to(Path("disk").absolute())
    Path("mine/lost.wav").symlink_to("gone.wav")
    Path("mine/A_GEN.mid").write_bytes(b"")
    Path("tempo.csv").write_text(f"clip,bpm\n{unicodedata.normalize('NFD', 'é')},101\n", encoding="utf-8")
    arguments = ("~/ref", "~/mine", "--tempo=~/tempo.csv", "--out=~/made/x.json", "--protocols", "strict")
    command(*arguments, "--extractors", "descriptors")
    lines = capsys.readouterr().out.splitlines()
    result = json.loads(Path("made/x.json").read_text())
    assert result["rows"]["mine"]["clips"] == 3 and result["rows"]["mine"]["not_scored"] == 0
    assert result["known"] == {"a tempo": 1}
    assert result["files"]["unmatched"] == {"mine": {"generated_only": ["z.wav"], "broken": ["lost.wav"]}}
    assert "not read, the link leads nowhere: mine 1, lost.wav" in lines
    assert result["other_files"] == {"reference": [], "mine": ["A_GEN.mid"]}
    assert "mine: 1 other file passed over (.mid)" in lines


def test_positions_that_are_missing_in_a_pose_leave_the_other_clips_their_scores(folders, capsys):
    """One NaN is interpolated. A long gap and a dance without beats leave their clips out of alignment alone."""
    Path("poses").mkdir()
    poses = {name: np.cumsum(np.random.default_rng(i).normal(size=(90, 17, 3)), axis=0) for i, name in enumerate("abc")}
    whole = poses["a"].copy()
    for name in "bc":
        shutil.copy("ref/a.wav", f"ref/{name}.wav")
        shutil.copy("ref/a.wav", f"mine/{name}.wav")
    arguments = ("ref", "mine", "--protocols", "strict", "--extractors", "descriptors", "--poses", "poses")

    def alignment_with(one):
        for name, pose in (poses | {"a": one}).items():
            np.savez(f"poses/{name}.npz", pose=pose, fps=30.0)
        command(*arguments, "--out", "x.json")
        return json.loads(Path("x.json").read_text())

    poses["b"][20:50, 4, 0] = np.inf
    poses["c"][:] = 1.0
    expected = alignment_with(whole)["rows"]["truth"]["rhythm"]["alignment"]["bas"]
    capsys.readouterr()
    one_missing = whole.copy()
    one_missing[40, 3] = np.nan
    result = alignment_with(one_missing)
    assert expected > 0.05
    assert result["rows"]["truth"]["rhythm"]["alignment"]["bas"] == pytest.approx(expected, abs=0.02)
    assert result["files"]["faults"] == {"pose": {"a": "NaN or infinity in 1 of its frames, interpolated"}}
    left_out = "left out of alignment in every row: "
    assert result["files"]["unscored"]["pose"] == {
        "b": f"{left_out}NaN or infinity over more than 0.25 s in a row, in 30 of 90 frames of b.npz",
        "c": f"{left_out}its dance has no beats: nothing in it slows down and speeds up again",
    }
    assert result["rows"]["truth"]["missing"] == {
        "alignment": {"bas": 1, "bas_music": 1}, "dynamics": {"loudness": 3, "density": 3},  # three seconds are too few
    }  # fmt: skip
    own = {one["clip"]: one for one in result["per_clip"] if one["row"] == "truth"}
    assert own["c"]["alignment_bas"] is None and "alignment_bas" not in own["b"]
    said = capsys.readouterr().out
    assert "not scored, or not in all metrics: pose 2, such as b (left out" in " ".join(said.split())
    assert "nan" not in said
    assert "dance BAS: of 1 of 3 clips; the other dances have no beats or no usable pose" in " ".join(said.split())
    command(*arguments, "--out", "x.csv")
    with open("x.csv", newline="") as file:
        (line,) = [record for record in csv.DictReader(file) if record["row"] == "truth"]
    assert line["alignment_bas_missing"] == "1"
    with pytest.raises(SystemExit):
        command(*arguments, "--strict")


def test_references_that_are_all_silent_are_an_error(folders):
    for path in Path("ref").iterdir():
        soundfile.write(path, np.full(SR, 0.5), SR)
    with pytest.raises(SystemExit, match="no reference can be scored; the first, a: it is silent"):
        command("ref", "mine", "--protocols", "strict", "--extractors", "descriptors")


@pytest.mark.long
def test_with_an_autoencoder_the_table_has_a_ceiling_which_the_marks_heed(folders, capsys):
    """A random autoencoder, which no music survives, is a ceiling that beats no control: every metric is marked."""
    tiny_autoencoder.save("models/vae")
    for i, name in enumerate("cdef"):
        soundfile.write(f"ref/{name}.wav", composed("house", 95 + 9 * i, 0.2, 6.0, i), SR)
        shutil.copy(f"ref/{name}.wav", f"mine/{name}.wav")
    command("ref", "mine", "--protocols", "strict", "--extractors", "descriptors", "--out", "x.json")
    said = capsys.readouterr().out
    result = json.loads(Path("x.json").read_text())
    rows = result["rows"]
    assert list(rows) == ["mine", "mine (shuffled)", "truth", "ceiling", "clicks", "clicks120", "delayed"]
    assert rows["ceiling"]["clips"] == rows["truth"]["clips"] == 6
    assert rows["ceiling"]["rhythm"]["strict"]["beat_f70"] < 0.8 < rows["truth"]["rhythm"]["strict"]["beat_f70"]
    assert rows["ceiling"]["fad"]["descriptors"]["fad"] > rows["delayed"]["fad"]["descriptors"]["fad"]
    assert all(result["uninformative"]["strict"].values()) and "control ceiling" not in said
    assert "delayed" in result["uninformative"]["descriptors"]["fad"]


def test_a_folder_without_an_autoencoder_is_an_error_before_anything_is_scored(folders):
    with pytest.raises(SystemExit, match=r"none/config\.json: no such file"):
        command("ref", "mine", "--vae", "data/none")


def bobbing(bpm, seconds=3.0, fps=30):
    """A pose file's arrays: a body whose energy falls at each beat, from 0.2 s on."""
    phase = 2 * np.pi * (np.arange(round(seconds * fps)) / fps - 0.2) * bpm / 60
    joints = np.random.default_rng(3).normal(size=(17, 3))
    path = np.cumsum(1 - np.sin(phase)) / fps * np.where(np.sin(phase / 2) > 0, 1, -1)
    return {"pose": joints + 0.3 * path[:, None, None] * np.linspace(0.2, 1, 17)[:, None], "fps": np.float32(fps)}


@pytest.mark.long
def test_poses_add_the_rows_clock_and_with_those_of_training_music_retrieval(folders, capsys):
    for folder in ("poses", "train", "train_poses"):
        Path(folder).mkdir()
    for i, name in enumerate("abc"):
        np.savez(f"poses/{name}.npz", **bobbing(100 + 10 * i))
        soundfile.write(f"train/t{name}.wav", composed("house", 100 + 10 * i, 0.2, 6.0, 9), SR)
        np.savez(f"train_poses/t{name}.npz", **bobbing(100 + 10 * i, 6.0))
    options = "ref", "mine", "--poses", "poses", "--training", "train", "--training-poses"
    command(*options, "train_poses", "--out", "t.json")
    result = json.loads(Path("t.json").read_text())
    assert list(result["rows"]) == [*ROWS[:3], "clock", "retrieval", "random", *ROWS[3:]]
    assert result["rows"]["clock"]["clips"] == result["rows"]["retrieval"]["clips"] == 2
    assert result["not_above_clock"] == {"mine": {}}  # too few clips to test
    assert "beats heard by librosa, 30 ms taken off, in all rows alike" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="poses: no pose with a clock for any file of"):
        command(*options, "poses")


def test_the_tracker_is_an_option(folders, capsys):
    with pytest.raises(SystemExit, match="beat tracker 'x' is unknown"):
        command("ref", "mine", "--tracker", "x")
    with pytest.raises(SystemExit, match=r"beat_this: no checkpoint nowhere\.ckpt; download one"):
        command("ref", "mine", "--tracker", "beat_this=nowhere.ckpt")
