"""The map: every record that travels between stages. Read this first.

    scan ─load_page─► Page ─register─► RegisteredPage ─crop_boxes─► BoxCrop…
      ─isolate─► Glyph… ─classify─► probabilities… ─decode─► Reading ─judge─► Decision      = PageResult
      (any RecognizerError on the way ─► PageFailure)                PageOutcome = PageResult | PageFailure

All records are frozen and slotted. Arrays carry shape, dtype and polarity in their alias.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import apply_homography

if TYPE_CHECKING:
    from recognizer.bend import Bend
    from recognizer.geometry import Homography, Points, Rect
    from recognizer.template import SheetTemplate

GreyImage: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8, 0 black ink to 255 white paper."""

GlyphImage: TypeAlias = NDArray[np.float32]
"""(28, 28, 2) float32, 0.0 paper to 1.0 ink, one character centred the way MNIST centres it. The first channel is its
ink alone, the second everything in the same window: rules, neighbours, and what was taken for them."""

GlyphStack: TypeAlias = NDArray[np.float32]
"""(N, 28, 28, 2) float32, as in `GlyphImage`; N may be 0."""

StripImage: TypeAlias = NDArray[np.float32]
"""(48, 120, 2) float32, 0.0 paper to 1.0 ink, all writing of a cell in the middle; channels as in `GlyphImage`."""

StripStack: TypeAlias = NDArray[np.float32]
"""(N, 48, 120, 2) float32, as in `StripImage`; N may be 0."""

MarkStack: TypeAlias = NDArray[np.float32]
"""(N, 32, 32) float32, 0.0 paper to 1.0 ink, one tick box or bubble each; N may be 0."""

SymbolSteps: TypeAlias = NDArray[np.float32]
"""(N, T, 1 + S) float32, for T places from left to right how likely each of `SYMBOLS` begins there; first comes "none"
(what the literature calls the blank of CTC). Each row sums to 1."""

Probabilities: TypeAlias = NDArray[np.float32]
"""(N, C) float32, C classes in the order of `CLASSES`; each row sums to 1."""

CLASSES: tuple[str, ...] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", "blank", "cancelled", "other")
"""What the ink of one box can be. `blank` is ink that nobody wrote: remains of rules, dust, a ghost. `cancelled` is
struck out or scribbled over. `other` is whatever else must not be forced into a character: letters, ticks, two
digits."""

SYMBOLS: tuple[str, ...] = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", ".", "½", "A", "B", "S", "#")
"""What stands in a number cell, from left to right. `.` is a point or a comma; `½` a half in whatever form; `A`, `B`,
`S` make "AB" or "abs", for absent; `#` is everything that is no part of a number, or was cancelled."""

MARKS: tuple[str, ...] = ("empty", "marked", "cancelled")
"""What a tick box or bubble can be."""


class PageOutcomeKind(StrEnum):
    """What became of a page. The counts of these add up to the pages that came in."""

    READ = "read"
    BLANK = "blank"
    FAILED = "failed"
    DUPLICATE = "duplicate"
    HELD = "held"
    FOREIGN = "foreign"


class PageSource(StrEnum):
    """How a page became pixels."""

    EMBEDDED = "embedded"
    PDF2IMAGE = "pdf2image"
    PDFIUM = "pdfium"
    IMAGE = "image"


class ValueState(StrEnum):
    """The three states of a field, never confused. Unsettled is never zero and never blank."""

    VALUE = "value"
    BLANK = "blank"
    UNSETTLED = "unsettled"


class Flag(StrEnum):
    """Why a person has to look at a field."""

    UNSURE = "unsure"
    UNREADABLE = "unreadable"
    FAINT = "faint"
    NOT_ALLOWED = "not_allowed"
    INCOMPLETE = "incomplete"
    SEVERAL_MARKED = "several_marked"
    CANCELLED = "cancelled"
    BLANK_MARK = "blank_mark"
    BLANK_ID = "blank_id"
    DOUBTED = "doubted"
    SUM = "sum"
    WHO = "who"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page by content: the SHA-256 of the scan's bytes and the page number, from 1."""

    scan: str
    number: int


@dataclass(frozen=True, slots=True)
class Page:
    """Grey pixels of one scanned page.

    `width_mm`, `height_mm` are the size that the file claims for the page; nothing later relies on them.
    `picture_hash` is the SHA-256 of the page's picture: equal for one picture scanned once but filed twice.
    """

    ref: PageRef
    pixels: GreyImage
    width_mm: float
    height_mm: float
    source: PageSource
    picture_hash: str


@dataclass(frozen=True, slots=True)
class SheetIdentity:
    """What the printed codes of one page say. `page` counts from 1; `serial` is the printed copy, None when unknown.

    A cover sheet names its `batch`; its serial is the number of papers behind it.
    """

    exam: str
    template: str
    version: int
    page: int
    serial: int | None
    batch: str = ""


@dataclass(frozen=True, slots=True)
class HandPlacement:
    """Where a person says that a sheet lies on a page that could not be registered, and which sheet it is.

    `corners` are pixels of the page as it is displayed, top left, top right, bottom right and bottom left of the sheet
    (`placing.points_to_place` says which points of it), in a picture of `width` x `height`: another renderer may give
    the page another size.
    """

    ref: PageRef
    template: str
    version: int
    page: int
    serial: int | None
    corners: tuple[tuple[float, float], ...]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class RegisteredPage:
    """A page with its template laid over it.

    `mm_to_px` maps template millimetres to page pixels (the centre of the first pixel is at 0); `error_mm` is measured:
    how far the printed rules of the worst part of the page, or the corner marks, lie from where they should be;
    `marks_found` is 2, 3 or 4, 0 for a page that a person placed; `identified_by` is "qr", "marks" or "hand". Paper
    that does not lie flat has a `bend`, which comes before the homography: `to_px` does both.
    """

    page: Page
    template: "SheetTemplate"
    identity: SheetIdentity
    mm_to_px: "Homography"
    error_mm: float
    marks_found: int
    identified_by: str
    bend: "Bend | None" = None

    def to_px(self, points_mm: "Points") -> "Points":
        """Map template millimetres (N, 2) to page pixels (N, 2)."""
        flat = points_mm if self.bend is None else self.bend.flattened(points_mm)
        return apply_homography(self.mm_to_px, flat)


@dataclass(frozen=True, slots=True)
class BoxCrop:
    """One printed box with its surroundings, upright, warped straight from the scan.

    `outline` is the printed box in crop pixels, after it was snapped to the rules that are really there.
    `position` counts from 1 within the field, as in `template.Box`. `sides_seen` tells how many of its four printed
    sides were found: with none, something covers the box (bubbles are not looked at and count as seen). `cut_at` are
    the columns at which somebody cut the picture off, left and right: what touches them may go on outside. Crops of a
    page show enough around the box and have none. `cut_through` tells that a picture of a tick box or bubble shows
    parts at its edge and nothing in its middle: nobody can say which box is meant.
    """

    field: str
    position: int
    pixels: GreyImage
    px_per_mm: float
    outline: "Rect"
    sides_seen: int = 4
    cut_at: tuple[int, int] | None = None
    cut_through: bool = False


@dataclass(frozen=True, slots=True)
class Glyph:
    """The ink of one box, ready to classify, and where it lay in its crop (pixels)."""

    image: GlyphImage
    bounds: "Rect"


@dataclass(frozen=True, slots=True)
class Strip:
    """All ink of one cell, ready to read, and where it lay.

    `x` (crop pixels) is the place of the strip's left edge, `scale` how many pixels of the strip are one of the crop.
    """

    image: StripImage
    bounds: "Rect"
    x: float
    scale: float


@dataclass(frozen=True, slots=True)
class CharacterReading:
    """What was seen at one place of a field: how likely each class of `classes` is, and where in its crop the ink lay.

    A box without ink has no bounds and `classes == ("blank",)`.
    """

    position: int
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    bounds: "Rect | None" = None


@dataclass(frozen=True, slots=True)
class RankedValue:
    """One value that a field may hold and how likely it is. An empty text means that the field is blank."""

    value: str
    probability: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the pixels of one field say, before anybody decides.

    `values` is ranked, most likely first, and sums to at most 1; the rest is "something else". `trouble` names what
    was seen that no value explains, such as a scribble. `crop_png` is the picture a reviewer sees.
    """

    field: str
    values: tuple[RankedValue, ...]
    characters: tuple[CharacterReading, ...]
    trouble: Flag | None
    crop_png: bytes


@dataclass(frozen=True, slots=True)
class Decision:
    """What is accepted of a reading.

    `value` is set only in state VALUE. `guess` is the machine's best value whatever the state; "" stands for blank, or,
    with `confidence` 0, for no idea at all (`guess_in_words` tells the two apart).
    `flag` is set exactly when the state is UNSETTLED, and then `why` says it in words; where other fields made the
    decision too, `why` may say how.
    """

    field: str
    state: ValueState
    value: str
    guess: str
    confidence: float
    flag: Flag | None
    why: str

    @property
    def guess_in_words(self) -> str:
        """The guess as people see it: "blank" for nothing written, "" where there is no guess."""
        if self.guess:
            return self.guess
        return "blank" if self.confidence > 0 else ""


@dataclass(frozen=True, slots=True)
class FieldPicture:
    """An image field, kept for people: a name, a signature."""

    field: str
    png: bytes


@dataclass(frozen=True, slots=True)
class PageResult:
    """One page that was read: its identity, its fit, and every field of it, in template order.

    `pictures` are the fields of kind image; all others have a reading and a decision each.
    """

    ref: PageRef
    identity: SheetIdentity
    source: PageSource
    picture_hash: str
    mm_to_px: "Homography"
    error_mm: float
    identified_by: str
    readings: tuple[Reading, ...]
    decisions: tuple[Decision, ...]
    pictures: tuple[FieldPicture, ...] = ()
    bend: "Bend | None" = None


@dataclass(frozen=True, slots=True)
class PageFailure:
    """One page that was not read, and why: outcome FAILED, BLANK or FOREIGN. A result like any other, never dropped."""

    ref: PageRef
    outcome: PageOutcomeKind
    reason: str
    source: PageSource | None = None
    picture_hash: str | None = None


PageOutcome: TypeAlias = PageResult | PageFailure
