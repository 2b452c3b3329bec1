"""The pages that `benchmarks.registration` shows to the product: own sheets, however scanned, and foreign pages."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.geometry import MM_PER_INCH, Points, apply_homography
from recognizer.glyphs import load_glyphs
from recognizer.records import GreyImage
from recognizer.simulate import Effects, Mode, Simulation, filled_papers, wear
from recognizer.simulate.clutter import table
from recognizer.simulate.hard_scan import ScanRange, scan_badly
from recognizer.simulate.photo import photograph
from recognizer.simulate.scanner import PROFILES, scan
from recognizer.simulate.taking import Shot, to_jpeg
from recognizer.template import A4_MM, MARKS, QR_CODE, SheetSet, SheetTemplate, find_template, shipped_templates

EXAM = "exam"
PAPER_DPI = 300
SHEETS_EACH = 2
"""Filled sheets of each template; every one is scanned many times."""

SCANNED_AT_DPI = (300, 200)
"""Office scanners are set to these."""

OTHER_SHIFTS_MM = ((0.0, 3.0), (3.0, 0.0), (-3.0, 4.0), (2.0, -3.0))
"""By how much the boxes of the four other templates are moved: so little that one could pass for another."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A filled page before it is scanned."""

    template: SheetTemplate
    number: int
    serial: int
    pixels: GreyImage
    dpi: int

    @property
    def px_per_mm(self) -> float:
        """Pixels a millimetre."""
        return self.dpi / MM_PER_INCH


@dataclass(frozen=True, slots=True)
class Case:
    """A page to be registered: the picture, what was done to it, and which paper it is; None for what is no sheet."""

    shot: Shot
    paper: Paper | None


def other_templates() -> tuple[SheetTemplate, ...]:
    """Return four templates that look like the shipped ones, with their boxes a few millimetres elsewhere."""
    return tuple(
        _moved(find_template(name), f"{name}_b", shift)
        for name, shift in zip(shipped_templates(), OTHER_SHIFTS_MM, strict=True)
    )


def _moved(template: SheetTemplate, name: str, shift: tuple[float, float]) -> SheetTemplate:
    pages = tuple(
        page.model_copy(
            update={
                "fields": tuple(
                    field.model_copy(update={"x": field.x + shift[0], "y": field.y + shift[1]}) for field in page.fields
                )
            }
        )
        for page in template.pages
    )
    return template.model_copy(update={"name": name, "pages": pages})


def exam_sheets() -> SheetSet:
    """Return the exam: the shipped templates and four others."""
    return SheetSet(EXAM, (*(find_template(name) for name in shipped_templates()), *other_templates()))


def papers(templates: Sequence[SheetTemplate], dpi: int, exam: str = EXAM, sheets: int = SHEETS_EACH) -> list[Paper]:
    """Return filled pages of templates."""
    glyphs = load_glyphs()
    return [
        Paper(template, number, serial, pixels, dpi)
        for template in templates
        for serial, number, pixels in filled_papers(
            Simulation(template, sheets, seed=5, dpi=dpi, exam=exam, first_serial=417), glyphs
        )
    ]


# ---- own sheets -------------------------------------------------------------------------------------------------


def office(paper: Paper, rng: np.random.Generator) -> Case:
    """Scan a page as offices do (`recognizer.simulate.scanner`)."""
    picture = scan(paper.pixels.copy(), paper.dpi, PROFILES[Effects.OFFICE], Mode.AUTO, rng)
    pixels = picture.pixels if picture.one_bit else to_jpeg(picture.pixels, picture.jpeg_quality)
    truth = picture.mm_to_px
    return _case(Shot(pixels, lambda points: apply_homography(truth, points)), "office", paper)


def _case(shot: Shot, kind: str, paper: Paper, worn: Sequence[str] = ()) -> Case:
    """Return a case whose truth knows that a rendered page is a whole number of pixels wide, and not quite 210 mm."""
    height, width = paper.pixels.shape
    exact = np.array([width / A4_MM[0], height / A4_MM[1]]) / paper.px_per_mm
    return Case(Shot(shot.pixels, lambda points: shot.mm_to_px(points * exact), (kind, *shot.what, *worn)), paper)


WEAR: dict[str, tuple[float, wear.Wear]] = {
    "coffee": (0.25, wear.stain),
    "crease": (0.25, wear.crease),
    "holes": (0.3, wear.holes),
    "staple": (0.25, wear.staple),
    "specks": (0.4, wear.specks),
    "code smudged": (0.12, wear.scribble_over(QR_CODE)),
}
"""What happens to the paper of rough pages, and to which share of them."""

TORN, WRITTEN_OVER = 0.12, 0.15
"""Shares of rough pages of which a corner is torn off, or a corner mark written over; never both."""


def rough(paper: Paper, rng: np.random.Generator) -> Case:
    """Wear a page, and scan it badly or photograph it."""
    pixels, what = paper.pixels.copy(), []
    for name, (share, effect) in WEAR.items():
        if rng.random() < share:
            effect(pixels, paper.px_per_mm, rng)
            what.append(name)
    drawn = rng.random()
    harm = drawn < TORN + WRITTEN_OVER
    if drawn < TORN:
        wear.tear_off(pixels, paper.px_per_mm, rng)
        what.append("torn")
    elif harm:
        wear.scribble_over(list(MARKS.values())[int(rng.integers(4))])(pixels, paper.px_per_mm, rng)
        what.append("mark written over")
    if rng.random() < 0.5:
        return _case(photograph(pixels, paper.dpi, rng), "photo", paper, what)
    # A page that is cut off at the edge of the glass keeps the marks that are on it.
    shot = scan_badly(pixels, paper.dpi, rng, ScanRange(shifted=0.0) if harm else ScanRange())
    return _case(shot, "scan", paper, what)


# ---- foreign pages ----------------------------------------------------------------------------------------------


def foreign(own: Sequence[Paper], strange: Sequence[Paper], count: int, seed: int) -> Iterator[Case]:
    """Yield pages that have to be refused: no sheets, sheets of others, and own sheets that nobody could read safely.

    Args:
        own: papers of this exam.
        strange: papers that are not of this exam: of another one, or of a template or version that it does not have.
        count: how many.
        seed: decides.
    """
    kinds: list[Callable[[np.random.Generator], tuple[GreyImage, str]]] = [
        _letter,
        _form,
        _table_alone,
        _empty,
        lambda rng: (np.ascontiguousarray(_any(own, rng)[:, ::-1]), "mirrored"),
        lambda rng: (np.asarray(255 - _any(own, rng), dtype=np.uint8), "negative"),
        lambda rng: (_beside(_any(own, rng), _any(own, rng)), "two side by side"),
        lambda rng: (_over(_any(own, rng), _any(own, rng)), "one over another"),
        lambda rng: (_quarter(_any(own, rng)), "half a sheet"),
        lambda rng: (_any(strange, rng), "strange sheet"),
        lambda rng: (_any(strange, rng), "strange sheet"),
        lambda rng: (_any(strange, rng), "strange sheet"),
    ]
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        pixels, what = kinds[index % len(kinds)](rng)
        draw = rng.random()
        if draw < 0.3:
            shot = photograph(pixels, PAPER_DPI, rng)
        elif draw < 0.6:
            shot = scan_badly(pixels, PAPER_DPI, rng, ScanRange(shifted=0.0))
        else:
            shot = Shot(pixels, lambda points: points)
        yield Case(Shot(shot.pixels, shot.mm_to_px, (what, *shot.what)), None)


def _any(papers: Sequence[Paper], rng: np.random.Generator) -> GreyImage:
    return papers[int(rng.integers(len(papers)))].pixels


def _blank() -> GreyImage:
    return np.full((round(297 * PAPER_DPI / MM_PER_INCH), round(210 * PAPER_DPI / MM_PER_INCH)), 255, np.uint8)


def _letter(rng: np.random.Generator) -> tuple[GreyImage, str]:
    page = _blank()
    letters = "abcdefghijklmnopqrstuvwxyz      "
    for line in range(int(rng.integers(5, 55))):
        text = "".join(letters[index] for index in rng.integers(0, len(letters), int(rng.integers(10, 95))))
        cv2.putText(page, text, (200, 250 + 55 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 30, 2, cv2.LINE_AA)
    return page, "letter"


def _form(rng: np.random.Generator) -> tuple[GreyImage, str]:
    """Return a form of boxes and bubbles with square anchors in its corners, as other systems print them."""
    page = _blank()
    for x, y in ((120, 160), (2240, 160), (120, 3230), (2240, 3230)):
        cv2.rectangle(page, (x, y), (x + 100, y + 100), 0, -1)
    for row in range(int(rng.integers(5, 25))):
        for column in range(int(rng.integers(3, 20))):
            at = (250 + 95 * column, 450 + 110 * row)
            if row % 2:
                cv2.circle(page, at, 32, 60, 3, cv2.LINE_AA)
            else:
                cv2.rectangle(page, at, (at[0] + 90, at[1] + 95), 60, 3)
    return page, "form of others"


def _table_alone(rng: np.random.Generator) -> tuple[GreyImage, str]:
    return table(2480, 3508, rng), "table without a page"


def _empty(rng: np.random.Generator) -> tuple[GreyImage, str]:
    return np.clip(rng.normal(240, 4, _blank().shape), 0, 255).astype(np.uint8), "empty"


def _beside(one: GreyImage, other: GreyImage) -> GreyImage:
    return np.hstack([one, other])


def _over(one: GreyImage, other: GreyImage) -> GreyImage:
    """Lay the lower half of one sheet over another one."""
    page = one.copy()
    page[1700:] = np.roll(other, 25, axis=1)[1700:]
    return page


def _quarter(sheet: GreyImage) -> GreyImage:
    page = np.full_like(sheet, 255)
    page[:1200] = sheet[:1200]
    page[:1200, 1900:] = 255
    return page


def farthest_mm(found: Callable[[Points], Points], case: Case) -> float:
    """Return how far (mm) any corner of any box of the page is from the truth, at most."""
    assert case.paper is not None
    corners = np.vstack([box.rect.corners() for box in case.paper.template.boxes(case.paper.number)])
    truth, step = case.shot.mm_to_px, 0.5
    placed = truth(corners)
    aside, ahead = np.array([step, 0.0]), np.array([0.0, step])
    right = (truth(corners + aside) - truth(corners - aside)) / (2 * step)
    down = (truth(corners + ahead) - truth(corners - ahead)) / (2 * step)
    away = np.linalg.solve(np.stack([right, down], axis=-1), (found(corners) - placed)[..., None])[..., 0]
    return float(np.hypot(*away.T).max())
