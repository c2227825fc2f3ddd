"""Encode the video's frames with I3D into the visual condition G (paper 4.2)."""

import argparse
import functools
from pathlib import Path

from pace.pipeline import params, per_video, stage
from pace.visual import features, i3d

PARAMS = {"visual": features.VisualParams}
DECODED, OUT = Path("data/decoded"), Path("data/visual")


def main(argv: list[str] | None = None) -> None:
    """Write data/visual/{id}.npz."""
    argparse.ArgumentParser(prog="python -m stages.embed_visual", description=__doc__).parse_args(argv)
    visual = params.load(PARAMS)["visual"]
    weights = Path(visual.weights)
    i3d.load(weights)  # a wrong file stops the stage at once, not in every video
    per_video.map_videos(
        "embed_visual",
        functools.partial(features.embed_video, params=visual),
        {path.stem: (path, weights) for path in sorted(DECODED.glob("*.mp4"))},
        {"visual.npz": OUT / "{id}.npz"},
        visual,
    )


if __name__ == "__main__":
    stage.run("embed_visual", main)
