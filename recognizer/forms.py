"""Which blank form of an exam lies on a page, and where: by evidence, and where two fit alike, not at all.

The forms of an exam may look much alike: the second page like the first, this year's like last year's. So where more
than one fits, what is printed on one only decides: it has to be seen, and what only the other one has must be missing.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Laid
from recognizer.errors import RegistrationError, TemplateError
from recognizer.form_fit import FLAT, FormFit, SlippedError, fit_form
from recognizer.form_reference import FINE_PX_PER_MM, FormReference, reference_of
from recognizer.form_search import CLOSE, FAST, THOROUGH, Guess, flat_guesses, guesses
from recognizer.geometry import Homography
from recognizer.patches import ALIKE, compare
from recognizer.records import Page, RegisteredPage, SheetIdentity
from recognizer.template import SheetSet
from recognizer.warp import Halves

MOST_TRIED = 4
"""Guesses that are measured, those with most matches: more than the forms that anybody confuses."""

MOST_SLIPS_TRIED = 3
TELLING = 30
"""Matches from which a refused guess says more than an earlier one."""

LEAST_EVIDENCE = 4
"""Patches that only one of two forms has, at least, when both fit: fewer may be a stain, or a stroke of a pen."""

CLEAR = 0.75
"""Share of these patches that must speak for the same form."""

SAME_REACH_MM = 1.0
"""How far from its place a patch of one form is looked for on the other, when they are compared."""


BLANK_TO_PX: Homography = np.array([[FINE_PX_PER_MM, 0, -0.5], [0, FINE_PX_PER_MM, -0.5], [0, 0, 1.0]])
"""From mm to the pixels of a prepared blank page."""

Look: TypeAlias = Callable[[Page, Halves, Sequence[FormReference]], list[Guess]]

LOOKS: tuple[Look, ...] = (
    partial(guesses, search=FAST),
    flat_guesses,
    partial(guesses, search=CLOSE),
    partial(guesses, search=THOROUGH),
)
"""Ways to look for forms, tried in turn until one of their guesses holds."""


@lru_cache(maxsize=8)
def form_references(sheets: SheetSet) -> tuple[FormReference, ...]:
    """Return the blank pages of all forms of an exam, prepared (kept for the life of the process)."""
    return tuple(
        reference_of(template, number)
        for template in sheets.templates
        if template.is_form
        for number in range(1, len(template.pages) + 1)
    )


def prepare_forms(sheets: SheetSet) -> None:
    """Prepare all that is needed to find the forms of an exam, once a process: a third of a second a blank page.

    Raises:
        TemplateError: the picture of a blank page cannot be used.
    """
    _lookalikes(form_references(sheets))


def refuse_same_forms(sheets: SheetSet) -> None:
    """Refuse forms that no page could be told to be one of.

    Raises:
        TemplateError: two blank pages look the same, or the picture of one cannot be used.
    """
    references = form_references(sheets)
    for one, alike in zip(references, _lookalikes(references), strict=True):
        for other in alike:
            here, there = (_fitted(Halves(one.fine), reference, BLANK_TO_PX) for reference in (one, other))
            if _only_here(here, there).size + _only_here(there, here).size < LEAST_EVIDENCE:
                first, second = (f"page {each.page} of '{each.template.name}'" for each in (one, other))
                raise TemplateError(
                    f"{first} and {second} look the same; no page could be told to be the one or the other. Leave one "
                    "of them out"
                )


def register_form(page: Page, sheets: SheetSet, *, quickly: bool = False) -> RegisteredPage:
    """Lay the form that a page shows over it; `quickly` only in the fast way, which finds most of what is scanned.

    Raises:
        RegistrationError: no form of the exam is on the page, two fit alike, or the one that is does not fit well.
        TemplateError: the picture of a blank page cannot be used.
    """
    fit = find_form(page, form_references(sheets), LOOKS[:1] if quickly else LOOKS)
    template, number = fit.reference.template, fit.reference.page
    return RegisteredPage(
        page=page,
        template=template,
        identity=SheetIdentity(sheets.exam, template.name, template.version, number, None),
        mm_to_px=fit.laid.mm_to_px,
        error_mm=fit.error_mm,
        marks_found=0,
        identified_by="form",
        bend=fit.laid.bend,
    )


def find_form(page: Page, references: tuple[FormReference, ...], looks: Sequence[Look]) -> FormFit:
    """Return the one form that lies on a page, fitted.

    Raises:
        RegistrationError: as `register_form`.
    """
    halves = Halves(page.pixels)
    refused: RegistrationError | None = None
    for look in looks:
        fits: list[FormFit] = []
        for guess in look(page, halves, references)[:MOST_TRIED]:
            if any(fit.reference is guess.reference for fit in fits):
                continue
            try:
                fits.append(_fitted(halves, guess.reference, guess.mm_to_px))
            except RegistrationError as error:
                # The most telling of the refusals is that of the form with most matches in the most thorough search.
                refused = error if refused is None or guess.matches >= TELLING else refused
        if fits:
            return _decided(halves, fits, references)
    if refused is not None:
        raise refused
    names = ", ".join(dict.fromkeys(f"'{reference.template.name}'" for reference in references))
    raise RegistrationError(f"no form of this exam ({names}) is found on the page; if it is one, scan it again, flat")


def _fitted(page: Halves, reference: FormReference, guess: Homography) -> FormFit:
    """Lay a form over a page, and when it was laid on a place that only looks right, look in the others like it."""
    try:
        return fit_form(page, reference, guess)
    except (cv2.error, np.linalg.LinAlgError) as error:
        raise RegistrationError(f"the form makes no sheet on the page ({type(error).__name__}); {FLAT}") from error
    except SlippedError:
        for slip in reference.slips[:MOST_SLIPS_TRIED]:
            for way in (slip.mm_to_mm, np.linalg.inv(slip.mm_to_mm)):
                with suppress(RegistrationError, cv2.error, np.linalg.LinAlgError):
                    return fit_form(page, reference, guess @ way)
        raise


def _decided(page: Halves, fits: list[FormFit], references: tuple[FormReference, ...]) -> FormFit:
    """Return the fit that all evidence favours, among those found and all forms that look like them.

    Raises:
        RegistrationError: two fit alike.
    """
    best = max(fits, key=lambda fit: float(fit.seen.are_seen.mean()))
    alike = _lookalikes(references)[references.index(best.reference)]
    for reference in references:
        rival = next((fit for fit in fits if fit.reference is reference), None)
        if rival is None and reference in alike:
            # Not among the guesses; but where it looks the same, it lies in the same place.
            with suppress(RegistrationError):
                rival = _fitted(page, reference, best.laid.mm_to_px)
        if rival is None or rival is best:
            continue
        favours = _favours(best, rival)
        if favours < 1 - CLEAR:
            best = rival
        elif favours < CLEAR:
            one, other = (f"'{fit.reference.template.name}' page {fit.reference.page}" for fit in (best, rival))
            raise RegistrationError(
                f"the page fits {one} and {other} alike; what only one of them has is not clearly seen. Scan it again, "
                "clean and flat, or leave one of the two templates out of exam.toml"
            )
    return best


@lru_cache(maxsize=8)
def _lookalikes(references: tuple[FormReference, ...]) -> tuple[frozenset[FormReference], ...]:
    """Return for each blank page which other ones look like it so far that they fit on it."""

    def fits_on(blank: FormReference, other: FormReference) -> bool:
        with suppress(RegistrationError):
            fit_form(Halves(blank.fine), other, BLANK_TO_PX)
            return True
        return False

    return tuple(
        frozenset(other for other in references if other is not one and (fits_on(one, other) or fits_on(other, one)))
        for one in references
    )


def _favours(one: FormFit, other: FormFit) -> float:
    """Return which share of the evidence speaks for one of two fitted forms; 0.5 when there is too little."""
    here, there = _only_here(one, other), _only_here(other, one)
    if here.size + there.size < LEAST_EVIDENCE:
        return 0.5
    speaks = float((one.seen.alike[here] >= ALIKE).sum() + (other.seen.alike[there] < ALIKE).sum())
    return speaks / (here.size + there.size)


def _only_here(one: FormFit, other: FormFit) -> NDArray[np.intp]:
    """Return the indices of the patches of a form that another one does not have where the two lie on each other."""
    mine, theirs = one.reference, other.reference
    # The other blank page, laid where this one has its patches: through the page, on which both lie.
    through = BLANK_TO_PX @ np.linalg.inv(other.laid.mm_to_px) @ one.laid.mm_to_px
    seen = compare(theirs.fine, Laid(through), mine.fine_patches, SAME_REACH_MM)
    return np.flatnonzero(~seen.are_seen)
