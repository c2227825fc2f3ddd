"""Run one per-video step in this process and print its peak memory: python -m benchmarks.stage_process STEP FOLDER.

The folder holds the files of `benchmarks.memory.prepare` and of earlier steps. Only what the step itself needs is
imported, and PyTorch has one thread, as in the pipeline's workers.
"""

import json
import sys
from pathlib import Path

from pace.pipeline import params
from pace.pipeline.closure import ROOT

STEPS = ("decode", "keypoints", "lift", "energy", "embed_motion", "embed_visual", "mel")  # in the order of their inputs
NETWORKS = ("lift", "embed_motion", "embed_visual")


def main() -> None:
    """Run the step, then print the peak of the resident memory in KiB."""
    step, folder = sys.argv[1], Path(sys.argv[2])
    if step in NETWORKS:
        import torch

        torch.set_num_threads(1)
    run(step, folder)
    with open("/proc/self/status", encoding="ascii") as file:
        print(next(line.split()[1] for line in file if line.startswith("VmHWM")))


def run(step: str, folder: Path) -> None:
    """Run a step on one video; its files go into the folder."""
    content = params.read(ROOT / "params.yaml")
    inputs = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    fps, name = inputs["fps"], "video"
    decoded, audio, keypoints = folder / "video.mp4", folder / "audio.wav", folder / "keypoints.npz"
    pose, motion, visual = folder / "pose3d.npz", folder / "motion.safetensors", folder / "visual.safetensors"
    if step == "decode":
        from pace.media import video

        video.decode(folder / "source.mp4", decoded, audio, fps, content["decode"]["short_side"])
    elif step == "keypoints":
        from pace.pose import backends

        content["keypoints"]["backend"] = "mediapipe"
        settings = params.section(content, "keypoints", backends.KeypointsParams)
        backends.find_keypoints(settings, fps, name, (decoded,), folder)
    elif step == "lift":
        from pace.motion import lifting

        settings = params.section(content, "lift", lifting.LiftParams)
        lifting.lift_video(settings, name, (keypoints, motion), folder)
    elif step == "energy":
        from pace.motion import energy

        energy.energy_video(params.section(content, "energy", energy.EnergyParams), name, (pose,), folder)
    elif step == "embed_motion":
        from pace.motion import embedding

        content["embed_motion"]["input"] = "pose3d"
        settings = params.section(content, "embed_motion", embedding.EmbedMotionParams)
        embedding.embed_video(settings, name, (pose, motion), folder)
    elif step == "embed_visual":
        from pace.visual import features

        content["visual"] |= {key: inputs[key] for key in ("short_side", "crop")}
        settings = params.section(content, "visual", features.VisualParams)
        features.embed_video(name, (decoded, visual), folder, settings)
    elif step == "mel":
        import numpy as np
        import soundfile

        from pace.audio import clips

        seconds = soundfile.info(audio).duration
        images, _ = clips.clip_images(audio, np.arange(0, seconds - 4.99, 5.0))
        np.savez(folder / "mel.npz", mel=images)
    else:
        raise ValueError(f"step {step!r} is unknown; steps: {', '.join(STEPS)}")


if __name__ == "__main__":
    main()
