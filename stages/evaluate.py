"""Score the generated music and its controls, and the keypoints, poses and VAE that led to it."""

import argparse
from pathlib import Path

from pace.audio.vocoder import VocoderParams
from pace.evaluation import embeddings, results, strength, table, unscored
from pace.evaluation.controls import AS_CLOCK
from pace.evaluation.distances import Distances
from pace.evaluation.ground_truth import TruthParams
from pace.evaluation.pipeline_clips import Folders, clips_to_score, read_index, with_generated
from pace.evaluation.pose_sections import pose_sections
from pace.evaluation.score_clips import score_clips
from pace.evaluation.settings import EvaluateParams, ScoredParams
from pace.motion.energy import EnergyParams
from pace.pipeline import params, stage

PARAMS = {
    "dataset": TruthParams,
    "energy": EnergyParams,
    "evaluate": EvaluateParams,
    "sample": ScoredParams,
    "vocoder": VocoderParams,
}
PARTIAL = ("dataset", "sample")
INDEX, AUDIO, GENERATED = Path("data/index"), Path("data/audio"), Path("data/generated")
KEYPOINTS, POSES, VAE = Path("data/keypoints"), Path("data/pose3d"), Path("models/vae")
METRICS, PER_CLIP = Path("reports/metrics.json"), Path("reports/per_clip.csv")


def main(argv: list[str] | None = None) -> None:
    """Run the stage."""
    argparse.ArgumentParser(prog="python -m stages.evaluate", description=__doc__).parse_args(argv)
    p = params.load(PARAMS, partial=PARTIAL)
    settings, split, truth = p["evaluate"], p["sample"].split, Path(p["dataset"].truth)

    index = read_index(INDEX, split)
    clips = clips_to_score(index, Folders(AUDIO, GENERATED, POSES, VAE, truth), p["vocoder"], p["energy"])
    networks, missing = embeddings.load_networks(settings.fad, settings.weights)
    all_scored = list(score_clips(clips, settings.protocols, "evaluate", bool(networks), settings.tracker))
    scored, faults = with_generated(all_scored)
    left_out = unscored.reasons(all_scored)

    rows = table.pipeline_rows(scored, settings.protocols)
    embedded = [embeddings.embed_clip(clip, settings.fad, networks) for clip in scored]
    distances = Distances(embedded, [clip.source for clip in scored])
    metrics = results.table_sections(rows, distances, missing)
    metrics["beats"] = {"tracker": settings.beats, "lateness_ms": 1000 * settings.tracker.lateness}
    metrics["vae"] = results.vae_section(scored)
    metrics["data"] = results.data_section(index, scored, len(faults), INDEX, POSES)
    if faults:
        metrics["faults"] = faults
    if left_out:
        metrics["unscored"] = left_out
    if by_strength := strength.section(scored, rows):
        metrics["strength"] = by_strength
    metrics |= pose_sections(index.split_videos, truth, KEYPOINTS, POSES, p["energy"])

    results.write_metrics(metrics, METRICS)
    results.write_per_clip(scored, rows, PER_CLIP, settings.beats)
    print(table.text(metrics["rhythm"], metrics.get("not_above_clock")))
    print(f"evaluate: beats heard by {settings.tracker.label}")
    if "not_above_clock" in metrics:
        print(f"evaluate: {AS_CLOCK} not above the row clock, which knows the tempo and phase of the dance alone")
    if difference := table.differences_text(metrics.get("own_minus_shuffled", {})):
        print(f"evaluate: {difference}")
    if by_strength:
        print(strength.text(by_strength))
    for name, text in (*faults.items(), *left_out.items()):
        print(f"evaluate: {name}: {text}")
    print(f"{METRICS} and {PER_CLIP}: {len(scored)} of {len(index.split_clips)} {split} clips scored")


if __name__ == "__main__":
    stage.run("evaluate", main)
