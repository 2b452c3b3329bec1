"""Check how a sheet lies on a page by its printed rules, and where it is worth it let the sheet follow them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Displaced, Laid, fit_bend, in_all, straightened
from recognizer.blocks import block_shifts
from recognizer.errors import RegistrationError
from recognizer.fitting import MARK_LIMIT_MM, RESCAN_FLAT, Fit, check_shape, homography_between, perspective
from recognizer.geometry import Homography, apply_homography
from recognizer.marks import px_per_mm_at
from recognizer.records import GreyImage
from recognizer.rule_error import error_mm
from recognizer.rules import Probes, measure, probes_of
from recognizer.template import A4_MM, SheetTemplate

ERROR_LIMIT_MM = 0.5
"""How far off the printed rules of any part of the page may lie: what is left must stay within reach of the snapping of
box outlines (`boxes.SNAP_REACH_MM`), and well below the 0.8 mm at which a box is cut wrongly."""

BENT_LIMIT_MM = 0.25
"""The same for bent paper of which a corner mark is not seen: there nothing holds the corner beyond the last rule."""

WORTH_REFINING_MM = 0.12
"""A fit whose rules lie farther off than this in some part of the page is improved by them: paper stretches."""

WORTH_BENDING_MM, PHOTO_WORTH_BENDING_MM = 0.2, 0.08
"""A sheet that is farther off than this is bent to follow its rules, scanned flat or photographed: of curled paper the
corner of a large box can be off by five times of what its rules say..."""

WELL_SEEN = 0.6
"""...and so is one of which fewer rules than this share are seen where they should be."""

LEAST_SEEN_TO_BEND = 0.2
BENDING_ROUNDS = 4
SETTLED_MM = 0.01

STIFFNESS = 0.02
COARSE_STIFFNESS = 0.05
"""What curving costs against missing rules, and blocks."""

SPREAD_MM = 0.1
"""Rules whose neighbours say something that differs by more than this are ink."""

MARK_WEIGHT, MARK_SPREAD_MM = 2.0, 0.5
"""Corner marks are measured exactly: each corner counts like so many rules, unless it was torn or written over."""

NEARLY_FLAT_MM = 0.6
"""A sheet that is bent by no more than this may have a part where no rule is seen, if nothing is read there; and on a
scan of flat paper rules that ask for more are no bent paper but another template."""

FLAT_MARKS_MM = 0.07
FLAT_LEAN, FLAT_LEAN_BY_THREE = 1.02, 1.04
"""By how much the marks of paper that is scanned flat miss the sheet, and how many times larger than another one of its
corners is, at most; three marks tell it less well."""

BEND_LIMIT_MM = 6.0
STRAIN_LIMIT = 0.08
"""More than this no photographed paper is displaced, or stretched over a short way, by its curl."""

LEAST_PULLING = 16
"""Measured rules that move a rough fit: twice as many as a homography has freedoms."""

LEAST_SEEN = 0.35
"""Share of the printed rules that must be seen where expected; crossing ink hides some, a wrong place nearly all."""


def check_by_rules(pixels: GreyImage, fit: Fit, template: SheetTemplate, page: int) -> tuple[Laid, float]:
    """Measure a fit on the printed rules, improve it by them where that is worth it, and refuse it when it is bad.

    Raises:
        RegistrationError: the rules are not where they should be, wherever the sheet is laid.
    """
    probes = probes_of(template, page)
    if not len(probes.points):
        return Laid(fit.mm_to_px), fit.rms_mm
    state = _laid_flat(pixels, fit, probes)
    marks_mm = fit.rms_mm
    worth_mm = WORTH_BENDING_MM if _is_scanned_flat(fit) else PHOTO_WORTH_BENDING_MM
    if state.error > worth_mm or state.seen < WELL_SEEN or marks_mm > MARK_LIMIT_MM:
        bent, bent_marks_mm = _bent(pixels, fit, state, probes, template, page)
        if bent.better_than(state) or marks_mm > MARK_LIMIT_MM:
            state, marks_mm = bent, bent_marks_mm
    if state.error > ERROR_LIMIT_MM:
        state = _with_witnesses(pixels, state, probes, template, page)
    if state.seen < LEAST_SEEN:
        raise RegistrationError(
            f"only {state.seen:.0%} of the boxes' printed rules are where '{template.name}' page {page} has them; the "
            f"sheet does not fit its template: was it printed from another version, or is the paper bent? {RESCAN_FLAT}"
        )
    if state.error > ERROR_LIMIT_MM:
        raise RegistrationError(
            f"the boxes of '{template.name}' page {page} are off by more than {ERROR_LIMIT_MM} mm in part of the page; "
            f"the paper is bent or stretched: {RESCAN_FLAT}"
        )
    if marks_mm > ERROR_LIMIT_MM:
        raise RegistrationError(
            f"the corner marks miss the sheet by {marks_mm:.2f} mm, at most {ERROR_LIMIT_MM} mm are accepted; the "
            f"paper is bent, or the marks belong to different sheets: {RESCAN_FLAT}"
        )
    error = max(state.error, marks_mm)
    if 0 < fit.marks < 4 and state.laid.bend is not None and error > BENT_LIMIT_MM:
        raise RegistrationError(
            f"the paper is bent, {fit.marks} corner marks are seen, and boxes of '{template.name}' page {page} lie "
            f"off by {error:.2f} mm, at most {BENT_LIMIT_MM} mm are accepted then; {RESCAN_FLAT}"
        )
    return state.laid, error


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """A sheet laid over a page, what its rules say (`offsets`, mm), how far off it is, and the share of rules seen."""

    laid: Laid
    offsets: NDArray[np.float64]
    error: float
    seen: float

    def better_than(self, other: "_State") -> bool:
        """Tell whether this fit explains more of the page."""
        return (self.error, -self.seen) < (other.error, -other.seen) or self.seen > other.seen + 0.1


def _measured(pixels: GreyImage, laid: Laid, probes: Probes) -> _State:
    offsets = measure(pixels, laid.to_px, probes)
    return _State(laid, offsets, *error_mm(probes, offsets))


def _laid_flat(pixels: GreyImage, fit: Fit, probes: Probes) -> _State:
    """Lay a flat sheet, moved by its rules where that helps."""
    state = _measured(pixels, Laid(fit.mm_to_px), probes)
    if fit.leaning is not None and state.error > WORTH_REFINING_MM:
        leaning = _measured(pixels, Laid(fit.leaning), probes)
        state = leaning if leaning.seen > state.seen else state
    for _ in range(2):
        if state.seen < LEAST_SEEN or (state.error <= WORTH_REFINING_MM and fit.marks == 4):
            break
        better = _measured(pixels, Laid(_moved_by(state.laid.mm_to_px, probes, state.offsets)), probes)
        if better.error >= state.error or better.seen < state.seen - 0.02:
            break
        state = better
    return state


def _bent(  # noqa: PLR0917
    pixels: GreyImage, fit: Fit, flat: _State, probes: Probes, template: SheetTemplate, page: int
) -> tuple[_State, float]:
    """Let the sheet bend with the paper: first by whole blocks where it is far off, then rule by rule.

    Returns:
        The bent sheet, and by how much it misses the corner marks (root mean square, mm).
    """
    transform, state = flat.laid.mm_to_px, flat
    anchors = _marks_moved(fit, transform)
    if flat.error > ERROR_LIMIT_MM or flat.seen < WELL_SEEN:
        scale = px_per_mm_at(transform, np.array(A4_MM) / 2)
        laid = flat.laid
        for _ in range(2):
            found = in_all(block_shifts(pixels, laid.to_px, scale, template, page), laid)
            laid = Laid(transform, fit_bend(found.joined(anchors), COARSE_STIFFNESS))
        state = _measured(pixels, laid, probes)
    for _ in range(BENDING_ROUNDS):
        visible = ~np.isnan(state.offsets)
        if visible.mean() < LEAST_SEEN_TO_BEND:
            break
        count = int(visible.sum())
        rules = Displaced(
            probes.points[visible],
            probes.normals[visible],
            state.offsets[visible],
            np.ones(count),
            np.full(count, SPREAD_MM),
        )
        bend = fit_bend(in_all(rules, state.laid).joined(anchors), STIFFNESS)
        after = _measured(pixels, Laid(transform, bend), probes)
        settled = np.isfinite(after.error) and abs(after.error - state.error) < SETTLED_MM
        state = after
        if settled:
            break
    laid, most_mm, strain = straightened(state.laid)
    if most_mm > NEARLY_FLAT_MM and _is_scanned_flat(fit):
        # The marks say that the paper lies flat: then the boxes are elsewhere on it.
        return _State(flat.laid, flat.offsets, np.inf, min(flat.seen, state.seen)), fit.rms_mm
    if most_mm > BEND_LIMIT_MM or strain > STRAIN_LIMIT:
        raise RegistrationError(
            f"the boxes of '{template.name}' page {page} fit only when the sheet is bent by {most_mm:.1f} mm and "
            f"stretched by {strain:.0%}, which paper does not do; {RESCAN_FLAT}"
        )
    check_shape(laid.mm_to_px)
    return _State(laid, state.offsets, state.error, state.seen), _miss_mm(fit, laid)


def _is_scanned_flat(fit: Fit) -> bool:
    """Tell whether the corner marks are as on flat paper that nobody looks at from a slant."""
    leaning = perspective(fit.mm_to_px if fit.leaning is None else fit.leaning)
    return fit.rms_mm <= FLAT_MARKS_MM and leaning <= (FLAT_LEAN if fit.marks == 4 else FLAT_LEAN_BY_THREE)


def _marks_moved(fit: Fit, transform: Homography) -> Displaced:
    """Return how far the corners of the marks are shifted from where a homography has them."""
    back = np.asarray(np.linalg.inv(transform), dtype=np.float64)
    shifts = apply_homography(back, fit.on_page) - fit.on_sheet
    count = len(shifts)
    return Displaced(
        np.vstack([fit.on_sheet, fit.on_sheet]),
        np.repeat(np.eye(2), count, axis=0),
        np.concatenate([shifts[:, 0], shifts[:, 1]]),
        np.full(2 * count, MARK_WEIGHT),
        np.full(2 * count, MARK_SPREAD_MM),
    )


def _miss_mm(fit: Fit, laid: Laid) -> float:
    if not len(fit.on_sheet):
        # Laid without marks, as a page that a person placed: the rules alone have to tell.
        return 0.0
    away = laid.to_px(fit.on_sheet) - fit.on_page
    scale = px_per_mm_at(laid.mm_to_px, np.array(A4_MM) / 2)
    return float(np.sqrt((away**2).sum(axis=1).mean())) / scale


def _with_witnesses(pixels: GreyImage, state: _State, probes: Probes, template: SheetTemplate, page: int) -> _State:
    """Return how far off the sheet is where blocks may speak for rules that are hidden."""
    scale = px_per_mm_at(state.laid.mm_to_px, np.array(A4_MM) / 2)
    blocks = block_shifts(pixels, state.laid.to_px, scale, template, page)
    error, seen = error_mm(probes, state.offsets, blocks)
    if error > ERROR_LIMIT_MM and straightened(state.laid)[1] <= NEARLY_FLAT_MM:
        # On flat paper a single box may be covered with ink, and so may what is kept for people.
        error, seen = error_mm(probes, state.offsets, blocks, lenient=True)
    return _State(state.laid, state.offsets, error, seen)


def _moved_by(mm_to_px: Homography, probes: Probes, offsets: NDArray[np.float64]) -> Homography:
    """Return the homography moved to where the rules were seen: a small homography fitted to the offsets.

    Close to the identity a homography moves (x, y) by (a + b x + c y + g x^2 + h x y, d + e x + f y + g x y + h y^2).
    """
    visible = ~np.isnan(offsets)
    middle, size = np.array(A4_MM) / 2, max(A4_MM) / 2
    x, y = ((probes.points[visible] - middle) / size).T
    normal_x, normal_y = probes.normals[visible].T
    plane = np.column_stack([np.ones_like(x), x, y])
    lean = np.column_stack([x, y]) * (normal_x * x + normal_y * y)[:, None]
    equations = np.column_stack([plane * normal_x[:, None], plane * normal_y[:, None], lean])
    wanted = offsets[visible]
    weight: NDArray[np.float64] = np.ones(len(wanted))
    solution: NDArray[np.float64] = np.zeros(8)
    for _ in range(4):
        solution = np.asarray(np.linalg.lstsq(equations * weight[:, None], wanted * weight, rcond=None)[0], np.float64)
        away = np.abs(equations @ solution - wanted)
        # Cauchy weights: ink that crosses a rule gives offsets that belong to nobody.
        weight = np.sqrt(1 / (1 + (away / 0.06) ** 2))
    corners = np.array([[-0.7, -1], [0.7, -1], [0.7, 1], [-0.7, 1]])
    u, v = corners.T
    a, b, c, d, e, f, g, h = solution
    shift = np.column_stack([a + b * u + c * v + g * u * u + h * u * v, d + e * u + f * v + g * u * v + h * v * v])
    before = corners * size + middle
    return homography_between(before, apply_homography(mm_to_px, before + shift))


def pulled_in(
    pixels: GreyImage, mm_to_px: Homography, template: SheetTemplate, page: int, reaches_mm: Sequence[float]
) -> Homography:
    """Return a rough flat fit moved to where the printed rules are, looked for less and less far away.

    Nothing is checked: `check_by_rules` does that with what comes of it.
    """
    probes = probes_of(template, page)
    for reach in reaches_mm:
        offsets = measure(pixels, Laid(mm_to_px).to_px, probes, reach)
        visible = ~np.isnan(offsets)
        if np.count_nonzero(visible) >= LEAST_PULLING:
            mm_to_px = _moved_by(mm_to_px, probes, offsets)
        elif visible.any():
            # A box or two say where they lie, and nothing of the rest of the page.
            x, y = np.linalg.lstsq(probes.normals[visible], offsets[visible], rcond=None)[0]
            mm_to_px = mm_to_px @ np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    return mm_to_px
