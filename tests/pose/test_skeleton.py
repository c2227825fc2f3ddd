"""Joint maps against the index lists of FACTS 1, by joints that carry their own names."""

import numpy as np
import pytest

from pace.pose import skeleton

COCO = {name: index for index, name in enumerate(skeleton.COCO17)}
HALPE = {name: index for index, name in enumerate(skeleton.HALPE26)}
SMPL = {name: index for index, name in enumerate(skeleton.SMPL24)}
LIMBS = [f"{side}{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]


def numbered(count):
    """Two frames whose joint j has the values 100 t + j, 1000 + j and j / 100."""
    j = np.arange(count, dtype=float)
    return np.stack([np.stack([100 * t + j, 1000 + j, j / 100], axis=-1) for t in range(2)])


def joint(pose, name):
    return pose[:, skeleton.H36M.index(name)]


@pytest.mark.parametrize("layout, names", [("halpe26", HALPE), ("coco17", COCO), ("smpl24", SMPL)])
def test_limbs_keep_their_names(layout, names):
    points = numbered(len(names))
    pose = skeleton.to_h36m(points, layout)
    assert pose.shape == (2, 17, 3)
    for name in LIMBS:
        assert np.array_equal(joint(pose, name), points[:, names[name]])


def test_halpe26_as_facts_list_it():
    points = numbered(26)
    pose = skeleton.to_h36m(points, "halpe26")
    order = [19, 12, 14, 16, 11, 13, 15, None, 18, 0, 17, 5, 7, 9, 6, 8, 10]
    for index, source in enumerate(order):
        expected = (points[:, 18] + points[:, 19]) / 2 if source is None else points[:, source]
        assert np.allclose(pose[:, index], expected)


def test_coco17_midpoints():
    points = numbered(17)
    pose = skeleton.to_h36m(points, "coco17")
    root, neck = (points[:, 11] + points[:, 12]) / 2, (points[:, 5] + points[:, 6]) / 2
    assert np.allclose(joint(pose, "root"), root)
    assert np.allclose(joint(pose, "neck"), neck)
    assert np.allclose(joint(pose, "belly"), (root + neck) / 2)
    assert np.allclose(joint(pose, "head"), (points[:, 1] + points[:, 2]) / 2)
    assert np.allclose(joint(pose, "nose"), points[:, 0])


def test_maps_have_public_names():
    halpe, coco = numbered(26), numbered(17)
    assert np.array_equal(skeleton.halpe26_to_h36m(halpe), skeleton.to_h36m(halpe, "halpe26"))
    assert np.array_equal(skeleton.coco17_to_h36m(coco), skeleton.to_h36m(coco, "coco17"))
    # The belly's confidence is the mean too; root and head of COCO by the indices of FACTS 1.
    assert np.allclose(skeleton.halpe26_to_h36m(halpe)[:, 7, 2], (0.18 + 0.19) / 2)
    assert np.allclose(skeleton.coco17_to_h36m(coco)[0, [0, 7, 8, 10], 0], [11.5, 8.5, 5.5, 1.5])


def test_smpl24_trunk():
    points = numbered(24)
    pose = skeleton.to_h36m(points, "smpl24")
    for name, source in (("root", "root"), ("belly", "belly"), ("neck", "neck"), ("head", "head")):
        assert np.array_equal(joint(pose, name), points[:, SMPL[source]]), name


def test_parts_cover_every_joint_once():
    assert list(skeleton.PARTS) == ["to", "la", "ra", "ll", "rl"]
    assert [len(joints) for joints in skeleton.PARTS.values()] == [5, 3, 3, 3, 3]
    assert sorted(index for joints in skeleton.PARTS.values() for index in joints) == list(range(17))
    for part, prefix in (("la", "l"), ("ra", "r"), ("ll", "l"), ("rl", "r")):
        assert all(skeleton.H36M[index].startswith(prefix) for index in skeleton.PARTS[part])


def test_flip_mirrors_names_and_returns():
    pose = np.random.default_rng(0).normal(size=(4, 17, 3))
    flipped = skeleton.flip(pose)
    for index, name in enumerate(skeleton.H36M):
        other = {"l": "r", "r": "l"}[name[0]] + name[1:] if name in LIMBS else name
        assert np.array_equal(flipped[:, index], pose[:, skeleton.H36M.index(other)] * [-1, 1, 1])
    assert np.array_equal(skeleton.flip(flipped), pose)


def test_unknown_layout():
    with pytest.raises(ValueError, match="'openpose' is unknown; use one of halpe26, coco17, smpl24, h36m"):
        skeleton.to_h36m(np.zeros((1, 18, 3)), "openpose")
