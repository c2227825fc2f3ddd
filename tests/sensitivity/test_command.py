"""`python -m pace sensitivity` writes its page and figure."""

from pace.__main__ import main
from pace.sensitivity import command, study


def test_command_writes_page_and_figure(tmp_path, monkeypatch, capsys):
    changes = {"delay": (0, 250), "tempo": (0, 10), "missing": (0, 100)}
    monkeypatch.setattr(command, "study", lambda pieces, workers: study.study(pieces, 1, changes))
    main(["sensitivity", "--pieces", "2", "--out", str(tmp_path / "made")])
    page = (tmp_path / "made/sensitivity.md").read_text()
    assert "python -m pace sensitivity" in page and "](sensitivity.svg)" in page
    assert (tmp_path / "made/sensitivity.svg").read_bytes().startswith(b"<?xml")
    assert str(tmp_path / "made/sensitivity.md") in capsys.readouterr().out
