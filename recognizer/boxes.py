"""Registered page -> one crop per box, warped straight from the scan, its outline snapped to the printed rules.

Outlines count from the corner of a crop: its first pixel covers 0 to 1. (`RegisteredPage.mm_to_px` speaks OpenCV's
language instead, in which the centre of the first pixel is at 0.)
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.bend import Laid
from recognizer.geometry import Rect, bounding_rect
from recognizer.marks import px_per_mm_at
from recognizer.records import BoxCrop, GreyImage, RegisteredPage
from recognizer.template import Box, Kind, SheetField, SheetTemplate
from recognizer.warp import warped

CROP_PX_PER_MM = 8.0
"""Resolution of crops that are read: a digit 5 mm high has 40 pixels, twice what the network sees."""

PICTURE_PX_PER_MM = 4.0
"""Resolution of crops that are kept for people only."""

SURROUNDINGS_MM = 1.5
"""Paper around the printed outline that belongs to a crop: people write over the edge."""

SNAP_REACH_MM = 0.6
"""How far from its expected place a printed side is looked for; registration leaves less (`ERROR_LIMIT_MM`)."""

SNAP_CONTRAST = 28.0
"""Grey values by which a printed side is darker than the paper beside it, at least, along most of its length."""

ALONG_SIDE = 65
"""Percentile of the grey values along a side that speaks for it: a printed rule is dark nearly everywhere, a `1`
written close to it only along the half of it that it covers."""

SIDE_ENDS = 0.08
"""Part of a side left out at each end when it is looked for: the neighbouring sides begin there."""

SIZE_TOLERANCE_MM = 0.4
"""How much larger or smaller than printed a snapped box may become; beyond that one of its sides was a pen stroke."""

FIELD_MARGIN_MM = 2.0
"""Paper around a field in the picture that a reviewer sees."""

DENSE = 1.5
"""A page with more pixels per wanted pixel than this is halved first: skipped pixels make thin strokes flicker."""


def crop_boxes(registered: RegisteredPage) -> tuple[BoxCrop, ...]:
    """Return a crop of every box of the page, in template order: 8 pixels a mm, image fields 4."""
    boxes = registered.template.boxes(registered.identity.page)
    if not boxes:
        return ()
    area = bounding_rect(np.vstack([box.rect.corners() for box in boxes])).grown(SURROUNDINGS_MM + 1)
    sheet = _warped(registered, area, CROP_PX_PER_MM)
    bubbles = _bubble_fields(registered.template, registered.identity.page)
    crops = [_cut(sheet, box, area) for box in boxes]
    snapped = _snapped([crop for crop, box in zip(crops, boxes, strict=True) if box.field not in bubbles])
    moved = iter(snapped)
    crops = [crop if box.field in bubbles else next(moved) for crop, box in zip(crops, boxes, strict=True)]
    crops = [
        crop if inside else replace(crop, sides_seen=0)
        for crop, inside in zip(crops, _within(registered, boxes), strict=True)
    ]
    return tuple(_halved(crop) if box.kind is Kind.IMAGE else crop for crop, box in zip(crops, boxes, strict=True))


def field_picture(registered: RegisteredPage, field: SheetField, px_per_mm: float = CROP_PX_PER_MM) -> GreyImage:
    """Return the picture of a whole field with a margin, for a person to look at."""
    boxes = field.boxes(registered.identity.page)
    area = bounding_rect(np.vstack([box.rect.corners() for box in boxes])).grown(FIELD_MARGIN_MM)
    return _warped(registered, area, px_per_mm)


def _within(registered: RegisteredPage, boxes: Sequence[Box]) -> list[bool]:
    """Tell of each box whether all four corners lie on the scan."""
    height, width = registered.page.pixels.shape
    corners = registered.to_px(np.vstack([box.rect.corners() for box in boxes]))
    on_page = ((corners >= -0.5) & (corners <= (width - 0.5, height - 0.5))).all(axis=1)
    return [bool(four.all()) for four in on_page.reshape(len(boxes), 4)]


def _bubble_fields(template: SheetTemplate, page: int) -> frozenset[str]:
    return frozenset(field.name for field in template.pages[page - 1].fields if field.shape == "bubble")


def _warped(registered: RegisteredPage, area: Rect, px_per_mm: float) -> GreyImage:
    """Return an area (mm) of the sheet upright; what lies outside the scan is white.

    A pixel centre lies half a pixel inside: crop pixel (0, 0) shows the place (0.5, 0.5) / px_per_mm from the corner.
    """
    pixels, mm_to_px = registered.page.pixels, registered.mm_to_px
    middle = np.array([area.x + area.width / 2, area.y + area.height / 2])
    while px_per_mm_at(mm_to_px, middle) > DENSE * px_per_mm:
        size = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(
            cv2.resize(pixels[: size[1] * 2, : size[0] * 2], size, interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
        mm_to_px = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ mm_to_px
    return warped(pixels, Laid(mm_to_px, registered.bend), area, px_per_mm)


def _cut(sheet: GreyImage, box: Box, area: Rect) -> BoxCrop:
    """Cut a box with its surroundings out of the warped sheet; the outline keeps the fractions of a pixel."""
    scale = CROP_PX_PER_MM
    left, top = (box.rect.x - area.x) * scale, (box.rect.y - area.y) * scale
    around = SURROUNDINGS_MM * scale
    first_x, first_y = int(left - around), int(top - around)
    # Boxes of one size get crops of one size, so that they can be looked at in one go.
    width, height = (int(np.ceil(side * scale + 2 * around)) + 1 for side in (box.rect.width, box.rect.height))
    pixels = sheet[first_y : first_y + height, first_x : first_x + width].copy()
    outline = Rect(left - first_x, top - first_y, box.rect.width * scale, box.rect.height * scale)
    return BoxCrop(box.field, box.position, pixels, scale, outline)


def _halved(crop: BoxCrop) -> BoxCrop:
    factor = PICTURE_PX_PER_MM / crop.px_per_mm
    size = (round(crop.pixels.shape[1] * factor), round(crop.pixels.shape[0] * factor))
    pixels = np.asarray(cv2.resize(crop.pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    x, y, width, height = (
        value * factor for value in (crop.outline.x, crop.outline.y, crop.outline.width, crop.outline.height)
    )
    return replace(crop, pixels=pixels, px_per_mm=PICTURE_PX_PER_MM, outline=Rect(x, y, width, height))


def _snapped(crops: Sequence[BoxCrop]) -> list[BoxCrop]:
    """Return the crops with their outlines moved to where the printed sides really are."""
    alike: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for index, crop in enumerate(crops):
        size = (round(crop.outline.width), round(crop.outline.height))
        alike[(*crop.pixels.shape, *size)].append(index)
    result = list(crops)
    for indices in alike.values():
        for index, (outline, seen) in zip(indices, _snap([crops[index] for index in indices]), strict=True):
            result[index] = replace(crops[index], outline=outline, sides_seen=seen)
    return result


def _snap(crops: Sequence[BoxCrop]) -> list[tuple[Rect, int]]:
    """Return the snapped outlines of crops of one size, and how many of the four sides of each were seen."""
    stack = np.stack([crop.pixels for crop in crops])
    outlines = np.array([(crop.outline.x, crop.outline.y, crop.outline.right, crop.outline.bottom) for crop in crops])
    scale = crops[0].px_per_mm
    left, right, upright = _sides(stack, outlines[:, 0], outlines[:, 2], outlines[:, 1::2], scale)
    top, bottom, level = _sides(stack.transpose(0, 2, 1), outlines[:, 1], outlines[:, 3], outlines[:, 0::2], scale)
    return [
        (Rect(float(x0), float(y0), float(x1 - x0), float(y1 - y0)), int(seen))
        for x0, y0, x1, y1, seen in zip(left, top, right, bottom, upright + level, strict=True)
    ]


def _sides(
    stack: NDArray[np.uint8],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    along: NDArray[np.float64],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int_]]:
    """Return where the two upright sides of boxes really are.

    Args:
        stack: (N, H, W) crops.
        low: (N,) expected left sides, in crop pixels.
        high: (N,) expected right sides.
        along: (N, 2) where the sides begin and end.
        scale: pixels a mm.

    Returns:
        The left and the right sides, (N,) each, and how many of the two were seen; a side that is not seen moves with
        the other one.
    """
    ends = (along[:, 1] - along[:, 0]).min() * SIDE_ENDS
    middle = stack[:, round(along[:, 0].max() + ends) : max(round(along[:, 1].min() - ends), 1)]
    reach = SNAP_REACH_MM * scale
    moved_low = _side_offsets(middle, low, reach)
    moved_high = _side_offsets(middle, high, reach)
    seen = (~np.isnan(moved_low)).astype(int) + ~np.isnan(moved_high)
    apart = np.abs(moved_high - moved_low) > SIZE_TOLERANCE_MM * scale
    # Of two sides that disagree the one that moved less is believed: strokes lie anywhere, rules near their place.
    nearer = np.where(np.abs(moved_low) < np.abs(moved_high), moved_low, moved_high)
    moved_low, moved_high = np.where(apart, nearer, moved_low), np.where(apart, nearer, moved_high)
    both = np.nan_to_num(np.where(np.isnan(moved_low), moved_high, moved_low))
    return (
        low + np.where(np.isnan(moved_low), both, moved_low),
        high + np.where(np.isnan(moved_high), both, moved_high),
        seen,
    )


def _side_offsets(middle: NDArray[np.uint8], expected: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """Return by how many pixels upright rules lie off their expected place, (N,); NaN where no rule is seen."""
    span = int(np.ceil(reach)) + 2
    columns = np.floor(expected).astype(int)[:, None] + np.arange(-span, span + 1)
    columns = np.clip(columns, 0, middle.shape[2] - 1)
    near = np.take_along_axis(middle, columns[:, None, :], axis=2)
    rank = ALONG_SIDE * (near.shape[1] - 1) // 100
    profile = np.partition(near, rank, axis=1)[:, rank].astype(np.float64)
    darkness = np.maximum(np.percentile(profile, 75, axis=1, keepdims=True) - profile, 0.0)
    offset = columns + 0.5 - expected[:, None]
    peak = np.where(np.abs(offset) <= reach, darkness, 0.0).argmax(axis=1)[:, None]
    height = np.take_along_axis(darkness, peak, axis=1)
    weight = np.where(np.abs(np.arange(2 * span + 1) - peak) <= 2, np.maximum(darkness - 0.25 * height, 0.0), 0.0)
    found = (weight * offset).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-6)
    return np.where((height[:, 0] >= SNAP_CONTRAST) & (np.abs(found) <= reach), found, np.nan)
