"""Draws the pictures in docs/registration.md: hard pages with every box where it was found, and a proposed template.

    python docs/make_registration_pictures.py        (from the project's folder)

All pages are drawn and simulated; none is real.
"""

from pathlib import Path

import cv2
import numpy as np

from benchmarks.form_registration import filled, phone, rough
from benchmarks.registration_pages import EXAM, PAPER_DPI, exam_sheets, papers
from benchmarks.registration_pages import rough as rough_sheet
from recognizer.blank_form import describe_blank
from recognizer.errors import RecognizerError
from recognizer.overlay import ColourImage, draw_residuals
from recognizer.register import register
from recognizer.residuals import box_residuals
from recognizer.simulate.taking import Shot
from recognizer.template import A4_MM, SheetSet, find_template, shipped_templates
from tests.helpers.forms import drawn_form
from tests.helpers.paper import as_page, scan

IMAGES = Path(__file__).parent / "images"
CELL_PX = (430, 340)
PROPOSED_PX = 540
OWN, FORMS = 3, ("combs", "bubbles", "cover")


def main() -> None:
    """Draw three sheets of ours and three forms, scanned badly or photographed."""
    cells = [*own_sheets(), *forms()]
    rows = [np.hstack(cells[first : first + 3]) for first in range(0, len(cells), 3)]
    cv2.imwrite(str(IMAGES / "registration.jpg"), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 82])
    cv2.imwrite(str(IMAGES / "from_blank.jpg"), proposed(), [cv2.IMWRITE_JPEG_QUALITY, 85])


def proposed() -> ColourImage:
    """Return what from-blank proposes of a form, beside a scan of it with the boxes of its template."""
    form = drawn_form("cover")
    check = describe_blank([as_page(form.pixels)], "cover", "cover").pages[0].check
    registered = register(as_page(scan(form.pixels, angle=1.2, noise=5).pixels), SheetSet("exam", (form.template(),)))
    drawn = [
        np.asarray(cv2.imdecode(np.frombuffer(check, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8),
        draw_residuals(registered, box_residuals(registered)),
    ]
    size = (PROPOSED_PX, round(PROPOSED_PX * A4_MM[1] / A4_MM[0]))
    return np.hstack([cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in drawn])


def own_sheets() -> list[ColourImage]:
    """Return the first rough pages that are registered, each of another template."""
    drawn: list[ColourImage] = []
    for index, name in enumerate(list(shipped_templates())[:OWN]):
        paper = papers([find_template(name)], PAPER_DPI, EXAM, 1)[0]
        for seed in range(400):
            case = rough_sheet(paper, np.random.default_rng([index, seed]))
            # One photo, one that was cut off, one fax: what the row of hard pages looks like.
            wanted = ("MP", "shift", "lines")[index]
            if not any(wanted in what for what in case.shot.what):
                continue
            try:
                drawn.append(cell(case.shot, exam_sheets()))
            except RecognizerError:
                continue
            break
    return drawn


def forms() -> list[ColourImage]:
    """Return forms by phone, and one scanned badly."""
    sheets = SheetSet("exam", tuple(drawn_form(name).template() for name in FORMS))
    drawn = []
    for index, (name, take) in enumerate(zip(FORMS, (phone, phone, rough), strict=True)):
        random = np.random.default_rng([3, index])
        template = sheets.templates[index]
        drawn.append(cell(take(filled(drawn_form(name).pixels.copy(), template, random), random), sheets))
    return drawn


def cell(shot: Shot, sheets: SheetSet) -> ColourImage:
    """Return a page with its boxes, small, on grey."""
    registered = register(as_page(shot.pixels), sheets)
    picture = draw_residuals(registered, box_residuals(registered))
    width, height = CELL_PX
    scale = min((width - 10) / picture.shape[1], (height - 10) / picture.shape[0])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ground = np.full((height, width, 3), 205, dtype=np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    ground[top : top + small.shape[0], left : left + small.shape[1]] = small
    return ground


if __name__ == "__main__":
    main()
