"""The results of finished experiments, read from DVC's experiment refs and cache."""

import dataclasses
import io
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

METRICS, PER_CLIP = "reports/metrics.json", "reports/per_clip.csv"


@dataclasses.dataclass(frozen=True)
class Result:
    """metrics.json, and the lines of per_clip.csv on the generated music, indexed and sorted by clip id."""

    metrics: dict[str, Any]
    clips: "pandas.DataFrame"


def experiments(root: Path) -> dict[str, str]:
    """DVC's experiments on any commit: name -> git ref. If a name is there twice, the latest."""
    command = ["git", "for-each-ref", "--sort=committerdate", "--format=%(refname)", "refs/exps"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split()
    return {ref.rsplit("/", 1)[1]: ref for ref in listed if ref.count("/") == 4}


def read(root: Path, ref: str) -> Result:
    """The result of an experiment. Raises ValueError with the remedy if it is no longer in DVC's cache."""
    import dvc.api
    import pandas
    from dvc.exceptions import DvcException

    name = ref.rsplit("/", 1)[1]
    try:
        metrics, per_clip = (dvc.api.read(path, repo=str(root), rev=ref) for path in (METRICS, PER_CLIP))
    except (DvcException, OSError) as error:
        remedy = f"`dvc exp remove {name}`, then run it again"
        raise ValueError(f"{METRICS} or {PER_CLIP} of the experiment is gone ({error}); {remedy}") from None
    table = pandas.read_csv(io.StringIO(per_clip), dtype={"clip_id": str, "dance": str, "video_id": str})
    generated = table[table["row"] == "generated"].sort_values("clip_id").set_index("clip_id")
    return Result(json.loads(metrics), generated)
