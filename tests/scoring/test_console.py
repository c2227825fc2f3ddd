"""The console's table fits 100 columns and few lines, whatever is scored; everything is in --out."""

import itertools
import json

import pytest

from pace.scoring import console, console_table, notes, tables
from pace.scoring.console_table import abbreviated, signed, width

METRICS = {
    "d2mgan": ("bcs", "csd", "bhs", "hsd", "f1"),
    "loris": ("bcs", "csd", "bhs", "hsd", "f1"),
    "5hz": ("bcs", "csd", "bhs", "hsd", "f1"),
    "strict": ("onset_f70", "onset_f50", "beat_f70", "cmlt", "amlt", "information_gain", "tempo_error_bpm"),
    "dynamics": ("loudness", "density"),
    "alignment": ("bas", "bas_music"),
}
EXTRACTORS = ("descriptors", "vggish", "cnn14", "clap")
CONTROLS = ("truth", "ceiling", "random", "clicks", "clicks120", "delayed")
SYSTEMS = ("ours", "CDCD_finetuned_checkpoint_000250000", "LORIS", "D2M-GAN", "ダンス音楽生成システム_最終版")


def entry(clips=20, distances=True, protocols=METRICS, scale=1.0, **more):
    rhythm = {
        name: dict.fromkeys(metrics, 100.0 if "f1" in metrics else 0.5 * scale)
        for name, metrics in METRICS.items()
        if name in protocols
    }
    fad = {name: {"fad": 123.45 * scale, "n": 160, "clips": clips, "d": 38} for name in EXTRACTORS} if distances else {}
    interval = {name: dict.fromkeys(metrics, (0.1, 0.9)) for name, metrics in rhythm.items()}
    return {"clips": clips, "rhythm": rhythm, "fad": fad, "interval": interval} | more


def result_of(systems=SYSTEMS, late=("ours", "LORIS"), **more):
    """A result of `score` with all protocols and extractors; the second system differs from the first, in all."""
    rows = {}
    for system in systems:
        rows[system] = entry(not_scored=0, warning={"descriptors": "n = 160 rows of 20 clips: mostly bias"})
        if system in late:
            rows[f"{system}, 46 ms earlier"] = entry(distances=False)
    rows |= {
        f"{system} (shuffled)": entry(distances=False, pairs=380, scale=1 + i / 10) for i, system in enumerate(systems)
    }
    rows |= {row: entry() for row in CONTROLS}
    named = [(name, metric) for name, metrics in METRICS.items() for metric in metrics]
    named += [(name, "fad") for name in EXTRACTORS]
    differences = [
        {"first": first, "second": second, "clips": 20, "protocol": protocol, "metric": metric, "difference": 0.1,
         "low": 0.05, "high": 0.15, "p": 0.01 if second == systems[1] else 0.6, "p_at_most": False}
        for first, second in itertools.combinations(systems, 2) for protocol, metric in named
    ]  # fmt: skip
    uninformative = {name: {"f1": ["ours (shuffled)", "clicks"]} for name in ("d2mgan", "loris")}
    uninformative |= {"strict": {"beat_f70": []}, "descriptors": {"fad": ["delayed"]}}
    uninformative |= {name: {"fad": []} for name in EXTRACTORS[1:]}
    lateness = {
        system: {"seconds": 0.0464, "low": 0.0452, "high": 0.0471, "clips": 20, "measured": 20,
                 "row": f"{system}, 46 ms earlier", "shift": "46 ms earlier"}
        for system in late
    }  # fmt: skip
    files = {"unmatched": {}, "unreadable": {}, "unscored": {}, "faults": {}}
    return {
        "reference": "truth", "systems": {name: name for name in systems}, "rows": rows, "differences": differences,
        "beats": "librosa", "not_above_clock": {}, "not_above_shuffled": {}, "own_minus_shuffled": {},
        "group": {"pattern": None, "clips": 20, "sources": 20, "unmatched": []}, "known": {},
        "uninformative": uninformative, "lateness": lateness, "not_computed": {}, "files": files, "other_files": {},
        "per_clip": [],
    } | more  # fmt: skip


@pytest.mark.parametrize("late", [(), ("ours",), SYSTEMS])
@pytest.mark.parametrize("systems", [SYSTEMS[:1], SYSTEMS[:2], SYSTEMS, (*SYSTEMS, *"abcdefg")])
@pytest.mark.parametrize(
    "protocols", [[*METRICS], ["strict"], ["loris"], ["strict", "d2mgan", "loris", "5hz"], ["5hz"]]
)
def test_it_fits_whatever_is_scored(systems, protocols, late):
    result = result_of(systems, [system for system in late if system in systems])
    for row in result["rows"].values():
        row["rhythm"] = {name: row["rhythm"][name] for name in protocols}
    lines = [*console.text(result).splitlines(), *console.rest(None).splitlines()]
    assert max(map(width, lines)) <= 100
    assert len(lines) <= 22 + 3 * len(systems) + 2 * len(result["lateness"])
    assert [line for line in lines if line.startswith("truth ")]


def test_five_systems_take_forty_lines_and_out_has_everything(tmp_path):
    result = result_of(late=("ours",))
    lines = console.text(result).splitlines()
    assert len(lines) <= 40
    heads = lines[0].split(), lines[1].split()
    columns = ["beat", "onset", "dance", "loud", "dens.", "loris", "5hz", "descr.", "vggish", "cnn14", "clap"]
    assert heads[0] == ["clips", *columns]
    assert heads[1] == ["F", "F", "BAS", "r", "r", "F1", "%†", "F1", "%", "FAD†", "FAD", "FAD", "FAD"]
    rows = {line[:16].strip(): line[16:].split() for line in lines[2:18]}
    assert rows["ours"] == ["20", *["0.500"] * 5, "100.0", "100.0", "123", "123", "123", "123"]
    assert rows["46 ms earlier"][-4:] == ["–"] * 4
    assert rows["shuffled (best)"][:3] == ["20", "0.700", "0.700"] and "–" in rows["shuffled (best)"]
    (marked,) = [line for line in lines[2:18] if "*" in line]  # the second system alone differs from the first
    assert marked.startswith("CDCD_") and marked.count("*") == 11
    said = " ".join(" ".join(lines).split())
    assert "* differs from ours, p < 0.05 (not corrected: of 48 comparisons about 2 by chance alone)" in said
    assert "truth is not separated from shuffled, clicks or delayed" in said
    assert "no room for d2mgan F1 %" in said
    assert "LORIS -0.100 [-0.150, -0.050], p = 0.6" in said  # minus the first: the sign turns
    assert "  ours: 46 ms late [45, 47], in 20 of 20 clips" in lines
    for name in ("x.json", "x.md", "x.csv"):
        tables.write(result, tmp_path / name)
    assert json.loads((tmp_path / "x.json").read_text())["differences"] == result["differences"]
    text = (tmp_path / "x.md").read_text()
    count = sum(len(metrics) for metrics in METRICS.values()) + len(EXTRACTORS)
    assert len([line for line in text.splitlines() if "-0.100" in line or "+0.100 [" in line]) == 10 * count
    assert (
        "| D2M-GAN | ダンス音楽生成システム_最終版 | alignment_bas_music | +0.100 [+0.050, +0.150] | = 0.6 | 20 |"
        in text
    )
    assert (
        "- ours: 46 ms late [45, 47], in 20 of 20 clips, perhaps by an encoder's delay: row 'ours, 46 ms earlier' has"
        in text
    )
    for row in result["rows"]:
        assert f"| {row} | 20 |" in text and f"\n{row}," in (tmp_path / "x.csv").read_text().replace('"', "")


def test_with_room_the_main_metric_has_its_interval():
    result = result_of()
    for row in result["rows"].values():
        row["fad"] = {name: row["fad"][name] for name in ("descriptors",) if name in row["fad"]}
        row["rhythm"] = {name: row["rhythm"][name] for name in ("strict", "loris")}
    lines = console.text(result).splitlines()
    assert lines[0].split() == ["clips", "beat", "95", "%", "onset", "loris", "descr."]
    (row,) = [line for line in lines if line.startswith("LORIS")]
    assert row.split() == ["LORIS", "20", "0.500", "0.100–0.900", "0.500", "100.0", "123"]


def test_missing_figures_are_dashes_and_counted():
    result = result_of(["ours"], [])
    for row in result["rows"].values():
        row["rhythm"]["strict"]["beat_f70"] = None
        row["missing"] = {"strict": {"beat_f70": 20, "cmlt": 20}, "loris": {"bcs": 2, "bhs": 2}}
    result["per_clip"] = [
        {"row": row, "strict_beat_f70": None, "loris_bhs": None if i < 2 else 50.0}
        for row in ("truth", "ours")
        for i in range(20)
    ]
    lines = console.text(result).splitlines()
    assert lines[2].split()[:4] == ["ours", "20", "–", "0.500"]
    assert "beat F: of 0 of 20 clips; the other references have none" in lines
    assert "loris F1 %: of 18 of 20 clips; the other references have none" in lines


def test_files_that_are_not_used_are_counted_with_an_example():
    """In notes by name, all of them."""
    unmatched = {name: {"generated_only": [f"{name}{i}.wav" for i in range(9)]} for name in SYSTEMS}
    unmatched["ours"] |= {"case": ["A.wav and a.wav"], "ambiguous": ["x/1.wav", "y/1.wav"]}
    files = {"unmatched": unmatched, "unreadable": {"ours": {"a": "a.wav: not a readable media file"}}, "unscored": {},
             "faults": {"reference": {"b": "silent"}}}  # fmt: skip
    result = result_of(files=files, other_files={"ours": ["log.TXT", "in/b.mid", "README"], "LORIS": []})
    lines = " ".join(line.strip() for line in console.text(result).splitlines())
    assert "generated files without a reference: ours 9, such as ours0.wav; CDCD_" in lines
    assert "D2M-GAN 9, such as D2M-GAN0.wav; 1 more system" in lines
    assert "the names differ in the case of letters: ours 1, A.wav and a.wav" in lines
    assert "unreadable, not scored: ours 1, a (a.wav: not a readable media file)" in lines
    assert "faulty, scored all the same: reference 1, b (silent)" in lines
    assert "ours: 3 other files passed over (.mid, .txt, without extension)" in lines
    full = notes.notes(result)
    assert f"ours: generated files without a reference (9): {', '.join(f'ours{i}.wav' for i in range(9))}" in full
    assert "ours: not used, several files in several folders have the name (2): x/1.wav, y/1.wav" in full


def test_a_system_without_a_clip_is_said_to_have_none():
    result = result_of(["x"], [])
    result["rows"] = {"x": {"clips": 0, "rhythm": {}, "fad": {}, "interval": {}, "not_scored": 3}, "truth": entry()}
    lines = console.text(result).splitlines()
    assert lines[2].split() == ["x", "0", "of", "3", *["–"] * 11]
    assert "x: nothing scored, it has no usable file" in lines


def test_names_are_cut_in_the_middle_and_wide_letters_counted():
    assert abbreviated("run_2024_model_a_step_1000", 12) == "run_2…p_1000"
    assert abbreviated("short", 12) == "short"
    assert width("ダンス") == 6 and width("é") == 1
    assert width(abbreviated("ダンス音楽生成システム", 12)) <= 12


def test_distances_have_three_digits():
    (column,) = [one for one in console_table.columns_of(result_of()) if one.name == "clap_fad"]
    assert [column.form(value) for value in (0.0, 0.0123, 1.234, 12.34, 123.4, 1234.4, 123456.0)] == [
        "0.00", "0.012", "1.23", "12.3", "123", "1234", "1e+05",
    ]  # fmt: skip


def test_a_difference_that_rounds_to_nothing_is_not_negative():
    assert [signed(value) for value in (-1e-9, 0.0, -0.0005001, 1.25)] == ["+0.000", "+0.000", "-0.001", "+1.250"]
