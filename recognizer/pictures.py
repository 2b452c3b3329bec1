"""A whole box or cell picture of unknown framing, as a data set or a phone gives it -> a crop like the product's own.

Nobody says where the printed outline is, or whether there is one, how large the box was, or how the light fell. So the
paper's tone is evened out, the picture is brought to the size that crops have, and rules are looked for near its edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.boxes import CROP_PX_PER_MM
from recognizer.geometry import Rect
from recognizer.records import BoxCrop, GreyImage

PICTURE_HEIGHT = 80
"""Pixels that a picture is made high: a box of 10 mm at 8 px/mm."""

WIDEST = 6
"""A picture is cut off at so many times its height: no cell is wider."""

PAPER_REACH = 0.45
"""Whatever is narrower than this share of the picture is taken for ink on the paper around it."""

LEAST_PAPER = 24
"""Grey values below this are no paper: the picture is dark all over, and stays so."""

EDGE_SHARE = 0.27
"""Part of the picture, from each edge, in which its printed rules are looked for."""

RULE_CONTRAST = 0.12
"""Darkness, 0 paper to 1 black, from which a pixel may belong to a rule."""

RULE_COVER = 0.72
"""Share of a side that is dark along a rule: more than the bar of a 7 or a 5 covers."""

LEAST_PAPER_INSIDE = 210
"""Within its rules half of a box is at least so bright: no writing covers more."""

PAD_SHARE = 0.12
"""Paper added around a picture, so that strokes which reach its edge do not look like remains of rules."""


LEANS = (0, *(sign * lean for lean in range(1, 13) for sign in (1, -1)))
"""By how many pixels a rule may come nearer over the length of its side: a picture of a cell is cut by eye."""

LEAST_SEEN = 0.45
"""A rule that leaves the picture on its way is taken for one when so much of it is left."""

LEANING_COVER, LEANING_SHARE = 0.93, 0.16
"""A rule that leans is dark nearly all along, and nearer to the edge: what else does is the stem of a 9."""

DARKEST = 0.5
"""From here on a pixel speaks for a rule no more if it is darker."""

GAP_PX = 2
"""Gaps in a rule, as a black-and-white scan leaves them, in pixels."""

END_PX = 3
"""A rule ends so near to the picture's edge or to a rule across it; a stroke mostly ends on paper."""

LEAN_GAIN = 1.03
"""A rule that leans more must be so much sharper than one that leans less."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule near the left edge: pixels from the edge to its middle, and by how many it goes right on its way down.

    `before` and `after` are the pixels from the ends of the picture to where it begins and ends.
    """

    offset: float
    lean: int
    before: int
    after: int


Sides: TypeAlias = "tuple[_Rule | None, _Rule | None, _Rule | None, _Rule | None]"


def crop_of_picture(pixels: GreyImage) -> BoxCrop:
    """Return a picture of a box or cell, dark on light, as a crop whose outline was found, or is the picture's edge.

    Args:
        pixels: (H, W) uint8, 0 black ink to 255 white paper, at least 1 x 1.

    Raises:
        ValueError: not such a picture (our bug; files are checked where they are read).
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"a picture is (H, W) uint8, not {pixels.shape} {pixels.dtype}")
    even, sides = _straightened(_evened(_sized(pixels)))
    height, width = even.shape
    pad = round(PAD_SHARE * height)
    left, top, right, bottom = sides
    # A side without a rule lies at the edge of the added paper.
    x0 = 0.0 if left is None else pad + left.offset
    y0 = 0.0 if top is None else pad + top.offset
    x1 = width + 2.0 * pad if right is None else pad + width - right.offset
    y1 = height + 2.0 * pad if bottom is None else pad + height - bottom.offset
    return BoxCrop(
        "picture",
        1,
        np.pad(even, pad, constant_values=255),
        CROP_PX_PER_MM,
        Rect(x0, y0, max(x1 - x0, 1.0), max(y1 - y0, 1.0)),
        sum(side is not None for side in sides),
        (pad, pad + width),
    )


def _sized(pixels: GreyImage) -> GreyImage:
    """Return the picture at the height that crops have."""
    height = len(pixels)
    pixels = pixels[:, : WIDEST * height]
    scale = PICTURE_HEIGHT / height
    size = (max(round(pixels.shape[1] * scale), 8), PICTURE_HEIGHT)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.uint8)


def _evened(pixels: GreyImage) -> GreyImage:
    """Return the picture with its paper white everywhere: each pixel over the paper's tone around it."""
    reach = round(PAPER_REACH * PICTURE_HEIGHT) | 1
    # Noise must not set the tone: a little blur first. Then the brightest, but not brighter than around there.
    calm = cv2.medianBlur(pixels, 5)
    tone = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    tone = cv2.GaussianBlur(tone, (0, 0), reach / 4)
    share = pixels.astype(np.float32) / np.maximum(tone.astype(np.float32), LEAST_PAPER)
    return np.clip(share * 250, 0, 255).astype(np.uint8)


def _straightened(even: GreyImage) -> tuple[GreyImage, Sides]:
    """Return the picture with its rules upright and level, and where they are: left, top, right, bottom."""
    height, width = even.shape
    left, top, right, bottom = _anchored([_rules(even), _rules(even.T), _rules(even[:, ::-1]), _rules(even[::-1].T)])
    x = [0.0 if left is None else left.offset, width - (0.0 if right is None else right.offset)]
    y = [0.0 if top is None else top.offset, height - (0.0 if bottom is None else bottom.offset)]
    inside = even[int(y[0]) : int(np.ceil(y[1])), int(x[0]) : int(np.ceil(x[1]))]
    if min(inside.shape) < 2 or np.median(inside) < LEAST_PAPER_INSIDE:
        # These are strokes of a scribble: a box has paper inside its rules.
        return even, (None, None, None, None)
    upright, level = _leans(left, right), _leans(top, bottom)
    if not any((*upright, *level)):
        return even, (left, top, right, bottom)
    straight = np.array([(across, down) for down in y for across in x], np.float32)
    leaning = np.array(
        [
            (across + upright[i] * (down / height - 0.5), down + level[j] * (across / width - 0.5))
            for j, down in enumerate(y)
            for i, across in enumerate(x)
        ],
        np.float32,
    )
    transform = cv2.getPerspectiveTransform(straight, leaning)
    turned = cv2.warpPerspective(
        even, transform, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=255
    )
    return turned.astype(np.uint8, copy=False), (left, top, right, bottom)


def _anchored(found: Sequence[Sequence[_Rule]]) -> Sides:
    """Return the outermost rule of each side that does not end on paper: left, top, right, bottom, each seen as left.

    A rule goes to the picture's edge, or to a rule across it; a stroke of a digit mostly does neither.
    """
    # The outermost of each: farther in may be a stroke beside it.
    edges = [rules[-1].offset if rules else 0.0 for rules in found]
    kept = [
        next(
            (rule for rule in reversed(rules) if not _ends_on_paper(rule, edges[1 - side % 2], edges[3 - side % 2])),
            None,
        )
        for side, rules in enumerate(found)
    ]
    return kept[0], kept[1], kept[2], kept[3]


def _ends_on_paper(rule: _Rule, before: float, after: float) -> bool:
    """Tell whether a rule begins or ends on paper, given how far from the picture's edges the rules across it lie."""
    return rule.before > END_PX + before or rule.after > END_PX + after


def _leans(first: _Rule | None, last: _Rule | None) -> tuple[int, int]:
    """Return by how much two opposite sides lean; one without a rule leans like the other."""
    # The far side was looked at in a mirror: what comes nearer to its edge there goes the other way here.
    one = None if first is None else first.lean
    other = None if last is None else -last.lean
    if one is None and other is None:
        return 0, 0
    return (other if one is None else one) or 0, (one if other is None else other) or 0


def _rules(even: GreyImage) -> list[_Rule]:
    """Return the rules near the left edge that are upright, or nearly, the innermost first."""
    height, width = even.shape
    near = np.ascontiguousarray(even[:, : max(round(EDGE_SHARE * width), 1)])
    # A rule may bend by a pixel over its length.
    dark = cv2.erode(near, np.ones((1, 3), np.uint8)) < 255 * (1 - RULE_CONTRAST)
    if dark.any(axis=1).mean() < RULE_COVER * LEAST_SEEN:
        return []
    found, sharp = _seen_along(dark, np.minimum(1 - near.astype(np.float32) / 255, DARKEST), width)
    best = 0
    for other in range(1, len(LEANS)):
        # What leans without need is a rule that was written at.
        if found[other].any() and sharp[other] > sharp[best] * LEAN_GAIN:
            best = other
    at, inside = (some[best] for some in _leaning(*dark.shape))
    # Runs of columns, the innermost first; the middle of each is a rule.
    edges = np.flatnonzero(np.diff(found[best], prepend=False, append=False))
    rules = []
    for first, stop in edges.reshape(-1, 2)[::-1].tolist():
        middle = (first + stop - 1) // 2
        start, end = _longest(np.take(dark, at[:, middle]) | ~inside[:, middle])
        rules.append(_Rule((first + stop) / 2, LEANS[best], start, height - end))
    return rules


def _longest(dark: NDArray[np.bool_]) -> tuple[int, int]:
    """Return where the longest dark run begins and ends, gaps of `GAP_PX` passed over."""
    closed = cv2.morphologyEx(
        np.pad(dark, GAP_PX).astype(np.uint8)[None], cv2.MORPH_CLOSE, np.ones((1, GAP_PX + 1), np.uint8)
    )[0, GAP_PX:-GAP_PX]
    runs = np.flatnonzero(np.diff(closed, prepend=0, append=0)).reshape(-1, 2)
    start, end = max(runs.tolist(), key=lambda run: run[1] - run[0], default=(0, 0))
    return int(start), int(end)


def _seen_along(
    dark: NDArray[np.bool_], grey: NDArray[np.float32], width: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return in which columns a rule would be seen, (L, D), and how sharply all stands out, (L,), for each of LEANS.

    Args:
        dark: (H, D) what may belong to a rule.
        grey: (H, D) how dark it is, from 0 to DARKEST.
        width: that of the whole picture.
    """
    height, depth = dark.shape
    at, inside = _leaning(height, depth)
    # Where the rule has left the picture, nothing speaks against it.
    rows = np.maximum(inside.sum(axis=1), 1)
    profile = (np.take(grey, at) * inside).sum(axis=1) / rows
    cover = (np.take(dark, at) & inside).sum(axis=1) / rows
    upright = np.array(LEANS)[:, None] == 0
    near = np.arange(depth)[None, :] < LEANING_SHARE * width
    found = np.where(upright, cover >= RULE_COVER, (cover >= LEANING_COVER) & near) & (rows >= LEAST_SEEN * height)
    return found, np.square(profile).sum(axis=1)


@lru_cache(maxsize=16)
def _leaning(height: int, depth: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return where each column of a (height, depth) picture lies when it leans, as flat places, and what is inside."""
    leans = np.array(LEANS)[:, None, None]
    rows, columns = np.arange(height)[None, :, None], np.arange(depth)[None, None, :]
    at = columns + np.round(leans * (rows / height - 0.5)).astype(np.int32)
    inside = (at >= 0) & (at < depth)
    return (rows * depth + np.clip(at, 0, depth - 1)).astype(np.int32), inside
