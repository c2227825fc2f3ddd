"""A DVC project of three small stages, in which `python -m pace ablate` takes seconds."""

from pathlib import Path

from helpers.projects import run

PARAMS = """\
prepare: {size: 6}
train: {seed: 0, width: 1}
sample: {seed: 0, steps: 2, split: test}
dataset: {name: toy}
"""
DVC = """\
stages:
  prepare:
    cmd: python stage.py prepare
    deps: [stage.py, raw.txt]
    params: [prepare]
    outs: [prepared.txt]
  train:
    cmd: python stage.py train
    deps: [stage.py, prepared.txt]
    params: [train]
    outs: [model.json]
  evaluate:
    cmd: python stage.py evaluate
    deps: [stage.py, model.json, extra.txt]
    params: [sample]
    outs: [reports/per_clip.csv]
    metrics: [{reports/metrics.json: {cache: false}}]
"""
STAGE = """\
import json, os, pathlib, sys, time
from ruamel.yaml import YAML
p = YAML(typ="safe", pure=True).load(open("params.yaml"))
name = sys.argv[1]
with open(os.path.join(os.environ.get("DVC_ROOT", "."), "ran.txt"), "a") as log:
    log.write(f"{name} {p['train']['width']} {p['train']['seed']} {p['sample']['steps']}\\n")
if name == "prepare":
    pathlib.Path("prepared.txt").write_text(pathlib.Path("raw.txt").read_text())
elif name == "train":
    if p["train"]["width"] == 13:
        raise ValueError("width 13 is unlucky")
    time.sleep(p["train"]["width"] if p["train"]["width"] >= 60 else 0)
    pathlib.Path("model.json").write_text(json.dumps(p["train"]))
else:
    assert pathlib.Path("extra.txt").read_text() == "extra"
    model = json.loads(pathlib.Path("model.json").read_text())
    pathlib.Path("reports").mkdir(exist_ok=True)
    lines = ["clip_id,dance,beats,video_id,row,loris_bcs,loris_bhs,strict_beat_f70"]
    for clip in range(6):
        beat = 0.1 * clip + 0.01 * p["sample"]["steps"] + 0.1 * model["width"] * (clip % 2) + 0.001 * model["seed"]
        lines.append(f"c{clip},d{clip // 2},librosa,v{clip},generated,{80 + clip},{90 - clip},{beat:.6f}")
        lines.append(f"c{clip},d{clip // 2},librosa,v{clip},clicks,1,1,1")
    pathlib.Path("reports/per_clip.csv").write_text("\\n".join(lines) + "\\n")
    fad = {"generated": {"vggish": {"fad": 3.5 + model["width"]}}, "not_computed": {"clap": "no weights"}}
    rhythm = {"shuffled": {"strict": {"beat_f70": 0.25}}, "ceiling": {"strict": {"beat_f70": 0.9}}}
    pathlib.Path("reports/metrics.json").write_text(json.dumps({"rhythm": rhythm, "fad": fad}))
"""
ABLATIONS = """\
seed: [train.seed, sample.seed]
split: sample.split
target: evaluate
default: [widths]
groups:
  widths: {about: how wide, split: test, seeds: [0], variants: [base, wide, bad, steps]}
  minutes: {about: for interrupting, split: test, seeds: [0], variants: [quick, slow]}
variants:
  base: {about: the base, paper: PACE, params: {train: {width: 1}}}
  wide: {about: wider, paper: PACE-wide, params: {train: {width: 2}}}
  bad: {about: fails, params: {train: {width: 13}}}
  steps: {about: more steps of the same model, params: {sample: {steps: 5}}}
  quick: {about: at once, params: {train: {width: 3}}}
  slow: {about: a minute, params: {train: {width: 60}}}
"""
IGNORED = "/raw.txt\n/extra.txt\n/ran.txt\n/prepared.txt\n/model.json\n/reports/per_clip.csv\n/.resume/\n"


def make(folder: Path) -> Path:
    """The project in a git repository, one commit, nothing computed. raw.txt and extra.txt are ignored inputs."""
    (folder / "presets").mkdir(parents=True)
    files = {"params.yaml": PARAMS, "dvc.yaml": DVC, "stage.py": STAGE, "presets/ablations.yaml": ABLATIONS}
    for name, text in (files | {".gitignore": IGNORED, "raw.txt": "raw", "extra.txt": "extra"}).items():
        (folder / name).write_text(text)
    run(folder, "git", "init", "-q")
    run(folder, "git", "config", "user.name", "Test")
    run(folder, "git", "config", "user.email", "test@example.org")
    run(folder, "dvc", "init", "-q")
    for setting in ("core.analytics=false", "core.check_update=false", "core.autostage=true"):
        run(folder, "dvc", "config", *setting.split("="))
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-q", "-m", "toy")
    return folder


def ran(folder: Path) -> list[str]:
    """Which stages ran, `stage width seed steps`, in any order."""
    path = folder / "ran.txt"
    return sorted(path.read_text().splitlines()) if path.is_file() else []
