"""Any page picture as a phone sees it: at a slant, curled, in uneven light, on a cluttered table; with the truth.

`photograph` bends the paper as paper bends (a developable surface: curved along one direction, straight across it),
looks at it through a pinhole with a trace of lens distortion, and says where each millimetre went.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import MM_PER_INCH, Points
from recognizer.records import GreyImage
from recognizer.simulate.clutter import table
from recognizer.simulate.taking import Shot, add_noise, lit, quarter_turned, rendered, to_jpeg

MEGAPIXELS = (8.0, 14.0)
ASPECT = 4 / 3
"""Sides of a phone's picture."""

OUTSIDE_MM = 60.0
"""How far beyond the edges of the paper its surface is drawn on (nothing is there, but the inverse needs it)."""

CORNER_TANGENT = 0.4
"""Direction in which a page's corner is seen, about; there the lens distorts by `PhotoRange.distortion`."""


@dataclass(frozen=True, slots=True)
class PhotoRange:
    """How badly pages are photographed, as the largest of each.

    `tilt` (degrees) between the camera and the normal of the table, `turn` (degrees) in the plane of the picture,
    `slope` (radians) of the curled paper, `curled` the share of pages that are curled at all, `defocus` (mm on paper,
    standard deviation), `motion` (mm on paper), `shadow` the share of pages with the shadow of a hand or phone,
    `noise` grey values.
    """

    tilt: float = 20.0
    turn: float = 15.0
    slope: float = 0.12
    curled: float = 0.7
    defocus: float = 0.16
    motion: float = 0.35
    shadow: float = 0.6
    noise: float = 8.0
    distortion: float = 0.004
    fills: tuple[float, float] = (0.78, 0.97)


PHOTO = PhotoRange()


@dataclass(frozen=True, slots=True)
class _Camera:
    """Curled paper before a pinhole: maps millimetres on the flat paper to pixels."""

    middle: Points
    direction: Points
    arc: NDArray[np.float64]
    across: NDArray[np.float64]
    heights: NDArray[np.float64]
    rotation: NDArray[np.float64]
    distance: float
    focal: float
    centre: Points
    distortion: float

    def __call__(self, points: Points) -> Points:
        """Map paper millimetres (N, 2) to pixels (N, 2)."""
        seen = self.seen(points)
        placed: Points = seen * self.focal + self.centre
        return placed

    def seen(self, points: Points) -> Points:
        """Return the directions in which points are seen: tangents, before focal length and centre."""
        flat = points - self.middle
        along = flat @ self.direction
        beside = flat - along[:, None] * self.direction
        x = np.interp(along, self.arc, self.across)
        height = np.interp(along, self.arc, self.heights)
        plane = beside + x[:, None] * self.direction
        space = np.column_stack([plane, height]) @ self.rotation.T
        depth = np.maximum(self.distance - space[:, 2], self.distance / 10)
        tangents = space[:, :2] / depth[:, None]
        far = (tangents**2).sum(axis=1, keepdims=True) / CORNER_TANGENT**2
        bent: Points = tangents * (1 + self.distortion * far)
        return bent


def photograph(paper: GreyImage, dpi: float, rng: np.random.Generator, reach: PhotoRange = PHOTO) -> Shot:
    """Take a picture of a page with a phone.

    Args:
        paper: the page at `dpi`, white 255.
        dpi: resolution of `paper`.
        rng: decides.
        reach: how bad it may get.
    """
    megapixels = rng.uniform(*MEGAPIXELS)
    height = round(np.sqrt(megapixels * 1e6 * ASPECT))
    width = round(height / ASPECT)
    camera, what = _set_up(paper, dpi / MM_PER_INCH, (width, height), rng, reach)
    background = table(width, height, rng)
    pixels = rendered(paper, dpi / MM_PER_INCH, camera, (width, height), background)
    px_per_mm = height / 297 * 0.85
    pixels = _blurred(pixels, px_per_mm, rng, reach)
    pixels = lit(pixels, rng, depth=0.45, white=(165, 245), black=(12, 60), shadow=rng.random() < reach.shadow)
    pixels = add_noise(pixels, float(rng.uniform(1.0, reach.noise)), rng)
    shot = Shot(to_jpeg(pixels, int(rng.integers(60, 93))), camera, (f"{megapixels:.0f} MP", *what))
    return quarter_turned(shot, int(rng.integers(4)))


def _set_up(
    paper: GreyImage, px_per_mm: float, size: tuple[int, int], rng: np.random.Generator, reach: PhotoRange
) -> tuple[_Camera, tuple[str, ...]]:
    """Curl the paper, hold the camera over it, and come so close that the page fills the picture."""
    paper_mm = np.array([paper.shape[1], paper.shape[0]]) / px_per_mm
    arc, across, heights, direction, slope = _curl(paper_mm, rng, reach)
    tilt = min(abs(rng.normal(0.0, reach.tilt / 2)), reach.tilt)
    rotation = _rotation(float(rng.uniform(-reach.turn, reach.turn)), tilt, float(rng.uniform(0, 360)))
    distance = float(rng.uniform(330, 600)) * max(paper_mm) / 297
    distortion = float(rng.uniform(-reach.distortion, reach.distortion))
    camera = _Camera(paper_mm / 2, direction, arc, across, heights, rotation, distance, 1.0, np.zeros(2), distortion)
    edge = np.linspace(0, 1, 9)
    rim = np.vstack([np.column_stack([edge, 0 * edge + side]) for side in (0, 1)])
    rim = np.vstack([rim, rim[:, ::-1]]) * paper_mm
    seen = camera.seen(rim)
    low, high = seen.min(axis=0), seen.max(axis=0)
    fills = float(rng.uniform(*reach.fills))
    focal = float(fills * (np.array(size) / (high - low)).min())
    room = np.array(size) - (high - low) * focal
    centre = room * rng.uniform(0.3, 0.7, 2) - low * focal
    done = _Camera(paper_mm / 2, direction, arc, across, heights, rotation, distance, focal, centre, distortion)
    return done, (f"tilt {tilt:.0f}", f"curl {slope:.2f}")


def _curl(
    paper_mm: Points, rng: np.random.Generator, reach: PhotoRange
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Points, float]:
    """Return the profile of the curled paper along one direction: arc length, way along the table, height; and that."""
    half = float(np.hypot(*paper_mm)) / 2 + OUTSIDE_MM
    arc = np.arange(-half, half + 1.0)
    slope = float(rng.uniform(0.0, reach.slope)) if rng.random() < reach.curled else 0.0
    angle = float(rng.choice([0.0, 90.0, 90.0, rng.uniform(0, 180)])) + float(rng.normal(0, 4))
    direction = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    wave = float(rng.uniform(0.8, 2.0)) * max(paper_mm)
    slopes = slope * np.sin(2 * np.pi * arc / wave + rng.uniform(0, 2 * np.pi))
    if slope and rng.random() < 0.3:
        # One edge or corner stands up: the slope grows over the last five centimetres.
        rise = np.clip((arc - (np.abs(direction) @ paper_mm / 2 - 50.0)) / 50.0, 0.0, 1.6)
        slopes = slopes * 0.4 + 2.0 * slope * rise**2
    across, heights = (_integral(values) for values in (np.cos(slopes), np.sin(slopes)))
    return arc, across, heights, direction, slope


def _integral(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the integral over steps of 1, zero in the middle."""
    summed = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)])
    middle: NDArray[np.float64] = summed - summed[len(summed) // 2]
    return middle


def _rotation(turn: float, tilt: float, towards: float) -> NDArray[np.float64]:
    """Return a turn in the plane, then a tilt towards a direction; degrees."""
    a, t, d = np.deg2rad([turn, tilt, towards])
    flat = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
    axis = np.array([np.cos(d), np.sin(d), 0.0])
    cross = np.array([[0, 0, axis[1]], [0, 0, -axis[0]], [-axis[1], axis[0], 0]])
    leaned = np.eye(3) + np.sin(t) * cross + (1 - np.cos(t)) * cross @ cross
    return np.asarray(leaned @ flat, dtype=np.float64)


def _blurred(pixels: GreyImage, px_per_mm: float, rng: np.random.Generator, reach: PhotoRange) -> GreyImage:
    """Miss the focus a little and shake the hand a little."""
    sigma = float(rng.uniform(0.04, reach.defocus)) * px_per_mm
    out = cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma > 0.3 else pixels
    length = float(rng.uniform(0.0, reach.motion)) * px_per_mm
    if length > 1.5 and rng.random() < 0.5:
        side = 2 * int(np.ceil(length / 2)) + 1
        kernel = np.zeros((side, side), np.float32)
        angle, middle = rng.uniform(0, np.pi), side // 2
        half = np.array([np.cos(angle), np.sin(angle)]) * length / 2
        one, other = (tuple(np.rint(middle + way * half).astype(int).tolist()) for way in (-1, 1))
        cv2.line(kernel, one, other, 1.0)
        out = cv2.filter2D(out, -1, kernel / kernel.sum())
    return np.asarray(out, dtype=np.uint8)
