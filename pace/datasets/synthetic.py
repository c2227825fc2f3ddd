"""Reader of the synthetic dataset: a folder with videos.csv beside the videos."""

from pathlib import Path

import pandas as pd

from pace.datasets.listing import COLUMNS, DatasetError, IndexParams, Listing


def read(params: IndexParams) -> Listing:
    """Columns of videos.csv: video_id, file (relative to the folder), split, genre, music_id, dancer, all text.

    Every video is a dance and a recording of its own. Raises DatasetError.
    """
    path = Path(params.root) / "videos.csv"
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; for videos of your own set dataset.name to folder")
    videos = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in videos]
    if missing:
        raise DatasetError(f"{path}: no column {missing[0]!r}; expected the columns {', '.join(COLUMNS)}")
    rows = videos.loc[:, list(COLUMNS)].to_dict("records")
    return Listing.of([{**row, "sequence": row["video_id"], "source": row["video_id"]} for row in rows])
