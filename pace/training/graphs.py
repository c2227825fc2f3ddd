"""Recording work as CUDA graphs: hundreds of kernels, one launch."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch

from pace.training import accelerate

Tensors = tuple[torch.Tensor | None, ...]

Result = TypeVar("Result")
WARM_UP = 3  # calls before the recording, in which kernels are compiled and chosen


class Recorded(Generic[Result]):
    """`work`, called as it is on the CPU; on a GPU recorded at the fourth call and replayed from then on.

    Recorded work must read and write the same tensors at every call and not wait for the GPU. Its result lies in
    tensors that the next call overwrites. The calls before the recording are real ones, so no step of a training is
    lost. If the recording fails, a warning says why and the work is called as it is. That may happen in the middle of
    the work, so it must not read what a broken-off call has left.
    """

    def __init__(self, work: Callable[[], Result], device: torch.device) -> None:
        self.work = work
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.result: Result
        records = device.type == "cuda" and accelerate.wanted()
        self.stream = torch.cuda.Stream(device) if records else None  # type: ignore[no-untyped-call]

    def __call__(self) -> Result:
        """Do the work."""
        if self.graph is not None:
            self.graph.replay()
            return self.result
        if self.stream is None:
            return self.work()
        self.calls += 1
        if self.calls > WARM_UP and self._record():
            return self()
        # The recording stream's own allocations and autograd state are warmed up, as PyTorch asks.
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = self.work()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def _record(self) -> bool:
        graph, pool, stream = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle(), torch.cuda.current_stream()
        torch.cuda.synchronize()
        try:
            with torch.cuda.graph(graph, pool=pool, stream=self.stream):
                self.result = self.work()
        except RuntimeError as error:
            warnings.warn(f"no CUDA graph ({error}); the work goes on without, slower", stacklevel=3)
            self.calls = -(2**62)
            torch.cuda.set_stream(stream)
            self._end(graph, pool)
            return False
        self.graph = graph
        return True

    def _end(self, graph: torch.cuda.CUDAGraph, pool: Any) -> None:
        """End what an invalid recording leaves open: else PyTorch refuses from then on to give memory back."""
        assert self.stream is not None
        with contextlib.suppress(RuntimeError):  # the recording has ended by itself
            torch._C._cuda_endAllocateToPool(self.stream.device_index, pool)
            torch._C._cuda_releasePool(self.stream.device_index, pool)
            self.failed = graph  # PyTorch's memory for the CPU still refers to it


class RecordedFunction:
    """A function of tensors that returns one: called as it is on the CPU, recorded on a GPU for each set of shapes.

    Its results are tensors of their own, which later calls leave alone.
    """

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self.function = function
        self.recorded: dict[tuple[torch.Size | None, ...], tuple[Tensors, Recorded[torch.Tensor]]] = {}

    def __call__(self, *given: torch.Tensor | None) -> torch.Tensor:
        """The function of `given`. The first of them is a tensor and tells the device."""
        assert given[0] is not None
        device = given[0].device
        if device.type == "cpu":
            return self.function(*given)
        shapes = tuple(None if x is None else x.shape for x in given)
        if shapes not in self.recorded:
            fixed = tuple(None if x is None else x.clone() for x in given)
            self.recorded[shapes] = fixed, Recorded(lambda: self.function(*fixed), device)
        fixed, recorded = self.recorded[shapes]
        for own, new in zip(fixed, given, strict=True):
            if own is not None and new is not None:
                own.copy_(new)
        return recorded().clone()
