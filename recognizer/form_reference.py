"""The blank page of a form, prepared once: features to find it by, and patches to measure where it lies."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Laid
from recognizer.errors import TemplateError
from recognizer.geometry import Homography, Points, Rect
from recognizer.patches import PATCH_MM, Patches, compare, patches_of
from recognizer.records import GreyImage
from recognizer.template import Box, Kind, SheetTemplate

FINE_PX_PER_MM = 6.0
"""Resolution at which patches are measured last (150 dpi): a rule of 0.25 mm is a pixel and a half wide."""

COARSE_PX_PER_MM = 3.0
"""Resolution at which they are measured first, over a wider reach, and at which features are found."""

APART_MM = 5.0
"""Patches lie at least so far apart: they overlap a little, so that next to no ink of a form is seen by none."""

WINDOW_MM = 1.2
"""Standard deviation of the window in which structure is summed: the middle of a patch is where its ink is."""

LEAST_STRUCTURE = 4.0
"""Square root of the smaller eigenvalue of a patch's structure tensor, in grey values a pixel: below, it looks the same
when it is moved along some direction. The corner of a box drawn with light rules has about 8."""

LEAST_PATCHES = 12
"""A page with fewer says too little of where it lies, and of what it is."""

WRITTEN_ON = 0.55
"""A patch of which a larger part is inside boxes shows handwriting sooner than print."""

INSIDE_MM = 0.7
"""From a box's side to where writing may cover all."""

SPECTRUM_MM = (768, 768)
"""Room for two pages of up to A3 beside one another, at a pixel a mm: shifts then do not run into each other."""

MOST_SLIPS = 8
LEAST_PEAK = 0.2
SLIP_MM = 3
"""A slip is by more than this: what lies nearer is found when patches are looked for."""

LEAST_TELLING = 4
"""Patches that tell a place on a form from one that looks the same, at least: fewer may be written over."""

SLIP_REACH_MM = 1.7
DECEPTIVE = 0.5
LEAST_DECEIVED = 0.2
"""A slip matters when this share of the patches looks right in it: the others alone could not refuse it."""

ORB_FEATURES, SIFT_FEATURES = 1_200, 2_500
"""Features kept of a blank page, the strongest: of the fast kind fewer, since every page is matched with every form."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Places of a picture and what they look like: `points` (N, 2) and `descriptors` (N, D), uint8 or float32."""

    points: Points
    descriptors: NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Slip:
    """A way to lay a form on itself so that much of it looks right: a row further down, or upside down.

    `mm_to_mm` is that way, and `telling` are the patches that do not look right then: they tell the places apart.
    """

    mm_to_mm: Homography
    telling: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class FormReference:
    """The blank page of a form.

    `fine` and `coarse` are its picture at those resolutions, their first pixel covering 0 to 1 px; `centres` (P, 2) are
    the middles of its patches in mm, and `fine_patches` and `coarse_patches` what they show; `orb` and `sift` are its
    features in mm; `slips` are the ways in which it looks like itself; `spectrum` is that of its ink, with its energy
    (`ink_spectrum`).
    """

    template: SheetTemplate
    page: int
    fine: GreyImage
    coarse: GreyImage
    centres: Points
    fine_patches: Patches
    coarse_patches: Patches
    orb: Features
    sift: Features
    slips: tuple["Slip", ...]
    spectrum: tuple[NDArray[np.complex64], float]

    @property
    def paper(self) -> Rect:
        """The paper, in mm."""
        return self.template.pages[self.page - 1].paper


def reference_of(template: SheetTemplate, page: int) -> FormReference:
    """Return the prepared blank page of a form.

    Raises:
        TemplateError: its picture cannot be decoded, or shows next to nothing.
    """
    sheet = template.pages[page - 1]
    try:
        prepared = _prepared(sheet.blank_png, (sheet.width, sheet.height), template.boxes(page))
    except TemplateError as error:
        raise TemplateError(f"template '{template.name}': blank page {page} {error}") from error
    return FormReference(template, page, *prepared)


_Prepared = tuple[
    GreyImage,
    GreyImage,
    Points,
    Patches,
    Patches,
    Features,
    Features,
    tuple[Slip, ...],
    tuple[NDArray[np.complex64], float],
]


@lru_cache(maxsize=64)
def _prepared(png: bytes, paper_mm: tuple[float, float], boxes: tuple[Box, ...]) -> _Prepared:
    decoded = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
    if decoded is None:
        raise TemplateError("has a damaged picture; make it anew")
    blank = np.asarray(decoded, dtype=np.uint8)
    fine, coarse = (_resized(blank, paper_mm, scale) for scale in (FINE_PX_PER_MM, COARSE_PX_PER_MM))
    centres = _patch_centres(fine, boxes)
    if len(centres) < LEAST_PATCHES:
        raise TemplateError(
            f"shows too little to be found on a scan ({len(centres)} places with print, {LEAST_PATCHES} are needed)"
        )
    orb, sift = _in_mm(orb_features(coarse, ORB_FEATURES)), _in_mm(sift_features(coarse, SIFT_FEATURES))
    spectrum, _, energy = ink_spectrum(coarse, COARSE_PX_PER_MM)
    fine_patches, coarse_patches = (
        patches_of(picture, centres, scale) for picture, scale in ((fine, FINE_PX_PER_MM), (coarse, COARSE_PX_PER_MM))
    )
    slips = _slips(coarse, coarse_patches)
    for slip in slips:
        if len(slip.telling) < LEAST_TELLING:
            how = (
                "upside down"
                if slip.mm_to_mm[0, 0] < 0
                else "moved by {:.0f} and {:.0f} mm".format(*slip.mm_to_mm[:2, 2])
            )
            raise TemplateError(
                f"looks the same {how}: {len(slip.telling)} places of its print tell the two apart, at least "
                f"{LEAST_TELLING} are needed; print a heading, or marks in two corners, on the form"
            )
    looks = (spectrum.astype(np.complex64), energy)
    return fine, coarse, centres, fine_patches, coarse_patches, orb, sift, slips, looks


def orb_features(pixels: GreyImage, count: int) -> Features:
    """Return corners with binary descriptors (ORB, Rublee et al. 2011), in pixels: fast, for what lies flat."""
    return _features(cv2.ORB.create(count, scaleFactor=1.25, nlevels=6, fastThreshold=12), pixels, 32, np.uint8)


def sift_features(pixels: GreyImage, count: int) -> Features:
    """Return blobs with gradient descriptors (SIFT, Lowe 2004), in pixels: slow, for what leans or is photographed."""
    return _features(cv2.SIFT.create(count, contrastThreshold=0.02), pixels, 128, np.float32)


def _features(detector: cv2.Feature2D, pixels: GreyImage, width: int, kind: type[np.generic]) -> Features:
    found, descriptors = detector.detectAndCompute(np.ascontiguousarray(pixels), None)
    if descriptors is None:
        return Features(np.zeros((0, 2)), np.zeros((0, width), dtype=kind))
    return Features(np.array([one.pt for one in found], dtype=np.float64), descriptors)


def _in_mm(features: Features) -> Features:
    return Features((features.points + 0.5) / COARSE_PX_PER_MM, features.descriptors)


def ink_spectrum(pixels: GreyImage, px_per_mm: float) -> tuple[NDArray[np.complex128], tuple[int, int], float]:
    """Return the spectrum of a page's ink at one pixel a mm, its size there (height, width), and its energy.

    Blurred by half a millimetre: rows are deceptive even where they are not spaced quite evenly, and paper stretches.
    """
    size = (max(round(pixels.shape[1] / px_per_mm), 1), max(round(pixels.shape[0] / px_per_mm), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    dark = cv2.morphologyEx(small, cv2.MORPH_BLACKHAT, np.ones((7, 7), np.uint8))
    ink = cv2.GaussianBlur(dark, (0, 0), 0.7).astype(np.float64)
    ink -= ink.mean()
    return np.fft.rfft2(ink, SPECTRUM_MM), (size[1], size[0]), float((ink**2).sum())


def _slips(coarse: GreyImage, patches: Patches) -> tuple[Slip, ...]:
    """Return the ways in which a blank page looks like itself: moved, and upside down."""
    spectrum, (height, width), energy = ink_spectrum(coarse, COARSE_PX_PER_MM)
    turned, _, _ = ink_spectrum(np.ascontiguousarray(coarse[::-1, ::-1]), COARSE_PX_PER_MM)
    slips = []
    for other, upside_down in ((spectrum, False), (turned, True)):
        alike = np.fft.irfft2(spectrum * np.conj(other), SPECTRUM_MM) / max(energy, 1e-9)
        if not upside_down:
            _clear(alike, 0, 0)
        for _, down, across in peaks(alike, MOST_SLIPS, LEAST_PEAK):
            turn, x, y = (-1.0, width + across, height + down) if upside_down else (1.0, across, down)
            way = np.array([[turn, 0, x], [0, turn, y], [0, 0, 1.0]])
            seen = _seen_elsewhere(coarse, patches, way)
            if (seen >= DECEPTIVE).mean() >= LEAST_DECEIVED:
                slips.append(Slip(way, np.flatnonzero(seen < DECEPTIVE)))
    return tuple(slips)


def peaks(alike: NDArray[np.float64], most: int, least: float) -> list[tuple[float, int, int]]:
    """Return the highest peaks of a cyclic correlation: how high, and the shift down and across. It is written over."""
    height, width = alike.shape
    found: list[tuple[float, int, int]] = []
    while len(found) < most:
        row, column = divmod(int(alike.argmax()), width)
        high = float(alike[row, column])
        if high < least:
            break
        found.append((high, row - height * (row > height // 2), column - width * (column > width // 2)))
        _clear(alike, row, column)
    return found


def _clear(alike: NDArray[np.float64], row: int, column: int) -> None:
    """Leave a peak out, with all around it, across the edges too."""
    rows, columns = (np.arange(at - SLIP_MM, at + SLIP_MM + 1) for at in (row, column))
    alike[np.ix_(rows % alike.shape[0], columns % alike.shape[1])] = -1.0


def _seen_elsewhere(coarse: GreyImage, patches: Patches, way: Homography) -> NDArray[np.float64]:
    """Return how alike each patch is to what lies where a slip would look for it, (P,)."""
    scale = COARSE_PX_PER_MM
    to_px = np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1.0]])
    return compare(coarse, Laid(to_px @ way), patches, SLIP_REACH_MM).alike


def _resized(blank: GreyImage, paper_mm: tuple[float, float], px_per_mm: float) -> GreyImage:
    size = (round(paper_mm[0] * px_per_mm), round(paper_mm[1] * px_per_mm))
    shrinks = size[0] < blank.shape[1]
    resized = cv2.resize(blank, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _patch_centres(fine: GreyImage, boxes: tuple[Box, ...]) -> Points:
    """Return the places with the most structure around them, none closer to a better one than `APART_MM`, in mm."""
    scale, edge = FINE_PX_PER_MM, round(PATCH_MM * FINE_PX_PER_MM)
    smooth = cv2.GaussianBlur(fine, (0, 0), 1.0).astype(np.float32)
    across, down = cv2.Scharr(smooth, cv2.CV_32F, 1, 0) / 16, cv2.Scharr(smooth, cv2.CV_32F, 0, 1) / 16
    window = WINDOW_MM * scale
    xx, yy, xy = (cv2.GaussianBlur(product, (0, 0), window) for product in (across**2, down**2, across * down))
    weakest = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    structure = np.sqrt(np.maximum(weakest, 0.0))
    structure = np.where(_written_on(fine.shape, boxes, edge) > WRITTEN_ON, 0.0, structure)
    half, reach = edge // 2 + 1, 2 * round(APART_MM * scale) + 1
    structure[:half], structure[-half:], structure[:, :half], structure[:, -half:] = 0.0, 0.0, 0.0, 0.0
    highest = cv2.dilate(structure, np.ones((reach, reach), np.uint8))
    rows, columns = np.nonzero((structure >= highest) & (structure >= LEAST_STRUCTURE))
    return (np.column_stack([columns, rows]).astype(np.float64) + 0.5) / scale


def _written_on(shape: tuple[int, ...], boxes: tuple[Box, ...], edge: int) -> NDArray[np.float32]:
    """Return for every patch, by its middle pixel, which part of it lies inside boxes."""
    inside = np.zeros(shape, dtype=np.float32)
    for box in boxes:
        # Bubbles stand so close that nothing would be left; most of them stay empty.
        if box.kind is Kind.CHOICE:
            continue
        area = box.rect.grown(-INSIDE_MM)
        top, left = round(area.y * FINE_PX_PER_MM), round(area.x * FINE_PX_PER_MM)
        inside[top : round(area.bottom * FINE_PX_PER_MM), left : round(area.right * FINE_PX_PER_MM)] = 1.0
    return np.asarray(cv2.boxFilter(inside, -1, (edge, edge)), dtype=np.float32)
