"""What the network sees of a tick box or bubble: its outline always at one place, its paper white, light ink light."""

from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.boxes import CROP_PX_PER_MM
from recognizer.geometry import Rect
from recognizer.records import BoxCrop, GreyImage, MarkStack

MarkImage: TypeAlias = NDArray[np.float32]
"""(32, 32) float32, 0.0 paper to 1.0 ink, one tick box or bubble."""

VIEW = 32
"""Pixels of a view's side."""

OUTLINE = 20
"""Pixels that the printed outline is wide and high in a view. What lies around it is seen too: strokes that cancel a
mark run well beyond the outline, those of a neighbour come from there."""

FINE = 3
"""Each pixel of a view is the mean of so many by so many points: thin strokes must not fall between two of them."""

PAPER_PERCENTILE = 90
"""Grey value taken for paper: a box has clear paper around it, but dust and shade are not the brightest pixel."""

LEAST_PAPER = 90
"""Paper is never taken for darker than this, or a picture that shows nothing but a fill would be called paper."""

LEAST_CONTRAST = 0.55
"""Darkness, 0 paper to 1 black, of the darkest ink in a view beyond which contrast is not stretched: pale print stays
pale, and noise stays noise."""

PART_DARKNESS = 0.2
"""Darkness, 0 paper to 1 black, from which a pixel belongs to what a badly cut picture shows a part of."""

EDGE = 8
"""Pixels at the edge of the sized picture, 64 wide, that count as its edge: some pictures have paper put around
what was cut."""

BAND_SHARE = 0.9
"""Dark part of a row or column from which it shows a rule or the shadow beside the paper."""

PART_SHARE = 0.12
"""Width and height of such a part, by the picture's side, from which it is more than the end of a stroke."""

DARKEST_PERCENTILE = 98
"""Darkness taken for that of the darkest ink."""


def mark_view(crop: BoxCrop) -> MarkImage:
    """Return (32, 32) float32, 0.0 paper to 1.0 ink, with the crop's outline in the middle 20 x 20 pixels."""
    pixels, outline = crop.pixels, crop.outline
    paper = max(float(np.percentile(pixels, PAPER_PERCENTILE)), float(LEAST_PAPER))
    across, down = outline.width / (OUTLINE * FINE), outline.height / (OUTLINE * FINE)
    # Outlines count from the corner of the first pixel, OpenCV from its centre.
    edge = (VIEW - OUTLINE) / 2 * FINE
    to_crop = np.array(
        [
            [across, 0.0, outline.x - edge * across + across / 2 - 0.5],
            [0.0, down, outline.y - edge * down + down / 2 - 0.5],
        ]
    )
    fine = cv2.warpAffine(
        pixels,
        to_crop,
        (VIEW * FINE, VIEW * FINE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=paper,
    )
    seen = cv2.resize(fine, (VIEW, VIEW), interpolation=cv2.INTER_AREA).astype(np.float32)
    darkness = np.clip(1.0 - seen / np.float32(paper), 0.0, 1.0)
    darkest = float(np.clip(np.percentile(darkness, DARKEST_PERCENTILE), LEAST_CONTRAST, 1.0))
    view: MarkImage = np.minimum(darkness / np.float32(darkest), np.float32(1.0))
    return view


def mark_views(crops: Sequence[BoxCrop]) -> MarkStack:
    """Return the views of several boxes, (N, 32, 32) float32; N may be 0."""
    if not crops:
        return np.zeros((0, VIEW, VIEW), np.float32)
    return np.stack([mark_view(crop) for crop in crops])


def mark_crop_of_picture(pixels: GreyImage) -> BoxCrop:
    """Return a picture of one tick box or bubble, of unknown framing, as a crop: the view shows just the whole picture.

    Nobody says where in it the outline is. The network learns from such pictures too, in which the outline takes from
    half to all of the picture. One that shows a part of a box at its edge and none in its middle is `cut_through`.

    Args:
        pixels: (H, W) uint8, 0 black ink to 255 white paper, at least 1 x 1.

    Raises:
        ValueError: not such a picture (our bug; files are checked where they are read).
    """
    if pixels.ndim != 2 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"a picture is (H, W) uint8, not {pixels.shape} {pixels.dtype}")
    interpolation = cv2.INTER_AREA if min(pixels.shape) >= 2 * VIEW else cv2.INTER_LINEAR
    sized = cv2.resize(pixels, (2 * VIEW, 2 * VIEW), interpolation=interpolation).astype(np.uint8)
    edge = float(VIEW - OUTLINE)
    outline = Rect(edge, edge, 2.0 * OUTLINE, 2.0 * OUTLINE)
    return BoxCrop("picture", 1, sized, CROP_PX_PER_MM, outline, cut_through=_is_cut_through(sized))


def _is_cut_through(pixels: GreyImage) -> bool:
    """Tell whether a square picture shows a part of something at one edge, and nothing in its middle."""
    side = len(pixels)
    paper = max(float(np.percentile(pixels, PAPER_PERCENTILE)), float(LEAST_PAPER))
    dark = (pixels < (1 - PART_DARKNESS) * paper).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    x, y, wide, tall, _ = stats.T
    low, high = round(0.42 * side), round(0.58 * side)
    in_middle = np.isin(np.arange(len(stats)), labels[low:high, low:high])
    around = (x < low) & (x + wide > high) & (y < low) & (y + tall > high) & (np.minimum(wide, tall) >= side / 2)
    # What goes from edge to edge is a rule, an outline cut at its edges, or the shadow beside the paper.
    across = ((x == 0) & (x + wide == side)) | ((y == 0) & (y + tall == side))
    across[0] = True
    if ((in_middle | around) & ~across).any():
        return False
    # A part of a bubble meets the edge around its middle; what an outline leaves in the corners does not.
    edges = (labels[:EDGE], labels[-EDGE:], labels.T[:EDGE], labels.T[-EDGE:])
    at_edge = np.isin(np.arange(len(stats)), np.concatenate([edge[:, low:high] for edge in edges]))
    large = np.minimum(wide, tall) >= PART_SHARE * side
    middle = slice(low, high)
    return bool((at_edge & ~across & large).any()) or any(_is_cut_at_band(one, middle) for one in (dark, dark.T))


def _is_cut_at_band(dark: NDArray[np.uint8], middle: slice) -> bool:
    """Tell whether something ends at a level rule or shadow, beyond which nothing can be seen."""
    side = len(dark)
    band = dark.mean(axis=1) >= BAND_SHARE
    if not band.any():
        return False
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark * ~band[:, None], connectivity=8)
    if labels[side // 2, middle].any():
        return False
    x, _, wide, tall, _ = stats.T
    beside = cv2.dilate(band.astype(np.uint8)[:, None], np.ones((2 * EDGE + 1, 1), np.uint8)).ravel() > 0
    ends = np.isin(np.arange(len(stats)), labels[beside])
    # Sides of an outline run along the picture's.
    ends &= (x > EDGE) & (x + wide < side - EDGE) & (np.minimum(wide, tall) >= PART_SHARE * side)
    return bool(ends[1:].any())
