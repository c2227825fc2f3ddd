"""What the header of a wav says about its length, and what the file holds.

Recorders that were cut off, and programs that write into a pipe, leave a length of zero, an old one, or the largest
possible one. Both libsndfile and FFmpeg shorten a length that is too large without a word.
"""

import dataclasses
import os
import struct
from pathlib import Path
from typing import BinaryIO

UNKNOWN = 0x7FFFF000  # bytes; from here on (SoX: this; FFmpeg: 0xFFFFFFFF) a length stands for "written into a pipe"
TAGS = (b"ID3", b"TAG", b"APE")  # tags of MP3 that some programs append


@dataclasses.dataclass(frozen=True)
class WavData:
    """The samples of a wav, in bytes.

    declared: by the header, None if it says that the length is unknown. held: what follows in the file.
    goes_on: whether samples, rather than another chunk, follow the declared ones.
    """

    declared: int | None
    held: int
    goes_on: bool


def read(path: Path) -> WavData | None:
    """Read a wav's chunks (RIFF, RF64 or BW64); None for other files. Raises OSError."""
    end = os.path.getsize(path)
    with open(path, "rb") as file:
        start = file.read(12)
        if start[:4] not in (b"RIFF", b"RF64", b"BW64") or start[8:] != b"WAVE":
            return None
        large: int | None = None
        while len(header := file.read(8)) == 8:
            name, size = header[:4], struct.unpack("<I", header[4:])[0]
            content = file.tell()
            if name == b"ds64" and len(sizes := file.read(16)) == 16:
                large = struct.unpack("<Q", sizes[8:])[0]
            if name == b"data":
                if large is not None and size == 0xFFFFFFFF:
                    size = large
                held = end - content
                if size >= UNKNOWN and size > held:
                    return WavData(None, held, False)
                rest = [_after(file, content + size + pad, end, bool(size)) for pad in (size % 2, 0)]
                return WavData(size, held, size < held and not any(rest))
            file.seek(content + size + size % 2)
    return None


def _after(file: BinaryIO, position: int, end: int, padded: bool) -> bool:
    """Whether the file ends, or another chunk, a tag or (padded) a filling of zeros begins, at a position."""
    file.seek(position)
    header = file.read(8)
    if len(header) < 8 or header.startswith(TAGS) or (padded and not any(header)):
        return True
    name, size = header[:4], struct.unpack("<I", header[4:])[0]
    return all(32 <= letter < 127 for letter in name) and position + 8 + size <= end + 1
