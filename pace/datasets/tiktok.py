"""Reader of the TikTok dance-music videos as D2M-GAN names them (FACTS 4)."""

import re
from pathlib import Path

from pace.datasets import splits
from pace.datasets.listing import DatasetError, IndexParams, Listing, count_note, find_videos, is_set

_NAME = re.compile(r"(?P<music>\d+)_(?P<index>\d+)_(?P<number>\d+)")


def read(params: IndexParams) -> Listing:
    """Videos named {music}_{index}_{number}, such as 000007_7_188.mp4, at any depth.

    With `split_lists` (D2M-GAN's train and test lists), videos in no list are left out; where no list is for
    validation, some pieces of the training music are held out for it. Without lists, the split is seeded and keeps
    videos with the same music together. The names do not say which videos show the same dance, and each video counts
    as a recording of its own. Raises DatasetError.
    """
    named: dict[str, re.Match[str]] = {}
    misnamed: list[str] = []
    for file in find_videos(Path(params.root)):
        match = _NAME.fullmatch(Path(file).stem)
        if match:
            named[file] = match
        else:
            misnamed.append(file)
    if not named:
        raise DatasetError(
            f"{params.root}: none of its {len(misnamed)} videos is named as TikTok's, such as 000007_7_188.mp4 (the "
            f"first: {misnamed[0]}); for other videos set dataset.name to folder"
        )
    music = {match.group(): match["music"] for match in named.values()}
    unlisted: list[str] = []
    absent: list[str] = []
    if is_set(params.split_lists):
        listed = splits.read_lists(Path(params.split_lists))
        unlisted, absent = sorted(set(music) - set(listed)), sorted(set(listed) - set(music))
        split_of = splits.hold_out_val({name: listed[name] for name in music if name in listed}, music, params)
    else:
        split_of = splits.split_by_group(music, params)
    videos = [
        {"video_id": name, "file": file, "split": split_of[name], "music_id": match["music"], "source": name}
        for file, match in named.items()
        if (name := match.group()) in split_of
    ]
    notes = [
        *count_note(misnamed, "files not named music_index_number"),
        *count_note(unlisted, "videos in no list"),
        *count_note(absent, f"videos of the lists that are not in {params.root}"),
    ]
    return Listing.of(videos, notes)
