"""A line of free writing -> the ways to part it into digits, and the way that the recogniser believes most.

Nobody knows beforehand which strokes make a digit: the bar of a 5 stands apart, two zeros touch. So pieces are cut
where little ink has to be crossed, every run of neighbouring parts is shown to the network, and the cheapest way
through the line is taken (over-segmentation; Casey and Lecolinet, "A survey of methods and strategies in character
segmentation", 1996).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.free_paper import Pieces
from recognizer.geometry import Rect
from recognizer.ink import BoxInk, as_glyph
from recognizer.records import CLASSES, GlyphStack, Probabilities
from recognizer.rule_remains import Darkness

DIGIT_CLASSES = 10
"""The first ten of `CLASSES` are the digits."""

BLANK = CLASSES.index("blank")

CUT_FROM = 0.62
"""A piece wider than so many heights of a digit may be two digits: of two touching ones the narrowest are wider."""

CUT_HIGH = 0.5
"""Flatter pieces are bars and dashes, and not cut."""

CUT_EVERY = 0.08
"""Cuts are looked for so close together, in heights of a digit..."""

CUT_EDGE = 0.16
"""...but no nearer to the ends of a piece: a 1 with a fine pen is as wide."""

CUT_BEND = 0.14
"""So far a cut may bend to either side, in heights of a digit: handwriting leans."""

CUT_INK = 0.55
"""A cut crosses at most so much ink, in heights of a digit: two pen strokes, not along one."""

MOST_PARTS = 4
"""A digit is made of so many parts at most; a 4 in two strokes with one of them cut has three."""

PART_GAP = 0.22
"""Parts of one digit lie no farther apart, in heights of a digit."""

WIDEST, HIGHEST = 1.55, 1.75
"""Parts together are no wider and higher than a digit is, in heights of a usual one."""

LEAST_BELIEF = 1e-3
"""Belief in a digit is not counted lower: one hopeless piece must not decide about its neighbours."""

LOW, LOW_COST = 0.62, 1.5
"""Whatever is lower than so many heights of a digit costs this, in nats: rather a broken end of its neighbour."""

CUT_COST = 0.9
"""What a cut costs, in nats: two digits must be clearly likelier than one."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Parts `first` to `last` of a line taken for one digit; `bounds` in pixels of the level picture."""

    first: int
    last: int
    bounds: Rect


@dataclass(frozen=True, slots=True)
class LineParts:
    """A line in parts, from left to right: `ink` holds them as pieces 1 to n in a window of the picture at (`x`, `y`).

    `piece_of` (n,) tells which connected piece each part is of; parts of one piece were cut from each other.
    """

    ink: BoxInk
    x: int
    y: int
    piece_of: NDArray[np.intp]
    digit: float

    def candidates(self) -> list[Candidate]:
        """Return every run of parts that may be one digit; each part alone is among them."""
        return [
            Candidate(first, last, bounds)
            for first in range(len(self.piece_of))
            for last in range(first, min(first + MOST_PARTS, len(self.piece_of)))
            if (bounds := self._fitting(first, last)) is not None
        ]

    def whole(self, first: int, last: int) -> Candidate:
        """Return a run of parts, whatever its size."""
        return Candidate(first, last, self._bounds(first, last))

    def glyphs(self, candidates: Sequence[Candidate]) -> GlyphStack:
        """Return what the network looks at, (N, 28, 28, 2) float32."""
        found = []
        for candidate in candidates:
            chosen = np.zeros(len(self.piece_of) + 1, np.bool_)
            chosen[candidate.first + 1 : candidate.last + 2] = True
            found.append(as_glyph(self.ink, chosen).image)
        return np.stack(found)

    def _fitting(self, first: int, last: int) -> Rect | None:
        bounds = self._bounds(first, last)
        if first == last:
            return bounds
        stats = self.ink.stats[first : last + 1]
        reached = np.maximum.accumulate(stats[:, 0] + stats[:, 2])
        apart = (stats[1:, 0] - reached[:-1]).max()
        fits = bounds.width <= WIDEST * self.digit and bounds.height <= HIGHEST * self.digit
        return bounds if fits and apart <= PART_GAP * self.digit else None

    def _bounds(self, first: int, last: int) -> Rect:
        stats = self.ink.stats[first : last + 1]
        x, y = stats[:, :2].min(axis=0).tolist()
        right, bottom = (stats[:, :2] + stats[:, 2:4]).max(axis=0).tolist()
        return Rect(float(x + self.x), float(y + self.y), float(right - x), float(bottom - y))


def parts_of(
    darkness: Darkness, labels: NDArray[np.int32], pieces: Pieces, members: Sequence[int], digit: float
) -> LineParts:
    """Return the parts of one line.

    Args:
        darkness: (H, W) float32, the level picture.
        labels: (H, W) int32, k + 1 where piece k is.
        pieces: (K, 5) int32.
        members: the numbers of the line's pieces, at least one.
        digit: height of a digit in pixels.
    """
    margin = round(digit)
    own = pieces[list(members)]
    x, y = (int(max(low - margin, 0)) for low in own[:, :2].min(axis=0))
    right, bottom = (int(high + margin) for high in (own[:, :2] + own[:, 2:4]).max(axis=0))
    window = (slice(y, bottom), slice(x, right))
    parts: list[tuple[int, NDArray[np.int32], tuple[NDArray[np.intp], NDArray[np.intp]]]] = []
    # Piece after piece, so that the parts of one stay together.
    for member in members:
        rows, columns = np.nonzero(labels[window] == member + 1)
        side = _sides(rows, columns, darkness[window], digit)
        for number in np.unique(side):
            chosen = side == number
            parts.append((member, _stats(rows[chosen], columns[chosen]), (rows[chosen], columns[chosen])))
    own_labels = np.zeros(darkness[window].shape, np.int32)
    for number, (_, _, place) in enumerate(parts):
        own_labels[place] = number + 1
    stats = np.stack([stats for _, stats, _ in parts])
    # Boxes have a rule at their edge, paper has them everywhere: the network is shown writing only, with soft edges.
    written = cv2.dilate((own_labels > 0).view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shown = np.where(written, darkness[window], np.float32(0))
    ink = BoxInk(shown, own_labels, stats, False, 1.0)
    return LineParts(ink, x, y, np.array([member for member, _, _ in parts]), digit)


def best_way(parts: LineParts, candidates: Sequence[Candidate], found: Probabilities, believed: float) -> list[int]:
    """Return the numbers of the candidates that make up the line, from left to right.

    Args:
        parts: the line.
        candidates: what may be a digit, each part alone among them, and each cut piece as a whole.
        found: (N, 14) float32, how likely each class is for each of them.
        believed: probability of a digit that each part of a cut piece must have.
    """
    allowed = np.ones(len(candidates), np.bool_)
    belief = found[:, :DIGIT_CLASSES].max(axis=1)
    while True:
        way = _cheapest(parts, candidates, belief, allowed)
        doubted = {
            int(piece)
            for number in way
            if belief[number] < believed
            for piece in _cut_pieces(parts, candidates[number])
        }
        inside = [
            number for number in np.flatnonzero(allowed).tolist() if _cuts_into(parts, candidates[number], doubted)
        ]
        if not inside:
            return way
        allowed[inside] = False


def _cheapest(
    parts: LineParts, candidates: Sequence[Candidate], belief: NDArray[np.float32], allowed: NDArray[np.bool_]
) -> list[int]:
    count = len(parts.piece_of)
    costs, steps = np.full(count + 1, np.inf), np.zeros(count + 1, np.intp)
    costs[0] = 0.0
    for number, candidate in sorted(enumerate(candidates), key=lambda pair: pair[1].first):
        if not allowed[number]:
            continue
        size = candidate.last - candidate.first + 1
        # Doubt about a large piece weighs more than about a small one, but not as much as that of all its parts.
        cost = size**0.5 * -float(np.log(max(belief[number], LEAST_BELIEF)))
        cost += CUT_COST * _is_cut_after(parts, candidate)
        cost += LOW_COST * (candidate.bounds.height < LOW * parts.digit)
        if costs[candidate.first] + cost < costs[candidate.last + 1]:
            costs[candidate.last + 1] = costs[candidate.first] + cost
            steps[candidate.last + 1] = number
    way, at = [], count
    while at > 0:
        way.append(int(steps[at]))
        at = candidates[way[-1]].first
    return way[::-1]


def _is_cut_after(parts: LineParts, candidate: Candidate) -> bool:
    """Tell whether a candidate ends where a piece was cut."""
    inside = parts.piece_of[candidate.first : candidate.last + 1]
    return bool(np.isin(inside, parts.piece_of[candidate.last + 1 :]).any())


def _cut_pieces(parts: LineParts, candidate: Candidate) -> Iterator[int]:
    """Return the pieces of which a candidate takes a part only."""
    inside = parts.piece_of[candidate.first : candidate.last + 1]
    outside = np.concatenate([parts.piece_of[: candidate.first], parts.piece_of[candidate.last + 1 :]])
    yield from (int(piece) for piece in np.unique(inside) if piece in outside)


def _cuts_into(parts: LineParts, candidate: Candidate, pieces: set[int]) -> bool:
    return any(piece in pieces for piece in _cut_pieces(parts, candidate))


def _stats(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.int32]:
    x, y = int(columns.min()), int(rows.min())
    return np.array([x, y, int(columns.max()) - x + 1, int(rows.max()) - y + 1, len(rows)], np.int32)


def _sides(rows: NDArray[np.intp], columns: NDArray[np.intp], darkness: Darkness, digit: float) -> NDArray[np.intp]:
    """Return for each pixel of a piece how many cuts lie to its left."""
    x, y, width, height, _ = _stats(rows, columns).tolist()
    if width <= CUT_FROM * digit or height < CUT_HIGH * digit:
        return np.zeros(len(rows), np.intp)
    ink = np.zeros((height, width), np.float32)
    ink[rows - y, columns - x] = np.maximum(darkness[rows, columns], 0.1)
    cuts = _cuts((ink / ink.max()).astype(np.float32), digit)
    side: NDArray[np.intp] = (cuts[:, rows - y] <= (columns - x)[None, :]).sum(axis=0)
    return side


def _cuts(ink: Darkness, digit: float) -> NDArray[np.intp]:
    """Return where a piece may be cut, (C, H): for each cut the column in each row, from top to bottom.

    Each is the way down that crosses least ink, within a band around a column (as Avidan and Shamir's seams, 2007).
    """
    height, width = ink.shape
    step, edge, bend = (max(round(share * digit), 1) for share in (CUT_EVERY, CUT_EDGE, CUT_BEND))
    centres = np.arange(edge, width - edge + 1, step)
    if not len(centres):
        return np.zeros((0, height), np.intp)
    band = np.clip(centres[:, None] + np.arange(-bend, bend + 1), 1, width - 2)
    costs = np.zeros(band.shape, np.float32)
    moves = np.zeros((height, *band.shape), np.int8)
    for row in range(height):
        around = np.pad(costs, ((0, 0), (1, 1)), constant_values=np.inf)
        options = np.stack([around[:, 1:-1], around[:, :-2] + 0.02, around[:, 2:] + 0.02])
        moves[row] = np.array([0, -1, 1], np.int8)[options.argmin(axis=0)]
        costs = options.min(axis=0) + ink[row][band]
    places = costs.argmin(axis=1)
    ends = costs.min(axis=1)
    paths = np.zeros((len(centres), height), np.intp)
    lines = np.arange(len(centres))
    for row in range(height - 1, -1, -1):
        paths[:, row] = band[lines, places]
        places = np.clip(places + moves[row][lines, places], 0, band.shape[1] - 1)
    least = np.minimum.reduce([np.roll(np.pad(ends, 2, constant_values=np.inf), shift)[2:-2] for shift in (-1, 1)])
    kept = (ends <= least) & (ends <= CUT_INK * digit)
    return _apart(paths[kept], ends[kept], step)


def _apart(paths: NDArray[np.intp], costs: NDArray[np.float32], step: int) -> NDArray[np.intp]:
    """Return the cuts without those that run along a cheaper one."""
    kept: list[int] = []
    for number in np.argsort(costs, kind="stable").tolist():
        if all(np.abs(paths[number] - paths[other]).mean() >= 1.5 * step for other in kept):
            kept.append(number)
    return paths[sorted(kept, key=lambda number: float(paths[number].mean()))]
