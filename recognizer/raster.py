"""A page of a PDF or a picture file -> grey pixels; the only door through which scans are read.

A PDF page that is nothing but one picture, which is what scanners write, is not rendered: its picture is decoded
directly (about a fifth of the time), then laid onto the page as the file places it. Everything else is rendered,
through pdf2image where poppler is installed and through PDFium where it is not.
"""

import hashlib
from pathlib import Path

from recognizer.errors import ScanError
from recognizer.pdf_scan import PdfScan, available_renderer, rendered_pages
from recognizer.picture_file import PictureScan, opener_for
from recognizer.records import Page, PageRef
from recognizer.scan import Renderer, Scan

__all__ = [
    "Renderer",
    "Scan",
    "available_renderer",
    "load_page",
    "open_scan",
    "page_count",
    "rendered_pages",
    "scan_digest",
]


def open_scan(path: Path) -> Scan:
    """Open a PDF or a picture file, told apart by content and not by name.

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
        return PdfScan(path, tail)
    if opener := opener_for(head):
        return PictureScan(path, opener)
    raise ScanError(f"{path.name}: {_what_it_is(path, head)}; expected a PDF, TIFF, JPEG, PNG, WebP, HEIC or AVIF file")


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


def _what_it_is(path: Path, head: bytes) -> str:
    named = f"is named {path.suffix} but holds " if path.suffix else "holds "
    text = not head.strip(bytes(range(32, 127)) + b"\n\r\t\f") or _is_utf8(head)
    return named + ("text" if text else f"something else (it begins with {head[:8].hex(' ')})")


def _is_utf8(head: bytes) -> bool:
    try:
        return "\0" not in head.decode("utf-8")
    except UnicodeDecodeError:
        return False
