"""Reader of any folder of videos, with or without a table that describes them."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd

from pace.clip import CLIP_SECONDS
from pace.datasets import leaks, splits
from pace.datasets.listing import END_SLACK, DatasetError, IndexParams, Listing, counted, find_videos
from pace.media import streams
from pace.media.streams import MediaError
from pace.media.video import probe

TABLE = "videos.csv"
KNOWN = ("file", "split", "genre", "music_id", "dancer", "bpm", "camera", "sequence", "source")
_LONGEST = 100  # bytes of a video id; stages add endings to it


def read(params: IndexParams) -> Listing:
    """All videos below `root`, or those that `root`/videos.csv lists.

    videos.csv: column `file` (relative to the folder) and any of split, genre, music_id, dancer, bpm, camera,
    sequence, source; an empty cell is unknown. Music that is not named has the name of a video with the same sound
    track; without one it is known by the track alone: `audio-` and a digest of the stored stream, so copies of a stream
    are one piece of music, and one that was encoded again is another. Videos without a split are split by the seed,
    grouped by music, sound track, dance and recording; those that cannot be scored (unreadable, too short, without
    sound) take no place in val and test. Which videos show the same dance is known by `sequence` alone.
    Raises DatasetError.
    """
    root = Path(params.root)
    rows, notes = described(root)
    ids = video_ids([row["file"] for row in rows])
    digests = [_digests(root / row["file"]) for row in rows]
    music, disputed = _music_of_tracks(rows, [audio for audio, _ in digests])
    groups = []
    for row, (audio, video) in zip(rows, digests, strict=True):
        row["video_id"] = ids[row["file"]]
        row["source"] = row.get("source") or (f"video-{video}" if video else row["video_id"])
        row["music_id"] = row.get("music_id") or music.get(audio) or (f"{leaks.TRACK}{audio}" if audio else "")
        keys = {"music": row["music_id"], "audio": audio, "dance": row.get("sequence"), "source": row["source"]}
        groups.append([f"{name} {key}" for name, key in keys.items() if key])
    groups = _components(groups)
    scored = {
        group
        for row, group, (audio, _) in zip(rows, groups, digests, strict=True)
        if audio and _long_enough(root / row["file"])
    }
    rows, moved = _with_splits(rows, groups, scored, params)
    notes += counted(disputed, f"videos with a sound track that {TABLE} gives two music_ids")
    return Listing.of(rows, notes + counted(moved, "videos moved from train to val (dataset.val_fraction)"))


def described(root: Path) -> tuple[list[dict], list[str]]:
    """The videos of a folder as its table describes them, and notes; opens no video. Raises DatasetError."""
    found, table = find_videos(root), root / TABLE
    return _table(table, found) if table.is_file() else ([{"file": file} for file in found], [])


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
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except ValueError as error:  # not UTF-8, no columns, rows of different lengths
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: not a table ({reason}); save it as CSV in UTF-8, column names first") from None
    if "file" not in table:
        raise DatasetError(
            f"{path}: no column 'file'; its columns are {', '.join(table.columns)}; name that of the paths file"
        )
    used = [name for name in KNOWN if name in table]
    rows = [{key: value.strip() for key, value in row.items()} for row in table[used].to_dict("records")]
    nameless = [f"row {number}" for number, row in enumerate(rows, 1) if not row["file"]]
    rows = [row for row in rows if row["file"]]
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
    unused = [f"{name} (used: {', '.join(KNOWN)})" for name in table.columns if name not in KNOWN]
    return rows, [
        *counted(unlisted, f"videos not in {TABLE}"),
        *counted(unused, f"columns of {TABLE} not used"),
        *counted(nameless, f"rows of {TABLE} without a file"),
    ]


def _music_of_tracks(rows: list[dict], tracks: list[str]) -> tuple[dict[str, str], list[str]]:
    """Sound track -> the music_id that rows give it, the first of several, and the files of tracks with several."""
    named = defaultdict(set)
    for row, track in zip(rows, tracks, strict=True):
        if track and row.get("music_id"):
            named[track].add(row["music_id"])
    disputed = [row["file"] for row, track in zip(rows, tracks, strict=True) if len(named.get(track, ())) > 1]
    return {track: min(found) for track, found in named.items()}, disputed


def _digests(path: Path) -> tuple[str, str]:
    """Digests of the stored sound and video track, '' for one that is not there or empty or in an unreadable file."""
    try:
        with streams.open_media(path) as container:
            tracks = [streams.audio_stream(container), streams.video_stream(container, path)]
            hashes = {}
            for packet in container.demux([track for track in tracks if track]):
                if packet.size:
                    hashes.setdefault(packet.stream.index, hashlib.sha256()).update(bytes(packet))
            found = [hashes.get(track.index) if track else None for track in tracks]
            audio, video = (digest.hexdigest()[:12] if digest else "" for digest in found)
            return audio, video
    except (MediaError, OSError, ValueError):  # the index reports it when it probes the file
        return "", ""


def _long_enough(path: Path) -> bool:
    """Whether a clip can be cut from a video."""
    try:
        return probe(path).duration_s + END_SLACK >= CLIP_SECONDS
    except (MediaError, OSError, ValueError):  # the index reports it
        return False


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


def _with_splits(
    rows: list[dict], groups: list[str], scored: set[str], params: IndexParams
) -> tuple[list[dict], list[str]]:
    """Rows with a split each: their own, or that of their group, or a seeded one; and the files moved out of train.

    Groups that are not in `scored` are never chosen for val or test: a split could be empty or silent for them. Where
    the table names test videos, the rest is for training, and groups of that are for validation where the table names
    none, as with published lists.
    """
    named = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        if row.get("split"):
            named[group].add(row["split"])
    # In a group that the table itself divides, what it leaves open goes to train, where it cannot flatter a score.
    of_group = {group: found.pop() if len(found) == 1 else "train" for group, found in named.items()}
    settled = [row.get("split") or of_group.get(group) for row, group in zip(rows, groups, strict=True)]
    videos = [row["video_id"] for row in rows]
    group_of = dict(zip(videos, groups, strict=True))
    chosen = {video: split or "train" for video, split in zip(videos, settled, strict=True)}
    free = {video: group_of[video] for video, split in zip(videos, settled, strict=True) if not split}
    free = {video: group for video, group in free.items() if group in scored}
    given = {row["split"] for row in rows if row.get("split")}
    if "test" in given:
        some = {video: split for video, split in chosen.items() if split != "train" or group_of[video] in scored}
        chosen |= splits.hold_out_val(some, group_of, params)
    elif free:
        chosen |= splits.by_group(free, params, needs_train="train" not in given)
    moved = [row["file"] for row in rows if row.get("split") == "train" and chosen[row["video_id"]] == "val"]
    return [{**row, "split": chosen[row["video_id"]]} for row in rows], moved
