"""Following one dancer when a pose estimator reports several people, or the same one under changing numbers."""

import dataclasses
import logging
from collections import defaultdict

import numpy as np

MAX_DISTANCE = 0.6  # mean keypoint distance between two sightings of one person, in body sizes
MAX_GAP = 60  # frames that a person may be out of sight and still be the same one

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Detection:
    """One person in one frame: points (K,3) x, y in pixels and confidence; the estimator's number of the person."""

    frame: int
    points: np.ndarray
    person: int | None = None

    @property
    def extent(self) -> float:
        """Body size in pixels: the diagonal of the keypoints' box."""
        return float(np.hypot(*np.ptp(self.points[:, :2], axis=0)))


Track = list[Detection]


def follow(detections: list[Detection], name: str) -> dict[int, Detection]:
    """The main dancer, frame -> detection: the track with the greatest sum of body sizes over its frames.

    Tracks come from the estimator's numbers where those are unique in every frame, else from matching each
    frame's keypoints to the last ones seen. Other tracks are joined to the main one where they carry it on.
    What is dropped is logged under `name`.
    """
    tracks = _by_number(detections) or _by_distance(detections)
    if not tracks:
        return {}
    tracks.sort(key=lambda track: (-sum(item.extent for item in track), track[0].frame))
    main, others = _join(tracks[0], tracks[1:])
    if others:
        count = sum(map(len, others))
        log.warning(
            "%s: followed one person through %d frames; dropped %d detections of %d other tracks",
            *(name, len(main), count, len(others)),
        )
    return {item.frame: item for item in main}


def distance(first: Detection, second: Detection) -> float:
    """Mean distance of the keypoints in units of the mean body size."""
    gap = np.hypot(*(first.points[:, :2] - second.points[:, :2]).T).mean()
    return float(gap / max((first.extent + second.extent) / 2, 1e-6))


def _by_number(detections: list[Detection]) -> list[Track] | None:
    tracks = defaultdict(list)
    for item in sorted(detections, key=lambda item: item.frame):
        if item.person is None or (tracks[item.person] and tracks[item.person][-1].frame == item.frame):
            return None
        tracks[item.person].append(item)
    return list(tracks.values())


def _by_distance(detections: list[Detection]) -> list[Track]:
    """Greedy: in each frame the closest pair of track and detection first."""
    frames = defaultdict(list)
    for item in detections:
        frames[item.frame].append(item)
    tracks: list[Track] = []
    for frame in sorted(frames):
        alive = [track for track in tracks if frame - track[-1].frame <= MAX_GAP]
        pairs = [
            (distance(track[-1], item), t, i) for t, track in enumerate(alive) for i, item in enumerate(frames[frame])
        ]
        used_tracks, used_items = set(), set()
        for cost, t, i in sorted(pairs):
            if cost <= MAX_DISTANCE and t not in used_tracks and i not in used_items:
                alive[t].append(frames[frame][i])
                used_tracks.add(t)
                used_items.add(i)
        tracks += [[item] for i, item in enumerate(frames[frame]) if i not in used_items]
    return tracks


def _join(main: Track, others: list[Track]) -> tuple[Track, list[Track]]:
    """Add tracks that start where the main one ends, or end where it starts, in time and place, until none is left."""
    while True:
        costs = []
        for index, other in enumerate(others):
            for earlier, later in ((main, other), (other, main)):
                gap = later[0].frame - earlier[-1].frame
                if 0 < gap <= MAX_GAP and distance(earlier[-1], later[0]) <= MAX_DISTANCE:
                    costs.append((gap, distance(earlier[-1], later[0]), index))
        if not costs:
            return main, others
        index = min(costs)[2]
        main = sorted(main + others[index], key=lambda item: item.frame)
        others = others[:index] + others[index + 1 :]
