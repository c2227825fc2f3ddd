"""Music files in folders: finding them, and matching those of the reference and of a system by name."""

import collections
import dataclasses
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

# In the order of preference where one name has several files: exact storage comes first, and sound before video.
EXTENSIONS = (
    ".wav", ".w64", ".flac", ".aiff", ".aif", ".aifc", ".au", ".caf", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b",
    ".aac", ".ac3", ".wma", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg",
    ".ts", ".mts", ".m2ts", ".ogv", ".3gp", ".qt", ".3g2", ".f4v", ".divx", ".asf", ".mpe", ".m2v", ".vob", ".mod",
    ".m2t", ".tod", ".mxf", ".dv", ".nut", ".rm", ".rmvb",
)  # fmt: skip
GENERATED_ENDINGS = ("_generated", "_gen", "_pred", "_fake", "_sample", "_output")
REFERENCE_ENDINGS = ("_reference", "_ref", "_gt", "_real")
ENDINGS = (*GENERATED_ENDINGS, *REFERENCE_ENDINGS, "_audio")


@dataclasses.dataclass(frozen=True)
class MusicFolder:
    """The files below a folder, sorted. Hidden files and folders, whose names start with a dot, are in none.

    files: music and videos. others: other files. broken: links that lead nowhere.
    """

    root: Path
    files: tuple[Path, ...]
    others: tuple[Path, ...] = ()
    broken: tuple[Path, ...] = ()


def find(folder: Path) -> list[Path]:
    """The music and video files of `survey`."""
    return list(survey(folder).files)


def survey(folder: Path) -> MusicFolder:
    """All files below a folder at any depth, also through links to folders, each folder once.

    Raises ValueError where there is no music file, and for a folder that cannot be read.
    """
    if folder.is_file():
        raise ValueError(f"{folder}: a file; give the folder that it lies in, with one file for each clip")
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a folder of music files")
    paths = sorted(_walk(folder))
    present = [path for path in paths if path.is_file()]
    files = tuple(path for path in present if path.suffix.lower() in EXTENSIONS)
    if not files:
        raise ValueError(f"{folder}: no music file in it; known are {', '.join(EXTENSIONS)}")
    others = tuple(path for path in present if path.suffix.lower() not in EXTENSIONS)
    return MusicFolder(folder, files, others, tuple(path for path in paths if not path.exists()))


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder, without hidden ones.

    Links to folders come after the folders themselves: a folder that is also linked to keeps its own path. Each is
    visited once, so that circular links end.
    """
    pending, visited = [str(folder)], set()
    while pending:
        for name, folders, files in os.walk(pending.pop(0), onerror=_refuse):
            real = os.path.realpath(name)
            shown = [] if real in visited else sorted(inner for inner in folders if not inner.startswith("."))
            if real not in visited:
                yield from (Path(name, file) for file in files if not file.startswith("."))
                pending += [path for inner in shown if os.path.islink(path := os.path.join(name, inner))]
            folders[:] = shown
            visited.add(real)


def _refuse(error: OSError) -> None:
    raise ValueError(f"{error.filename}: this folder cannot be read ({error.strerror}); change its permissions")


@dataclasses.dataclass(frozen=True)
class Matches:
    """Which files belong together, by name. Every other file is listed, so that none is left out silently.

    pairs: name -> (reference, generated). reference_only, generated_only: files without a counterpart.
    duplicates: files with the same name as another file of their folder, which is used instead.
    ambiguous: those of the files without a counterpart whose name several files have, in several folders.
    """

    pairs: dict[str, tuple[Path, Path]]
    reference_only: list[Path]
    generated_only: list[Path]
    duplicates: list[Path]
    ambiguous: list[Path] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class _File:
    """A file, and its name relative to the root without extension, in Unicode's composed form (NFC).

    macOS stores decomposed names (NFD), in which an umlaut is two characters; other systems store what they are given.
    """

    path: Path
    folder: str  # with a slash at its end, '' for the root
    stem: str

    @property
    def relative(self) -> str:
        return self.folder + self.stem

    @classmethod
    def of(cls, path: Path, root: Path | None) -> "_File":
        folder = (path.relative_to(root) if root else path).parent.as_posix()
        return cls(path, "" if folder == "." else f"{normal(folder)}/", normal(path.stem))


Key = Callable[[_File], str]


def match(
    reference: Iterable[Path],
    generated: Iterable[Path],
    endings: Iterable[str] = ENDINGS,
    roots: tuple[Path, Path] | None = None,
) -> Matches:
    """Match files by their name without extension, then those left over by their name without its ending.

    Names are the same in subfolders of another name, as long as each side has the name once: files that share it with
    one in another folder match only where the folders agree too. Of one name with several extensions, the most exactly
    stored file is used. roots: the folders that subfolders are relative to, else none.
    """
    endings = tuple(normal(ending) for ending in endings)
    roots_of = roots or (None, None)
    references, reference_duplicates = _chosen(_File.of(path, roots_of[0]) for path in reference)
    systems, system_duplicates = _chosen(_File.of(path, roots_of[1]) for path in generated)

    def bare(stem: str) -> str:
        return _bare(stem, endings)

    passes: tuple[tuple[Key, Callable[[str], str]], ...] = (
        (lambda file: file.relative, str),
        (lambda file: file.stem, str),
        (lambda file: file.folder + bare(file.stem), bare),
        (lambda file: bare(file.stem), bare),
    )
    pairs: dict[str, tuple[Path, Path]] = {}
    used: set[_File] = set()
    doubles: set[_File] = set()
    unsure: set[_File] = set()
    shared = collections.Counter(file.stem for file in references)
    for key, shorten in passes:
        sides = _groups(references, key), _groups(systems, key)
        for name in sorted(sides[0].keys() & sides[1].keys()):
            groups = sides[0][name], sides[1][name]
            if used & {*groups[0], *groups[1]}:
                continue
            one, other = _best(groups[0], GENERATED_ENDINGS), _best(groups[1], REFERENCE_ENDINGS)
            if one and other:
                short = shorten(one.stem)
                pairs[one.folder + short if shared[one.stem] > 1 or short in pairs else short] = (one.path, other.path)
                used |= {one, other}
                doubles |= {file for group in groups for file in group if file.stem in (one.stem, other.stem)}
            else:
                unsure |= {file for group, best in zip(groups, (one, other), strict=True) if not best for file in group}
    doubles -= used
    return Matches(
        dict(sorted(pairs.items())),
        [file.path for file in references if file not in used | doubles],
        [file.path for file in systems if file not in used | doubles],
        reference_duplicates + system_duplicates + sorted(file.path for file in doubles),
        sorted(file.path for file in unsure - used - doubles),
    )


def normal(name: str) -> str:
    """A name in Unicode's composed form (NFC), the same however the file system stores it."""
    return unicodedata.normalize("NFC", name)


def stored(folder: Path, name: str) -> Path:
    """The path of a file, with its name composed or decomposed, whichever there is."""
    decomposed = folder / unicodedata.normalize("NFD", name)
    return decomposed if decomposed.exists() else folder / name


def differ_in_case(first: Iterable[Path], second: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Pairs of files whose names without extension differ only in the case of letters."""
    folded = {normal(path.stem).casefold(): path for path in second}
    return [(path, folded[key]) for path in first if (key := normal(path.stem).casefold()) in folded]


def _chosen(files: Iterable[_File]) -> tuple[list[_File], list[Path]]:
    """A file for each relative name, the most exactly stored, by path; and the other files."""
    chosen: dict[str, _File] = {}
    duplicates = []
    for file in sorted(files, key=_exactness):
        if file.relative in chosen:
            duplicates.append(file.path)
        else:
            chosen[file.relative] = file
    return sorted(chosen.values(), key=lambda file: file.path), duplicates


def _exactness(file: _File) -> tuple[int, Path]:
    suffix = file.path.suffix.lower()
    return EXTENSIONS.index(suffix) if suffix in EXTENSIONS else len(EXTENSIONS), file.path  # poses are matched too


def _groups(files: Iterable[_File], key: Key) -> dict[str, list[_File]]:
    groups: dict[str, list[_File]] = {}
    for file in files:
        groups.setdefault(key(file), []).append(file)
    return groups


def _best(files: Sequence[_File], foreign: tuple[str, ...]) -> _File | None:
    """The file that a name stands for: the most exactly stored; None where two are stored alike.

    foreign: endings of the other side's files, which count only where there is nothing else: the folder of a system may
    hold x_gt next to x_gen.
    """
    own = [file for file in files if not file.stem.endswith(foreign)] or files
    first, *others = sorted(own, key=_exactness)
    return None if others and _exactness(others[0])[0] == _exactness(first)[0] else first


def _bare(stem: str, endings: tuple[str, ...]) -> str:
    """A stem without the longest ending that it has."""
    fitting = [ending for ending in endings if ending and stem.endswith(ending) and len(stem) > len(ending)]
    return stem[: -max(map(len, fitting))] if fitting else stem
