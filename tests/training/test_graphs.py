"""CUDA graphs, imitated: a recorded call's work runs again at each replay, on the tensors that it had when recorded."""

import contextlib

import pytest
import torch

from pace.training import graphs
from pace.training.graphs import Recorded, RecordedFunction

GPU = torch.device("cuda")


class Stream:
    device_index = 0

    def wait_stream(self, other):
        pass


class Graph:
    """Stands in for a CUDA graph: its replay does the work that was recorded, as a GPU would."""

    work = None

    def replay(self):
        self.work()


@pytest.fixture
def fake_gpu(monkeypatch):
    """A GPU whose graphs are `Graph`s; the list tells what happened."""
    events = []
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream())
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 7))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: events.append("stream restored"))
    for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
        monkeypatch.setattr(
            torch._C, name, lambda device, pool, name=name: events.append((name, device, pool)), raising=False
        )

    @contextlib.contextmanager
    def graph(recorded, pool, stream):
        events.append("record")
        yield

    monkeypatch.setattr(torch.cuda, "graph", graph)
    return events


def test_work_is_recorded_after_the_warm_up_and_every_call_counts(fake_gpu, monkeypatch):
    total, calls = torch.zeros(()), []

    def work():
        calls.append(len(calls))
        return total.add_(1)

    recorded = Recorded(work, GPU)
    for done in range(1, graphs.WARM_UP + 1):
        assert recorded() == done and not fake_gpu
    monkeypatch.setattr(Graph, "work", lambda self: total.add_(10))
    # The recording itself does no work on a GPU; here it does, once.
    assert recorded() == graphs.WARM_UP + 1 + 10
    assert recorded() == graphs.WARM_UP + 1 + 20
    assert fake_gpu == ["record"] and len(calls) == graphs.WARM_UP + 1


def test_a_recording_that_fails_is_said_and_the_work_goes_on(fake_gpu):
    total = torch.zeros(())
    failing = [False]

    def work():
        if failing[0]:
            raise RuntimeError("operation not permitted when stream is capturing")
        return total.add_(1)

    recorded = Recorded(work, GPU)
    for _ in range(graphs.WARM_UP):
        recorded()
    plain = recorded._record

    def record():
        failing[0] = True
        done = plain()
        failing[0] = False
        return done

    recorded._record = record
    with pytest.warns(UserWarning, match="no CUDA graph .operation not permitted"):
        assert recorded() == graphs.WARM_UP + 1
    assert recorded() == graphs.WARM_UP + 2, "it is not tried again"
    ended = [("_cuda_endAllocateToPool", 0, (0, 7)), ("_cuda_releasePool", 0, (0, 7))]
    assert fake_gpu == ["record", "stream restored", *ended], "else no memory is given back any more"


def test_a_failed_recording_that_has_ended_by_itself_is_not_ended_twice(fake_gpu, monkeypatch):
    def refuse(device, pool):
        raise RuntimeError("endAllocatePool: not currently recording")

    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", refuse, raising=False)
    calls = []

    def work():
        calls.append(None)
        if len(calls) == graphs.WARM_UP + 1:
            raise torch.OutOfMemoryError
        return len(calls)

    recorded = Recorded(work, GPU)
    with pytest.warns(UserWarning, match="no CUDA graph"):
        assert [recorded() for _ in range(5)] == [1, 2, 3, 5, 6]
    assert fake_gpu == ["record", "stream restored"]


def test_on_the_cpu_and_with_pace_compile_0_nothing_is_recorded(fake_gpu, monkeypatch):
    assert [Recorded(lambda: 1, torch.device("cpu"))() for _ in range(9)] == [1] * 9
    monkeypatch.setenv("PACE_COMPILE", "0")
    recorded = Recorded(lambda: 1, GPU)
    assert [recorded() for _ in range(9)] == [1] * 9 and not fake_gpu


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU."""

    @property
    def device(self):
        return GPU


def test_a_recorded_function_reads_fixed_inputs_and_leaves_earlier_results_alone(fake_gpu, monkeypatch):
    """A replay sees only the tensors of the recording: new arguments must be copied into them."""
    inputs = []

    def double(x, y):
        inputs.append(x.data_ptr())
        return 2 * x

    function = RecordedFunction(double)
    monkeypatch.setattr(Graph, "work", lambda self: recorded.result.copy_(2 * fixed[0]))
    given = [torch.full((3,), float(i)).as_subclass(OnGpu) for i in range(8)]
    results = []
    for i, x in enumerate(given):
        results.append(function(x, None))
        if i == 0:
            ((fixed, recorded),) = function.recorded.values()
    assert [result[0].item() for result in results] == [2.0 * i for i in range(8)]
    assert len(set(inputs)) == 1 and len(inputs) == graphs.WARM_UP + 1 and fake_gpu == ["record"]
    function(torch.zeros(2).as_subclass(OnGpu), None)
    assert len(function.recorded) == 2, "another size is another recording"
    assert RecordedFunction(double)(torch.ones(3), None).tolist() == [2, 2, 2]
