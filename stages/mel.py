"""Cut the audio into clips and turn each into a 256 x 256 mel image (DESIGN, fixed numbers)."""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from pace.audio.mel import CLIP_SAMPLES, N_FRAMES, N_MELS, SAMPLE_RATE, mel_image, to_uint8
from pace.audio.wave import read_wave

CLIPS, AUDIO, OUT = Path("data/index/clips.parquet"), Path("data/audio"), Path("data/mel")
SPLITS = ("train", "val", "test")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.mel", description=__doc__).parse_args(argv)
    clips = pd.read_parquet(CLIPS)
    clips = clips.assign(video_id=clips.video_id.astype(str), row=np.arange(len(clips)))
    images = np.zeros((len(clips), N_MELS, N_FRAMES), np.uint8)
    heard = np.zeros(len(clips), bool)
    failures = {}
    for video_id, group in tqdm(clips.groupby("video_id", sort=False), desc="mel", unit="video"):
        path = AUDIO / f"{video_id}.wav"
        if not path.is_file():
            continue
        wave = read_wave(path)
        for row, clip_id, start_s in zip(group.row, group.clip_id, group.start_s, strict=True):
            start = round(start_s * SAMPLE_RATE)
            try:
                images[row] = to_uint8(mel_image(wave[start : start + CLIP_SAMPLES]))
                heard[row] = True
            except ValueError as error:
                failures[clip_id] = f"{path} from {start_s:.3f} s: {error}"
    OUT.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        chosen = heard & (clips.split == split).to_numpy()
        np.savez(OUT / f"{split}.npz", mel=images[chosen], clip_id=clips.clip_id[chosen].to_numpy().astype(str))
        print(f"{OUT / split}.npz: {chosen.sum()} clips")
    (OUT / "failures.json").write_text(json.dumps(failures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    silent = clips[~heard & ~clips.clip_id.isin(failures)]
    print(f"left out, no audio: {len(silent)} clips of {silent.video_id.nunique()} videos")
    for reason in failures.values():
        print(f"left out: {reason}")


if __name__ == "__main__":
    main()
