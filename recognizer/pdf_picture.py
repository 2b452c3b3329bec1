"""A PDF page that is one scanned picture: where the file lays it on the page, and whether it is shown as stored."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from recognizer.geometry import Homography, Rect, apply_homography, bounding_rect
from recognizer.records import GreyImage

HALVE_FROM_PX = 6300
"""A page whose longest side has as many pixels (A4 at 540 dpi) is halved: 300 dpi are enough for every stage."""

SLANT_TOLERANCE = 1e-3
"""How much of its length a picture's edge may run sideways and still count as upright: 0.3 mm over a page."""

ASPECT_TOLERANCE = 0.02
"""Pixels more oblong than this are made square again: a fax has 204 x 98 dpi."""

LEAST_COVER = 0.5
"""A picture that covers less of its page is rendered: it may be a stamp or a photograph, and not a scan."""

MOST_OUTSIDE = 0.5
"""A page that shows less of its picture than this is rendered: what is seen of it may look like blank paper."""

_SLICE = 48
"""Bytes by which a picture's data are found in the file: compressed data repeat so much only when they are equal."""

_SOON = 16_384
"""Bytes between one picture and the next, in a file in which nothing but small objects stands between them."""

_WINDOW = 4_194_304
"""Bytes that are looked through at once: a file of gigabytes must not come into memory, not even as mapped pages."""

_REACH = 4096
"""Bytes before a picture's data in which its dictionary begins."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How a stored picture lies on the displayed page, in pixels of the laid picture, after reducing.

    The picture is halved `reduction` - 1 times, transposed, flipped, resized to `size` (width, height), and then laid
    with its top left corner at `at` on a page of `page` (width, height) pixels.
    """

    reduction: int
    transposed: bool
    flip_x: bool
    flip_y: bool
    size: tuple[int, int]
    at: tuple[int, int]
    page: tuple[int, int]
    stored_pixels: int

    @property
    def page_pixels(self) -> int:
        """How many pixels the laid page has."""
        return self.page[0] * self.page[1]

    def rounded(self) -> tuple[object, ...]:
        """Return what makes two placements of one picture the same picture."""
        return (self.transposed, self.flip_x, self.flip_y, self.size, self.at, self.page)


@dataclass(frozen=True, slots=True)
class PagePicture:
    """The one picture of a page: its bytes and size as stored, how it lies, its digest, a decoder if it is no JPEG."""

    data: bytes
    size: tuple[int, int]
    is_jpeg: bool
    placement: Placement
    digest: str
    bitmap: Callable[[], GreyImage]


def reduction_for(longest_px: float) -> int:
    """Return by how much (1, 2, 4 or 8) a page is reduced.

    >>> reduction_for(3508), reduction_for(7016), reduction_for(14032)
    (1, 2, 4)
    """
    factor = 1
    while longest_px / factor >= HALVE_FROM_PX and factor < 8:
        factor *= 2
    return factor


def resized_to_use(pixels: GreyImage, square: tuple[float, float]) -> GreyImage:
    """Return a picture with square pixels, and reduced when it has far more than are needed.

    Args:
        pixels: as stored.
        square: the width and height that it would have if its pixels were square, as fine as its finer direction.
    """
    factor = reduction_for(max(square))
    height, width = pixels.shape
    if factor == 1 and abs(square[0] / width - square[1] / height) <= ASPECT_TOLERANCE:
        return pixels
    size = (max(round(square[0] / factor), 1), max(round(square[1] / factor), 1))
    flags = cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=flags), dtype=np.uint8)


@lru_cache(maxsize=64)
def placement_of(
    matrix: tuple[float, ...], page_box: tuple[float, float, float, float], rotation: int, stored: tuple[int, int]
) -> Placement | None:
    """Return how a picture lies on its page, or None when it stands askew or covers too little of it.

    Args:
        matrix: (a, b, c, d, e, f), maps the unit square to the page (PDF 32000-1, 8.3.3 and 8.9.5).
        page_box: left, bottom, right, top of what is displayed, in points.
        rotation: degrees clockwise by which the page is turned for display.
        stored: width and height of the stored picture.

    The pages of a stack mostly lie alike: it is worked out once.
    """
    a, b, c, d, e, f = matrix
    left, bottom, right, top = page_box
    # Stored pictures count downwards, the unit square upwards.
    to_page = np.array([[a, -c, c + e], [b, -d, d + f], [0, 0, 1.0]])
    to_top_left = np.array([[1, 0, -left], [0, -1, top], [0, 0, 1.0]])
    width, height = right - left, top - bottom
    shown = _turn(rotation, width, height) @ to_top_left @ to_page
    if rotation % 180:
        width, height = height, width
    along_u, along_v = shown[:2, 0], shown[:2, 1]
    transposed = abs(along_u[1]) > abs(along_u[0])
    if transposed:
        along_u, along_v = along_v, along_u
    if min(abs(along_u[0]), abs(along_v[1]), width, height, *stored) < 1:
        return None
    if max(abs(along_u[1] / along_u[0]), abs(along_v[0] / along_v[1])) > SLANT_TOLERANCE:
        return None
    rect = bounding_rect(apply_homography(shown, Rect(0, 0, 1, 1).corners()))
    if _cover(rect, width, height) < LEAST_COVER or rect.width * rect.height * MOST_OUTSIDE > width * height:
        return None
    columns, rows = stored[::-1] if transposed else stored
    across, down = columns / rect.width, rows / rect.height
    if abs(across / down - 1) > ASPECT_TOLERANCE:
        across = down = max(across, down)
    reduction = reduction_for(max(width * across, height * down))
    across, down = across / reduction, down / reduction
    return Placement(
        reduction=reduction,
        transposed=bool(transposed),
        flip_x=bool(along_u[0] < 0),
        flip_y=bool(along_v[1] < 0),
        size=(round(rect.width * across), round(rect.height * down)),
        at=(round(rect.x * across), round(rect.y * down)),
        page=(round(width * across), round(height * down)),
        stored_pixels=stored[0] * stored[1],
    )


def lay_on_page(stored: GreyImage, placement: Placement) -> GreyImage:
    """Return the displayed page: the picture turned as it is shown, cut at the page's edges, white where it ends."""
    pixels = cv2.transpose(stored) if placement.transposed else stored
    if placement.flip_x or placement.flip_y:
        both = placement.flip_x and placement.flip_y
        pixels = cv2.flip(pixels, -1 if both else int(placement.flip_x))
    height, width = pixels.shape
    if abs(width - placement.size[0]) > 2 or abs(height - placement.size[1]) > 2:
        pixels = cv2.resize(pixels, placement.size, interpolation=cv2.INTER_LINEAR)
        height, width = pixels.shape
    x, y = placement.at
    if (x, y) == (0, 0) and abs(width - placement.page[0]) <= 2 and abs(height - placement.page[1]) <= 2:
        return np.asarray(pixels, dtype=np.uint8)
    page = np.full(placement.page[::-1], 255, dtype=np.uint8)
    part = page[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    source = pixels[max(-y, 0) :, max(-x, 0) :]
    part[:] = source[: part.shape[0], : part.shape[1]]
    return page


def _turn(rotation: int, width: float, height: float) -> Homography:
    """Return the matrix that turns a page of this size clockwise by quarter turns, its corner staying the origin."""
    turns: dict[int, list[list[float]]] = {
        0: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        90: [[0, -1, height], [1, 0, 0], [0, 0, 1]],
        180: [[-1, 0, width], [0, -1, height], [0, 0, 1]],
        270: [[0, 1, 0], [-1, 0, width], [0, 0, 1]],
    }
    return np.array(turns[rotation % 360], dtype=np.float64)


def _cover(rect: Rect, width: float, height: float) -> float:
    across = min(rect.right, width) - max(rect.x, 0)
    down = min(rect.bottom, height) - max(rect.y, 0)
    return max(across, 0) * max(down, 0) / (width * height)


def find_dictionary(path: Path, data: bytes, start: int) -> tuple[bytes, int] | None:
    """Return the dictionary of a picture in the file, found by the picture's own bytes; None when it cannot be found.

    PDFium does not tell whether a picture has a mask or is shown inverted. Its dictionary cannot lie inside a
    compressed object (PDF 32000-1, 7.5.7), so it stands readable before the data, unless the file is encrypted.

    Args:
        path: the PDF.
        data: the picture's bytes as stored.
        start: where in the file to begin to look; fastest when the picture begins soon after.

    Returns:
        The dictionary, and where the picture ends.
    """
    middle = len(data) // 2
    needle = data[middle : middle + _SLICE]
    if len(needle) < _SLICE:
        return None
    with path.open("rb") as file:
        size, start = file.seek(0, os.SEEK_END), max(start, 0)
        soon = _read(file, start, start + _SOON).find(data[:_SLICE])
        if soon >= 0 and _stands_at(file, start + soon, data):
            return _before(file, start + soon, len(data))
        for begin, end in _windows(size, min(start, size)):
            # A window shows what begins in it; it is read a little further, and never the whole file at once.
            window = _read(file, begin, end + _SLICE - 1)
            found = window.find(needle)
            while found >= 0:
                first = begin + found - middle
                if first >= 0 and _stands_at(file, first, data):
                    return _before(file, first, len(data))
                found = window.find(needle, found + 1)
    return None


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def _stands_at(file: BinaryIO, first: int, data: bytes) -> bool:
    return _read(file, first, first + len(data)) == data


def _windows(size: int, start: int) -> Iterator[tuple[int, int]]:
    """Yield parts of a file from a place outwards, forward and backward by turns: a guess is seldom far off."""
    ahead, behind = start, start
    while ahead < size or behind > 0:
        if ahead < size:
            yield ahead, min(ahead + _WINDOW, size)
            ahead += _WINDOW
        if behind > 0:
            yield max(behind - _WINDOW, 0), behind
            behind -= _WINDOW


_DICTIONARY = re.compile(rb"\bobj\s*(<<(?:(?!\bobj\b).)*>>)\s*stream\r?\n?\Z", flags=re.DOTALL)


def _before(file: BinaryIO, first: int, size: int) -> tuple[bytes, int] | None:
    """Return the last `<<...>>` between `obj` and `stream` before a place in a file, and where the data end."""
    text = _read(file, max(first - _REACH, 0), first)
    found = _DICTIONARY.search(text, max(text.rfind(b"obj"), 0)) or _DICTIONARY.search(text)
    return (found[1], first + size) if found else None


def is_plain(dictionary: bytes, is_jpeg: bool) -> bool:
    """Tell whether a picture is shown as it is stored: without mask, not a stencil, and, for a JPEG, not inverted.

    What PDFium decodes itself (everything but JPEG) it inverts where /Decode says so.

    >>> is_plain(b"<< /Subtype /Image /DecodeParms << /K -1 >> >>", is_jpeg=False)
    True
    >>> is_plain(b"<< /Subtype /Image /Decode [1 0] >>", is_jpeg=True)
    False
    """
    if b"#" in dictionary:
        return False
    names = set(re.findall(rb"/([A-Za-z]+)", dictionary))
    hiding = {b"SMask", b"Mask", b"ImageMask", b"SMaskInData"} | ({b"Decode"} if is_jpeg else set())
    return not names & hiding


def fax_group(dictionary: bytes) -> int | None:
    """Return by which standard a picture is packed as a fax, 3 or 4; None when it is no fax.

    >>> fax_group(b"<< /Filter /CCITTFaxDecode /DecodeParms << /K -1 >> >>"), fax_group(b"<< /Filter /DCTDecode >>")
    (4, None)
    """
    if b"CCITTFaxDecode" not in dictionary and b"/CCF" not in dictionary:
        return None
    return 4 if re.search(rb"/K\s*-", dictionary) else 3
