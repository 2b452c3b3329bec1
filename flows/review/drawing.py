"""Draws one page for the screen: upright where it is known how its sheet lies, else as it was scanned."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from flows.review.masking import mask
from recognizer.bend import Laid
from recognizer.geometry import Rect
from recognizer.page_view import as_jpeg, fitting, upright
from recognizer.raster import Renderer, load_page
from recognizer.records import PageRef
from recognizer.template import CONTENT, SheetTemplate

PAPER_MARGIN_MM = 4.0
"""What is shown around the paper: where it ends is seen, and nothing at its edge is cut off."""

CONTENT_MARGIN_MM = 2.0
"""What is shown around the part of a sheet that is not hidden."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How the sheet lies on a page, which sheet it is, and what is shown of it. `mark` tells this fit from others."""

    laid: Laid = field(compare=False)
    template: SheetTemplate = field(compare=False)
    page: int
    masked: bool
    mark: str

    @property
    def area(self) -> Rect:
        """What is shown of the sheet, in its millimetres."""
        return shown_area(self.template, self.page, masked=self.masked)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of a page. Without a `fit` it is shown as it was scanned."""

    path: Path
    ref: PageRef
    renderer: str
    fit: Fit | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as JPEG; `width` and `height` are those of the scanned page in pixels, whatever the picture has."""

    jpeg: bytes
    width: int
    height: int


def fit_of(laid: Laid, template: SheetTemplate, page: int, *, masked: bool) -> Fit:
    """Return a fit with its mark: another registration, template or masking has another one."""
    parts = [laid.mm_to_px.tobytes(), b"" if laid.bend is None else laid.bend.shifts.tobytes()]
    parts.append(f"{template.name} {template.version} {page} {masked}".encode())
    return Fit(laid, template, page, masked, hashlib.sha256(b"|".join(parts)).hexdigest()[:16])


def shown_area(template: SheetTemplate, page: int, *, masked: bool) -> Rect:
    """Return what is shown of a page of a sheet, in millimetres."""
    if masked and not template.is_form:
        return CONTENT.grown(CONTENT_MARGIN_MM)
    return template.pages[page - 1].paper.grown(PAPER_MARGIN_MM)


def draw(wanted: Wanted) -> Picture:
    """Draw a page.

    Raises:
        RecognizerError: the scan cannot be turned into pixels.
        OSError: it cannot be read just now.
    """
    pixels = load_page(wanted.path, wanted.ref, Renderer(wanted.renderer)).pixels
    height, width = pixels.shape
    if (fit := wanted.fit) is None:
        return Picture(as_jpeg(fitting(pixels)), width, height)
    if fit.masked:
        pixels = mask(pixels, fit.laid, fit.template, fit.page)
    return Picture(as_jpeg(upright(pixels, fit.laid, fit.area)), width, height)
