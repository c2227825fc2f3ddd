"""Saved states: replaced whole, pruned by age, and under a fingerprint of all that decides a run."""

import dataclasses
import json
import os
import time

import numpy as np
import pytest
import torch

from pace.autoencoder.vae import VaeParams
from pace.training.resume import KEPT, STALE, Resume, fingerprint

PARAMS = VaeParams(4, (8, 16), 1, 4, 4, True)


def test_resume_replaces_the_state_whole_or_not_at_all(tmp_path):
    resume = Resume(tmp_path / "run")
    assert resume.load() is None
    resume.save({"step": 1, "weights": torch.ones(3)})
    with pytest.raises(Exception, match="pickle"):
        resume.save({"step": 2, "weights": lambda: None})  # fails half-way through the writing
    assert resume.load()["step"] == 1
    assert [path.name for path in resume.folder.iterdir()] == ["state.pt"]
    resume.path.write_bytes(resume.path.read_bytes()[:100])
    with pytest.warns(UserWarning, match="starts from its first step"):
        assert resume.load() is None
    resume.clear()
    assert not resume.folder.exists()
    resume.clear()


def test_a_save_leaves_the_newest_states_of_other_runs(tmp_path):
    """Ten siblings and the run's own: eight states stay, by their age and not by their names."""
    ages = dict(zip("abcdefghij", (3, 9, 1, 7, 5, 10, 2, 8, 6, 4), strict=True))
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.pt").write_bytes(b"")
        os.utime(tmp_path / name / "state.pt", times=(1e9 - age, 1e9 - age))
    Resume(tmp_path / "run").save({"step": 1})
    stay = {name for name, age in ages.items() if age <= 7}
    assert KEPT == 8 and {path.name for path in tmp_path.iterdir()} == stay | {"run"}
    assert all((tmp_path / name / "state.pt").is_file() for name in stay)


def test_a_save_removes_the_unfinished_files_of_killed_runs_only(tmp_path):
    """One of an hour ago is left over; a young one may be another run's that is being written."""
    for name, age in (("stale", STALE + 60), ("fresh", STALE - 60)):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "half.tmp"
        path.write_bytes(b"")
        os.utime(path, times=(time.time() - age,) * 2)
    Resume(tmp_path / "run").save({"step": 1})
    assert [path.parent.name for path in tmp_path.glob("*/*.tmp")] == ["fresh"]


def test_fingerprint_changes_with_every_input():
    base = [PARAMS, np.arange(4, dtype=np.uint8), b"code", "2.13"]
    others = [
        [dataclasses.replace(PARAMS, layers=2), *base[1:]],
        [base[0], np.arange(4, dtype=np.int16), *base[2:]],
        [base[0], np.arange(4, dtype=np.uint8).reshape(2, 2), *base[2:]],
        [*base[:2], b"cod", "e2.13"],
        [*base[:3], "2.14"],
    ]
    marks = [fingerprint(*things) for things in (base, *others)]
    assert len(set(marks)) == len(marks)
    assert fingerprint(*base) == marks[0]
    assert json.dumps(marks[0])
