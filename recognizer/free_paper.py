"""A photo of paper -> how dark each pixel is against the paper around it, upright and at one size of writing.

Light falls unevenly and ink has colours: each colour channel is divided by the paper's own tone around the pixel, and
the darkest channel counts, so that orange ink is as visible as black. Nobody says how large the writing is or how the
paper lies: both are measured on a small copy, and the picture is brought to `DIGIT_PX` high digits on level lines.
"""

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.colour_picture import ColourImage
from recognizer.free_rules import rules_of, without_rules
from recognizer.geometry import Rect, apply_homography, bounding_rect
from recognizer.ink import MAX_NOISE, MIN_CONTRAST, NOISE_FACTOR
from recognizer.rule_remains import Darkness, Mask

Pieces: TypeAlias = NDArray[np.int32]
"""(K, 5) int32: x, y, width, height and ink area of each connected piece, in pixels."""

DIGIT_PX = 48
"""Height that digits are brought to, in pixels: 6 mm at the 8 px/mm of a box crop, the middle of what was trained."""

WORK_PIXELS = 12_000_000
"""A picture is reduced to so many pixels first: an A4 page then has 4000 x 3000, and small writing 50 pixels."""

LARGEST_LEVEL = 24_000_000
"""Nor is it enlarged beyond this many pixels."""

MOST_ENLARGED = 4.0
"""Tiny pictures are enlarged so much at most; 12 pixels of a digit can still be read, fewer cannot."""

GLANCE_PX = 1600
"""Longest side of the small copy on which size and slope of the writing are measured."""

LEAST_SEEN_PX = 6
"""Pieces smaller than this on the small copy tell nothing about the size of digits."""

ALIKE = 0.35
"""Digits of one hand differ in height by less than this (natural logarithm): by a factor of 1.4."""

ENOUGH_ALIKE = 3
"""So many pieces of one height are believed to be writing; a single one may be a drawing."""

MOST_COMPARED = 2000
"""Only so many pieces, the highest, are compared: noise makes any number of them."""

TONE_PX = 480
"""Longest side of the picture on which the paper's tone is measured: shadows keep their edges."""

TONE_REACH = 0.11
"""Whatever is narrower than this share of the longest side is ink on the paper, not another paper."""

SURROUNDINGS_PX = 61
"""Width of the surroundings whose middle tone is paper or board, on that same picture: wider than two digits."""

STANDS_OUT = 25
"""Grey levels by which ink or chalk differs from its surroundings, more than noise."""

DARK = 128
"""A board's middle grey value is below this."""

LEAST_TONE = 0.3
"""Where the paper's tone is below this share of the brightest paper's, there is no paper: a table, a dark edge."""

INK_SHARE = 0.4
"""A pixel is ink when it is at least this share as dark as the ink around it: cuts blur and pale rules off."""

STEEPEST = 15.0
"""Degrees by which lines of writing may slope."""

SURE_GAIN = 1.06
"""Lines are levelled when that makes their profile so much sharper; less may be chance."""

SPECK = 0.22
"""A piece smaller than this share of a digit's height both ways is a speck: dust, or a point."""

LARGEST_PIECE = 4.0
"""A piece higher than so many digits is no writing and left out: a frame, a drawing, the edge of the paper."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written on a picture: `darkness` and `ink` (H, W), digits about `DIGIT_PX` high, lines about level.

    `to_picture` is (3, 3) float64 and maps pixels of these to pixels of the picture, which is `width` by `height`;
    `digit_px` is the measured height of a digit.
    """

    darkness: Darkness
    ink: Mask
    to_picture: NDArray[np.float64]
    digit_px: float
    width: int
    height: int

    def in_picture(self, rect: Rect) -> Rect:
        """Return the upright rectangle around `rect` in pixels of the picture, as far as it lies on it."""
        corners = apply_homography(self.to_picture, rect.corners())
        return bounding_rect(np.clip(corners, 0.0, (self.width, self.height)))

    def is_cut_off(self, rect: Rect) -> bool:
        """Tell whether `rect` reaches the edge of the picture."""
        edge = 1.5 * float(np.hypot(*self.to_picture[:2, 0]))
        corners = apply_homography(self.to_picture, rect.corners())
        return bool((corners < edge).any() or (corners > (self.width - edge, self.height - edge)).any())


def find_writing(picture: ColourImage) -> Writing | None:
    """Return what is written on a picture, or None when there is nothing on it that could be writing.

    Args:
        picture: (H, W, 3) uint8, dark on light or light on dark.
    """
    reduced, scale = _reduced(picture)
    darkness, noise = darkness_of(reduced)
    floor = max(MIN_CONTRAST, NOISE_FACTOR * min(noise, MAX_NOISE))
    factor = _glance_factor(darkness.shape)
    glance = _resized(darkness, factor)
    measured = _measured(glance, floor)
    if measured is None:
        return None
    height, angle = measured
    size = darkness.shape[:2]
    zoom = min(DIGIT_PX / (height / factor), MOST_ENLARGED, (LARGEST_LEVEL / (size[0] * size[1])) ** 0.5)
    to_level, across, down = _levelling((size[1], size[0]), zoom, angle)
    sharp = _resized(darkness, zoom) if zoom < 0.6 else darkness
    # A reduced copy is warped where too few pixels would count otherwise.
    to_sharp = np.diag([sharp.shape[1] / size[1], sharp.shape[0] / size[0], 1.0])
    warped = cv2.warpPerspective(sharp, to_level @ np.linalg.inv(to_sharp), (across, down), flags=cv2.INTER_LINEAR)
    level = np.clip(cv2.GaussianBlur(warped, (3, 3), 0), 0.0, 1.0).astype(np.float32)
    digit = height / factor * zoom
    ink = ink_of(level, floor, digit, 3.5 * digit)
    to_picture = np.diag([1 / scale, 1 / scale, 1.0]) @ np.linalg.inv(to_level)
    return Writing(level, ink, to_picture, digit, picture.shape[1], picture.shape[0])


def darkness_of(picture: ColourImage) -> tuple[Darkness, float]:
    """Return how dark each pixel is against its paper, (H, W) float32, and the standard deviation of the paper."""
    picture = _dark_on_light(picture)
    tone = _tone_of(picture)
    bright = tone.max(axis=2)
    is_paper = bright >= LEAST_TONE * np.percentile(bright, 95)
    share = np.ones_like(picture[:, :, 0], np.float32)
    for channel in range(3):
        full = cv2.resize(tone[:, :, channel], picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        np.minimum(share, picture[:, :, channel] / np.maximum(full, 1.0), out=share)
    elsewhere = cv2.resize(is_paper.view(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST) == 0
    steps = (slice(None, None, max(len(share) // 500, 1)), slice(None, None, max(share.shape[1] // 500, 1)))
    sample = cv2.blur(share, (3, 3))[steps][~elsewhere[steps]]
    paper = float(np.median(sample))
    share[elsewhere] = paper
    noise = 1.4826 * float(np.median(np.abs(sample - paper))) / max(paper, 1e-3)
    return np.clip(1.0 - share / np.float32(max(paper, 1e-3)), 0.0, 1.0), noise


def ink_of(darkness: Darkness, floor: float, digit: float, span: float) -> Mask:
    """Return which pixels are written, (H, W) bool: rules of the paper are taken out, strokes across them kept whole.

    Args:
        darkness: (H, W) float32.
        floor: darkness from which a pixel may be ink or rule.
        digit: height of a digit in pixels.
        span: shortest rule, in pixels.
    """
    rules = rules_of(darkness > floor, digit, span)
    free = np.where(rules.mask, np.float32(0), darkness)
    reach = max(round(digit), 3) | 1
    peak = cv2.dilate(cv2.blur(free, (3, 3)), np.ones((reach, reach), np.uint8))
    return without_rules(darkness, np.maximum(floor, INK_SHARE * peak).astype(np.float32), rules)


def pieces_of(ink: Mask, digit: float) -> tuple[NDArray[np.int32], Pieces]:
    """Return the pieces that may be writing: labels (H, W), 0 where there is none, and what belongs to each label."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    wanted = (stats[:, 2:4].max(axis=1) >= SPECK * digit) & (stats[:, 3] <= LARGEST_PIECE * digit)
    wanted[0] = False
    numbers = np.where(wanted, np.cumsum(wanted), 0).astype(np.int32)
    return numbers[labels], stats[wanted].astype(np.int32)


def _reduced(picture: ColourImage) -> tuple[ColourImage, float]:
    height, width = picture.shape[:2]
    scale = min((WORK_PIXELS / (height * width)) ** 0.5, 1.0)
    if scale == 1.0:
        return picture, 1.0
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _glance_factor(shape: tuple[int, ...]) -> float:
    return min(GLANCE_PX / max(shape), MOST_ENLARGED)


def _resized(darkness: Darkness, factor: float) -> Darkness:
    size = (max(round(darkness.shape[1] * factor), 1), max(round(darkness.shape[0] * factor), 1))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(darkness, size, interpolation=how), np.float32)


def _dark_on_light(picture: ColourImage) -> ColourImage:
    """Return the picture, inverted when it is chalk on a board: what stands out of its surroundings is light."""
    small = np.asarray(cv2.cvtColor(_shrunk(picture), cv2.COLOR_BGR2GRAY), np.uint8)
    around = np.asarray(cv2.medianBlur(small, SURROUNDINGS_PX), np.uint8)
    light, dark = (np.asarray(cv2.subtract(*pair)) for pair in ((small, around), (around, small)))
    is_chalk = light[light > STANDS_OUT].sum() > dark[dark > STANDS_OUT].sum()
    return np.asarray(255 - picture, np.uint8) if is_chalk and np.median(small) < DARK else picture


def _shrunk(picture: ColourImage) -> ColourImage:
    factor = min(TONE_PX / max(picture.shape[:2]), 1.0)
    size = (max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _tone_of(picture: ColourImage) -> NDArray[np.float32]:
    """Return the colour of the paper around each pixel of a small copy, (h, w, 3) float32."""
    small = cv2.medianBlur(_shrunk(picture), 3)
    reach = max(round(TONE_REACH * max(small.shape[:2])), 3) | 1
    tone = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    return cv2.blur(tone, (3, 3)).astype(np.float32)


def _measured(glance: Darkness, floor: float) -> tuple[float, float] | None:
    """Return the height of digits in pixels of the small copy and the slope of the lines in degrees."""
    side = max(glance.shape)
    ink = ink_of(glance, floor, side / 24, 0.3 * side)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.view(np.uint8), connectivity=8)
    stats = stats[1:][stats[1:, 2:4].max(axis=1) >= LEAST_SEEN_PX]
    if not len(stats):
        return None
    far = stats[:, :2] + stats[:, 2:4]
    inner = (stats[:, :2] > 0).all(axis=1) & (far < (ink.shape[1], ink.shape[0])).all(axis=1)
    height = _usual_height(stats[inner if inner.any() else slice(None), 3].astype(np.float64))
    return height, _slope(glance > floor)


def _usual_height(heights: NDArray[np.float64]) -> float:
    """Return the height that digits have among pieces of all sizes: specks are many and small, drawings few and large.

    Args:
        heights: (K,) float64, in pixels, at least one.
    """
    heights = np.sort(heights)[-MOST_COMPARED:]
    weights = heights**1.5
    alike = np.abs(np.log(heights[:, None] / heights[None, :])) < ALIKE
    score = (alike * weights).sum(axis=1) * np.minimum(alike.sum(axis=1), ENOUGH_ALIKE)
    return float(np.median(heights[alike[int(score.argmax())]]))


def _slope(mask: Mask) -> float:
    """Return the angle, in degrees, by which lines and rules fall to the right."""
    step = max(max(mask.shape) // 800, 1)
    y, x = np.nonzero(mask[::step, ::step])
    if not len(y):
        return 0.0
    coarse = _sharpest(x, y, np.arange(-STEEPEST, STEEPEST + 0.1, 1.0))
    fine = _sharpest(x, y, np.arange(coarse - 0.8, coarse + 0.81, 0.2))
    return fine if _sharpness(x, y, fine) > SURE_GAIN * _sharpness(x, y, 0.0) else 0.0


def _sharpest(x: NDArray[np.intp], y: NDArray[np.intp], angles: NDArray[np.float64]) -> float:
    return float(max(angles, key=lambda angle: _sharpness(x, y, float(angle))))


def _sharpness(x: NDArray[np.intp], y: NDArray[np.intp], angle: float) -> float:
    """Return how unevenly ink falls onto rows that fall by `angle`: writing and rules fill some, and leave others."""
    rows = np.rint(y - np.tan(np.radians(angle)) * x).astype(np.int64)
    counts = np.bincount(rows - rows.min()).astype(np.float64)
    return float((counts**2).sum())


def _levelling(size: tuple[int, int], zoom: float, angle: float) -> tuple[NDArray[np.float64], int, int]:
    """Return the transform, (3, 3), that enlarges a picture and turns it level, and the width and height needed."""
    cos, sin = zoom * np.cos(np.radians(angle)), zoom * np.sin(np.radians(angle))
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    around = bounding_rect(apply_homography(turn, Rect(0, 0, *map(float, size)).corners()))
    turn[:2, 2] = (-around.x, -around.y)
    return turn, max(int(np.ceil(around.width)), 1), max(int(np.ceil(around.height)), 1)
