"""What the compiler makes of each kind of block: kernels, and bytes of those that it generates, beside eager.

It compiles one small block of each kind, on the CPU too, and counts what is left after fusion; a GPU's compiler fuses
by the same rules. Convolutions, products and attention are not generated: their bytes stay those of eager.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
import torch._inductor.config
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks import generator_networks as nets
from benchmarks.gpu.count import LIBRARY, Counter, Total, as_on_a_gpu
from benchmarks.gpu.report import Run
from pace.conditioning.hsf_encoder import HSFEncoder
from pace.diffusion.attention import SpatialTransformer
from pace.diffusion.unet_blocks import Resample, ResnetBlock
from pace.diffusion_training.step import Model
from pace.training import accelerate

NAME = "fused"
BATCH, CHANNELS, SIDE, TIME, CONTEXT = 2, 64, 32, 128, 96


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of compiled block, made small, and how to call it."""

    name: str
    make: Callable[[], nn.Module]
    call: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    is_one: Callable[[nn.Module], bool]  # whether a module of the generator is of this kind


def kinds(run: Run) -> list[Kind]:
    """The kinds of `pace.diffusion.generator.COMPILED` in the paper's generator."""
    time, context = torch.randn(BATCH, TIME).bfloat16(), torch.randn(BATCH, 1, CONTEXT).bfloat16()
    encoder = dataclasses.replace(run.config.encoder, width=CHANNELS)
    conditions = nets.draw_conditions(run.config, BATCH, torch.device("cpu"))

    def resnet(channels: int) -> Kind:
        same = channels == CHANNELS
        return Kind(
            f"residual block {'without' if same else 'with'} shortcut",
            lambda: ResnetBlock(CHANNELS, channels, TIME, 32),
            lambda block, x: block(x, time, None),
            lambda module: isinstance(module, ResnetBlock) and (module.conv_shortcut is None) == same,
        )

    def resample(up: bool) -> Kind:
        return Kind(
            f"change of resolution {'up' if up else 'down'}",
            lambda: Resample(CHANNELS, up),
            lambda block, x: block(x),
            lambda module: isinstance(module, Resample) and module.up == up,
        )

    return [
        resnet(CHANNELS),
        resnet(2 * CHANNELS),
        Kind(
            "transformer block",
            lambda: SpatialTransformer(CHANNELS, 4, 32, CONTEXT),
            lambda block, x: block(x, context),
            lambda module: isinstance(module, SpatialTransformer),
        ),
        resample(False),
        resample(True),
        Kind(
            "HSF-Encoder",
            lambda: HSFEncoder(encoder, run.config.shape.visual_width, run.config.shape.frames, run.config.shape.fps),
            lambda block, _: block(conditions).tokens,
            lambda module: isinstance(module, HSFEncoder),
        ),
    ]


def measure(run: Run) -> None:
    """Print a table of the kinds, and rows of the sum over the generator's blocks."""
    with torch.device("meta"):
        modules = [module for network in nets.networks(run.config) for module in network.modules()]
    report = run.report
    report.say("| block | blocks | eager: operations | GB | compiled: kernels | GB |")
    report.say("|---|---|---|---|---|---|")
    eager, compiled = Total(), Total()
    with as_on_a_gpu():
        forward = forward_bytes(run)
    for kind in kinds(run):
        count = sum(map(kind.is_one, modules))
        with as_on_a_gpu():
            alone, both, generated = compare(kind)
        size = forward[kind.name] / alone.bytes  # of all these blocks in the generator, in small blocks
        before = Total(count * both.operations, round(size * both.bytes))
        after = Total(count * generated.operations, round(size * generated.bytes))
        cells = [f"{total.operations:,} | {total.bytes / 1e9:.2f}" for total in (before, after)]
        report.say(f"| {kind.name} | {count} | {' | '.join(cells)} |")
        eager.add(before)
        compiled.add(after)
    for name, total in (("eager", eager), ("compiled", compiled)):
        report.row(NAME, f"operations of these blocks, {name}", total.operations, "")
        report.row(NAME, f"bytes of what can be fused, {name}", total.bytes / 1e9, "GB", note=f"batch {run.batch}")


def forward_bytes(run: Run) -> dict[str, int]:
    """Bytes of what can be fused in the forward pass of all of the generator's blocks of a kind."""
    counter = Counter()
    with FakeTensorMode():
        model = Model(*nets.networks(run.config))
        for weight in model.parameters():
            weight.data = weight.data.bfloat16()
        data = nets.draw_batch(run.config, run.batch, torch.device("cpu"))
        of_kinds = kinds(run)
        for module in model.modules():
            kind = next((kind for kind in of_kinds if kind.is_one(module)), None)
            if kind is not None:
                module.register_forward_pre_hook(lambda *_, name=kind.name: setattr(counter, "phase", name))
                module.register_forward_hook(lambda *_: setattr(counter, "phase", ""))
        with counter:
            model(data.z, data.t, data.conditions, data.keep)
    sums: dict[str, int] = defaultdict(int)
    for (name, group), total in counter.totals.items():
        sums[name] += 0 if group in LIBRARY else total.bytes
    return sums


def compare(kind: Kind) -> tuple[Total, Total, Total]:
    """Operations of a small block, and bytes of what can be fused: eager forward, forward and backward, compiled."""
    x = torch.randn(BATCH, CHANNELS, SIDE, SIDE).bfloat16().to(memory_format=torch.channels_last).requires_grad_()
    torch.manual_seed(0)
    block = kind.make().bfloat16().to(memory_format=torch.channels_last)

    alone, both, generated = Total(), Total(), Total()
    with Counter() as counter:
        counter.phase = "forward"
        out = kind.call(block, x).sum()
        counter.phase = "backward"
        out.backward()
    for (phase, group), total in counter.totals.items():
        part = Total(total.operations, 0 if group in LIBRARY else total.bytes)
        both.add(part)
        if phase == "forward":
            alone.add(part)

    def after_fusion(nodes: list[Any]) -> list[Any]:
        for node in nodes:
            kind, size = type(node).__name__, node.get_read_write_buffers_sizes()
            if size and kind != "NopKernelSchedulerNode":  # one result of several has no size
                generated.add(Total(1, 0 if kind == "ExternKernelSchedulerNode" else size))
        return nodes

    block.zero_grad()
    x.grad = None
    accelerate.prepare(block, torch.device("cpu"), compiled=True)
    options = {"_post_fusion_custom_pass": after_fusion, "fx_graph_cache": False, "force_disable_caches": True}
    with torch._inductor.config.patch(options):
        kind.call(block, x).sum().backward()
    return alone, both, generated
