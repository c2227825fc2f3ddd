"""`python -m pace score`: the music of any systems, in folders of files, as one table with a row for each."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable
from pathlib import Path

from pace.evaluation import audio_files, distances, file_hearing, systems
from pace.evaluation.rhythm import PROTOCOLS

OUT_SUFFIXES = (".json", ".csv", ".md")
DIGITS = 6
HEADLINE = ("f1",)  # of a protocol that has it, else everything
UNMATCHED = {
    "reference_only": "of the reference without a generated file",
    "generated_only": "generated without a reference",
    "doubles": "not used, another file has the same name",
}


@dataclasses.dataclass(frozen=True)
class ScoreOptions:
    """What to score, and how. generated: system -> folder. weights: network -> file or folder."""

    reference: Path
    generated: dict[str, Path]
    protocols: tuple[str, ...]
    extractors: tuple[str, ...]
    weights: dict[str, Path]
    endings: tuple[str, ...] = audio_files.ENDINGS
    training: Path | None = None  # folder of training music, for a row of random pieces of it


def name_systems(folders: list[Path], names: list[str]) -> dict[str, Path]:
    """System -> folder, by the given names or else the folders' own. Raises ValueError where they do not fit."""
    if names and len(names) != len(folders):
        raise ValueError(f"{len(names)} names for {len(folders)} folders: give one for each, or none")
    names = names or [folder.resolve().name for folder in folders]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two folders are called {repeated[0]!r}: give each a name of its own with --name")
    taken = sorted({*names} & {*file_hearing.CONTROLS, "reference"})
    if taken:
        raise ValueError(f"{taken[0]!r} is the name of another row: call the system something else with --name")
    return dict(zip(names, folders, strict=True))


def parse_extractors(
    values: Iterable[str], weights: dict[str, Path | str]
) -> tuple[tuple[str, ...], dict[str, Path | str]]:
    """Extractors of `name` or `name=weights`, and the weights of all networks, these before the given ones."""
    names, found = [], dict(weights)
    for value in values:
        name, given, path = value.partition("=")
        if name not in distances.EXTRACTORS:
            raise ValueError(f"no extractor {name!r}; there are {', '.join(distances.EXTRACTORS)}")
        names.append(name)
        if given:
            found[name] = Path(path)
    return tuple(names), found


def score(options: ScoreOptions) -> dict:
    """Score all systems; the result as nested dicts of JSON values.

    `rows`: see `systems.table`, and with it of systems `not_scored`, the number of references without a readable file.
    `files`: what was unmatched, unreadable or faulty, by system. `not_computed`: extractor -> reason.
    `per_clip`: the scores of every clip and row.
    Raises ValueError where nothing can be scored.
    """
    unknown = sorted({*options.protocols} - {*PROTOCOLS})
    if unknown:
        raise ValueError(f"rhythm protocol {unknown[0]!r} is unknown; use one of {', '.join(PROTOCOLS)}")
    references = audio_files.find(options.reference)
    matches = {
        system: audio_files.match(references, audio_files.find(folder), options.endings)
        for system, folder in options.generated.items()
    }
    training = audio_files.find(options.training) if options.training else []
    clips = file_hearing.clips_of(matches, training)
    if not clips:
        folders = ", ".join(map(str, options.generated.values()))
        raise ValueError(f"no file of {folders} has the name of one in {options.reference}; see --suffixes")
    networks, missing = distances.load_networks(options.extractors, options.weights)
    heard = list(systems.listen_all(clips, options.protocols))
    names = list(options.generated)
    rows = systems.table(heard, names, options.protocols, options.extractors, networks)
    if not rows:
        raise ValueError(f"not one reference can be read; the first, {next(iter(heard[0].unreadable.values()))}")
    for system in {*names} & {*rows}:
        rows[system]["not_scored"] = len(references) - rows[system]["clips"]
    return {
        "reference": str(options.reference),
        "systems": {name: str(folder) for name, folder in options.generated.items()},
        "rows": rows,
        "not_computed": missing,
        "files": {
            "unmatched": unmatched(matches),
            "unreadable": _by_row({one.clip.name: one.unreadable for one in heard}),
            "faults": _by_row({one.clip.name: {k: "; ".join(v) for k, v in one.faults.items()} for one in heard}),
        },
        "per_clip": [
            {"clip": one.clip.name, "row": row} | flat(scores) for one in heard for row, scores in one.scores.items()
        ],
    }


def unmatched(matches: dict[str, audio_files.Matches]) -> dict[str, dict[str, list[str]]]:
    """System -> what of its folder or of the reference's was not used, by kind; systems without are left out."""
    named = {
        system: {kind: [path.name for path in getattr(found, kind)] for kind in UNMATCHED if getattr(found, kind)}
        for system, found in matches.items()
    }
    return {system: kinds for system, kinds in named.items() if kinds}


def _by_row(clips: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Row -> clip -> text, from clip -> row -> text."""
    found: dict[str, dict[str, str]] = {}
    for clip, rows in clips.items():
        for row, text in rows.items():
            found.setdefault(row, {})[clip] = text
    return found


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested dicts as names joined by underscores -> values."""
    found: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}_{key}" if prefix else str(key)
        found |= flat(value, name) if isinstance(value, dict) else {name: value}
    return found


def records(result: dict) -> list[dict[str, object]]:
    """The table: of each row its name, clips, rhythm metrics as `protocol_metric` and distances as `extractor_fad`.

    An extractor that was not computed has the column `extractor_fad` with the reason in every row.
    """
    missing = {f"{name}_fad": reason for name, reason in result["not_computed"].items()}
    table = []
    for row, entry in result["rows"].items():
        counts = {"row": row, "clips": entry["clips"], "not_scored": entry.get("not_scored", "")}
        table.append(counts | flat(entry["rhythm"]) | flat(entry["fad"]) | missing)
    columns = dict.fromkeys(name for record in table for name in record)
    return [{name: record.get(name, "") for name in columns} for record in table]


def shown(value: object) -> str:
    """A value of the table as text for reading."""
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3f}"
    if str(value).startswith("not computed"):
        return str(value).partition(" (")[0]
    return "–" if value == "" else str(value)


def headline(result: dict) -> list[dict[str, str]]:
    """The table's main columns as text: F1 of protocols that have it, else all metrics; the plain distances with n."""
    first = next(iter(result["rows"].values()))["rhythm"]
    kept = ["row", "clips", "not_scored"]
    for protocol, metrics in first.items():
        kept += [f"{protocol}_{name}" for name in metrics if name in HEADLINE or not {*HEADLINE} & {*metrics}]
    table = records(result)
    kept += [name for name in table[0] if name.endswith(("_fad", "_n"))]
    return [{name: shown(record[name]) for name in kept} for record in table]


def notes(result: dict, most: int | None = None) -> list[str]:
    """Everything that a reader of the table must know, a line each; of long lists of files at most `most`."""
    said = [f"{name}: {reason}" for name, reason in result["not_computed"].items()]
    for row, entry in result["rows"].items():
        said += [f"{row}, {name}: {text}" for name, text in entry.get("warning", {}).items()]
    for system, kinds in result["files"]["unmatched"].items():
        said += [f"{system}: {_listed(UNMATCHED[kind], paths, most)}" for kind, paths in kinds.items()]
    for kind, words in (("unreadable", "unreadable, not scored"), ("faults", "faulty, scored all the same")):
        for row, clips in result["files"][kind].items():
            said.append(f"{row}: {_listed(words, [f'{clip} ({text})' for clip, text in clips.items()], most)}")
    return said


def _listed(what: str, found: list[str], most: int | None) -> str:
    rest = len(found) - len(found[:most])
    return f"{len(found)} {what}: {', '.join(found[:most])}" + (f" and {rest} more, see --out" if rest else "")


def text(result: dict) -> str:
    """The main columns for the console."""
    table = headline(result)
    widths = {name: max(len(name), *(len(record[name]) for record in table)) for name in table[0]}
    lines = [dict(zip(widths, widths, strict=True)), *table]
    return "\n".join(
        "  ".join(line[name].ljust(w) if name == "row" else line[name].rjust(w) for name, w in widths.items())
        for line in lines
    )


def markdown(result: dict) -> str:
    """The whole table and the notes."""
    table = records(result)
    head = "| " + " | ".join(table[0]) + " |"
    rule = "|" + "|".join("---" if name == "row" else "---:" for name in table[0]) + "|"
    body = ["| " + " | ".join(shown(value).replace("|", "\\|") for value in record.values()) + " |" for record in table]
    said = [f"- {note}" for note in notes(result)]
    return "\n".join([f"# Scores against {result['reference']}", "", head, rule, *body, "", *said]).rstrip() + "\n"


def write(result: dict, path: Path) -> None:
    """Write the result as .json (everything), .csv (the table) or .md (table and notes), by the name's suffix."""
    check_out(path)
    if path.suffix == ".json":
        content = json.dumps(rounded(result), indent=2, ensure_ascii=False) + "\n"
    elif path.suffix == ".csv":
        table, buffer = rounded(records(result)), io.StringIO()
        writer = csv.DictWriter(buffer, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
        content = buffer.getvalue()
    else:
        content = markdown(result)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def check_out(path: Path) -> None:
    """Raises ValueError for a file of an unknown kind, before anything is scored."""
    if path.suffix not in OUT_SUFFIXES:
        raise ValueError(f"{path}: the table is written as one of {', '.join(OUT_SUFFIXES)}")


def rounded(value: object) -> object:
    """The same nested value with floats of six decimals."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
