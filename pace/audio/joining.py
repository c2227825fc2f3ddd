"""Music of any length as clips of five seconds: where they start, and how their music is laid together."""

import numpy as np

from pace.clip import CLIP_SECONDS, SAMPLE_RATE

FADE_SECONDS = 0.05  # cross-fade where two clips meet


def clip_starts(duration: float) -> list[float]:
    """Starts in seconds of the clips that cover `duration`: one after the other, the last shifted back to the end."""
    count = max(1, int(np.ceil(round(duration / CLIP_SECONDS, 3))))
    return [max(0.0, min(i * CLIP_SECONDS, duration - CLIP_SECONDS)) for i in range(count)]


def join(clips: np.ndarray, starts: list[float], duration: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Lay clips (n, samples) at their starts in seconds; a later clip fades in over an earlier one where they overlap.

    A clip that starts where the one before ends is faded in alone, over FADE_SECONDS, against a click.
    Returns (round(duration * sample_rate),) float32.
    """
    out = np.zeros(round(duration * sample_rate), np.float32)
    fade = round(FADE_SECONDS * sample_rate)
    end = 0
    for clip, start in zip(clips, starts, strict=True):
        first = round(start * sample_rate)
        skip = max(0, end - first - fade)  # an overlap longer than the fade keeps the earlier clip's music
        clip, first = clip[skip : skip + len(out) - first - skip].copy(), first + skip
        if end:
            rising = np.linspace(0, 1, fade, dtype=np.float32)
            clip[:fade] *= rising
            out[first : first + fade] *= 1 - rising
        out[first : first + len(clip)] += clip
        end = first + len(clip)
    return out
