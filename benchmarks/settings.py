"""The generator's and the autoencoder's sections of params.yaml, at the default values or a preset's.

A machine with a GPU may have no YAML reader, so `settings.json` holds the sizes that `benchmarks.gpu` needs. A test
compares it with the presets; `python -m benchmarks.settings` writes it anew.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from pace import size
from pace.autoencoder.vae import VaeParams
from pace.autoencoder_training.vae_trainer import TrainVaeParams
from pace.conditioning.hsf_encoder import EncoderParams
from pace.diffusion.generator import DataShape
from pace.diffusion.unet import UNetParams
from pace.diffusion_training.params import DiffusionParams
from pace.pipeline import params
from pace.pipeline.closure import ROOT
from pace.sampling.sampling import SampleParams
from pace.setup import presets

STORED = Path(__file__).with_name("settings.json")
PRESETS = ("paper", "tiny")  # those that `settings.json` holds
SECTIONS = {
    "encoder": EncoderParams,
    "unet": UNetParams,
    "vae": VaeParams,
    "train_vae": TrainVaeParams,
    "train_diffusion": DiffusionParams,
    "sample": SampleParams,
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sections of params.yaml, and the shape, which the data decides in a real training."""

    encoder: EncoderParams
    unet: UNetParams
    vae: VaeParams
    train_vae: TrainVaeParams
    training: DiffusionParams
    sample: SampleParams
    shape: DataShape


def read(preset: str = "") -> Settings:
    """The values of params.yaml, or of a preset where it has others."""
    content = _content(preset)
    return _settings(content, size.shape(content))


def stored(preset: str) -> Settings:
    """The values of a preset as `settings.json` holds them. Needs no YAML reader."""
    content = json.loads(STORED.read_text(encoding="utf-8"))[preset]
    return _settings(content, params.section(content, "shape", DataShape))


def stored_text() -> str:
    """What `settings.json` must hold."""
    content = {}
    for preset in PRESETS:
        full = _content(preset)
        content[preset] = {name: full[name] for name in SECTIONS} | {"shape": dataclasses.asdict(size.shape(full))}
    return json.dumps(content, indent=1) + "\n"


def _content(preset: str) -> dict[str, Any]:
    file = ROOT / "params.yaml"
    return presets.with_preset(ROOT / f"presets/{preset}.yaml", file) if preset else params.read(file)


def _settings(content: dict[str, Any], shape: DataShape) -> Settings:
    sections = [params.section(content, name, cls) for name, cls in SECTIONS.items()]
    return Settings(*sections, shape)


if __name__ == "__main__":
    STORED.write_text(stored_text(), encoding="utf-8")
    print(f"written to {STORED}")
