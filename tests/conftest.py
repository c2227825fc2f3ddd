"""Fixtures that several tests share."""

from pathlib import Path

import pytest
from helpers.projects import copy_project


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Path:
    """A fresh copy of the project, nothing computed in it."""
    return copy_project(tmp_path_factory.mktemp("project"))
