"""BlazePose's network without the branch of the mask."""

import numpy as np
import pytest

from pace.pose import blazepose
from pace.synthetic.camera import random_camera
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock
from pace.synthetic.render import render


@pytest.mark.long
def test_landmarks_are_those_of_the_whole_network(tmp_path):
    """Bit for bit, with the tracker's memory of the frame before, in half the size of the graph."""
    from mediapipe.python.solutions import pose

    rng = np.random.default_rng(3)
    motion = choreograph("lock", Clock(110, 0.2), 0.5, 30, rng).motion
    frames = list(render(motion, random_camera(rng, 256, motion, "front"), 256, rng))

    def landmarks(network):
        points = [network.process(frame).pose_landmarks for frame in frames]
        return np.array([[(p.x, p.y, p.z, p.visibility) for p in seen.landmark] for seen in points])

    for static in (False, True):
        with (
            blazepose.load(tmp_path, static) as ours,
            pose.Pose(static_image_mode=static, smooth_landmarks=False) as whole,
        ):
            assert np.array_equal(landmarks(ours), landmarks(whole))


def test_only_the_operations_of_the_mask_are_left_out():
    """Of 332 operations, the 46 that lead to the mask of 256 x 256 pixels alone."""
    from mediapipe.tasks.metadata import schema_py_generated as schema

    graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(blazepose.without_mask(), 0)).subgraphs[0]
    assert len(graph.operators) == 332 - 46
    sizes = [graph.tensors[tensor].shape.tolist() for operator in graph.operators for tensor in operator.outputs]
    assert [1, 64, 64, 39] in sizes and not any(size[1:3] == [256, 256] for size in sizes)
