"""Train the stand-in I3D on rendered dancers: a narrow network that tells the ten styles apart."""

import argparse
import json
from pathlib import Path

from safetensors.torch import save_file
from tqdm import tqdm

from pace.pipeline import params, per_video, stage
from pace.stand_ins import visual
from pace.synthetic.styles import STYLES

PARAMS = {"pretrain_visual": visual.PretrainVisualParams}
WEIGHTS, METRICS = Path("models/pretrain/visual.safetensors"), Path("models/pretrain/visual_metrics.json")


def main(argv: list[str] | None = None) -> None:
    argparse.ArgumentParser(prog="python -m stages.pretrain_visual", description=__doc__).parse_args(argv)
    p = params.load(PARAMS)["pretrain_visual"]
    workers = per_video.worker_count()
    clips, labels = visual.render_clips(p.train_clips, 0, p, workers)
    model = visual.train(clips, labels, p, lambda steps: tqdm(steps, desc="pretrain_visual", disable=None))
    clips, labels = visual.render_clips(p.test_clips, 1, p, workers)
    score = {"accuracy": round(visual.accuracy(model, clips, labels, p.crop), 4), "chance": 1 / len(STYLES)}
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), WEIGHTS)
    METRICS.write_text(json.dumps({"visual": score}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"pretrain_visual: styles told apart in {score['accuracy']:.0%} of held-out clips, weights in {WEIGHTS}")


if __name__ == "__main__":
    stage.run("pretrain_visual", main)
