"""Reader of any folder of videos, with or without a table that describes them."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pace.clip import CLIP_SECONDS
from pace.datasets import leaks, splits
from pace.datasets.listing import (
    END_SLACK,
    DatasetError,
    IndexParams,
    Listing,
    VideoRecord,
    count_note,
    find_videos,
    normalised,
)
from pace.media import audio_tracks, streams
from pace.media.video import probe
from pace.pipeline import isolated

TABLE = "videos.csv"
TABLE_COLUMNS = ("file", "split", "genre", "music_id", "dancer", "bpm", "camera", "sequence", "source")
_LONGEST_ID = 100  # bytes; stages append suffixes to ids


def read(params: IndexParams) -> Listing:
    """All videos below `root`, or those that `root`/videos.csv lists.

    videos.csv has a column `file` (relative to the folder) and any of split, genre, music_id, dancer, bpm, camera,
    sequence, source; an empty cell is unknown.

    Music without a music_id takes that of a video with the same sound track. Where there is none, its id is `audio-`
    and a digest of the stored stream: copies of a stream count as one piece of music, a second encoding as another.

    Videos without a split get a seeded one, which keeps videos of the same music, sound track, dance or recording
    together. Videos that cannot be scored (unreadable, too short, silent) take no place in val and test. Only
    `sequence` tells which videos show the same dance. Raises DatasetError.
    """
    root = Path(params.root)
    videos, notes = described(root)
    ids = video_ids([video["file"] for video in videos])
    examined = dict(isolated.run("index", _examine, {video["file"]: (root / video["file"],) for video in videos}))
    contents = [examined[video["file"]].value or ("", "", False) for video in videos]  # the index reports a failure
    digests = [(audio, picture) for audio, picture, _ in contents]
    music_of_track, disputed = _music_of_tracks(videos, [audio for audio, _ in digests])
    group_keys = []
    for video, (audio, picture) in zip(videos, digests, strict=True):
        video["video_id"] = ids[video["file"]]
        video["source"] = video.get("source") or (f"video-{picture}" if picture else video["video_id"])
        track_id = f"{leaks.TRACK_PREFIX}{audio}" if audio else ""
        video["music_id"] = video.get("music_id") or music_of_track.get(audio) or track_id
        keys = {"music": video["music_id"], "audio": audio, "dance": video.get("sequence"), "source": video["source"]}
        group_keys.append([f"{name} {key}" for name, key in keys.items() if key])
    groups = _connected_groups(group_keys)
    scorable = {group for group, (audio, _, long_enough) in zip(groups, contents, strict=True) if audio and long_enough}
    videos, moved = _with_splits(videos, groups, scorable, params)
    notes += count_note(disputed, f"videos with a sound track that {TABLE} gives two music_ids")
    return Listing.of(videos, notes + count_note(moved, "videos moved from train to val (dataset.val_fraction)"))


def described(root: Path) -> tuple[list[VideoRecord], list[str]]:
    """The videos of a folder as its table describes them, and notes; opens no video. Raises DatasetError."""
    files, table = find_videos(root), root / TABLE
    counts = Counter(map(normalised, files))
    alike = [file for file in files if counts[normalised(file)] > 1]
    videos, notes = _read_table(table, files) if table.is_file() else ([{"file": file} for file in files], [])
    return videos, notes + count_note(alike, "videos whose names differ only in how Unicode writes their accents")


def video_ids(files: list[str]) -> dict[str, str]:
    """File -> an id that can name files: its stem; where stems repeat, with its folders, then with its suffix too.

    Letters, digits, `_`, `-` and `.` stay; other characters become `_`. Ids differ in more than upper and lower case.
    """

    def hashed(file: str) -> str:
        return f"{_safe(Path(file).stem)}-{hashlib.sha256(file.encode()).hexdigest()[:8]}"

    forms: tuple[Callable[[str], str], ...] = (
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
    name = re.sub(r"[^\w.-]+", "_", normalised(text)).lstrip(".-")
    if len(name.encode()) > _LONGEST_ID:
        kept = name.encode()[: _LONGEST_ID - 9].decode(errors="ignore")
        name = f"{kept}-{hashlib.sha256(normalised(text).encode()).hexdigest()[:8]}"
    return name or "video"


def _read_table(path: Path, files: list[str]) -> tuple[list[VideoRecord], list[str]]:
    """The videos that videos.csv lists, and notes on columns and `files` that are not used. Raises DatasetError."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except ValueError as error:  # not UTF-8, no columns, rows of different lengths
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path}: not a table ({reason}); save it as CSV in UTF-8, column names first") from None
    if "file" not in table:
        raise DatasetError(
            f"{path}: no column 'file'; its columns are {', '.join(table.columns)}; rename the one with the paths"
        )
    used = [name for name in TABLE_COLUMNS if name in table]
    videos: list[VideoRecord] = [
        {str(key): value.strip() for key, value in row.items()} for row in table[used].to_dict("records")
    ]
    nameless = [f"row {number}" for number, video in enumerate(videos, 1) if not video["file"]]
    videos = [video for video in videos if video["file"]]
    as_stored = {normalised(file): file for file in files} | {file: file for file in files}
    for video in videos:
        file = Path(video["file"].replace("\\", "/")).as_posix()
        video["file"] = as_stored.get(file) or as_stored.get(normalised(file), file)
        if video.get("split"):
            splits.check_split(video["split"], f"{path}: {video['file']}")
        try:
            video["bpm"] = float(video.get("bpm") or "nan")
        except ValueError:
            raise DatasetError(
                f"{path}: {video['file']} has the bpm {video['bpm']!r}; give a number or an empty cell"
            ) from None
    repeated = [file for file, count in Counter(video["file"] for video in videos).items() if count > 1]
    if repeated:
        raise DatasetError(f"{path}: {repeated[0]} is listed twice; remove one of its rows")
    unlisted = sorted(set(files) - {video["file"] for video in videos})
    unused = [f"{name} (used: {', '.join(TABLE_COLUMNS)})" for name in table.columns if name not in TABLE_COLUMNS]
    return videos, [
        *count_note(unlisted, f"videos not in {TABLE}"),
        *count_note(unused, f"columns of {TABLE} not used"),
        *count_note(nameless, f"rows of {TABLE} without a file"),
    ]


def _music_of_tracks(videos: list[VideoRecord], tracks: list[str]) -> tuple[dict[str, str], list[str]]:
    """Sound track -> the music_id that videos with it have, the first of several; and the files with several."""
    music_ids = defaultdict(set)
    for video, track in zip(videos, tracks, strict=True):
        if track and video.get("music_id"):
            music_ids[track].add(video["music_id"])
    disputed = [video["file"] for video, track in zip(videos, tracks, strict=True) if len(music_ids.get(track, ())) > 1]
    return {track: min(ids) for track, ids in music_ids.items()}, disputed


def _examine(path: Path) -> tuple[str, str, bool]:
    """`_track_digests` and `_long_enough` of a file. Runs in a worker process."""
    return *_track_digests(path), _long_enough(path)


def _track_digests(path: Path) -> tuple[str, str]:
    """Digests of the stored sound and video track; '' for a missing or empty track and for an unreadable file."""
    try:
        with streams.open_media(path) as container:
            tracks = [audio_tracks.audio_stream(container), streams.video_stream(container, path)]
            hashes: dict[int, hashlib._Hash] = {}
            for packet in container.demux([track for track in tracks if track]):
                if packet.size:
                    hashes.setdefault(packet.stream.index, hashlib.sha256()).update(bytes(packet))
            digests = [hashes.get(track.index) if track else None for track in tracks]
            audio, video = (digest.hexdigest()[:12] if digest else "" for digest in digests)
            return audio, video
    except Exception:  # the index reports it when it probes the file
        return "", ""


def _long_enough(path: Path) -> bool:
    """Whether a clip can be cut from a video."""
    try:
        return probe(path).duration_s + END_SLACK >= CLIP_SECONDS
    except Exception:  # the index reports it
        return False


def _connected_groups(keys: list[list[str]]) -> list[str]:
    """One group name for each video's keys: videos that share a key, directly or through others, share the group."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for first_key, *other_keys in keys:
        for key in other_keys:
            first, second = sorted((root(first_key), root(key)))
            parent[second] = first
    return [root(first_key) for first_key, *_ in keys]


def _with_splits(
    videos: list[VideoRecord], groups: list[str], scorable: set[str], params: IndexParams
) -> tuple[list[VideoRecord], list[str]]:
    """The videos, each with its own split, that of its group, or a seeded one; and the files moved out of train.

    Only groups in `scorable` are chosen for val or test, which could be empty or silent otherwise. Where the table
    names test videos, the rest is for training; where it names no validation videos, groups of the rest become those,
    as with published lists.
    """
    named = defaultdict(set)
    for video, group in zip(videos, groups, strict=True):
        if video.get("split"):
            named[group].add(video["split"])
    # If the table splits a group, its unassigned videos go to train, where they cannot inflate a score.
    of_group = {group: names.pop() if len(names) == 1 else "train" for group, names in named.items()}
    settled = [video.get("split") or of_group.get(group) for video, group in zip(videos, groups, strict=True)]
    ids = [video["video_id"] for video in videos]
    group_of = dict(zip(ids, groups, strict=True))
    split_of = {video_id: split or "train" for video_id, split in zip(ids, settled, strict=True)}
    open_ids = {video_id: group_of[video_id] for video_id, split in zip(ids, settled, strict=True) if not split}
    open_ids = {video_id: group for video_id, group in open_ids.items() if group in scorable}
    splits_in_table = {video["split"] for video in videos if video.get("split")}
    if "test" in splits_in_table:
        eligible = {
            video_id: split
            for video_id, split in split_of.items()
            if split != "train" or group_of[video_id] in scorable
        }
        split_of |= splits.hold_out_val(eligible, group_of, params)
    elif open_ids:
        split_of |= splits.split_by_group(open_ids, params, needs_train="train" not in splits_in_table)
    moved = [
        video["file"] for video in videos if video.get("split") == "train" and split_of[video["video_id"]] == "val"
    ]
    return [{**video, "split": split_of[video["video_id"]]} for video in videos], moved
