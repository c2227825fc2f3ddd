"""Videos whose pictures show their own number, in any codec and container, and reading the numbers back."""

from fractions import Fraction

import av
import numpy as np

from pace.media.streams import decoded, open_media, video_stream

BITS = (2, 4)  # rows and columns of black and white fields, the number's binary digits
TICKS = 30_000  # per second


def picture(number, width, height):
    """An image (H,W,3) that shows a number below 256 as fields."""
    digits = (number >> np.arange(8)) & 1
    fields = np.where(digits.reshape(BITS), 220, 30)
    rows, columns = np.arange(height) * BITS[0] // height, np.arange(width) * BITS[1] // width
    return np.repeat(fields[rows][:, columns, None], 3, axis=2).astype(np.uint8)


def number(image):
    """The number that an image (H,W,3) shows."""
    height, width = image.shape[0] // BITS[0], image.shape[1] // BITS[1]
    centres = image[height // 2 :: height, width // 2 :: width][: BITS[0], : BITS[1]].mean(axis=2)
    return int(((centres > 125).ravel() << np.arange(8)).sum())


def write(path, times, codec="libx264", sizes=((96, 64),), options=None, rotation=None, aspect=None, **settings):
    """Write pictures 0, 1, ... at these times in seconds.

    sizes: of equal shares of the pictures; more than one only for codecs that can change it. settings: of the stream.
    """
    options = options if options is not None else {"bf": "2"} if codec in ("libx264", "mpeg4", "mpeg2video") else {}
    settings = {"format": None, "pix_fmt": "yuv420p"} | settings
    with av.open(str(path), "w", format=settings.pop("format")) as container:
        share = -(-len(times) // len(sizes))
        stream = None
        for begin, (width, height) in zip(range(0, len(times), share), sizes, strict=True):
            encoder = container.add_stream(codec, rate=30, options={"threads": "1"} | options) if not stream else None
            if encoder:
                stream = encoder
            else:  # a new encoder, whose packets go into the same stream
                encoder = av.CodecContext.create(codec, "w")
                encoder.options, encoder.framerate = options, 30
            encoder.width, encoder.height, encoder.pix_fmt = width, height, settings["pix_fmt"]
            constant = codec in ("mpeg2video", "mpeg4") or str(path).endswith((".avi", ".mpg"))
            unit = Fraction(1, 30 if constant else TICKS)
            (encoder.codec_context if encoder is stream else encoder).time_base = unit
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if rotation:
                stream.set_display_rotation(rotation)
            packets = []
            for index in range(begin, min(begin + share, len(times))):
                frame = av.VideoFrame.from_ndarray(picture(index, width, height), "rgb24")
                frame = frame.reformat(format=settings["pix_fmt"])
                frame.pts, frame.time_base = round(times[index] / unit), unit
                packets += encoder.encode(frame)
            for packet in packets + encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    return path


def numbers(path):
    """The numbers of a file's pictures in the order of showing, and their time stamps in seconds."""
    with open_media(path) as container:
        stream = video_stream(container, path)
        frames = [(frame.to_ndarray(format="rgb24"), frame.time) for frame in decoded(container, stream, av.VideoFrame)]
    return [number(image) for image, _ in frames], np.array([time for _, time in frames])
