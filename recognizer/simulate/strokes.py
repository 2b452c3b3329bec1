"""Ink as a pen leaves it: digit pictures redrawn at a pen's width, and lines drawn by a hand.

A picture of 28 x 28 pixels blown up to the size of a written digit would show a marker's width and blurred edges.
So each picture becomes two distance fields, from its edge and from its centre line (thinned after Zhang & Suen
1984), which can be scaled, slanted and turned smoothly and cut at the width of any pen.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Points
from recognizer.glyphs import InkImage

Coverage: TypeAlias = NDArray[np.float32]
"""(H, W) float32, 0.0 untouched paper to 1.0 covered by ink."""

FIELD_HEIGHT = 96
"""Pixels of the longer side of a character in its distance fields: 0.06 mm each in a digit of 6 mm."""

FIELD_MARGIN = 14
"""Pixels around the character in its distance fields: room for a pen wider than the one it was written with."""

EDGE_SHARE = 0.75
"""Ink value of a stroke's edge, as a share of Otsu's (1979) threshold: half-covered edge pixels belong to the stroke,
and so does what a light hand left."""

FAINTEST, DARKEST = 40, 100
"""Limits of the ink value of a stroke's edge, of 255: below lies paper, above whole strokes would be lost."""

SUPERSAMPLING = 4
"""Lines are drawn this much larger and averaged down, so that their edges are as soft as a scanner sees them."""

CENTRE_LINE_SHARE = 0.82
"""Least stroke width as a share of the pen's: a ball pen draws a nearly even line, and thin parts never break."""


MOST_THINNED = 0.5
"""Most that a stroke is thinned, as a share of its width: who wrote with a marker filled in loops, and a fine line
would leave `L` of such a `6`."""

LEAST_PIECE = 0.06
"""Ink apart from the rest of a character, as a share of all of it, below which it is dirt and not a stroke."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One character as two fields of distances, in pixels of these fields.

    `inside` is the distance from the stroke's edge, positive in the stroke; `centre` that from its centre line;
    `half_width` half the typical stroke width. Both fields are (H, W) float32.
    """

    inside: NDArray[np.float32]
    centre: NDArray[np.float32]
    half_width: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the character without margins, in pixels of the fields."""
        height, width = self.inside.shape
        return width - 2.0 * FIELD_MARGIN, height - 2.0 * FIELD_MARGIN


@dataclass(frozen=True, slots=True)
class Placing:
    """How a character is put down.

    `size` is the length of its longer side and `pen_width` that of its strokes, in page pixels; `slant` is a shear,
    `turn` an angle in radians.
    """

    size: float
    slant: float
    turn: float
    pen_width: float


def trace(picture: InkImage) -> Trace:
    """Return the distance fields of a glyph picture; an empty picture gives an empty trace."""
    spread = max(int(picture.max()) - int(picture.min()), 1)
    ink = ((picture.astype(np.float32) - picture.min()) * (255.0 / spread)).astype(np.uint8)
    otsu, _ = cv2.threshold(ink, 0, 255, cv2.THRESH_OTSU)
    # A picture of black and white alone has any threshold; OpenCV says 0.
    edge = float(np.clip(EDGE_SHARE * (otsu or 255), FAINTEST, DARKEST))
    rows, columns = np.nonzero(ink >= edge)
    if len(rows) == 0:
        empty = np.full((3 * FIELD_MARGIN, 3 * FIELD_MARGIN), -FIELD_MARGIN, np.float32)
        return Trace(empty, -empty, 1.0)
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = FIELD_HEIGHT / max(cut.shape)
    margin = int(np.ceil(FIELD_MARGIN / scale))
    large = cv2.resize(
        cv2.copyMakeBorder(cut, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0),
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA,
    )
    large = cv2.GaussianBlur(large, (0, 0), scale * 0.35)
    surplus = round(margin * scale) - FIELD_MARGIN
    large = large[surplus : large.shape[0] - surplus, surplus : large.shape[1] - surplus]
    return _distances(_without_dirt((large >= edge).astype(np.uint8)))


def _without_dirt(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the ones of a mask without specks apart from the character."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = areas >= LEAST_PIECE * areas[1:].sum()
    kept[0] = False
    return np.asarray(kept[labels], dtype=np.uint8)


def _distances(mask: NDArray[np.uint8]) -> Trace:
    within = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    without = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    skeleton = thinned(mask)
    centre = cv2.distanceTransform(1 - skeleton, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    half_width = float(np.median(within[skeleton > 0])) if skeleton.any() else 1.0
    return Trace(_smooth(within - without), _smooth(centre), half_width)


def _smooth(field: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(field.astype(np.float32), (0, 0), 1.2), dtype=np.float32)


def thinned(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the centre line of the ones in a mask, (H, W) uint8 0 or 1 (Zhang & Suen 1984)."""
    image = np.pad(mask, 1).astype(bool)
    changed = True
    while changed:
        changed = False
        for step in (0, 1):
            p2, p3, p4, p5, p6, p7, p8, p9 = _neighbours(image)
            ring = (p2, p3, p4, p5, p6, p7, p8, p9)
            count = np.sum(ring, axis=0, dtype=np.uint8)
            turns = np.sum([~a & b for a, b in zip(ring, (*ring[1:], p2), strict=True)], axis=0, dtype=np.uint8)
            open_side = ~(p2 & p4 & p6) & ~(p4 & p6 & p8) if step == 0 else ~(p2 & p4 & p8) & ~(p2 & p6 & p8)
            remove = image[1:-1, 1:-1] & (count >= 2) & (count <= 6) & (turns == 1) & open_side
            if remove.any():
                image[1:-1, 1:-1] &= ~remove
                changed = True
    return image[1:-1, 1:-1].astype(np.uint8)


def _neighbours(image: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], ...]:
    """Return the eight neighbours of every inner pixel, clockwise from above (P2 to P9 of the paper)."""
    return (
        image[:-2, 1:-1],
        image[:-2, 2:],
        image[1:-1, 2:],
        image[2:, 2:],
        image[2:, 1:-1],
        image[2:, :-2],
        image[1:-1, :-2],
        image[:-2, :-2],
    )


def place(character: Trace, placing: Placing) -> Coverage:
    """Return a character drawn with a pen, in a canvas around it whose centre is the character's."""
    height, width = character.inside.shape
    scale = placing.size / FIELD_HEIGHT
    cos, sin = np.cos(placing.turn), np.sin(placing.turn)
    matrix = scale * np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, -placing.slant], [0.0, 1.0]])
    reach = np.abs(matrix) @ np.array([width / 2, height / 2])
    out_width, out_height = (int(np.ceil(2 * edge)) + 2 for edge in reach)
    shift = np.array([out_width / 2, out_height / 2]) - matrix @ np.array([width / 2, height / 2])
    affine = np.column_stack([matrix, shift])
    size = (out_width, out_height)
    inside = cv2.warpAffine(character.inside, affine, size, borderMode=cv2.BORDER_REPLICATE) * scale
    centre = cv2.warpAffine(character.centre, affine, size, borderMode=cv2.BORDER_REPLICATE) * scale
    half_width = character.half_width * scale
    thinner = min(half_width - placing.pen_width / 2, MOST_THINNED * half_width)
    edge = np.maximum(inside - thinner, CENTRE_LINE_SHARE * placing.pen_width / 2 - centre)
    return np.asarray(np.clip(edge + 0.5, 0.0, 1.0), dtype=np.float32)


def line(points: Points, width: float) -> tuple[Coverage, int, int]:
    """Draw a line through points, (N, 2) page pixels, `width` pixels wide.

    Returns:
        The coverage and the column and row of its top left pixel on the page.
    """
    margin = width / 2 + 2
    left, top = (int(np.floor(edge)) for edge in points.min(axis=0) - margin)
    right, bottom = (int(np.ceil(edge)) for edge in points.max(axis=0) + margin)
    canvas = np.zeros(((bottom - top) * SUPERSAMPLING, (right - left) * SUPERSAMPLING), np.uint8)
    fine = np.round((points - (left, top)) * SUPERSAMPLING * 16).astype(np.int32)
    thickness = max(1, round(width * SUPERSAMPLING))
    cv2.polylines(canvas, [fine.reshape(-1, 1, 2)], False, 255, thickness, cv2.LINE_AA, shift=4)
    small = cv2.resize(canvas, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255.0, left, top


def curve(waypoints: Points, rng: np.random.Generator, wobble: float) -> Points:
    """Return a smooth line through waypoints, (N, 2) to (M, 2), as a hand draws it: off by about `wobble` each."""
    shaky = waypoints + rng.normal(0.0, wobble, waypoints.shape)
    if len(shaky) == 2:
        bend = rng.normal(0.0, wobble, 2)
        shaky = np.array([shaky[0], shaky.mean(axis=0) + bend, shaky[1]])
    return _catmull_rom(shaky)


def _catmull_rom(points: Points, pieces: int = 8) -> Points:
    """Return points along the spline through `points` (Catmull & Rom 1974), `pieces` to each section."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0.0, 1.0, pieces, endpoint=False)[:, None]
    sections = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        quadratic, cubic = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
        sections.append(0.5 * (2 * b + (c - a) * t + quadratic * t**2 + cubic * t**3))
    return np.vstack([*sections, points[-1:]])
