"""Hides on the picture of a page where names stand, before it leaves the machine.

What is not known to be harmless is hidden: on our own sheets everything but the printed area between header and footer,
and in it every field that is kept as a picture (names, signatures, free areas); on a form that somebody else printed,
where nobody knows what a line is for, everything but the boxes that are read. A page on which no sheet was found is
hidden as a whole: it must not be shown (`may_show`).
"""

from collections.abc import Iterator

from flows.review.people import Person
from recognizer.bend import Laid
from recognizer.geometry import Rect
from recognizer.page_view import hide
from recognizer.records import GreyImage
from recognizer.template import CONTENT, Kind, SheetTemplate

NAME_MARGIN_MM = 4.0
"""How far beyond its line a name is hidden: long tails and a second row of writing reach about as far."""

BOX_MARGIN_MM = 0.8
"""Of a box that is read its printed edge is shown too. The pictures of fields, which reviewers see, show as much."""

FORM_MARGIN_MM = 4.0
"""What is shown around a box of somebody else's form: its label and its neighbours, and hardly a line more."""


def may_show(person: Person, laid: Laid | None, template: SheetTemplate | None) -> bool:
    """Tell whether a page may be shown at all: without knowing where the names stand, only to who may see them."""
    return person.sees_names or (laid is not None and template is not None)


def mask(pixels: GreyImage, laid: Laid, template: SheetTemplate, page: int) -> GreyImage:
    """Return a page without names.

    Args:
        pixels: the page as it was scanned.
        laid: where the sheet lies on it.
        template: which sheet it is.
        page: which page of the sheet, from 1.
    """
    return hide(pixels, laid, _steps(template, page))


def hidden_areas(template: SheetTemplate, page: int) -> tuple[Rect, ...]:
    """Return the areas (mm) of a page's picture fields, as they are hidden."""
    return tuple(
        box.rect.grown(NAME_MARGIN_MM)
        for field in template.pages[page - 1].fields
        if field.kind is Kind.IMAGE
        for box in field.boxes(page)
    )


def _steps(template: SheetTemplate, page: int) -> Iterator[tuple[bool, Rect]]:
    """Yield what is shown (True) and what is hidden again, each over those before it."""
    boxes = tuple(
        box.rect
        for field in template.pages[page - 1].fields
        if field.kind is not Kind.IMAGE
        for box in field.boxes(page)
    )
    if template.is_form:
        yield from ((True, box.grown(FORM_MARGIN_MM)) for box in boxes)
    else:
        yield True, CONTENT
    yield from ((False, area) for area in hidden_areas(template, page))
    yield from ((True, box.grown(BOX_MARGIN_MM)) for box in boxes)
