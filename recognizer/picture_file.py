"""Pages of picture files: PNG, JPEG, TIFF, WebP, HEIC and AVIF, as they are displayed. Used by `raster.py` only."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from recognizer.errors import PageError, RecognizerError, ScanError
from recognizer.geometry import MM_PER_INCH
from recognizer.pdf_picture import resized_to_use
from recognizer.records import GreyImage, Page, PageRef, PageSource
from recognizer.scan import MAX_PAGE_PIXELS, RESCAN, Renderer, first_line, pixel_hash, refuse_large, refuse_many
from recognizer.tiff_pages import check_tiff

ASSUMED_IMAGE_DPI = 300.0
"""Taken for picture files that do not tell their resolution; only the size shown to people comes from it."""


class PictureScan:
    """An open picture file. A JPEG or PNG is decoded when opened, so that a damaged one is refused at once."""

    def __init__(self, path: Path, opener: Callable[[Path], Any]) -> None:
        self._path = path
        damaged = f"{path.name}: the picture is damaged"
        with _pillow(ScanError, damaged):
            # The plugin classes are named, and not found by Image.open, so that no other format can slip in.
            self._image = opener(path)
        try:
            with _pillow(ScanError, damaged):
                self._pages = int(getattr(self._image, "n_frames", 1))
                refuse_many(path.name, self._pages)
                single = self._pages == 1 and self._image.width * self._image.height <= MAX_PAGE_PIXELS
                self._decoded = _grey(self._image) if single else None
        except ScanError:
            self._image.close()
            raise

    @property
    def page_count(self) -> int:
        """How many pages (frames) the file has."""
        return self._pages

    def check_complete(self) -> None:
        """Check that no page is hidden: each page of a TIFF says where the next one is, and may be damaged there."""
        if isinstance(self._image, TiffImageFile):
            check_tiff(self._path, self._pages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._image.close()

    def load(self, ref: PageRef, renderer: Renderer = Renderer.AUTO) -> Page:  # noqa: ARG002 - pictures need none
        """Return one page (frame) of the file."""
        if not 1 <= ref.number <= self._pages:
            raise PageError(f"page {ref.number}: the scan has {self._pages} pages")
        with _pillow(PageError, f"page {ref.number}: is damaged"):
            if self._decoded is None:
                self._image.seek(ref.number - 1)
                refuse_large(ref.number, *self._image.size)
            pixels = self._decoded if self._decoded is not None else _grey(self._image)
        across, down = _dpi(self._image)
        width, height = pixels.shape[1], pixels.shape[0]
        size_mm = (width / across * MM_PER_INCH, height / down * MM_PER_INCH)
        finest = max(across, down)
        pixels = resized_to_use(pixels, (width * finest / across, height * finest / down))
        return Page(ref, pixels, *size_mm, PageSource.IMAGE, pixel_hash(pixels))


warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Said once and for the process: what Pillow warns of (faulty metadata) is no reason to refuse a picture, and a filter
# set for the moment would not hold where several threads read.

_PILLOW_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, MemoryError),
    UserWarning,
)
"""What Pillow's readers are known to raise on damaged files: they have no base class of their own. (The warning comes
as an error where someone asked for that.)"""


@contextmanager
def _pillow(kind: type[RecognizerError], damaged: str) -> Iterator[None]:
    """Translate Pillow's errors."""
    try:
        yield
    except _PILLOW_ERRORS as error:
        raise kind(f"{damaged} ({first_line(error)}); {RESCAN}") from error


def _tiff(path: Path) -> TiffImageFile:
    image = TiffImageFile(path)
    # Pillow 13 maps the file into memory when it knows its name, and then turns a page by its orientation wrongly.
    image.filename = ""
    return image


OPENERS: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"\xff\xd8\xff", JpegImageFile),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"II+\0", _tiff),
    (b"MM\0+", _tiff),
)

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""How the pictures that phones take begin, after "ftyp" (ISO 23008-12, 10.2)."""


def opener_for(head: bytes) -> Callable[[Path], Any] | None:
    """Return what opens a picture file, told by its first bytes; None for anything else."""
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WebPImageFile
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return AvifImageFile
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return _heif
    return next((opener for signature, opener in OPENERS if head.startswith(signature)), None)


def _heif(path: Path) -> Any:  # noqa: ANN401 - a Pillow plugin
    # Imported when such a file comes: few do, and the library starts threads.
    from pi_heif import HeifImageFile, options

    options.DECODE_THREADS = 1
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    return HeifImageFile(path)


def _dpi(image: Any) -> tuple[float, float]:  # noqa: ANN401 - a Pillow plugin
    """Return the resolution across and down that a file claims, where it is believable."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return ASSUMED_IMAGE_DPI, ASSUMED_IMAGE_DPI
    if not (10 <= across <= 10000 and 10 <= down <= 10000 and 0.25 <= across / down <= 4):
        return ASSUMED_IMAGE_DPI, ASSUMED_IMAGE_DPI
    return across, down


def _grey(image: Image.Image) -> GreyImage:
    """Return a Pillow picture as it is displayed, on white where it is transparent."""
    if image.format == "JPEG":
        image.draft("L", image.size)
    image.load()
    shown = ImageOps.exif_transpose(image)
    if shown.mode.startswith("I;16"):
        return (np.asarray(shown) >> 8).astype(np.uint8)
    if shown.mode in ("I", "F"):
        deep = np.asarray(shown, dtype=np.float32)
        top = 65535.0 if deep.max(initial=0) > 255 else 255.0
        return np.asarray(np.clip(deep * (255.0 / top), 0, 255), dtype=np.uint8)
    if "A" in shown.mode or "transparency" in shown.info:
        clear = shown if shown.mode in ("RGBA", "LA") else shown.convert("RGBA")
        paper = Image.new("L", clear.size, 255)
        shown = Image.composite(clear.convert("L"), paper, clear.getchannel("A"))
    return np.asarray(shown.convert("L"))
