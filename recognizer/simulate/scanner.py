"""From ink on paper to what an office scanner delivers: stains, skew, blur, uneven light, noise, and its files."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.geometry import MM_PER_INCH, Homography, Rect
from recognizer.records import GreyImage
from recognizer.simulate.strokes import line
from recognizer.template import MARKS, QR_CODE


class Effects(StrEnum):
    """How well the sheets are treated and scanned."""

    CLEAN = "clean"
    OFFICE = "office"
    ROUGH = "rough"


class Mode(StrEnum):
    """What the scanner delivers: `auto` is grey, with a share of black-and-white pages that the effects decide."""

    AUTO = "auto"
    GREY = "grey"
    ONE_BIT = "1-bit"


@dataclass(frozen=True, slots=True)
class Profile:
    """What can happen to a page, as ranges and shares.

    Lengths are mm, angles degrees, greys 0 to 255. `pencil`, `doubles` and `corrections` are shares of sheets, single
    choices and free cells.
    """

    skew: float
    shift: float
    scale: float
    upside_down: float
    sideways: float
    one_bit: float
    blur: tuple[float, float]
    noise: tuple[float, float]
    shading: float
    paper: tuple[float, float]
    jpeg: tuple[int, int]
    specks: int
    holes: float
    stain: float
    lost_mark: float
    smudged_code: float
    pencil: float
    doubles: float
    corrections: float


PROFILES: dict[Effects, Profile] = {
    Effects.CLEAN: Profile(
        skew=0.1,
        shift=0.3,
        scale=0.0,
        upside_down=0.0,
        sideways=0.0,
        one_bit=0.0,
        blur=(0.03, 0.04),
        noise=(0.5, 1.0),
        shading=0.0,
        paper=(250.0, 254.0),
        jpeg=(85, 90),
        specks=0,
        holes=0.0,
        stain=0.0,
        lost_mark=0.0,
        smudged_code=0.0,
        pencil=0.0,
        doubles=0.0,
        corrections=0.0,
    ),
    Effects.OFFICE: Profile(
        skew=2.0,
        shift=1.2,
        scale=0.006,
        upside_down=0.08,
        sideways=0.03,
        one_bit=0.2,
        blur=(0.035, 0.06),
        noise=(1.0, 2.2),
        shading=6.0,
        paper=(242.0, 256.0),
        jpeg=(70, 82),
        specks=25,
        holes=0.06,
        stain=0.0,
        lost_mark=0.0,
        smudged_code=0.0,
        pencil=0.08,
        doubles=0.0,
        corrections=0.0,
    ),
    Effects.ROUGH: Profile(
        skew=10.0,
        shift=1.5,
        scale=0.015,
        upside_down=0.15,
        sideways=0.1,
        one_bit=0.2,
        blur=(0.05, 0.1),
        noise=(4.0, 8.0),
        shading=20.0,
        paper=(215.0, 248.0),
        jpeg=(50, 70),
        specks=120,
        holes=0.3,
        stain=0.3,
        lost_mark=0.25,
        smudged_code=0.2,
        pencil=0.3,
        doubles=0.01,
        corrections=0.04,
    ),
}
"""Office figures: what a sheet feeder does to well-kept sheets. Rough: creased, stained, hand-fed, badly set."""

ROOMY_SKEW = 2.0
"""Degrees beyond which the sheet was laid on a larger glass: the picture grows so that no corner is cut off."""

BLACK_BELOW = (140, 185)
"""Range of the grey value below which a black-and-white scan is black."""

RIM_MM = 2.2
"""Width of the rim that a coffee cup leaves."""

HOLE_RADIUS_MM = 3.0
HOLE_PLACES_MM = (108.5, 188.5)
"""Heights of the two holes' centres, 80 mm apart in the middle of the page (ISO 838)."""

HOLE_EDGE_MM = 5.0
"""From the left edge to the holes' centres: ISO 838 says 12 mm, where they would punch out what is printed; offices
that keep their sheets turn to narrow punches."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One scanned page: grey pixels, or black and white (0 and 255) when `one_bit`, and the JPEG quality for grey.

    `mm_to_px` is the truth: where each millimetre of the paper (from its top left corner) went; the centre of the first
    pixel is at 0.
    """

    pixels: GreyImage
    one_bit: bool
    jpeg_quality: int
    mm_to_px: Homography


def scan(paper: GreyImage, dpi: int, profile: Profile, mode: Mode, rng: np.random.Generator) -> Picture:
    """Return what a scanner makes of a filled page.

    Args:
        paper: the page at `dpi`, white 255; it is written over.
        dpi: resolution of paper and scan.
        profile: what may happen on the way.
        mode: grey, black and white, or as the profile has it.
        rng: decides.
    """
    one_bit = mode is Mode.ONE_BIT or (mode is Mode.AUTO and rng.random() < profile.one_bit)
    _wear(paper, dpi / MM_PER_INCH, profile, rng)
    pixels, laid = _laid_on_glass(paper, dpi, profile, rng)
    pixels = _exposed(pixels, dpi, profile, one_bit, rng)
    if one_bit:
        black_below = rng.uniform(*BLACK_BELOW)
        pixels = np.where(pixels < black_below, np.uint8(0), np.uint8(255))
    pixels, turn = _turned(pixels, profile, rng)
    truth = turn @ laid @ millimetres_to_pixels(dpi)
    return Picture(pixels, one_bit, int(rng.integers(*profile.jpeg, endpoint=True)), truth)


def millimetres_to_pixels(dpi: float) -> Homography:
    """Return where the millimetres of a page drawn at a resolution are; the centre of the first pixel is at 0."""
    scale = dpi / MM_PER_INCH
    return np.array([[scale, 0.0, -0.5], [0.0, scale, -0.5], [0.0, 0.0, 1.0]])


def _wear(paper: GreyImage, px_per_mm: float, profile: Profile, rng: np.random.Generator) -> None:
    """Let happen to the paper what happens before it is scanned."""
    if rng.random() < profile.stain:
        _stain(paper, px_per_mm, rng)
    if rng.random() < profile.lost_mark:
        _cover(paper, px_per_mm, list(MARKS.values())[int(rng.integers(4))], rng)
    if rng.random() < profile.smudged_code:
        _smudge(paper, px_per_mm, rng)
    if rng.random() < profile.holes:
        _punch(paper, px_per_mm, rng)
    for _ in range(int(rng.poisson(profile.specks))):
        _speck(paper, px_per_mm, rng)


def _stain(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Leave the ring of a coffee cup: a brown rim, uneven and lost in part, and a pale inside."""
    height, width = paper.shape
    centre = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
    radius = int(rng.uniform(32, 42) * px_per_mm)
    dirt = np.zeros(paper.shape, np.uint8)
    cv2.circle(dirt, centre, radius, 12, -1, cv2.LINE_AA)
    start = float(rng.uniform(0, 360))
    for angle in np.arange(start, start + float(rng.uniform(180, 340)), 4.0):
        depth = int(rng.integers(25, 95))
        thickness = max(1, round(rng.uniform(0.4, 1.0) * RIM_MM * px_per_mm))
        cv2.ellipse(dirt, centre, (radius, radius), 0, angle, angle + 5.0, depth, thickness, cv2.LINE_AA)
    soft = cv2.blur(dirt, (max(1, round(RIM_MM / 2 * px_per_mm)),) * 2)
    paper[:] = cv2.multiply(paper, 255 - soft, scale=1 / 255)


def _cover(paper: GreyImage, px_per_mm: float, mark: Rect, rng: np.random.Generator) -> None:
    """Hide a corner mark: a folded corner or a sticker, white or grey."""
    area = mark.grown(1.0)
    left, top, right, bottom = (round(edge * px_per_mm) for edge in (area.x, area.y, area.right, area.bottom))
    paper[max(top, 0) : bottom, max(left, 0) : right] = int(rng.integers(150, 256))


def _smudge(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Scribble over the QR code with something broad."""
    count = int(rng.integers(8, 16))
    x = rng.uniform(QR_CODE.x, QR_CODE.right, count)
    y = rng.uniform(QR_CODE.y, QR_CODE.bottom, count)
    coverage, left, top = line(np.column_stack([x, y]) * px_per_mm, 1.5 * px_per_mm)
    page = paper[top : top + coverage.shape[0], left : left + coverage.shape[1]]
    page[:] = (page * (1 - 0.9 * coverage[: page.shape[0], : page.shape[1]])).astype(np.uint8)


def _punch(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Punch two holes for a folder; the scanner's lid shows through as a grey or black disc."""
    lid = int(rng.choice([20, 120, 225]))
    off = rng.uniform(-0.8, 0.8)
    for y in HOLE_PLACES_MM:
        centre = (round((HOLE_EDGE_MM + off) * px_per_mm), round(y * px_per_mm))
        cv2.circle(paper, centre, round(HOLE_RADIUS_MM * px_per_mm), lid, -1, cv2.LINE_AA)


def _speck(paper: GreyImage, px_per_mm: float, rng: np.random.Generator) -> None:
    """Drop dust: a dot of 0.1 to 0.35 mm, seldom dark."""
    height, width = paper.shape
    centre = (int(rng.integers(width)), int(rng.integers(height)))
    radius = max(1, round(rng.uniform(0.05, 0.18) * px_per_mm))
    cv2.circle(paper, centre, radius, int(rng.integers(60, 220)), -1, cv2.LINE_AA)


def _laid_on_glass(
    paper: GreyImage, dpi: int, profile: Profile, rng: np.random.Generator
) -> tuple[GreyImage, Homography]:
    """Turn, shift and scale the page a little, and soften it as lens and paper feed do; return also how."""
    height, width = paper.shape
    px_per_mm = dpi / MM_PER_INCH
    skew = float(np.clip(rng.normal(0.0, profile.skew / 2), -profile.skew, profile.skew))
    scale_x, scale_y = 1.0 + rng.uniform(-profile.scale, profile.scale, 2)
    shift = rng.uniform(-profile.shift, profile.shift, 2) * px_per_mm
    angle = np.deg2rad(skew)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([scale_x, scale_y])
    out = np.array([width, height], dtype=np.float64)
    if abs(skew) > ROOMY_SKEW:
        out = np.ceil(np.abs(turn) @ out)
    affine = np.column_stack([turn, out / 2 + shift - turn @ (np.array([width, height]) / 2)])
    around = int(rng.choice([255, 255, 250, 40])) if profile.skew > 1 else 255
    laid = cv2.warpAffine(paper, affine, (int(out[0]), int(out[1])), flags=cv2.INTER_LINEAR, borderValue=around)
    sigma = rng.uniform(*profile.blur) * px_per_mm
    pixels = np.asarray(cv2.GaussianBlur(laid, (0, 0), max(sigma, 0.1)), dtype=np.uint8)
    return pixels, np.vstack([affine, [0.0, 0.0, 1.0]])


def _exposed(pixels: GreyImage, dpi: int, profile: Profile, one_bit: bool, rng: np.random.Generator) -> GreyImage:
    """Put the page in uneven light and through a noisy sensor."""
    white, black = rng.uniform(*profile.paper), rng.uniform(5.0, 30.0)
    light = pixels.astype(np.float32)
    light *= np.float32((white - black) / 255.0)
    light += np.float32(black)
    if profile.shading > 0:
        light += _unevenness(pixels.shape, profile.shading, rng)
    light += _noise(pixels.shape, dpi, float(rng.uniform(*profile.noise)) * (0.5 if one_bit else 1.0), rng)
    return np.asarray(cv2.convertScaleAbs(np.maximum(light, 0.0, out=light)), dtype=np.uint8)


def _unevenness(shape: tuple[int, ...], depth: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a slow change of brightness over the page, at most about `depth` darker."""
    coarse = -np.abs(rng.normal(0.0, depth / 2, (4, 3))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _noise(shape: tuple[int, ...], dpi: int, sigma: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return sensor noise and paper grain, grey levels; grain is a little coarser than a pixel at 300 dpi."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    noise *= np.float32(sigma)
    if dpi < 250:
        return noise
    grain = cv2.GaussianBlur(noise, (3, 3), 0.6)
    return np.asarray(grain * np.float32(1.5), dtype=np.float32)


def _turned(pixels: GreyImage, profile: Profile, rng: np.random.Generator) -> tuple[GreyImage, Homography]:
    """Turn the page as it lay in the feeder: upright, upside down, or on its side; return also how."""
    draw = rng.random()
    if draw < profile.upside_down:
        return turned(pixels, 2)
    if draw < profile.upside_down + profile.sideways:
        return turned(pixels, int(rng.choice([1, 3])))
    return pixels, np.eye(3)


def turned(pixels: GreyImage, quarters: int) -> tuple[GreyImage, Homography]:
    """Turn a picture anticlockwise by quarters, and say where its pixels went."""
    transform = np.eye(3)
    for _ in range(quarters % 4):
        # Pixel (x, y) goes to (y, width - 1 - x).
        transform = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, pixels.shape[1] - 1.0], [0.0, 0.0, 1.0]]) @ transform
        pixels = np.rot90(pixels)
    return np.ascontiguousarray(pixels), transform
