"""Score the generated music beside its controls, and the keypoints, poses and VAE that led to it."""

import argparse
import csv
import functools
import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import soundfile
import torch
from tqdm import tqdm

from pace import items, params
from pace.audio.mel import CLIP_SECONDS, SAMPLE_RATE
from pace.audio.vocoder import VocoderParams
from pace.evaluation import accuracy, controls, table
from pace.evaluation.onsets import events
from pace.evaluation.rhythm import STRICT, compare, summarise
from pace.evaluation.truth import Truth, TruthParams, read_truth
from pace.generation.checkpoint import load_vae
from pace.generation.vae import AutoencoderKL
from pace.motion.energy import EnergyParams

PARAMS = {
    "dataset": TruthParams,
    "energy": EnergyParams,
    "evaluate": table.EvaluateParams,
    "vocoder": VocoderParams,
}
PARTIAL = ("dataset",)
INDEX, AUDIO, GENERATED = Path("data/index"), Path("data/audio"), Path("data/generated")
KEYPOINTS, POSES, VAE = Path("data/keypoints"), Path("data/pose3d"), Path("models/vae")
METRICS, PER_CLIP = Path("reports/metrics.json"), Path("reports/per_clip.csv")
DIGITS = 6


def read_wave(path: Path) -> np.ndarray:
    """Samples (S,) float32 of a mono wav at 22,050 Hz; ValueError names the file when it is anything else."""
    wave, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE or wave.ndim != 1:
        raise ValueError(f"{path}: {rate} Hz, shape {wave.shape}; expected {SAMPLE_RATE} Hz mono")
    return wave


@functools.cache
def vae_of(folder: Path) -> AutoencoderKL:
    """The autoencoder, loaded once in each worker process."""
    return load_vae(folder)


def listen(clip: dict, truth_folder: str, vocoder: VocoderParams) -> tuple[table.Clip, float]:
    """Make and hear all rows of one clip; also the error of its mel image through the VAE."""
    torch.set_num_threads(1)
    track = read_wave(AUDIO / f"{clip['video_id']}.wav")
    true = controls.cut(track, clip["start_s"])
    ceiling, mel_error = controls.ceiling(true, vae_of(VAE), vocoder)
    waves = {
        "truth": true,
        "ceiling": ceiling,
        "generated": read_wave(GENERATED / f"{clip['clip_id']}.wav"),
        "clicks": controls.clicks(),
        "delayed": controls.delayed(track, clip["start_s"]),
    }
    truth = read_truth(truth_folder, clip["video_id"])
    beats = truth.beats_between(clip["start_s"], clip["start_s"] + CLIP_SECONDS) if truth else None
    heard = {row: events(wave, SAMPLE_RATE) for row, wave in waves.items()}
    return table.Clip(clip["clip_id"], clip["video_id"], clip["music_id"], beats, heard), mel_error


def keypoint_scores(video: tuple, truth: Truth | None) -> dict[str, float] | None:
    """Accuracy of one video's keypoints; None where it has none."""
    path = KEYPOINTS / f"{video.video_id}.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = {key: file[key] for key in ("keypoints", "size", "detected")}
        layout, fps = str(file["layout"]), float(file["fps"])
    return accuracy.of_keypoints(
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
        return accuracy.of_pose(pose, fps, truth, energy)
    except ValueError as error:  # one bad pose leaves the others' accuracy standing
        print(f"evaluate: left out of section lift: {path}: {error}")
        return None


def rounded(value: object) -> object:
    """The same nested dict with floats of six decimals."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__).parse_args(argv)
    p = params.load(PARAMS, partial=PARTIAL)
    protocols, truth_folder = p["evaluate"].protocols, p["dataset"].truth
    videos, clips = pd.read_parquet(INDEX / "videos.parquet"), pd.read_parquet(INDEX / "clips.parquet")
    tests = clips[clips.split == "test"].merge(videos[["video_id", "music_id"]], on="video_id", how="left")
    # A video of unknown music counts as having its own.
    tests["music_id"] = tests.music_id.replace("", None).fillna(tests.video_id)
    present = [
        clip
        for clip in tests[["clip_id", "video_id", "music_id", "start_s"]].to_dict("records")
        if (AUDIO / f"{clip['video_id']}.wav").is_file() and (GENERATED / f"{clip['clip_id']}.wav").is_file()
    ]
    if not present:
        raise SystemExit(f"evaluate: none of {len(tests)} test clips has both {AUDIO}/*.wav and {GENERATED}/*.wav")

    jobs = (joblib.delayed(listen)(clip, truth_folder, p["vocoder"]) for clip in present)
    workers = joblib.Parallel(n_jobs=min(items.worker_count(), len(present)), return_as="generator")
    heard = list(tqdm(workers(jobs), total=len(present), desc="evaluate", unit="clip", disable=None))
    known = [clip for clip, _ in heard]
    scores = [table.score_clip(clip, known, protocols) for clip in known]

    test_videos = videos[videos.split == "test"]
    failed = set(json.loads((INDEX / items.FAILURES).read_text(encoding="utf-8")))
    failed |= {video_id for video_id in videos.video_id if not (POSES / f"{video_id}.npz").is_file()}
    truths = [(video, read_truth(truth_folder, video.video_id)) for video in test_videos.itertuples()]
    sections = {
        "pose": [keypoint_scores(video, truth) for video, truth in truths],
        "lift": [pose_scores(video, truth, p["energy"]) for video, truth in truths],
    }
    metrics = {
        "rhythm": table.summary(scores, protocols),
        "vae": {
            "mel_l1": float(np.mean([error for _, error in heard])),
            STRICT: summarise([compare(clip.heard["truth"], clip.heard["ceiling"], STRICT) for clip in known]),
        },
        "data": {
            "test_videos": len(test_videos),
            "test_clips": len(tests),
            "missing_clips": len(tests) - len(known),
            "true_beat_clips": sum(clip.beats is not None for clip in known),
            "train_clips": int((clips.split == "train").sum()),
            "failed_videos": len(failed),
        },
    } | {name: accuracy.mean(found) for name, values in sections.items() if (found := [v for v in values if v])}
    METRICS.parent.mkdir(parents=True, exist_ok=True)
    METRICS.write_text(json.dumps(rounded(metrics), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    records = [rounded(record) for record in table.per_clip(scores)]
    with open(PER_CLIP, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, records[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    print(table.text(metrics["rhythm"]))
    print(f"{METRICS} and {PER_CLIP}: {len(known)} of {len(tests)} test clips scored")


if __name__ == "__main__":
    main()
