"""Pages of a PDF: their one picture decoded directly, or drawn by poppler or PDFium. Used by `raster.py` only."""

import errno
import math
import os
import re
import shutil
import time
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
from recognizer.file_ends import pdf_ends_whole
from recognizer.geometry import MM_PER_INCH
from recognizer.only_picture import bitmap_of, decode, only_picture
from recognizer.pdf_pages import check_pages, why_nothing_is_drawn
from recognizer.pdf_picture import PagePicture, find_dictionary, is_plain, lay_on_page
from recognizer.pdf_work import AS_PICTURE, PageWork
from recognizer.pdfium_lock import pdfium_errors, pdfium_lock
from recognizer.records import GreyImage, Page, PageRef, PageSource
from recognizer.scan import RESCAN, Renderer, first_line, pixel_hash, refuse_large, refuse_many

RENDER_DPI = 300
"""Resolution at which pages are rendered; a 0.25 mm rule is then 3 pixels wide."""

POPPLER_OPEN_TIMEOUT_S = 2
"""Poppler may take this long to open a file: it does so in some hundredths of a second."""

LONGEST_SIDE_POINTS = 14_400
"""A page larger than this is no page (PDF 32000-1, Annex C): five metres."""

LONGEST_SIDE_PX = 6300
"""Pages are not rendered larger, and embedded pictures from this size on are halved: A4 at 540 dpi, A3 at 380."""

RENDER_TIMEOUT_S = 5.0
"""Poppler is stopped after this long on one page: hostile pages can keep a renderer busy for hours. An honest page
takes it a third of a second, the largest that is read two. On a machine that has more to do than it has cores, it may
take as much longer, up to `MOST_CROWDED` times."""

MOST_CROWDED = 3.0
"""So that a worker's own clock on the wall, 17 seconds or more, never ends poppler first."""

PDFIUM_SECONDS = 2.5
"""Seconds of computing after which PDFium is stopped on one page. An honest page takes it a tenth of a second, the
largest half a second, and the most strokes that a page may have one."""

DARK_PAGE = 100
"""A page whose middle grey value is below this is not paper, or is inverted by something only a renderer knows."""

LEAST_DARK, MOST_DARK = 0.0005, 0.5
"""Share of dark pixels on a page that shows something: renderers leave pictures they cannot decode white or black."""

MOST_DARK_UNSEEN = 0.005
"""Share of dark pixels that a picture may have on a page that shows none: of a tiny one, little is left when drawn."""

AFAR_PX = 1200
"""Longest side at which a picture is looked at for that, about 100 dpi."""

POINTS_PER_INCH = 72.0


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


def rendered_pages(data: bytes, dpi: float) -> Iterator[GreyImage]:
    """Render a PDF that we printed ourselves, page by page, at any resolution; simulated sheets are drawn on these.

    Raises:
        PageError: a page is broken.
    """
    with pdfium_lock:
        document = pdfium.PdfDocument(data)
    try:
        for index in range(len(document)):
            with pdfium_errors(index + 1):
                page = document[index]
                pixels = _rendered_by_pdfium(page, dpi, index + 1)
                page.close()
            yield pixels
    finally:
        with pdfium_lock:
            document.close()


HAS_NO_PAGES = re.compile(rb"/Count\s+0\b[^>]*/Type\s*/Pages|/Type\s*/Pages\b[^>]*/Count\s+0\b")
"""The page tree of a PDF without pages."""


class PdfScan:
    """An open PDF. The document stays on disk; one page is in memory at a time."""

    def __init__(self, path: Path, tail: bytes) -> None:
        self._path = path
        self._work = PageWork(path)
        self._opens_in_poppler = False
        self._found = (0, 0)
        """The page whose picture was found last in the file, and where that ends: only a hint."""
        if not pdf_ends_whole(tail):
            # PDFium would repair such a file and quietly leave out the pages that are lost.
            raise ScanError(f"{path.name}: the PDF is cut off (its end is missing); copy or scan it again")
        with pdfium_lock:
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
        """How many pages the file has."""
        return self._pages

    def check_complete(self) -> None:
        """Check that the file's list of pages adds up."""
        check_pages(self._path, self._pages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._work.close()
        with pdfium_lock:
            self._document.close()

    def load(self, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:
        """Return one page: its picture decoded directly where it is nothing else, rendered where it is more."""
        number = ref.number
        if not 1 <= number <= self._pages:
            raise PageError(f"page {number}: the scan has {self._pages} pages")
        self._work.refuse_much(number)
        with pdfium_errors(number):
            page = self._document[number - 1]
        try:
            return self._loaded(page, ref, renderer)
        finally:
            with pdfium_lock:
                page.close()

    def _loaded(self, page: Any, ref: PageRef, renderer: Renderer) -> Page:  # noqa: ANN401 - PDFium carries no types
        """Return an opened page. The lock is held only where PDFium works: other threads decode meanwhile."""
        with pdfium_errors(ref.number):
            width, height = (side * MM_PER_INCH / POINTS_PER_INCH for side in page.get_size())
            _refuse_vast(ref.number, *page.get_size())
            picture = only_picture(page, ref.number)
        if picture is not None and (about := self._plain(picture, ref.number)) is not None:
            pixels = lay_on_page(decode(picture, about, ref.number), picture.placement)
            sample = pixels[::16, ::16]
            if 2 * np.count_nonzero(sample < DARK_PAGE) < sample.size:
                return Page(ref, pixels, width, height, PageSource.EMBEDDED, picture.digest)
        pixels, source = self._rendered(page, ref.number, renderer)
        return Page(ref, pixels, width, height, source, pixel_hash(pixels))

    def _plain(self, picture: PagePicture, number: int) -> bytes | None:
        """Return the dictionary of a picture without mask; None when it has one, which PDFium does not tell of."""
        last, end = self._found
        # Scanners write page after page; for one out of turn, a guess.
        start = end if last == number - 1 else self._path.stat().st_size * (number - 2) // self._pages
        found = find_dictionary(self._path, picture.data, start)
        if found is None:
            return None
        dictionary, end = found
        self._found = (number, end)
        return dictionary if is_plain(dictionary, picture.is_jpeg) else None

    def _rendered(self, page: Any, number: int, renderer: Renderer) -> tuple[GreyImage, PageSource]:  # noqa: ANN401
        with pdfium_lock:
            width, height = page.get_size()
        dpi = min(float(RENDER_DPI), LONGEST_SIDE_PX * POINTS_PER_INCH / max(width, height, 1))
        refuse_large(number, width * dpi / POINTS_PER_INCH, height * dpi / POINTS_PER_INCH)
        if available_renderer(renderer) == "pdf2image":
            pixels, source = self._rendered_by_poppler(number, dpi), PageSource.PDF2IMAGE
        else:
            with pdfium_errors(number):
                pixels, source = _rendered_by_pdfium(page, dpi, number, PDFIUM_SECONDS), PageSource.PDFIUM
        if not LEAST_DARK < (share := _dark_share(pixels)) < MOST_DARK:
            with pdfium_errors(number):
                items = page.get_objects(filter=(pdfium_c.FPDF_PAGEOBJ_IMAGE,))
                # It raises PdfiumError where a picture cannot be decoded: such a page is not blank.
                dark = [_dark_share(_seen_from_afar(bitmap_of(item))) > MOST_DARK_UNSEEN for item in items]
            if share <= LEAST_DARK and (reason := why_nothing_is_drawn(self._path, number, len(dark), sum(dark))):
                raise PageError(f"page {number}: is damaged: {reason}; {RESCAN}")
        return pixels, source

    def _rendered_by_poppler(self, number: int, dpi: float) -> GreyImage:
        with _poppler_errors(number):
            if not self._opens_in_poppler:
                # Asked here, in limited time: pdf2image asks again, and would wait for ever.
                pdf2image.pdfinfo_from_path(str(self._path), timeout=POPPLER_OPEN_TIMEOUT_S)
                self._opens_in_poppler = True
            pictures = pdf2image.convert_from_path(
                self._path,
                dpi=dpi,  # type: ignore[arg-type]  # poppler takes fractions
                first_page=number,
                last_page=number,
                grayscale=True,
                use_cropbox=True,
                timeout=RENDER_TIMEOUT_S * _crowded(),  # type: ignore[arg-type]  # handed on to subprocess
            )
        if not pictures:
            raise PageError(f"page {number}: poppler drew nothing; the page is damaged; {RESCAN}")
        return np.asarray(pictures[0].convert("L"))


def _refuse_vast(number: int, width: float, height: float) -> None:
    if not (0 < width <= LONGEST_SIDE_POINTS + 1 and 0 < height <= LONGEST_SIDE_POINTS + 1):
        raise PageError(
            f"page {number}: is damaged: the PDF says it is {width:.0f} x {height:.0f} points large, and no page is "
            f"larger than {LONGEST_SIDE_POINTS}; {RESCAN}"
        )


@contextmanager
def _poppler_errors(number: int) -> Iterator[None]:
    """Translate the errors of pdf2image, and of Pillow that opens what poppler drew."""
    try:
        yield
    except (pdf2image.exceptions.PDFInfoNotInstalledError, FileNotFoundError) as error:
        raise ScanError("pdftoppm cannot be started; install poppler or set the renderer to pdfium") from error
    except pdf2image.exceptions.PDFPopplerTimeoutError as error:
        limit = f"at most {RENDER_TIMEOUT_S:g} s"
        raise PageError(f"page {number}: takes poppler too long to draw ({limit}); {AS_PICTURE}") from error
    except (pdf2image.exceptions.PDFPageCountError, pdf2image.exceptions.PDFSyntaxError, OSError, ValueError) as error:
        raise PageError(f"page {number}: poppler cannot draw it ({first_line(error)}); {RESCAN}") from error


def _crowded() -> float:
    """Return how many times longer the clock on the wall may run than the work of a process takes, at least 1."""
    return min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), MOST_CROWDED)


def _why_closed(error: pdfium.PdfiumError, tail: bytes) -> str:
    # First, since PDFium refuses such a file without setting its error code, which is still the last file's.
    if HAS_NO_PAGES.search(tail):
        return f"the PDF has no pages; {RESCAN}"
    if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
        return "the PDF is encrypted and needs a password; save it without one (print it to a new PDF)"
    return f"the PDF is damaged and cannot be opened ({error}); {RESCAN}"


def _rendered_by_pdfium(page: Any, dpi: float, number: int, seconds: float = math.inf) -> GreyImage:  # noqa: ANN401
    """Draw a page as `page.render(scale=…, grayscale=True)` does, but look at the clock between its objects.

    Raises:
        PageError: it takes more seconds of computing than it may.
    """
    width, height = (math.ceil(side * dpi / POINTS_PER_INCH) for side in page.get_size())
    bitmap = pdfium.PdfBitmap.new_native(width, height, pdfium_c.FPDFBitmap_Gray)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    end = time.thread_time() + seconds
    asks = dict(pdfium_c.IFSDK_PAUSE._fields_)["NeedToPauseNow"](lambda _: time.thread_time() > end)
    pause = pdfium_c.IFSDK_PAUSE(version=1, NeedToPauseNow=asks)
    flags = pdfium_c.FPDF_GRAYSCALE | pdfium_c.FPDF_ANNOT
    state = pdfium_c.FPDF_RenderPageBitmap_Start(bitmap, page, 0, 0, width, height, 0, flags, pause)
    pdfium_c.FPDF_RenderPage_Close(page)
    if state == pdfium_c.FPDF_RENDER_TOBECONTINUED:
        raise PageError(f"page {number}: takes PDFium too long to draw (at most {seconds:g} s); {AS_PICTURE}")
    if state != pdfium_c.FPDF_RENDER_DONE:
        raise pdfium.PdfiumError(f"drawing ended in state {state}")
    pixels: GreyImage = bitmap.to_numpy().copy()
    return pixels[:, :, 0] if pixels.ndim == 3 else pixels


def _seen_from_afar(pixels: GreyImage) -> GreyImage:
    """Return a picture as it is left when drawn small: what is thin in it grows pale."""
    factor = max(pixels.shape) / AFAR_PX
    if factor <= 1:
        return pixels
    size = (max(round(pixels.shape[1] / factor), 1), max(round(pixels.shape[0] / factor), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _dark_share(pixels: GreyImage) -> float:
    return float((pixels[::4, ::4] < DARK_PAGE).mean())
