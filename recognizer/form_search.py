"""Where on a page the blank forms of an exam may lie: features that match, and the perspective that most of them share.

Features give a first guess; whether a form really lies there is measured afterwards (`form_fit.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.form_reference import (
    SPECTRUM_MM,
    Features,
    FormReference,
    ink_spectrum,
    orb_features,
    peaks,
    sift_features,
)
from recognizer.geometry import Homography
from recognizer.records import GreyImage, Page
from recognizer.warp import Halves

LEAST_MATCHES = 12
"""Matches that share a perspective, at least: of fewer, chance makes some on any two pages of print."""

SURE_MATCHES = 40
"""So many leave no doubt; then half of the page's features were enough, and comparing them takes half of the time."""

MOST_MATCHES_KEPT = 1_200
MATCH_ERROR_PX = 4.0
"""How far a match may lie from the common perspective, in pixels of the reduced page: paper curls."""


@dataclass(frozen=True, slots=True)
class Search:
    """One way to look for forms: features of a page reduced so that its longest side keeps at least `longest_px`."""

    longest_px: int
    binary: bool
    count: int
    ratio: float


FAST = Search(820, True, 1000, 0.86)
"""Finds what a scanner delivers."""

CLOSE = Search(820, False, 1500, 0.8)
THOROUGH = Search(1700, False, 3000, 0.8)
"""Finds photographs on which the sheet fills half of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A form that may lie on a page: where (mm to pixels), and how many matches say so."""

    reference: FormReference
    mm_to_px: Homography
    matches: int


def guesses(page: Page, halves: Halves, references: Sequence[FormReference], search: Search) -> list[Guess]:
    """Return the forms that may lie on a page, the one with most matches first."""
    factor = max(int(max(page.pixels.shape) / search.longest_px), 1)
    small = halves.reduced(factor)
    extract: Callable[[GreyImage, int], Features] = orb_features if search.binary else sift_features
    found = extract(small, search.count)
    to_full = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1.0]])
    listed = [
        Guess(reference, to_full @ placed, matches)
        for reference in references
        for placed, matches in _placed(found, reference.orb if search.binary else reference.sift, search)
    ]
    return sorted(listed, key=lambda guess: -guess.matches)


def _placed(found: Features, printed: Features, search: Search) -> Iterator[tuple[Homography, int]]:
    """Yield where most matches have the form, flat and leaning, with how many they are, if there are enough."""
    half, rest = (Features(found.points[part::2], found.descriptors[part::2]) for part in (0, 1))
    matches = _matched(half, printed, search)
    placed = list(_agreed(matches))
    if not any(agree >= SURE_MATCHES for _, agree in placed):
        placed = list(_agreed(np.vstack([matches, _matched(rest, printed, search)])))
    yield from placed


def _matched(found: Features, printed: Features, search: Search) -> NDArray[np.float64]:
    """Return what looks alike, and like nothing else: places on page and form, and the distance, (M, 5)."""
    if min(len(found.points), len(printed.points)) < 2:
        return np.zeros((0, 5))
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING if search.binary else cv2.NORM_L2)
    pairs = matcher.knnMatch(np.ascontiguousarray(found.descriptors), np.asarray(printed.descriptors), k=2)
    kept = [one for one, next_best in pairs if one.distance < search.ratio * next_best.distance]
    on_page = found.points[[match.queryIdx for match in kept]]
    on_form = printed.points[[match.trainIdx for match in kept]]
    return np.column_stack([on_page, on_form, [match.distance for match in kept]])


def _agreed(matches: NDArray[np.float64]) -> Iterator[tuple[Homography, int]]:
    """Yield as `_placed`, from matches."""
    if len(matches) < LEAST_MATCHES:
        return
    nearest = matches[np.argsort(matches[:, 4], kind="stable")[:MOST_MATCHES_KEPT]]
    on_page, on_form = np.ascontiguousarray(nearest[:, :2]), np.ascontiguousarray(nearest[:, 2:4])
    # On paper that was scanned lies what was only turned, moved and scaled: of that, few matches can be sure. What is
    # photographed leans, and has many matches.
    alike, agree = cv2.estimateAffinePartial2D(
        on_form, on_page, method=cv2.RANSAC, ransacReprojThreshold=MATCH_ERROR_PX, maxIters=3000, confidence=0.999
    )
    if alike is not None and int(agree.sum()) >= LEAST_MATCHES:
        yield np.vstack([alike, [0.0, 0.0, 1.0]]), int(agree.sum())
    leaning, agree = cv2.findHomography(
        on_form, on_page, cv2.USAC_MAGSAC, MATCH_ERROR_PX, maxIters=3000, confidence=0.999
    )
    if leaning is not None and int(agree.sum()) >= LEAST_MATCHES:
        yield np.asarray(leaning, dtype=np.float64), int(agree.sum())


# ---- without features -------------------------------------------------------------------------------------------

MOST_FLAT = 2
LEAST_ALIKE = 0.12
"""Correlation of a page's ink with that of a blank page, both blurred, from which it is worth a closer look."""

LOOK_PX_PER_MM = 2.0
SKEW_STEP = 0.2
"""Degrees to which skew is told; over half a page that is half a millimetre."""

LONG_RULE_MM = 25.0


def flat_guesses(page: Page, _halves: Halves, references: Sequence[FormReference]) -> list[Guess]:
    """Return where forms may lie on a page that was scanned flat, from all its ink at once, the likeliest first.

    Features need something to tell them apart; a list of empty rows has next to nothing of that. Its skew comes from
    its rules, its scale from what the file says, and its place from the correlation with each blank page, four ways up.
    """
    px_per_mm = page.pixels.shape[1] / page.width_mm
    if not 2.0 <= px_per_mm <= 60.0:
        return []
    size = tuple(max(round(length / px_per_mm * LOOK_PX_PER_MM), 1) for length in page.pixels.shape[::-1])
    small = np.asarray(cv2.resize(page.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    to_small = np.diag([size[0] / page.pixels.shape[1], size[1] / page.pixels.shape[0], 1.0])
    skew, found = _skew(small), []
    for quarters in range(4):
        upright, turn = _upright(small, skew + 90.0 * quarters)
        spectrum, _, energy = ink_spectrum(upright, 1.0)
        for reference in references:
            blank, blank_energy = reference.spectrum
            alike = np.fft.irfft2(spectrum * np.conj(blank), SPECTRUM_MM) / max(np.sqrt(energy * blank_energy), 1e-9)
            for strength, down, across in peaks(alike, MOST_FLAT, LEAST_ALIKE):
                moved = np.array([[1, 0, across], [0, 1, down], [0, 0, 1.0]])
                mm_to_px = np.linalg.inv(turn @ to_small) @ moved
                found.append(Guess(reference, mm_to_px, round(100 * strength)))
    return sorted(found, key=lambda guess: -guess.matches)


def _upright(small: GreyImage, degrees: float) -> tuple[GreyImage, Homography]:
    """Return a page turned anticlockwise by an angle, at a pixel a mm, on white; and the map of its pixels to that."""
    height, width = small.shape
    side = min(round(float(np.hypot(width, height)) / LOOK_PX_PER_MM), SPECTRUM_MM[0])
    turned_by = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1 / LOOK_PX_PER_MM)
    turn = np.asarray(turned_by, dtype=np.float64)
    turn[:, 2] += (side - 1) / 2 - np.array([width - 1, height - 1]) / 2
    blurred = cv2.GaussianBlur(small, (0, 0), 0.7)
    turned = cv2.warpAffine(blurred, turn, (side, side), flags=cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(turned, dtype=np.uint8), np.vstack([turn, [0.0, 0.0, 1.0]])


def _skew(small: GreyImage) -> float:
    """Return by how many degrees to turn a page anticlockwise to have its rules upright and level; 0 without any."""
    dark = cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, np.ones((7, 7), np.uint8))
    _, ink = cv2.threshold(dark, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    shortest = LONG_RULE_MM * LOOK_PX_PER_MM
    lines = cv2.HoughLinesP(ink, 1, np.deg2rad(SKEW_STEP), 40, minLineLength=shortest, maxLineGap=4)
    if lines is None:
        return 0.0
    x0, y0, x1, y1 = lines.reshape(-1, 4).T.astype(np.float64)
    angles = np.rad2deg(np.arctan2(y1 - y0, x1 - x0))
    angles = (angles + 45.0) % 90.0 - 45.0
    steps = np.arange(-45.0, 45.0, SKEW_STEP)
    votes = np.exp(-(((angles[None] - steps[:, None]) / SKEW_STEP) ** 2)) @ np.hypot(x1 - x0, y1 - y0)
    near = np.abs(angles - steps[int(votes.argmax())]) <= 2 * SKEW_STEP
    return float(np.average(angles[near], weights=np.hypot(x1 - x0, y1 - y0)[near]))
