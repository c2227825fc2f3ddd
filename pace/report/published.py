"""The figures printed in the paper, and whether a run can be compared with them.

`published.csv` has the paper's tables 1 (systems) and 2 (ablation) as printed, in 20 rows. PACE's own rows are in both
tables. F1 is given twice: as printed, and as computed from the printed means. The two differ by more than 0.1 in 9 of
the 20 rows, and by up to 3.4 (TikTok, PACE-H).
"""

import csv
import dataclasses
from pathlib import Path
from typing import Any

from pace.datasets.listing import is_set

PATH = Path(__file__).with_name("published.csv")
SOURCE = "PACE (paper under review), tables 1 and 2"
# The paper does not name its protocol. No BCS in it exceeds 100, as D2M-GAN's ratio of counts would.
PROTOCOL = "loris"
CAVEAT = (
    "The paper does not name its beat protocol. No BCS exceeds 100, so this report assumes the LORIS protocol. "
    "“F1 % of means” is recomputed from the printed BCS and BHS. The printed FAD p may come from a widely used package "
    "that pools PANNs' embeddings by mistake, so this run's figure is shown both ways. For FAD c, the paper cites "
    "Microsoft's CLAP and names no weights; this run uses LAION's, as that package does."
)
# Printed column -> extractor and figure of section `fad` in metrics.json. Descriptor distances are printed nowhere.
FAD = {
    "fad_vggish": ("vggish", "fad"),
    "fad_panns": ("cnn14", "fad"),
    "fad_clap": ("clap", "fad"),
    "fad_panns_pooled_legacy": ("cnn14", "fad_panns_pooled_legacy"),
}


@dataclasses.dataclass(frozen=True)
class Published:
    """One printed row, with scores in percent and `f1` as printed.

    table: the paper's table, `1`, `2` or `1 and 2`.
    """

    dataset: str
    method: str
    table: str
    bcs: float
    csd: float
    bhs: float
    hsd: float
    f1: float
    fad_vggish: float
    fad_panns: float
    fad_clap: float

    @property
    def f1_of_means(self) -> float:
        """F1 computed from the printed BCS and BHS, as the protocol defines it (FACTS 7)."""
        return 2 * self.bcs * self.bhs / (self.bcs + self.bhs)


@dataclasses.dataclass(frozen=True)
class Setting:
    """The data on which the paper computed its scores."""

    reader: str  # the dataset's name in params.yaml
    split: str  # in words
    lists: bool  # whether the split comes from `dataset.split_lists`
    test_clips: int


SETTINGS = {
    "AIST++": Setting("aistpp", "the official crossmodal split", False, 234),
    "TikTok": Setting("tiktok", "D2M-GAN's lists", True, 103),
}


@dataclasses.dataclass(frozen=True)
class DataParams:
    """The parameters of section `dataset` that tell which data a run was scored on."""

    name: str
    split_lists: str


def read(path: Path = PATH) -> list[Published]:
    """Read the rows of a table of published figures.

    Raises ValueError, with file, line and column, for a value that is not a number.
    """
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            values: dict[str, Any] = {}
            for field in dataclasses.fields(Published):
                value = row.get(field.name)
                try:
                    values[field.name] = value if field.type is str else float(value or "")
                except (TypeError, ValueError):
                    raise ValueError(f"{path}:{line}: {field.name} is {value!r}; expected a number") from None
            rows.append(Published(**values))
    return rows


def own_figures(metrics: dict[str, Any]) -> dict[str, float]:
    """Collect this run's figures from the generated row of metrics.json, under the names of the printed columns.

    Figures that were not computed are left out. F1 is that of the means, and given as `f1` and `f1_of_means`.
    """
    beats: dict[str, float] = metrics.get("rhythm", {}).get("generated", {}).get(PROTOCOL, {})
    beats = {name: value for name, value in beats.items() if value is not None}
    scores = beats | ({"f1_of_means": beats["f1"]} if "f1" in beats else {})
    distances = metrics.get("fad", {}).get("generated", {})
    return scores | {
        column: distances[extractor][figure]
        for column, (extractor, figure) in FAD.items()
        if figure in distances.get(extractor, {})
    }


def differences(dataset: str, data: DataParams, test_clips: int, protocol: str = PROTOCOL) -> list[str]:
    """List in words why a run's scores cannot be compared with the paper's on `dataset` (AIST++ or TikTok).

    test_clips: the number of scored clips. The list is empty when dataset, split and protocol agree.
    """
    setting = SETTINGS[dataset]
    reasons = []
    if data.name != setting.reader:
        reasons.append(f"dataset {data.name} instead of {dataset}")
    else:
        lists = is_set(data.split_lists)
        split = f"the lists in {data.split_lists}" if lists else "a seeded split"
        if lists != setting.lists:
            reasons.append(f"{split} instead of {setting.split}")
        if test_clips != setting.test_clips:
            reasons.append(f"{test_clips} test clips instead of {setting.test_clips}")
    if protocol != PROTOCOL:
        reasons.append(f"protocol {protocol} instead of {PROTOCOL}")
    return reasons
