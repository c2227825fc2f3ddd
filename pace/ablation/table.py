"""The table of an ablation, as Markdown in the shape of the paper's table 2 with our strict metrics, and as CSV."""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping
from typing import Any

from pace.ablation import comparing
from pace.ablation.comparing import TESTED, Figure
from pace.ablation.results import Result
from pace.ablation.variants import Catalogue, Group
from pace.evaluation.metrics.bootstrap import SUMMARY
from pace.evaluation.metrics.holm import holm
from pace.report.published import PROTOCOL, SETTINGS, Published
from pace.report.published import read as read_published

FAD = {"fad_v": "vggish", "fad_p": "cnn14", "fad_c": "clap", "fad_descriptors": "descriptors"}  # column -> extractor
OTHER = "d2mgan"  # the protocol that the paper probably does not use
PRINTED = {name: f"{PROTOCOL}_{name}" for name in SUMMARY}  # field of Published -> column
PRINTED |= {"fad_vggish": "fad_v", "fad_panns": "fad_p", "fad_clap": "fad_c"}
SHUFFLED = "shuffled_beat_f70"
METRICS_PATHS: dict[str, tuple[str, ...]] = {  # column -> the keys that lead to it in metrics.json
    **{column: ("fad", "generated", extractor, "fad") for column, extractor in FAD.items()},
    SHUFFLED: ("rhythm", "shuffled", "strict", "beat_f70"),
    "shuffled_loudness": ("rhythm", "shuffled", "dynamics", "loudness"),
    "shuffled_density": ("rhythm", "shuffled", "dynamics", "density"),
    "ceiling_beat_f70": ("rhythm", "ceiling", "strict", "beat_f70"),
    "ceiling_onset_f70": ("rhythm", "ceiling", "strict", "onset_f70"),
    "ceiling_fad_descriptors": ("fad", "ceiling", "descriptors", "fad"),
    "vae_mel_l1": ("vae", "mel_l1"),
    "vae_beat_f70": ("vae", "strict", "beat_f70"),
}
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
    "dynamics_loudness": ("loudness", 3),
    "dynamics_density": ("density", 3),
}
NOT_COMPUTED = "not computed"


@dataclasses.dataclass(frozen=True)
class Row:
    """A variant in a table.

    failures: (seed, reason). paper_row: the variant's name in the paper, if any.
    paper: the figures that the paper prints for it, None if it prints none. beats: what heard the beats.
    """

    name: str
    about: str
    seeds: tuple[int, ...]
    clips: int
    dances: int
    figures: Mapping[str, Figure]
    failures: tuple[tuple[int, str], ...]
    paper_row: str | None
    paper: Published | None
    beats: str = ""


Tables = list[tuple[Group, list[Row]]]
Comparison = tuple[str, str, str, tuple[int, ...], str]  # variant, reference, split, seeds, metric


def variant_rows(
    group: Group,
    catalogue: Catalogue,
    results: Mapping[tuple[str, int], Result],
    failures: Mapping[tuple[str, int], str],
    dataset: str,
) -> list[Row]:
    """The rows of a group's table.

    results, failures: by variant and seed. dataset: `dataset.name` of params.yaml.
    """
    printed = {row.method: row for row in read_published() if row.dataset == paper_dataset(dataset)}
    by_variant = {
        name: {seed: results[name, seed] for seed in group.seeds if (name, seed) in results} for name in group.variants
    }
    table_rows = []
    for name, own in by_variant.items():
        variant = catalogue.variants[name]
        figures = (
            comparing.figures(own, None if name == group.reference else by_variant[group.reference]) if own else {}
        )
        figures |= _metrics_figures(own)
        failed = tuple((seed, failures[name, seed]) for seed in group.seeds if (name, seed) in failures)
        clips, dances = comparing.clip_count(own) if own else (0, 0)
        paper = printed.get(variant.paper) if variant.paper else None
        beats = ", ".join(dict.fromkeys(result.metrics.get("beats", {}).get("tracker", "") for result in own.values()))
        row = Row(name, variant.about, tuple(own), clips, dances, figures, failed, variant.paper, paper, beats)
        table_rows.append(row)
    return table_rows


def corrected(tables: Tables) -> Tables:
    """The tables with the p-values of TESTED corrected by Holm's method for all comparisons in them."""
    p = _comparisons(tables)
    p_holm = dict(zip(p, holm(list(p.values())), strict=True))

    def figures(group: Group, row: Row) -> dict[str, Figure]:
        keys = {name: _comparison(group, row, name) for name in row.figures}
        return {
            name: dataclasses.replace(figure, p_holm=float(p_holm.get(keys[name], math.nan)))
            for name, figure in row.figures.items()
        }

    return [(group, [dataclasses.replace(row, figures=figures(group, row)) for row in rows]) for group, rows in tables]


def _comparisons(tables: Tables) -> dict[Comparison, float]:
    """The p-value of each comparison that has one; what is in several tables with the same reference counts once."""
    return {
        _comparison(group, row, name): row.figures[name].p
        for group, rows in tables
        for row in rows
        for name in TESTED
        if name in row.figures and math.isfinite(row.figures[name].p)
    }


def _comparison(group: Group, row: Row, metric: str) -> Comparison:
    return row.name, group.reference, group.split, group.seeds, metric


def paper_dataset(name: str) -> str:
    """The paper's name of a dataset; AIST++ for one that the paper does not use."""
    return next((printed for printed, setting in SETTINGS.items() if setting.reader == name), "AIST++")


def _metrics_figures(own: Mapping[int, Result]) -> dict[str, Figure]:
    """Figures that only metrics.json has: distances, the beats of other clips' music, and those of the autoencoder."""
    figures = {}
    for key, path in METRICS_PATHS.items():
        values = [value for result in own.values() if (value := _metric(result.metrics, path)) is not None]
        if values and len(values) == len(own):
            mean = sum(values) / len(values)
            spread = math.nan
            if len(values) > 1:
                spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
            figures[key] = Figure(mean, math.nan, math.nan, spread)
    return figures


def _metric(metrics: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    """The number at the end of a path of keys; None if there is none."""
    value: Any = metrics
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return float(value) if isinstance(value, int | float) else None


def markdown(tables: Tables, dataset: str) -> str:
    """The tables of all groups as Markdown, with an explanation of the columns."""
    parts = [_group_table(group, rows, paper_dataset(dataset)) for group, rows in tables]
    return "\n".join([*parts, _notes(dataset, len(_comparisons(tables)))])


def _group_table(group: Group, rows: list[Row], printed_dataset: str) -> str:
    seeds = ", ".join(map(str, group.seeds))
    counts = {(row.clips, row.dances) for row in rows if row.seeds}
    size = " and ".join(f"{clips} clips of {dances} dances" for clips, dances in sorted(counts)) or "no clip"
    heard = ", ".join(dict.fromkeys(row.beats for row in rows if row.beats))
    tested = [key for key in TESTED if any(key in row.figures for row in rows)]
    heads = ["variant", *(heading for heading, _ in COLUMNS.values())]
    heads += [head for key in tested for head in (f"change of {TESTED[key]}", "p", "p after Holm")]
    lines = [
        f"## {group.name}",
        "",
        f"{group.about[:1].upper()}{group.about[1:]}. Split {group.split}, {size}; seeds {seeds}; "
        f"compared with {group.reference}." + (f" Beats heard by {heard}." if heard else ""),
        "",
        _line(heads),
        "|---|" + "---:|" * (len(heads) - 1),
    ]
    failed = []
    for row in rows:
        if row.seeds:
            cells = [_cell(key, row.figures.get(key)) for key in COLUMNS]
            cells += [cell for key in tested for cell in _change(row.figures.get(key))]
            lines.append(_line([f"**{row.name}**: {row.about}", *cells]))
        else:
            reason = f"failed: {row.failures[0][1]}" if row.failures else "not run"
            lines.append(_line([f"**{row.name}**: {row.about}", reason, *[""] * (len(heads) - 2)]))
        failed += [f"- {row.name}, seed {seed}: {reason}" for seed, reason in row.failures]
        if row.paper:
            values = {column: getattr(row.paper, name) for name, column in PRINTED.items()}
            cells = [f"{values[key]:.2f}" if key in values else "" for key in COLUMNS]
            cells += [""] * (len(heads) - 1 - len(cells))
            lines.append(_line([f"*{row.paper_row} as the paper prints it, {printed_dataset}*", *cells]))
        elif row.paper_row:
            lines.append(_line([f"*the paper prints no row for {row.paper_row}*", *[""] * (len(heads) - 1)]))
    return "\n".join([*lines, "", *(["Failed runs:", "", *failed, ""] if failed else [])])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _cell(key: str, figure: Figure | None) -> str:
    decimals = COLUMNS[key][1]
    if figure is None or not math.isfinite(figure.value):
        return NOT_COMPUTED
    text = f"{figure.value:.{decimals}f}"
    if math.isfinite(figure.spread):
        text += f" ± {figure.spread:.{decimals}f}"
    if math.isfinite(figure.low):
        text += f" [{figure.low:.{decimals}f}, {figure.high:.{decimals}f}]"
    return text


def _change(figure: Figure | None) -> list[str]:
    if figure is None or not math.isfinite(figure.change):
        return ["", "", ""]
    text = f"{figure.change:+.3f}"
    if math.isfinite(figure.change_low):
        text += f" [{figure.change_low:+.3f}, {figure.change_high:+.3f}]"
    return [text, _p_value(figure.p), _p_value(figure.p_holm)]


def _p_value(p: float) -> str:
    if not math.isfinite(p):
        return ""
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def _notes(dataset: str, comparisons: int) -> str:
    printed = [setting.reader for setting in SETTINGS.values()]
    other = "" if dataset in printed else f" Its figures are of {paper_dataset(dataset)}, ours of dataset {dataset}."
    return (
        "Values are means over seeds. After ±: standard deviation over seeds. In brackets: 95 % intervals, resampled "
        "by dance.\n"
        f"BCS to F1: {PROTOCOL} protocol, one-second bins, in percent. The paper does not name its protocol; we assume "
        f"this one.{other} One-second bins are blind to timing; the columns from onset F 70 on measure it.\n"
        "Shuffled beat F 70: chance, measured on music generated for other clips. Change: beat F 70 minus that of the "
        "first variant on the same clips and seeds; p: two-sided, for no difference.\n"
        "Loudness, density: correlation of these curves with those of the true music; 0 by chance.\n"
        "FAD_v, FAD_p, FAD_c: with VGGish, CNN14 and CLAP, if their weights are given.\n"
        f"p after Holm: corrected for {comparisons} comparisons, those of all variants in these tables with their "
        f"reference, by {', '.join(TESTED.values())}, as far as they were measured.\n"
    )


def csv_text(tables: Tables) -> str:
    """One line for each variant of each group, with every metric: value, interval, spread, change, and the paper's.

    It has more metrics than the Markdown table: those of the ceiling (true music through autoencoder and vocoder) and
    of the autoencoder.
    """
    names = list(dict.fromkeys(name for _, rows in tables for row in rows for name in row.figures))
    lines = []
    for group, rows in tables:
        for row in rows:
            line: dict[str, object] = {
                "group": group.name,
                "variant": row.name,
                "about": row.about,
                "reference": group.reference,
            }
            line |= {"split": group.split, "seeds": " ".join(map(str, row.seeds)), "clips": row.clips}
            line |= {
                "beats": row.beats,
                "dances": row.dances,
                "failures": "; ".join(f"seed {s}: {reason}" for s, reason in row.failures),
            }
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
