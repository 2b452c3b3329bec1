"""The directories of a TIFF file, followed by their offsets, so that no page of a damaged file is lost in silence.

A reader of pictures takes an offset of 0, or one that leads back, for the end of the file. So a file in which a few
bytes changed may look like a shorter one. Here the pages are followed independently, and what no page shows is noticed.
(TIFF 6.0, section 2; BigTIFF has the same form with offsets of 8 bytes.)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from recognizer.errors import ScanError
from recognizer.scan import MAX_PAGES, RESCAN, refuse_many

TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Size of a value by its type."""

OFFSETS, BYTE_COUNTS = (273, 324, 513), (279, 325, 514)
"""Tags that say where the strips, tiles or old-style JPEG of a page lie, and how long they are."""

ASIDE = (330, 34665, 34853)
"""Tags that lead to further directories, with thumbnails or facts of a camera: such a file is not accounted for."""

MOST_ENTRIES = 4096
"""Entries of a directory; honest ones have some twenty."""

MOST_VALUES = 1_000_000
"""Values of an entry: a strip for every line of the largest page that is read, many times over."""

PADDING_BYTES = 32
"""Bytes that may lie between two parts, so that the second begins at an even place."""

LEAST_HIDDEN = 4096
"""Bytes that no page shows, below which nobody wonders; and half of the smallest page always may be padding."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One page: where its data lie, and where the next directory is (0: nowhere)."""

    parts: tuple[tuple[int, int], ...]
    picture_bytes: int
    aside: bool
    following: int


def check_tiff(path: Path, found: int) -> None:
    """Check that a TIFF has the pages that it seems to have, all of them whole and none hidden.

    Raises:
        ScanError: the pages do not add up, or cannot be followed.
    """
    pages = tiff_pages(path)
    if len(pages) != found:
        raise ScanError(f"{path.name}: the TIFF shows {found} pages, but leads to {len(pages)}; {RESCAN}")
    if any(page.aside for page in pages):
        return
    hidden = path.stat().st_size - _covered([part for page in pages for part in page.parts])
    smallest = min(page.picture_bytes for page in pages)
    if hidden > max(LEAST_HIDDEN, smallest // 2):
        raise ScanError(
            f"{path.name}: the TIFF holds {hidden / 1e3:.0f} kB that none of its {found} pages shows, as if pages were "
            f"missing; {RESCAN}"
        )


def tiff_pages(path: Path) -> list[Directory]:
    """Follow the pages of a TIFF from the first to the last.

    Raises:
        ScanError: it is cut off, goes round in circles, or cannot be followed.
    """
    try:
        with path.open("rb") as file:
            return list(_directories(file, file.seek(0, 2), path.name))
    except (struct.error, LookupError, OverflowError, MemoryError) as error:
        raise ScanError(f"{path.name}: the TIFF is damaged (a directory cannot be read); {RESCAN}") from error
    except OSError as error:
        raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error


def tiff_ends_whole(path: Path) -> bool:
    """Tell whether all pages of a TIFF can be reached, and the last of them is all there (OSError: cannot be read).

    Little is read, whatever the file claims: this is asked in the process that watches the inbox.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        try:
            order, big, at = _head(file)
            last = seen = 0
            while at:
                seen += 1
                if at >= size or seen > MAX_PAGES:
                    return False
                last, at = at, _following(file, order, big, at)
            parts = _directory(file, order, big, last).parts
            return all(first + length <= size for first, length in parts)
        except (struct.error, LookupError, OverflowError):
            return False


def _head(file: BinaryIO) -> tuple[str, bool, int]:
    """Return the order of bytes, whether offsets have 8 bytes, and where the first directory is."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    return order, big, int(struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0])


def _directories(file: BinaryIO, size: int, name: str) -> Iterator[Directory]:
    order, big, at = _head(file)
    seen: set[int] = set()
    header = ((0, 16 if big else 8),)
    while at:
        if at in seen or at >= size:
            where = "back to one before" if at in seen else "out of the file"
            raise ScanError(f"{name}: the TIFF is damaged: after page {len(seen)} it leads {where}; {RESCAN}")
        seen.add(at)
        refuse_many(name, len(seen))
        page = _directory(file, order, big, at)
        if any(first + length > size for first, length in page.parts):
            raise ScanError(f"{name}: the TIFF is cut off: page {len(seen)} goes on after its end; {RESCAN}")
        yield replace(page, parts=page.parts + header)
        at = page.following


def _following(file: BinaryIO, order: str, big: bool, at: int) -> int:
    count_form, entry_bytes, offset_form = _forms(big)
    file.seek(at)
    width = struct.calcsize(order + count_form)
    count = struct.unpack(order + count_form, file.read(width))[0]
    file.seek(at + width + count * entry_bytes)
    return int(struct.unpack(order + offset_form, file.read(struct.calcsize(order + offset_form)))[0])


def _forms(big: bool) -> tuple[str, int, str]:
    """Return the form of a count, the bytes of an entry, and the form of an offset."""
    return ("Q", 20, "Q") if big else ("H", 12, "I")


def _directory(file: BinaryIO, order: str, big: bool, at: int) -> Directory:
    count_form, entry_bytes, offset_form = _forms(big)
    file.seek(at)
    width = struct.calcsize(order + count_form)
    count = struct.unpack(order + count_form, file.read(width))[0]
    if count > MOST_ENTRIES:
        raise LookupError(count)
    text = file.read(count * entry_bytes)
    after = struct.calcsize(order + offset_form)
    following = struct.unpack(order + offset_form, file.read(after))[0]
    parts = [(at, width + len(text) + after)]
    offsets: list[int] = []
    lengths: list[int] = []
    aside = False
    for number in range(count):
        tag, kind, values = struct.unpack_from(order + "HH" + offset_form, text, number * entry_bytes)
        aside = aside or tag in ASIDE
        inside = after  # a value as short as an offset stands in the entry itself
        length = TYPE_BYTES[kind] * values
        place = number * entry_bytes + entry_bytes - after
        if length > inside:
            start = int(struct.unpack_from(order + offset_form, text, place)[0])
            parts.append((start, length))
        if tag in OFFSETS + BYTE_COUNTS:
            form = order + str(_bounded(values)) + {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}[kind]
            if length > inside:
                file.seek(start)
                read = struct.unpack(form, file.read(length))
            else:
                read = struct.unpack_from(form, text, place)
            (offsets if tag in OFFSETS else lengths).extend(read)
    parts += zip(offsets, lengths, strict=False)
    return Directory(tuple(parts), sum(lengths), aside, int(following))


def _bounded(values: int) -> int:
    if values > MOST_VALUES:
        raise LookupError(values)
    return values


def _covered(parts: list[tuple[int, int]]) -> int:
    """Return how many bytes lie in at least one part, or are padding between two.

    >>> _covered([(0, 10), (12, 10), (100, 5)])
    27
    """
    covered = end = 0
    for first, length in sorted(parts):
        if end < first <= end + PADDING_BYTES:
            covered += first - end
        covered += max(first + length - max(first, end), 0)
        end = max(end, first + length)
    return covered
