"""docs/architecture.md against the code: its pictures, its table of packages, its table of the paper."""

import re
from pathlib import Path

import pytest

from pace.pictures import architecture
from pace.pipeline import closure

ROOT = closure.ROOT
PAGE = (ROOT / architecture.PAGE).read_text(encoding="utf-8")
PAPER = {  # what the paper consists of
    "section": ["3", "4.1", "4.2", "4.3", "5.1", "5.2", "5.3", "5.4", "5.5"],
    "equation": [str(number) for number in range(1, 11)],
    "figure": ["1", "2", "3"],
    "table": ["1", "2", "A1"],
    "appendix": ["A", "B"],
}
FILE = re.compile(r"`((?:pace|tests|stages|presets|docs|data|models|benchmarks)/[\w/]*(?:\.\w+)?|dvc\.yaml)`")
# "equation 5" and "equations 2-7", or (5) that is not an argument of a call.
BY_WORD = re.compile(r"[Ee]quations? ((?:\d+(?:-\d+)?(?:, | and )?)+)")
IN_BRACKETS = re.compile(r"(?<![\w\])])\((\d+)\)")
OUTPUTS = ("data/", "models/", "reports/")  # folders that a fresh checkout lacks


def paper_rows() -> list[tuple[str, str, str, str]]:
    """Cells of the paper's table: paper, what, code, tests."""
    section = PAGE.split("## The paper in the code")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert all(len(row) == 4 for row in rows)
    return [tuple(row) for row in rows[1:]]


def named(cell: str, kind: str) -> list[str]:
    """Numbers of the sections, equations, figures ... that a cell names."""
    return re.findall(rf"{kind} ([\w.]+)", cell)


def mentioned(text: str) -> set[int]:
    """Numbers of the equations that a file's text mentions."""
    numbers = {int(number) for number in IN_BRACKETS.findall(text)}
    for listed in BY_WORD.findall(text):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", listed):
            numbers |= {*range(int(first), int(last or first) + 1)}
    return numbers


@pytest.mark.parametrize("path", [architecture.STAGES_PICTURE, architecture.PACKAGES_PICTURE], ids=str)
def test_pictures_fit_the_code(path):
    drawn = architecture.pictures()[path]
    assert (ROOT / path).read_text(encoding="utf-8") == drawn, f"{path} is out of date: run `make pictures`"
    assert f"]({path.relative_to('docs')})" in PAGE


def test_drawing_twice_gives_the_same_text():
    assert architecture.pictures() == architecture.pictures()


def test_stages_follow_their_inputs():
    graph = architecture.stage_graph(architecture.read_stages())
    assert graph["energy"] == {"train_diffusion", "sample", "report"}
    assert graph["pretrain_motion"] == {"lift", "embed_motion"}
    assert graph["synthesise"] == {"index", "decode", "keypoints", "evaluate"}
    assert graph["report"] == set()


def test_kinds_of_stages():
    assert architecture.stage_kind("train_vae") == "training"
    assert architecture.stage_kind("lift") == "results kept for each video"
    assert architecture.stage_kind("evaluate") == "run as a whole"


def test_the_package_graph_is_that_of_the_imports():
    graph = architecture.package_graph()
    assert graph["pace/clip.py"] == set()
    assert graph["pace/sampling"] >= {"pace/diffusion", "pace/clip.py"}
    assert "pace/sampling" not in graph["pace/diffusion_training"]


def test_every_package_has_one_line_and_no_other_is_named():
    folders = {path.parent for path in (ROOT / "pace").rglob("*.py") if path.stat().st_size}
    packages = {"/".join(path.relative_to(ROOT).parts[:2]) for path in folders if path != ROOT / "pace"}
    loose = {f"pace/{path.name}" for path in (ROOT / "pace").glob("*.py")} - {"pace/__init__.py", "pace/__main__.py"}
    rows = [match[1] for match in architecture.PACKAGE_ROW.finditer(PAGE)]
    assert sorted(rows) == sorted(packages | loose)
    table = PAGE.split("| package | kind |")[1].split("\n\n")[0]
    assert table.count("\n| `") == len(rows), "a line of the table of packages is not written like the others"


def test_a_package_without_a_line_is_named():
    page = PAGE.replace("| `pace/audio` |", "| `pace/sound` |")
    with pytest.raises(ValueError, match="differ in pace/audio, pace/sound; correct the table"):
        architecture.draw_packages(page)


@pytest.mark.parametrize("path", sorted(set(FILE.findall(PAGE))))
def test_named_files_exist(path):
    assert (ROOT / path).exists() or path in OUTPUTS


@pytest.mark.parametrize("kind", PAPER)
def test_the_table_holds_all_of_the_paper(kind):
    cells = ", ".join(row[0] for row in paper_rows())
    assert set(named(cells, kind)) == set(PAPER[kind])


@pytest.mark.parametrize("row", paper_rows(), ids=lambda row: f"{row[0]}: {row[1][:30]}")
def test_a_row_names_code_and_tests_and_the_code_mentions_its_equations(row):
    paper, _, code, tests = row
    files, test_files = FILE.findall(code), FILE.findall(tests)
    assert files
    assert test_files
    assert all(Path(path).parts[0] == "tests" for path in test_files)
    assert not [path for path in files if path.startswith("tests/")]
    for equation in named(paper, "equation"):
        for path in files:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert int(equation) in mentioned(text), f"{path} does not mention equation {equation}"


def test_mentions():
    text = 'x.sum(3)  # (5)\n"""(2): E to E\'."""\nequations 6, 7 and 9, Equations 11-13 in 4 steps; g of (15)'
    assert mentioned(text) == {2, 5, 6, 7, 9, 11, 12, 13, 15}


def test_main_writes_only_what_changed(tmp_path, monkeypatch, capsys):
    texts = {Path("a.svg"): "new", Path("b.svg"): "same"}
    (tmp_path / "a.svg").write_text("old")
    (tmp_path / "b.svg").write_text("same")
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    monkeypatch.setattr(architecture, "pictures", lambda: texts)
    architecture.main([])
    assert capsys.readouterr().out == "a.svg: written\nb.svg: up to date\n"
    assert (tmp_path / "a.svg").read_text() == "new"
