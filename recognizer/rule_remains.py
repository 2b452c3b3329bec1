"""Printed rules in a box crop: where they are, how strokes cross them, which pieces are only what is left of them."""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.records import BoxCrop

T = TypeVar("T", bound=np.generic)

Mask = NDArray[np.bool_]
"""(H, W) bool, True on ink; or (K,) bool, one for each piece."""

Darkness = NDArray[np.float32]
"""(H, W) float32, 0.0 paper to 1.0 black."""

RULE_SEARCH_MM = 0.5
"""How far from the outline the rule's centre is looked for: the outline is snapped already, this is what is left."""

RULE_HALF_WIDTH_MM = 0.4
"""Widest half of a rule taken out: 0.125 mm printed, the rest blur, tilt and 1-bit scanning."""

PICTURE_RULE_HALF_WIDTH_MM = 1.0
"""The same in a picture of a box, whose true size nobody knows."""

RULE_COVER = 0.65
"""Share of a side that must be dark to be a printed rule; no handwritten stroke runs along that much of a side."""

RULE_GAP_MM = 1.1
"""Length over which darkness is averaged along a rule: bridges the gaps of a rule broken up by 1-bit scanning."""

SLIVER_MM = 0.4
"""Thickest remains of a rule, and how near to the cut they lie."""

SLIVER_LENGTHS = (1.5, 0.8)
"""Remains of a rule are shorter than this many mm or longer than this share of the side; between lies a narrow 1."""

STRAY_REACH = 0.18
"""Share of a box's height, from its top or bottom, in which rules are still looked for when the outline was not snapped
to them. Dashes are written nearer to the middle."""

STRAY_THICKNESS_MM = 2.0
"""Height of the box around a whole rule that is tilted by up to six degrees."""

STRAY_LENGTH = 0.75
"""Share of a box's width (height) from which a straight piece near its edge is a rule: no dash is as long."""

STRAY_ASPECT = 4.0
"""A wedge of a tilted rule is at least so many times longer than high; nobody writes a dash on the rule itself."""

STRAY_WEDGE_MM = 2.8
"""Shorter flat pieces near an edge may be the flag of a tall 5."""

NARROW_BOX_MM = 12.0
"""In boxes narrower than this digits come near the rules on all sides, so every piece is left alone; boxes of a comb
are always snapped to their rules."""

MARGIN_MM = 0.8
"""Nobody writes wholly inside this margin along the rules..."""

TOUCH_MM = 0.35
"""...and so near to the outline as this."""

CUT_MARGIN_SHARE, CUT_LENGTH_MM = 0.11, 1.0
"""What lies within this share of a picture's side from its cut, as long as this, and goes on from a rule is a rule too,
of which only a part is seen."""

THREAD_PX = 2
"""Beside the rule of a picture nobody writes with so fine a pen, in pixels of the crop."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The outline in whole pixels of the crop (left, top, right, bottom; the last two exclusive) and the scale.

    `cut` is where a picture that is no crop of a page ends, from left to right and from top to bottom: nobody knows how
    large its box is, or whether what lies at its edge belongs to it.
    """

    left: int
    top: int
    right: int
    bottom: int
    px_per_mm: float
    cut: tuple[tuple[int, int], tuple[int, int]] | None = None

    def px(self, millimetres: float) -> int:
        """Return a length in whole pixels, at least one."""
        return max(1, round(millimetres * self.px_per_mm))

    def inside(self, picture: NDArray[T]) -> NDArray[T]:
        """Return the part of a picture within the outline, as a view."""
        return picture[self.top : self.bottom, self.left : self.right]


def frame_of(crop: BoxCrop) -> Frame:
    """Return the outline in whole pixels, kept within the crop."""
    height, width = crop.pixels.shape
    outline = crop.outline
    return Frame(
        left=min(max(round(outline.x), 0), width - 1),
        top=min(max(round(outline.y), 0), height - 1),
        right=max(min(round(outline.right), width), 1),
        bottom=max(min(round(outline.bottom), height), 1),
        px_per_mm=crop.px_per_mm,
        cut=None if crop.cut_at is None else (crop.cut_at, (crop.cut_at[0], height - crop.cut_at[0])),
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """Printed rules as (start, stop) of rows and columns: the box's own, and the neighbours' farther out."""

    rows: list[tuple[int, int]]
    columns: list[tuple[int, int]]
    far_rows: NDArray[np.intp]
    far_columns: NDArray[np.intp]

    def mask(self, shape: tuple[int, ...]) -> Mask:
        """Return where the rules are, (H, W)."""
        found = np.zeros(shape, np.bool_)
        for start, stop in self.rows:
            found[start:stop] = True
        for start, stop in self.columns:
            found[:, start:stop] = True
        found[self.far_rows] = True
        found[:, self.far_columns] = True
        return found


def printed_lines(darkness: Darkness, frame: Frame, floor: float) -> Lines:
    """Return the rows and columns near the outline, or outside, that are darker than `floor` nearly all along."""
    length = frame.px(RULE_GAP_MM) | 1
    along_x = cv2.blur(darkness[:, frame.left : frame.right], (length, 1)) > floor
    along_y = cv2.blur(darkness[frame.top : frame.bottom], (1, length)) > floor
    rows, columns = along_x.mean(axis=1), along_y.mean(axis=0)
    return Lines(
        rows=_own_lines(rows, (frame.top, frame.bottom), frame),
        columns=_own_lines(columns, (frame.left, frame.right), frame),
        far_rows=_far_lines(rows, (frame.top, frame.bottom), frame),
        far_columns=_far_lines(columns, (frame.left, frame.right), frame),
    )


def _own_lines(cover: NDArray[np.floating], edges: tuple[int, int], frame: Frame) -> list[tuple[int, int]]:
    """Return the rules near the outline's two edges, given how much of each row or column is dark."""
    reach = frame.px(RULE_SEARCH_MM)
    usual = frame.px(RULE_HALF_WIDTH_MM)
    half = frame.px(PICTURE_RULE_HALF_WIDTH_MM) if frame.cut else usual
    found = []
    for edge in edges:
        first_near = max(edge - reach, 0)
        near = cover[first_near : edge + reach + 1]
        if near.max(initial=0.0) < RULE_COVER:
            continue
        # The top of the profile may be flat: its middle is the rule.
        flat = np.flatnonzero(near >= near.max() - 0.02)
        peak = first_near + int(flat[len(flat) // 2])
        start, stop = peak, peak + 1
        # Beyond a rule's usual width a dash beside it must not count as part of it.
        least = np.where(np.abs(np.arange(len(cover)) - peak) <= usual, RULE_COVER / 2, RULE_COVER)
        while start > max(peak - half, 0) and cover[start - 1] >= least[start - 1]:
            start -= 1
        while stop < min(peak + half + 1, len(cover)) and cover[stop] >= least[stop]:
            stop += 1
        found.append((start, stop))
    return found


def _far_lines(cover: NDArray[np.floating], edges: tuple[int, int], frame: Frame) -> NDArray[np.intp]:
    """Return the rows or columns outside the outline that are dark all along: rules of neighbouring boxes."""
    index = np.arange(len(cover))
    reach = frame.px(RULE_SEARCH_MM)
    return np.flatnonzero((cover >= RULE_COVER) & ((index < edges[0] - reach) | (index > edges[1] + reach)))


def bridged(mask: Mask, lines: Lines) -> Mask:
    """Return the mask with the rules cut out, except where a stroke crosses a rule."""
    cut = mask & ~lines.mask(mask.shape)
    joined = cut.copy()
    for start, stop in lines.rows:
        if start > 0 and stop < len(mask):
            across = _reached(cut[start - 1], stop - start) & _reached(cut[stop], stop - start)
            joined[start:stop, across] |= mask[start:stop, across]
    for start, stop in lines.columns:
        if start > 0 and stop < mask.shape[1]:
            across = _reached(cut[:, start - 1], stop - start) & _reached(cut[:, stop], stop - start)
            joined[across, start:stop] |= mask[across, start:stop]
    return joined


def _reached(edge: Mask, width: int) -> Mask:
    """Return where a stroke seen at one edge of a rule may be halfway through it, at slants up to 45 degrees."""
    half = (width + 1) // 2
    spread = np.convolve(edge, np.ones(2 * half + 1, np.int8))
    reached: Mask = np.greater(spread[half : half + len(edge)], 0)
    return reached


def hugs_edge(labels: NDArray[np.int32], count: int, frame: Frame) -> Mask:
    """Tell which pieces lie wholly in the margin along the outline and touch it: rules, or a neighbour's stroke."""
    margin, touch = frame.px(MARGIN_MM), frame.px(TOUCH_MM)
    inner = frame.inside(labels)
    core = np.bincount(inner[margin:-margin, margin:-margin].ravel(), minlength=count)
    clear = np.bincount(inner[touch:-touch, touch:-touch].ravel(), minlength=count)
    area = np.bincount(labels.ravel(), minlength=count)
    hugging: Mask = (core == 0) & (clear < area)
    return hugging


def is_cut_rule(stats: NDArray[np.int32], lines: Lines, frame: Frame) -> Mask:
    """Tell which pieces of a picture are parts of rules: flat at its edge, and starting where a rule was found."""
    found = np.zeros(len(stats), np.bool_)
    if frame.cut is None:
        return found
    touch = frame.px(TOUCH_MM)
    for axis, rules in ((1, lines.columns), (0, lines.rows)):
        low, size = stats[:, axis], stats[:, 2 + axis]
        first, last = frame.cut[axis]
        margin = CUT_MARGIN_SHARE * (last - first)
        at_first = (low < first + touch) & (low + size <= first + margin)
        at_last = (low + size > last - touch) & (low >= last - margin)
        start, length = stats[:, 1 - axis], stats[:, 3 - axis]
        joined = np.zeros(len(stats), np.bool_)
        for begin, end in rules:
            joined |= (start <= end + touch) & (start + length >= begin - touch)
        found |= (at_first | at_last) & joined & (length >= frame.px(CUT_LENGTH_MM))
    return found


def is_edge_of_picture(labels: NDArray[np.int32], count: int, frame: Frame, upright: float) -> Mask:
    """Tell which pieces of a picture lie along its cut edges, no farther in than a rule's blur reaches.

    At its left and right edge only those that are less than `upright` pixels high are.
    """
    if frame.cut is None:
        return np.zeros(count, np.bool_)
    (left, right), (top, bottom) = frame.cut
    near = frame.px(SLIVER_MM)
    inner = np.bincount(labels[top + near : bottom - near, left + near : right - near].ravel(), minlength=count)
    between = labels[top + near : bottom - near]
    rows = [np.unique(row) for row in between]
    high = np.bincount(np.concatenate([np.zeros(0, np.int64), *rows]), minlength=count)
    return np.asarray((inner == 0) & (high < upright), np.bool_)


def ends_on_paper(stats: NDArray[np.int32], lines: Lines, frame: Frame) -> Mask:
    """Tell which pieces of a picture end before it does and before any rule, at both ends: a minus under a rule."""
    (left, right), (top, bottom) = frame.cut or ((frame.left, frame.right), (frame.top, frame.bottom))
    touch = frame.px(TOUCH_MM)
    free = np.ones(len(stats), np.bool_)
    for axis, first, last, rules in ((0, left, right, lines.columns), (1, top, bottom, lines.rows)):
        start, end = stats[:, axis], stats[:, axis] + stats[:, 2 + axis]
        joined = (start <= first + touch) | (end >= last - touch)
        for begin, stop in rules:
            joined |= (start <= stop + touch) & (end >= begin - touch)
        long = stats[:, 2 + axis] >= stats[:, 3 - axis]
        free &= ~(long & joined)
    return np.asarray(free & (stats[:, 2:4].min(axis=1) > THREAD_PX), np.bool_)


def is_stray_rule(stats: NDArray[np.int32], lines: Lines, frame: Frame) -> Mask:
    """Tell which pieces are rules that the outline missed: flat along the top or bottom, or as long as the box.

    Where the rule of an edge was found and cut out, a short flat piece near that edge is a dash.
    """
    if frame.right - frame.left < frame.px(NARROW_BOX_MM):
        return np.zeros(len(stats), np.bool_)
    x, y, width, height, _ = stats.T
    from_edge = np.maximum(np.minimum(y + height - frame.top, frame.bottom - y), 0)
    reach = STRAY_REACH * (frame.bottom - frame.top)
    wide = width >= np.maximum(STRAY_ASPECT * height, frame.px(STRAY_WEDGE_MM))
    missed = np.where(
        y + height - frame.top < frame.bottom - y,
        not _is_found(lines.rows, frame.top, frame),
        not _is_found(lines.rows, frame.bottom, frame),
    )
    flat = wide & (from_edge <= reach) & missed
    across = width >= STRAY_LENGTH * (frame.right - frame.left)
    level = across & (height <= frame.px(STRAY_THICKNESS_MM)) & (from_edge <= 1.5 * reach)
    from_side = np.maximum(np.minimum(x + width - frame.left, frame.right - x), 0)
    down = height >= STRAY_LENGTH * (frame.bottom - frame.top)
    upright = down & (width <= frame.px(STRAY_THICKNESS_MM)) & (from_side <= reach)
    return np.asarray(flat | level | upright, np.bool_)


def is_beside_rule(stats: NDArray[np.int32], lines: Lines, frame: Frame) -> Mask:
    """Tell which pieces stand upright, as high as the box, beside a rule that was found: a second rule, or a tall 1.

    What is as thin as the rough edge of a rule is none.
    """
    x, _, width, height, _ = stats.T
    found = np.where(
        x + width - frame.left < frame.right - x,
        _is_found(lines.columns, frame.left, frame),
        _is_found(lines.columns, frame.right, frame),
    )
    broad = (width >= frame.px(SLIVER_MM)) & (height > SLIVER_LENGTHS[1] * (frame.bottom - frame.top))
    left_out = is_stray_rule(stats, lines, frame) | (is_sliver(stats, lines, frame) & broad)
    return np.asarray(left_out & (height > width) & found, np.bool_)


def _is_found(lines: list[tuple[int, int]], edge: int, frame: Frame) -> bool:
    reach = frame.px(RULE_SEARCH_MM)
    return any(start - reach <= edge <= stop + reach for start, stop in lines)


def is_sliver(stats: NDArray[np.int32], lines: Lines, frame: Frame) -> Mask:
    """Tell which pieces are remains of rules: along the cut, thin, too short or too long for a 1; or in a corner."""
    sliver = np.zeros(len(stats), np.bool_)
    at_rules = np.zeros(len(stats), np.int32)
    near = frame.px(SLIVER_MM)
    shortest, longest = SLIVER_LENGTHS
    for axis, found, side in (
        (1, lines.rows, frame.right - frame.left),
        (0, lines.columns, frame.bottom - frame.top),
    ):
        length = stats[:, 2 + 1 - axis]
        odd = (length < frame.px(shortest)) | (length > longest * side)
        low, high = stats[:, axis], stats[:, axis] + stats[:, 2 + axis]
        if frame.cut:
            odd |= stats[:, 2 + axis] <= THREAD_PX
        for start, stop in found:
            close = (low >= start - 2 * near) & (high <= stop + 2 * near)
            sliver |= close & odd & (stats[:, 2 + axis] <= near)
            at_rules += close
    # Near two rules at once: what blur leaves in a corner.
    return sliver | (at_rules >= 2)
