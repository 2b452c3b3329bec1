"""The printed boxes and bubbles of a blank page: paper that dark rules enclose, measured to the middle of the rules."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.blank_page import PX_PER_MM, BlankPage, bold_ink_of, darkness, ink_of
from recognizer.blank_print import around_print, pieces_of_print, teeth_of
from recognizer.errors import PageError
from recognizer.geometry import Rect

LEAST_BOX_MM = 2.9
"""The smallest box that a template may describe is 3 mm, measured to the middle of its rules."""

LEAST_PAPER_MM = 2.2
"""The paper inside the smallest box or bubble, which is as much smaller as its rules are thick."""

BUBBLE_SIDES_MM = (2.4, 8.5)
BUBBLE_ASPECT = 1.7
"""A bubble may be oval, but not so long that it is a box with round ends."""

BOX_FILLS, BUBBLE_FILLS = 0.93, 0.70
"""Part of the rectangle around it that a box, or a bubble, covers at least: round corners, and pi / 4 of an ellipse."""

SYMMETRY = 0.9
"""A bubble covers its own mirror images, to this share; most gaps in letters do not."""

THICKEST_RING = 0.1
"""A ring is thinner than this part of its size, or than 0.6 mm; the strokes of a letter O are thicker."""

THICKEST_RING_MM = 0.6

PAGE_SHARE = 0.75
"""A rectangle that covers more of the page is the frame around it."""

MOST_BOXES = 4_000
"""As many as a template may describe; squared paper has more."""

MOST_LOOKED_AT = 40
"""Rectangles around patches of paper are looked at as long as they do not add up to more than so many pages."""

RULE_REACH_MM = 2.0
"""How far outside of the paper in a box the middle of its rule may lie."""

INSET_MM = 0.5
"""From the middle of a box's rule to where print inside begins."""

SHADED = 0.93
"""Paper darker than this part of that in other boxes is shaded: not to be written on."""

SAME_MM = 0.8
"""What was found twice has its sides within this."""

FACE_PX = 12
"""Side of the picture of what is printed in a bubble."""

Face: TypeAlias = NDArray[np.float32]
"""(FACE_PX, FACE_PX) float32, how dark the inside of a bubble is, in grey values."""


@dataclass(frozen=True, slots=True)
class FoundBox:
    """A box or bubble of a blank page.

    `rect` runs in the middle of its rules, in mm. `printed` is the part of the page inside it that bears print (None:
    it is empty); `paper` is the grey value of what is not. `face` is what a bubble looks like inside.
    """

    rect: Rect
    shape: Literal["box", "bubble"]
    printed: Rect | None
    paper: float
    shaded: bool = False
    face: Face | None = None


def find_boxes(page: BlankPage) -> tuple[FoundBox, ...]:
    """Return everything on a page that looks like a box or a bubble, labels and frames too, from the top down.

    Raises:
        PageError: there are more than any form has.
    """
    dark = darkness(page.pixels)
    ink = ink_of(dark)
    found: list[FoundBox] = []
    # Light rules are seen in the first; in the second, thick ones leave the paper between them, and letters in bubbles.
    for mask in (ink, bold_ink_of(dark, ink)):
        known = np.array([_sides(box.rect) for box in found]).reshape(-1, 4)
        for place, inside in _enclosed(mask):
            for box in _as_boxes(page, dark, ink, place, inside) or _as_bubble(page, dark, place, inside):
                if not (np.abs(known - _sides(box.rect)).max(axis=1, initial=0.0) < SAME_MM).any():
                    found.append(box)
            if len(found) > MOST_BOXES:
                raise PageError(
                    f"more than {MOST_BOXES:,} boxes are on the page, as on squared paper; a template describes fewer"
                )
    found.sort(key=lambda box: (box.rect.y, box.rect.x))
    return _with_shades(found)


def _sides(rect: Rect) -> tuple[float, float, float, float]:
    return rect.x, rect.y, rect.right, rect.bottom


def _enclosed(ink: NDArray[np.bool_]) -> Iterator[tuple[tuple[int, int, int, int], NDArray[np.uint8]]]:
    """Yield every stretch of paper enclosed by ink: its rectangle (x, y, width, height) and its mask, holes filled."""
    # Rules of black and white scans have gaps of a pixel or two.
    closed = cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    height, width = ink.shape
    least, budget = LEAST_PAPER_MM * PX_PER_MM, MOST_LOOKED_AT * ink.size
    x, y, across, down, area = stats.T
    wanted = (across >= least) & (down >= least) & (area >= 0.2 * across * down)
    wanted &= (x > 0) & (y > 0) & (x + across < width) & (y + down < height)
    wanted[0] = False
    for index in np.flatnonzero(wanted):
        left, top, wide, high = (int(value) for value in stats[index, :4])
        budget -= wide * high
        if budget < 0:
            raise PageError("boxes lie in boxes a hundredfold on this page; no form looks like that")
        part = (labels[top : top + high, left : left + wide] == index).astype(np.uint8)
        contours, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = np.zeros_like(part)
        cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
        yield (left, top, wide, high), filled


def _as_boxes(
    page: BlankPage,
    dark: NDArray[np.float32],
    ink: NDArray[np.bool_],
    place: tuple[int, int, int, int],
    inside: NDArray[np.uint8],
) -> list[FoundBox]:
    """Return a rectangle of paper as a box, or as several when short rules part it; nothing when it is none."""
    left, top, wide, high = place
    if inside.mean() < BOX_FILLS or wide * high > PAGE_SHARE * ink.size:
        return []
    across, down = _middle(left, wide), _middle(top, high)
    rows, columns = dark[down], dark[:, across]
    x0, x1 = left - _rule(rows[:, :left][:, ::-1]), left + wide + _rule(rows[:, left + wide :])
    y0, y1 = top - _rule(columns[:top][::-1].T), top + high + _rule(columns[top + high :].T)
    rect = Rect(x0 / PX_PER_MM, y0 / PX_PER_MM, (x1 - x0) / PX_PER_MM, (y1 - y0) / PX_PER_MM)
    if min(rect.width, rect.height) < LEAST_BOX_MM:
        return []
    around = _inner(rect)
    paper = float(np.percentile(page.pixels[around], 60))
    pieces = pieces_of_print(ink[around], (around[1].start, around[0].start))
    places = teeth_of(pieces, rect)
    if not places:
        return [FoundBox(rect, "box", around_print(pieces), paper)]
    width = rect.width / (len(places) + 1)
    return [
        FoundBox(Rect(rect.x + index * width, rect.y, width, rect.height), "box", None, paper)
        for index in range(len(places) + 1)
    ]


def _middle(start: int, length: int) -> slice:
    """Return the span of a side without its ends, where other rules begin."""
    inset = min(max(round(0.15 * length), 2), 60)
    return slice(start + inset, start + length - inset)


def _rule(outwards: NDArray[np.float32]) -> float:
    """Return how far (px) the middle of the rule lies outside of the paper that ends there.

    Args:
        outwards: (N, K) darkness along N lines that go outwards from the paper's edge.
    """
    reach = round(RULE_REACH_MM * PX_PER_MM)
    profile = np.median(outwards[:, :reach], axis=0) if outwards.size else np.zeros(0)
    if not profile.size:
        return 0.0
    peak = float(profile[: reach // 2].max())
    strong = profile >= 0.4 * peak
    begin = int(strong.argmax())
    rest = np.flatnonzero(~strong[begin:])
    if peak <= 0 or not rest.size:
        # A solid black area rather than a rule.
        return 0.0
    end = begin + int(rest[0])
    run = slice(max(begin - 1, 0), end + 1)
    weight = np.maximum(profile[run] - 0.25 * peak, 0.0)
    return float((weight * (np.arange(len(profile))[run] + 0.5)).sum() / weight.sum())


def _inner(rect: Rect) -> tuple[slice, slice]:
    """Return the pixels of a box inside of its rules: rows, columns."""
    inset = min(INSET_MM, 0.2 * min(rect.width, rect.height))
    area = rect.grown(-inset)
    rows = slice(round(area.y * PX_PER_MM), round(area.bottom * PX_PER_MM))
    return rows, slice(round(area.x * PX_PER_MM), round(area.right * PX_PER_MM))


def _as_bubble(
    page: BlankPage, dark: NDArray[np.float32], place: tuple[int, int, int, int], inside: NDArray[np.uint8]
) -> list[FoundBox]:
    """Return a round stretch of paper as a bubble; nothing when it is none."""
    left, top, wide, high = place
    least, most = (side * PX_PER_MM for side in BUBBLE_SIDES_MM)
    if max(wide, high) > most or max(wide, high) > BUBBLE_ASPECT * min(wide, high) or inside.mean() < BUBBLE_FILLS:
        return []
    if any((inside & mirrored).sum() < SYMMETRY * inside.sum() for mirrored in (inside[::-1], inside[:, ::-1])):
        return []
    rows, columns = np.nonzero(inside)
    x, y = left + columns.mean() + 0.5, top + rows.mean() + 0.5
    half = _ring(dark, (x, y), (wide / 2, high / 2))
    if half is None or 2 * (min(wide, high) / 2 + half) < least:
        return []
    width, height = wide + 2 * half, high + 2 * half
    rect = Rect((x - width / 2) / PX_PER_MM, (y - height / 2) / PX_PER_MM, width / PX_PER_MM, height / PX_PER_MM)
    return [bubble_at(page, rect)]


def bubble_at(page: BlankPage, rect: Rect) -> FoundBox:
    """Return a bubble whose ring runs along a rectangle (mm), with what is printed in it."""
    core = rect.grown(-0.18 * min(rect.width, rect.height))
    cut = page.pixels[
        round(core.y * PX_PER_MM) : round(core.bottom * PX_PER_MM),
        round(core.x * PX_PER_MM) : round(core.right * PX_PER_MM),
    ]
    face = cv2.resize(cut, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    return FoundBox(rect, "bubble", None, float(np.percentile(cut, 75)), face=np.max(face) - face)


def _ring(dark: NDArray[np.float32], middle: tuple[float, float], axes: tuple[float, float]) -> float | None:
    """Return by how many pixels the middle of a ring lies outside of the paper in it; None when it is no thin ring."""
    size = sum(axes)
    thickest = max(THICKEST_RING * size, THICKEST_RING_MM * PX_PER_MM)
    out = np.arange(-2.0, 2 * thickest + 2, 0.25)
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, None]
    at = [
        (centre + (axis + out) * way - 0.5).astype(np.float32)
        for centre, axis, way in zip(middle, axes, (np.cos(turn), np.sin(turn)), strict=True)
    ]
    profile = np.median(cv2.remap(dark, at[0], at[1], cv2.INTER_LINEAR), axis=0)
    peak = float(profile.max())
    weight = np.where(profile >= 0.5 * peak, profile, 0.0)
    span = out[weight > 0]
    if peak <= 0 or span[-1] - span[0] > thickest + 1:
        return None
    return float((weight * out).sum() / weight.sum())


def _with_shades(found: list[FoundBox]) -> tuple[FoundBox, ...]:
    """Say of each box whether its paper is shaded, compared with the others."""
    if not found:
        return ()
    usual = float(np.percentile([box.paper for box in found], 75))
    return tuple(replace(box, shaded=box.shape == "box" and box.paper < SHADED * usual) for box in found)
