"""Lay a blank form over a page more and more exactly.

Its patches are looked for where they should be, and the sheet is moved, leaned and at last bent to where they are seen.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Displaced, Laid, fit_bend, in_all
from recognizer.errors import RegistrationError
from recognizer.form_reference import FINE_PX_PER_MM, FormReference
from recognizer.geometry import MM_PER_INCH, Homography, Points, Rect, apply_homography
from recognizer.marks import px_per_mm_at
from recognizer.patches import Seen, compare
from recognizer.records import GreyImage
from recognizer.rule_error import REGIONS, error_mm, percentile
from recognizer.rule_fit import ERROR_LIMIT_MM
from recognizer.rules import measure, probes_of
from recognizer.warp import Halves

COARSE_REACH_MM = 3.0
"""How far from its expected place a patch is looked for at first: features leave 1 mm on a scan, curl adds 2."""

FINE_REACH_MM = 0.9

COARSE_PATCHES = 110
"""Patches that are looked for at first, spread over the page: enough for a bend of any paper."""

LEAST_SEEN, LEAST_SEEN_NEAR = 0.4, 0.5
LEAST_SEEN_IN_REGION = 0.25
"""Share of the patches that must be seen: on the page, near boxes, and near boxes in each part of the page that has
several. Writing, stains and folds hide some, a wrong form shows hardly any; and the text of a form changes from term to
term more often than its boxes do."""

NEAR_MM = 30.0
"""A patch says where a box is that lies no farther off than this."""

LEAST_IN_REGION = 5
"""Patches in one part of the page that say something about it."""

MOST_APART = 75
"""Percentile of the distances in a part that is taken for its error: a quarter may have been drawn over."""

FLAT_MM = 0.15
"""A sheet whose parts all lie closer than this to a flat one is taken for flat."""

STIFFNESS = 0.03
"""What curving costs against missing patches and rules (`bend.fit_bend`)."""

SPREAD_MM = 0.12
"""Patches whose neighbours say something that differs by more than this were written on, or found in a wrong place."""

RULES_SEEN = 0.5
"""Share of the sides of boxes that are seen on a form which prints them; on others that share is next to nothing."""

CURLED_ROUNDS = 2
CURLED_STIFFNESS, CURLED_SPREAD_MM = 0.01, 0.4
"""As `STIFFNESS` and `SPREAD_MM`, where paper curls more than those follow: a few patches in a corner, seen clearly,
are outvoted by the flat rest of the page, and their box stays behind. What is accepted is checked in the same way."""

COARSE_ROUNDS = 4
LEAST_GAIN = 0.01
"""Rounds of rough laying end when they do not show so much more of the patches."""

VOUCHED_MM, FLAT_VOUCHED_MM = 18.0, 45.0
"""How near to a box something printed must be seen in its place: on paper that curls, and on paper that lies flat."""

VOUCHING = 0.6
"""Correlation from which a patch vouches for a box: lines of text are alike to 0.5, other words or not."""

SLIPPED = 0.5
"""Of the patches that tell a place from another one that looks alike, a row further down, this share must be seen."""

FLAT = "scan the page again, flat"
"""What to try."""

ASPECT_LIMIT = 1.25
PERSPECTIVE_LIMIT = 2.0
"""How different the scales along and across, and at the corners, may be: a phone held aslant over a desk."""

LEAST_PX_PER_MM = 2.0
"""Below about 50 dpi not even bubbles can be told from one another."""


@dataclass(frozen=True, slots=True, eq=False)
class FormFit:
    """A form laid over a page, what was seen of its patches at last, and how far the worst part of it lies off (mm)."""

    reference: FormReference
    laid: Laid
    seen: Seen
    error_mm: float


class SlippedError(RegistrationError):
    """The form was laid on a place that only looks like its own: a row too low, or upside down."""


def fit_form(page: Halves, reference: FormReference, guess: Homography) -> FormFit:
    """Lay a form over a page, given about where it lies.

    Args:
        page: the page.
        reference: the form's blank page.
        guess: maps mm to pixels, right to a few millimetres.

    Raises:
        RegistrationError: too little of the form is seen there, it would be folded or tiny, or its parts lie off by
            more than `ERROR_LIMIT_MM`.
    """
    check_form_shape(guess, reference.paper)
    small, to_small = _reduced(page, px_per_mm_at(guess, _middle(reference.paper)))
    laid = _laid_roughly(small, reference, to_small @ guess)
    try:
        fit = _laid_closely(small, reference, laid)
    except SlippedError:
        raise
    except RegistrationError:
        # What curls away in a corner may not have been among the patches that were looked for so far, or be outvoted.
        if (curled := _curled(small, reference, laid)) is None:
            raise
        fit = _laid_closely(small, reference, curled, curled=True)
    mm_to_px = np.linalg.inv(to_small) @ fit.laid.mm_to_px
    check_form_shape(mm_to_px, reference.paper)
    return FormFit(reference, Laid(mm_to_px, fit.laid.bend), fit.seen, fit.error_mm)


def _laid_closely(small: GreyImage, reference: FormReference, laid: Laid, *, curled: bool = False) -> FormFit:
    """Lay a form that lies within a millimetre over a page, bent where the paper is, and check what is seen of it.

    Args:
        small: the page.
        reference: the form's blank page.
        laid: how it lies.
        curled: bend it in any case, and further.

    Raises:
        RegistrationError: as `fit_form`.
    """
    centres, flat = reference.centres, laid.mm_to_px
    seen = compare(small, laid, reference.fine_patches, FINE_REACH_MM)
    _refuse_unseen(reference, 1, seen, LEAST_SEEN)
    _refuse_slipped(reference, seen)
    # Text far from all boxes may have changed since; near them everything has to be in its place.
    near = _near_boxes(reference, 1)
    everything, centres, seen = seen, centres[near], Seen(seen.moves[near], seen.alike[near])
    before = laid.to_px(centres + seen.moves)
    flat, _ = _moved(flat, centres, Seen(_back(flat, before) - centres, seen.alike), 1.0)
    moves = _back(flat, before) - centres
    places = _displaced(centres, moves, seen, CURLED_SPREAD_MM if curled else SPREAD_MM)
    if curled:
        laid = Laid(flat, fit_bend(places, CURLED_STIFFNESS))
    else:
        laid = _bent(flat, places, _error_mm(centres, moves, seen))
    laid, rules_mm, sides = _by_rules(small, laid, places, reference)
    left = _back(flat, before) - _flattened(laid, centres)
    error = max(_error_mm(centres, left, seen), rules_mm)
    sure = (seen.alike >= VOUCHING) & (np.hypot(*left.T) <= ERROR_LIMIT_MM)
    _refuse_unvouched(reference, laid, centres[sure], sides)
    if error > ERROR_LIMIT_MM:
        raise RegistrationError(
            f"what is printed on '{reference.template.name}' page {reference.page} lies off by {_in_words(error)} in "
            f"part of the page, at most {ERROR_LIMIT_MM} mm are accepted; the paper is bent or stretched: {FLAT}"
        )
    return FormFit(reference, laid, everything, error)


def _curled(small: GreyImage, reference: FormReference, laid: Laid) -> Laid | None:
    """Return a form that lies about right, bent to all of its patches wherever they are seen within some millimetres.

    Returns:
        The form, or None when too little of it is seen: then it is another one, sooner than a curled one.
    """
    for _ in range(CURLED_ROUNDS):
        seen = compare(small, laid, reference.coarse_patches, COARSE_REACH_MM)
        if seen.are_seen.mean() < LEAST_SEEN_NEAR:
            return None
        moves = _back(laid.mm_to_px, laid.to_px(reference.centres + seen.moves)) - reference.centres
        places = _displaced(reference.centres, moves, seen, CURLED_SPREAD_MM)
        laid = Laid(laid.mm_to_px, fit_bend(places, CURLED_STIFFNESS))
    return laid


def _laid_roughly(small: GreyImage, reference: FormReference, flat: Homography) -> Laid:
    """Lay a form over a page to a millimetre, bent where the paper is: each round sees more of what curls away.

    Raises:
        RegistrationError: hardly anything of the form is seen.
    """
    step = -(-len(reference.centres) // COARSE_PATCHES)
    centres, patches = reference.centres[::step], reference.coarse_patches.every(step)
    laid, share = Laid(flat), 0.0
    for _ in range(COARSE_ROUNDS):
        seen = compare(small, laid, patches, COARSE_REACH_MM)
        _refuse_unseen(reference, step, seen, LEAST_SEEN / 2)
        before = laid.to_px(centres + seen.moves)
        flat, _ = _moved(flat, centres, Seen(_back(flat, before) - centres, seen.alike), 1.5)
        moves = _back(flat, before) - centres
        laid = _bent(flat, _displaced(centres, moves, seen, 0.5), _error_mm(centres, moves, seen))
        if laid.bend is None or seen.are_seen.mean() < share + LEAST_GAIN:
            break
        share = float(seen.are_seen.mean())
    return laid


def _back(flat: Homography, pixels: Points) -> Points:
    return apply_homography(np.asarray(np.linalg.inv(flat), dtype=np.float64), pixels)


def _flattened(laid: Laid, points: Points) -> Points:
    return points if laid.bend is None else laid.bend.flattened(points)


def _in_words(error: float) -> str:
    return f"{error:.2f} mm" if np.isfinite(error) else "more than is looked for"


def _by_rules(
    pixels: GreyImage, laid: Laid, places: Displaced, reference: FormReference
) -> tuple[Laid, float, tuple[Points, Points]]:
    """Let a sheet follow the printed sides of its boxes too, where they are seen.

    A form may have boxes without printed sides, or with faint ones; then its print alone tells where they are.

    Returns:
        The sheet, how far the sides lie off in mm (0 where too few are seen), and the places (mm) at which an upright
        one, and a level one, is seen where it should be.
    """
    probes = probes_of(reference.template, reference.page)
    if not len(probes.points):
        return laid, 0.0, (np.zeros((0, 2)), np.zeros((0, 2)))
    offsets = measure(pixels, laid.to_px, probes)
    error, seen = error_mm(probes, offsets, lenient=True)
    if seen < RULES_SEEN:
        return laid, 0.0, (np.zeros((0, 2)), np.zeros((0, 2)))
    if error > FLAT_MM:
        visible = ~np.isnan(offsets)
        count = int(visible.sum())
        rules = Displaced(
            probes.points[visible],
            probes.normals[visible],
            offsets[visible],
            np.full(count, 1.0),
            np.full(count, SPREAD_MM),
        )
        closer = Laid(laid.mm_to_px, fit_bend(in_all(rules, laid).joined(places), STIFFNESS))
        after = measure(pixels, closer.to_px, probes)
        again = error_mm(probes, after, lenient=True)
        if again[0] < error or again[1] > seen + 0.05:
            laid, error, offsets = closer, again[0], after
    right = np.abs(np.nan_to_num(offsets, nan=np.inf)) <= ERROR_LIMIT_MM
    upright = probes.normals[:, 0] > 0.5
    return laid, error, (probes.points[right & upright], probes.points[right & ~upright])


def _refuse_unvouched(reference: FormReference, laid: Laid, patches: Points, sides: tuple[Points, Points]) -> None:
    """Raise RegistrationError when nothing printed near some box, or near a corner of a large one, is in its place.

    Args:
        reference: the form.
        laid: how it lies on the page.
        patches: the middles (mm) of patches that were seen where they should be.
        sides: places (mm) where an upright side of a box was, and a level one: along its own direction a side says
            nothing.
    """
    at, fields = _to_vouch(reference)
    if not fields:
        return
    upright, level = (_within(at, places_of, VOUCHED_MM) >= 1 for places_of in sides)
    vouched = (_within(at, patches, VOUCHED_MM) >= 2) | (upright & level)
    if laid.bend is None:
        # On flat paper what is farther off vouches as well.
        vouched |= _within(at, patches, FLAT_VOUCHED_MM) >= 3
    if not vouched.all():
        raise RegistrationError(
            f"next to nothing is seen of what is printed around field {fields[int(vouched.argmin())]} of "
            f"'{reference.template.name}' page {reference.page}; it is covered, or the paper curls there: {FLAT}"
        )


@lru_cache(maxsize=64)
def _to_vouch(reference: FormReference) -> tuple[Points, tuple[str, ...]]:
    """Return the places (mm) of a form that need something printed beside them, and the field of each."""
    places, fields = [np.zeros((0, 2))], []
    for box in reference.template.boxes(reference.page):
        large = max(box.rect.width, box.rect.height) > VOUCHED_MM
        corners = box.rect.corners() if large else box.rect.corners().mean(axis=0, keepdims=True)
        places.append(corners)
        fields += [box.field] * len(corners)
    return np.vstack(places), tuple(fields)


def _within(at: Points, others: Points, reach_mm: float) -> NDArray[np.int_]:
    """Return how many of some places lie near each of others, (N,)."""
    across, down = (at[:, None, axis] - others[None, :, axis] for axis in (0, 1))
    near: NDArray[np.int_] = (across**2 + down**2 <= reach_mm**2).sum(axis=1)
    return near


def check_form_shape(mm_to_px: Homography, paper: Rect) -> None:
    """Raise RegistrationError when the sheet would be mirrored, folded, stretched or tiny."""
    corners = paper.corners()
    depth = corners @ mm_to_px[2, :2] + mm_to_px[2, 2]
    steps = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) + _middle(paper)
    middle, right, down = apply_homography(mm_to_px, steps)
    jacobian = np.column_stack([right - middle, down - middle])
    if depth.min() <= 0 < depth.max() or np.linalg.det(jacobian) <= 0:
        raise RegistrationError(f"the form would lie mirrored or folded; {FLAT}")
    large, small = np.linalg.svd(jacobian, compute_uv=False)
    scales = [px_per_mm_at(mm_to_px, corner) for corner in corners]
    if large / small > ASPECT_LIMIT or max(scales) / min(scales) > PERSPECTIVE_LIMIT:
        raise RegistrationError(
            f"the form is distorted (its sides scaled {large / small:.2f} : 1, its corners "
            f"{max(scales) / min(scales):.2f} : 1); {FLAT}"
        )
    if small < LEAST_PX_PER_MM:
        raise RegistrationError(
            f"the form is scanned at about {small * MM_PER_INCH:.0f} dpi, at least "
            f"{LEAST_PX_PER_MM * MM_PER_INCH:.0f} are needed; scan it at 300 dpi"
        )


def _middle(paper: Rect) -> NDArray[np.float64]:
    return np.array([paper.x + paper.width / 2, paper.y + paper.height / 2])


def _reduced(page: Halves, px_per_mm: float) -> tuple[GreyImage, Homography]:
    """Return the page with no more pixels than are measured, and the map of its pixels to those."""
    factor = max(int(px_per_mm / FINE_PX_PER_MM + 0.3), 1)
    move = (1 / factor - 1) / 2
    return page.reduced(factor), np.array([[1 / factor, 0, move], [0, 1 / factor, move], [0, 0, 1.0]])


def _refuse_unseen(reference: FormReference, step: int, seen: Seen, least: float) -> None:
    """Raise RegistrationError when too little is seen of every `step`-th patch."""
    centres, near = reference.centres[::step], _near_boxes(reference, step)
    share = float(seen.are_seen.mean())
    hidden = least == LEAST_SEEN and (
        float(seen.are_seen[near].mean()) < LEAST_SEEN_NEAR if near.any() else share < LEAST_SEEN_NEAR
    )
    hidden = hidden or (least == LEAST_SEEN and _hidden_region(centres[near], Seen(seen.moves[near], seen.alike[near])))
    if share < least or hidden:
        where = "in part of the page hardly any" if hidden and share >= least else f"only {share:.0%}"
        raise RegistrationError(
            f"{where} of what is printed on '{reference.template.name}' page {reference.page} is seen; is this another "
            f"form, or is it covered or bent? {FLAT}"
        )


@lru_cache(maxsize=128)
def _near_boxes(reference: FormReference, step: int) -> NDArray[np.bool_]:
    """Return which of every `step`-th patch lie so near a box that they say where it is, (N,)."""
    centres = reference.centres[::step]
    boxes = reference.template.boxes(reference.page)
    if not boxes:
        return np.ones(len(centres), dtype=bool)
    rects = np.array([(box.rect.x, box.rect.y, box.rect.right, box.rect.bottom) for box in boxes])
    x, y = centres[:, :1], centres[:, 1:]
    across = np.maximum(np.maximum(rects[:, 0] - x, x - rects[:, 2]), 0.0)
    down = np.maximum(np.maximum(rects[:, 1] - y, y - rects[:, 3]), 0.0)
    return np.asarray((np.hypot(across, down) <= NEAR_MM).any(axis=1))


def _refuse_slipped(reference: FormReference, seen: Seen) -> None:
    """Raise SlippedError when the patches that tell the form's place from another one are not seen."""
    for slip in reference.slips:
        if seen.are_seen[slip.telling].mean() < SLIPPED:
            raise SlippedError(
                f"'{reference.template.name}' page {reference.page} looks alike in several places, and what tells them "
                f"apart is not seen; {FLAT}"
            )


def _hidden_region(centres: Points, seen: Seen) -> bool:
    """Tell whether in some part of the page hardly any patch is seen."""
    keys = regions(centres)
    return any(
        (inside := keys == key).sum() >= LEAST_IN_REGION and seen.are_seen[inside].mean() < LEAST_SEEN_IN_REGION
        for key in np.unique(keys)
    )


def regions(centres: Points) -> NDArray[np.int_]:
    """Return the number of the part of the page in which each patch lies, (N,)."""
    low, high = centres.min(axis=0), centres.max(axis=0) + 1e-6
    cells = ((centres - low) / (high - low) * np.array(REGIONS)).astype(int)
    numbers: NDArray[np.int_] = cells[:, 0] * REGIONS[1] + cells[:, 1]
    return numbers


def _moved(mm_to_px: Homography, centres: Points, seen: Seen, within_mm: float) -> tuple[Homography, Points]:
    """Return the homography moved to where the patches were seen, and by how many mm they lie off after that."""
    targets = apply_homography(mm_to_px, centres + seen.moves)
    use = seen.are_seen
    scale = px_per_mm_at(mm_to_px, centres.mean(axis=0))
    moved, _ = cv2.findHomography(
        centres[use], targets[use], cv2.USAC_MAGSAC, within_mm * scale, maxIters=500, confidence=0.999
    )
    if moved is None:
        raise RegistrationError(f"too little of the form is seen in one plane; {FLAT}")
    better = np.asarray(moved, dtype=np.float64)
    return better, _back(better, targets) - centres


def _bent(flat: Homography, places: Displaced, error: float) -> Laid:
    """Return the sheet, bent to where its patches and rules were seen if it does not lie flat."""
    return Laid(flat) if error <= FLAT_MM else Laid(flat, fit_bend(places, STIFFNESS))


def _displaced(centres: Points, moves: Points, seen: Seen, spread_mm: float) -> Displaced:
    """Return what was seen of patches as shifts along both directions."""
    use = seen.are_seen
    count = int(use.sum())
    return Displaced(
        np.vstack([centres[use], centres[use]]),
        np.repeat(np.eye(2), count, axis=0),
        np.concatenate([moves[use, 0], moves[use, 1]]),
        np.ones(2 * count),
        np.full(2 * count, spread_mm),
    )


def _error_mm(centres: Points, left: Points, seen: Seen) -> float:
    """Return by how many mm the worst part of the page lies off, and all of it where no part has enough patches."""
    keys, away, are_seen = regions(centres), np.hypot(*left.T), seen.are_seen
    worst = percentile(np.sort(away[are_seen]), MOST_APART) if are_seen.any() else np.inf
    for key in np.unique(keys).tolist():
        inside = away[(keys == key) & are_seen]
        if len(inside) >= LEAST_IN_REGION:
            worst = max(worst, percentile(np.sort(inside), MOST_APART))
    return worst
