"""The leak check: what of the scored clips was already seen or heard in training (FACTS 4)."""

import pandas as pd

TRACK = "audio-"  # starts a music_id that stands for one stored sound track and names no piece of music
SHARED = {"music": "music_id", "dance": "sequence", "video": "source"}


def count(videos: pd.DataFrame, clips: pd.DataFrame, split: str = "test") -> dict[str, int]:
    """How many clips of `split` share music, dance (the sequence from any camera) or source video with a train clip.

    videos: video_id, music_id, sequence, source; clips: video_id, split. `unknown_music`, `unknown_dance`: clips
    of which the dataset does not say it, so that nothing can be said of them: also those whose music is known by a
    sound track (`audio-...`) that is not in training, since the same music may have been encoded again.
    """
    table = clips[["video_id", "split"]].merge(videos[["video_id", *SHARED.values()]], on="video_id", how="left")
    train, scored = table[table.split == "train"], table[table.split == split]
    out = {}
    for name, column in SHARED.items():
        value = scored[column].fillna("").astype(str)
        shared = (value != "") & value.isin(set(train[column]))
        out[name] = int(shared.sum())
        if name != "video":
            unknown = (value == "") | value.str.startswith(TRACK)
            out[f"unknown_{name}"] = int((unknown & ~shared).sum())
    return out


def sentence(leak: dict[str, int], clips: int, split: str = "test") -> str:
    """The check in words."""
    shares = f"{leak['music']} share their music, {leak['dance']} their dance and {leak['video']} their source video"
    text = f"Leak check: of {clips} {split} clips, {shares} with training clips."
    unknown = [f"the {name} of {leak[key]}" for name in ("music", "dance") if leak[key := f"unknown_{name}"]]
    return text + (f" Not known: {' and '.join(unknown)} {split} clips." if unknown else "")
