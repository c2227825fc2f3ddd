"""The figures that the paper prints, and whether a run of one's own may stand beside them.

`published.csv` holds the paper's tables 1 (systems) and 2 (ablation) as printed, in 20 rows: PACE's own stand in both.
F1 is given twice, as printed and of the printed means: 9 of the 20 differ by more than 0.1, up to 3.4 (TikTok, PACE-H).
"""

import csv
import dataclasses
from pathlib import Path

from pace.datasets.listing import is_set

PATH = Path(__file__).with_name("published.csv")
SOURCE = "PACE (paper under review), tables 1 and 2"
# The paper does not name its protocol. Inferred: none of its BCS passes 100, as D2M-GAN's ratio of counts would.
PROTOCOL = "loris"
CAVEAT = (
    "The paper does not name its beat protocol; as no BCS passes 100 it is taken for LORIS's. F1 of means is "
    "recomputed from the printed BCS and BHS. FAD p may carry the fault of a widely used package, which pools PANNs' "
    "embeddings: own figures stand in both forms. The paper cites Microsoft's CLAP without naming weights; own FAD c "
    "is of LAION's, as in that package."
)
# Own figures: column -> extractor and figure of section `fad`. The descriptors' distance has no counterpart in print.
FAD = {
    "fad_vggish": ("vggish", "fad"),
    "fad_panns": ("cnn14", "fad"),
    "fad_clap": ("clap", "fad"),
    "fad_panns_pooled_legacy": ("cnn14", "fad_panns_pooled_legacy"),
}


@dataclasses.dataclass(frozen=True)
class Published:
    """One printed row; scores in percent, `f1` as printed. `table`: the paper's table, `1`, `2` or `1 and 2`."""

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
        """F1 of the printed BCS and BHS, as the protocol defines it (FACTS 7)."""
        return 2 * self.bcs * self.bhs / (self.bcs + self.bhs)


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the paper scored on: the name of the dataset's reader, its split and whether that comes from
    `dataset.split_lists`, the number of test clips."""

    reader: str
    split: str
    lists: bool
    test_clips: int


SETTINGS = {
    "AIST++": Setting("aistpp", "the official crossmodal split", False, 234),
    "TikTok": Setting("tiktok", "D2M-GAN's lists", True, 103),
}


@dataclasses.dataclass(frozen=True)
class DataParams:
    """What says on which data a run was scored, of section `dataset` of params.yaml."""

    name: str
    split_lists: str


def read(path: Path = PATH) -> list[Published]:
    """The rows of a table of published figures. Raises ValueError that names file, line and column of a bad value."""
    rows = []
    with open(path, newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            values = {}
            for field in dataclasses.fields(Published):
                value = row.get(field.name)
                try:
                    values[field.name] = value if field.type is str else float(value)
                except (TypeError, ValueError):
                    raise ValueError(f"{path}:{line}: {field.name} is {value!r}; expected a number") from None
            rows.append(Published(**values))
    return rows


def own_figures(metrics: dict) -> dict[str, float]:
    """The generated row of metrics.json under the names of the printed columns, as far as it was computed.

    F1, which is that of the means, as `f1` and `f1_of_means`.
    """
    beats = metrics.get("rhythm", {}).get("generated", {}).get(PROTOCOL, {})
    found = dict(beats) | ({"f1_of_means": beats["f1"]} if beats else {})
    distances = metrics.get("fad", {}).get("generated", {})
    return found | {
        column: distances[extractor][figure]
        for column, (extractor, figure) in FAD.items()
        if figure in distances.get(extractor, {})
    }


def differences(dataset: str, data: DataParams, test_clips: int, protocol: str = PROTOCOL) -> list[str]:
    """What keeps one's own scores from being compared with the paper's on `dataset` (AIST++ or TikTok).

    `test_clips`: how many were scored. An empty list: same dataset, split and protocol.
    """
    setting = SETTINGS[dataset]
    found = []
    if data.name != setting.reader:
        found.append(f"dataset {data.name} instead of {dataset}")
    else:
        lists = is_set(data.split_lists)
        own = f"the lists in {data.split_lists}" if lists else "a seeded split"
        if lists != setting.lists:
            found.append(f"{own} instead of {setting.split}")
        if test_clips != setting.test_clips:
            found.append(f"{test_clips} test clips instead of {setting.test_clips}")
    if protocol != PROTOCOL:
        found.append(f"protocol {protocol} instead of {PROTOCOL}")
    return found
