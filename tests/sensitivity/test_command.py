"""`python -m pace sensitivity` writes its page and figure."""

import pytest

from pace.__main__ import main


@pytest.mark.slow
def test_command_writes_page_and_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PACE_WORKERS", "0")
    main(["sensitivity", "--pieces", "2", "--out", str(tmp_path / "made")])
    page = (tmp_path / "made/sensitivity.md").read_text()
    assert "python -m pace sensitivity" in page and "](sensitivity.svg)" in page
    assert "<svg" in (tmp_path / "made/sensitivity.svg").read_text()
    assert str(tmp_path / "made/sensitivity.md") in capsys.readouterr().out
