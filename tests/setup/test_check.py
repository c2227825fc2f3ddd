"""What `python -m pace check` says of a params.yaml that cannot be read."""

import pytest

from pace.pipeline.params import FILE, ParamsError
from pace.setup.check import read_params


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FILE.write_bytes("dataset:\n  root: /data/café\n".encode("latin-1"))
    with pytest.raises(ParamsError, match=r"^params\.yaml:2: not text in UTF-8; save the file as UTF-8$"):
        read_params()


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a: 1\na: 2\n", "a: [1\n", "a: 1\0\n"])
def test_a_file_that_is_not_yaml_is_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    FILE.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match=r"^params\.yaml: not valid YAML: [^\n]+$"):
        read_params()
