"""Embed clips by one audio network and print time and memory: python -m benchmarks.embed_clips NETWORK CLIPS SIZE.

The network has random weights. SIZE is `published` or `small`. PyTorch has its default number of threads, as in the
stage evaluate.
"""

import json
import sys
import time

import numpy as np
import torch

from pace.clip import CLIP_SECONDS, SAMPLE_RATE
from pace.evaluation.embedders import clap, cnn14, vggish

NETWORKS = ("vggish", "cnn14", "clap")
PUBLISHED = {"vggish": (5, 128), "cnn14": (1, 2048), "clap": (1, 512)}  # embeddings of five seconds, their size
SIZES = ("published", "small")
# laion/larger_clap_music and music_audioset_epoch_15_esc_90.14.pt: HTSAT base
HTSAT = {"patch_embeds_hidden_size": 128, "depths": [2, 2, 12, 2], "num_attention_heads": [4, 8, 16, 32],
         "hidden_size": 1024}  # fmt: skip
SMALL_HTSAT = {"patch_embeds_hidden_size": 8, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4],
               "hidden_size": 64}  # fmt: skip


def build(name: str, size: str) -> torch.nn.Module:
    """An audio network with random weights, ready to embed. Raises ValueError for an unknown name or size."""
    if name not in NETWORKS or size not in SIZES:
        raise ValueError(f"{name} {size}: give one of {', '.join(NETWORKS)} and one of {', '.join(SIZES)}")
    small = size == "small"
    torch.manual_seed(0)
    if name == "clap":
        from transformers import ClapAudioConfig, ClapAudioModelWithProjection

        network = clap.Clap(ClapAudioModelWithProjection(ClapAudioConfig(**(SMALL_HTSAT if small else HTSAT))))
    else:
        network_class = {"vggish": vggish.VGGish, "cnn14": cnn14.Cnn14}[name]
        network = network_class(width=1 / 16 if small else 1.0)
    return network.eval().requires_grad_(False)


def peak_kib() -> int:
    """Highest resident memory of this process so far, in KiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return int(next(line.split()[1] for line in file if line.startswith("VmHWM")))


def main() -> None:
    """Print one line of JSON: `seconds` of each clip after a first one, `peak_gb`, `parameters`, `device`, `shape`."""
    name, clips, size = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = build(name, size).to(device)
    rng, seconds, shape = np.random.default_rng(0), [], None
    for turn in range(-1, clips):
        wave = rng.uniform(-0.3, 0.3, round(CLIP_SECONDS * SAMPLE_RATE)).astype(np.float32)
        start = time.perf_counter()
        shape = network.embed(wave, SAMPLE_RATE).shape  # back on the CPU, so all of it is done
        if turn >= 0:
            seconds.append(time.perf_counter() - start)
    hardware = "GPU" if device == "cuda" else f"{torch.get_num_threads()} threads"
    count = sum(parameter.numel() for parameter in network.parameters())
    print(json.dumps({"seconds": seconds, "peak_gb": peak_kib() * 1024 / 1e9, "parameters": count, "device": hardware,
                      "shape": shape}))  # fmt: skip


if __name__ == "__main__":
    main()
