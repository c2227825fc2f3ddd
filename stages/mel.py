"""Cut the audio into clips and turn each into a 256 x 256 mel image."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pace.audio.clips import clip_images
from pace.clip import N_FRAMES, N_MELS, SPLITS
from pace.pipeline import isolated, stage
from pace.pipeline.failures import of_file

CLIPS, AUDIO, OUT = Path("data/index/clips.parquet"), Path("data/audio"), Path("data/mel")


def main(argv: list[str] | None = None) -> None:
    """Write the mel images of every split, and the clips that have none with the reason."""
    argparse.ArgumentParser(prog="python -m stages.mel", description=__doc__).parse_args(argv)
    clips = pd.read_parquet(CLIPS)
    clips = clips.assign(video_id=clips.video_id.astype(str), row=np.arange(len(clips)))
    images = np.zeros((len(clips), N_MELS, N_FRAMES), np.uint8)
    has_image = np.zeros(len(clips), bool)
    failures: dict[str, str] = {}
    groups = {str(video_id): group for video_id, group in clips.groupby("video_id", sort=False)}
    tracks = {video_id: AUDIO / f"{video_id}.wav" for video_id in groups if (AUDIO / f"{video_id}.wav").is_file()}
    items = {video_id: (path, groups[video_id].start_s) for video_id, path in tracks.items()}
    unusable = {}
    outcomes = isolated.run("mel", clip_images, items, workers=0)
    for video_id, outcome in tqdm(outcomes, total=len(items), desc="mel", unit="video", disable=None):
        group = groups[video_id]
        if outcome.value is None:
            unusable[video_id] = of_file(outcome.reason or "", tracks[video_id])
            failures |= dict.fromkeys(group.clip_id, unusable[video_id])
            continue
        rows = group.row.to_numpy()
        images[rows], reasons = outcome.value
        has_image[rows] = [i not in reasons for i in range(len(rows))]
        failures |= {group.clip_id.iloc[i]: reason for i, reason in reasons.items()}
    if unusable and len(unusable) == len(tracks):
        raise ValueError(f"none of {len(tracks)} tracks can be used; the first, {next(iter(unusable.values()))}")
    OUT.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        chosen = has_image & (clips.split == split).to_numpy()
        np.savez(OUT / f"{split}.npz", mel=images[chosen], clip_id=clips.clip_id[chosen].to_numpy().astype(str))
        print(f"{OUT / split}.npz: {chosen.sum()} clips")
    (OUT / "failures.json").write_text(json.dumps(failures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    without_audio = clips[~has_image & ~clips.clip_id.isin(failures)]
    print(f"left out, no audio: {len(without_audio)} clips of {without_audio.video_id.nunique()} videos")
    for reason in failures.values():
        print(f"left out: {reason}")


if __name__ == "__main__":
    stage.run("mel", main)
