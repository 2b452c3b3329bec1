"""Picture files with their colours, as they are displayed; what `read` looks at.

Files are told apart, limited and refused as everywhere: through `picture_file` and `raster`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from recognizer.errors import PageError, ScanError
from recognizer.picture_file import PictureScan, opener_for
from recognizer.raster import open_scan
from recognizer.records import PageRef
from recognizer.scan import refuse_large

ColourImage: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) uint8, blue, green, red."""

FIRST_PAGE = PageRef("picture", 1)
"""Which scan it is does not matter here: nothing is remembered of it."""


def load_colours(path: Path) -> ColourImage:
    """Return the one picture of a picture file or PDF, on white where it is transparent.

    A page of a PDF comes in grey.

    Raises:
        ScanError: the file cannot be read, is damaged, of another kind, or holds several pages.
        PageError: the picture is too large.
    """
    opener = _opener(path)
    if opener is None:
        with open_scan(path) as scan:
            _refuse_several(path, scan.page_count)
            scan.check_complete()
            return np.asarray(cv2.cvtColor(scan.load(FIRST_PAGE).pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    with _ColourScan(path, partial(_displayed, opener)) as picture:
        return picture.colours


class _ColourScan(PictureScan):
    """A picture file whose opener gave it as it is displayed."""

    @property
    def colours(self) -> ColourImage:
        return np.ascontiguousarray(np.asarray(self._image)[:, :, ::-1])


def _opener(path: Path) -> Callable[[Path], Any] | None:
    """Return what opens a picture file, or None for other files: `open_scan` knows what to say of those."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    return opener_for(head)


def _displayed(opener: Callable[[Path], Any], path: Path) -> Image.Image:
    """Return the picture upright, in red, green and blue."""
    with opener(path) as image:
        _refuse_several(path, int(getattr(image, "n_frames", 1)))
        try:
            refuse_large(1, *image.size)
        except PageError as error:
            raise PageError(f"{path.name}: {error}") from error
        image.load()
        shown = ImageOps.exif_transpose(image)
        if shown.mode.startswith(("I;16", "I", "F")):
            deep = np.asarray(shown, dtype=np.float64)
            top = 65535.0 if deep.max(initial=0) > 255 else 255.0
            return Image.fromarray(np.clip(deep * (255.0 / top), 0, 255).astype(np.uint8)).convert("RGB")
        if "A" in shown.mode or "transparency" in shown.info:
            clear = shown.convert("RGBA")
            paper = Image.new("RGBA", clear.size, (255, 255, 255, 255))
            shown = Image.alpha_composite(paper, clear)
        return shown.convert("RGB")


def _refuse_several(path: Path, pages: int) -> None:
    if pages > 1:
        raise ScanError(f"{path.name}: holds {pages} pages, expected one picture; save each page as a file of its own")
