"""Fixtures that several tests share, and how the tests are shared among processes."""

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports PyTorch; processes that tests start inherit it
    os.environ.setdefault("OMP_NUM_THREADS", "1")

os.environ.setdefault("PACE_WORKERS", "0")  # no processes where a test does not ask for them: they take time to start

from helpers.projects import copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A fresh copy of the project, nothing computed in it."""
    return copy_project(tmp_path_factory.mktemp("project"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the file that takes longest: another process runs the other files meanwhile."""
    items.sort(key=lambda item: item.path.name != "test_end_to_end.py")
