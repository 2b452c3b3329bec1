"""Compose tick boxes and bubbles: print, marks of all habits, what is no mark, what was cancelled, and a scanner.

What people would argue about is drawn again instead of labelled: a mark that hardly enters its box, a neighbour's
stroke that crosses the middle, ink too pale to see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from multiprocessing import get_context
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from recognizer.boxes import CROP_PX_PER_MM, SURROUNDINGS_MM
from recognizer.geometry import MM_PER_INCH, Points, Rect
from recognizer.marks_view import VIEW, mark_crop_of_picture, mark_view
from recognizer.records import MARKS, BoxCrop
from recognizer.training.compose import Cover, Scan, draw_scan, scanned
from recognizer.training.mark_strokes import FINE_PX_PER_MM, Ink, Look, Pen, cancel, canvas_shape, draw_mark, margin_mm

EMPTY, MARKED, CANCELLED = (MARKS.index(name) for name in ("empty", "marked", "cancelled"))

KIND_SHARES: Mapping[str, float] = MappingProxyType(
    {
        "bare": 0.20,
        "specks": 0.04,
        "ghost": 0.08,
        "neighbour": 0.11,
        "mark": 0.41,
        "cancelled": 0.16,
    }
)
"""What is drawn how often."""

CLASS_OF: Mapping[str, int] = MappingProxyType(
    {
        "bare": EMPTY,
        "specks": EMPTY,
        "ghost": EMPTY,
        "neighbour": EMPTY,
        "mark": MARKED,
        "cancelled": CANCELLED,
    }
)

PICTURE_SHARE = 0.35
"""Of the boxes so many are seen as pictures of unknown framing, as data sets and phones have them."""

PICTURED_INK = 0.75
"""Darkness of a pen that Otsu's threshold cannot take for paper, whatever is printed beside it."""

CENTRAL = 0.25
"""Half of the middle part of a box, in parts of its size: a neighbour's stroke stays out of it, a mark does not."""

LEAST_INK = 0.012
"""Share of a box that the visible ink of a mark covers: a short thin tick in a large box."""

LETTERS = "AAABBBCCCDDDEEEFFGHJXYZ0123456789"
"""What stands in bubbles, and how often."""

WEIGHTS = (300, 400, 400, 500, 700)
"""Weights of the letters in bubbles."""

PALEST = 0.10
"""Darkness of the palest mark that counts as one; ghosts of what was erased stay below."""

MOST_TRIES = 60
"""Drawings thrown away before something is wrong with the drawing itself."""


@dataclass(frozen=True, slots=True)
class ComposedMark:
    """One composed box: its crop, its class as an index into `MARKS`, and which kind of drawing it is."""

    crop: BoxCrop
    label: int
    kind: str


@dataclass(frozen=True, slots=True)
class MarkSamples:
    """Views with classes: `x` (N, 32, 32) uint8, 0 paper to 255 ink; `y` (N,) index into `MARKS`."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]


def draw_look(rng: np.random.Generator, bubble: bool | None = None) -> Look:
    """Return how some printer prints boxes or bubbles."""
    bubble = bool(rng.random() < 0.5) if bubble is None else bubble
    size = float(rng.uniform(3.0, 7.0) if bubble else rng.uniform(3.0, 8.0))
    aspect = float(np.exp(rng.normal(0, 0.22)) if rng.random() < 0.4 else 1.0) if bubble else 1.0
    if not bubble and rng.random() < 0.15:
        aspect = float(np.exp(rng.normal(0, 0.15)))
    lettered = rng.random() < (0.75 if bubble else 0.06)
    apart = (1 + rng.uniform(0.12, 1.2), 1 + rng.uniform(0.12, 1.2))
    return Look(
        bubble=bubble,
        width=size * min(aspect, 1.7),
        height=size / max(aspect, 0.6) if aspect < 1 else size,
        rule_mm=float(rng.uniform(0.12, 0.5)),
        rule=float(rng.uniform(0.4, 1.0) if rng.random() < 0.75 else rng.uniform(0.15, 0.4)),
        letter=float(rng.uniform(0.2, 0.95)) if lettered else 0.0,
        letter_height=float(rng.uniform(0.35, 0.72)),
        weight=int(rng.choice(WEIGHTS)),
        round=float(rng.uniform(0.05, 0.3)) if not bubble and rng.random() < 0.15 else 0.0,
        pitch=tuple(side if rng.random() < 0.6 else 0.0 for side in apart),  # type: ignore[arg-type]
    )


def draw_pen(rng: np.random.Generator) -> Pen:
    """Return a ball pen, a fibre pen or a pencil."""
    kind = rng.random()
    if kind < 0.25:
        return Pen(float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.15, 0.45)), float(rng.uniform(0.01, 0.04)))
    if kind < 0.85:
        return Pen(float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.45, 0.97)), float(rng.uniform(0.01, 0.04)))
    return Pen(float(rng.uniform(0.6, 1.2)), float(rng.uniform(0.6, 0.97)), float(rng.uniform(0.01, 0.03)))


def draw_mark_scan(rng: np.random.Generator) -> Scan:
    """Return how a page of boxes was scanned; now and then poorly, at 100 dpi."""
    scan = draw_scan(rng)
    return replace(scan, dpi=100) if rng.random() < 0.08 else scan


def _neighbours_ink(look: Look, pen: Pen, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return what reaches in from the mark of a box beside, above or below; nothing of it crosses the middle."""
    for _ in range(MOST_TRIES):
        beside = Ink(look, pen, rng)
        draw_mark(beside)
        if rng.random() < 0.3:
            cancel(beside)
        side = int(rng.integers(2))
        away = (look.pitch[side] or 1 + rng.uniform(0.1, 0.5)) * look.size[side] * FINE_PX_PER_MM
        # Boxes that stand far apart leave nothing to see: some stroke was longer, then.
        away = min(away, rng.uniform(0.75, 1.25) * look.size[side] * FINE_PX_PER_MM)
        shift = [0.0, 0.0]
        shift[side] = away * rng.choice([-1, 1])
        shift[1 - side] = rng.normal(0, 0.12) * look.size[1 - side] * FINE_PX_PER_MM
        moved = cv2.warpAffine(beside.cover, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), beside.cover.shape[::-1])
        cover = np.asarray(moved, np.uint8)
        if not _within(cover, look, 2 * CENTRAL).any() and _within(cover, look, 1.25).any():
            return cover
    return np.zeros(canvas_shape(look), np.uint8)


def _within(cover: NDArray[Any], look: Look, part: float) -> NDArray[Any]:
    """Return the middle `part` of the box, 1 the box itself."""
    height, width = cover.shape
    half = np.array(look.size) * part / 2 * FINE_PX_PER_MM
    x0, y0 = round(width / 2 - half[0]), round(height / 2 - half[1])
    return cover[max(y0, 0) : height - y0, max(x0, 0) : width - x0]


def draw_print(look: Look, letter: str, rng: np.random.Generator) -> Cover:
    """Return the darkness of what is printed: the outline, a letter, the neighbours, a caption."""
    shape = canvas_shape(look)
    printed = np.zeros(shape, np.uint8)
    width, height = (side * FINE_PX_PER_MM for side in look.size)
    centre = np.array([shape[1] / 2, shape[0] / 2])
    for across, down in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
        if (across and not look.pitch[0]) or (down and not look.pitch[1]):
            continue
        middle = centre + np.array([across * look.pitch[0] * width, down * look.pitch[1] * height])
        _outline(printed, look, middle, (width, height))
        if look.letter:
            shown = letter if not across and not down else str(rng.choice(list(LETTERS)))
            _letter(printed, look, shown, middle, height)
    if rng.random() < 0.2:
        _caption(printed, look, rng)
    return printed.astype(np.float32) / np.float32(255)


def _outline(printed: NDArray[np.uint8], look: Look, middle: Points, size: tuple[float, float]) -> None:
    level, thick = round(255 * look.rule), max(round(look.rule_mm * FINE_PX_PER_MM), 1)
    fine = 16
    centre = round(middle[0] * fine), round(middle[1] * fine)
    half = round(size[0] / 2 * fine), round(size[1] / 2 * fine)
    if look.bubble:
        cv2.ellipse(printed, centre, half, 0, 0, 360, level, thick, cv2.LINE_AA, 4)
        return
    angle = np.linspace(0, 2 * np.pi, 65)
    if look.round:
        power = 2 / (2 + 8 * (0.35 - look.round))
        corner = (
            np.column_stack([np.sign(f(angle)) * np.abs(f(angle)) ** power for f in (np.cos, np.sin)])
            * np.array(size)
            / 2
        )
        cv2.polylines(
            printed, [np.round((corner + middle) * fine).astype(np.int32)], True, level, thick, cv2.LINE_AA, 4
        )
    else:
        low, high = ((centre[0] + sign * half[0], centre[1] + sign * half[1]) for sign in (-1, 1))
        cv2.rectangle(printed, low, high, level, thick, cv2.LINE_AA, 4)


@lru_cache(maxsize=256)
def _character(letter: str, weight: int) -> NDArray[np.uint8]:
    """Return a character of Noto Sans, 64 px high, 0 paper to 255 ink, cut to its ink."""
    path = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")
    font = ImageFont.truetype(path, 88)
    font.set_variation_by_axes([weight, 100])
    image = Image.new("L", (140, 140))
    ImageDraw.Draw(image).text((20, 5), letter, fill=255, font=font)
    drawn = np.asarray(image)
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    return drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _letter(printed: NDArray[np.uint8], look: Look, letter: str, middle: Points, height: float) -> None:
    drawn = _character(letter, look.weight)
    tall = look.letter_height * min(height, look.width * FINE_PX_PER_MM * 1.25)
    size = (max(round(drawn.shape[1] * tall / drawn.shape[0]), 1), max(round(tall), 1))
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA).astype(np.float32) * look.letter
    x, y = round(middle[0] - size[0] / 2), round(middle[1] - size[1] / 2)
    x0, y0 = max(x, 0), max(y, 0)
    target = printed[y0 : max(y + size[1], 0), x0 : max(x + size[0], 0)]
    part = small[y0 - y : y0 - y + target.shape[0], x0 - x : x0 - x + target.shape[1]]
    target[:] = np.maximum(target, part.astype(np.uint8))


def _caption(printed: NDArray[np.uint8], look: Look, rng: np.random.Generator) -> None:
    """Print some characters beside the box, or a rule."""
    height, width = printed.shape
    box = np.array(look.size) * FINE_PX_PER_MM
    if rng.random() < 0.35:
        gap = box[1] * rng.uniform(0.6, 0.95)
        y = round(height / 2 + rng.choice([-1, 1]) * gap)
        cv2.line(
            printed,
            (0, y),
            (width, y),
            round(255 * rng.uniform(0.3, 1)),
            max(round(rng.uniform(0.1, 0.5) * FINE_PX_PER_MM), 1),
        )
        return
    x = width / 2 + rng.choice([-1, 1]) * box[0] * rng.uniform(0.72, 0.95)
    for _ in range(2):
        look_of_text = replace(look, letter=float(rng.uniform(0.5, 1)), letter_height=float(rng.uniform(0.3, 0.6)))
        _letter(
            printed, look_of_text, str(rng.choice(list("abcdeinorst0123456789"))), np.array([x, height / 2]), box[1]
        )
        x += np.sign(x - width / 2) * box[1] * 0.35


def compose_box(  # noqa: PLR0917
    kind: str, look: Look, pen: Pen, scan: Scan, rng: np.random.Generator, letter: str | None = None
) -> NDArray[np.uint8]:
    """Return the scanned grey pixels of one box and its surroundings, the box in the middle.

    Args:
        kind: as in `KIND_SHARES`.
        look: how it is printed.
        pen: what it is marked with; darker where nobody could see the mark.
        scan: how it is scanned.
        rng: source of everything else.
        letter: what stands in the bubble; any by default.
    """
    printed = draw_print(look, letter or str(rng.choice(list(LETTERS))), rng)
    ink = np.zeros_like(printed)
    if kind in ("mark", "cancelled"):
        ink, pen = _visible_ink(kind, look, pen, scan, rng)
    if kind == "neighbour" or (kind in ("mark", "bare", "cancelled") and rng.random() < 0.1):
        beside = _neighbours_ink(look, replace(pen, width_mm=pen.width_mm * rng.uniform(0.9, 1.1)), rng)
        ink = np.maximum(ink, beside.astype(np.float32) / np.float32(255))
    dark = ink * np.float32(pen.darkness)
    if kind == "ghost":
        dark = np.maximum(dark, _ghost(look, pen, rng))
    elif kind == "specks":
        dark = np.maximum(dark, _specks(look, rng))
    return _scanned(printed, dark, scan, rng)


def _visible_ink(kind: str, look: Look, pen: Pen, scan: Scan, rng: np.random.Generator) -> tuple[Cover, Pen]:
    """Return ink that is still seen after the scan, and the pen: darker and wider until it is."""
    floor = 1.04 - scan.threshold if scan.threshold is not None else max(PALEST, 3 * scan.noise / 255)
    for _ in range(MOST_TRIES):
        ink = _ink_of(kind, look, pen, rng)
        blur = scan.blur_mm + 0.3 * MM_PER_INCH / scan.dpi
        seen = cv2.GaussianBlur(ink, (0, 0), blur * FINE_PX_PER_MM) * np.float32(pen.darkness)
        if (_within(seen, look, 0.9) > floor).mean() >= LEAST_INK:
            return ink, pen
        pen = replace(pen, darkness=min(pen.darkness * 1.15 + 0.02, 1.0), width_mm=pen.width_mm * 1.05)
    raise RuntimeError(f"{MOST_TRIES} drawings of kind {kind} could not be seen")


def _ink_of(kind: str, look: Look, pen: Pen, rng: np.random.Generator) -> Cover:
    for _ in range(MOST_TRIES):
        ink = Ink(look, pen, rng)
        if kind == "cancelled":
            cancel(ink)
        else:
            draw_mark(ink)
        inside = _within(ink.cover, look, 1.0)
        if inside.mean() >= 255 * LEAST_INK and _within(ink.cover, look, 2 * CENTRAL).any():
            return ink.cover.astype(np.float32) / np.float32(255)
    raise RuntimeError(f"{MOST_TRIES} drawings of kind {kind} left the box without ink")


def _ghost(look: Look, pen: Pen, rng: np.random.Generator) -> Cover:
    """Return what is left of an erased mark: pale and smeared."""
    ink = Ink(look, pen, rng)
    draw_mark(ink)
    smeared = cv2.GaussianBlur(ink.cover, (0, 0), float(rng.uniform(0.08, 0.35)) * FINE_PX_PER_MM).astype(np.float32)
    return np.asarray(smeared / max(float(smeared.max()), 1.0) * rng.uniform(0.02, 0.08), np.float32)


def _specks(look: Look, rng: np.random.Generator) -> Cover:
    """Return dust: spots smaller than a pen's dot."""
    shape = canvas_shape(look)
    dust = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        at = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        cv2.circle(
            dust, at, round(rng.uniform(0.05, 0.2) * FINE_PX_PER_MM), round(rng.uniform(60, 240)), -1, cv2.LINE_AA
        )
    return dust.astype(np.float32) / np.float32(255)


def _scanned(printed: Cover, dark: Cover, scan: Scan, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return what a scanner makes of print and ink, (H, W) uint8 at its resolution."""
    shrink = scan.dpi / MM_PER_INCH / FINE_PX_PER_MM
    size = tuple(max(round(side * shrink), 4) for side in printed.shape[::-1])
    printed = cv2.resize(printed, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    dark = cv2.resize(dark, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    if scan.texture:
        grain = cv2.resize(rng.random((size[1] // 2 + 1, size[0] // 2 + 1), np.float32), size)
        dark = dark * (1 - np.float32(scan.texture) * grain)
    slope = rng.uniform(-1, 1, 2) * scan.shade
    light = scan.paper * (
        1 + slope[0] * np.linspace(-0.5, 0.5, size[0])[None, :] + slope[1] * np.linspace(-0.5, 0.5, size[1])[:, None]
    )
    grey = light.astype(np.float32) * (1 - dark) * (1 - printed)
    return scanned(grey, scan, rng)


def sheet_crop(
    pixels: NDArray[np.uint8], look: Look, scan: Scan, rng: np.random.Generator, off: float = 0.1
) -> BoxCrop:
    """Return the box as `boxes.crop_boxes` cuts it out of a page, its outline off by about `off` mm."""
    scale = CROP_PX_PER_MM * MM_PER_INCH / scan.dpi
    size = tuple(round((side + 2 * SURROUNDINGS_MM) * CROP_PX_PER_MM) for side in look.size)
    tilt, edge = rng.normal(0, 0.006), SURROUNDINGS_MM * CROP_PX_PER_MM
    linear = np.array([[scale, -tilt * scale], [tilt * scale, scale]])
    middle = np.array([(pixels.shape[1] - 1) / 2, (pixels.shape[0] - 1) / 2])
    target = np.array([(size[0] - 1) / 2, (size[1] - 1) / 2])
    transform = np.column_stack([linear, target - linear @ middle])
    warped = cv2.warpAffine(pixels, transform, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    dx, dy = rng.normal(0, off, 2) * CROP_PX_PER_MM
    wide, tall = np.exp(rng.normal(0, 0.02, 2)) * np.array(look.size) * CROP_PX_PER_MM
    x = edge + (look.width * CROP_PX_PER_MM - wide) / 2 + dx
    y = edge + (look.height * CROP_PX_PER_MM - tall) / 2 + dy
    return BoxCrop("training", 1, np.asarray(warped, np.uint8), CROP_PX_PER_MM, Rect(x, y, float(wide), float(tall)))


def picture_crop(pixels: NDArray[np.uint8], look: Look, rng: np.random.Generator, one_bit: bool = True) -> BoxCrop:
    """Return the box as a picture of unknown framing, low, under a phone's light or black and white, shows it."""
    margin = margin_mm(look)
    scale = pixels.shape[1] / (look.width + 2 * margin)
    centre = np.array([pixels.shape[1], pixels.shape[0]]) / 2
    share = (
        rng.uniform(0.5, 1.02, 2)
        if rng.random() < 0.3
        else np.full(2, rng.uniform(0.5, 1.02)) * rng.uniform(0.95, 1.05, 2)
    )
    half = np.array(look.size) * scale / 2 / share
    room = np.maximum(half - np.array(look.size) * scale / 2, 0.06 * np.array(look.size) * scale)
    centre = centre + np.clip(rng.normal(0, 0.5, 2), -0.95, 0.95) * room
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, np.array(pixels.shape[::-1]))
    cut = pixels[
        round(low[1]) : max(round(high[1]), round(low[1]) + 4), round(low[0]) : max(round(high[0]), round(low[0]) + 4)
    ]
    tall = int(np.exp(rng.uniform(np.log(14), np.log(90))))
    wide = tall if rng.random() < 0.4 else max(round(tall * cut.shape[1] / cut.shape[0]), 8)
    picture = cv2.resize(cut, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32)
    if rng.random() < 0.6:
        contrast, light = rng.uniform(0.4, 1.0), rng.uniform(110, 255)
        slope = rng.normal(0, 0.1, 2)
        shade = 1 + slope[0] * np.linspace(-0.5, 0.5, wide)[None, :] + slope[1] * np.linspace(-0.5, 0.5, tall)[:, None]
        white = max(float(np.percentile(picture, 95)), 1.0)
        picture = light * shade * (1 - contrast * (1 - np.minimum(picture / white, 1)))
        picture = picture + rng.uniform(0, 4) * rng.standard_normal(picture.shape)
    found = np.clip(picture, 0, 255).astype(np.uint8)
    if one_bit and rng.random() < 0.25:
        found = _one_bit(found, rng)
    return mark_crop_of_picture(found)


def _one_bit(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture in black and white: by Otsu's threshold, which finds ink in any picture."""
    level, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_OTSU)
    dark = (picture < level * rng.uniform(0.95, 1.05)).astype(np.uint8) * 255
    if rng.random() < 0.5:
        dark = cv2.GaussianBlur(dark, (0, 0), 0.5).astype(np.uint8)
    return np.asarray(255 - dark, np.uint8)


def compose_mark(rng: np.random.Generator, kinds: Mapping[str, float] = KIND_SHARES) -> ComposedMark:
    """Return one box of any kind, look, pen and scan."""
    shares = np.array(list(kinds.values()))
    kind = str(rng.choice(list(kinds), p=shares / shares.sum()))
    look, pen, scan = draw_look(rng), draw_pen(rng), draw_mark_scan(rng)
    if kind == "ghost" and scan.threshold is not None:
        scan = replace(scan, threshold=None)
    pixels = compose_box(kind, look, pen, scan, rng)
    if kind != "ghost" and rng.random() < PICTURE_SHARE:
        crop = picture_crop(pixels, look, rng, kind not in ("mark", "cancelled") or pen.darkness > PICTURED_INK)
    else:
        crop = sheet_crop(pixels, look, scan, rng, float(rng.choice([0.08, 0.2, 0.08 * min(look.size)])))
    return ComposedMark(crop, CLASS_OF[kind], kind)


def compose_marks(count: int, seed: int, workers: int = 1) -> MarkSamples:
    """Return the views of `count` composed boxes; the same for the same seed whatever `workers` is."""
    chunk = 500
    jobs = [(seed, index, min(chunk, count - index * chunk)) for index in range(-(-count // chunk))]
    if workers == 1:
        parts = [_composed(job) for job in jobs]
    else:
        with get_context("fork").Pool(workers) as processes:
            parts = processes.map(_composed, jobs, chunksize=1)
    return MarkSamples(
        np.concatenate([np.zeros((0, VIEW, VIEW), np.uint8), *(part.x for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.y for part in parts)]),
    )


def _composed(job: tuple[int, int, int]) -> MarkSamples:
    seed, index, count = job
    rng = np.random.default_rng([seed, index])
    cv2.setNumThreads(1)
    boxes = [compose_mark(rng) for _ in range(count)]
    views = np.stack([np.round(mark_view(box.crop) * 255).astype(np.uint8) for box in boxes])
    return MarkSamples(views, np.array([box.label for box in boxes], np.int64))
