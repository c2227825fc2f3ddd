"""Assigning videos to train, val and test: published lists, and seeded splits that keep groups together."""

import hashlib
import re
from collections import defaultdict
from pathlib import Path

from pace.clip import SPLITS
from pace.datasets.listing import DatasetError, IndexParams

_SPLIT_IN_NAME = re.compile(r"(?<![a-z])(train|val|test)(?:(?<=val)idation)?(?![a-z])")
_SEGMENT = re.compile(r"_seg\d+$")


def read_lists(folder: Path) -> dict[str, str]:
    """Video name -> split, from lists in D2M-GAN's format.

    Each *.txt whose name contains the word train, val, validation or test lists paths of segments, one a line, such as
    `./video/test/gPO_sBM_c01_d11_mPO1_ch02_seg1.npy`. The video's name is the file name without `_seg1` and suffix.
    Raises DatasetError where there is no list, and for a video that two lists put into different splits.
    """
    splits: dict[str, str] = {}
    lists = 0
    for path in sorted(folder.glob("*.txt")):
        words = set(_SPLIT_IN_NAME.findall(path.stem.lower()))
        if len(words) != 1:
            continue
        lists += 1
        (split,) = words
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            name = _SEGMENT.sub("", Path(line.strip().replace("\\", "/")).stem)
            if name and splits.setdefault(name, split) != split:
                raise DatasetError(
                    f"{path}: {name} is in a list for {split} and in one for {splits[name]}; remove it from one"
                )
    if not lists:
        raise DatasetError(
            f"{folder}: no list in it; dataset.split_lists names a folder of text files with train, val or test in "
            "their names, such as aist_video_test_segment.txt"
        )
    return splits


def split_by_group(groups: dict[str, str], params: IndexParams, needs_train: bool = True) -> dict[str, str]:
    """A seeded split of videos (video -> its group) that never divides a group.

    A hash of the seed and the group's name orders the groups, so that adding videos changes the split little. In that
    order, test takes the groups that fit into its share of the videos, then val does; the rest is train.
    Raises DatasetError where there are too few groups, or one so large that nothing is left to train on. Where other
    videos are there to train on, `needs_train` is false and the rest may be empty.
    """
    members = _by_seeded_order(groups, params.seed)
    splits: dict[str, str] = {}
    group_count = len(members)
    for split, fraction in (("test", params.test_fraction), ("val", params.val_fraction)):
        for group in _take(members, fraction * len(groups)):
            splits |= dict.fromkeys(members.pop(group), split)
    if not members and needs_train:
        raise DatasetError(
            f"{group_count} pieces of music are too few for train, val and test; add videos with other music, or set "
            "dataset.val_fraction or dataset.test_fraction to 0"
        )
    return splits | {video: "train" for videos in members.values() for video in videos}


def hold_out_val(splits: dict[str, str], groups: dict[str, str], params: IndexParams) -> dict[str, str]:
    """The same splits; where no video is for validation, whole groups of training videos move there."""
    training = {video: groups[video] for video, split in splits.items() if split == "train"}
    members = _by_seeded_order(training, params.seed)
    if "val" in splits.values() or len(members) < 2:
        return splits
    held_out = _take(members, params.val_fraction * sum(map(len, members.values())))
    return splits | {video: "val" for group in held_out for video in members[group]}


def check_split(split: str, owner: str) -> None:
    """Raise DatasetError, which starts with `owner`, for a split other than train, val and test."""
    if split not in SPLITS:
        raise DatasetError(f"{owner} has the split {split!r}; allowed: {', '.join(SPLITS)}")


def _by_seeded_order(groups: dict[str, str], seed: int) -> dict[str, list[str]]:
    """Group -> its videos, the groups in the order that the seed gives."""
    members = defaultdict(list)
    for video, group in sorted(groups.items()):
        members[group].append(video)
    order = sorted(members, key=lambda group: hashlib.sha256(f"{seed}:{group}".encode()).digest())
    return {group: members[group] for group in order}


def _take(members: dict[str, list[str]], target: float) -> list[str]:
    """The groups, in order, that fit into `target` videos; the smallest one where none fits, none for target 0."""
    taken: list[str] = []
    count = 0
    for group, videos in members.items():
        if count + len(videos) <= round(target):
            taken.append(group)
            count += len(videos)
    if target > 0 and members and not taken:
        taken = [min(members, key=lambda group: len(members[group]))]
    return taken
