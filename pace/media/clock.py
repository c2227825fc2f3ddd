"""One clock for the time stamps of a file's streams, which may be missing, start anew or jump.

Files that are joined from several recordings have stamps that start anew or jump at each joint. A stretch of packets
between two joints is called a part. The pictures of a part follow one picture after those of the part before, and the
sound of the part moves with them.
"""

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

JUMP = 10.0  # seconds; a longer gap that no other stream fills is a joint, as in FFmpeg (-dts_delta_threshold)
BACK = 0.5  # seconds that stamps must go back to start a new part: less is unsteadiness
REORDERED = 17  # pictures; as far as stamps of showing can go back in the order of storage (16 in H.264 and HEVC)
STEPS = (0.001, 1.0)  # seconds between two pictures that are taken as typical
NEAR = 1.0  # seconds between a stamp and the stamps of another stream that belong to the same part


def typical_step(stamps: Times, default: float) -> float:
    """Median distance in seconds between neighbours in time, within STEPS; `default` where there are no neighbours."""
    known = np.sort(stamps[np.isfinite(stamps)])
    distances = np.diff(known)
    distances = distances[distances > 0]
    return float(np.clip(np.median(distances) if len(distances) else default, *STEPS))


def parts(stamps: Times, step: float, other: Times) -> Numbers:
    """Number of the part of each packet (N,), from 0, from stamps in the order of storage, NaN where missing.

    step: typical distance between pictures. other: stamps of another stream; a gap that it fills is no joint.
    """
    back, jump = max(BACK, REORDERED * step), max(JUMP, REORDERED * step)
    numbers = np.zeros(len(stamps), np.int64)
    other = np.sort(other[np.isfinite(other)])
    other_step = typical_step(other, 0.0)
    highest, number = np.nan, 0
    for i, stamp in enumerate(stamps):
        if stamp < highest - back or (stamp > highest + jump and not _fills(other, other_step, highest, stamp)):
            number, highest = number + 1, stamp
        numbers[i] = number
        highest = np.fmax(highest, stamp)
    return numbers


def jumps(ascending: Times, step: float, other: Times) -> Numbers:
    """Where ascending stamps are followed by a gap that is no pause, since no other stream fills it: their numbers."""
    other = np.sort(other[np.isfinite(other)])
    other_step = typical_step(other, 0.0)
    wide = np.flatnonzero(np.diff(ascending) > max(JUMP, REORDERED * step))
    empty = [i for i in wide.tolist() if not _fills(other, other_step, ascending[i], ascending[i + 1])]
    return np.array(empty, np.int64)


def show_times(stamps: Times, numbers: Numbers, step: float, other: Times) -> tuple[Times, dict[int, float]]:
    """When pictures are shown (N,), in seconds after the first, and for each part what was added to its stamps.

    stamps: (N,) in the order of showing, NaN where missing. Within a part, they are put in ascending order: that also
    gives the pictures their times where the file knows the order of decoding alone. Jumps that are left, of stamps of
    showing that are damaged, become one step. other: stamps of another stream.
    """
    times = np.zeros(len(stamps))
    offsets: dict[int, float] = {}
    begin = 0.0
    for number in np.unique(numbers):
        own = _complete(stamps[numbers == number], step)
        for i in jumps(own, step, other)[::-1].tolist():
            own[i + 1 :] -= own[i + 1] - own[i] - step
        offsets[int(number)] = begin - own[0]
        times[numbers == number] = own - own[0] + begin
        begin += own[-1] - own[0] + typical_step(own, step)
    return times, offsets


def _fills(other: Times, other_step: float, low: float, high: float) -> bool:
    """Whether packets of another stream last for at least half of a gap."""
    inside = np.searchsorted(other, high) - np.searchsorted(other, low)
    return bool(inside * other_step >= (high - low) / 2)


def _complete(stamps: Times, step: float) -> Times:
    """Stamps in ascending order; missing and repeated ones lie between their neighbours, or a step after the last."""
    places = np.arange(len(stamps))
    known = places[np.isfinite(stamps)]
    if not len(known):
        return np.arange(len(stamps), dtype=np.float64) * step
    values = np.sort(stamps[known])
    new = np.diff(values, prepend=-np.inf) > 0
    known, values = known[new], values[new]
    beyond = np.minimum(places - known[0], 0) + np.maximum(places - known[-1], 0)
    return np.asarray(np.interp(places, known, values) + step * beyond, np.float64)
