"""Whether a file ends as its beginning promises: what is still being written, or was cut off, does not.

Looked at in the process that watches the inbox, so nothing is unpacked here: a few offsets are followed, and no more.
"""

import os
import re
from pathlib import Path
from typing import BinaryIO

from recognizer.tiff_pages import tiff_ends_whole

TAIL_BYTES = 2048
"""Where the end of a file is looked for. The PDF standard asks for the last 1024 bytes; some scanners pad."""

MOST_BOXES = 1000
"""Boxes in a row that a HEIC or AVIF file may have; honest ones have about four."""


def has_valid_end(path: Path) -> bool:
    """Tell whether a file ends as its beginning promises (OSError when it cannot be read).

    A kind of file that we do not know has no end to show, and is complete as it is; an empty file never is.
    """
    with path.open("rb") as stream:
        head = stream.read(16)
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - TAIL_BYTES))
        tail = stream.read()
        if head[4:8] == b"ftyp":
            return _boxes_end_whole(stream, size)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return tiff_ends_whole(path)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return int.from_bytes(head[4:8], "little") + 8 <= size
    if head.startswith(b"%PDF"):
        return pdf_ends_whole(tail)
    for beginning, end in ((b"\xff\xd8\xff", b"\xff\xd9"), (b"\x89PNG", b"IEND")):
        if head.startswith(beginning):
            return end in tail
    return len(head) > 0


def pdf_ends_whole(tail: bytes) -> bool:
    """Tell whether a PDF has its end, and no objects after it: then more was to come, and that is cut off."""
    end = tail.rstrip(b"\0 \r\n\t")[-TAIL_BYTES:]
    at = end.rfind(b"%%EOF")
    return at >= 0 and re.search(rb"\d\s+\d+\s+obj\b", end[at:]) is None


def _boxes_end_whole(stream: BinaryIO, size: int) -> bool:
    """Follow the boxes of a HEIC or AVIF file (ISO 14496-12, 4.2) from one to the next."""
    at = 0
    for _ in range(MOST_BOXES):
        stream.seek(at)
        head = stream.read(16)
        if len(head) < 8:
            return False
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0 or at + length == size:
            return True
        if length < 8:
            return False
        at += length
    return False
