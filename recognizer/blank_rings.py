"""Bubbles of a blank form whose paper is not enclosed, as where the letter in one touches its ring on a coarse scan.

Bubbles stand at an even pitch: a ring is looked for beside, above and below each one, and beside those found so.
"""

from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.blank_boxes import FoundBox, bubble_at
from recognizer.blank_page import PX_PER_MM, BlankPage, darkness
from recognizer.blank_rows import middle
from recognizer.geometry import Points, Rect

LEAST_BUBBLES = 8
"""Bubbles of one size on a page from which their pitch is believed."""

WIDEST_PITCH = 4.5
"""Neighbours are at most so many widths of a bubble apart."""

SAME_PITCH_MM = 0.5
LEAST_SHARE = 0.08
"""A pitch is believed that so many of the bubbles keep, in part."""

IN_LINE = 0.25
"""Neighbours stand level to this part of their size."""

ALIKE = 0.1
"""Bubbles of a form differ in size by less than this part."""

SEARCH_MM = 0.3
"""How far around its place the middle of a ring may lie."""

APART = 0.8
"""Bubbles lie apart by this part of their size, at least."""

DARK = 0.4
"""A ring is seen where it is darker than this part of what rings of the page usually are."""

LEAST_SEEN, MOST_AROUND = 0.85, 0.4
"""Share of a ring that has to be seen, and share of what lies around it that may be dark as well."""

AROUND_MM = 0.45
"""From a ring to where the paper around it is light."""

DIRECTIONS = 32
MOST_ROUNDS = 40
"""Times that neighbours of what was found last are looked for; a column has at most about so many bubbles."""

MOST_PLACES = 20_000
"""Places that are looked at in one round; more than any form has."""


def with_missing_bubbles(page: BlankPage, found: Sequence[FoundBox]) -> tuple[FoundBox, ...]:
    """Return what was found on a page and, in rows and columns of bubbles, those that were not found."""
    bubbles = [box for box in found if box.shape == "bubble"]
    sizes = np.array([(box.rect.width, box.rect.height) for box in bubbles]).reshape(-1, 2)
    if not bubbles:
        return tuple(found)
    alike = (np.abs(sizes / np.median(sizes, axis=0) - 1) < ALIKE).all(axis=1)
    if alike.sum() < LEAST_BUBBLES:
        return tuple(found)
    width, height = (float(side) for side in np.median(sizes[alike], axis=0))
    middles = np.array([middle(box.rect) for box, is_alike in zip(bubbles, alike, strict=True) if is_alike])
    dark = np.asarray(cv2.GaussianBlur(darkness(page.pixels), (0, 0), 0.8), dtype=np.float32)
    half = (width / 2, height / 2)
    least = DARK * float(np.median(_along(dark, middles, half)))
    ways = _ways(middles, (width, height))
    # Not on what is there, be it a bubble of another size or a box.
    taken = np.array([middle(box.rect) for box in found if max(box.rect.width, box.rect.height) < 2 * width])
    newest, added = _with_neighbours(middles, ways, (width, height)), np.zeros((0, 2))
    for _ in range(MOST_ROUNDS):
        places = _free((newest[:, None] + ways[None]).reshape(-1, 2), taken, (width, height), page)
        places = _distinct(np.round(places, 1), np.array([SEARCH_MM, SEARCH_MM]) / 3)
        if not 0 < len(places) <= MOST_PLACES:
            break
        newest = _distinct(_rings(dark, places, half, least), APART * np.array([width, height]))
        if not len(newest):
            break
        added, taken = np.vstack([added, newest]), np.vstack([taken, newest])
    return (*found, *(bubble_at(page, Rect(x - width / 2, y - height / 2, width, height)) for x, y in added.tolist()))


def _ways(middles: Points, size: tuple[float, float]) -> Points:
    """Return the ways (mm) from bubbles to their next neighbours on all four sides that many of them keep, (W, 2)."""
    ways = []
    for axis in (0, 1):
        nearest = []
        for one in middles:
            apart = middles - one
            level = np.abs(apart[:, 1 - axis]) < IN_LINE * size[1 - axis]
            nearest.append(apart[level & (apart[:, axis] > 0.5 * size[axis]), axis].min(initial=np.inf))
        steps = np.sort([step for step in nearest if step <= WIDEST_PITCH * size[axis]])
        parts = np.split(steps, np.flatnonzero(np.diff(steps) > SAME_PITCH_MM / 2) + 1)
        pitches = [float(np.median(part)) for part in parts if len(part) >= max(2, LEAST_SHARE * len(steps))]
        ways += [(sign * pitch, 0.0)[:: 1 - 2 * axis] for pitch in pitches for sign in (1, -1)]
    return np.array(ways, dtype=np.float64).reshape(-1, 2)


def _with_neighbours(middles: Points, ways: Points, size: tuple[float, float]) -> Points:
    """Return the bubbles that have another one beside them; one that stands alone shows how to fill others."""
    near = IN_LINE * np.array(size)
    has = [any((np.abs(middles - one - way) < near).all(axis=1).any() for way in ways) for one in middles]
    return np.asarray(middles[np.array(has, dtype=bool)])


def _free(places: Points, taken: Points, size: tuple[float, float], page: BlankPage) -> Points:
    """Return the places on the page on which nothing lies."""
    margin = max(size)
    inside = (places > margin).all(axis=1) & (places < (page.width - margin, page.height - margin)).all(axis=1)
    near = APART * np.array(size)
    free = [not (np.abs(taken - place) <= near).all(axis=1).any() for place in places[inside]]
    return np.asarray(places[inside][np.array(free, dtype=bool)])


def _distinct(places: Points, near: Points) -> Points:
    """Return places of which none lies nearer to an earlier one than `near`, (2,)."""
    kept = np.zeros((0, 2))
    for place in places:
        if not (np.abs(kept - place) <= near).all(axis=1).any():
            kept = np.vstack([kept, place])
    return kept


def _rings(dark: NDArray[np.float32], places: Points, axes: tuple[float, float], least: float) -> Points:
    """Return the middles (mm) of rings at or near places, where there are any."""
    steps = np.linspace(-SEARCH_MM, SEARCH_MM, 7)
    best, at = np.full(len(places), -1.0), places.copy()
    for way in product(steps, steps):
        moved = places + np.array(way)
        # By how dark it is, not only where: a ring is a little darker in its middle.
        darkest = np.minimum(_along(dark, moved, axes), least / DARK).mean(axis=1)
        better = darkest > best
        best[better], at[better] = darkest[better], moved[better]
    seen = (_along(dark, at, axes) >= least).mean(axis=1)
    around = (_along(dark, at, (axes[0] + AROUND_MM, axes[1] + AROUND_MM)) >= least).mean(axis=1)
    return np.asarray(at[(seen >= LEAST_SEEN) & (around <= MOST_AROUND)])


def _along(dark: NDArray[np.float32], middles: Points, axes: tuple[float, float]) -> NDArray[np.float32]:
    """Return how dark it is along ellipses, (N, `DIRECTIONS`); lengths in mm."""
    turn = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    x = (middles[:, :1] + axes[0] * np.cos(turn)) * PX_PER_MM - 0.5
    y = (middles[:, 1:] + axes[1] * np.sin(turn)) * PX_PER_MM - 0.5
    # Pictures for remapping have fewer than 32,768 rows.
    rows = [
        cv2.remap(dark, x[part].astype(np.float32), y[part].astype(np.float32), cv2.INTER_LINEAR)
        for part in (slice(start, start + 10_000) for start in range(0, len(x), 10_000))
    ]
    return np.asarray(np.vstack(rows), dtype=np.float32)
