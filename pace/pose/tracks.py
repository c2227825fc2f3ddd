"""Following one dancer where an estimator reports several people, or renumbers the same person."""

import dataclasses
import logging
from collections import defaultdict

import numpy as np

MAX_DISTANCE = 0.6  # mean keypoint distance between two sightings of one person, in body sizes
MAX_GAP = 60  # frames that a person may be out of sight and still be the same one

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Detection:
    """One person in one frame.

    points: (K,3) x, y in pixels and confidence. person: the estimator's number of the person, None where it has none.
    """

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

    Tracks come from the estimator's numbers where those are unique in every frame, otherwise from matching each
    frame's keypoints to the last ones of each track. Tracks that continue the main one are joined to it. A warning
    under `name` counts the detections dropped.
    """
    tracks = _by_number(detections) or _by_distance(detections)
    if not tracks:
        return {}
    tracks.sort(key=lambda track: (-sum(detection.extent for detection in track), track[0].frame))
    main, others = _join(tracks[0], tracks[1:])
    if others:
        count = sum(map(len, others))
        log.warning(
            "%s: followed one person through %d frames; dropped %d detections of %d other tracks",
            *(name, len(main), count, len(others)),
        )
    return {detection.frame: detection for detection in main}


def distance(first: Detection, second: Detection) -> float:
    """Mean distance of the keypoints in units of the mean body size."""
    gap = np.hypot(*(first.points[:, :2] - second.points[:, :2]).T).mean()
    return float(gap / max((first.extent + second.extent) / 2, 1e-6))


def _by_number(detections: list[Detection]) -> list[Track] | None:
    """One track for each number; None where a detection has no number or a frame has one twice."""
    tracks: dict[int, Track] = defaultdict(list)
    for detection in sorted(detections, key=lambda detection: detection.frame):
        if detection.person is None:
            return None
        track = tracks[detection.person]
        if track and track[-1].frame == detection.frame:
            return None
        track.append(detection)
    return list(tracks.values())


def _by_distance(detections: list[Detection]) -> list[Track]:
    """Greedy matching: in each frame the closest pair of track and detection first."""
    by_frame: dict[int, list[Detection]] = defaultdict(list)
    for detection in detections:
        by_frame[detection.frame].append(detection)
    tracks: list[Track] = []
    for frame in sorted(by_frame):
        current = by_frame[frame]
        alive = [track for track in tracks if frame - track[-1].frame <= MAX_GAP]
        pairs = [
            (distance(track[-1], detection), t, d)
            for t, track in enumerate(alive)
            for d, detection in enumerate(current)
        ]
        matched_tracks: set[int] = set()
        matched_detections: set[int] = set()
        for cost, t, d in sorted(pairs):
            if cost <= MAX_DISTANCE and t not in matched_tracks and d not in matched_detections:
                alive[t].append(current[d])
                matched_tracks.add(t)
                matched_detections.add(d)
        tracks += [[detection] for d, detection in enumerate(current) if d not in matched_detections]
    return tracks


def _join(main: Track, others: list[Track]) -> tuple[Track, list[Track]]:
    """Add the tracks that continue the main one, near in time and place, at either end; return it and the others."""
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
        main = sorted(main + others[index], key=lambda detection: detection.frame)
        others = others[:index] + others[index + 1 :]
