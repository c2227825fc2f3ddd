"""Train the stand-in motion network on procedural dance: 3D lifting and part embeddings."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from pace.pipeline import params, stage
from pace.pipeline.workers import worker_count
from pace.stand_ins import motion

PARAMS = {"pretrain_motion": motion.PretrainMotionParams}
OUT, METRICS = Path("models/pretrain/motion.safetensors"), Path("models/pretrain/metrics.json")


def main(argv: list[str] | None = None) -> None:
    """Train the network on procedural dances and write its weights and its scores on held-out ones."""
    argparse.ArgumentParser(prog="python -m stages.pretrain_motion", description=__doc__).parse_args(argv)
    settings = params.load(PARAMS)["pretrain_motion"]
    torch.set_num_threads(worker_count() or 1)
    rng = [np.random.default_rng((settings.seed, stream)) for stream in range(2)]
    tracks = motion.make_tracks(settings.dances, settings.views, settings.seconds, rng[0])
    held_out = motion.make_tracks(settings.held_out, 1, settings.seconds, rng[1])
    model = motion.train(settings, tracks, lambda steps: tqdm(steps, desc="pretrain_motion", disable=None))
    scores = motion.evaluate(model, held_out, tracks)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, OUT)
    rounded = {key: round(value, 4) for key, value in scores.items()}
    METRICS.write_text(json.dumps({"lift": rounded}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"pretrain_motion: {OUT}, MPJPE {scores['mpjpe']:.3f} torso lengths, {scores['ratio']:.2f} of the baseline")


if __name__ == "__main__":
    stage.run("pretrain_motion", main)
