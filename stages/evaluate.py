"""Score the generated music beside its controls, and the keypoints, poses and VAE that led to it."""

import argparse
import csv
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from pace.audio.vocoder import VocoderParams
from pace.clip import SAMPLE_RATE
from pace.datasets import leaks
from pace.evaluation import controls, distances, intervals, listen, metric_validity, table
from pace.evaluation.ground_truth import Truth, TruthParams, read_truth
from pace.evaluation.metrics import pose_accuracy
from pace.evaluation.metrics.rhythm import STRICT, compare, summarise
from pace.evaluation.rounding import rounded
from pace.motion.energy import EnergyParams
from pace.pipeline import params, per_video, stage

PARAMS = {
    "dataset": TruthParams,
    "energy": EnergyParams,
    "evaluate": table.EvaluateParams,
    "sample": table.ScoredParams,
    "vocoder": VocoderParams,
}
PARTIAL = ("dataset", "sample")
INDEX, AUDIO, GENERATED = Path("data/index"), Path("data/audio"), Path("data/generated")
KEYPOINTS, POSES, VAE = Path("data/keypoints"), Path("data/pose3d"), Path("models/vae")
METRICS, PER_CLIP = Path("reports/metrics.json"), Path("reports/per_clip.csv")


def keypoint_scores(video: tuple, truth: Truth | None) -> dict[str, float] | None:
    """Accuracy of one video's keypoints; None where it has none."""
    path = KEYPOINTS / f"{video.video_id}.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in ("keypoints", "size", "detected")}
        layout, fps = str(file["layout"]), float(file["fps"])
    return pose_accuracy.of_keypoints(
        **arrays, layout=layout, fps=fps, truth=truth, original_size=(video.width, video.height)
    )


def pose_scores(video: tuple, truth: Truth | None, energy: EnergyParams) -> dict[str, float] | None:
    """Accuracy of one video's lifted pose; None where pose or truth is missing or the pose is no use."""
    path = POSES / f"{video.video_id}.npz"
    if truth is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        pose, fps = file["pose"], float(file["fps"])
    try:
        return pose_accuracy.of_pose(pose, fps, truth, energy)
    except ValueError as error:  # one bad pose leaves the others' accuracy standing
        print(f"evaluate: left out of section lift: {path}: {error}")
        return None


def dances(clips: pd.DataFrame, videos: pd.DataFrame) -> dict[str, str]:
    """The dance that each clip shows, clip id -> name: one for all cameras. Where it is unknown, the video."""
    table = clips.merge(videos[["video_id", "sequence"]], on="video_id", how="left")
    return dict(zip(table.clip_id, table.sequence.replace("", None).fillna(table.video_id), strict=True))


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__).parse_args(argv)
    p = params.load(PARAMS, partial=PARTIAL)
    protocols, truth_folder, split = p["evaluate"].protocols, p["dataset"].truth, p["sample"].split
    videos, clips = pd.read_parquet(INDEX / "videos.parquet"), pd.read_parquet(INDEX / "clips.parquet")
    scored = clips[clips.split == split].merge(videos[["video_id", "music_id", "bpm"]], on="video_id", how="left")
    # A video of unknown music counts as having its own.
    scored["music_id"] = scored.music_id.replace("", None).fillna(scored.video_id)
    present = [
        clip
        for clip in scored[["clip_id", "video_id", "music_id", "start_s", "bpm"]].to_dict("records")
        if (AUDIO / f"{clip['video_id']}.wav").is_file() and (GENERATED / f"{clip['clip_id']}.wav").is_file()
    ]
    if not present:
        raise SystemExit(f"evaluate: none of {len(scored)} {split} clips has both {AUDIO}/*.wav and {GENERATED}/*.wav")

    train = [
        clip
        for clip in clips.loc[clips.split == "train", ["video_id", "start_s"]].to_dict("records")
        if (AUDIO / f"{clip['video_id']}.wav").is_file()
    ]
    for clip, other in zip(present, controls.random_music(train, len(present)), strict=True):
        clip["random"] = other

    settings = p["evaluate"]
    weights = {name: getattr(settings, f"{name}_weights") for name in distances.NETWORKS}
    networks, missing = distances.load_networks(settings.fad, weights)
    listen.compile_once()
    # Absolute: worker processes live on between calls and may be in another folder.
    folders = listen.Folders(*(path.absolute() for path in (AUDIO, GENERATED, VAE, POSES, Path(truth_folder))))
    jobs = (joblib.delayed(listen.listen)(clip, folders, p["vocoder"], bool(networks)) for clip in present)
    workers = joblib.Parallel(n_jobs=min(per_video.worker_count(), len(present)), return_as="generator")
    known, mel_errors, points, faults = [], [], [], {}
    for heard in tqdm(workers(jobs), total=len(present), desc="evaluate", unit="clip", disable=None):
        if heard.faults:
            faults[heard.clip_id] = "; ".join(heard.faults)
        if heard.clip is None:
            continue
        known.append(heard.clip)
        mel_errors.append(heard.mel_error)
        points.append(distances.of_clip(settings.fad, networks, heard.points, heard.waves, SAMPLE_RATE))
    if not known:
        raise SystemExit(f"evaluate: no generated clip can be read; the first, {next(iter(faults.values()))}")
    scores = [table.score_clip(clip, known, protocols) for clip in known]

    groups = dances(scored, videos)
    scored_videos = videos[videos.split == split]
    failed = set(json.loads((INDEX / per_video.FAILURES).read_text(encoding="utf-8")))
    failed |= {video_id for video_id in videos.video_id if not (POSES / f"{video_id}.npz").is_file()}
    truths = [(video, read_truth(truth_folder, video.video_id)) for video in scored_videos.itertuples()]
    sections = {
        "pose": [keypoint_scores(video, truth) for video, truth in truths],
        "lift": [pose_scores(video, truth, p["energy"]) for video, truth in truths],
    }
    found = distances.Distances(points, [groups[clip.clip_id] for clip in known])
    fad, limits = distances.sections(found, missing)
    rhythm_limits = intervals.intervals(scores, groups)
    metrics = {
        "rhythm": table.summary(scores, protocols),
        "interval": {row: rhythm_limits.get(row, {}) | limits.get(row, {}) for row in (*rhythm_limits, *limits)},
        "fad": fad,
        "uninformative": metric_validity.uninformative(metric_validity.of_clips(scores, groups))
        | metric_validity.near(found),
        "vae": {
            "mel_l1": float(np.mean(mel_errors)),
            STRICT: summarise([compare(clip.heard["truth"], clip.heard["ceiling"], STRICT) for clip in known]),
        },
        "data": {
            "split": split,
            f"{split}_videos": len(scored_videos),
            f"{split}_clips": len(scored),
            "missing_clips": len(scored) - len(known),
            "faulty_clips": len(faults),
            "true_beat_clips": sum(clip.beats is not None for clip in known),
            "train_clips": int((clips.split == "train").sum()),
            "failed_videos": len(failed),
            "leak": leaks.count(videos, clips, split),
        },
        **({"faults": faults} if faults else {}),
    } | {name: pose_accuracy.mean(found) for name, values in sections.items() if (found := [v for v in values if v])}
    METRICS.parent.mkdir(parents=True, exist_ok=True)
    METRICS.write_text(json.dumps(rounded(metrics), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    records = [
        {"clip_id": record["clip_id"], "dance": groups[record["clip_id"]]} | rounded(record)
        for record in table.per_clip(scores)
    ]
    with open(PER_CLIP, "w", newline="", encoding="utf-8") as file:
        columns = dict.fromkeys(name for record in records for name in record)  # a clip without a pose lacks some
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    print(table.text(metrics["rhythm"]))
    print("".join(f"evaluate: {clip_id}: {fault}\n" for clip_id, fault in faults.items()), end="")
    print(f"{METRICS} and {PER_CLIP}: {len(known)} of {len(scored)} {split} clips scored")


if __name__ == "__main__":
    stage.run("evaluate", main)
