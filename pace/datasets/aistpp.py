"""Reader of AIST++: AIST's videos by name, AIST++'s official crossmodal splits (FACTS 4)."""

import dataclasses
import re
from collections import defaultdict
from pathlib import Path

from pace.clip import SPLITS
from pace.datasets import splits
from pace.datasets.listing import DatasetError, IndexParams, Listing, counted, find_videos, given

GENRES = {
    "BR": "break", "PO": "pop", "LO": "lock", "MH": "middle_hip_hop", "LH": "la_hip_hop", "HO": "house",
    "WA": "waack", "KR": "krump", "JS": "street_jazz", "JB": "ballet_jazz",
}  # fmt: skip
_CODES = "|".join(GENRES)
_NAME = re.compile(rf"g({_CODES})_s(BM|FM)_c(0[1-9]|All)_d(\d\d)_m(({_CODES})([0-5]))_ch(\d\d)")


@dataclasses.dataclass(frozen=True)
class Name:
    """What the name of a video or of a sequence (camera `cAll`) says."""

    text: str
    genre: str
    camera: str
    dancer: str
    music_id: str
    bpm: float

    @property
    def sequence(self) -> str:
        """The name with all cameras, as AIST++ names its files."""
        return self.text.replace(f"_{self.camera}_", "_cAll_")

    @property
    def view(self) -> int:
        """Index of the camera in arrays of all views, 0 for c01."""
        return int(self.camera[1:]) - 1


def parse(text: str) -> Name | None:
    """Read a name such as gBR_sBM_c01_d04_mBR0_ch02; None for any other.

    The tempo is that of the music: 80 + 10 i BPM for piece i of a genre, 110 + 5 i for house.
    """
    match = _NAME.fullmatch(text)
    if not match:
        return None
    genre, _, camera, dancer, music, music_genre, piece, _ = match.groups()
    bpm = 110 + 5 * int(piece) if music_genre == "HO" else 80 + 10 * int(piece)
    return Name(text, GENRES[genre], f"c{camera}", f"d{dancer}", f"m{music}", float(bpm))


def parse_video(text: str, where: str) -> Name:
    """Read the name of a video of one camera. Raises DatasetError."""
    name = parse(text)
    if name is None or name.camera == "cAll":
        raise DatasetError(f"{where}: {text!r} is not named as an AIST video, such as gBR_sBM_c01_d04_mBR0_ch02")
    return name


def read(params: IndexParams) -> Listing:
    """Videos of the chosen cameras whose sequences are in a split and not on the ignore list.

    Splits: `annotations`/splits/crossmodal_{train,val,test}.txt; where `split_lists` is given, its lists come first,
    and a list's video stands for the other cameras of its sequence too unless the lists divide the sequence.
    Raises DatasetError.
    """
    if not params.cameras:
        raise DatasetError("dataset.cameras is empty; name cameras such as [c01], or [all]")
    official = crossmodal(Path(params.annotations)) if given(params.annotations) else {}
    listed = splits.read_lists(Path(params.split_lists)) if given(params.split_lists) else {}
    if not official and not listed:
        raise DatasetError(
            "AIST++ (dataset.name: aistpp) needs its splits: set dataset.annotations to the annotation folder (with "
            "splits/ and ignore_list.txt), or dataset.split_lists to a folder of lists"
        )
    ignored = _lines(Path(params.annotations) / "ignore_list.txt", needed=bool(official))
    of_sequence = _of_sequences(listed)
    rows, strange, unsplit, ignored_found = [], [], set(), set()
    for file in find_videos(Path(params.root)):
        name = parse(Path(file).stem)
        if name is None or name.camera == "cAll":
            strange.append(file)
            continue
        if "all" not in params.cameras and name.camera not in params.cameras:
            continue
        split = listed.get(name.text) or of_sequence.get(name.sequence)
        if not split and (not listed or official.get(name.sequence) == "val"):
            split = official.get(name.sequence)
        if name.sequence in ignored:
            ignored_found.add(name.sequence)
        elif split is None:
            unsplit.add(name.sequence)
        else:
            rows.append(
                {
                    "video_id": name.text, "file": file, "split": split, "genre": name.genre, "source": name.text,
                    "music_id": name.music_id, "dancer": name.dancer, "bpm": name.bpm, "camera": name.camera,
                    "sequence": name.sequence,
                }
            )  # fmt: skip
    if listed:
        music = {row["video_id"]: row["music_id"] for row in rows}
        held = splits.hold_out_val({row["video_id"]: row["split"] for row in rows}, music, params)
        rows = [{**row, "split": held[row["video_id"]]} for row in rows]
    wanted = (set(official) if not listed else set(of_sequence)) - ignored
    absent = sorted(wanted - {row["sequence"] for row in rows})
    notes = [
        *counted(sorted(ignored_found), "sequences on the ignore list"),
        *counted(sorted(unsplit), "sequences in no split"),
        *counted(strange, "files not named as videos of basic or advanced dances"),
        *counted(absent, f"sequences of the splits without a video of {', '.join(params.cameras)}"),
    ]
    return Listing.of(rows, notes)


def crossmodal(annotations: Path) -> dict[str, str]:
    """Sequence -> split, by the official files. Raises DatasetError, also for a sequence in two splits."""
    found: dict[str, str] = {}
    for split in SPLITS:
        path = annotations / "splits" / f"crossmodal_{split}.txt"
        for sequence in sorted(_lines(path, needed=True)):
            if found.setdefault(sequence, split) != split:
                raise DatasetError(f"{path}: {sequence} is in the split {found[sequence]} too; use the published files")
    return found


def _of_sequences(listed: dict[str, str]) -> dict[str, str]:
    """Sequence -> split where all listed videos of the sequence have the same."""
    found = defaultdict(set)
    for text, split in listed.items():
        if name := parse(text):
            found[name.sequence].add(split)
    return {sequence: values.pop() for sequence, values in found.items() if len(values) == 1}


def _lines(path: Path, needed: bool) -> set[str]:
    if not path.is_file():
        if needed:
            raise DatasetError(f"{path}: no such file; set dataset.annotations to AIST++'s annotation folder")
        return set()
    return {line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
