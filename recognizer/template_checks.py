"""Whether everything printed on a page has a place of its own, and whether a picture can be that of a blank page."""

import errno
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from recognizer.errors import TemplateError
from recognizer.geometry import MM_PER_INCH, Rect
from recognizer.template_source import Key, Problem

MAX_OVERLAPS = 200
"""Overlaps counted before the search ends: a template with more is wrong as a whole."""

MAX_BLANK_BYTES = 16_000_000
MAX_BLANK_PIXELS = 40_000_000
"""The picture of a blank page: A4 at 300 dpi has 9 million pixels, A3 at 400 dpi 31 million."""

LEAST_BLANK_DPI = 90.0
"""Below this a blank page shows too little to find it on a scan."""

ASPECT_TOLERANCE = 0.02
"""How much the sides of a picture may differ from those of the paper that it is said to show."""

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Placed:
    """Something printed on the page. A box needs paper of its own; texts and panels may lie on one another."""

    rect: Rect
    name: str
    where: Key
    is_box: bool


def layout_problems(printed: Iterable[Placed], area: Rect) -> Iterator[Problem]:
    """Yield, once for each entry, what leaves `area`, and what lies on a box."""
    placed = list(printed)
    outside: set[Key] = set()
    for item in placed:
        if not area.contains(item.rect) and item.where not in outside:
            outside.add(item.where)
            yield Problem(
                item.where, f"{item.name} at {_extent(item.rect)} leaves the printable area ({_extent(area)})"
            )
    yield from _overlaps(placed)


def _overlaps(placed: list[Placed]) -> Iterator[Problem]:
    """Yield one problem for every two entries that lie on one another (a sweep down the page)."""
    said: set[tuple[Key, Key]] = set()
    ordered = sorted(placed, key=lambda item: item.rect.y)
    for index, item in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.rect.y >= item.rect.bottom or len(said) > MAX_OVERLAPS:
                break
            if (item.is_box or other.is_box) and item.rect.overlaps(other.rect, tolerance=1e-6):
                first, second = sorted((item, other), key=lambda one: (not one.is_box, one.where))
                if (first.where, second.where) not in said:
                    said.add((first.where, second.where))
                    yield Problem(second.where, f"{second.name} at {_extent(second.rect)} lies on {_bare(first)}")


def _bare(item: Placed) -> str:
    return item.name.rstrip(",")


def _extent(rect: Rect) -> str:
    return f"x {rect.x:g} to {rect.right:g}, y {rect.y:g} to {rect.bottom:g} mm"


def read_blank(path: Path, width_mm: float, height_mm: float) -> bytes:
    """Return the bytes of a PNG file that shows a blank page, its header checked.

    Raises:
        TemplateError: it is missing, no PNG, too large, or has other proportions than the paper.
    """
    try:
        # An ordinary file, and never more of it than it may have: a link may lead to a device that has no end.
        data = b""
        if path.is_file():
            with path.open("rb") as file:
                data = file.read(MAX_BLANK_BYTES + 1)
        elif path.exists():
            raise TemplateError(f"{path.name}, the picture of the blank page, is no ordinary file")
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    except OSError as error:
        raise TemplateError(
            f"the picture of the blank page, {path.name}, cannot be read beside the template "
            f"({error.strerror or error}); keep the two together"
        ) from error
    whole = data.startswith(_PNG) and data[12:16] == b"IHDR" and len(data) >= 33 and b"IEND" in data[-16:]
    if not whole or len(data) > MAX_BLANK_BYTES:
        raise TemplateError(f"{path.name} is no whole PNG picture of at most {MAX_BLANK_BYTES:,} bytes")
    width, height = struct.unpack(">II", data[16:24])
    if not 0 < width * height <= MAX_BLANK_PIXELS:
        raise TemplateError(f"{path.name} has {width} x {height} pixels; a blank page at 200 dpi is enough")
    across, down = width / width_mm * MM_PER_INCH, height / height_mm * MM_PER_INCH
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        raise TemplateError(
            f"{path.name} has {width} x {height} pixels, but the paper is {width_mm:g} x {height_mm:g} mm"
        )
    if min(across, down) < LEAST_BLANK_DPI:
        raise TemplateError(
            f"{path.name} shows the page at {across:.0f} dpi; at least {LEAST_BLANK_DPI:.0f} are needed"
        )
    return data
