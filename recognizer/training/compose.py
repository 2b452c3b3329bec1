"""Compose box crops from handwriting: paper, rules, neighbours, ink and a scanner, as `boxes.crop_boxes` cuts them.

Everything is drawn in millimetres of the sheet, scanned at some resolution, and resampled to the crop's 8 px/mm, so
that the network learns from what `digits` makes of real boxes, remains of rules included.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import MM_PER_INCH, Rect
from recognizer.records import BoxCrop

CROP_PX_PER_MM = 8.0
SURROUNDINGS_MM = 1.5

Ink = NDArray[np.uint8]
"""(H, W) uint8, 0 paper to 255 ink, one character cropped to its ink."""

Cover = NDArray[np.float32]
"""(H, W) float32, 0 paper to 1 fully inked, at scan resolution."""


@dataclass(frozen=True, slots=True)
class Written:
    """One character as written: its ink, its centre in the box (mm from the top left) and its height.

    `threshold` (0.3 bold to 0.65 thin) is where the grey edge of the source's stroke becomes ink.
    """

    ink: Ink
    x: float
    y: float
    height: float
    slant: float = 0.0
    turn: float = 0.0
    stretch: float = 1.0
    threshold: float = 0.45


@dataclass(frozen=True, slots=True)
class Scan:
    """How a box is printed, inked and scanned; darkness 0 to 1, lengths in mm, noise in grey levels."""

    dpi: int
    paper: float
    shade: float
    rule: float
    rule_mm: float
    pen: float
    texture: float
    blur_mm: float
    noise: float
    jpeg: int | None
    threshold: float | None


def draw_scan(rng: np.random.Generator) -> Scan:
    """Return scanner and pen settings as an office has them: mostly good, sometimes poor."""
    bitonal = rng.random() < 0.17
    pencil = not bitonal and rng.random() < 0.25
    return Scan(
        dpi=int(rng.choice([150, 200, 200, 300, 300, 300, 400])),
        paper=float(rng.uniform(225, 255) if rng.random() < 0.8 else rng.uniform(150, 225)),
        shade=float(rng.uniform(0, 0.06)),
        rule=float(rng.uniform(0.5, 0.85) if rng.random() < 0.8 else rng.uniform(0.15, 0.5)),
        rule_mm=float(rng.uniform(0.18, 0.35) if rng.random() < 0.85 else rng.uniform(0.35, 0.7)),
        pen=float(rng.uniform(0.25, 0.6) if pencil else rng.uniform(0.55, 0.95)),
        texture=float(rng.uniform(0.1, 0.45) if pencil else rng.uniform(0, 0.15)),
        blur_mm=float(abs(rng.normal(0, 0.06))),
        noise=float(rng.choice([0, 1, 2, 4, 8]) * rng.uniform(0.5, 1.2)),
        jpeg=int(rng.integers(45, 95)) if not bitonal and rng.random() < 0.6 else None,
        threshold=float(rng.uniform(0.55, 0.78)) if bitonal else None,
    )


def cover_of(written: Written, box: Rect, dpi: int) -> Cover:
    """Return the ink of one character on the crop's canvas at scan resolution.

    Args:
        written: the character.
        box: the printed box in mm, with `x`, `y` its distance from the canvas's corner.
        dpi: scan resolution.
    """
    px = dpi / MM_PER_INCH
    height, width = written.ink.shape
    scale = written.height * px / height
    cos, sin = np.cos(np.radians(written.turn)), np.sin(np.radians(written.turn))
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1.0, -written.slant], [0.0, 1.0]])
    linear = linear @ np.diag([scale * written.stretch, scale])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    target = np.array([(box.x + written.x) * px, (box.y + written.y) * px])
    transform = np.column_stack([linear, target - linear @ middle])
    canvas = (round((box.width + 2 * box.x) * px), round((box.height + 2 * box.y) * px))
    drawn = cv2.warpAffine(written.ink.astype(np.float32) / 255, transform, canvas, flags=cv2.INTER_CUBIC)
    # A pen's edge is sharp; the source's 28 pixels are not. The ramp is about one scan pixel wide.
    ramp = np.float32(min(0.45, 0.6 / max(scale, 0.6)))
    cover: Cover = np.clip((drawn - np.float32(written.threshold)) / ramp + np.float32(0.5), 0, 1)
    return cover.astype(np.float32)


def stroke_cover(points: NDArray[np.floating], width_mm: float, box: Rect, dpi: int) -> Cover:
    """Return the ink of a pen stroke through points, (N, 2) mm from the box's top left, on the crop's canvas."""
    px = dpi / MM_PER_INCH
    fine = 4
    canvas = np.zeros((round((box.height + 2 * box.y) * px), round((box.width + 2 * box.x) * px)), np.uint8)
    line = np.round((points + np.array([box.x, box.y])) * px * 2**fine).astype(np.int32)
    cv2.polylines(canvas, [line], False, 255, max(1, round(width_mm * px)), cv2.LINE_AA, fine)
    return canvas.astype(np.float32) / np.float32(255)


def draw_box(size: tuple[float, float], cover: Cover, scan: Scan, comb: bool, rng: np.random.Generator) -> BoxCrop:
    """Return the crop of one printed box with this ink, scanned.

    Args:
        size: width and height of the box in mm.
        cover: all ink, from `cover_of`, on a canvas `SURROUNDINGS_MM` larger on each side.
        scan: printer, pen and scanner.
        comb: whether boxes of the same size adjoin left and right.
        rng: source of the noise.
    """
    px = scan.dpi / MM_PER_INCH
    height, width = cover.shape
    rules = _rules(size, (height, width), scan, comb, rng)
    ink = cover * np.float32(scan.pen)
    if scan.texture:
        grain = cv2.resize(rng.random((height // 3 + 1, width // 3 + 1), np.float32), (width, height))
        ink *= 1 - np.float32(scan.texture) * grain
    light = scan.paper * (1 + scan.shade * (np.linspace(-0.5, 0.5, width, dtype=np.float32) * rng.uniform(-1, 1)))
    grey = light.astype(np.float32)[None, :] * (1 - ink) * (1 - rules)
    pixels = scanned(grey, scan, rng)
    scale = CROP_PX_PER_MM / px
    crop_size = (
        round((size[0] + 2 * SURROUNDINGS_MM) * CROP_PX_PER_MM),
        round((size[1] + 2 * SURROUNDINGS_MM) * CROP_PX_PER_MM),
    )
    tilt = rng.normal(0, 0.003)
    across, down = rng.normal(0, 0.08, 2) * CROP_PX_PER_MM
    transform = np.array([[scale, -tilt * scale, across], [tilt * scale, scale, down]])
    if rng.random() < 0.5 and scan.dpi >= 300:
        pixels = cv2.blur(pixels, (2, 2)).astype(np.uint8)
    warped = cv2.warpAffine(pixels, transform, crop_size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off = rng.normal(0, 0.06, 2) * CROP_PX_PER_MM
    edge = SURROUNDINGS_MM * CROP_PX_PER_MM
    outline = Rect(edge + off[0], edge + off[1], size[0] * CROP_PX_PER_MM, size[1] * CROP_PX_PER_MM)
    return BoxCrop("training", 1, warped.astype(np.uint8), CROP_PX_PER_MM, outline.shifted(across, down))


def canvas_box(size: tuple[float, float]) -> Rect:
    """Return the box on its canvas, for `cover_of`."""
    return Rect(SURROUNDINGS_MM, SURROUNDINGS_MM, size[0], size[1])


def together(covers: Sequence[Cover]) -> Cover:
    """Return all ink of several layers on one canvas."""
    cover: Cover = np.maximum.reduce(list(covers))
    return cover


def _rules(
    size: tuple[float, float], shape: tuple[int, int], scan: Scan, comb: bool, rng: np.random.Generator
) -> Cover:
    """Return the darkness of the printed rules: this box, and its neighbours' rules that reach into the canvas."""
    px = scan.dpi / MM_PER_INCH
    rules = np.zeros(shape, np.float32)
    edge, thickness = SURROUNDINGS_MM * px, scan.rule_mm * px
    left, top, right, bottom = edge, edge, edge + size[0] * px, edge + size[1] * px
    gap = 0.0 if comb else rng.uniform(0.3, 4) * px
    reach = (0.0, float(shape[1])) if comb else (left - thickness / 2, right + thickness / 2)
    for y in (top, bottom):
        _line(rules, y, thickness, reach, scan.rule)
    for x in (left, right):
        _line(rules.T, x, thickness, (top - thickness / 2, bottom + thickness / 2), scan.rule)
    if not comb and rng.random() < 0.6:
        # Rows of boxes above and below, or cells beside: their nearest rules.
        for y in (top - gap, bottom + gap):
            _line(rules, y, thickness, reach, scan.rule)
        if rng.random() < 0.5:
            for x in (left - gap, right + gap):
                _line(rules.T, x, thickness, (0.0, float(shape[0])), scan.rule)
    return rules


def _line(rules: Cover, at: float, thickness: float, reach: tuple[float, float], darkness: float) -> None:
    """Draw one rule along x at row `at`, with its edges' partial pixels."""
    low, high = at - thickness / 2, at + thickness / 2
    start, stop = max(round(reach[0]), 0), min(round(reach[1]), rules.shape[1])
    for row in range(max(int(low), 0), min(int(high) + 1, len(rules))):
        share = min(high, row + 1) - max(low, row)
        rules[row, start:stop] = np.maximum(rules[row, start:stop], darkness * max(share, 0.0))


def scanned(grey: Cover, scan: Scan, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return what a scanner makes of grey light, (H, W) float32 from 0 to 255, at its resolution: uint8."""
    if scan.blur_mm > 0.02:
        grey = cv2.GaussianBlur(grey, (0, 0), scan.blur_mm * scan.dpi / MM_PER_INCH + 0.05).astype(np.float32)
    if scan.noise:
        grey = grey + np.float32(scan.noise) * rng.standard_normal(grey.shape, np.float32)
    pixels: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    if scan.threshold is not None:
        return np.where(pixels > scan.threshold * scan.paper, 255, 0).astype(np.uint8)
    if scan.jpeg is not None:
        packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, scan.jpeg])[1]
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels
