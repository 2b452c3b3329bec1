"""The corner marks on a page: where they are, to a fraction of a pixel, and what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.codes import Corner, corner_of
from recognizer.geometry import Homography, Points, apply_homography, bounding_rect
from recognizer.records import GreyImage
from recognizer.template import MARK_SIZE_MM, MARKS
from recognizer.warp import reduced


class Clean(Enum):
    """What is done to a page before marks are searched for on it."""

    NOTHING = "nothing"
    BLUR = "blur"
    """Closes broken prints."""
    DARK_LINES = "dark lines"
    """Takes away dark lines thinner than a module of a mark: strokes and staples that touch it."""
    PALE_LINES = "pale lines"
    """Takes away pale ones: creases."""


SEARCHES: tuple[tuple[int, Clean], ...] = (
    (800, Clean.NOTHING),
    (1500, Clean.NOTHING),
    (1500, Clean.BLUR),
    (1500, Clean.DARK_LINES),
    (1500, Clean.PALE_LINES),
    (2400, Clean.NOTHING),
)
"""How marks are searched for, tried in turn until three are found: the longest side that a page keeps at least when it
is reduced (at 800 a mark has 25 pixels, and the search takes a fiftieth of the time it takes at 300 dpi), and what is
cleaned away before."""

BLUR_PX = 1.5
LINE_PX = 3
"""Lines thinner than this are cleaned away; at 1500 a module has 5 pixels."""

MARK_PERIMETER = (0.06, 0.35)
"""Perimeter of a mark over the longest side of the page: 0.12 for A4 on A4, 0.086 for A4 in the middle of A3."""

ZONE = (0.24, 0.2)
"""Part of the page's width and height, at each corner, where marks are looked for first: well-kept pages have them
there, and it is a fifth of the page."""

LEAST_ZONE = 24
"""Pixels of a reduced corner below which no mark fits into it."""

USUAL_PERIMETER = (0.09, 0.18)
"""As `MARK_PERIMETER`, for sheets that fill the page: the fewer squares are looked at, the faster it goes."""

SIDES_IN_MARKS = (183.0 / MARK_SIZE_MM, 256.0 / MARK_SIZE_MM)
SIDES_TOLERANCE = 0.15
"""How far corner marks are from one another across and down, in marks: otherwise they are of several sheets."""

THRESHOLD_WINDOW_PX = 15

SMALLEST_MARK = 0.5
"""A mark smaller than this, measured by the middle one of all marks, is no mark of this sheet but a picture of one."""

EDGE_REACH_MM = 0.75
"""How far to both sides of its expected place a mark's edge is looked for: less than a module (1.1 mm) of black inside,
less than the quiet zone (1.5 mm) of white outside."""

EDGE_SAMPLES = 24
EDGE_ENDS = 0.12
"""Part of an edge left out at each end, where the corner rounds it."""

MISSING_MARK_MARGIN_MM = 6.0
"""How far around its expected place a mark that was not found is looked for again."""


@dataclass(frozen=True, slots=True)
class FoundMark:
    """One corner mark. `corners` (4, 2) are its own corners in page pixels, clockwise from its own top left."""

    corner: Corner
    code: int
    corners: Points

    @property
    def edge_px(self) -> float:
        """The mean length of its four edges."""
        return float(np.hypot(*(self.corners - np.roll(self.corners, -1, axis=0)).T).mean())


def find_marks(pixels: GreyImage, searches: Sequence[tuple[int, Clean]] = SEARCHES) -> tuple[FoundMark, ...]:
    """Return all corner marks on a page, in no order; two sheets on a page give two of a kind."""
    marks: tuple[FoundMark, ...] = ()
    for longest, clean in searches:
        factor = _factor(max(pixels.shape), longest)
        found = _detect(_cleaned(reduced(pixels, factor), clean), factor, MARK_PERIMETER)
        known = {mark.corner for mark in marks}
        marks += tuple(mark for mark in found if mark.corner not in known)
        if len({mark.corner for mark in marks}) >= 3:
            break
    return _of_one_size(marks)


def marks_in_corners(pixels: GreyImage) -> tuple[FoundMark, ...]:
    """Return the four marks of a sheet that stand in the corners of the page; none when there is any doubt.

    This is the quick way for nearly all scans: only the corners are reduced and searched, side by side in one picture.
    """
    factor = _factor(max(pixels.shape), SEARCHES[0][0])
    (height, width), (across, down) = pixels.shape, ZONE
    columns, rows = int(width * across) // factor * factor, int(height * down) // factor * factor
    if min(columns, rows) < LEAST_ZONE * factor:
        return ()
    places = [(left, top) for top in (0, height - rows) for left in (0, width - columns)]
    zones = [reduced(pixels[top : top + rows, left : left + columns], factor) for left, top in places]
    mosaic = np.vstack([np.hstack(zones[:2]), np.hstack(zones[2:])])
    larger = max(pixels.shape) / (max(mosaic.shape) * factor)
    found = []
    for mark in _detect(mosaic, factor, (USUAL_PERIMETER[0] * larger, USUAL_PERIMETER[1] * larger)):
        column, row = (mark.corners.mean(axis=0) // (columns, rows)).astype(int).tolist()
        left, top = places[2 * row + column]
        corners = mark.corners + np.array([left - column * columns, top - row * rows])
        found.append(FoundMark(mark.corner, mark.code, corners))
    marks = {mark.corner: mark for mark in found}
    return tuple(found) if len(marks) == len(found) == 4 and _like_a_sheet(marks) else ()


def _like_a_sheet(marks: Mapping[Corner, FoundMark]) -> bool:
    """Tell whether four marks are as far apart as they are on a sheet."""
    edge = float(np.mean([mark.edge_px for mark in marks.values()]))
    middles = np.array([marks[corner].corners.mean(axis=0) for corner in Corner])
    sides = np.hypot(*(middles - np.roll(middles, -1, axis=0)).T) / edge
    expected = np.array([*SIDES_IN_MARKS, *SIDES_IN_MARKS])
    return bool((np.abs(sides / expected - 1) <= SIDES_TOLERANCE).all())


def _of_one_size(marks: tuple[FoundMark, ...]) -> tuple[FoundMark, ...]:
    """Return the marks without those that are much smaller: pictures of marks."""
    if not marks:
        return ()
    middle = float(np.median([mark.edge_px for mark in marks]))
    return tuple(mark for mark in marks if mark.edge_px >= SMALLEST_MARK * middle)


def find_missing_marks(
    pixels: GreyImage, mm_to_px: Homography, known: Mapping[Corner, FoundMark]
) -> tuple[FoundMark, ...]:
    """Look once more, and closer, for the marks that were not found where the others say they must be."""
    found = []
    for corner in Corner:
        if corner in known:
            continue
        area = bounding_rect(apply_homography(mm_to_px, MARKS[corner].grown(MISSING_MARK_MARGIN_MM).corners()))
        top, left = max(int(area.y), 0), max(int(area.x), 0)
        part = pixels[top : max(int(area.bottom), 0), left : max(int(area.right), 0)]
        if min(part.shape) < 16:
            continue
        size = MARK_SIZE_MM * px_per_mm_at(mm_to_px, MARKS[corner].corners().mean(axis=0))
        factor = _factor(size, 32)
        small = reduced(part, factor)
        for clean in Clean:
            marks = [mark for mark in _detect(_cleaned(small, clean), factor, (0.3, 4.0)) if mark.corner is corner]
            if marks:
                found.append(FoundMark(corner, marks[0].code, marks[0].corners + np.array([left, top])))
                break
    return tuple(found)


def px_per_mm_at(mm_to_px: Homography, point_mm: NDArray[np.float64]) -> float:
    """Return how many pixels a millimetre has around a point (the root of the area of a square millimetre)."""
    square = np.array([[0, 0], [1, 0], [0, 1]]) + point_mm
    origin, right, down = apply_homography(mm_to_px, square)
    (a, b), (c, d) = right - origin, down - origin
    return float(np.sqrt(abs(a * d - b * c)))


def _factor(size: float, least: float) -> int:
    """Return the largest power of two by which a size stays at least `least` (OpenCV halves and quarters fast)."""
    return 1 << max(int(np.log2(max(size / least, 1.0))), 0)


def _cleaned(pixels: GreyImage, clean: Clean) -> GreyImage:
    if clean is Clean.NOTHING:
        return pixels
    if clean is Clean.BLUR:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), BLUR_PX), dtype=np.uint8)
    how = cv2.MORPH_CLOSE if clean is Clean.DARK_LINES else cv2.MORPH_OPEN
    return np.asarray(cv2.morphologyEx(pixels, how, np.ones((LINE_PX, LINE_PX), np.uint8)), dtype=np.uint8)


def _detect(pixels: GreyImage, factor: int, perimeter: tuple[float, float]) -> tuple[FoundMark, ...]:
    """Return the corner marks in a reduced picture, in coordinates of the full one."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.perspectiveRemovePixelPerCell = 6
    # One window, about half a mark wide, finds what three do, in a third of the time.
    parameters.adaptiveThreshWinSizeMin = parameters.adaptiveThreshWinSizeMax = THRESHOLD_WINDOW_PX
    parameters.minMarkerPerimeterRate, parameters.maxMarkerPerimeterRate = perimeter
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11), parameters)
    corners, codes, _ = detector.detectMarkers(np.ascontiguousarray(pixels))
    if codes is None:
        return ()
    marks = [
        FoundMark(corner, int(code), (quad.reshape(4, 2).astype(np.float64) + 0.5) * factor - 0.5)
        for quad, code in zip(corners, np.ravel(codes), strict=True)
        if (corner := corner_of(int(code))) is not None
    ]
    return _of_one_size(tuple(marks))


def refine(pixels: GreyImage, marks: tuple[FoundMark, ...]) -> tuple[FoundMark, ...]:
    """Return the marks with their corners found again on the full page.

    Every edge is crossed by many profiles. Where a profile goes from black to white is taken from its area (so that
    blur and noise cancel out), a line is laid through those places, and neighbouring lines meet in the corners.
    """
    if not marks:
        return ()
    quads = np.stack([mark.corners for mark in marks])
    for _ in range(2):
        quads = _refined(pixels, quads)
    return tuple(FoundMark(mark.corner, mark.code, quad) for mark, quad in zip(marks, quads, strict=True))


def _refined(pixels: GreyImage, quads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Refine corners once, (M, 4, 2) to (M, 4, 2)."""
    starts, ends = quads, np.roll(quads, -1, axis=1)
    lengths = np.linalg.norm(ends - starts, axis=2, keepdims=True)
    along = (ends - starts) / lengths
    # Clockwise with y downwards: the outside lies to the left of the direction of travel.
    outward = np.stack([along[..., 1], -along[..., 0]], axis=-1)
    reach = float(lengths.mean()) / MARK_SIZE_MM * EDGE_REACH_MM
    steps = np.linspace(-reach, reach, 2 * max(round(2 * reach), 4) + 1)
    at = np.linspace(EDGE_ENDS, 1 - EDGE_ENDS, EDGE_SAMPLES)
    feet = starts[:, :, None, :] + (ends - starts)[:, :, None, :] * at[:, None]
    places = feet[:, :, :, None, :] + outward[:, :, None, None, :] * steps[:, None]
    offsets = _edge_offsets(_sampled(pixels, places), steps)
    intercepts, slopes = _robust_lines(at, offsets)
    first = quads + outward * intercepts[..., None]
    last = ends + outward * (intercepts + slopes)[..., None]
    return _crossings(np.roll(first, 1, axis=1), np.roll(last, 1, axis=1), first, last)


def _sampled(pixels: GreyImage, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return grey values between pixels, places (..., K, 2) to (..., K)."""
    flat = places.reshape(-1, places.shape[-2], 2).astype(np.float32)
    values = cv2.remap(pixels, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.reshape(places.shape[:-1]).astype(np.float64)


def _edge_offsets(profiles: NDArray[np.float64], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where profiles (M, 4, S, K) go from black to white, (M, 4, S), in the unit of `steps`."""
    third = profiles.shape[-1] // 3
    black = np.median(profiles[..., :third], axis=(2, 3))[:, :, None, None]
    white = np.median(profiles[..., -third:], axis=(2, 3))[:, :, None, None]
    darkness = np.clip((white - profiles) / np.maximum(white - black, 1.0), 0.0, 1.0)
    step = steps[1] - steps[0]
    offsets: NDArray[np.float64] = steps[0] - step / 2 + darkness.sum(axis=-1) * step
    return offsets


def _robust_lines(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return intercepts and slopes of lines through y (..., S) over x (S,); what is far off (ink) does not count."""
    middle = np.median(y, axis=-1, keepdims=True)
    spread = np.median(np.abs(y - middle), axis=-1, keepdims=True)
    keep = (np.abs(y - middle) <= 2.5 * spread + 0.5).astype(np.float64)
    for _ in range(2):
        total = keep.sum(axis=-1)
        mean_x, mean_y = (keep * x).sum(axis=-1) / total, (keep * y).sum(axis=-1) / total
        from_x = x - mean_x[..., None]
        slopes = (keep * from_x * y).sum(axis=-1) / np.maximum((keep * from_x**2).sum(axis=-1), 1e-9)
        intercepts = mean_y - slopes * mean_x
        away = np.abs(y - intercepts[..., None] - slopes[..., None] * x)
        keep = (away <= 2.5 * np.median(away, axis=-1, keepdims=True) + 0.1).astype(np.float64)
    return intercepts, slopes


def _crossings(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where the lines through a, b and through c, d cross; all (..., 2)."""
    ab, cd, ac = b - a, d - c, c - a
    crossed = ab[..., 0] * cd[..., 1] - ab[..., 1] * cd[..., 0]
    # Neighbouring edges of a mark are never parallel; a broken one gives a crossing far off, which the fit refuses.
    crossed = np.where(np.abs(crossed) < 1e-9, 1e-9, crossed)
    at = (ac[..., 0] * cd[..., 1] - ac[..., 1] * cd[..., 0]) / crossed
    meets: NDArray[np.float64] = a + ab * at[..., None]
    return meets
