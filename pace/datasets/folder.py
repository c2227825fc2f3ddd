"""Reader of any folder of videos, with or without a table that describes them."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd

from pace import streams
from pace.datasets import splits
from pace.datasets.listing import DatasetError, IndexParams, Listing, counted, find_videos
from pace.streams import MediaError

TABLE = "videos.csv"
KNOWN = ("file", "split", "genre", "music_id", "dancer", "bpm", "camera", "sequence", "source")
_LONGEST = 100  # bytes of a video id; stages add endings to it


def read(params: IndexParams) -> Listing:
    """All videos below `root`, or those that `root`/videos.csv lists.

    videos.csv: column `file` (relative to the folder) and any of split, genre, music_id, dancer, bpm, camera,
    sequence, source; an empty cell is unknown. Music that is not named is known by its sound track: `audio-` and a
    digest of the stored stream, so copies of one track are one piece of music. Videos without a split are split by the
    seed, grouped by music, sound track and recording. Raises DatasetError.
    """
    root = Path(params.root)
    found = find_videos(root)
    rows, notes = _table(root / TABLE, found) if (root / TABLE).is_file() else ([{"file": file} for file in found], [])
    ids = video_ids([row["file"] for row in rows])
    groups = []
    for row in rows:
        audio, video = _digests(root / row["file"])
        row["video_id"] = ids[row["file"]]
        row["sequence"] = row.get("sequence") or row["video_id"]
        row["source"] = row.get("source") or (f"video-{video}" if video else row["video_id"])
        named = row.get("music_id", "")
        row["music_id"] = named or (f"audio-{audio}" if audio else "")
        keys = (f"music {named}" if named else "", f"audio {audio}" if audio else "", f"source {row['source']}")
        groups.append([key for key in keys if key])
    return Listing.of(_with_splits(rows, _components(groups), params), notes)


def video_ids(files: list[str]) -> dict[str, str]:
    """File -> id that may name files: its stem; where stems repeat, with its folders, then with its ending too.

    Letters, digits, `_`, `-` and `.` stay, other characters become `_`. Ids differ in more than upper and lower case.
    """

    def hashed(file: str) -> str:
        return f"{_safe(Path(file).stem)}-{hashlib.sha256(file.encode()).hexdigest()[:8]}"

    forms = (
        lambda file: _safe(Path(file).stem),
        lambda file: _safe(Path(file).with_suffix("").as_posix()),
        lambda file: _safe(file.replace(".", "_")),
        hashed,
    )
    ids: dict[str, str] = {}
    pending = sorted(set(files))
    for form in forms:
        names = {file: form(file) for file in pending}
        counts = Counter(name.casefold() for name in names.values())
        taken = {name.casefold() for name in ids.values()}
        for file, name in names.items():
            if counts[name.casefold()] == 1 and name.casefold() not in taken:
                ids[file] = name
        pending = [file for file in pending if file not in ids]
    return ids


def _safe(text: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", text)).lstrip(".-")
    if len(name.encode()) > _LONGEST:
        kept = name.encode()[: _LONGEST - 9].decode(errors="ignore")
        name = f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name or "video"


def _table(path: Path, found: list[str]) -> tuple[list[dict], list[str]]:
    """Rows of videos.csv, and what is said about columns and files that are not used."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "file" not in table:
        raise DatasetError(f"{path}: no column 'file'; its columns are {', '.join(table.columns)}")
    used = [name for name in KNOWN if name in table]
    rows = [{key: value.strip() for key, value in row.items()} for row in table[used].to_dict("records")]
    for row in rows:
        row["file"] = Path(row["file"].replace("\\", "/")).as_posix()
        if row.get("split"):
            splits.check_split(row["split"], f"{path}: {row['file']}")
        try:
            row["bpm"] = float(row.get("bpm") or "nan")
        except ValueError:
            raise DatasetError(f"{path}: {row['file']} has the bpm {row['bpm']!r}; expected a number") from None
    repeated = [file for file, count in Counter(row["file"] for row in rows).items() if count > 1]
    if repeated:
        raise DatasetError(f"{path}: {repeated[0]} is listed twice")
    unlisted = sorted(set(found) - {row["file"] for row in rows})
    unused = [name for name in table.columns if name not in KNOWN]
    return rows, [*counted(unlisted, f"videos not in {TABLE}"), *counted(unused, f"columns of {TABLE} not used")]


def _digests(path: Path) -> tuple[str, str]:
    """Digests of the stored sound track and video track, '' for one that is not there or a file that does not open."""
    try:
        with streams.open_media(path) as container:
            tracks = [streams.audio_stream(container), streams.video_stream(container, path)]
            hashes = {track.index: hashlib.sha256() for track in tracks if track}
            for packet in container.demux([track for track in tracks if track]):
                hashes[packet.stream.index].update(bytes(packet))
            audio, video = (hashes[track.index].hexdigest()[:12] if track else "" for track in tracks)
            return audio, video
    except (MediaError, OSError, ValueError):  # the index reports it when it probes the file
        return "", ""


def _components(groups: list[list[str]]) -> list[str]:
    """One name for each video such that videos with a common key, also through others, have the same."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for keys in groups:
        for key in keys[1:]:
            first, second = sorted((root(keys[0]), root(key)))
            parent[second] = first
    return [root(keys[0]) for keys in groups]


def _with_splits(rows: list[dict], groups: list[str], params: IndexParams) -> list[dict]:
    """Rows with a split each: their own, or that of their group, or a seeded one.

    Where the table names test videos, the rest is for training and validation alone.
    """
    named = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        if row.get("split"):
            named[group].add(row["split"])
    # In a group that the table itself divides, what it leaves open goes to train, where it cannot flatter a score.
    of_group = {group: found.pop() if len(found) == 1 else "train" for group, found in named.items()}
    free = {row["video_id"]: group for row, group in zip(rows, groups, strict=True) if group not in of_group}
    given = {row["split"] for row in rows if row.get("split")}
    if "test" not in given:
        seeded = splits.by_group(free, params) if free else {}
    elif "val" in given:
        seeded = dict.fromkeys(free, "train")
    else:
        seeded = splits.hold_out_val(dict.fromkeys(free, "train"), free, params)
    return [
        {**row, "split": row.get("split") or of_group.get(group) or seeded[row["video_id"]]}
        for row, group in zip(rows, groups, strict=True)
    ]
