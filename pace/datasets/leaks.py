"""The leak check: how many of the scored clips share music, dance or source video with training (FACTS 4)."""

import pandas as pd

TRACK_PREFIX = "audio-"  # starts a music_id that identifies a stored sound track, not a piece of music
SHARED = {"music": "music_id", "dance": "sequence", "video": "source"}


def count(videos: pd.DataFrame, clips: pd.DataFrame, split: str = "test") -> dict[str, int]:
    """How many clips of `split` share music, dance (the sequence from any camera) or source video with a train clip.

    videos: video_id, music_id, sequence, source; clips: video_id, split.
    `unknown_music` and `unknown_dance` count the clips whose music or dance the dataset does not name, so that the
    check cannot tell. Music known by its sound track alone (`audio-...`) counts as unknown too where training lacks
    that track, since the same music may have been encoded again.
    """
    table = clips[["video_id", "split"]].merge(videos[["video_id", *SHARED.values()]], on="video_id", how="left")
    train, scored = table[table.split == "train"], table[table.split == split]
    counts: dict[str, int] = {}
    for name, column in SHARED.items():
        value = scored[column].fillna("").astype(str)
        shared = (value != "") & value.isin(set(train[column]))
        counts[name] = int(shared.sum())
        if name != "video":
            unknown = (value == "") | value.str.startswith(TRACK_PREFIX)
            counts[f"unknown_{name}"] = int((unknown & ~shared).sum())
    return counts


def sentence(leak: dict[str, int], clips: int, split: str = "test") -> str:
    """The result of `count` in words; clips: number of clips of `split`."""
    shares = f"{leak['music']} share their music, {leak['dance']} their dance and {leak['video']} their source video"
    text = f"Leak check: of {clips} {split} clips, {shares} with training clips."
    unknown = [f"the {name} of {leak[key]}" for name in ("music", "dance") if leak[key := f"unknown_{name}"]]
    return text + (f" Not known: {' and '.join(unknown)} {split} clips." if unknown else "")
