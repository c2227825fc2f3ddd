"""Parameters of the stage `evaluate`."""

import dataclasses

from pace.evaluation.beat_trackers import TRACKERS, BeatTracker
from pace.evaluation.embeddings import EXTRACTORS, NETWORKS
from pace.evaluation.metrics.rhythm import PROTOCOLS
from pace.pipeline.params import choice


@dataclasses.dataclass(frozen=True)
class EvaluateParams:
    """Section `evaluate` of params.yaml."""

    vggish_weights: str
    cnn14_weights: str
    clap_weights: str
    beat_this_weights: str
    protocols: tuple[str, ...] = choice(*PROTOCOLS)
    fad: tuple[str, ...] = choice(*EXTRACTORS)
    beats: str = choice(*TRACKERS)

    @property
    def tracker(self) -> BeatTracker:
        """What hears the beats of all rows."""
        return BeatTracker.of(self.beats, self.beat_this_weights)

    @property
    def weights(self) -> dict[str, str]:
        """Network -> its weights file or folder."""
        return {name: getattr(self, f"{name}_weights") for name in NETWORKS}


@dataclasses.dataclass(frozen=True)
class ScoredParams:
    """Section `sample`, as far as `evaluate` reads it: the split whose clips have generated music."""

    split: str = choice("test", "val")
