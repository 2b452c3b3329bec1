"""PDFium may be used by one thread at a time, whatever the document."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pypdfium2 as pdfium

from recognizer.errors import PageError
from recognizer.scan import RESCAN

pdfium_lock = threading.RLock()


@contextmanager
def pdfium_errors(number: int) -> Iterator[None]:
    """Hold PDFium's lock, and translate its errors about one page."""
    with pdfium_lock:
        try:
            yield
        except pdfium.PdfiumError as error:
            raise PageError(f"page {number}: is damaged and cannot be drawn ({error}); {RESCAN}") from error
