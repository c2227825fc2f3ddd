"""Converting audio for a network: to one channel at the network's own sample rate."""

import numpy as np


def mono_at(wave: np.ndarray, sample_rate: int, target_rate: int) -> np.ndarray:
    """Samples (S',) float32 at `target_rate` Hz of a wave (S,) or (C,S) in [-1,1]; channels are averaged.

    S' = ceil(S * target_rate / sample_rate) exactly. soxr resamples at its high quality, which keeps frequencies below
    0.91 of half the lower rate. Raises ValueError for an empty wave, integers, NaN or infinity, a shape like (S,C), or
    a sample rate that is not a positive integer.
    """
    wave = np.asarray(wave)
    if sample_rate != int(sample_rate) or sample_rate <= 0:
        raise ValueError(f"sample rate {sample_rate}; give a positive whole number of Hz")
    if wave.ndim not in (1, 2) or wave.size == 0:
        raise ValueError(f"the wave has shape {wave.shape}; give samples as (S,) or (channels, S)")
    if wave.ndim == 2 and wave.shape[0] > wave.shape[1]:
        raise ValueError(f"the wave has shape {wave.shape}, more channels than samples; give (channels, S): transpose")
    if not np.issubdtype(wave.dtype, np.floating):
        raise ValueError(f"the wave holds {wave.dtype}; give floats in [-1,1] (16-bit samples divided by 32768)")
    if not np.isfinite(wave).all():
        raise ValueError(f"the wave holds {np.count_nonzero(~np.isfinite(wave))} samples that are NaN or infinite")
    wave = (wave.mean(axis=0) if wave.ndim == 2 else wave).astype(np.float32)
    sample_rate, target_rate = int(sample_rate), int(target_rate)
    if sample_rate == target_rate:
        return wave
    import librosa  # here, since importing it takes a second and a wave at the right rate does not need it

    # librosa computes the length from a float ratio, which makes 240,001 samples of some five-second clips.
    length = -(-len(wave) * target_rate // sample_rate)
    resampled = librosa.resample(wave, orig_sr=sample_rate, target_sr=target_rate, res_type="soxr_hq")
    return np.asarray(librosa.util.fix_length(resampled, size=length))
