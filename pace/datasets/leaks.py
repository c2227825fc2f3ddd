"""The leak check: what of the test clips was already seen or heard in training (FACTS 4)."""

import pandas as pd

SHARED = {"music": "music_id", "dance": "sequence", "video": "source"}


def count(videos: pd.DataFrame, clips: pd.DataFrame) -> dict[str, int]:
    """How many test clips share music, dance (the sequence from any camera) or source video with a train clip.

    videos: video_id, music_id, sequence, source; clips: video_id, split. `unknown_music`, `unknown_dance`: test clips
    of which the dataset does not say it, so that nothing can be said of them.
    """
    table = clips[["video_id", "split"]].merge(videos[["video_id", *SHARED.values()]], on="video_id", how="left")
    train, test = table[table.split == "train"], table[table.split == "test"]
    out = {}
    for name, column in SHARED.items():
        known = test[column].fillna("") != ""
        out[name] = int((known & test[column].isin(set(train[column]))).sum())
        if name != "video":
            out[f"unknown_{name}"] = int((~known).sum())
    return out


def sentence(leak: dict[str, int], test_clips: int) -> str:
    """The check in words."""
    shares = f"{leak['music']} share their music, {leak['dance']} their dance and {leak['video']} their source video"
    text = f"Leak check: of {test_clips} test clips, {shares} with training clips."
    unknown = [f"the {name} of {leak[key]}" for name in ("music", "dance") if leak[key := f"unknown_{name}"]]
    return text + (f" Not known: {' and '.join(unknown)} test clips." if unknown else "")
