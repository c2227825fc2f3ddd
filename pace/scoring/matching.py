"""Music files in folders: finding them, and matching those of the reference and of a system by name."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

# In the order of preference where one name has several files: exact storage comes first.
EXTENSIONS = (
    ".wav", ".flac", ".aiff", ".aif", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".mov", ".mkv", ".webm",
)  # fmt: skip
ENDINGS = (
    "_generated", "_gen", "_pred", "_fake", "_sample", "_output", "_reference", "_ref", "_gt", "_real", "_audio",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Matches:
    """Which files belong together, by name. Every other file is listed, so that none is left out silently.

    pairs: name -> (reference, generated). reference_only, generated_only: files without a counterpart.
    duplicates: files with the same name as another file of their folder, which is used instead.
    """

    pairs: dict[str, tuple[Path, Path]]
    reference_only: list[Path]
    generated_only: list[Path]
    duplicates: list[Path]


def find(folder: Path) -> list[Path]:
    """Music and video files below a folder at any depth, but not hidden ones. Raises ValueError where there is none."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a folder of music files")
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in EXTENSIONS]
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not files:
        raise ValueError(f"{folder}: no music file in it; known are {', '.join(EXTENSIONS)}")
    return sorted(files)


def match(reference: Iterable[Path], generated: Iterable[Path], endings: Iterable[str] = ENDINGS) -> Matches:
    """Match files by their name without extension, then those left over by their name without its ending."""
    endings = tuple(endings)
    references, reference_duplicates = _by_stem(reference)
    systems, system_duplicates = _by_stem(generated)
    pairs = {stem: (references.pop(stem), systems.pop(stem)) for stem in sorted(references.keys() & systems.keys())}
    reference_stems, system_stems = _by_bare_name(references, endings), _by_bare_name(systems, endings)
    for name in sorted(reference_stems.keys() & system_stems.keys()):
        if name not in pairs:
            pairs[name] = (references.pop(reference_stems[name]), systems.pop(system_stems[name]))
    return Matches(
        dict(sorted(pairs.items())),
        sorted(references.values()),
        sorted(systems.values()),
        reference_duplicates + system_duplicates,
    )


def _by_stem(files: Iterable[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Stem -> file, and the files whose stem belongs to one that is stored more exactly."""
    chosen: dict[str, Path] = {}
    duplicates = []
    for path in sorted(files, key=lambda path: (EXTENSIONS.index(path.suffix.lower()), path)):
        if path.stem in chosen:
            duplicates.append(path)
        else:
            chosen[path.stem] = path
    return chosen, duplicates


def _by_bare_name(stems: Iterable[str], endings: tuple[str, ...]) -> dict[str, str]:
    """Name without ending -> stem, the first of several."""
    return {_bare(stem, endings): stem for stem in sorted(stems, reverse=True)}


def _bare(stem: str, endings: tuple[str, ...]) -> str:
    """A stem without the longest ending that it has."""
    fitting = [ending for ending in endings if ending and stem.endswith(ending) and len(stem) > len(ending)]
    return stem[: -max(map(len, fitting))] if fitting else stem
