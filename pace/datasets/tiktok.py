"""Reader of the TikTok dance-music videos in D2M-GAN's naming (FACTS 4)."""

import re
from pathlib import Path

from pace.datasets import splits
from pace.datasets.listing import DatasetError, IndexParams, Listing, counted, find_videos, given

_NAME = re.compile(r"(?P<music>\d+)_(?P<index>\d+)_(?P<number>\d+)")


def read(params: IndexParams) -> Listing:
    """Videos named {music}_{index}_{number}, such as 000007_7_188.mp4, at any depth.

    With `split_lists` (D2M-GAN's train and test lists) a video in no list is left out, and where no list is for
    validation, pieces of the training music are held out for it. Without, a seeded split grouped by music. Which videos
    show the same dance is not known, and each video counts as a recording of its own. Raises DatasetError.
    """
    files, strange = {}, []
    for file in find_videos(Path(params.root)):
        match = _NAME.fullmatch(Path(file).stem)
        if match:
            files[file] = match
        else:
            strange.append(file)
    if not files:
        raise DatasetError(
            f"{params.root}: none of its {len(strange)} videos is named as TikTok's, such as 000007_7_188.mp4 (the "
            f"first: {strange[0]}); for other videos set dataset.name to folder"
        )
    music = {match.group(): match["music"] for match in files.values()}
    unlisted, absent = [], []
    if given(params.split_lists):
        listed = splits.read_lists(Path(params.split_lists))
        unlisted, absent = sorted(set(music) - set(listed)), sorted(set(listed) - set(music))
        chosen = splits.hold_out_val({name: listed[name] for name in music if name in listed}, music, params)
    else:
        chosen = splits.by_group(music, params)
    rows = [
        {"video_id": name, "file": file, "split": chosen[name], "music_id": match["music"], "source": name}
        for file, match in files.items()
        if (name := match.group()) in chosen
    ]
    notes = [
        *counted(strange, "files not named music_index_number"),
        *counted(unlisted, "videos in no list"),
        *counted(absent, f"videos of the lists that are not in {params.root}"),
    ]
    return Listing.of(rows, notes)
