"""A weight-free embedding for the Fréchet audio distance: 38 measured properties of each second of sound.

The names in `NAMES` say what each number measures. No network or file is needed. Each number is divided by a fixed
constant: its standard deviation over the 800 seconds of training music of the default synthetic dataset, rounded. The
constants are not computed from the reference set, so the distance stays symmetric and means the same in every table.

A distance of 1 is one standard deviation in one property. It cannot be compared with distances of VGGish, PANNs or
CLAP embeddings.
"""

import functools

import numpy as np

from pace.clip import SAMPLE_RATE
from pace.media.resampling import mono_at

SECOND = SAMPLE_RATE  # samples per row
N_FFT, HOP = 1024, 256  # 46 ms, 11.6 ms
BANDS, LOW, HIGH = 12, 40.0, 11025.0  # mel bands, Hz
FLOOR = 1e-8  # mean square of a frame: -80 dB of full scale; everything below counts as silence
MODULATIONS = ((0.5, 3), (3, 6), (6, 12), (12, 24))  # Hz
PITCHED = (60.0, 5000.0)  # Hz: the range that the pitch classes cover

# name -> (how many numbers, the constant that they are divided by)
_GROUPS = {
    "level": (BANDS, 6.0),  # mean level of a mel band in dB of full scale
    "variation": (BANDS, 4.0),  # standard deviation of that level over the frames, in dB
    "flux": (1, 0.3),  # mean rise of the bands from frame to frame in dB
    "flux_peak": (1, 2.5),  # the 95th percentile of that rise
    "onsets": (1, 1.0),  # frames whose rise is the largest within 50 ms and exceeds the mean by 3 dB
    "modulation": (len(MODULATIONS), 0.4),  # log10 of the power of the rise in each modulation band
    "flatness": (1, 4.0),  # geometric over arithmetic mean of the power spectrum, in dB, averaged over the frames
    "flatness_variation": (1, 3.0),
    "centroid": (1, 1.0),  # octaves above 1 kHz
    "centroid_variation": (1, 0.5),
    "pitch_focus": (1, 0.1),  # share of the power in the three strongest of the twelve pitch classes
    "pitch_change": (1, 0.03),  # half the L1 distance between the pitch classes of successive frames
    "crest": (1, 1.5),  # peak over RMS in dB
}
NAMES = tuple(f"{name}_{i}" if count > 1 else name for name, (count, _) in _GROUPS.items() for i in range(count))
SCALES = np.array([scale for count, scale in _GROUPS.values() for _ in range(count)])


def embed(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute the descriptors (n,38) float64 of a wave, (S,) or (C,S) in [-1,1]: one row per whole second.

    A wave shorter than a second is padded with silence; otherwise an incomplete last second is dropped. The level of
    silence is -80 dB. Raises ValueError for an empty wave, integers, NaN or infinity.
    """
    samples = mono_at(wave, sample_rate, SAMPLE_RATE).astype(np.float64)
    count = max(1, len(samples) // SECOND)
    samples = np.pad(samples, (0, max(0, SECOND - len(samples))))[: count * SECOND]
    described: np.ndarray = np.stack([_describe(second) for second in samples.reshape(count, SECOND)]) / SCALES
    return described


def _describe(wave: np.ndarray) -> np.ndarray:
    """The unscaled descriptors of one second (22050,), in the order of NAMES."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, N_FFT)[::HOP]
    window, bands, classes = _matrices()
    power = np.abs(np.fft.rfft(frames * window)) ** 2  # a full-scale sine: sum 0.5
    decibels = 10 * np.log10(power @ bands + FLOOR)
    rise = np.maximum(np.diff(decibels, axis=0), 0).mean(axis=1)
    level = 10 * np.log10(power + FLOOR / N_FFT)
    flatness = level.mean(axis=1) - 10 * np.log10(power.mean(axis=1) + FLOOR / N_FFT)
    hertz = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    # The floor gives silence a centroid of 1 kHz and equal pitch classes.
    centroid = np.log2((power @ hertz + FLOOR * 1000) / (power.sum(axis=1) + FLOOR) / 1000 + 1e-3)
    pitches = power @ classes + FLOOR / 12
    pitches /= pitches.sum(axis=1, keepdims=True)
    peak, mean_square = np.abs(wave).max(), (wave**2).mean()
    return np.concatenate(
        [
            decibels.mean(axis=0),
            decibels.std(axis=0),
            [rise.mean(), np.percentile(rise, 95), _onsets(rise)],
            _modulation(rise),
            [flatness.mean(), flatness.std(), centroid.mean(), centroid.std()],
            [np.sort(pitches.mean(axis=0))[-3:].sum(), 0.5 * np.abs(np.diff(pitches, axis=0)).sum(axis=1).mean()],
            [10 * np.log10((peak**2 + FLOOR) / (mean_square + FLOOR))],
        ]
    )


def _onsets(rise: np.ndarray) -> int:
    """Count the frames whose rise is the largest within four frames on either side and exceeds the mean by 3 dB."""
    padded = np.pad(rise, 4, constant_values=-1.0)
    highest = np.lib.stride_tricks.sliding_window_view(padded, 9).max(axis=1)
    return int(np.count_nonzero((rise == highest) & (rise > rise.mean() + 3)))


def _modulation(rise: np.ndarray) -> np.ndarray:
    """Compute log10 of the power of the rise (dB^2) plus 0.001 in each band of modulation frequencies: (4,)."""
    spectrum = np.abs(np.fft.rfft((rise - rise.mean()) * np.hanning(len(rise)), 256)) ** 2 / len(rise)
    hertz = np.fft.rfftfreq(256, HOP / SAMPLE_RATE)
    return np.log10([spectrum[(hertz >= low) & (hertz < high)].mean() + 1e-3 for low, high in MODULATIONS])


@functools.cache
def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Window (1024,), mel bands (513,12) and pitch classes (513,12), scaled so that power sums to the mean square."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
    window *= np.sqrt(2 / (N_FFT * (window**2).sum()))
    hertz = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    low, high = np.log1p(np.array([LOW, HIGH]) / 700)
    corners = 700 * (np.exp(np.linspace(low, high, BANDS + 1)) - 1)
    bands = (hertz[:, None] >= corners[:-1]) & (hertz[:, None] < corners[1:])
    pitched = (hertz >= PITCHED[0]) & (hertz < PITCHED[1])
    pitch_class = np.round(12 * np.log2(np.maximum(hertz, 1) / 440)).astype(int) % 12
    classes = (pitch_class[:, None] == np.arange(12)) & pitched[:, None]
    return window, bands.astype(np.float64), classes.astype(np.float64)
