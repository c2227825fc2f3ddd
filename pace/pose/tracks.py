"""Following one dancer where an estimator reports several people, renumbers the same person, or changes the person."""

import dataclasses
import functools
import itertools
import logging
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pace.pose import skeleton

MAX_DISTANCE = 0.6  # mean keypoint distance between two sightings of one person, in body sizes
MAX_UNSEEN = 2.0  # seconds after which a sighting no longer continues a track
STALENESS = 0.25  # body sizes per second out of sight, besides the distance, when tracks compete for a sighting
MAX_ABSENCE = 10.0  # seconds after which a track no longer continues one of another number

# How far the middle of the torso may move between two sightings, in body sizes. In dances of AIST++ and filmed ones
# (65 tracks, 48,000 frames at 30 and 60 frames/s) it moves 0.07 in a frame, 0.19 with the estimator's worst error,
# and 0.6 in half a second. Two people beside each other stand 0.5 and more apart.
STEP = 0.25
SPEED = 2.0  # body sizes per second, besides STEP
JUMP = 0.45  # in place of STEP: a cut of the video, or the estimator finding the dancer again
FARTHEST = 0.6
WINDOW = 0.2  # seconds over which the limits hold between any two sightings: a change of person may take some frames
EDGE = 0.1  # seconds beside a stretch with another person, in which the estimator is already or still disturbed
MAX_GROWTH = 1.6  # ratio of the body sizes of two neighbouring frames; 1.43 at most in the same dances
MAX_ZOOM = 2.5  # the same before and after a jump or a gap
LABELLED = 0.9  # share of the frames followed without labels that the labels must cover to be believed

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Detection:
    """One person in one frame.

    points: (K,3) x, y in pixels and confidence, in a layout of `skeleton.LAYOUTS`.
    person: the estimator's label of the person, None where it has none.
    """

    frame: int
    points: np.ndarray
    person: int | str | None = None

    @functools.cached_property
    def extent(self) -> float:
        """Body size in pixels: the diagonal of the keypoints' box."""
        return float(np.hypot(*np.ptp(self.points[:, :2], axis=0)))

    @functools.cached_property
    def centre(self) -> np.ndarray:
        """Middle of the torso (2,) in pixels: the mean of hips and shoulders."""
        body = skeleton.to_h36m(self.points[None], skeleton.LAYOUTS[len(self.points)])[0]
        middle: np.ndarray = body[_TORSO, :2].mean(axis=0)
        return middle


_TORSO = [skeleton.H36M.index(joint) for joint in ("lhip", "rhip", "lshoulder", "rshoulder")]
Track = list[Detection]


def follow(detections: Sequence[Detection], fps: float, name: str) -> dict[int, Detection]:
    """The main dancer, frame -> detection: the track with the greatest sum of body sizes over its frames.

    Of two who come one after the other, the first, unless the second has more than twice that sum.
    Tracks come from the estimator's labels where those are unique in every frame, otherwise, or where a body's label
    keeps changing, from matching each frame's keypoints to the last ones of each track. A jump that no body makes ends
    a track, whatever its label.
    Tracks that continue the main one, near in place, are joined to it; where they join by a jump between neighbouring
    frames, the frame after it is left out. Warnings under `name` count the detections dropped, and say where the
    dancer is not followed although somebody is seen.
    """
    if not detections:
        return {}
    main, others = _followed(detections, fps)
    if others:
        count = sum(map(len, others))
        log.warning(
            "%s: followed one person through %d frames; dropped %d detections of %d other tracks",
            *(name, len(main), count, len(others)),
        )
        main = _without_edges(main, others, fps)
        for sentence in _absences(main, others, fps):
            log.warning("%s: %s", name, sentence)
    jumps = [later for earlier, later in itertools.pairwise(main) if _jumps(earlier, later, fps)]
    if jumps:
        times = ", ".join(f"{detection.frame / fps:.1f}" for detection in jumps[:5])
        more = f" and {len(jumps) - 5} more" if len(jumps) > 5 else ""
        log.warning("%s: the dancer jumps at %s s%s; this does not count as motion", name, times, more)
    return {detection.frame: detection for detection in main if detection not in jumps}


def _followed(detections: Sequence[Detection], fps: float) -> tuple[Track, list[Track]]:
    """The main dancer's track and the others, by labels or by distance."""
    labelled = _by_label(detections, fps)
    by_label = _main(labelled, fps) if labelled else None
    frames = len({detection.frame for detection in detections})
    if by_label and len(by_label[0]) >= LABELLED * frames:
        return by_label
    by_distance = _main(_by_distance(detections, fps), fps)
    return by_label if by_label and len(by_label[0]) >= LABELLED * len(by_distance[0]) else by_distance


def distance(first: Detection, second: Detection) -> float:
    """Mean distance of the keypoints in units of the mean body size."""
    gap = np.hypot(*(first.points[:, :2] - second.points[:, :2]).T).mean()
    return float(gap / max((first.extent + second.extent) / 2, 1e-6))


def moves_on(earlier: Detection, later: Detection, fps: float) -> bool:
    """Whether one body can have moved from one place and size to the other in the time between."""
    return _within(earlier, later, fps, STEP, MAX_GROWTH if later.frame - earlier.frame == 1 else MAX_ZOOM)


def found_again(earlier: Detection, later: Detection, fps: float) -> bool:
    """Whether the second detection may be the same person after a cut of the video or a time out of sight."""
    return _within(earlier, later, fps, JUMP, MAX_ZOOM)


def _continues(track: Track, detection: Detection, fps: float) -> bool:
    """Whether a track's body can have moved on to a detection, from all its places of the last WINDOW seconds."""
    return all(moves_on(earlier, detection, fps) for earlier in _last(track, detection.frame, fps))


def _last(track: Track, frame: int, fps: float) -> Track:
    """The last detection of a track, and those within WINDOW seconds before `frame`."""
    recent = itertools.takewhile(lambda item: frame - item.frame <= WINDOW * fps, reversed(track[:-1]))
    return [track[-1], *recent]


def _within(earlier: Detection, later: Detection, fps: float, step: float, ratio: float) -> bool:
    size = max(earlier.extent, later.extent, 1e-6)
    moved = float(np.hypot(*(later.centre - earlier.centre))) / size
    growth = size / max(min(earlier.extent, later.extent), 1e-6)
    return moved <= min(step + SPEED * (later.frame - earlier.frame) / fps, FARTHEST) and growth <= ratio


def _jumps(earlier: Detection, later: Detection, fps: float) -> bool:
    return later.frame - earlier.frame == 1 and not moves_on(earlier, later, fps)


def _by_label(detections: Sequence[Detection], fps: float) -> list[Track] | None:
    """The tracks of each label, cut at jumps; None where a detection has no label or a frame has one twice."""
    tracks: dict[int | str, list[Track]] = defaultdict(lambda: [[]])
    for detection in sorted(detections, key=lambda detection: detection.frame):
        if detection.person is None:
            return None
        track = tracks[detection.person][-1]
        if track and track[-1].frame == detection.frame:
            return None
        if track and not _continues(track, detection, fps):
            tracks[detection.person].append([detection])
        else:
            track.append(detection)
    return [track for pieces in tracks.values() for track in pieces]


def _by_distance(detections: Sequence[Detection], fps: float) -> list[Track]:
    """Greedy matching: in each frame the closest pair of track and detection first."""
    by_frame: dict[int, list[Detection]] = defaultdict(list)
    for detection in detections:
        by_frame[detection.frame].append(detection)
    tracks: list[Track] = []
    alive: list[Track] = []
    for frame in sorted(by_frame):
        current = by_frame[frame]
        alive = [track for track in alive if frame - track[-1].frame <= MAX_UNSEEN * fps]
        pairs = [
            (distance(track[-1], detection), frame - track[-1].frame, t, d)
            for t, track in enumerate(alive)
            for d, detection in enumerate(current)
            if _continues(track, detection, fps)
        ]
        matched_tracks: set[int] = set()
        matched_detections: set[int] = set()
        for gap, _, t, d in sorted(pairs, key=lambda pair: (pair[0] + STALENESS * pair[1] / fps, *pair[2:])):
            if gap <= MAX_DISTANCE and t not in matched_tracks and d not in matched_detections:
                alive[t].append(current[d])
                matched_tracks.add(t)
                matched_detections.add(d)
        new = [[detection] for d, detection in enumerate(current) if d not in matched_detections]
        tracks += new
        alive += new
    return tracks


def _main(tracks: list[Track], fps: float) -> tuple[Track, list[Track]]:
    """The main dancer's track, joined, and the others."""
    tracks = sorted(tracks, key=lambda track: (-_weight(track), track[0].frame))
    main, others = _join(tracks[0], tracks[1:], fps)
    before = next((track for track in others if track[-1].frame < main[0].frame), None)
    if before is not None:
        first, rest = _join(before, [track for track in (*others, main) if track is not before], fps)
        if 2 * _weight(first) >= _weight(main):
            return first, rest
    return main, others


def _weight(track: Track) -> float:
    return sum(detection.extent for detection in track)


def _join(main: Track, others: list[Track], fps: float) -> tuple[Track, list[Track]]:
    """Add the tracks that continue the main one, near in time and place, at either end; return it and the others."""
    while True:
        costs = []
        for index, other in enumerate(others):
            for before, after in ((main, other), (other, main)):
                earlier, later = before[-1], after[0]
                gap = later.frame - earlier.frame
                near = gap <= MAX_ABSENCE * fps or earlier.person == later.person
                places = _last(before, later.frame, fps)
                if gap > 0 and near and all(found_again(place, later, fps) for place in places):
                    costs.append((gap, distance(earlier, later), index))
        if not costs:
            return main, others
        index = min(costs)[2]
        main = sorted(main + others[index], key=lambda detection: detection.frame)
        others = others[:index] + others[index + 1 :]


def _without_edges(main: Track, others: list[Track], fps: float) -> Track:
    """The track without the EDGE seconds beside stretches of others, where these are not seen at the same time.

    An estimator of one person goes over to another when the first is half hidden or half out of the picture.
    """
    width = round(EDGE * fps)
    beside = {detection.frame for track in others for detection in track}
    edges = {index for place, _, _ in _elsewhere(main, others) for index in range(place - width, place + width)}
    kept = [item for index, item in enumerate(main) if index not in edges or item.frame in beside]
    return kept or main


def _elsewhere(main: Track, others: list[Track]) -> list[tuple[int, int, int]]:
    """Stretches in which others are seen and the followed person is not.

    Each is the place in `main` before which it lies, and the first and the last frame with others in it.
    """
    followed = [detection.frame for detection in main]
    seen = sorted({detection.frame for track in others for detection in track} - set(followed))
    places = np.searchsorted(followed, seen).tolist()
    groups = itertools.groupby(zip(places, seen, strict=True), key=lambda pair: pair[0])
    frames = [(place, [frame for _, frame in group]) for place, group in groups]
    return [(place, group[0], group[-1]) for place, group in frames]


def _absences(main: Track, others: list[Track], fps: float) -> list[str]:
    """A sentence for each stretch of frames in which others are seen and the followed person is not."""
    sentences = []
    for place, begin, end in _elsewhere(main, others):
        before = main[place - 1].frame if place else None
        after = main[place].frame if place < len(main) else None
        first, last = begin if before is None else before + 1, end if after is None else after - 1
        lost = f"(frames {first} to {last} are not detected)"
        if before is None:
            sentences.append(f"followed one person from {main[0].frame / fps:.1f} s; another is seen before {lost}")
        else:
            back = "" if after is None else f"; the first is found again at {after / fps:.1f} s"
            sentences.append(
                f"followed one person until {before / fps:.1f} s; another appears at {begin / fps:.1f} s{back} {lost}"
            )
    if len(sentences) > 4:
        sentences[3:] = [f"and {len(sentences) - 3} more such stretches"]
    return sentences
