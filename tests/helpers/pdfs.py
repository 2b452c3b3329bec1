"""Builds PDFs of scanned pages, good and bad, object by object."""

import re
import struct
from collections.abc import Mapping
from io import BytesIO
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pikepdf
from PIL import Image

from recognizer.records import GreyImage
from recognizer.scanfile import ScannedPicture, _group4, images_to_pdf

A4_POINTS = (595.276, 841.89)
FULL_PAGE = (A4_POINTS[0], 0.0, 0.0, A4_POINTS[1], 0.0, 0.0)


def jpeg(pixels: np.ndarray, quality: int = 85) -> bytes:
    """Encode grey or colour (BGR) pixels."""
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def jpeg_picture(pixels: np.ndarray, **entries: Any) -> "Picture":
    """Return grey or colour pixels as a picture for `picture_pdf`."""
    colours = "/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB"
    return Picture(
        jpeg(pixels), pixels.shape[1], pixels.shape[0], {"Filter": "/DCTDecode", "ColorSpace": colours, **entries}
    )


def fax_picture(pixels: GreyImage, **entries: Any) -> "Picture":
    """Return black and white pixels as a CCITT group 4 picture."""
    height, width = pixels.shape
    file = BytesIO()
    Image.fromarray(pixels).convert("1").save(file, "TIFF", compression="group4", strip_size=width * height)
    with Image.open(BytesIO(file.getvalue())) as tiff:
        offset, size = tiff.tag_v2[273][0], tiff.tag_v2[279][0]
        # Where black is zero, as Pillow stores it, the runs that the code calls black are white.
        inverted = tiff.tag_v2[262] == 1
    parameters = pikepdf.Dictionary(K=-1, Columns=width, Rows=height, BlackIs1=inverted)
    standard = {
        "Filter": "/CCITTFaxDecode",
        "DecodeParms": parameters,
        "ColorSpace": "/DeviceGray",
        "BitsPerComponent": 1,
    }
    return Picture(file.getvalue()[offset : offset + size], width, height, {**standard, **entries})


def jbig2_picture(pixels: GreyImage) -> "Picture":
    """Return black and white pixels as JBIG2 (ITU-T T.88): a page of one generic region, coded like a fax."""
    height, width = pixels.shape
    page = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", width, height, 0, 0, 0, 1) + _group4(pixels >= 128)
    data = b"".join(
        struct.pack(">IBBBI", number, kind, 0, 1, len(part)) + part
        for number, (kind, part) in enumerate(((48, page), (38, region)))
    )
    return Picture(data, width, height, {"Filter": "/JBIG2Decode", "ColorSpace": "/DeviceGray", "BitsPerComponent": 1})


def jpeg2000_picture(pixels: GreyImage) -> "Picture":
    """Return grey pixels as JPEG 2000."""
    data = cv2.imencode(".jp2", pixels)[1].tobytes()
    return Picture(data, pixels.shape[1], pixels.shape[0], {"Filter": "/JPXDecode", "ColorSpace": "/DeviceGray"})


def flat_picture(pixels: GreyImage, **entries: Any) -> "Picture":
    """Return grey pixels as an uncompressed picture (pikepdf deflates it)."""
    return Picture(pixels.tobytes(), pixels.shape[1], pixels.shape[0], {"ColorSpace": "/DeviceGray", **entries})


class Picture:
    """The stored bytes of a picture and the entries of its dictionary."""

    def __init__(self, data: bytes, width: int, height: int, entries: Mapping[str, Any]) -> None:
        self.data = data
        self.entries = {"Width": width, "Height": height, "BitsPerComponent": 8, **entries}

    def stored_in(self, pdf: pikepdf.Pdf) -> pikepdf.Stream:
        stream = pikepdf.Stream(pdf, self.data)
        stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        for key, value in self.entries.items():
            if isinstance(value, Picture):
                stream[f"/{key}"] = value.stored_in(pdf)
            else:
                stream[f"/{key}"] = pikepdf.Name(value) if isinstance(value, str) else value
        return stream


def picture_pdf(
    *pictures: Picture,
    matrix: tuple[float, ...] = FULL_PAGE,
    rotate: int = 0,
    box: tuple[float, float, float, float] | None = None,
    crop: tuple[float, float, float, float] | None = None,
    before: bytes = b"",
    after: bytes = b"",
    **save: Any,
) -> bytes:
    """Return a PDF with one picture a page; `before` and `after` are drawn around it (font /F1 is there)."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    )
    for picture in pictures:
        numbers = " ".join(f"{value:.6f}" for value in matrix).encode()
        content = before + b" q " + numbers + b" cm /Im0 Do Q " + after
        page = pikepdf.Dictionary(
            Type=pikepdf.Name.Page,
            MediaBox=list(box or (0, 0, *A4_POINTS)),
            Resources=pikepdf.Dictionary(
                XObject=pikepdf.Dictionary(Im0=picture.stored_in(pdf)), Font=pikepdf.Dictionary(F1=font)
            ),
            Contents=pikepdf.Stream(pdf, content),
            Rotate=rotate,
        )
        if crop:
            page.CropBox = list(crop)
        pdf.pages.append(pikepdf.Page(pdf.make_indirect(page)))
    return _saved(pdf, **save)


def pieces_pdf(pixels: GreyImage, rows: int, columns: int, rotate: int = 0) -> bytes:
    """Return a PDF whose page is put together from strips or tiles, as large-format and fast scanners write them."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=A4_POINTS)
    height, width = pixels.shape
    ends = (
        [round(height * row / rows) for row in range(rows + 1)],
        [round(width * at / columns) for at in range(columns + 1)],
    )
    things, contents = pikepdf.Dictionary(), b""
    for top, bottom in pairwise(ends[0]):
        for left, right in pairwise(ends[1]):
            name = f"/P{top}_{left}"
            things[name] = jpeg_picture(np.ascontiguousarray(pixels[top:bottom, left:right])).stored_in(pdf)
            across, down = A4_POINTS[0] / width, A4_POINTS[1] / height
            place = ((right - left) * across, (bottom - top) * down, left * across, (height - bottom) * down)
            contents += b"q %.4f 0 0 %.4f %.4f %.4f cm %s Do Q\n" % (*place, name.encode())
    page.obj.Resources = pikepdf.Dictionary(XObject=things)
    page.obj.Contents = pikepdf.Stream(pdf, contents)
    page.obj.Rotate = rotate
    return _saved(pdf)


def drawn_pdf(contents: bytes, size: tuple[float, float] = A4_POINTS) -> bytes:
    """Return a PDF of one page that is drawn and holds no picture."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=size)
    page.obj.Contents = pikepdf.Stream(pdf, contents)
    return _saved(pdf)


def scanned_pdf(pages: int = 3, *, fax: bool = False) -> bytes:
    """Return small pages with random blots, written as a scanner does: what is no picture can be read as text."""
    pictures = []
    for number in range(pages):
        pixels = np.full((300, 212), 240, np.uint8)
        random = np.random.default_rng(number)
        for x, y in zip(random.integers(20, 180, 30), random.integers(20, 260, 30), strict=True):
            pixels[y : y + 12, x : x + 12] = 0
        pictures.append(ScannedPicture(pixels > 128 if fax else jpeg(pixels), 212, 300, 25.4))
    file = BytesIO()
    images_to_pdf(pictures, file)
    return file.getvalue()


def readable_bytes(data: bytes) -> list[int]:
    """Return where the bytes of a PDF are that belong to no picture: its dictionaries, tables and contents."""
    pictures = [found.span(1) for found in re.finditer(rb"/Subtype /Image.*?stream\n(.*?)\nendstream", data, re.DOTALL)]
    return [at for at in range(len(data)) if not any(first <= at < end for first, end in pictures)]


def empty_pdf() -> bytes:
    """Return a PDF without pages."""
    return _saved(pikepdf.new())


def _saved(pdf: pikepdf.Pdf, **save: Any) -> bytes:
    file = BytesIO()
    pdf.save(file, **save)
    return file.getvalue()
