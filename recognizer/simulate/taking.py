"""What scanners and cameras have in common: paper seen through any mapping, light, noise, and a JPEG."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import Homography, Points, apply_homography
from recognizer.records import GreyImage
from recognizer.simulate.scanner import turned

Truth: TypeAlias = Callable[[Points], Points]
"""Where millimetres of the paper (from its top left corner) are in the picture: (N, 2) mm to (N, 2) pixels; the centre
of the first pixel is at 0."""

MESH_PX = 16
"""Mappings are followed exactly at every so many pixels, and straight in between: bent paper is smooth."""

OUTSIDE_MM = 40.0
"""Beyond the paper by more than this a mapping need not make sense."""

FOLLOWED = 12
"""Steps by which a mapping is inverted: each makes what is left about five times smaller."""

NOISE_TILE = 512


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a page, where each millimetre of the paper is on it, and the effects that it shows."""

    pixels: GreyImage
    mm_to_px: Truth
    what: tuple[str, ...] = ()


def quarter_turned(shot: Shot, quarters: int) -> Shot:
    """Return the shot turned anticlockwise by quarters."""
    pixels, transform = turned(shot.pixels, quarters)
    before = shot.mm_to_px
    return Shot(pixels, lambda points: apply_homography(transform, before(points)), shot.what)


def rendered(
    paper: GreyImage, px_per_mm: float, mm_to_px: Truth, size: tuple[int, int], background: GreyImage
) -> GreyImage:
    """Return paper seen through a mapping, laid over a background of `size` (width, height), which is written over."""
    width, height = size
    paper_mm = np.array([paper.shape[1], paper.shape[0]]) / px_per_mm
    flat = _flat(mm_to_px, paper_mm)
    density = float(np.sqrt(abs(np.linalg.det(flat[:2, :2] / flat[2, 2]))))
    if density < 0.75 * px_per_mm:
        # Seen from afar several of the paper's pixels fall into one of the picture's.
        paper = np.asarray(cv2.GaussianBlur(paper, (0, 0), 0.42 * px_per_mm / density), dtype=np.uint8)
    # One knot more on every side, so that resizing never runs out of knots.
    columns, rows = -(-width // MESH_PX) + 2, -(-height // MESH_PX) + 2
    x, y = np.meshgrid((np.arange(columns) - 0.5) * MESH_PX - 0.5, (np.arange(rows) - 0.5) * MESH_PX - 0.5)
    found = _inverse(mm_to_px, flat, np.column_stack([x.ravel(), y.ravel()]), paper_mm) * px_per_mm - 0.5
    knots = found.reshape(rows, columns, 2).astype(np.float32)
    full = (columns * MESH_PX, rows * MESH_PX)
    across, down = (
        cv2.resize(np.ascontiguousarray(knots[..., axis]), full, interpolation=cv2.INTER_LINEAR)[
            MESH_PX : MESH_PX + height, MESH_PX : MESH_PX + width
        ]
        for axis in (0, 1)
    )
    out = cv2.remap(paper, across, down, cv2.INTER_LINEAR, dst=background, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(out, dtype=np.uint8)


def _flat(mm_to_px: Truth, paper_mm: Points) -> Homography:
    """Return the homography that comes nearest to a mapping over the paper."""
    x, y = np.meshgrid(*(np.linspace(0, side, 7) for side in paper_mm))
    points = np.column_stack([x.ravel(), y.ravel()])
    transform, _ = cv2.findHomography(points, mm_to_px(points), 0)
    return np.asarray(transform, dtype=np.float64)


def _inverse(mm_to_px: Truth, flat: Homography, pixels: Points, paper_mm: Points) -> Points:
    """Return which millimetres are seen at pixels."""
    back = np.asarray(np.linalg.inv(flat), dtype=np.float64)
    wanted = apply_homography(back, pixels)
    points = wanted.copy()
    near = ((wanted > -OUTSIDE_MM) & (wanted < paper_mm + OUTSIDE_MM)).all(axis=1)
    wanted, inside = wanted[near], points[near]
    for _ in range(FOLLOWED):
        away = wanted - apply_homography(back, mm_to_px(inside))
        inside = np.clip(inside + away, -2 * OUTSIDE_MM, paper_mm + 2 * OUTSIDE_MM)
        if np.abs(away).max(initial=0.0) < 1e-3:
            break
    points[near] = inside
    return points


def lit(
    pixels: GreyImage,
    rng: np.random.Generator,
    *,
    depth: float,
    white: tuple[float, float],
    black: tuple[float, float],
    shadow: bool,
) -> GreyImage:
    """Return a picture in uneven light, up to `depth` (share) darker in places, its contrast as the sensor has it."""
    height, width = pixels.shape
    coarse = 1.0 - np.abs(rng.normal(0.0, depth / 3, (4, 4)))
    light = cv2.resize(np.clip(coarse, 1 - depth, 1.0).astype(np.float32), (width // 16, height // 16), None, 0, 0, 2)
    if shadow:
        light = cv2.multiply(light, _shadow(light.shape, rng))
    high, low = rng.uniform(*white), rng.uniform(*black)
    gain = cv2.resize(np.clip(light * 255, 0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
    table = np.clip(np.rint(low + np.arange(256) / 255 * (high - low)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.multiply(cv2.LUT(pixels, table), gain, scale=1 / 255), dtype=np.uint8)


def _shadow(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the shadow of a hand or a phone: a blob with a soft or rather sharp edge."""
    height, width = shape
    mask = np.ones(shape, np.float32)
    centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    radii = rng.uniform(0.2, 0.55, 7) * max(width, height)
    outline = centre + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], float(rng.uniform(0.4, 0.8)))
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.008, 0.04)) * max(width, height))
    return np.asarray(soft, dtype=np.float32)


def add_noise(pixels: GreyImage, sigma: float, rng: np.random.Generator) -> GreyImage:
    """Return the picture with the noise of a sensor: one tile of it, laid out again and again."""
    tile = np.clip(np.rint(rng.standard_normal((NOISE_TILE, NOISE_TILE), dtype=np.float32) * sigma), -120, 120)
    height, width = pixels.shape
    repeats = (-(-height // NOISE_TILE), -(-width // NOISE_TILE))
    noise = np.tile(tile.astype(np.int8), repeats)[:height, :width]
    return np.asarray(cv2.add(pixels, np.ascontiguousarray(noise), dtype=cv2.CV_8U), dtype=np.uint8)


def to_jpeg(pixels: GreyImage, quality: int) -> GreyImage:
    """Return the picture as it is after it was stored as JPEG."""
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
