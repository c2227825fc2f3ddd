"""Reader of AIST++: AIST's videos by their names, and AIST++'s official crossmodal splits (FACTS 4).

Its annotations are read elsewhere: 2D keypoints in `pace.pose.aistpp_keypoints`, 3D joints in
`pace.motion.aistpp_joints`, cameras in `pace.motion.aistpp_cameras`.
"""

import dataclasses
import re
from collections import defaultdict
from pathlib import Path

from pace.clip import SPLITS
from pace.datasets import splits
from pace.datasets.listing import DatasetError, IndexParams, Listing, VideoRecord, count_note, find_videos, is_set

GENRES = {
    "BR": "break", "PO": "pop", "LO": "lock", "MH": "middle_hip_hop", "LH": "la_hip_hop", "HO": "house",
    "WA": "waack", "KR": "krump", "JS": "street_jazz", "JB": "ballet_jazz",
}  # fmt: skip
_CODES = "|".join(GENRES)
_NAME = re.compile(rf"g({_CODES})_s(BM|FM)_c(0[1-9]|All)_d(\d\d)_m(({_CODES})([0-5]))_ch(\d\d)")


@dataclasses.dataclass(frozen=True)
class Name:
    """The parts of the name of a video, or of a sequence (camera `cAll`)."""

    text: str
    genre: str
    camera: str
    dancer: str
    music_id: str
    bpm: float

    @property
    def sequence(self) -> str:
        """The name of the sequence that all cameras filmed, after which AIST++ names its files."""
        return self.text.replace(f"_{self.camera}_", "_cAll_")

    @property
    def view(self) -> int:
        """Index of the camera in arrays of all views, 0 for c01."""
        return int(self.camera[1:]) - 1


def parse_name(text: str) -> Name | None:
    """Parse a name such as gBR_sBM_c01_d04_mBR0_ch02; None for any other text.

    The tempo is that of the music: 80 + 10 i BPM for piece i of a genre, 110 + 5 i for house.
    """
    match = _NAME.fullmatch(text)
    if not match:
        return None
    genre, _, camera, dancer, music, music_genre, piece, _ = match.groups()
    bpm = 110 + 5 * int(piece) if music_genre == "HO" else 80 + 10 * int(piece)
    return Name(text, GENRES[genre], f"c{camera}", f"d{dancer}", f"m{music}", float(bpm))


def parse_video_name(text: str, origin: str) -> Name:
    """Parse the name of a video of one camera. Raises DatasetError that starts with `origin` for any other text."""
    name = parse_name(text)
    if name is None or name.camera == "cAll":
        raise DatasetError(f"{origin}: {text!r} is not named as an AIST video, such as gBR_sBM_c01_d04_mBR0_ch02")
    return name


def read(params: IndexParams) -> Listing:
    """Videos of the chosen cameras whose sequences are in a split and not on the ignore list.

    Splits come from `annotations`/splits/crossmodal_{train,val,test}.txt. Lists in `split_lists` take precedence;
    a listed video also assigns the other cameras of its sequence, unless the lists disagree about the sequence.
    Raises DatasetError.
    """
    if not params.cameras:
        raise DatasetError("dataset.cameras is empty; name cameras such as [c01], or [all]")
    official = crossmodal_splits(Path(params.annotations)) if is_set(params.annotations) else {}
    listed = splits.read_lists(Path(params.split_lists)) if is_set(params.split_lists) else {}
    if not official and not listed:
        raise DatasetError(
            "AIST++ (dataset.name: aistpp) needs its splits: set dataset.annotations to the annotation folder (with "
            "splits/ and ignore_list.txt), or dataset.split_lists to a folder of lists"
        )
    ignored = _read_lines(Path(params.annotations) / "ignore_list.txt", required=bool(official))
    listed_sequences = _undivided_sequences(listed)
    videos: list[VideoRecord] = []
    misnamed: list[str] = []
    unsplit: set[str] = set()
    ignored_present: set[str] = set()
    for file in find_videos(Path(params.root)):
        name = parse_name(Path(file).stem)
        if name is None or name.camera == "cAll":
            misnamed.append(file)
            continue
        if "all" not in params.cameras and name.camera not in params.cameras:
            continue
        split = listed.get(name.text) or listed_sequences.get(name.sequence)
        # D2M-GAN's lists have no validation videos: the official ones stay for validation.
        if not split and (not listed or official.get(name.sequence) == "val"):
            split = official.get(name.sequence)
        if name.sequence in ignored:
            ignored_present.add(name.sequence)
        elif split is None:
            unsplit.add(name.sequence)
        else:
            videos.append(_record(name, file, split))
    if listed:
        music = {video["video_id"]: video["music_id"] for video in videos}
        final = splits.hold_out_val({video["video_id"]: video["split"] for video in videos}, music, params)
        videos = [{**video, "split": final[video["video_id"]]} for video in videos]
    expected = (set(official) if not listed else set(listed_sequences)) - ignored
    absent = sorted(expected - {video["sequence"] for video in videos})
    notes = [
        *count_note(sorted(ignored_present), "sequences on the ignore list"),
        *count_note(sorted(unsplit), "sequences in no split"),
        *count_note(misnamed, "files not named as videos of basic or advanced dances"),
        *count_note(absent, f"sequences of the splits without a video of {', '.join(params.cameras)}"),
    ]
    return Listing.of(videos, notes)


def _record(name: Name, file: str, split: str) -> VideoRecord:
    return {
        "video_id": name.text, "file": file, "split": split, "genre": name.genre, "source": name.text,
        "music_id": name.music_id, "dancer": name.dancer, "bpm": name.bpm, "camera": name.camera,
        "sequence": name.sequence,
    }  # fmt: skip


def crossmodal_splits(annotations: Path) -> dict[str, str]:
    """Sequence -> split, from AIST++'s own files. Raises DatasetError, also for a sequence in two splits."""
    split_of: dict[str, str] = {}
    for split in SPLITS:
        path = annotations / "splits" / f"crossmodal_{split}.txt"
        for sequence in sorted(_read_lines(path, required=True)):
            if split_of.setdefault(sequence, split) != split:
                raise DatasetError(
                    f"{path}: {sequence} is in the split {split_of[sequence]} too; use the published files"
                )
    return split_of


def _undivided_sequences(listed: dict[str, str]) -> dict[str, str]:
    """Sequence -> split, for the sequences whose listed videos all have the same split."""
    splits_of = defaultdict(set)
    for text, split in listed.items():
        if name := parse_name(text):
            splits_of[name.sequence].add(split)
    return {sequence: names.pop() for sequence, names in splits_of.items() if len(names) == 1}


def _read_lines(path: Path, required: bool) -> set[str]:
    if not path.is_file():
        if required:
            raise DatasetError(f"{path}: no such file; set dataset.annotations to AIST++'s annotation folder")
        return set()
    return {line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()}
