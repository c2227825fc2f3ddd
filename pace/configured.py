"""Sizes of the networks that the content of params.yaml describes, before any data or weights are there."""

import torch

from pace.generation.conditions import CLIP_SECONDS
from pace.generation.encoder import EncoderParams
from pace.generation.sampling import SampleParams, Shape
from pace.generation.training import DiffusionParams
from pace.generation.unet import UNetParams
from pace.generation.vae import VaeParams
from pace.media import DecodeParams
from pace.params import section
from pace.size import Sizes, measure
from pace.visual.features import VisualParams
from pace.visual.i3d import I3D
from pace.visual.pretraining import PretrainVisualParams

STAND_IN = "models/pretrain/visual.safetensors"  # the I3D of section `pretrain_visual`


def shape(content: dict) -> Shape:
    """What the data will decide of the networks.

    The width of the visual condition is that of the stand-in where `visual.weights` names it, else of the published
    I3D. Raises ParamsError.
    """
    visual = section(content, "visual", VisualParams)
    stand_in = section(content, "pretrain_visual", PretrainVisualParams)
    with torch.device("meta"):
        width = I3D(stand_in.width if visual.weights == STAND_IN else 1.0).dim
    fps = section(content, "decode", DecodeParams).fps
    return Shape(section(content, "vae", VaeParams).latent_channels, width, round(CLIP_SECONDS * fps), fps)


def sizes(content: dict) -> Sizes:
    """Sizes of all networks. Raises ParamsError, or ValueError for parameters that do not go together."""
    return measure(
        section(content, "encoder", EncoderParams),
        section(content, "unet", UNetParams),
        section(content, "vae", VaeParams),
        section(content, "train_diffusion", DiffusionParams),
        section(content, "sample", SampleParams),
        shape(content),
    )
