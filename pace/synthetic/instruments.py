"""One-shot drums and notes of the synthetic music, each synthesised from a few parameters.

A drum is a sum of layers (a struck membrane, filtered noise, ringing metal). A note reads two single-cycle waveforms: a
dark one, and a bright one that decays faster, as in strings and filtered synthesisers.
All samples are cached, so callers must not write to them.
"""

import dataclasses
import functools
import zlib

import numpy as np
from scipy import signal

VARIANTS = 4  # variants of each drum: higher or lower in pitch, longer or shorter
TABLE = 2048  # samples of a single-cycle waveform


@dataclasses.dataclass(frozen=True)
class Tone:
    """A membrane: a sine that falls from `sweep` times `hz` to `hz` in about `sweep_s` s, and decays in `decay` s."""

    hz: float
    decay: float
    level: float = 1.0
    sweep: float = 1.0
    sweep_s: float = 0.02

    def samples(self, t: np.ndarray, pitch: float, rng: np.random.Generator) -> np.ndarray:
        """Compute the layer at times `t` (S,) in seconds; `pitch` is a factor on its frequencies."""
        rate = 1 / (t[1] - t[0])
        hz = self.hz * pitch * (1 + (self.sweep - 1) * np.exp(-t / self.sweep_s))
        wave: np.ndarray = np.sin(2 * np.pi * np.cumsum(hz) / rate) * np.exp(-t / self.decay)
        return wave


@dataclasses.dataclass(frozen=True)
class Noise:
    """Noise between `low` and `high` Hz. Several `bursts`, 9 ms apart, make a clap; a long `attack` makes a brush."""

    low: float
    high: float
    decay: float
    level: float = 1.0
    attack: float = 0.0005
    bursts: int = 1

    def samples(self, t: np.ndarray, pitch: float, rng: np.random.Generator) -> np.ndarray:
        """Compute the layer at times `t` (S,) in seconds; `pitch` is a factor on its frequencies."""
        rate = 1 / (t[1] - t[0])
        noise = _band(rng.standard_normal(len(t)), self.low * pitch, self.high * pitch, rate)
        envelope = np.zeros_like(t)
        for burst in range(self.bursts):
            since = t - 0.009 * burst
            decay = self.decay if burst == self.bursts - 1 else 0.005
            shape = np.minimum(since / self.attack, 1) * np.exp(-since / decay)
            envelope = np.maximum(envelope, np.where(since >= 0, shape, 0))
        wave: np.ndarray = noise / (np.std(noise) * 3) * envelope
        return wave


@dataclasses.dataclass(frozen=True)
class Metal:
    """Inharmonic square waves, high-passed at `low` Hz: cymbals, bells and cowbells."""

    hz: tuple[float, ...]
    low: float
    decay: float
    level: float = 1.0

    def samples(self, t: np.ndarray, pitch: float, rng: np.random.Generator) -> np.ndarray:
        """Compute the layer at times `t` (S,) in seconds; `pitch` is a factor on its frequencies."""
        rate = 1 / (t[1] - t[0])
        squares = sum(np.sign(np.sin(2 * np.pi * (hz * pitch * t + rng.random()))) for hz in self.hz)
        rings = _band(np.asarray(squares), self.low, rate / 2, rate)
        wave: np.ndarray = rings / (np.std(rings) * 3) * np.exp(-t / self.decay)
        return wave


CYMBAL = (2050.0, 3069.0, 3659.0, 4121.0, 5233.0, 6817.0)
DRUMS: dict[str, tuple[Tone | Noise | Metal, ...]] = {
    "kick": (Tone(52, 0.12, 0.8, 4.5, 0.025), Noise(200, 9000, 0.014, 0.9)),
    "kick_long": (Tone(47, 0.28, 0.8, 5.0, 0.02), Noise(300, 9000, 0.012, 0.8)),
    "kick_soft": (Tone(62, 0.09, 0.8, 2.0, 0.02), Noise(150, 6000, 0.012, 0.3)),
    "stomp": (Tone(58, 0.2, 0.8, 3.0, 0.03), Noise(80, 5000, 0.06, 0.7), Noise(400, 9500, 0.02, 0.5)),
    "snare": (Tone(190, 0.06, 0.5, 1.5), Tone(330, 0.04, 0.3), Noise(500, 10000, 0.075, 1.0)),
    "snare_dry": (Tone(230, 0.05, 0.6, 1.4), Noise(700, 9500, 0.05, 1.0)),
    "snare_big": (Tone(165, 0.1, 0.6, 1.6), Noise(350, 10000, 0.16, 1.0)),
    "clap": (Noise(700, 8000, 0.09, 1.0, bursts=3),),
    "snap": (Noise(1300, 6500, 0.025, 1.0, bursts=2), Tone(1900, 0.012, 0.4)),
    "rim": (Tone(1720, 0.012, 0.7), Tone(480, 0.015, 0.6), Noise(900, 9000, 0.006, 0.5)),
    "brush": (Noise(700, 9500, 0.07, 0.8, attack=0.012), Tone(200, 0.05, 0.12)),
    "hat": (Noise(7500, 10500, 0.022, 0.8), Metal(CYMBAL, 7500, 0.03, 0.4)),
    "hat_open": (Noise(6800, 10500, 0.16, 0.7), Metal(CYMBAL, 7000, 0.18, 0.5)),
    "hat_foot": (Noise(5500, 10000, 0.03, 0.8, attack=0.004),),
    "ride": (Metal((*CYMBAL, 1480.0), 3500, 0.35, 0.7), Noise(2500, 10000, 0.012, 0.6)),
    "crash": (Noise(2500, 10500, 0.6, 0.8), Metal(CYMBAL, 4000, 0.7, 0.5)),
    "shaker": (Noise(6500, 10500, 0.03, 0.8, attack=0.018),),
    "tambourine": (Metal((5200.0, 6700.0, 7900.0, 8800.0), 4500, 0.07, 0.8), Noise(4000, 10000, 0.04, 0.6)),
    "cowbell": (Metal((562.0, 845.0), 500, 0.07, 0.9),),
    "conga_low": (Tone(196, 0.10, 1.0, 1.25, 0.01), Noise(300, 3500, 0.006, 0.3)),
    "conga_high": (Tone(294, 0.07, 1.0, 1.25, 0.01), Noise(400, 4500, 0.006, 0.4)),
    "tom_low": (Tone(92, 0.18, 1.0, 1.7, 0.04), Noise(200, 6000, 0.02, 0.4)),
    "tom_high": (Tone(150, 0.14, 1.0, 1.7, 0.04), Noise(250, 7000, 0.02, 0.4)),
    "scratch": (Noise(900, 4200, 0.05, 0.9, attack=0.03), Tone(520, 0.05, 0.5, 2.8, 0.04)),
}


@functools.lru_cache(maxsize=256)
def drum(name: str, variant: int, sample_rate: int) -> np.ndarray:
    """Synthesise a stroke (S,) float32, peak 1, of a drum of `DRUMS`; `variant` (0 to 3) varies pitch and length."""
    layers = DRUMS[name]
    rng = np.random.default_rng((zlib.crc32(name.encode()), variant))
    pitch, length = 2 ** ((variant - 1.5) * 0.09), 1.25 ** ((variant * 2 % VARIANTS) - 1.5)
    t = np.arange(int(sample_rate * 5 * length * max(layer.decay for layer in layers))) / sample_rate
    scaled = [dataclasses.replace(layer, decay=layer.decay * length) for layer in layers]
    stroke = sum(layer.level * layer.samples(t, pitch, rng) for layer in scaled)
    return _finished(np.tanh(1.5 * stroke), sample_rate)


@dataclasses.dataclass(frozen=True)
class Timbre:
    """A pitched instrument. Harmonic h has amplitude h^-dark in the dark waveform and h^-bright in the bright one.

    attack, release, decay and bright_decay are in seconds. detune (cents) spreads three copies; vibrato is in cents;
    odd leaves out the even harmonics; thump is the level of a burst of noise at the start.
    """

    dark: float
    bright: float
    bright_level: float
    bright_decay: float
    decay: float
    attack: float = 0.003
    release: float = 0.04
    detune: float = 0.0
    odd: bool = False
    vibrato: float = 0.0
    thump: float = 0.0


TIMBRES: dict[str, Timbre] = {
    "piano": Timbre(2.0, 1.0, 0.7, 0.12, 0.7, 0.002, 0.08, 1.5, thump=0.25),
    "epiano": Timbre(2.6, 1.1, 0.35, 0.10, 0.9, 0.002, 0.08, 3.0),
    "organ": Timbre(1.2, 0.8, 0.15, 0.03, 9.0, 0.006, 0.03, 2.0, odd=True),
    "strings": Timbre(1.3, 1.0, 0.3, 0.5, 9.0, 0.06, 0.15, 9.0),
    "pad": Timbre(1.6, 1.1, 0.2, 0.4, 9.0, 0.09, 0.25, 11.0),
    "brass": Timbre(1.2, 0.7, 0.6, 0.09, 0.6, 0.012, 0.05, 5.0),
    "dark_brass": Timbre(1.3, 0.8, 0.8, 0.15, 0.8, 0.008, 0.07, 12.0),
    "stab": Timbre(1.1, 0.6, 0.9, 0.06, 0.18, 0.002, 0.03, 8.0),
    "guitar": Timbre(1.2, 0.5, 1.0, 0.025, 0.09, 0.001, 0.02),
    "pluck": Timbre(1.6, 0.8, 0.8, 0.05, 0.25, 0.001, 0.05, 3.0),
    "bell": Timbre(3.0, 1.0, 0.25, 0.05, 0.6, 0.001, 0.15, vibrato=4.0),
    "whistle": Timbre(3.0, 2.0, 0.2, 0.1, 9.0, 0.03, 0.06, vibrato=14.0),
    "square": Timbre(1.1, 0.9, 0.4, 0.06, 0.5, 0.003, 0.03, odd=True),
    "bass_finger": Timbre(2.0, 1.0, 0.5, 0.05, 0.5, 0.004, 0.03, thump=0.3),
    "bass_slap": Timbre(1.5, 0.5, 0.9, 0.03, 0.3, 0.001, 0.02, thump=0.4),
    "bass_saw": Timbre(1.4, 0.8, 0.7, 0.07, 0.6, 0.002, 0.03, 4.0),
    "bass_sub": Timbre(2.6, 1.8, 0.4, 0.04, 1.2, 0.004, 0.04),
    "bass_upright": Timbre(2.2, 1.2, 0.4, 0.03, 0.45, 0.004, 0.06, thump=0.35),
}


@functools.lru_cache(maxsize=512)
def note(name: str, midi: int, samples: int, sample_rate: int) -> np.ndarray:
    """Synthesise a note (S,) float32, peak 1, of a timbre of `TIMBRES`, held for `samples` samples, then released."""
    timbre = TIMBRES[name]
    hz = 440.0 * 2 ** ((midi - 69) / 12)
    t = np.arange(samples + int(3 * timbre.release * sample_rate)) / sample_rate
    dark = _cycle(timbre.dark, int(0.45 * sample_rate / hz), timbre.odd)
    bright = _cycle(timbre.bright, int(0.45 * sample_rate / hz), timbre.odd)
    wobble = timbre.vibrato / 1200 * np.log(2) * hz / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * t)
    fade = timbre.bright_level * np.exp(-t / timbre.bright_decay)
    wave = np.zeros_like(t)
    for copy, cents in enumerate((0.0, timbre.detune, -timbre.detune) if timbre.detune else (0.0,)):
        phase = hz * 2 ** (cents / 1200) * t + wobble + 0.31 * copy
        index = ((phase % 1) * TABLE).astype(np.int32) % TABLE
        wave += dark[index] + fade * bright[index]
    if timbre.thump:
        rng = np.random.default_rng((zlib.crc32(name.encode()), midi))
        wave += timbre.thump * _band(rng.standard_normal(len(t)), 300, 5000, sample_rate) * np.exp(-t / 0.008)
    held = samples / sample_rate
    envelope = np.minimum(t / timbre.attack, 1) * np.exp(-t / timbre.decay)
    envelope *= np.where(t < held, 1, np.exp(-(t - held) / timbre.release))
    return _finished(wave * envelope, sample_rate)


@functools.lru_cache(maxsize=512)
def _cycle(slope: float, harmonics: int, odd: bool) -> np.ndarray:
    """One period (2048,), peak 1, of a band-limited waveform whose harmonic h has amplitude h^-slope."""
    number = np.arange(1, max(harmonics, 1) + 1, 2 if odd else 1)
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    kept = number[number < TABLE // 4]
    # Schroeder phases keep the crest factor low.
    spectrum[kept] = kept.astype(float) ** -slope * np.exp(-1j * np.pi * kept**2 / len(kept))
    wave = np.fft.irfft(spectrum, TABLE)
    scaled: np.ndarray = wave / np.abs(wave).max()
    return scaled


@functools.lru_cache(maxsize=128)
def _filter(low: float, high: float, rate: int) -> np.ndarray:
    """Second-order sections of a band-pass, or of a high-pass where `high` reaches the Nyquist frequency."""
    if high >= 0.49 * rate:
        sections = signal.butter(2, low, "high", fs=rate, output="sos")
    else:
        sections = signal.butter(2, (low, high), "band", fs=rate, output="sos")
    return np.asarray(sections)


def _band(wave: np.ndarray, low: float, high: float, rate: float) -> np.ndarray:
    filtered: np.ndarray = signal.sosfilt(_filter(round(low, 3), round(high, 3), round(rate)), wave)
    return filtered


def _finished(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Scale to peak 1, fade out the last 5 ms, and convert to float32."""
    scaled: np.ndarray = wave / np.abs(wave).max()
    tail = min(len(scaled), sample_rate // 200)
    scaled[-tail:] *= np.linspace(1, 0, tail)
    return scaled.astype(np.float32)
