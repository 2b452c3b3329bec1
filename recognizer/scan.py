"""What every kind of scan has in common: how it is used, and what is refused before anything is decoded."""

import hashlib
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from recognizer.errors import PageError, ScanError
from recognizer.records import GreyImage, Page, PageRef

MAX_PAGE_PIXELS = 80_000_000
"""Pixels a page may hold before anything is decoded: A3 at 600 dpi has 70 million. A grey page of 80 MB fits memory."""

MAX_PAGES = 10_000
"""Pages a file may hold: a day's work of a large scanner. A file that claims more is a mistake or an attack."""

RESCAN = "scan the pages again or ask for the original file"
"""What to try when a file or a page is damaged."""


class Renderer(StrEnum):
    """What renders pages that are more than one picture."""

    AUTO = "auto"
    PDF2IMAGE = "pdf2image"
    PDFIUM = "pdfium"


class Scan(Protocol):
    """An open scan: a PDF or a picture file. Use it as a context manager."""

    @property
    def page_count(self) -> int:
        """How many pages the file has, at least 1."""
        ...

    def check_complete(self) -> None:
        """Check that no page of the file is hidden or lost; asked once a file, since it takes longer than opening it.

        Raises:
            ScanError: pages are missing, or nobody can tell.
        """
        ...

    def load(self, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:
        """Return one page as grey pixels, the way up it is displayed.

        Raises:
            PageError: the page is broken or too large.
            ScanError: the renderer asked for is not installed.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def refuse_large(number: int, width: float, height: float) -> None:
    """Raise PageError for a page of more pixels than are read; called with sizes from headers, before decoding."""
    if width * height > MAX_PAGE_PIXELS:
        raise PageError(
            f"page {number}: {width:.0f} x {height:.0f} pixels are {width * height / 1e6:.0f} million, at most "
            f"{MAX_PAGE_PIXELS / 1e6:.0f} million are read; scan at 300 dpi"
        )


def refuse_many(name: str, pages: int) -> None:
    """Raise ScanError for a file of more pages than are read."""
    if pages > MAX_PAGES:
        raise ScanError(f"{name}: holds {pages} pages or more, at most {MAX_PAGES} are read; split the file")


def pixel_hash(pixels: GreyImage) -> str:
    """Return the SHA-256 of a page's pixels and their arrangement, in hex."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind when it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
