"""The report's tables as HTML: rhythm metrics by protocol, all other metrics, failed videos and faulty clips."""

import dataclasses
import json
from html import escape
from pathlib import Path

from pace.report.published import CAVEAT, PROTOCOL, SETTINGS, SOURCE, DataParams, differences, own_figures
from pace.report.published import read as read_published

ROWS = {
    "truth": "the true music itself",
    "ceiling": "the true music through VAE and vocoder: the best that this chain can sound",
    "generated": "music generated for the video",
    "shuffled": "music generated for other videos: what chance gives",
    "random": "music of random training clips",
    "clicks": "one click per second",
    "clicks120": "a click track of 120 BPM",
    "delayed": "the true music, 250 ms late",
}
PROTOCOLS = {
    "strict": (
        "Strict",
        "Onsets must fall within 70 or 50 ms of the true music's and beats within 70 ms: this shows whether the "
        "rhythm is in time; it does not show whether the music sounds good or suits the style. CMLt asks for beats "
        "that follow each other in time, AMLt forgives half and double tempo and the off-beat, information gain and "
        "the tempo errors any delay.",
    ),
    "alignment": (
        "Beats of music and dance",
        "AIST++ beat alignment score: how near the dancer's own beats (moments of least speed) lie to the music's, and "
        "the same seen from the music's beats. Music with more beats gains in the first and loses in the second; the "
        "true music need not score highest, as dancers may arrive before or after the beat.",
    ),
    "loris": (
        "LORIS protocol",
        "Onsets are counted in bins of one second, BCS as precision and BHS as recall: comparable with the figures "
        "of published systems, but clicks and delayed music score high too, so it does not show timing.",
    ),
    "d2mgan": (
        "D2M-GAN protocol",
        "Onsets are counted in bins of one second and BCS is a ratio of counts that may pass 100: it shows whether "
        "about as many onsets are there as in the true music, not whether they fall at the right time.",
    ),
    "5hz": (
        "5 Hz protocol",
        "The LORIS counts in bins of 200 ms: stricter than one second, still blind to errors inside a bin.",
    ),
    "descriptors": (
        "Descriptors, without weights",
        "Level, spectrum, onsets and pitch of each second, in standard deviations of music: whether it sounds as the "
        "true music does. Figures hold within this project.",
    ),
    "vggish": ("VGGish", "FAD_v, of each 0.96 s, as published systems print it."),
    "cnn14": (
        "PANNs CNN14",
        "FAD_p, of each clip. Published figures made with the package frechet-audio-distance compare with the column "
        "“pooled, legacy” alone.",
    ),
    "clap": ("CLAP", "FAD_c, of each clip."),
}
COLUMNS = {  # metric -> heading, decimals
    "bcs": ("BCS %", 1),
    "csd": ("CSD", 1),
    "bhs": ("BHS %", 1),
    "hsd": ("HSD", 1),
    "f1": ("F1 %", 1),
    "onset_f70": ("onset F 70 ms", 3),
    "onset_f50": ("onset F 50 ms", 3),
    "beat_f70": ("beat F 70 ms", 3),
    "cmlt": ("CMLt", 3),
    "amlt": ("AMLt", 3),
    "information_gain": ("information gain", 3),
    "tempo_error_bpm": ("tempo error BPM", 1),
    "tempo_error_octave_bpm": ("octaves forgiven", 1),
    "fad": ("FAD", 3),
    "fad_inf": ("FAD∞", 3),
    "fad_panns_pooled_legacy": ("pooled, legacy", 4),
    "bas": ("over dance beats", 3),
    "bas_music": ("over music beats", 3),
}


MARK = "†"
MARK_MEANS = (
    f"{MARK} Uninformative: the true music, by itself or through VAE and vocoder, is not better on this metric than "
    "every row of chance (shuffled, random, clicks, clicks120, delayed), by the 95 % interval of their paired "
    "difference. A good score there does not show that music fits the dance."
)
NOT_TESTED = "Whether the metrics are informative was not tested: that takes four dances or more."
FAD_MARK_MEANS = (
    f"{MARK} Uninformative: a row of chance is not farther from the true music than the ceiling, by the 95 % interval "
    "of their paired difference. A small distance does not show that music fits the dance."
)
FAD_INTERVALS = (
    "Below a distance: its 95 % interval, by leaving out one dance, or of many one of 40 blocks of dances, at a time "
    "(jackknife). It says what other dances, equally many, would give: bias included. The pooled value has none."
)


def number(value: object) -> str:
    """A metric as text: whole numbers as they are, others with three or four figures, anything else as JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def ordered(found: list[str], known: dict) -> list[str]:
    """Names in the order of `known`, unknown ones after them."""
    return [name for name in known if name in found] + [name for name in found if name not in known]


def rhythm(metrics: dict, intervals: dict | None = None, uninformative: dict | None = None) -> str:
    """One table for each protocol in `metrics` (row -> protocol -> metric -> value), with what it shows.

    intervals: the same with (low, high) in place of values, or without them. uninformative: protocol -> metric -> the
    rows of chance that are not separated from the true music, or None where that is not known.
    """
    rows = ordered(list(metrics), ROWS)
    protocols = ordered(list(dict.fromkeys(name for row in rows for name in metrics[row])), PROTOCOLS)
    note = "<p>Below each value: its 95 % interval, resampled by dance.</p>" if intervals else ""
    if rows and uninformative is not None:
        tested = any(name in uninformative for name in protocols)
        note += f"<p>{escape(MARK_MEANS if tested else NOT_TESTED)}</p>"
    return note + _tables(metrics, intervals or {}, uninformative or {}, protocols)


def _tables(metrics: dict, intervals: dict, uninformative: dict, names: list[str]) -> str:
    rows = ordered(list(metrics), ROWS)
    return "\n".join(
        _protocol(
            name,
            *({row: part.get(row, {}).get(name, {}) for row in rows} for part in (metrics, intervals)),
            uninformative.get(name, {}),
        )
        for name in names
    )


def distances(metrics: dict, intervals: dict | None = None, uninformative: dict | None = None) -> str:
    """The Frechet tables of section `fad` by extractor, what to be warned of and what was not computed.

    intervals: row -> extractor -> figure -> (low, high). uninformative: extractor -> figure -> the rows of chance that
    are not farther than the ceiling, or None where that is not known.
    """
    if not metrics:
        return ""
    notes = {key: metrics.get(key, {}) for key in ("warning", "not_computed")}
    lines = "".join(
        f"<p>{escape(PROTOCOLS.get(name, (name,))[0])}: {escape(text)}</p>"
        for values in notes.values()
        for name, text in values.items()
    )
    scope = (
        "<p>Distance to the true music of the scored clips, lower is nearer; timing does not enter. It grows with d / n"
        " and is comparable between sets of the same n rows and clips only; FAD∞ is extrapolated to dances without end,"
        " from halves of them.</p>"
    )
    values = {row: found for row, found in metrics.items() if row not in notes}
    names = ordered(list(dict.fromkeys(name for found in values.values() for name in found)), PROTOCOLS)
    if any(name in found for found in (intervals or {}).values() for name in names):
        scope += f"<p>{escape(FAD_INTERVALS)}</p>"
    if names and uninformative is not None:
        tested = any(name in uninformative for name in names)
        scope += f"<p>{escape(FAD_MARK_MEANS if tested else NOT_TESTED)}</p>"
    return scope + _tables(values, intervals or {}, uninformative or {}, names) + lines


def _protocol(name: str, rows: dict[str, dict], intervals: dict[str, dict], blind: dict[str, list[str]]) -> str:
    title, sentence = PROTOCOLS.get(name, (name, ""))
    columns = ordered(list(dict.fromkeys(metric for values in rows.values() for metric in values)), COLUMNS)
    headings = {column: COLUMNS.get(column, (column,))[0] + MARK * bool(blind.get(column)) for column in columns}
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings.values())
    marked = "; ".join(f"{headings[column]} {', '.join(blind[column])}" for column in columns if blind.get(column))
    marks = f"<p>Not separated from the true music: {escape(marked)}.</p>" if marked else ""
    body = ""
    for row, values in rows.items():
        cells = "".join(
            f"<td>{escape(_cell(values, column))}{_interval(intervals[row], column)}</td>" for column in columns
        )
        note = f"<small>{escape(ROWS[row])}</small>" if row in ROWS else ""
        mark = ' class="ours"' if row == "generated" else ""
        body += f'<tr{mark}><th scope="row">{escape(row)}{note}</th>{cells}</tr>\n'
    return (
        f'<h3>{escape(title)}</h3><div class="scroll"><table class="numbers">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>\n{body}</tbody></table></div>{marks}<p>{escape(sentence)}</p>"
    )


def _cell(values: dict, column: str) -> str:
    value = values.get(column)
    if value is None:
        return "–"
    return f"{value:.{COLUMNS[column][1]}f}" if column in COLUMNS else number(value)


def _interval(intervals: dict, column: str) -> str:
    if column not in intervals:
        return ""
    low, high = (_cell({column: value}, column) for value in intervals[column])
    return f"<small>{escape(low)}–{escape(high)}</small>"


PUBLISHED_COLUMNS = {
    "bcs": ("BCS %", 2),
    "csd": ("CSD", 2),
    "bhs": ("BHS %", 2),
    "hsd": ("HSD", 2),
    "f1": ("F1 % as printed", 2),
    "f1_of_means": ("F1 % of means", 2),
    "fad_vggish": ("FAD v", 2),
    "fad_panns": ("FAD p", 2),
    "fad_clap": ("FAD c", 2),
    "fad_panns_pooled_legacy": ("FAD p pooled, legacy", 4),
}


def published(metrics: dict, data: DataParams) -> str:
    """The paper's figures, a table for each dataset: beside the own generated row where dataset, split and protocol are
    the paper's, else with what differs. A figure that the run has not computed is a dash and is named."""
    counts = metrics.get("data", {})
    scored = counts.get("test_clips", 0) - counts.get("missing_clips", 0)
    own = own_figures(metrics)
    missing = [title for column, (title, _) in PUBLISHED_COLUMNS.items() if column not in {*own, "f1"}]
    blocks = ""
    for dataset in SETTINGS:
        body = ""
        differing = differences(dataset, data, scored) if own else [f"no {PROTOCOL} scores in this run and no FAD"]
        if not differing:
            body += _published_row("this run", "", own, ' class="ours"')
        for row in read_published():
            if row.dataset == dataset:
                values = dataclasses.asdict(row) | {"f1_of_means": row.f1_of_means}
                body += _published_row(row.method, f"table{'s' * (' ' in row.table)} {row.table}", values)
        head = "".join(f"<th>{escape(title)}</th>" for title, _ in PUBLISHED_COLUMNS.values())
        status = f"Not comparable with this run: {'; '.join(differing)}." if differing else "Comparable with this run."
        status += f" Not computed in this run: {', '.join(missing)}." if missing and not differing else ""
        blocks += (
            f'<h3>{escape(dataset)}</h3><p>{escape(status)}</p><div class="scroll"><table class="numbers">'
            f"<thead><tr><th></th>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
        )
    return f"<p>As printed in {escape(SOURCE)}. {escape(CAVEAT)}</p>{blocks}"


def _published_row(name: str, note: str, values: dict, mark: str = "") -> str:
    cells = ""
    for column, (_, decimals) in PUBLISHED_COLUMNS.items():
        cells += f"<td>{values[column]:.{decimals}f}</td>" if column in values else "<td>–</td>"
    note = f"<small>{escape(note)}</small>" if note else ""
    return f'<tr{mark}><th scope="row">{escape(name)}{note}</th>{cells}</tr>\n'


def flatten(metrics: object, prefix: str = "") -> dict[str, object]:
    """Nested dicts as dotted names -> values."""
    if not isinstance(metrics, dict):
        return {prefix: metrics}
    flat = {}
    for key, value in metrics.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def others(metrics: dict) -> str:
    """A small table for each section of metrics.json that has no table of its own."""
    blocks = []
    for section, values in metrics.items():
        if section in ("rhythm", "interval", "fad", "uninformative", "faults"):
            continue
        rows = "".join(
            f'<tr><th scope="row">{escape(name or section)}</th><td>{escape(number(value))}</td></tr>'
            for name, value in flatten(values).items()
        )
        blocks.append(f"<div><h3>{escape(section)}</h3><table>{rows}</table></div>")
    return f'<div class="grid">{"".join(blocks)}</div>' if blocks else ""


def read_failures(data: Path) -> list[tuple[str, str, str]]:
    """(stage, item, reason) of every failures.json one level below `data`. The stage is the folder's name."""
    found = []
    for path in sorted(data.glob("*/failures.json")):
        entries = json.loads(path.read_text(encoding="utf-8"))
        found += [(path.parent.name, str(item), str(reason)) for item, reason in sorted(entries.items())]
    return found


def failures(entries: list[tuple[str, str, str]]) -> str:
    """A table of failed videos and faulty clips, or a sentence when there are none."""
    if not entries:
        return "<p>No video failed in any stage, and no generated clip is faulty.</p>"
    rows = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in entry)}</tr>\n" for entry in entries)
    head = "<tr><th>stage</th><th>video or clip</th><th>reason</th></tr>"
    return f'<div class="scroll"><table class="texts"><thead>{head}</thead><tbody>\n{rows}</tbody></table></div>'
