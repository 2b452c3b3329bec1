"""What happens to paper before it is scanned or photographed: coffee, creases, holes, staples, tears.

Every function takes any page picture and writes into it (`paper`, white 255, `px_per_mm` pixels a millimetre); nothing
moves, so the truth of where things are stays as it was.
"""

from collections.abc import Callable

import cv2
import numpy as np

from recognizer.geometry import Rect
from recognizer.records import GreyImage

CUP_RADIUS_MM = (32.0, 42.0)
HOLE_RADIUS_MM = 2.9
HOLE_EDGE_MM = 12.0
HOLES_APART_MM = 80.0
"""Two holes as ISO 838 has them: 12 mm from the edge, 80 mm apart in the middle of it."""

STAPLE_MM = (8.0, 12.0)
STAPLE_WIRE_MM = 0.5

Wear = Callable[[GreyImage, float, np.random.Generator], None]


def stain(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Leave the ring of a cup and some of what was in it: a dark rim, a paler inside, drops beside it."""
    height, width = paper.shape
    centre = np.array([rng.uniform(0.05, 0.95) * width, rng.uniform(0.05, 0.95) * height])
    radius = rng.uniform(*CUP_RADIUS_MM) * px_per_mm
    # Drawn small: a stain has no sharp edges, and a page has many pixels.
    factor = max(int(px_per_mm / 2), 1)
    dirt = np.zeros((height // factor + 1, width // factor + 1), np.uint8)
    at = tuple(np.rint(centre / factor).astype(int).tolist())
    cv2.circle(dirt, at, round(radius / factor), int(rng.integers(10, 45)), -1, cv2.LINE_AA)
    start, span = rng.uniform(0, 360), rng.uniform(160, 350)
    for angle in np.arange(start, start + span, 5.0):
        axes = (round(radius / factor),) * 2
        thickness = max(round(rng.uniform(0.6, 2.4) * px_per_mm / factor), 1)
        cv2.ellipse(dirt, at, axes, 0, float(angle), float(angle) + 6.0, int(rng.integers(30, 120)), thickness)
    for _ in range(int(rng.integers(0, 6))):
        drop = np.rint((centre + rng.normal(0, 1.5, 2) * radius) / factor).astype(int)
        cv2.circle(dirt, (int(drop[0]), int(drop[1])), round(rng.uniform(1, 5) * px_per_mm / factor), 60, -1)
    soft = cv2.GaussianBlur(dirt, (0, 0), 0.8)
    full = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    paper[:] = cv2.multiply(paper, 255 - full, scale=1 / 255)


def crease(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Fold the paper once and lay it flat again: a broken pale line beside a dark one, where ink has flaked off."""
    height, width = paper.shape
    if rng.random() < 0.6:
        # Folded for an envelope or a pocket: along the page or across it.
        at = rng.uniform(0.2, 0.8)
        ends = [(0, at * height), (width, (at + rng.normal(0, 0.01)) * height)]
        if rng.random() < 0.4:
            ends = [(at * width, 0), ((at + rng.normal(0, 0.01)) * width, height)]
    else:
        ends = [(0, rng.uniform(0, 1) * height), (rng.uniform(0, 1) * width, 0)]
    one, other = (np.array(end, dtype=np.float64) for end in ends)
    steps = max(int(np.hypot(*(other - one)) / (3 * px_per_mm)), 2)
    wobble = rng.normal(0, 0.15 * px_per_mm, (steps + 1, 2))
    line = np.rint(one + (other - one) * np.linspace(0, 1, steps + 1)[:, None] + wobble).astype(np.int32)
    normal = np.array([one[1] - other[1], other[0] - one[0]]) / max(np.hypot(*(other - one)), 1.0)
    shade = line + np.rint(normal * 0.5 * px_per_mm).astype(np.int32)
    cv2.polylines(paper, [shade], False, int(rng.integers(150, 215)), max(round(0.5 * px_per_mm), 1), cv2.LINE_AA)
    for start, end in zip(line[:-1].tolist(), line[1:].tolist(), strict=True):
        if rng.random() < 0.7:
            cv2.line(paper, start, end, int(rng.integers(225, 256)), max(round(0.35 * px_per_mm), 1), cv2.LINE_AA)


def holes(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Punch two or four holes near one of the long edges; the scanner's lid or the table shows through."""
    height, width = paper.shape
    inset = (HOLE_EDGE_MM + rng.uniform(-2.5, 2.5)) * px_per_mm
    x = inset if rng.random() < 0.7 else width - inset
    apart, grey = HOLES_APART_MM * px_per_mm, int(rng.choice([15, 60, 120, 225]))
    middle = height / 2 + rng.uniform(-6, 6) * px_per_mm
    for place in (-0.5, 0.5) if rng.random() < 0.7 else (-1.5, -0.5, 0.5, 1.5):
        centre = (round(x), round(middle + place * apart))
        cv2.circle(paper, centre, round(HOLE_RADIUS_MM * px_per_mm), grey, -1, cv2.LINE_AA)


def staple(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Leave a staple, or its two holes, in the top left corner."""
    at = rng.uniform([6, 6], [26, 14])
    angle = np.deg2rad(rng.uniform(-60, 60))
    half = rng.uniform(*STAPLE_MM) / 2 * np.array([np.cos(angle), np.sin(angle)])
    ends = [np.rint((at + side * half) * px_per_mm).astype(int).tolist() for side in (-1, 1)]
    if rng.random() < 0.5:
        cv2.line(
            paper, ends[0], ends[1], int(rng.integers(40, 140)), max(round(STAPLE_WIRE_MM * px_per_mm), 1), cv2.LINE_AA
        )
    for end in ends:
        cv2.circle(paper, end, max(round(0.45 * px_per_mm), 1), int(rng.integers(20, 100)), -1, cv2.LINE_AA)


def tear_off(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Tear off a corner of the page, 20 to 42 mm along its edges, so that what was printed there is lost in part."""
    height, width = paper.shape
    along, down = rng.uniform(20, 42, 2) * px_per_mm
    edge = np.linspace(0, 1, 9)
    rough = rng.normal(0, 0.7 * px_per_mm, 9) * (edge * (1 - edge) > 0)
    outline = [[0.0, 0.0], *np.column_stack([along * (1 - edge) + rough, down * edge + rough]).tolist()]
    points = np.array(outline)
    if rng.random() < 0.5:
        points[:, 0] = width - 1 - points[:, 0]
    if rng.random() < 0.5:
        points[:, 1] = height - 1 - points[:, 1]
    cv2.fillPoly(paper, [np.rint(points).astype(np.int32)], int(rng.choice([255, 240, 150, 30])), cv2.LINE_AA)


def scribble_over(area: Rect) -> Wear:
    """Return an effect that writes over an area (mm) with a broad pen: a signature, a crossing out, a sticker."""

    def effect(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
        grey = int(rng.integers(0, 90))
        if rng.random() < 0.3:
            grown = area.grown(float(rng.uniform(-2.0, 2.0)))
            corners = np.rint(grown.corners() * px_per_mm).astype(np.int32)
            cv2.fillPoly(paper, [corners], int(rng.choice([30, 170, 235, 255])), cv2.LINE_AA)
            return
        count = int(rng.integers(4, 14))
        size = np.array([area.width, area.height])
        points = np.array([area.x, area.y]) + size * rng.normal(0.5, 0.42, (count, 2))
        thickness = max(round(rng.uniform(0.5, 1.6) * px_per_mm), 1)
        cv2.polylines(paper, [np.rint(points * px_per_mm).astype(np.int32)], False, grey, thickness, cv2.LINE_AA)

    return effect


def specks(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Drop dust: dots of 0.1 to 0.6 mm."""
    height, width = paper.shape
    for _ in range(int(rng.integers(20, 160))):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        radius = max(round(rng.uniform(0.05, 0.3) * px_per_mm), 1)
        cv2.circle(paper, centre, radius, int(rng.integers(30, 220)), -1, cv2.LINE_AA)
