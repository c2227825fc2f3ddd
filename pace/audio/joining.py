"""Music of any length from five-second clips: where each clip starts, and how neighbours are joined."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pace.clip import CLIP_SECONDS, SAMPLE_RATE

FADE_SECONDS = 0.05  # cross-fade where two clips meet


def clip_starts(duration: float) -> list[float]:
    """Start times in seconds of the clips that cover `duration` seconds, end to end.

    The last clip is shifted back so that it ends with the music.
    """
    count = max(1, int(np.ceil(round(duration / CLIP_SECONDS, 3))))
    return [max(0.0, min(i * CLIP_SECONDS, duration - CLIP_SECONDS)) for i in range(count)]


def join(
    clips: npt.NDArray[Any], starts: list[float], duration: float, sample_rate: int = SAMPLE_RATE
) -> npt.NDArray[Any]:
    """Join clips (n, samples) that start at `starts` seconds; returns (round(duration * sample_rate),) float32.

    Where two clips overlap, the later one fades in over the earlier one within FADE_SECONDS. A clip that starts
    exactly where the earlier one ends fades in by itself, which avoids a click.
    """
    out = np.zeros(round(duration * sample_rate), np.float32)
    fade = round(FADE_SECONDS * sample_rate)
    end = 0
    for clip, start in zip(clips, starts, strict=True):
        first = round(start * sample_rate)
        skip = max(0, end - first - fade)  # an overlap longer than the fade keeps the earlier clip's music
        piece, first = clip[skip : skip + len(out) - first - skip].copy(), first + skip
        if end:
            rising = np.linspace(0, 1, fade, dtype=np.float32)
            piece[:fade] *= rising
            out[first : first + fade] *= 1 - rising
        out[first : first + len(piece)] += piece
        end = first + len(piece)
    return out
