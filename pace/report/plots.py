"""Figures of the report as SVG or PNG bytes. The same data give the same bytes.

Backgrounds are transparent and text is mid grey, so that a figure is legible on a light and on a dark page.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import librosa
import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pace.pose.skeleton import PART_NAMES

PART_COLOURS = ("#4c8dd6", "#f08c3a", "#3aa76d", "#e0524d", "#9a6dd7")
OWN_COLOUR, GENERATED_COLOUR = "#8b949e", "#e8663c"
GREY = "#7d8590"

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "pace",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 10,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
}


def mel(image: np.ndarray, seconds: float) -> bytes:
    """Draw a mel image (mels, frames) in [0,1] as PNG, low tones at the bottom."""
    with figure_of(4.6, 2.6) as (figure, out):
        axes = figure.subplots()
        extent = (0, seconds, 0, image.shape[0])
        axes.imshow(image, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=1)
        axes.set(xlabel="seconds", ylabel="mel band")
        figure.savefig(out, format="png", dpi=160, metadata={"Software": None})
    return out.getvalue()


def energy(time_s: np.ndarray, slow: np.ndarray, fast: np.ndarray) -> bytes:
    """Draw slow and fast energy (N,5), each in [0,1], as SVG with one row per body part (paper, figure 1)."""
    with figure_of(9.6, 3.2) as (figure, out):
        for axes, values, title in zip(figure.subplots(1, 2), (slow, fast), ("slow", "fast"), strict=True):
            for part, colour in enumerate(PART_COLOURS):
                base = np.full(len(time_s), float(-part))
                axes.fill_between(time_s, base, base + 0.9 * values[:, part], color=colour, alpha=0.25, linewidth=0)
                axes.plot(time_s, base + 0.9 * values[:, part], color=colour)
            axes.set_yticks(-np.arange(5.0), PART_NAMES.values())
            axes.set(title=f"{title} energy", xlabel="seconds", ylim=(-4.05, 1.0))
            axes.margins(x=0)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def rhythm_curves(wave: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute times (M,) in seconds, and RMS (M,) and onset strength (M,) of a wave (S,), divided by their maximum."""
    hop = 512
    rms = librosa.feature.rms(y=wave, hop_length=hop)[0]
    onset = librosa.onset.onset_strength(y=wave, sr=sample_rate, hop_length=hop)
    frames = min(len(rms), len(onset))
    time_s = librosa.frames_to_time(np.arange(frames), sr=sample_rate, hop_length=hop)
    rms, onset = (values[:frames] / max(float(values.max()), 1e-9) for values in (rms, onset))
    return time_s, rms, onset


def rhythm(waves: dict[str, np.ndarray], sample_rate: int) -> bytes:
    """Draw normalised RMS and onset strength of named waves as SVG (paper, figure 3); the last wave is on top."""
    colours = (OWN_COLOUR, GENERATED_COLOUR) if len(waves) == 2 else (GENERATED_COLOUR,)
    with figure_of(9.6, 3.4) as (figure, out):
        panels = figure.subplots(2, 1, sharex=True)
        for (name, wave), colour in zip(waves.items(), colours, strict=True):
            time_s, *curves = rhythm_curves(wave, sample_rate)
            for axes, values in zip(panels, curves, strict=True):
                axes.plot(time_s, values, color=colour, label=name)
        for axes, label in zip(panels, ("RMS", "onset strength"), strict=True):
            axes.set(ylabel=label, ylim=(0, 1.05))
            axes.margins(x=0)
        panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
        panels[1].set_xlabel("seconds")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def gates(slow: np.ndarray, fast: np.ndarray, alpha: np.ndarray, seconds: float) -> bytes:
    """Draw the part gates (N,5) of both branches and the slow branch's weight alpha (N,) as SVG (equations 5 and 6)."""
    time_s = (np.arange(len(alpha)) + 0.5) * seconds / len(alpha)
    with figure_of(9.6, 2.6) as (figure, out):
        panels = figure.subplots(1, 3)
        for axes, values, title in zip(panels, (slow, fast), ("slow", "fast"), strict=False):
            axes.stackplot(time_s, values.T, colors=PART_COLOURS, labels=PART_NAMES.values(), alpha=0.8, linewidth=0)
            axes.set(title=f"part gates, {title}", ylim=(0, 1))
        panels[2].plot(time_s, alpha, color=GENERATED_COLOUR)
        panels[2].set(title="alpha: weight of slow", ylim=(0, 1))
        for axes in panels:
            axes.set_xlabel("seconds")
            axes.margins(x=0)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def curves(table: pd.DataFrame) -> bytes:
    """Draw each numeric column of a training log over its column `step`, one panel each, as SVG; lines skip gaps."""
    names = [name for name in table.select_dtypes("number").columns if name != "step" and table[name].notna().any()]
    rows = -(-len(names) // 3)
    with figure_of(9.6, 2.0 * rows) as (figure, out):
        panels = figure.subplots(rows, 3, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            logged = table[["step", name]].dropna()
            marker = "." if len(logged) < 12 else ""
            axes.plot(logged["step"], logged[name], color=PART_COLOURS[0], marker=marker)
            axes.set(title=name)
            axes.margins(x=0.02)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(names) - 3) : len(names)]:
            axes.set_xlabel("step")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


@contextlib.contextmanager
def figure_of(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """Provide a figure of `width` by `height` inches in the report's style, and a buffer to save it to."""
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained"), io.BytesIO()
