"""CLAP's audio branch: one embedding of 512 numbers and length one per clip, for the Fréchet audio distance (FACTS 9).

The network is the class of transformers, an optional dependency. Its weights come from a local transformers folder or
from one of LAION's .pt files.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pace import weights
from pace.evaluation.embedders.logmel import LogMel, Spectrogram
from pace.media.resampling import mono_at

if TYPE_CHECKING:
    from transformers import ClapAudioConfig

SAMPLE_RATE = 48000
HOP = 480
WINDOW = 480000  # samples: the network's input is ten seconds
_REMEDY = (
    "give a folder with config.json and model.safetensors (laion/larger_clap_music, laion/clap-htsat-unfused) or a "
    "LAION .pt without fusion (music_audioset_epoch_15_esc_90.14.pt, 630k-audioset-best.pt)"
)
# In both layouts, next to the audio branch: the text branch and what only training uses.
_ASIDE = re.compile(r"(text_(branch|model|projection|transform)|audio_transform)\.|logit_scale_[at]$")
# In LAION's audio branch, unused here: AudioSet's classifier, and the attention masks, which follow from the sizes.
_UNUSED = re.compile(r"audio_branch\.((tscam_conv|head)\.|layers\.\d+\.blocks\.\d+\.attn_mask$)")
_FRONT_END = re.compile(r"audio_branch\.((spectrogram|logmel)_extractor\..*)")
_FUSION = "patch_embed.mel_conv2d.weight"
_BLOCK_NAMES = {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn": "attention.self",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}


class Clap(nn.Module):
    """CLAP's front end, audio network and projection.

    network: a transformers.ClapAudioModelWithProjection without feature fusion.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.spectrogram_extractor = Spectrogram(HOP)
        self.logmel_extractor = LogMel(SAMPLE_RATE)
        self.network = network

    def forward(self, waves: Tensor) -> Tensor:
        """Waves (B,480000) at 48 kHz -> embeddings (B,512) of length one."""
        features = self.logmel_extractor(self.spectrogram_extractor(waves))[:, None]  # (B,1,1001,64)
        return F.normalize(self.network(input_features=features).audio_embeds, dim=-1)

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed a whole wave, (S,) or (C,S) in [-1,1], as (1,512) float32 of length one.

        As LAION does, a clip of up to ten seconds is repeated as often as it fits into ten, then padded with silence.
        From a longer clip LAION takes ten seconds at random. Here the embedding is the mean over adjacent windows of
        ten seconds, the last of which ends with the clip.
        """
        samples = quantised(mono_at(wave, sample_rate, SAMPLE_RATE))
        device = self.logmel_extractor.melW.device
        each = torch.cat([self(torch.from_numpy(window)[None].to(device)) for window in windows(samples)])
        embedding: np.ndarray = F.normalize(each.mean(dim=0, keepdim=True), dim=-1).cpu().numpy()
        return embedding


def quantised(wave: np.ndarray) -> np.ndarray:
    """Clip a wave (S,) to [-1,1] and truncate it to 16 bits, towards zero, as in the training of LAION's networks."""
    truncated: np.ndarray = np.trunc(np.clip(wave, -1, 1) * np.float32(32767)) / 32767.0
    return truncated.astype(np.float32)


def windows(wave: np.ndarray) -> list[np.ndarray]:
    """Cut a wave (S,) at 48 kHz into windows (480000,); a shorter one is repeated whole, then padded with zeros."""
    if len(wave) <= WINDOW:
        repeated = np.tile(wave, WINDOW // len(wave))
        return [np.pad(repeated, (0, WINDOW - len(repeated)))]
    starts = [*range(0, len(wave) - WINDOW, WINDOW), len(wave) - WINDOW]
    return [wave[start : start + WINDOW] for start in starts]


def load(path: Path | str) -> Clap:
    """Load CLAP's audio branch from a transformers folder or a LAION .pt file; nothing is downloaded.

    The file decides the sizes (HTSAT tiny or base), and a .pt file also provides the front end's tensors.
    Raises WeightsError for any other or an incomplete file, and for a network with feature fusion, whose front end
    differs. Raises ImportError without transformers.
    """
    _require_transformers()
    path = Path(path)
    model = _load_folder(path) if path.is_dir() else _load_laion(path)
    return model.eval().requires_grad_(False)


def from_laion(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename LAION's audio tensors to transformers' names and split the attention into query, key and value."""
    out = {}
    for key, tensor in state.items():
        name = key.replace("audio_projection.0.", "audio_projection.linear1.")
        name = name.replace("audio_projection.2.", "audio_projection.linear2.")
        name = name.replace("audio_branch.bn0.", "audio_model.audio_encoder.batch_norm.")
        name = name.replace("audio_branch.", "audio_model.audio_encoder.")
        block = re.fullmatch(r"(.*\.layers\.\d+\.blocks\.\d+)\.(.+)\.(\w+)", name)
        if block is None:
            out[name] = tensor
        elif block[2] == "attn.qkv":
            for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                out[f"{block[1]}.attention.self.{part}.{block[3]}"] = third
        else:
            out[f"{block[1]}.{_BLOCK_NAMES.get(block[2], block[2])}.{block[3]}"] = tensor
    return out


def sizes(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read the sizes of LAION's audio branch from its tensors, as arguments of transformers.ClapAudioConfig.

    Raises KeyError, with the key, when a tensor that they are read from is missing.
    """
    blocks = {tuple(map(int, m.groups())) for key in state if (m := re.search(r"layers\.(\d+)\.blocks\.(\d+)\.", key))}
    if not blocks:
        raise KeyError("audio_branch.layers")
    depths = [sum(stage == i for stage, _ in blocks) for i in range(1 + max(stage for stage, _ in blocks))]
    tables = [state[f"audio_branch.layers.{i}.blocks.0.attn.relative_position_bias_table"] for i in range(len(depths))]
    width, _, patch, _ = state["audio_branch.patch_embed.proj.weight"].shape
    hidden, inputs = state["audio_branch.layers.0.blocks.0.mlp.fc1.weight"].shape
    joint, features = state["audio_projection.0.weight"].shape
    return {
        "patch_embeds_hidden_size": width,
        "patch_size": patch,
        "depths": depths,
        "num_attention_heads": [table.shape[1] for table in tables],
        "window_size": (math.isqrt(len(tables[0])) + 1) // 2,
        "mlp_ratio": hidden / inputs,
        "hidden_size": features,
        "projection_dim": joint,
    }


def _load_folder(path: Path) -> Clap:
    from transformers import ClapAudioConfig

    files = [path / name for name in ("model.safetensors", "pytorch_model.bin") if (path / name).is_file()]
    if not files or not (path / "config.json").is_file():
        raise weights.WeightsError(f"{path}: no config.json with model.safetensors or pytorch_model.bin; {_REMEDY}")
    try:
        config = ClapAudioConfig.from_pretrained(path, local_files_only=True)
    except Exception as error:  # broken JSON and wrong values raise exceptions of many types
        raise weights.WeightsError(f"{path}/config.json: not a configuration of CLAP ({error}); {_REMEDY}") from None
    state = weights.read(files[0], _REMEDY, numpy_values=True)
    audio = {key: tensor for key, tensor in state.items() if not _ASIDE.match(key)}
    if config.enable_fusion:
        _refuse_fusion(files[0])
    return Clap(_network(config, audio, files[0]))


def _load_laion(path: Path) -> Clap:
    from transformers import ClapAudioConfig

    state = weights.read(path, _REMEDY, sections=("state_dict",), numpy_values=True)
    state = {key: tensor for key, tensor in state.items() if not _ASIDE.match(key) and not _UNUSED.match(key)}
    if f"audio_branch.{_FUSION}" in state:
        _refuse_fusion(path)
    try:
        config = ClapAudioConfig(**sizes(state))
    except KeyError as error:
        raise weights.WeightsError(
            f"{path}: not CLAP with an HTSAT audio branch: no {error.args[0]}; {_REMEDY}"
        ) from None
    front_end = {m[1]: tensor for key, tensor in state.items() if (m := _FRONT_END.fullmatch(key))}
    network = {key: tensor for key, tensor in state.items() if not _FRONT_END.fullmatch(key)}
    model = Clap(_network(config, from_laion(network), path))
    for name in ("spectrogram_extractor", "logmel_extractor"):
        part = {k.removeprefix(f"{name}."): tensor for k, tensor in front_end.items() if k.startswith(f"{name}.")}
        weights.load_strict(model.get_submodule(name), part, path, f"CLAP's {name}", _REMEDY)
    return model


def _network(config: "ClapAudioConfig", state: Mapping[str, Tensor], path: Path) -> nn.Module:
    from transformers import ClapAudioModelWithProjection

    with torch.device("meta"):
        network = ClapAudioModelWithProjection(config)
    weights.load_strict(network, state, path, "CLAP's audio branch", _REMEDY, may_lack=("num_batches_tracked",))
    return network


def _refuse_fusion(path: Path) -> None:
    raise weights.WeightsError(f"{path}: a CLAP network with feature fusion, whose front end differs; {_REMEDY}")


def _require_transformers() -> None:
    try:
        import transformers  # noqa: F401
    except ImportError as error:
        raise ImportError("CLAP needs transformers: pip install -r requirements-clap.txt") from error
