"""A video with other sound: its pictures are copied where possible, else encoded anew, and checked in the result."""

from pathlib import Path

import numpy as np

from pace.media.copying import CannotCopyError, copy
from pace.media.encoding import encode, encoded_size
from pace.media.shown import DifferenceError, pictures, require_same
from pace.media.streams import MediaError


def add_music(video: Path | str, audio: np.ndarray, sample_rate: int, out: Path) -> str | None:
    """Write the video's pictures with audio (S,) float32 mono, sample 0 at the first picture, to an mp4 or mov file.

    The result is read again: every picture must be there at its time, and sound of the same length. Returns why the
    video was encoded anew, None where its stream was copied. Raises MediaError for an unreadable video, and where the
    result is not what it should be.
    """
    shown = pictures(video)
    try:
        copy(video, shown, audio, sample_rate, out)
        require_same(out, shown, shown.size, copied=True)
        return None
    except CannotCopyError as error:
        reason = str(error)
    except DifferenceError as error:
        reason = f"a copy would show {error}"
    except MediaError:
        reason = "a copy of its stream could not be read"
    encode(video, shown, audio, sample_rate, out)
    try:
        require_same(out, shown, encoded_size(shown), copied=False)
    except (DifferenceError, MediaError) as error:
        raise MediaError(f"{video}: encoded anew it would show {error}; convert it to H.264 in an mp4 file") from error
    return f"{reason}; its {shown.bits} bits per colour became 8" if shown.bits > 8 else reason
