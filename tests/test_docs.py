"""What the documentation names must exist: links, files, modules, commands, targets of make and keys of params.yaml."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.projects import ROOT
from ruamel.yaml import YAML

from pace.__main__ import COMMANDS
from pace.pipeline import params
from pace.setup.code_deps import DVC_FILES

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE_FOLDERS = ("pace", "stages", "tests", "benchmarks", "docs", "presets")
RESULT_FOLDERS = ("data", "models", "reports")
# What commands other than the pipeline's stages write.
WRITTEN = ("models/official", "reports/ablation", "reports/bench.json")
ROOT_FILE = re.compile(r"requirements[\w-]*\.txt|[A-Z]+\.(?:md|cff)|(?:params|dvc)\.yaml|dvc\.lock|Makefile|LICENSE")
FILE_SUFFIXES = ("csv", "json", "mp4", "npz", "parquet", "safetensors", "svg", "wav")
MAX_README_LINES = 150
MAX_COLUMNS = 120


def without_fences(text: str) -> list[str]:
    """The lines of a page outside its fenced code blocks, and empty lines in place of these."""
    lines, fenced = [], False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        lines.append("" if fenced or fence else line)
        fenced ^= fence
    return lines


def code_spans(text: str) -> list[str]:
    """The texts in backticks on a page; one may go on in the next line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", "\n".join(without_fences(text)))]


def code(text: str) -> str:
    """All code on a page: fenced blocks and what stands in backticks, a line for each."""
    lines, plain = text.splitlines(), without_fences(text)
    fenced = [line for line, outside in zip(lines, plain, strict=True) if line and not outside]
    return "\n".join([*fenced, *code_spans(text)])


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    lines = without_fences(path.read_text(encoding="utf-8"))
    return {slug(line.lstrip("#")) for line in lines if line.startswith("#")}


def results() -> Iterator[str]:
    """Paths of what the stages write."""
    for file in DVC_FILES:
        for stage in YAML(typ="safe", pure=True).load((ROOT / file).read_text(encoding="utf-8"))["stages"].values():
            yield from stage["outs"]
            yield from (path for metric in stage.get("metrics", []) for path in metric)


RESULTS = (*results(), *WRITTEN)


def exists(path: str) -> bool:
    """Whether a path of the project is there or is written by a command; {name}, NAME and * stand for any text."""
    pattern = re.sub(r"\{\w+\}|NAME", "*", path.rstrip("/"))
    if any(pattern == result or pattern.startswith(f"{result}/") for result in RESULTS):
        return True
    if pattern.split("/")[0] in RESULT_FOLDERS and any(result.startswith(f"{pattern}/") for result in RESULTS):
        return True
    return any(ROOT.glob(pattern))


def paths(span: str) -> list[str]:
    """The words of a code span that look like files or folders of the project."""
    words = [word.strip(",;()'\"") for word in span.split()]
    folders = (*CODE_FOLDERS, *RESULT_FOLDERS)
    return [word for word in words if re.match(rf"(?:{'|'.join(folders)})/\S", word) or ROOT_FILE.fullmatch(word)]


def defines(name: str) -> bool:
    """Whether a dotted name is a package, a module, or a name that its module defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:length])
        if stem.is_dir():
            return length == len(parts)
        module = stem.with_suffix(".py")
        if module.is_file():
            source = module.read_text(encoding="utf-8")
            member = parts[length] if length < len(parts) else ""
            return not member or bool(re.search(rf"^(?:def |class )?{member}\b", source, re.MULTILINE))
    return False


@pytest.fixture(params=PAGES, ids=lambda path: path.name)
def page(request) -> Path:
    return request.param


@pytest.fixture
def text(page) -> str:
    return page.read_text(encoding="utf-8")


def test_links_lead_to_files_and_headings(page, text):
    broken = []
    prose = re.sub(r"`[^`]+`", "", "\n".join(without_fences(text)))
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        path = page.parent / file if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_paths_exist(text):
    assert not [path for span in code_spans(text) for path in paths(span) if not exists(path)]


def test_modules_and_their_names_exist(text):
    names = re.findall(r"(?<![\w./])(?:pace|stages|tests|benchmarks)(?:\.\w+)+", code(text))
    assert not [name for name in names if "NAME" not in name and not defines(name)]


def test_commands_exist(text):
    named = re.findall(r"\bpython -m pace ([a-z]\w*)", code(text))
    assert set(named) <= set(COMMANDS)


def test_benchmarks_exist(text):
    named = " ".join(re.findall(r"\bpython -m benchmarks((?: [a-z_]+)+)", code(text))).split()
    assert not [name for name in named if not (ROOT / "benchmarks" / f"{name}.py").is_file()]


def test_targets_of_make_exist(text):
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake (?:\w+=\S+ )*([a-z][\w-]*)", code(text))) <= targets


def test_keys_of_params_exist(text):
    content = params.read(ROOT / "params.yaml")
    named = re.findall(r"(?<![\w./-])([a-z]\w*)\.([a-z]\w*)(?![\w./*(])", code(text))
    unknown = [(section, key) for section, key in named if key not in content.get(section, [key])]
    assert not [f"{section}.{key}" for section, key in unknown if key not in FILE_SUFFIXES]


def test_lines_are_no_longer_than_the_limit(text):
    prose = [re.sub(r"\]\([^)]*\)", "]()", line) for line in without_fences(text) if not line.lstrip().startswith("|")]
    assert not [line for line in prose if len(line) > MAX_COLUMNS]


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES
