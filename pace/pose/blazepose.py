"""BlazePose's networks from MediaPipe's package, without the branch that outlines the person.

The landmarks are the same bits, and a frame costs half the time: MediaPipe computes the outline (a mask of 256 x 256
pixels) even where it is switched off.
"""

import functools
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mediapipe.python.solution_base import SolutionBase

MODEL = "modules/pose_landmark/pose_landmark_full.tflite"
MASK, HEATMAP = 2, 3  # of the network's outputs
# The node of MediaPipe's graph that names the model's file.
_LOADER = "poselandmarkbyroicpu__poselandmarkmodelloader__switchcontainer__ConstantSidePacketCalculator_2"
_DETECTION = "posedetectioncpu__TensorsToDetectionsCalculator"
_PRESENCE = "poselandmarkbyroicpu__tensorstoposelandmarksandsegmentation__ThresholdingCalculator"


@functools.cache
def without_mask() -> bytes:
    """The landmark network as a tflite file, without the operations that only the mask needs.

    The heatmap takes the mask's place among the outputs, where nothing reads it.
    """
    import flatbuffers
    from mediapipe.tasks.metadata import schema_py_generated as schema

    packed = (resources.files("mediapipe") / MODEL).read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(packed, 0))
    (graph,) = model.subgraphs
    graph.outputs = [graph.outputs[HEATMAP] if i == MASK else tensor for i, tensor in enumerate(graph.outputs)]
    needed, kept = set(graph.outputs), []
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    graph.operators = kept[::-1]
    builder = flatbuffers.Builder(len(packed))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def load(folder: Path, static: bool) -> "SolutionBase":
    """MediaPipe's graph, as a context manager whose `process(frame)` gives `pose_landmarks` or None.

    folder: where the network's file is written; it must last as long as the graph.
    static: find the person anew in each frame; otherwise near its place in the frame before.
    The settings are those of `solutions.pose.Pose` with its full network, unsmoothed.
    """
    from mediapipe.calculators.core import constant_side_packet_calculator_pb2 as constants
    from mediapipe.python.solution_base import SolutionBase

    file = folder / "landmarks.tflite"
    file.write_bytes(without_mask())
    return SolutionBase(
        binary_graph_path="mediapipe/modules/pose_landmark/pose_landmark_cpu.binarypb",
        side_inputs={
            "model_complexity": 1,
            "smooth_landmarks": False,
            "enable_segmentation": False,
            "smooth_segmentation": False,
            "use_prev_landmarks": not static,
        },
        calculator_params={
            f"{_DETECTION}.min_score_thresh": 0.5,
            f"{_PRESENCE}.threshold": 0.5,
            f"{_LOADER}.packet": [
                constants.ConstantSidePacketCalculatorOptions.ConstantSidePacket(string_value=str(file))
            ],
        },
        outputs=["pose_landmarks"],
    )
