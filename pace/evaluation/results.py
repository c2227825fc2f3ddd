"""Results of `evaluate`: metrics.json, section by section, and per_clip.csv."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pace.datasets import leaks
from pace.evaluation import distances, intervals, metric_validity, table
from pace.evaluation.clips import CEILING, TRUTH
from pace.evaluation.controls import CLOCK, GENERATED, SHUFFLED
from pace.evaluation.distances import Distances
from pace.evaluation.metrics.rhythm import STRICT, compare, summarise
from pace.evaluation.pipeline_clips import Index
from pace.evaluation.rounding import rounded
from pace.evaluation.score_clips import ScoredClip
from pace.evaluation.table import Rows
from pace.pipeline import failures


def table_sections(rows: Rows, row_distances: Distances, not_computed: Mapping[str, str]) -> dict[str, Any]:
    """Sections `rhythm`, `fad`, `interval` (of both), `uninformative` and, if any score is missing, `missing`.

    With a row `clock` also `not_above_clock`: the metrics on which the generated music is no better. With a row
    `shuffled` also `own_minus_shuffled` and `not_above_shuffled`: whether it fits its own dance better than others.

    not_computed: extractor -> the reason.
    """
    fad, fad_limits = distances.sections(row_distances, not_computed)
    limits = intervals.intervals(rows)
    chance = {row: rows[row] for row in metric_validity.CHANCE if row in rows}
    missing = {row: table.missing([entry.scores for entry in entries]) for row, entries in rows.items()}
    missing = {row: counts for row, counts in missing.items() if counts}
    sections = {
        "rhythm": table.summary(rows),
        "interval": {row: limits.get(row, {}) | fad_limits.get(row, {}) for row in (*limits, *fad_limits)},
        "fad": fad,
        "uninformative": metric_validity.marks(chance, row_distances),
    }
    for control in (CLOCK, SHUFFLED):
        not_above = metric_validity.not_above(rows, GENERATED, row_distances, control)
        if not_above is not None:
            sections[f"not_above_{control}"] = not_above
    if SHUFFLED in rows:
        sections["own_minus_shuffled"] = metric_validity.own_minus_shuffled(rows, GENERATED)
    return sections | ({"missing": missing} if missing else {})


def vae_section(scored: Sequence[ScoredClip]) -> dict[str, Any]:
    """Section `vae`: the error of the ceiling's mel images, and its scores against the events of the true music."""
    ceilings = [compare(clip.events[TRUTH], clip.events[CEILING], STRICT) for clip in scored]
    return {"mel_l1": float(np.mean([clip.mel_error for clip in scored])), STRICT: summarise(ceilings)}


def data_section(index: Index, scored: Sequence[ScoredClip], faulty: int, folder: Path, poses: Path) -> dict[str, Any]:
    """Section `data`: what was scored, what is missing, and what it shares with the training data.

    faulty: number of clips whose generated music has faults. folder: the index's. poses: folder of lifted poses.
    """
    split, clips = index.split, index.split_clips
    failed = set(json.loads((folder / failures.FILE).read_text(encoding="utf-8")))
    failed |= {video_id for video_id in index.videos.video_id if not (poses / f"{video_id}.npz").is_file()}
    return {
        "split": split,
        f"{split}_videos": len(index.split_videos),
        f"{split}_clips": len(clips),
        "missing_clips": len(clips) - len(scored),
        "faulty_clips": faulty,
        "true_beat_clips": sum(clip.clip.annotations.beats is not None for clip in scored),
        "train_clips": int((index.clips.split == "train").sum()),
        "failed_videos": len(failed),
        "leak": leaks.count(index.videos, index.clips, split),
    }


def write_metrics(metrics: Mapping[str, Any], path: Path) -> None:
    """Write metrics.json; floats have six decimals, and what is missing is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(dict(metrics)), indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_per_clip(scored: Sequence[ScoredClip], rows: Rows, path: Path, tracker: str) -> None:
    """Write per_clip.csv: a line for each clip and row, with the clip's dance; missing scores are empty cells.

    Where strengths are known there is a column for that of the dance. tracker: name of what heard the beats.
    """
    clips = {clip.name: clip for clip in scored}
    strengths = {name: clip.clip.annotations.strength for name, clip in clips.items()}
    records = []
    for scores in table.per_clip(scored, rows):
        name = str(scores["clip_id"])
        record: dict[str, object] = {"clip_id": name, "dance": clips[name].source, "beats": tracker}
        if any(strength is not None for strength in strengths.values()):
            record["strength"] = strengths[name]
        records.append(rounded(record | scores))
    with open(path, "w", newline="", encoding="utf-8") as file:
        columns = dict.fromkeys(name for record in records for name in record)  # a clip without a pose lacks some
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
