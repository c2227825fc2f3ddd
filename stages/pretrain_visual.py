"""Train the stand-in I3D on rendered dancers: a narrow network that learns to recognise the ten styles."""

import argparse
import json
from pathlib import Path

from safetensors.torch import save_file
from tqdm import tqdm

from pace.pipeline import params, stage
from pace.pipeline.workers import worker_count
from pace.stand_ins import visual
from pace.synthetic.styles import STYLES

PARAMS = {"pretrain_visual": visual.PretrainVisualParams}
WEIGHTS, METRICS = Path("models/pretrain/visual.safetensors"), Path("models/pretrain/visual_metrics.json")


def main(argv: list[str] | None = None) -> None:
    """Train the network on rendered clips and write its weights and its accuracy on held-out ones."""
    argparse.ArgumentParser(prog="python -m stages.pretrain_visual", description=__doc__).parse_args(argv)
    settings = params.load(PARAMS)["pretrain_visual"]
    workers = worker_count() or 1
    clips, labels = visual.render_clips(settings.train_clips, 0, settings, workers)
    model = visual.train(clips, labels, settings, lambda steps: tqdm(steps, desc="pretrain_visual", disable=None))
    clips, labels = visual.render_clips(settings.test_clips, 1, settings, workers)
    score = {"accuracy": round(visual.accuracy(model, clips, labels, settings.crop), 4), "chance": 1 / len(STYLES)}
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), WEIGHTS)
    METRICS.write_text(json.dumps({"visual": score}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"pretrain_visual: {WEIGHTS}, style recognised in {score['accuracy']:.0%} of held-out clips")


if __name__ == "__main__":
    stage.run("pretrain_visual", main)
