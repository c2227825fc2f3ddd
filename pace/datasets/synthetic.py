"""Reader of the synthetic dataset: a folder with videos.csv next to the videos."""

from pathlib import Path

import pandas as pd

from pace.datasets.listing import COLUMNS, DatasetError, IndexParams, Listing


def read(params: IndexParams) -> Listing:
    """The videos that videos.csv lists: video_id, file (relative to the folder), split, genre, music_id and dancer.

    All columns are text. Every video is a dance and a recording of its own.
    Raises DatasetError where the table or a column is missing.
    """
    path = Path(params.root) / "videos.csv"
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; for videos of your own set dataset.name to folder")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DatasetError(f"{path}: no column {missing[0]!r}; expected the columns {', '.join(COLUMNS)}")
    videos = table.loc[:, list(COLUMNS)].assign(sequence=table["video_id"], source=table["video_id"])
    return Listing.of({str(name): value for name, value in video.items()} for video in videos.to_dict("records"))
