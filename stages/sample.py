"""Generate music for the clips of the split `sample.split`, from their conditions alone (paper 4.3)."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from tqdm import tqdm

from pace.audio.limiter import limit_peaks
from pace.audio.vocoder import VocoderParams, invert
from pace.autoencoder.inference import load_vae
from pace.clip import SAMPLE_RATE
from pace.conditioning.condition_files import read_clips, read_videos
from pace.conditioning.conditions import ConditionStore
from pace.diffusion.generator import load_generator
from pace.pipeline import params, stage
from pace.sampling.sampling import SampleParams, gate_arrays, sample_latents
from pace.training import accelerate

PARAMS = {"sample": SampleParams, "vocoder": VocoderParams}
CLIPS, DIFFUSION, VAE = Path("data/index/clips.parquet"), Path("models/diffusion"), Path("models/vae")
ENERGY, MOTION, VISUAL = Path("data/energy"), Path("data/motion"), Path("data/visual")
OUT = Path("data/generated")


def read_scored_clips(split: str) -> tuple[list[str], ConditionStore]:
    """The ids of the split's clips that have conditions, and the conditions."""
    clips = {
        clip: (video, start) for clip, (video, clip_split, start) in read_clips(CLIPS).items() if clip_split == split
    }
    videos, missing = read_videos([video for video, _ in clips.values()], ENERGY, MOTION, VISUAL)
    for video_id, reason in missing.items():
        print(f"{split}: video {video_id} is left out: {reason}")
    ids = [clip for clip, (video, _) in clips.items() if video in videos]
    return ids, ConditionStore(videos, [clips[clip] for clip in ids])


def main(argv: list[str] | None = None) -> None:
    """Write a wav file for every clip, and the gates of all clips."""
    argparse.ArgumentParser(prog="python -m stages.sample", description=__doc__).parse_args(argv)
    p = params.load(PARAMS)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator, vae = load_generator(DIFFUSION), load_vae(VAE).to(device)
    clip_ids, conditions = read_scored_clips(p["sample"].split)
    generator.check(conditions)
    batches = -(-len(clip_ids) // p["sample"].batch_size)
    generator.place(device, p["sample"].precision, batches * p["sample"].steps)
    accelerate.prepare(vae, device, compiled=False)
    OUT.mkdir(parents=True, exist_ok=True)
    gates = []
    size = p["sample"].batch_size
    for start in tqdm(range(0, len(clip_ids), size), desc="sample", unit="batch", disable=None):
        batch_ids = clip_ids[start : start + size]
        # A GPU is quickest with batches of one size: the last clip fills up the last batch.
        filled = size if device.type == "cuda" else len(batch_ids)
        index = torch.arange(start, start + filled).clamp(max=len(clip_ids) - 1)
        batch = conditions.batch(index)
        latents = sample_latents(generator, batch, [clip_ids[i] for i in index.tolist()], p["sample"])
        latents = latents[: len(batch_ids)]
        with torch.no_grad():
            images = vae.decode(latents)[:, 0]
        for clip_id, wave in zip(batch_ids, invert(images, p["vocoder"]), strict=True):
            soundfile.write(OUT / f"{clip_id}.wav", limit_peaks(wave), SAMPLE_RATE, subtype="PCM_16")
        encoded = gate_arrays(generator.encode(batch), conditions.frames)
        gates.append({name: array[: len(batch_ids)] for name, array in encoded.items()})
    arrays: dict[str, Any] = {name: np.concatenate([batch[name] for batch in gates]) for name in gates[0]}
    np.savez(OUT / "gates.npz", clip_id=np.array(clip_ids), **arrays)
    print(f"{OUT}: {len(clip_ids)} clips of split {p['sample'].split}")


if __name__ == "__main__":
    stage.run("sample", main)
