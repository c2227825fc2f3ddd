"""The sensitivity study as a figure and as a page: which metric measures rhythm."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from pace.report.plots import GREY, PART_COLOURS, figure_of
from pace.sensitivity.study import CHANGES, CONTROLS, Study


@dataclasses.dataclass(frozen=True)
class Metric:
    """One curve. error: whether less is better. decimals: in tables."""

    label: str
    colour: str
    error: bool = False
    decimals: int = 2
    dash: str = "-"


BLUE, ORANGE, GREEN, RED, PURPLE = PART_COLOURS
PANELS = {
    "F1 in bins, %": {
        "d2mgan f1": Metric("D2M-GAN", BLUE, decimals=1),
        "loris f1": Metric("LORIS", ORANGE, decimals=1),
        "5hz f1": Metric("5 Hz", GREEN, decimals=1),
    },
    "onsets and beats": {
        "strict onset_f70": Metric("onset F 70 ms", RED),
        "strict onset_f50": Metric("onset F 50 ms", RED, dash="--"),
        "strict beat_f70": Metric("beat F 70 ms", PURPLE),
    },
    "continuity of beats": {
        "strict cmlt": Metric("CMLt", BLUE),
        "strict amlt": Metric("AMLt", ORANGE),
        "strict information_gain": Metric("information gain", GREEN),
    },
    "tempo error, BPM": {
        "strict tempo_error_bpm": Metric("tempo error", RED, error=True, decimals=1),
        "strict tempo_error_octave_bpm": Metric("octaves forgiven", PURPLE, error=True, decimals=1),
    },
    "dynamics, r": {
        "dynamics loudness": Metric("loudness", BLUE),
        "dynamics density": Metric("onset density", ORANGE),
    },
    "beats of the dance": {
        "alignment bas": Metric("BAS over dance beats", BLUE),
        "alignment bas_music": Metric("BAS over music beats", ORANGE),
    },
}
METRICS = {name: metric for panel in PANELS.values() for name, metric in panel.items()}
AXES = {"delay": "delay, ms", "tempo": "tempo change, %", "missing": "beats left out, %"}
CONTROL_NAMES = {"other": "other", "clicks": "60", "clicks120": "120"}
# Smallest usable gap between the scores of the same and of other music, as a share of the larger one.
MIN_GAP = 0.1


def figure(study: Study) -> bytes:
    """Draw an SVG: a row of panels for each family of metrics, a column for each change, and the controls."""
    with figure_of(9.6, 11.8) as (drawing, out):
        ratios = (3, 3, 3, 1.8)
        grid = drawing.subplots(len(PANELS), 4, sharey="row", gridspec_kw={"width_ratios": ratios})
        for row, (title, metrics) in zip(grid, PANELS.items(), strict=True):
            _panels(row, metrics, study)
            row[0].set_ylabel(title)
            row[0].set_title(" ", fontsize=9)  # makes room for the legend, which is wider than its column
            legend = row[0].legend(
                loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0, handlelength=1.6
            )
            legend.set_in_layout(False)
            top = np.nanmax([study[key][name] for key in study for name in metrics])
            bottom = np.nanmin([study[key][name] for key in study for name in metrics])
            row[0].set_ylim(min(0, 1.08 * bottom), 1.08 * top if top > 1 else 1.08)
        for axes, label in zip(grid[-1], (*AXES.values(), "controls"), strict=True):
            axes.set_xlabel(label)
        drawing.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _panels(row: npt.NDArray[Any], metrics: dict[str, Metric], study: Study) -> None:
    for axes, change in zip(row, CHANGES, strict=False):
        sizes = change_sizes(study, change)
        for name, metric in metrics.items():
            values = [study[change, size][name] for size in sizes]
            axes.plot(sizes, values, color=metric.colour, linestyle=metric.dash, label=metric.label, marker=".", ms=4)
        axes.margins(x=0.02)
        axes.grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)
    places = np.arange(len(CONTROLS))
    for name, metric in metrics.items():
        values = [study[control, 0][name] for control in CONTROLS]
        face = "none" if metric.dash == "--" else metric.colour
        row[-1].plot(places, values, linestyle="", marker="o", ms=5, color=metric.colour, mfc=face, clip_on=False)
    row[-1].set_xticks(places, [CONTROL_NAMES[control] for control in CONTROLS])
    row[-1].set_xlim(-0.6, len(CONTROLS) - 0.4)
    row[-1].grid(axis="y", color=GREY, alpha=0.2, linewidth=0.6)


def change_sizes(study: Study, change: str) -> list[float]:
    """The sizes of a change that a study has, in order."""
    return sorted(size for name, size in study if name == change)


def relative_loss(study: Study, name: str, key: tuple[str, float]) -> float:
    """Position of a metric at one change between its score for the same music (0) and for other music (1)."""
    same, chance = study["delay", 0][name], study["other", 0][name]
    return (same - study[key][name]) / (same - chance) if same != chance else 0.0


def half_point(study: Study, name: str, change: str) -> float | None:
    """The smallest size of a change at which a metric has lost half of the difference between the same and other music.

    Linear between the sizes studied. Of faster and slower tempi it is the larger one. None where the metric never loses
    half, or where it does not discriminate between the same and other music.
    """
    if not discriminates(study, name):
        return None
    sides = [[size for size in change_sizes(study, change) if size * sign >= 0] for sign in (1, -1)]
    points = [_crossing(study, name, change, sorted(side, key=abs)) for side in sides if len(side) > 1]
    known = [point for point in points if point is not None]
    return max(known) if len(known) == len(points) else None


def _crossing(study: Study, name: str, change: str, sizes: list[float]) -> float | None:
    losses = [relative_loss(study, name, (change, size)) for size in sizes]
    for index in range(1, len(sizes)):
        if losses[index] >= 0.5:
            low, high = losses[index - 1], losses[index]
            share = (0.5 - low) / (high - low) if high > low else 1.0
            return abs(sizes[index - 1]) + share * (abs(sizes[index]) - abs(sizes[index - 1]))
    return None


def discriminates(study: Study, name: str) -> bool:
    """Whether a metric scores the same music clearly better than other music."""
    same, chance = study["delay", 0][name], study["other", 0][name]
    gap = chance - same if METRICS[name].error else same - chance
    return gap > MIN_GAP * max(same, chance)


def verdict(study: Study, name: str) -> str:
    """What a metric measures, in words, by its half points."""
    if not discriminates(study, name):
        return "**does not tell the music from other music**"
    seen = {change: half_point(study, name, change) is not None for change in CHANGES}
    words = {"delay": "delay", "tempo": "tempo", "missing": "missing beats"}
    if all(seen.values()):
        return "**measures rhythm**"
    blind = [words[change] for change in CHANGES if not seen[change]]
    return f"blind to {' and '.join(blind)}"


def page(study: Study, count: int, command: str, picture: str) -> str:
    """The study in Markdown."""
    shown = {
        "same": ("delay", 0), "50 ms late": ("delay", 50), "100 ms late": ("delay", 100), "250 ms late": ("delay", 250),
        "6 % faster": ("tempo", 6), "half the beats": ("missing", 50), "other music": ("other", 0),
        "60 BPM clicks": ("clicks", 0), "120 BPM clicks": ("clicks120", 0),
    }  # fmt: skip
    scores = [_row("metric", shown), _row("---", ["---:"] * len(shown))]
    points = [_row("metric", ["delay", "tempo", "missing beats", "verdict"]), _row("---", [*["---:"] * 3, "---"])]
    for name, metric in METRICS.items():
        scores.append(_row(_name(name), [_number(study[key][name], metric.decimals) for key in shown.values()]))
        halves = [half_point(study, name, change) for change in CHANGES]
        units = ("{:.0f} ms", "{:.1f} %", "{:.0f} %")
        cells = ["–" if half is None else unit.format(half) for half, unit in zip(halves, units, strict=True)]
        points.append(_row(_name(name), [*cells, verdict(study, name)]))
    good = [_name(name) for name in METRICS if verdict(study, name) == "**measures rhythm**"]
    none = [_name(name) for name in METRICS if not discriminates(study, name)]
    return PAGE.format(
        command=command, picture=picture, count=count, scores="\n".join(scores), points="\n".join(points),
        good=", ".join(good) or "none", none=", ".join(none) or "none",
    )  # fmt: skip


def _name(name: str) -> str:
    panel = next(title for title, metrics in PANELS.items() if name in metrics)
    return f"F1 {METRICS[name].label}" if panel.startswith("F1") else METRICS[name].label


def _number(value: float, decimals: int) -> str:
    return "–" if np.isnan(value) else f"{value:.{decimals}f}"


def _row(first: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join([first, *cells]) + " |"


PAGE = """# Which metric measures rhythm

Written by `{command}` (a few minutes on one core), which regenerates this page: {count} pieces of five
seconds, composed by `pace.synthetic.music` in ten styles at 80-135 BPM.

![Scores against delay, tempo change and missing beats]({picture})

Each piece is scored against itself after one change. Each changed version is composed from scratch, so that nothing
else distinguishes the two (no stretched sound, no cuts):

- **delay**: the music is late and starts with what the track played before the clip;
- **tempo**: the same piece is played faster or slower and meets the original's beat in the middle of the clip;
- **missing beats**: on a share of the beats nothing is struck, neither drums nor notes; what falls between is played.

Beats and tempo of the reference are the composer's own. The beats of the changed music are tracked by librosa. The
dance is made for the original. There are three controls: music of other pieces (`other`, all ordered pairs), one click
per second (`60`), and a click track of 120 BPM (`120`).

## The answer

These metrics measure rhythm, by the test below:
{good}.
AMLt forgives the off-beat (see below the table).

These cannot tell the music from other music: {none}.

The test: a metric's scale runs from the score of the same music to that of other music. The table gives the smallest
change at which half of that is lost. For tempo it is the larger of faster and slower. "–" means never, within 500 ms,
20 % and all beats. A metric measures rhythm if it sees all three changes.

{points}

A half point is where a metric first falls. It may rise again: AMLt forgives the off-beat and is high about half a beat
late, and onset F rises wherever the delay is a whole step of the music. BAS over dance beats grows with the number of
beats in the music (a click every 100 ms scores 0.86 with any dance), so read it together with BAS over music beats.
The dynamics (loudness, onset density) show whether music grows and thins out where it should, over seconds; they are
not for the beat. Where beats are tracked, the same music scores below 1: that is the tracker's error, not the music's.

## Scores

{scores}
"""
