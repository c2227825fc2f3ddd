"""Tiny ONNX networks with the inputs and outputs of YOLOX and RTMPose, and pictures of the dancer that they know.

The dancer is a red rectangle with one brighter red and one blue spot. The detector looks for red in BGR pictures, the
pose network for the spots in RGB ones, normalised as RTMPose's: each is blind to the other channel order.
"""

from pathlib import Path

import numpy as np
import onnx
import onnx.parser

WIDTH, HEIGHT = 240, 120  # of the pictures
DET_HEIGHT, DET_WIDTH = 96, 160  # of the detector's input
POSE_HEIGHT, POSE_WIDTH = 64, 48  # of the pose network's input
BODY = (40, 70)
RED_SPOT, BLUE_SPOT = np.array([-8, -20]), np.array([6, 25])  # from the body's centre
CONFIDENCE = 0.9  # at the red spot


def picture(*centres: tuple[float, float]) -> np.ndarray:
    """An RGB frame (120,240,3) uint8 with a dancer at each centre, on grey."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.full((HEIGHT, WIDTH, 3), 90.0)
    for cx, cy in centres:
        image[(abs(x - cx) <= BODY[0] / 2) & (abs(y - cy) <= BODY[1] / 2)] = (180, 40, 40)
        for (dx, dy), colour in ((RED_SPOT, (255, 40, 40)), (BLUE_SPOT, (40, 40, 255))):
            spot = np.exp(-((x - cx - dx) ** 2 + (y - cy - dy) ** 2) / (2 * 2.5**2))[..., None]
            image += spot * (np.array(colour) - image)
    return image.round().astype(np.uint8)


def _boxes() -> str:
    """Left, top, right, bottom and score (1 where there is red, else 0) of each half of the picture, as box0, box1."""
    lines = [
        "blue, green, red = Split <axis=1> (input)",
        "level = Sub (red, blue)",
        "hundred = Constant <value = float {100.0}> ()",
        "bright = Greater (level, hundred)",
        "mask = Cast <to=1> (bright)",
        "half0, half1 = Split <axis=3> (mask)",
        "one = Constant <value = float[1] {1.0}> ()",
    ]
    for i in (0, 1):
        lines += [
            f"cols{i} = ReduceMax <axes=[0,1,2], keepdims=0> (half{i})",
            f"rows{i} = ReduceMax <axes=[0,1,3], keepdims=0> (half{i})",
            f"score{i} = ReduceMax <axes=[0,1,2,3], keepdims=0> (half{i})",
            f"shift{i} = Constant <value = float[1] {{{i * DET_WIDTH / 2}}}> ()",
            f"flat{i} = Constant <value = int64[1] {{1}}> ()",
            f"s{i} = Reshape (score{i}, flat{i})",
        ]
        for name, source in (("x", f"cols{i}"), ("y", f"rows{i}")):
            lines += [
                f"{name}a_int{i} = ArgMax <axis=0, keepdims=1> ({source})",
                f"{name}b_int{i} = ArgMax <axis=0, keepdims=1, select_last_index=1> ({source})",
                f"{name}a_{i} = Cast <to=1> ({name}a_int{i})",
                f"{name}b_in{i} = Cast <to=1> ({name}b_int{i})",
                f"{name}b_{i} = Add ({name}b_in{i}, one)",
            ]
        lines += [
            f"xa{i} = Add (xa_{i}, shift{i})",
            f"xb{i} = Add (xb_{i}, shift{i})",
            f"box{i} = Concat <axis=0> (xa{i}, ya_{i}, xb{i}, yb_{i}, s{i})",
        ]
    return "\n".join(lines)


def detector(path: Path, size: str = f"{DET_HEIGHT},{DET_WIDTH}") -> Path:
    """YOLOX with non-maximum suppression inside: dets (1,2,5)."""
    body = f"""{_boxes()}
        both = Concat <axis=0> (box0, box1)
        shape = Constant <value = int64[3] {{1, 2, 5}}> ()
        dets = Reshape (both, shape)"""
    return _save(path, f"(float[1,3,{size}] input) => (float[1,2,5] dets)", body)


def raw_detector(path: Path) -> Path:
    """YOLOX without suppression: (1,315,7), a person in the left half and something else in the right one."""
    cells = sum((DET_HEIGHT // stride) * (DET_WIDTH // stride) for stride in (8, 16, 32))
    lines = [_boxes(), "eight = Constant <value = float[1] {8.0}> ()", "two = Constant <value = float[1] {2.0}> ()"]
    for i, classes in enumerate(("1.0, 0.0", "0.0, 1.0")):
        lines.append(f"column{i} = Constant <value = float[1] {{{i}.0}}> ()")
        lines.append(f"class{i} = Constant <value = float[2] {{{classes}}}> ()")
        for name, first, last in (("x", f"xa{i}", f"xb{i}"), ("y", f"ya_{i}", f"yb_{i}")):
            lines += [
                f"{name}sum{i} = Add ({first}, {last})",
                f"{name}mean{i} = Div ({name}sum{i}, two)",
                f"{name}cell{i} = Div ({name}mean{i}, eight)",
                f"{name}side{i} = Sub ({last}, {first})",
                f"{name}part{i} = Div ({name}side{i}, eight)",
                f"{name}log{i} = Log ({name}part{i})",
            ]
        lines += [
            f"xoff{i} = Sub (xcell{i}, column{i})",
            f"row{i} = Concat <axis=0> (xoff{i}, ycell{i}, xlog{i}, ylog{i}, s{i}, class{i})",
        ]
    lines += [
        f"rest_shape = Constant <value = int64[1] {{{(cells - 2) * 7}}}> ()",
        "rest = ConstantOfShape (rest_shape)",
        "all = Concat <axis=0> (row0, row1, rest)",
        f"shape = Constant <value = int64[3] {{1, {cells}, 7}}> ()",
        "output = Reshape (all, shape)",
    ]
    return _save(path, f"(float[1,3,{DET_HEIGHT},{DET_WIDTH}] input) => (float[1,{cells},7] output)", "\n".join(lines))


def pose(path: Path, keypoints: int = 26, gain: float = CONFIDENCE, split: int = 2) -> Path:
    """RTMPose: all keypoints but the last on the red spot, the last on the blue one; `gain` is the red one's height."""
    at_full = (255 - 123.675) / 58.395
    lines = ["first, second, third = Split <axis=1> (input)"]
    for axis, side in (("x", POSE_WIDTH), ("y", POSE_HEIGHT)):
        ones = ", ".join(str(float(column == split * row)) for row in range(side) for column in range(split * side))
        lines.append(f"spread_{axis} = Constant <value = float[{side},{split * side}] {{{ones}}}> ()")
        lines.append(f"many_{axis} = Constant <value = int64[3] {{1, {keypoints - 1}, {split * side}}}> ()")
        for channel in ("first", "third"):
            lines += [
                f"{channel}_{axis}_level = ReduceMax <axes=[{2 if axis == 'x' else 3}], keepdims=0> ({channel})",
                f"{channel}_{axis}_above = Relu ({channel}_{axis}_level)",
                f"{channel}_{axis}_peak = MatMul ({channel}_{axis}_above, spread_{axis})",
                f"{channel}_{axis} = Mul ({channel}_{axis}_peak, scale)",
            ]
        lines += [
            f"reds_{axis} = Expand (first_{axis}, many_{axis})",
            f"simcc_{axis} = Concat <axis=1> (reds_{axis}, third_{axis})",
        ]
    lines.insert(0, f"scale = Constant <value = float {{{gain / at_full}}}> ()")
    outputs = ", ".join(
        f"float[1,{keypoints},{split * side}] simcc_{axis}" for axis, side in (("x", POSE_WIDTH), ("y", POSE_HEIGHT))
    )
    return _save(path, f"(float[1,3,{POSE_HEIGHT},{POSE_WIDTH}] input) => ({outputs})", "\n".join(lines))


def _save(path: Path, signature: str, body: str) -> Path:
    text = f'<ir_version: 8, opset_import: ["" : 17]> stub {signature} {{\n{body}\n}}'
    model = onnx.parser.parse_model(text)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
