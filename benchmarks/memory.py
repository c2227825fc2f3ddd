"""Peak memory of each per-video step on one long video: python -m benchmarks.memory [--minutes 10] [STEP ...].

The video is a rendered dancer in a loop. Each step runs alone in a process of its own, with networks of the published
sizes (random weights) on frames of the published size, and has to stay below 2 GB.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pace import media, params

LIMIT_GB = 2.0
LOOP_SECONDS = 10
MOTION, VISUAL = "motion.safetensors", "visual.safetensors"
STEPS = (
    "decode",
    "keypoints",
    "lift",
    "energy",
    "embed_motion",
    "embed_visual",
)  # each reads what the ones before wrote


def main(argv: list[str] | None = None) -> None:
    """Measure the named steps, and those before them, whose results they read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"{', '.join(STEPS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the video (default: 10)")
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)  # run one step here, in this process
    args = parser.parse_args(argv)
    unknown = set(args.steps) - set(STEPS)
    if unknown:
        parser.error(f"unknown step {sorted(unknown)[0]}; steps: {', '.join(STEPS)}")
    if args.folder:
        run(args.steps[0], args.folder)
        return
    wanted = args.steps or list(STEPS)
    with tempfile.TemporaryDirectory(prefix="pace-memory-") as name:
        folder = Path(name)
        make_video(folder / "source.mp4", args.minutes * 60)
        make_weights(folder)
        print(f"{args.minutes:g} minutes of video\n{'step':14}{'peak GB':>8}{'seconds':>9}")
        peaks = [measure(step, folder) for step in STEPS[: max(map(STEPS.index, wanted)) + 1]]
    if max(peaks) > LIMIT_GB:
        sys.exit(f"more than {LIMIT_GB:g} GB")


def measure(step: str, folder: Path) -> float:
    """Run one step in a fresh process; print and return its peak memory in GB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.memory", step, "--in", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    peak = int(done.stdout.split()[-1]) / 1e6
    print(f"{step:14}{peak:8.2f}{time.perf_counter() - start:9.1f}", flush=True)
    return peak


def run(step: str, folder: Path) -> None:
    """Do one step in this process, and print the peak of its resident memory in kB."""
    content = params.read()
    name, fps = "video", float(content["decode"]["fps"])
    pose, keypoints, decoded = folder / "pose3d.npz", folder / "keypoints.npz", folder / "video.mp4"
    if step == "decode":
        media.decode(folder / "source.mp4", decoded, folder / "audio.wav", fps, content["decode"]["short_side"])
    elif step == "keypoints":
        from pace.pose import estimation

        settings = params.section(content, "keypoints", estimation.KeypointsParams)
        estimation.find_keypoints(settings, fps, name, (decoded, *estimation.estimator_files(settings)), folder)
    elif step == "lift":
        from pace.motion import lifting

        settings = params.section(content, "lift", lifting.LiftParams)
        lifting.lift_video(settings, name, (keypoints, folder / MOTION), folder)
    elif step == "energy":
        from pace.motion import energy

        energy.energy_video(params.section(content, "energy", energy.EnergyParams), name, (pose,), folder)
    elif step == "embed_motion":
        from pace.motion import embedding

        settings = params.section(content, "embed_motion", embedding.EmbedMotionParams)
        embedding.embed_video(settings, name, (pose, folder / MOTION), folder)
    else:
        from pace.visual import features

        settings = features.VisualParams(weights="", fps=25.0, short_side=256, crop=224)
        features.embed_video(name, (decoded, folder / VISUAL), folder, settings)
    with open("/proc/self/status", encoding="ascii") as file:
        print(next(line.split()[1] for line in file if line.startswith("VmHWM")))


def make_video(path: Path, seconds: float) -> None:
    """A 256 x 256 video with sound: one short dance, encoded once, its packets repeated."""
    import av

    from pace.synthetic.camera import random_camera
    from pace.synthetic.choreography import choreograph
    from pace.synthetic.render import render

    rng = np.random.default_rng(0)
    motion = choreograph("house", 112, 0.3, LOOP_SECONDS, 30, rng)
    short, long = path.with_name("loop.mp4"), path.with_name("silent.mp4")
    media.write_video(short, render(motion, random_camera(rng, 256, motion), 256, rng), 30)
    with av.open(str(long), "w", format="mp4") as target:
        stream = shift = None
        for _ in range(max(1, round(seconds / LOOP_SECONDS))):
            with av.open(str(short)) as source:
                template = source.streams.video[0]
                if stream is None:
                    stream, shift = target.add_stream_from_template(template), 0
                for packet in source.demux(template):
                    if packet.dts is None:
                        continue
                    packet.dts, packet.pts, packet.stream = packet.dts + shift, packet.pts + shift, stream
                    target.mux(packet)
                shift += template.duration
    media.mux(long, rng.uniform(-0.3, 0.3, round(seconds * 22050)).astype(np.float32), 22050, path)


def make_weights(folder: Path) -> None:
    """Networks of the published sizes with random weights."""
    from safetensors.torch import save_file

    from pace.motion.dstformer import VARIANTS, DSTformer
    from pace.visual.i3d import I3D

    save_file(DSTformer(**VARIANTS["full"]).state_dict(), folder / MOTION)
    save_file(I3D().state_dict(), folder / VISUAL)


if __name__ == "__main__":
    main()
