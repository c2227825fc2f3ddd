"""What a GPU runs during a call: PyTorch's profiler counts kernels and adds up their time."""

from collections import Counter
from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.report import Run
from benchmarks.timing import wait

CALLS = 3
SHOWN = 10


def rows(run: Run, part: str, what: str, function: Callable[[], object]) -> None:
    """Rows of kernels per call, of launches by the CPU and of the GPU's busy time, and a list of the largest kernels.

    A CUDA graph is one launch and many kernels. Copies and fills count as kernels.
    """
    wait(run.device)
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as recorded:
        for _ in range(CALLS):
            function()
        wait(run.device)
    count: Counter[str] = Counter()
    time: Counter[str] = Counter()
    launches = 0
    for event in recorded.events() or []:
        if event.device_type == torch.autograd.DeviceType.CUDA:
            if not getattr(event, "is_user_annotation", False):
                count[event.name] += 1
                time[event.name] += event.time_range.elapsed_us()
        elif event.name.startswith(("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch")):
            launches += 1
    busy = sum(time.values()) / CALLS / 1000
    run.report.row(part, f"{what}: kernels", sum(count.values()) / CALLS, "per step")
    run.report.row(part, f"{what}: launches by the CPU", launches / CALLS, "per step")
    run.report.row(part, f"{what}: GPU busy", busy, "ms/step")
    for name, microseconds in time.most_common(SHOWN):
        share = microseconds / CALLS / 1000
        run.report.say(f"    {share:8.3f} ms  {count[name] / CALLS:6.1f} x  {100 * share / busy:4.1f} %  {name[:90]}")
