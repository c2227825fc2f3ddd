"""Where sound belongs on the clock of its video, although its time stamps start anew, jump or are missing."""

import dataclasses

import numpy as np

from pace.media import clock
from pace.media.clock import Numbers, Times
from pace.media.packets import Track

NEAR = 1.0  # seconds between a stamp of the sound and those of the video that belong to the same recording
PACKET_SECONDS = 0.02  # length of a packet where it cannot be told


@dataclasses.dataclass(frozen=True)
class VideoClock:
    """A video's packets, the part of each, what each part adds to its stamps, and the stamp of the first picture."""

    track: Track
    numbers: Numbers
    offsets: dict[int, float]
    start: float

    def ranges(self) -> dict[int, tuple[float, float]]:
        """Part -> its first and last stamp in seconds."""
        stamps = self.track.stamps()
        own = {part: stamps[(self.numbers == part) & np.isfinite(stamps)] for part in self.offsets}
        return {part: (float(of.min()), float(of.max())) for part, of in own.items() if len(of)}


def alone(sound: Track | None) -> tuple[Times | None, tuple[str, ...]]:
    """What to add to each packet's stamp (N,) in seconds in a file without video, None for nothing; and remarks."""
    if sound is None or not len(sound.pts):
        return None, ()
    numbers = _parts(sound, np.zeros(0))
    return _shift(sound, numbers, {0: 0.0}), _remarks(sound, numbers[-1] > 0)


def beside(sound: Track | None, video: VideoClock) -> tuple[Times | None, tuple[str, ...]]:
    """What to add to each packet's stamp (N,) in seconds, to be on the clock of the video's first part; and remarks.

    A part of the sound moves with the part of the video that it was recorded with, or follows the sound before it.
    """
    if sound is None or not len(sound.pts):
        return None, ()
    numbers = _parts(sound, video.track.pts)
    shifts: dict[int, float] = {}
    used = set()
    for part, of_video in _recorded_with(sound, numbers, video).items():
        if of_video is not None and of_video not in used:
            shifts[part] = video.offsets[of_video] + video.start
            used.add(of_video)
    alien = 0 not in shifts and _is_alien(sound, numbers, video)
    if 0 not in shifts:
        stamps = sound.stamps()[numbers == 0]
        shifts[0] = video.start - float(stamps[np.isfinite(stamps)].min(initial=np.inf)) if alien else 0.0
    return _shift(sound, numbers, shifts), _remarks(sound, len(shifts) <= numbers[-1], alien)


def _parts(sound: Track, other: Times) -> Numbers:
    return clock.parts(sound.stamps(), clock.typical_step(sound.pts, PACKET_SECONDS), other)


def _recorded_with(sound: Track, numbers: Numbers, video: VideoClock) -> dict[int, int | None]:
    """Part of the sound -> part of the video, None where there is none.

    Each packet votes for the part of the video that is stored around it, or one of the two beside that, if the part
    lasts while the packet is heard.
    """
    ranges = video.ranges()
    around = video.numbers[np.clip(np.searchsorted(video.track.place, sound.place) - 1, 0, None)]
    votes: dict[int, dict[int, int]] = {int(part): {} for part in np.unique(numbers)}
    for part, stamp, here in zip(numbers.tolist(), sound.stamps().tolist(), around.tolist(), strict=True):
        for candidate in (here, here + 1, here - 1):
            low, high = ranges.get(candidate, (np.nan, np.nan))
            if low - NEAR <= stamp <= high + NEAR:
                votes[part][candidate] = votes[part].get(candidate, 0) + 1
                break
    return {part: max(of, key=lambda candidate: of[candidate], default=None) for part, of in votes.items()}


def _is_alien(sound: Track, numbers: Numbers, video: VideoClock) -> bool:
    """Whether the first part of the sound has a clock of its own, far from that of the whole video."""
    stamps, of_video = sound.stamps()[numbers == 0], video.track.stamps()
    known, pictures = stamps[np.isfinite(stamps)], of_video[np.isfinite(of_video)]
    if not len(known) or not len(pictures):
        return False
    return bool(known.min() > pictures.max() + clock.JUMP or known.max() < pictures.min() - clock.JUMP)


def _shift(sound: Track, numbers: Numbers, shifts: dict[int, float]) -> Times | None:
    """The shift of each packet (N,): that of its part, or one by which the part follows the part before."""
    shift = np.zeros(len(numbers))
    end = 0.0
    for part in np.unique(numbers):
        own = numbers == part
        stamps, lengths = sound.stamps()[own], np.nan_to_num(sound.length[own], nan=PACKET_SECONDS)
        known = np.isfinite(stamps)
        if known.any():
            shift[own] = shifts.get(int(part), end - stamps[known].min())
            end = float((stamps + lengths)[known].max() + shift[own][0])
    return shift if shift.any() else None


def _remarks(sound: Track, follows: bool, alien: bool = False) -> tuple[str, ...]:
    if not np.isfinite(sound.pts).any():
        return ("its sound has no time stamps; it is taken to begin with the picture",)
    if alien:
        return ("the time stamps of its sound are far from those of its pictures; it is taken to begin with them",)
    if follows:
        return ("the time stamps of its sound start anew or jump; each part directly follows the one before",)
    return ()
