"""The report: one HTML page that opens from disk, with its media next to it and nothing from the network."""

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from pace.datasets import leaks
from pace.pipeline import isolated
from pace.pipeline.params import limits
from pace.report import clips, plots, published_table, strength_table, tables, wording
from pace.report.clips import ClipView, Sources
from pace.report.published import DataParams
from pace.report.style import CSS

CURVES = {"vae": "Autoencoder", "diffusion": "Diffusion model"}
SCORES = {
    "strict_beat_f70": "beat F 70 ms",
    "strict_onset_f70": "onset F 70 ms",
    "dynamics_loudness": "loudness",
    "dynamics_density": "onset density",
}
SPLITS = {"test": "test", "val": "validation"}


@dataclass(frozen=True)
class ReportParams:
    """Section `report`: number of clips shown."""

    clips: int = limits(0, 100)


@dataclass(frozen=True)
class Inputs:
    """Files and folders that the report reads."""

    data: Path  # folder with the index and the stages' failures.json
    sources: Sources
    metrics: Path  # metrics.json
    per_clip: Path  # per_clip.csv
    curves: Path  # folder with the training logs


def build(inputs: Inputs, params: ReportParams, out: Path, data: DataParams | None = None) -> Path:
    """Write `out`/index.html and `out`/media, and return the page's path.

    data: the dataset's parameters; without them the page does not show the paper's figures.
    Raises FileNotFoundError when the index or the metrics are missing.
    """
    metrics = json.loads(inputs.metrics.read_text(encoding="utf-8"))
    all_clips = pd.read_parquet(inputs.data / "index" / "clips.parquet")
    videos = pd.read_parquet(inputs.data / "index" / "videos.parquet").set_index("video_id")
    scores = _clip_scores(inputs.per_clip)
    split = split_of(metrics)
    chosen = {
        str(clip["clip_id"]): (clip, videos.loc[clip["video_id"]], scores.get(clip["clip_id"], {}), inputs.sources, out)
        for _, clip in clips.choose(all_clips, params.clips, inputs.sources.generated, split).iterrows()
    }
    viewed = dict(isolated.run("report", clips.view, chosen, workers=0))
    views = [outcome.value for outcome in viewed.values() if outcome.value]
    not_shown = [("report", clip_id, outcome.reason) for clip_id, outcome in viewed.items() if outcome.reason]
    if not_shown and not views:
        raise RuntimeError(f"none of {len(chosen)} clips can be shown; the first, {not_shown[0][1]}: {not_shown[0][2]}")
    training = _training(inputs.curves, out)
    page = out / "index.html"
    published = published_table.published(metrics, data) if data else ""
    failures = tables.read_failures(inputs.data)
    for section in ("faults", "unscored"):
        failures += [("evaluate", clip_id, text) for clip_id, text in metrics.get(section, {}).items()]
    failures += not_shown
    page.write_text(html(metrics, views, training, failures, published), encoding="utf-8")
    return page


def split_of(metrics: dict[str, Any]) -> str:
    """The split whose clips were scored, `test` or `val`."""
    split: str = metrics.get("data", {}).get("split", "test")
    return split


def _clip_scores(path: Path) -> dict[str, dict[str, float]]:
    """The scores of each clip's generated music: clip -> label -> score; missing ones are left out."""
    table = pd.read_csv(path)
    table = table[table["row"] == "generated"].set_index("clip_id")
    names = [name for name in SCORES if name in table]
    return {
        str(clip_id): {SCORES[name]: float(row[name]) for name in names if pd.notna(row[name])}
        for clip_id, row in table[names].iterrows()
    }


def _training(folder: Path, out: Path) -> dict[str, str]:
    """Draw the training logs into `out`/media: title -> file."""
    files = {}
    (out / "media").mkdir(parents=True, exist_ok=True)
    for name, title in CURVES.items():
        if (folder / f"{name}.csv").is_file():
            files[title] = f"media/training_{name}.svg"
            (out / files[title]).write_bytes(plots.curves(pd.read_csv(folder / f"{name}.csv")))
    return files


def html(
    metrics: dict[str, Any],
    views: list[ClipView],
    training: dict[str, str],
    failures: list[tuple[str, str, str]],
    published: str = "",
) -> str:
    """Build the page.

    training: title -> figure file. failures: (stage, video or clip, reason). published: HTML of a section of its own.
    """
    sections = _sections(metrics, views, training, failures, published)
    links = "".join(f'<a href="#{key}">{escape(title)}</a>' for key, (title, _) in sections.items())
    body = "\n".join(
        f'<section id="{key}"><h2>{escape(title)}</h2>{content}</section>' for key, (title, content) in sections.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>PACE report</title>
<style>{CSS}</style>
</head>
<body>
<header>
<h1>PACE</h1>
<p>Music for dance videos from part-wise slow and fast motion.{escape(_scope(metrics))}</p>
<nav>{links}</nav>
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _sections(
    metrics: dict[str, Any],
    views: list[ClipView],
    training: dict[str, str],
    failures: list[tuple[str, str, str]],
    published: str,
) -> dict[str, tuple[str, str]]:
    """The sections that have content: id -> (heading, HTML)."""
    intervals, uninformative, missing = (metrics.get(name) for name in ("interval", "uninformative", "missing"))
    as_clock, fad = metrics.get("not_above_clock"), metrics.get("fad", {})
    sections = {
        "results": (
            "Rhythm",
            _tiles(metrics)
            + (f"<p>{escape(wording.HEARD_BY.format(**metrics['beats']))}</p>" if "beats" in metrics else "")
            + tables.rhythm(
                metrics.get("rhythm", {}),
                intervals,
                uninformative,
                missing,
                as_clock,
                metrics.get("not_above_shuffled"),
            )
            + strength_table.differences(metrics.get("own_minus_shuffled", {}))
            + _leaks(metrics),
        ),
        "strength": ("Strength of the dances", strength_table.by_strength(metrics.get("strength", {}))),
        "distances": (
            "Fréchet audio distance",
            tables.distances(fad, intervals, uninformative, as_clock),
        ),
        "clips": ("Clips", "\n".join(map(_clip, views)) or "<p>No clip has generated music.</p>"),
        "published": ("Published figures", published),
        "training": ("Training", "".join(f"<h3>{escape(t)}</h3>{_image(f, t)}" for t, f in training.items())),
        "measures": ("Other measures", tables.others(metrics)),
        "failures": (f"Failures ({len(failures)})", tables.failures(failures)),
    }
    return {key: section for key, section in sections.items() if section[1]}


def _scope(metrics: dict[str, Any]) -> str:
    """How many clips and videos were scored, as far as metrics.json says."""
    data, split = metrics.get("data", {}), split_of(metrics)
    kinds = [kind for kind in ("clips", "videos") if f"{split}_{kind}" in data]
    counts = [f"{data[f'{split}_{kind}']} {SPLITS[split]} {kind}" for kind in kinds]
    return f" Scored on {' from '.join(counts)}." if counts else ""


def _tiles(metrics: dict[str, Any]) -> str:
    """The strict beat score of the generated music next to chance, ceiling and truth."""
    tiles = ""
    for row, label in (("shuffled", "chance"), ("generated", "generated"), ("ceiling", "ceiling"), ("truth", "truth")):
        value = metrics.get("rhythm", {}).get(row, {}).get("strict", {}).get("beat_f70")
        if isinstance(value, int | float):
            mark = " ours" if row == "generated" else ""
            width = f"{100 * min(max(value, 0), 1):.1f}"
            tiles += f'<div class="tile{mark}"><b>{value:.2f}</b>{label}<i style="width:{width}%"></i></div>'
    return f'<h3>Beats within 70 ms (F-measure)</h3><div class="tiles">{tiles}</div>' if tiles else ""


def _leaks(metrics: dict[str, Any]) -> str:
    """What the scored clips share with the training clips, with a warning when that may inflate the scores."""
    data = metrics.get("data", {})
    if "leak" not in data:
        return ""
    shared = max(data["leak"][name] for name in leaks.SHARED)
    warning = " <b>Scores on shared clips may reward memorising instead of learning.</b>" if shared else ""
    split = split_of(metrics)
    return f"<p>{escape(leaks.sentence(data['leak'], data[f'{split}_clips'], SPLITS[split]))}{warning}</p>"


def _clip(view: ClipView) -> str:
    facts = "".join(f"<span>{escape(key)} <b>{escape(value)}</b></span>" for key, value in view.facts.items())
    media = ""
    for title in reversed(view.videos):  # the generated music comes first
        media += (
            f'<figure><video controls loop playsinline preload="metadata" src="{escape(view.videos[title])}"></video>'
            f"{_image(view.mels[title], f'Mel spectrogram, {title}')}<figcaption>{escape(title)}</figcaption></figure>"
        )
    figures = (
        ("Rhythm: normalised RMS energy and onset strength", view.rhythm),
        ("Motion energy of the five parts, relative to each part's maximum in the video", view.energy),
        ("Weights of the body parts (gates) and of the slow branch (alpha) inside the model", view.gates),
    )
    blocks = "".join(f"<h4>{title}</h4>{_image(file, title)}" for title, file in figures if file)
    return (
        f'<article><h3>{escape(view.clip_id)}</h3><p class="facts">{facts}</p>'
        f'<div class="pair">{media}</div>{blocks}</article>'
    )


def _image(file: str, text: str) -> str:
    return f'<img src="{escape(file)}" alt="{escape(text)}" loading="lazy">'
