"""The table of an ablation, as Markdown in the shape of the paper's table 2 with our strict metrics, and as CSV."""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping

from pace.ablation import comparing
from pace.ablation.comparing import Figure
from pace.ablation.results import Result
from pace.ablation.variants import Catalogue, Group
from pace.report.published import PROTOCOL, SETTINGS, Published
from pace.report.published import read as read_published

FAD = {"fad_v": "vggish", "fad_p": "cnn14", "fad_c": "clap", "fad_descriptors": "descriptors"}  # column -> extractor
OTHER = "d2mgan"  # the protocol that the paper is taken not to use
SUMMARY = comparing.SUMMARY  # of the paper's table
PRINTED = {name: f"{PROTOCOL}_{name}" for name in SUMMARY}  # field of Published -> column
PRINTED |= {"fad_vggish": "fad_v", "fad_panns": "fad_p", "fad_clap": "fad_c"}
SHUFFLED = "shuffled_beat_f70"
OF_METRICS = {  # column -> where metrics.json has it
    **{column: ("fad", "generated", extractor, "fad") for column, extractor in FAD.items()},
    SHUFFLED: ("rhythm", "shuffled", "strict", "beat_f70"),
    "ceiling_beat_f70": ("rhythm", "ceiling", "strict", "beat_f70"),
    "ceiling_onset_f70": ("rhythm", "ceiling", "strict", "onset_f70"),
    "ceiling_fad_descriptors": ("fad", "ceiling", "descriptors", "fad"),
    "vae_mel_l1": ("vae", "mel_l1"),
    "vae_beat_f70": ("vae", "strict", "beat_f70"),
}
CHANGED = "strict_beat_f70"  # compared with the reference in the Markdown table
COLUMNS = {  # key -> heading, decimals
    **{f"{PROTOCOL}_{name}": (name.upper(), 1) for name in SUMMARY},
    "fad_v": ("FAD_v", 2),
    "fad_p": ("FAD_p", 2),
    "fad_c": ("FAD_c", 2),
    "fad_descriptors": ("FAD descriptors", 2),
    f"{OTHER}_f1": (f"F1 {OTHER}", 1),
    "strict_onset_f70": ("onset F 70", 3),
    "strict_onset_f50": ("onset F 50", 3),
    "strict_beat_f70": ("beat F 70", 3),
    SHUFFLED: ("shuffled beat F 70", 3),
    "strict_tempo_error_bpm": ("tempo error", 1),
}
CHANGE = ("change of beat F 70", "p")
NOT_COMPUTED = "not computed"


@dataclasses.dataclass(frozen=True)
class Row:
    """A variant in a table. failures: (seed, reason); paper_row: its name in the paper, if any; paper: what the paper
    prints there, None where it has no such row."""

    name: str
    about: str
    seeds: tuple[int, ...]
    clips: int
    dances: int
    figures: Mapping[str, Figure]
    failures: tuple[tuple[int, str], ...]
    paper_row: str | None
    paper: Published | None


def rows(
    group: Group,
    catalogue: Catalogue,
    results: Mapping[tuple[str, int], Result],
    failures: Mapping[tuple[str, int], str],
    dataset: str,
) -> list[Row]:
    """The rows of a group; results and failures by variant and seed. dataset: `dataset.name` of params.yaml."""
    printed = {row.method: row for row in read_published() if row.dataset == paper_dataset(dataset)}
    of = {
        name: {seed: results[name, seed] for seed in group.seeds if (name, seed) in results} for name in group.variants
    }
    made = []
    for name, own in of.items():
        variant = catalogue.variants[name]
        figures = comparing.figures(own, None if name == group.reference else of[group.reference]) if own else {}
        figures |= _of_metrics(own)
        failed = tuple((seed, failures[name, seed]) for seed in group.seeds if (name, seed) in failures)
        counts = comparing.clip_count(own) if own else (0, 0)
        paper = variant.paper, printed.get(variant.paper)
        made.append(Row(name, variant.about, tuple(own), *counts, figures, failed, *paper))
    return made


def paper_dataset(name: str) -> str:
    """The paper's name of a dataset; AIST++ for one that it does not use."""
    return next((of for of, setting in SETTINGS.items() if setting.reader == name), "AIST++")


def _of_metrics(own: Mapping[int, Result]) -> dict[str, Figure]:
    """Figures that only metrics.json has: the distances, the beats of other clips' music, and the autoencoder's."""
    found = {}
    for key, path in OF_METRICS.items():
        values = [value for result in own.values() if (value := _metric(result.metrics, path)) is not None]
        if values and len(values) == len(own):
            mean = sum(values) / len(values)
            spread = math.nan
            if len(values) > 1:
                spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
            found[key] = Figure(mean, math.nan, math.nan, spread)
    return found


def _metric(metrics: dict, path: tuple[str, ...]) -> float | None:
    value = metrics
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return float(value) if isinstance(value, int | float) else None


def markdown(tables: list[tuple[Group, list[Row]]], dataset: str) -> str:
    """The tables of all groups, with what the columns are."""
    parts = [_group(group, made, paper_dataset(dataset)) for group, made in tables]
    return "\n".join([*parts, _notes(dataset)])


def _group(group: Group, made: list[Row], known: str) -> str:
    seeds = ", ".join(map(str, group.seeds))
    counts = {(row.clips, row.dances) for row in made if row.seeds}
    size = " and ".join(f"{clips} clips of {dances} dances" for clips, dances in sorted(counts)) or "no clip"
    heads = ["variant", *(heading for heading, _ in COLUMNS.values()), *CHANGE]
    lines = [
        f"## {group.name}",
        "",
        f"{group.about[:1].upper()}{group.about[1:]}. Split {group.split}, {size}; seeds {seeds}; "
        f"compared with {group.reference}.",
        "",
        _line(heads),
        "|---|" + "---:|" * (len(heads) - 1),
    ]
    failed = []
    for row in made:
        if row.seeds:
            change = row.figures.get(CHANGED)
            cells = [_cell(key, row.figures.get(key)) for key in COLUMNS]
            lines.append(_line([f"**{row.name}**: {row.about}", *cells, *_change(change)]))
        else:
            reason = f"failed: {row.failures[0][1]}" if row.failures else "not run"
            lines.append(_line([f"**{row.name}**: {row.about}", reason, *[""] * (len(heads) - 2)]))
        failed += [f"- {row.name}, seed {seed}: {reason}" for seed, reason in row.failures]
        if row.paper:
            values = {column: getattr(row.paper, name) for name, column in PRINTED.items()}
            cells = [f"{values[key]:.2f}" if key in values else "" for key in COLUMNS]
            lines.append(_line([f"*{row.paper_row} as the paper prints it, {known}*", *cells, "", ""]))
        elif row.paper_row:
            lines.append(_line([f"*the paper prints no row for {row.paper_row}*", *[""] * (len(heads) - 1)]))
    return "\n".join([*lines, "", *(["Failed runs:", "", *failed, ""] if failed else [])])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _cell(key: str, figure: Figure | None) -> str:
    decimals = COLUMNS[key][1]
    if figure is None:
        return NOT_COMPUTED
    text = f"{figure.value:.{decimals}f}"
    if math.isfinite(figure.spread):
        text += f" ± {figure.spread:.{decimals}f}"
    if math.isfinite(figure.low):
        text += f" [{figure.low:.{decimals}f}, {figure.high:.{decimals}f}]"
    return text


def _change(figure: Figure | None) -> list[str]:
    if figure is None or not math.isfinite(figure.change):
        return ["", ""]
    text = f"{figure.change:+.3f}"
    if math.isfinite(figure.change_low):
        text += f" [{figure.change_low:+.3f}, {figure.change_high:+.3f}]"
    return [text, f"{figure.p:.3f}" if math.isfinite(figure.p) else ""]


def _notes(dataset: str) -> str:
    known = [setting.reader for setting in SETTINGS.values()]
    own = "" if dataset in known else f" Its figures are from {paper_dataset(dataset)}, ours from dataset {dataset}."
    return (
        "In brackets: 95 % intervals, resampled by dance. Behind ±, with several seeds: standard deviation over seeds; "
        "the value is their mean.\n"
        f"BCS to F1: {PROTOCOL} protocol, one-second bins, in percent; the paper does not name its own and is taken "
        f"to use this one.{own} One-second bins do not see timing; the columns from onset F 70 on do.\n"
        "Shuffled beat F 70: music generated for other clips, what chance gives. Change: beat F 70 minus that of the "
        "first variant on the same clips and seeds; p: two-sided, no difference.\n"
        "FAD_v, FAD_p, FAD_c: VGGish, CNN14 and CLAP, where their weights are given.\n"
    )


def csv_text(tables: list[tuple[Group, list[Row]]]) -> str:
    """One line for each variant of each group, with every metric: value, interval, spread over seeds, change, paper.

    Beyond those of the Markdown table: the ceiling (true music through autoencoder and vocoder) and the autoencoder.
    """
    names = list(dict.fromkeys(name for _, made in tables for row in made for name in row.figures))
    lines = []
    for group, made in tables:
        for row in made:
            line = {"group": group.name, "variant": row.name, "about": row.about, "reference": group.reference}
            line |= {"split": group.split, "seeds": " ".join(map(str, row.seeds)), "clips": row.clips}
            line |= {"dances": row.dances, "failures": "; ".join(f"seed {s}: {reason}" for s, reason in row.failures)}
            for name in names:
                values = dataclasses.asdict(row.figures[name]) if name in row.figures else {}
                for field in dataclasses.fields(Figure):
                    value = values.get(field.name, math.nan)
                    key = name if field.name == "value" else f"{name}_{field.name}"
                    line[key] = round(value, 6) if math.isfinite(value) else ""
            line |= {f"paper_{column}": getattr(row.paper, name, "") for name, column in PRINTED.items()}
            lines.append(line)
    filled = [key for key in lines[0] if any(line[key] != "" for line in lines)]
    out = io.StringIO()
    writer = csv.DictWriter(out, filled, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()
