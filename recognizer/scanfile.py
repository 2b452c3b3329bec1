"""Writes PDFs the way an office scanner does: one picture a page, stored as it was compressed, nothing else.

Pages go out one at a time, so a file of any length needs the memory of one page. (fpdf2, which prints the sheets,
would keep all of them.)
"""

import io
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

POINTS_PER_INCH = 72
STRIP_OFFSETS = 273
"""TIFF tag that says where the compressed data begin."""

STRIP_BYTES = 279
ROWS_PER_STRIP = 278


@dataclass(frozen=True, slots=True)
class ScannedPicture:
    """One scanned page.

    `data` is either the bytes of a JPEG (grey or colour), stored as they are, or (H, W) bool, True where paper is
    white, stored in black and white (CCITT group 4). The size is in pixels.
    """

    data: bytes | NDArray[np.bool_]
    width_px: int
    height_px: int
    dpi: float


def images_to_pdf(pages: Iterable[ScannedPicture], destination: BinaryIO | Path) -> None:
    """Write one page a picture. The same pictures give the same bytes.

    Args:
        pages: taken one by one and not kept.
        destination: a file open for writing bytes, or a path.

    Raises:
        ValueError: there are no pages (a PDF has at least one), or data that are no JPEG.
    """
    with destination.open("wb") if isinstance(destination, Path) else nullcontext(destination) as file:
        writer = _Writer(file)
        kids = [writer.page(picture) for picture in pages]
        if not kids:
            raise ValueError("a PDF has at least one page")
        writer.finish(kids)


class _Writer:
    """Numbered objects in a row (PDF 1.7, ISO 32000-1, 7.5); objects 1 and 2 are the catalog and the page tree."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._offsets: dict[int, int] = {}
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def page(self, picture: ScannedPicture) -> int:
        first = max(2, *self._offsets, 2) + 1
        width, height = (size / picture.dpi * POINTS_PER_INCH for size in (picture.width_px, picture.height_px))
        entries, data = _encoded(picture)
        size = f"/Width {picture.width_px} /Height {picture.height_px}"
        self._stream(first, f"/Type /XObject /Subtype /Image {size} {entries}", data)
        self._stream(first + 1, "", f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Scan Do Q".encode())
        self._object(
            first + 2,
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.3f} {height:.3f}] /Contents {first + 1} 0 R "
            f"/Resources << /XObject << /Scan {first} 0 R >> >> >>".encode(),
        )
        return first + 2

    def finish(self, kids: list[int]) -> None:
        self._object(1, b"<< /Type /Catalog /Pages 2 0 R >>")
        listed = " ".join(f"{kid} 0 R" for kid in kids)
        self._object(2, f"<< /Type /Pages /Count {len(kids)} /Kids [{listed}] >>".encode())
        start, count = self._position, max(self._offsets) + 1
        self._write(f"xref\n0 {count}\n0000000000 65535 f \n".encode())
        for number in range(1, count):
            self._write(f"{self._offsets[number]:010} 00000 n \n".encode())
        self._write(f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())

    def _stream(self, number: int, entries: str, data: bytes) -> None:
        head = f"<< {entries} /Length {len(data)} >>\nstream\n".encode()
        self._object(number, head + data + b"\nendstream")

    def _object(self, number: int, body: bytes) -> None:
        self._offsets[number] = self._position
        self._write(f"{number} 0 obj\n".encode() + body + b"\nendobj\n")

    def _write(self, data: bytes) -> None:
        self._position += self._file.write(data)


def _encoded(picture: ScannedPicture) -> tuple[str, bytes]:
    """Return the dictionary entries and the data of a picture's stream."""
    if isinstance(picture.data, bytes):
        space = "/DeviceGray" if _jpeg_channels(picture.data) == 1 else "/DeviceRGB"
        return f"/ColorSpace {space} /BitsPerComponent 8 /Filter /DCTDecode", picture.data
    parameters = f"<< /K -1 /Columns {picture.width_px} /Rows {picture.height_px} >>"
    entries = f"/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode /DecodeParms {parameters}"
    return entries, _group4(picture.data)


def _jpeg_channels(data: bytes) -> int:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as picture:
        return len(picture.getbands())


def _group4(white: NDArray[np.bool_]) -> bytes:
    """Return a black and white picture as CCITT group 4 (ITU-T T.6), taken out of a TIFF of one strip.

    Pillow's TIFF codes its ones, meant as white, as black runs; a PDF draws black runs black. So ink is passed as ones.
    """
    height = len(white)
    picture = Image.fromarray(np.where(white, np.uint8(0), np.uint8(255))).convert("1", dither=Image.Dither.NONE)
    file = io.BytesIO()
    picture.save(file, format="TIFF", compression="group4", tiffinfo={ROWS_PER_STRIP: height})
    with Image.open(file, formats=["TIFF"]) as tiff:
        assert isinstance(tiff, TiffImagePlugin.TiffImageFile)
        tags = tiff.tag_v2
        start, length = tags[STRIP_OFFSETS][0], tags[STRIP_BYTES][0]
    return file.getvalue()[start : start + length]
