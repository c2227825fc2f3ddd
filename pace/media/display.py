"""How to show stored pictures: upright, with square pixels, and whole where their size changes midway."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

Size = tuple[int, int]  # width and height in pixels, as shown

SNAP = 2  # pixels of a side that a picture may be stretched by, rather than get a border: sizes are rounded


@dataclasses.dataclass(frozen=True)
class Display:
    """How to show a stored picture: pixel aspect (width over height), and the linear part (a, b, c, d) of the matrix.

    The shown x is a x + c y, the shown y is b x + d y; each of a, b, c, d is -1, 0 or 1.
    """

    aspect: float = 1.0
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)

    def size(self, frame: av.VideoFrame) -> Size:
        """Width and height as shown, with square pixels."""
        width, height = max(1, round(frame.width * self.aspect)), frame.height
        return (width, height) if self.matrix[0] else (height, width)

    def rgb(self, frame: av.VideoFrame, target: Size, reformatter: VideoReformatter) -> np.ndarray:
        """The picture as shown, (H,W,3) uint8 RGB, area-filtered into the size `target`.

        A picture of another shape is scaled to fit and gets black borders: nothing is cropped or stretched.
        All frames of a video should share one `reformatter`: making one costs more than converting a frame.
        """
        shown = self.size(frame)
        scale = min(side / own for side, own in zip(target, shown, strict=True))
        fitted = [max(1, min(side, round(own * scale))) for side, own in zip(target, shown, strict=True)]
        if all(side - own <= SNAP for side, own in zip(target, fitted, strict=True)):
            fitted = list(target)
        a, b, c, d = self.matrix
        width, height = fitted if a else fitted[::-1]
        image = reformatter.reformat(frame, width, height, "rgb24", interpolation="AREA").to_ndarray()
        if not a:
            image, a, d = image.transpose(1, 0, 2), c, b
        return _on_canvas(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1], target)


class Displays:
    """The displays of a stream's pictures, asked for in the order in which they are decoded.

    The pixel aspect is that of the container, until that of the pictures changes; rotation is read from each picture.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._declared = float(stream.sample_aspect_ratio or 1)
        self._first: float | None = None

    def of(self, frame: av.VideoFrame) -> Display:
        """The display of the picture that was decoded last."""
        own = float(self._stream.codec_context.sample_aspect_ratio or 0)
        self._first = own if self._first is None else self._first
        aspect = own if own and own != self._first else self._declared
        for data in cast("Iterable[SideData]", frame.side_data):  # PyAV's stubs give it another type
            if data.type.name == "DISPLAYMATRIX":
                stored = np.frombuffer(bytes(data), np.int32)
                a, b, c, d = (int(np.sign(stored[i])) * (abs(int(stored[i])) > 1 << 15) for i in (0, 1, 3, 4))
                return Display(aspect, (a, b, c, d))
        return Display(aspect)


def scaled(size: Size, short_side: int | None) -> Size:
    """A size with a given short side, both sides even; as it is without one."""
    if short_side is None:
        return size
    scale = short_side / min(size)
    width, height = (max(2, 2 * round(side * scale / 2)) for side in size)
    return width, height


def _on_canvas(image: np.ndarray, size: Size) -> np.ndarray:
    """An image (H,W,3) in the middle of a black one of the given size, contiguous."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return np.ascontiguousarray(image)
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    canvas[top : top + height, left : left + width] = image
    return canvas
