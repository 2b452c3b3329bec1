"""A page of a PDF or a picture file -> grey pixels; the only door through which scans are read.

A PDF page that is nothing but one picture, which is what scanners write, is not rendered: its picture is decoded
directly (about a fifth of the time), then laid onto the page as the file places it. Everything else is rendered,
through pdf2image where poppler is installed and through PDFium where it is not.
"""

import errno
import hashlib
import math
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import pdf2image
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from recognizer.errors import PageError, ScanError
from recognizer.geometry import MM_PER_INCH
from recognizer.pdf_pages import check_pages, why_nothing_is_drawn
from recognizer.pdf_picture import (
    PagePicture,
    find_dictionary,
    is_plain,
    lay_on_page,
    placement_of,
)
from recognizer.picture_file import OPENERS, PictureScan
from recognizer.records import GreyImage, Page, PageRef, PageSource
from recognizer.scan import MAX_PAGE_PIXELS, RESCAN, Renderer, Scan, first_line, pixel_hash, refuse_large, refuse_many

__all__ = [
    "Renderer",
    "Scan",
    "available_renderer",
    "load_page",
    "open_scan",
    "page_count",
    "scan_digest",
]

RENDER_DPI = 300
"""Resolution at which pages are rendered; a 0.25 mm rule is then 3 pixels wide."""

LONGEST_SIDE_PX = 6300
"""Pages are not rendered larger, and embedded pictures from this size on are halved: A4 at 540 dpi, A3 at 380."""

RENDER_TIMEOUT_S = 60
"""Poppler is stopped after this long on one page: hostile pages can keep a renderer busy for hours."""

DARK_PAGE = 100
"""A page whose middle grey value is below this is not paper, or is inverted by something only a renderer knows."""

LEAST_DARK, MOST_DARK = 0.0005, 0.5
"""Share of dark pixels on a page that shows something: renderers leave pictures they cannot decode white or black."""

MOST_CROPPED = 6.0
"""How many times larger than its page the page's only picture may be; a large scan is sometimes cut in two or four."""

MOST_SQUEEZED = 4.0
"""How many times larger pixels may be drawn in one direction than in the other; those of a fax are, twice."""

MOST_DARK_UNSEEN = 0.005
"""Share of dark pixels that a picture may have on a page that shows none: of a tiny one, little is left when drawn."""

POINTS_PER_INCH = 72.0
_pdfium_lock = threading.RLock()
"""PDFium may be used by one thread at a time, whatever the document."""


def open_scan(path: Path) -> Scan:
    """Open a PDF, PNG, JPEG or TIFF file, told apart by content and not by name.

    Raises:
        ScanError: the file cannot be read, is empty, cut off, needs a password, has no pages, or is none of these.
    """
    try:
        with path.open("rb") as file:
            head = file.read(1024)
            file.seek(0, 2)
            size = file.tell()
            file.seek(max(0, size - 65536))
            tail = file.read()
    except OSError as error:
        raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    if not size:
        raise ScanError(f"{path.name}: is empty (0 bytes); copy the file again")
    if b"%PDF-" in head:
        return _PdfScan(path, tail)
    for signature, opener in OPENERS:
        if head.startswith(signature):
            return PictureScan(path, opener)
    raise ScanError(f"{path.name}: {_what_it_is(path, head)}; expected a PDF, TIFF, JPEG or PNG file")


def load_page(path: Path, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:
    """Open a scan for a single page; `open_scan` is cheaper for several.

    Raises:
        ScanError: as `open_scan`.
        PageError: the page is broken or too large.
    """
    with open_scan(path) as scan:
        return scan.load(ref, renderer)


def page_count(path: Path) -> int:
    """Return how many pages a scan has, having checked that none of them is hidden or lost.

    Raises:
        ScanError: as `open_scan`; or the pages of a damaged file do not add up.
    """
    with open_scan(path) as scan:
        scan.check_complete()
        return scan.page_count


def rendered_pages(data: bytes, dpi: float) -> Iterator[GreyImage]:
    """Render a PDF that we printed ourselves, page by page, at any resolution; simulated sheets are drawn on these.

    Raises:
        PageError: a page is broken.
    """
    with _pdfium_lock:
        document = pdfium.PdfDocument(data)
    try:
        for index in range(len(document)):
            with _pdfium_errors(index + 1):
                page = document[index]
                pixels = _rendered_by_pdfium(page, dpi)
                page.close()
            yield pixels
    finally:
        with _pdfium_lock:
            document.close()


def scan_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex: the identity of a scan.

    Raises:
        ScanError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error


def available_renderer(renderer: Renderer = Renderer.AUTO) -> str:
    """Return which renderer a setting leads to on this machine, "pdf2image" or "pdfium".

    Raises:
        ScanError: pdf2image is demanded, but poppler is not installed.
    """
    poppler = shutil.which("pdftoppm") is not None and shutil.which("pdfinfo") is not None
    if renderer is Renderer.PDF2IMAGE and not poppler:
        raise ScanError(
            "the setting asks for pdf2image, but poppler's pdftoppm and pdfinfo are not on the PATH; install poppler "
            "(Debian and Ubuntu: poppler-utils) or set the renderer to auto or pdfium"
        )
    return "pdfium" if renderer is Renderer.PDFIUM or not poppler else "pdf2image"


def _what_it_is(path: Path, head: bytes) -> str:
    named = f"is named {path.suffix} but holds " if path.suffix else "holds "
    text = not head.strip(bytes(range(32, 127)) + b"\n\r\t\f") or _is_utf8(head)
    return named + ("text" if text else f"something else (it begins with {head[:8].hex(' ')})")


def _is_utf8(head: bytes) -> bool:
    try:
        return "\0" not in head.decode("utf-8")
    except UnicodeDecodeError:
        return False


@contextmanager
def _pdfium_errors(number: int) -> Iterator[None]:
    """Hold PDFium's lock, and translate its errors about one page."""
    with _pdfium_lock:
        try:
            yield
        except pdfium.PdfiumError as error:
            raise PageError(f"page {number}: is damaged and cannot be drawn ({error}); {RESCAN}") from error


def ends_whole(tail: bytes) -> bool:
    """Tell whether a PDF has its end, and no objects after it: then more was to come, and that is cut off."""
    end = tail.rstrip(b"\0 \r\n\t")[-TAIL_BYTES:]
    at = end.rfind(b"%%EOF")
    return at >= 0 and re.search(rb"\d\s+\d+\s+obj\b", end[at:]) is None


TAIL_BYTES = 1024
"""Where the end of a PDF is looked for (PDF 32000-1, Annex H, 3.4.4)."""

HAS_NO_PAGES = re.compile(rb"/Count\s+0\b[^>]*/Type\s*/Pages|/Type\s*/Pages\b[^>]*/Count\s+0\b")
"""The page tree of a PDF without pages."""


class _PdfScan:
    """An open PDF. The document stays on disk; one page is in memory at a time."""

    def __init__(self, path: Path, tail: bytes) -> None:
        self._path = path
        if not ends_whole(tail):
            # PDFium would repair such a file and quietly leave out the pages that are lost.
            raise ScanError(f"{path.name}: the PDF is cut off (its end is missing); copy or scan it again")
        with _pdfium_lock:
            try:
                self._document = pdfium.PdfDocument(path)
                self._pages = len(self._document)
            except pdfium.PdfiumError as error:
                # So that who asks can tell a file out of reach from a damaged one, as with Python's own errors.
                cause = OSError(errno.EIO, str(error)) if error.err_code == pdfium_c.FPDF_ERR_FILE else error
                raise ScanError(f"{path.name}: {_why_closed(error, tail)}") from cause
            except OSError as error:
                raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error
            try:
                if not self._pages:
                    raise ScanError(f"{path.name}: the PDF has no pages; {RESCAN}")
                refuse_many(path.name, self._pages)
            except ScanError:
                self._document.close()
                raise

    @property
    def page_count(self) -> int:
        return self._pages

    def check_complete(self) -> None:
        """Check that the file's list of pages adds up."""
        check_pages(self._path, self._pages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _pdfium_lock:
            self._document.close()

    def load(self, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:
        """Return one page: its picture decoded directly where it is nothing else, rendered where it is more."""
        number = ref.number
        if not 1 <= number <= self._pages:
            raise PageError(f"page {number}: the scan has {self._pages} pages")
        with _pdfium_errors(number):
            page = self._document[number - 1]
        try:
            return self._loaded(page, ref, renderer)
        finally:
            with _pdfium_lock:
                page.close()

    def _loaded(self, page: Any, ref: PageRef, renderer: Renderer) -> Page:  # noqa: ANN401 - PDFium carries no types
        """Return an opened page. The lock is held only where PDFium works: other threads decode meanwhile."""
        with _pdfium_errors(ref.number):
            width, height = (side * MM_PER_INCH / POINTS_PER_INCH for side in page.get_size())
            picture = _only_picture(page, ref.number)
        if picture is not None and self._is_plain(picture, ref.number):
            pixels = lay_on_page(_decode(picture, ref.number), picture.placement)
            if np.median(pixels[::16, ::16]) >= DARK_PAGE:
                return Page(ref, pixels, width, height, PageSource.EMBEDDED, picture.digest)
        pixels, source = self._rendered(page, ref.number, renderer)
        return Page(ref, pixels, width, height, source, pixel_hash(pixels))

    def _is_plain(self, picture: PagePicture, number: int) -> bool:
        """Tell whether the picture has no mask, which PDFium does not tell of: its dictionary in the file is asked."""
        guess = (number - 2) / self._pages
        dictionary = find_dictionary(self._path, picture.data, guess)
        return dictionary is not None and is_plain(dictionary, picture.is_jpeg)

    def _rendered(self, page: Any, number: int, renderer: Renderer) -> tuple[GreyImage, PageSource]:  # noqa: ANN401
        with _pdfium_lock:
            width, height = page.get_size()
        dpi = min(float(RENDER_DPI), LONGEST_SIDE_PX * POINTS_PER_INCH / max(width, height, 1))
        refuse_large(number, width * dpi / POINTS_PER_INCH, height * dpi / POINTS_PER_INCH)
        if available_renderer(renderer) == "pdf2image":
            pixels, source = _rendered_by_poppler(self._path, number, dpi), PageSource.PDF2IMAGE
        else:
            with _pdfium_errors(number):
                pixels, source = _rendered_by_pdfium(page, dpi), PageSource.PDFIUM
        if not LEAST_DARK < (share := _dark_share(pixels)) < MOST_DARK:
            with _pdfium_errors(number):
                # It raises PdfiumError where a picture cannot be decoded: such a page is not blank.
                pictures = [_bitmap(item) for item in page.get_objects(filter=(pdfium_c.FPDF_PAGEOBJ_IMAGE,))]
            dark = sum(_dark_share(picture) > MOST_DARK_UNSEEN for picture in pictures)
            if share <= LEAST_DARK and (reason := why_nothing_is_drawn(self._path, number, len(pictures), dark)):
                raise PageError(f"page {number}: is damaged: {reason}; {RESCAN}")
        return pixels, source


def _why_closed(error: pdfium.PdfiumError, tail: bytes) -> str:
    # First, since PDFium refuses such a file without setting its error code, which is still the last file's.
    if HAS_NO_PAGES.search(tail):
        return f"the PDF has no pages; {RESCAN}"
    if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
        return "the PDF is encrypted and needs a password; save it without one (print it to a new PDF)"
    return f"the PDF is damaged and cannot be opened ({error}); {RESCAN}"


def _rendered_by_pdfium(page: Any, dpi: float) -> GreyImage:  # noqa: ANN401 - PDFium's wrappers carry no types
    bitmap = page.render(scale=dpi / POINTS_PER_INCH, grayscale=True)
    pixels: GreyImage = bitmap.to_numpy().copy()
    return pixels[:, :, 0] if pixels.ndim == 3 else pixels


def _rendered_by_poppler(path: Path, number: int, dpi: float) -> GreyImage:
    try:
        pictures = pdf2image.convert_from_path(
            path,
            dpi=dpi,  # type: ignore[arg-type]  # poppler takes fractions
            first_page=number,
            last_page=number,
            grayscale=True,
            use_cropbox=True,
            timeout=RENDER_TIMEOUT_S,
        )
    except (pdf2image.exceptions.PDFInfoNotInstalledError, FileNotFoundError) as error:
        raise ScanError("pdftoppm cannot be started; install poppler or set the renderer to pdfium") from error
    except pdf2image.exceptions.PDFPopplerTimeoutError as error:
        raise PageError(f"page {number}: took poppler more than {RENDER_TIMEOUT_S} s to draw; {RESCAN}") from error
    except (pdf2image.exceptions.PDFPageCountError, pdf2image.exceptions.PDFSyntaxError, OSError, ValueError) as error:
        raise PageError(f"page {number}: poppler cannot draw it ({first_line(error)}); {RESCAN}") from error
    if not pictures:
        raise PageError(f"page {number}: poppler drew nothing; the page is damaged; {RESCAN}")
    return np.asarray(pictures[0].convert("L"))


def _dark_share(pixels: GreyImage) -> float:
    return float((pixels[::4, ::4] < DARK_PAGE).mean())


def _only_picture(page: Any, number: int) -> PagePicture | None:  # noqa: ANN401
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
    return PagePicture(data, (width, height), is_jpeg, placement, digest.hexdigest(), lambda: _bitmap(item))


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


def _decode(picture: PagePicture, number: int) -> GreyImage:
    """Return the pixels of an embedded picture, halved as often as its placement says.

    Raises:
        PageError: the picture is damaged.
    """
    if not picture.is_jpeg:
        with _pdfium_errors(number):
            pixels = picture.bitmap()
        factor = picture.placement.reduction
        if factor == 1:
            return pixels
        size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if b"\xff\xd9" not in picture.data[-64:]:
        raise PageError(f"page {number}: its picture is cut off (the end of the JPEG is missing); {RESCAN}")
    flags = _JPEG_FLAGS[picture.placement.reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    decoded = cv2.imdecode(np.frombuffer(picture.data, dtype=np.uint8), flags)
    if decoded is None:
        raise PageError(f"page {number}: its picture is damaged and cannot be decoded; {RESCAN}")
    _refuse_other_size(picture, decoded.shape, number)
    return np.asarray(decoded, dtype=np.uint8)


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


def _bitmap(item: Any) -> GreyImage:  # noqa: ANN401
    """Decode a picture object of any compression through PDFium."""
    bitmap = item.get_bitmap()
    pixels = bitmap.to_numpy()
    grey = pixels.copy() if pixels.ndim == 2 else cv2.cvtColor(pixels[:, :, :3], cv2.COLOR_BGR2GRAY)
    return np.asarray(grey, dtype=np.uint8)
