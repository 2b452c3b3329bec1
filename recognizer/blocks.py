"""Roughly where the printed boxes of a page are, when they may be millimetres from where the corner marks put them.

The rules of a page are drawn, block by block laid over the page, and moved until they fit (normalised
cross-correlation). A block holds whole groups of boxes, so that ink or a crease in it does not matter; what remains is
for the single rules.
"""

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Displaced
from recognizer.geometry import Points
from recognizer.records import GreyImage
from recognizer.template import A4_MM, SheetTemplate

PX_PER_MM = 2.5
KNOT_PX = 8
BLOCK_MM = 44.0
APART_MM = 30.0
REACH_MM = 5.0
"""How far a block is moved: less than the distance of boxes in a row, which look alike."""

LEAST_FIT = 0.25
"""Correlation below which nothing was found."""

SHARP_MM = 1.2
LEAST_DROP = 0.12
"""By how much the correlation drops from its peak within `SHARP_MM`, at least: along its own rules a block slides."""

LEAST_AHEAD = 0.04
"""By how much the best place fits better than any other one."""

RULE_MM = 1.6
"""Dark lines up to about this width count; shadows and the table do not."""

SPREAD_MM = 0.6
"""A block whose neighbours say something that differs by more than this fits in the wrong place."""

LEAST_RULES_PX = 120.0
"""A block with fewer pixels of rules says nothing."""


def block_shifts(
    pixels: GreyImage, to_px: Callable[[Points], Points], px_per_mm: float, template: SheetTemplate, page: int
) -> Displaced:
    """Return by how far the blocks of a page lie off, in the directions in which they say it."""
    rules = _drawn_rules(template, page)
    seen = _lines(_flat_page(pixels, to_px, px_per_mm))
    side, reach = round(BLOCK_MM * PX_PER_MM), round(REACH_MM * PX_PER_MM)
    apart = round(APART_MM * PX_PER_MM)
    padded = cv2.copyMakeBorder(seen, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    points, directions, offsets, weights = [], [], [], []
    for top in range(0, rules.shape[0] - side // 2, apart):
        for left in range(0, rules.shape[1] - side // 2, apart):
            block = rules[top : top + side, left : left + side]
            if block.sum() < LEAST_RULES_PX * 255:
                continue
            around = padded[top : top + block.shape[0] + 2 * reach, left : left + block.shape[1] + 2 * reach]
            fit = cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED)
            rows, columns = np.nonzero(block > 64)
            middle = np.array([left + columns.mean() + 0.5, top + rows.mean() + 0.5]) / PX_PER_MM
            for direction, offset, weight in _best(np.nan_to_num(fit)):
                points.append(middle)
                directions.append(direction)
                offsets.append(offset)
                weights.append(weight)
    count = len(offsets)
    return Displaced(
        np.array(points, dtype=np.float64).reshape(-1, 2),
        np.array(directions, dtype=np.float64).reshape(-1, 2),
        np.array(offsets, dtype=np.float64),
        np.array(weights, dtype=np.float64),
        np.full(count, SPREAD_MM),
    )


def _best(fit: NDArray[np.float32]) -> list[tuple[tuple[float, float], float, float]]:
    """Return the best shift of a block along both directions, where it is clear: direction, mm, how well it fits."""
    row, column = np.unravel_index(int(fit.argmax()), fit.shape)
    peak, reach, near = float(fit[row, column]), fit.shape[0] // 2, round(SHARP_MM * PX_PER_MM)
    if peak < LEAST_FIT:
        return []
    found = []
    down, across = fit[:, column], fit[row]
    for direction, profile, at in (((1.0, 0.0), across, int(column)), ((0.0, 1.0), down, int(row))):
        beside = np.delete(profile, slice(max(at - near + 1, 0), at + near))
        close = [profile[place] for place in (at - near, at + near) if 0 <= place < len(profile)]
        clear = not close or peak - max(close) >= LEAST_DROP
        if clear and (not len(beside) or peak - beside.max() >= LEAST_AHEAD) and 0 < at < len(profile) - 1:
            before, after = float(profile[at - 1]), float(profile[at + 1])
            between = 0.5 * (before - after) / min(before - 2 * peak + after, -1e-6)
            found.append((direction, (at + between - reach) / PX_PER_MM, peak))
    return found


@lru_cache(maxsize=32)
def _drawn_rules(template: SheetTemplate, page: int) -> GreyImage:
    """Return the outlines of a page's boxes, 255 on 0, as they look on a blurred scan."""
    bubbles = {field.name for field in template.pages[page - 1].fields if field.shape == "bubble"}
    size = (round(A4_MM[1] * PX_PER_MM), round(A4_MM[0] * PX_PER_MM))
    canvas, fine = np.zeros(size, np.uint8), 16 * PX_PER_MM
    for box in template.boxes(page):
        rect = box.rect
        if box.field in bubbles:
            centre = (round((rect.x + rect.width / 2) * fine - 8), round((rect.y + rect.height / 2) * fine - 8))
            axes = (round(rect.width / 2 * fine), round(rect.height / 2 * fine))
            cv2.ellipse(canvas, centre, axes, 0, 0, 360, 255, 1, cv2.LINE_AA, 4)
        else:
            corners = [(round(x * fine - 8), round(y * fine - 8)) for x, y in rect.corners().tolist()]
            cv2.rectangle(canvas, corners[0], corners[2], 255, 1, cv2.LINE_AA, 4)
    soft = np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8), dtype=np.uint8)
    soft.flags.writeable = False
    return soft


def _flat_page(pixels: GreyImage, to_px: Callable[[Points], Points], px_per_mm: float) -> GreyImage:
    """Return the page laid flat, at `PX_PER_MM`; white outside."""
    factor = max(int(px_per_mm / PX_PER_MM / 1.2), 1)
    if factor > 1:
        size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
        cells = pixels[: size[1] * factor, : size[0] * factor]
        pixels = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    width, height = round(A4_MM[0] * PX_PER_MM), round(A4_MM[1] * PX_PER_MM)
    # Every few millimetres are followed exactly, with a knot more on every side so that resizing never runs out.
    columns, rows = -(-width // KNOT_PX) + 2, -(-height // KNOT_PX) + 2
    x, y = np.meshgrid(*((np.arange(count) - 0.5) * KNOT_PX / PX_PER_MM for count in (columns, rows)))
    knots = ((to_px(np.column_stack([x.ravel(), y.ravel()])) + 0.5) / factor - 0.5).astype(np.float32)
    across, down = (
        cv2.resize(
            knots[:, axis].reshape(rows, columns), (columns * KNOT_PX, rows * KNOT_PX), interpolation=cv2.INTER_LINEAR
        )[KNOT_PX : KNOT_PX + height, KNOT_PX : KNOT_PX + width]
        for axis in (0, 1)
    )
    return np.asarray(cv2.remap(pixels, across, down, cv2.INTER_LINEAR, borderValue=255), dtype=np.uint8)


def _lines(page: GreyImage) -> GreyImage:
    """Return how much darker than the paper beside them thin lines are; darker than a rule does not count more."""
    reach = 2 * round(RULE_MM / 2 * PX_PER_MM) + 1
    paper = cv2.morphologyEx(page, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    dark = np.minimum(cv2.subtract(paper, page), 80)
    return np.asarray(cv2.GaussianBlur(dark, (0, 0), 0.5), dtype=np.uint8)
