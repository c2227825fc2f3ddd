"""A miniature of AIST++: three sequences, one in each split, that cameras c01 and c04 film."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.dataset_layouts import camera, write_aistpp, write_pickle

from pace.pose import numpy_pickles

TRAIN, VAL, TEST = "gBR_sBM_cAll_d04_mBR1_ch01", "gHO_sBM_cAll_d19_mHO5_ch01", "gKR_sFM_cAll_d30_mKR2_ch02"


def write_miniature(root: Path) -> dict[str, np.ndarray]:
    """Write `root`/annotations and `root`/videos; returns sequence -> true world joints (N,17,3), COCO-17."""
    return write_aistpp(root, {TRAIN: "train", VAL: "val", TEST: "test"}, ("c01", "c04"))


def video_id(sequence: str, view: str) -> str:
    """The id of a sequence's video by one camera."""
    return sequence.replace("cAll", view)


def to_camera(world: np.ndarray, view: str) -> np.ndarray:
    """World joints in a camera's coordinates, by OpenCV's rotation."""
    entry = camera(view)
    return world @ cv2.Rodrigues(np.array(entry["rotation"]))[0].T + entry["translation"]


def change_pickle(path: Path, function: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite a pickle after `function` has changed its dictionary."""
    content = numpy_pickles.load(path)
    function(content)
    write_pickle(path, **content)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """The folder of the miniature and the true world joints."""
    root = tmp_path_factory.mktemp("aist")
    return root, write_miniature(root)


@pytest.fixture
def annotations(dataset, tmp_path):
    """A copy of the annotations to change."""
    shutil.copytree(dataset[0] / "annotations", tmp_path / "annotations")
    return tmp_path / "annotations"
