"""A PDF page that is nothing but one picture, as PDFium shows its objects: which picture, and its pixels.

Used by `pdf_scan.py` only, which holds PDFium's lock while a picture is looked for.
"""

import hashlib
import math
from typing import Any

import cv2
import numpy as np
import pypdfium2.raw as pdfium_c

from recognizer.errors import PageError
from recognizer.pdf_picture import PagePicture, fax_group, placement_of
from recognizer.pdfium_lock import pdfium_errors
from recognizer.records import GreyImage
from recognizer.scan import MAX_PAGE_PIXELS, RESCAN, first_line, refuse_large

FAX_ROW_BITS, FAX_GROUP_4_ROW_BITS = 64, 4
"""Bits that a white row of a fax may take, in group 3 and in group 4: more than the longest codes of T.4 and T.6."""

FAX_DOT_BITS = 64
"""Bits that a dark pixel may take, standing alone."""

FAX_BITS_BESIDE = 16_384
"""Bits that a fax may hold beside its rows, as fillers and ends."""

MOST_CROPPED = 6.0
"""How many times larger than its page the page's only picture may be; a large scan is sometimes cut in two or four."""

MOST_SQUEEZED = 4.0
"""How many times larger pixels may be drawn in one direction than in the other; those of a fax are, twice."""


def only_picture(page: Any, number: int) -> PagePicture | None:  # noqa: ANN401
    """Return the picture that a page consists of, or None when there is more to see on it.

    Raises:
        PageError: a picture on the page is too large to be decoded.
    """
    pictures, hidden = [], True
    for item in page.get_objects():
        if item.type == pdfium_c.FPDF_PAGEOBJ_IMAGE:
            refuse_large(number, *item.get_px_size())
            pictures.append(item)
        else:
            hidden = hidden and _is_invisible(item)
    if len(pictures) != 1 or not hidden or pdfium_c.FPDFPage_GetAnnotCount(page) > 0:
        return None
    item = pictures[0]
    if item.level or pdfium_c.FPDFPageObj_HasTransparency(item) or _is_clipped(item, page.get_bbox()):
        return None
    width, height = item.get_px_size()
    _refuse_false_place(number, item.get_matrix().get(), (width, height), page.get_bbox())
    placement = placement_of(item.get_matrix().get(), page.get_bbox(), page.get_rotation(), (width, height))
    if placement is None or placement.page_pixels > MAX_PAGE_PIXELS:
        return None
    about = item.get_metadata()
    if about.colorspace not in _KNOWN_COLOURS:
        return None
    filters = tuple(item.get_filters())
    digest = hashlib.sha256(repr((filters, width, height, about.bits_per_pixel, placement.rounded())).encode())
    data = bytes(item.get_data())
    digest.update(data)
    is_jpeg = filters == ("DCTDecode",) and about.bits_per_pixel in (8, 24)
    return PagePicture(
        data,
        (width, height),
        is_jpeg,
        placement,
        digest.hexdigest(),
        lambda: bitmap_of(item),
    )


_KNOWN_COLOURS = (
    pdfium_c.FPDF_COLORSPACE_DEVICEGRAY,
    pdfium_c.FPDF_COLORSPACE_DEVICERGB,
    pdfium_c.FPDF_COLORSPACE_CALGRAY,
    pdfium_c.FPDF_COLORSPACE_CALRGB,
    pdfium_c.FPDF_COLORSPACE_ICCBASED,
    pdfium_c.FPDF_COLORSPACE_INDEXED,
)


def _refuse_false_place(number: int, matrix: tuple[float, ...], size: tuple[int, int], box: tuple[float, ...]) -> None:
    """Raise PageError when the only picture of a page is drawn as nobody would draw it: a number is damaged.

    What is then seen of it may look like blank paper.
    """
    a, b, c, d = matrix[:4]
    left, bottom, right, top = box
    across, down = math.hypot(a, b) * size[1], math.hypot(c, d) * size[0]
    outside = abs(a * d - b * c) > MOST_CROPPED * (right - left) * (top - bottom)
    if outside or max(across, down) > MOST_SQUEEZED * min(across, down):
        raise PageError(
            f"page {number}: is damaged: its picture of {size[0]} x {size[1]} pixels is drawn {math.hypot(a, b):.0f} x "
            f"{math.hypot(c, d):.0f} points large on a page of {right - left:.0f} x {top - bottom:.0f}; {RESCAN}"
        )


def _is_invisible(item: Any) -> bool:  # noqa: ANN401
    """Tell whether a page object shows nothing: text of a character recognition layer, or a path that only clips."""
    if item.type == pdfium_c.FPDF_PAGEOBJ_TEXT:
        return bool(pdfium_c.FPDFTextObj_GetTextRenderMode(item) == pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE)
    if item.type == pdfium_c.FPDF_PAGEOBJ_PATH:
        filled, stroked = pdfium_c.c_int(), pdfium_c.FPDF_BOOL()
        return bool(
            pdfium_c.FPDFPath_GetDrawMode(item, filled, stroked)
            and filled.value == pdfium_c.FPDF_FILLMODE_NONE
            and not stroked.value
        )
    return bool(item.type == pdfium_c.FPDF_PAGEOBJ_FORM)


def _is_clipped(item: Any, page_box: tuple[float, float, float, float]) -> bool:  # noqa: ANN401
    """Tell whether a clip path hides part of an object; rectangles around the whole page, as scanners write, do not."""
    clip = pdfium_c.FPDFPageObj_GetClipPath(item)
    left, bottom, right, top = page_box
    x, y = pdfium_c.c_float(), pdfium_c.c_float()
    for path in range(max(pdfium_c.FPDFClipPath_CountPaths(clip), 0)):
        for index in range(pdfium_c.FPDFClipPath_CountPathSegments(clip, path)):
            segment = pdfium_c.FPDFClipPath_GetPathSegment(clip, path, index)
            if not pdfium_c.FPDFPathSegment_GetPoint(segment, x, y):
                return True
            if left + 1 < x.value < right - 1 or bottom + 1 < y.value < top - 1:
                return True
    return False


def decode(picture: PagePicture, dictionary: bytes, number: int) -> GreyImage:
    """Return the pixels of an embedded picture, halved as often as its placement says.

    Args:
        picture: the picture.
        dictionary: what the file says of it.
        number: the page, from 1.

    Raises:
        PageError: the picture is damaged.
    """
    if not picture.is_jpeg:
        with pdfium_errors(number):
            pixels = picture.bitmap()
        _refuse_white_fax(len(picture.data), pixels, fax_group(dictionary), number)
        factor = picture.placement.reduction
        if factor == 1:
            return pixels
        size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if b"\xff\xd9" not in picture.data[-64:]:
        raise PageError(f"page {number}: its picture is cut off (the end of the JPEG is missing); {RESCAN}")
    flags = _JPEG_FLAGS[picture.placement.reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(picture.data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise PageError(f"page {number}: its picture cannot be decoded ({first_line(error)}); {RESCAN}") from error
    if decoded is None:
        raise PageError(f"page {number}: its picture is damaged and cannot be decoded; {RESCAN}")
    _refuse_other_size(picture, decoded.shape, number)
    return np.asarray(decoded, dtype=np.uint8)


def _refuse_white_fax(size: int, pixels: GreyImage, group: int | None, number: int) -> None:
    """Raise PageError when a fax weighs far more than what is seen of it: PDFium leaves white what it cannot decode."""
    if group is None:
        return
    row = FAX_GROUP_4_ROW_BITS if group == 4 else FAX_ROW_BITS
    explained = row * len(pixels) + FAX_DOT_BITS * int((pixels < 128).sum()) + FAX_BITS_BESIDE
    if size * 8 > explained:
        raise PageError(f"page {number}: its picture is damaged, and most of it cannot be decoded; {RESCAN}")


def _refuse_other_size(picture: PagePicture, shape: tuple[int, ...], number: int) -> None:
    """Raise PageError when a JPEG is not as large as the PDF says: one of the two is damaged."""
    expected = tuple(-(-side // picture.placement.reduction) for side in picture.size)
    if shape[::-1] != expected:
        raise PageError(
            f"page {number}: is damaged: its picture has {shape[1]} x {shape[0]} pixels where the PDF says "
            f"{expected[0]} x {expected[1]}; {RESCAN}"
        )


_JPEG_FLAGS = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def bitmap_of(item: Any) -> GreyImage:  # noqa: ANN401
    """Decode a picture object of any compression through PDFium."""
    bitmap = item.get_bitmap()
    pixels = bitmap.to_numpy()
    grey = pixels.copy() if pixels.ndim == 2 else cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, dtype=np.uint8)
