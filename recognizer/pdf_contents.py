"""What stands in the contents of a PDF page: unpacked as far as is read, and counted. Used by the `pdf_` files only."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

MOST_UNPACKED = 50_000_000
"""Bytes that contents may unpack to: the largest picture written amid them, A4 in grey at 600 dpi, has 35 million."""

PACKED_AT_ONCE = 65_536
"""Bytes unpacked at a time, so that what stands before a damaged place is seen."""

BLANKS, STARTS = b"\0\t\n\f\r ", b"/[(<"
"""Characters between words of contents, and those that begin a word wherever they stand (PDF 32000-1, 7.2.2)."""


def unpack(data: bytes, filters: Sequence[str], limit: int = MOST_UNPACKED) -> bytes:
    """Return packed data without its filters, which are all /FlateDecode; at most `limit` bytes and one.

    Damaged data ends where it is damaged, as renderers have it.
    """
    for _ in filters:
        data = _inflated(data, limit + 1)
    return data[: limit + 1]


def _inflated(data: bytes, most: int) -> bytes:
    parts, size, inflater = list[bytes](), 0, zlib.decompressobj()
    try:
        for start in range(0, len(data), PACKED_AT_ONCE):
            parts.append(inflater.decompress(data[start : start + PACKED_AT_ONCE], most - size))
            size += len(parts[-1])
            if size >= most or inflater.eof:
                break
    except zlib.error:
        pass
    return b"".join(parts)


def count_words(data: bytes) -> int:
    """Return how many numbers, names and commands stand in contents, roughly: what is written in strings counts too.

    >>> count_words(b"0 0 m 595 842 l S")
    7
    """
    codes = np.frombuffer(data, dtype=np.uint8)
    begins = ~_table(BLANKS)[codes]
    begins[1:] &= ~begins[:-1] | _table(STARTS)[codes[1:]]
    return int(np.count_nonzero(begins))


def _table(characters: bytes) -> np.ndarray:
    table = np.zeros(256, dtype=bool)
    table[list(characters)] = True
    return table


def names_before(data: bytes, *commands: bytes) -> Counter[str]:
    """Return how often each name stands before one of some commands, such as `Do`, which draws what is named.

    >>> names_before(b"q /Logo Do Q /Logo Do", b"Do")
    Counter({'/Logo': 2})
    """
    pattern = rb"(/[^\0\s/\[\]()<>{}%]*)[\0\s]+(?:" + b"|".join(commands) + rb")(?![^\0\s/\[\]()<>{}%])"
    return Counter(_HEX.sub(_character, name).decode("utf-8", "replace") for name in re.findall(pattern, data))


_HEX = re.compile(rb"#([0-9A-Fa-f]{2})")


def _character(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)])
