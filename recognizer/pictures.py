"""A whole box or cell picture of unknown framing, as a data set or a phone gives it -> a crop like the product's own.

Nobody says where the printed outline is, or whether there is one, how large the box was, or how the light fell. So the
paper's tone is evened out, the picture is brought to the size that crops have, and rules are looked for near its edges.
"""

import cv2
import numpy as np

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

PAD_SHARE = 0.12
"""Paper added around a picture, so that strokes which reach its edge do not look like remains of rules."""


def crop_of_picture(pixels: GreyImage) -> BoxCrop:
    """Return a picture of a box or cell, dark on light, as a crop whose outline was found, or is the picture's edge.

    Args:
        pixels: (H, W) uint8, 0 black ink to 255 white paper, at least 1 x 1.

    Raises:
        ValueError: not such a picture (our bug; files are checked where they are read).
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"a picture is (H, W) uint8, not {pixels.shape} {pixels.dtype}")
    even = _evened(_sized(pixels))
    height, width = even.shape
    pad = round(PAD_SHARE * height)
    left, top = _rule(even), _rule(even.T)
    right, bottom = _rule(even[:, ::-1]), _rule(even[::-1].T)
    # A side without a rule lies at the edge of the added paper.
    x0 = 0.0 if left is None else pad + left
    y0 = 0.0 if top is None else pad + top
    x1 = width + 2.0 * pad if right is None else pad + width - right
    y1 = height + 2.0 * pad if bottom is None else pad + height - bottom
    seen = sum(side is not None for side in (left, top, right, bottom))
    return BoxCrop(
        "picture",
        1,
        np.pad(even, pad, constant_values=255),
        CROP_PX_PER_MM,
        Rect(x0, y0, max(x1 - x0, 1.0), max(y1 - y0, 1.0)),
        seen,
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


def _rule(even: GreyImage) -> float | None:
    """Return how far from the left edge the innermost upright rule lies, in pixels; None when there is none."""
    width = even.shape[1]
    near = even[:, : max(round(EDGE_SHARE * width), 1)]
    # A rule may lean by a pixel or two over its length.
    dark = cv2.erode(near, np.ones((1, 3), np.uint8)) < 255 * (1 - RULE_CONTRAST)
    found = np.flatnonzero(dark.mean(axis=0) >= RULE_COVER)
    if not len(found):
        return None
    # The innermost run of such columns; its middle is the rule.
    last = int(found[-1])
    first = last
    covered = set(found.tolist())
    while first - 1 in covered:
        first -= 1
    return (first + last) / 2 + 0.5
