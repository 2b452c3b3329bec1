"""Labelled views to train and calibrate on: boxes and cells are composed, scanned, and cut by the product's own code.

Every box gives two views with their labels: the glyph of a single character with its class, and the strip with its
symbols. A box with `12` in it is class `other` as a character and `12` as symbols: each network learns its own trade.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from types import MappingProxyType
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import CHARACTERS, INPUTS, NUMBERS
from recognizer.digits import IsolatedBox, isolate_digit
from recognizer.geometry import Rect
from recognizer.pictures import crop_of_picture
from recognizer.records import CLASSES, SYMBOLS, BoxCrop, GlyphStack, StripStack
from recognizer.training.compose import (
    Cover,
    Written,
    canvas_box,
    cover_of,
    draw_box,
    draw_scan,
    stroke_cover,
    together,
)
from recognizer.training.layouts import LEARNED, Habits, draw_number, draw_stroke, line_points
from recognizer.training.pools import DIGITS, Hand, Pool

COMB_BOX_MM = (7.0, 9.0)
CELL_MM = (18.0, 11.0)

KINDS: dict[str, float] = {
    "digit": 0.36,
    "number": 0.37,
    "plain": 0.06,
    "strange": 0.07,
    "struck": 0.05,
    "dash": 0.02,
    "blank": 0.1,
}
"""What is composed, by how often: shares of their sum."""

NO_CLASS = -1
"""The class of a cell that no single-character box would hold."""

Job = TypeVar("Job")

LONGEST_TEXT = 8
"""Symbols a strip shows at most."""

PICTURE_SHARE = 0.42
"""Of the boxes so many are seen as loosely cut, low pictures, as phones and data sets have them."""

TILTED = 0.4
"""Share of low pictures that are turned by a degree or two: whoever cut them out went by no rule."""

UNRULED = 0.12
"""Share of boxes without printed rules: digits that were cut out of a line of writing, neighbours included."""

SQUARED = 0.2
"""Share of low pictures that somebody made square, whatever the cell's shape was."""

KEPT, RECUT = 0.75, 4
"""Share of a stroke's ink that stays in a picture: whoever cuts through a digit cannot label it. So often a cut is
tried before the picture is left as wide as the crop."""

SLASHED_ZERO = 0.06
"""Share of zeros that people strike through to tell them from an O."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One composed box: its crop, the class of a single character (`NO_CLASS`: a cell for numbers) and the symbols."""

    crop: BoxCrop
    label: int
    text: str


@dataclass(frozen=True, slots=True)
class Samples:
    """Views with labels; the n-th rows belong together.

    `x` (N, 28, 28, 2) and `strips` (N, 48, 120, 2) are uint8, 0 paper to 255 ink; `y` (N,) is the class, an index into
    `CLASSES`, or `NO_CLASS`; `text` (N, LONGEST_TEXT) holds symbols as 1 + index into `SYMBOLS`, then zeros.
    """

    x: NDArray[np.uint8]
    y: NDArray[np.int64]
    strips: NDArray[np.uint8]
    text: NDArray[np.int32]

    @property
    def glyphs(self) -> GlyphStack:
        """The glyphs as the classifier takes them."""
        return self.x.astype(np.float32) / np.float32(255)

    @property
    def lines(self) -> StripStack:
        """The strips as the classifier takes them."""
        return self.strips.astype(np.float32) / np.float32(255)

    @property
    def characters(self) -> "Samples":
        """Only boxes for a single character."""
        return self.chosen(self.y != NO_CLASS)

    def chosen(self, rows: NDArray[np.generic]) -> "Samples":
        """Return some rows, by mask or by index."""
        return Samples(self.x[rows], self.y[rows], self.strips[rows], self.text[rows])

    def joined(self, other: "Samples") -> "Samples":
        """Return all rows of both."""
        return Samples(
            np.concatenate([self.x, other.x]),
            np.concatenate([self.y, other.y]),
            np.concatenate([self.strips, other.strips]),
            np.concatenate([self.text, other.text]),
        )


def compose(
    pool: Pool, count: int, seed: int, workers: int = 1, kinds: Mapping[str, float] = MappingProxyType(KINDS)
) -> Samples:
    """Return the views of `count` composed boxes; the same for the same seed whatever `workers` is.

    Boxes in which no ink is found, such as most blank ones, give no views: blank is told without a network there.

    Args:
        pool: the ink.
        count: how many boxes.
        seed: of everything drawn.
        workers: processes that draw.
        kinds: what to draw and how often, names as in `KINDS`.
    """
    chunk = 1000
    jobs = [(seed, index, min(chunk, count - index * chunk)) for index in range(-(-count // chunk))]
    return _gathered(partial(_run, pool, dict(kinds)), jobs, workers)


def plain_views(pool: Pool, seed: int, workers: int = 1) -> Samples:
    """Return the views of every whole picture that the pool's sets give, each as often as its share says."""
    jobs = []
    for number, one in enumerate(pool.plain):
        rows = np.random.default_rng([seed, number]).permutation(round(len(one.x) * one.share)) % len(one.x)
        jobs += [(number, rows[start : start + 1000]) for start in range(0, len(rows), 1000)]
    return _gathered(partial(_plain_run, pool), jobs, workers)


def views_of(boxes: Sequence[Composed]) -> Samples:
    """Return the views of boxes in which ink was found; of cells for numbers, those of which none was left out."""
    isolated = [(isolate_digit(one.crop), one) for one in boxes]
    return _stacked([(found, one) for found, one in isolated if found.glyph is not None and not _misses(found, one)])


def _misses(found: IsolatedBox, composed: Composed) -> bool:
    """Tell whether ink is too faint to rely on, or a stroke of a number was left out: a person reads it anyway."""
    return found.pale > 0 or (composed.label == NO_CLASS and found.lost > 0)


def encoded(text: str) -> list[int]:
    """Return symbols as 1 + index into `SYMBOLS`, filled up with zeros; `text` is cut at `LONGEST_TEXT`.

    >>> encoded("2½")
    [3, 13, 0, 0, 0, 0, 0, 0]
    """
    numbers = [1 + SYMBOLS.index(symbol) for symbol in text[:LONGEST_TEXT]]
    return numbers + [0] * (LONGEST_TEXT - len(numbers))


def _gathered(work: Callable[[Job], Samples], jobs: Sequence[Job], workers: int) -> Samples:
    if workers == 1:
        parts = [work(job) for job in jobs]
    else:
        with get_context("fork").Pool(workers) as processes:
            parts = processes.map(work, jobs, chunksize=1)
    if not parts:
        return _stacked([])
    return Samples(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "strips", "text")))


def _stacked(rows: Sequence[tuple[IsolatedBox, Composed]]) -> Samples:
    glyphs = np.zeros((len(rows), *INPUTS[CHARACTERS]), np.uint8)
    strips = np.zeros((len(rows), *INPUTS[NUMBERS]), np.uint8)
    for index, (found, _) in enumerate(rows):
        if found.glyph is not None and found.strip is not None:
            glyphs[index] = np.round(found.glyph.image * 255)
            strips[index] = np.round(found.strip.image * 255)
    texts = np.array([encoded(one.text) for _, one in rows], np.int32).reshape(-1, LONGEST_TEXT)
    return Samples(glyphs, np.array([one.label for _, one in rows], np.int64), strips, texts)


def _run(pool: Pool, kinds: Mapping[str, float], job: tuple[int, int, int]) -> Samples:
    seed, index, count = job
    rng = np.random.default_rng([seed, index])
    cv2.setNumThreads(1)
    shares = np.array(list(kinds.values()))
    return views_of([MAKERS[str(kind)](pool, rng) for kind in rng.choice(list(kinds), count, p=shares / shares.sum())])


def _plain_run(pool: Pool, job: tuple[int, NDArray[np.integer]]) -> Samples:
    number, rows = job
    cv2.setNumThreads(1)
    one = pool.plain[number]
    return views_of([_as_composed(crop_of_picture(one.x[row]), str(one.label[row])) for row in rows])


def pick_hand(pool: Pool, rng: np.random.Generator) -> Hand:
    """Return a writer: first the source by its weight, then one of its hands."""
    shares = np.array([share for share, _ in pool.groups])
    hands = pool.groups[int(rng.choice(len(shares), p=shares / shares.sum()))][1]
    return hands[int(rng.integers(len(hands)))]


def written(hand: Hand, digit: str, place: tuple[float, float, float], rng: np.random.Generator) -> Written:
    """Return a digit of this hand at (x, y, height) in mm, with the variation of one pen stroke to the next."""
    inks = hand.digits[digit]
    ink = inks[int(rng.integers(len(inks)))]
    # The 1-bit sets and printed digits have no soft edge to move.
    threshold = rng.uniform(0.25, 0.65)
    if hand.name == "printed":
        return Written(ink, *place)
    return Written(
        ink, *place, rng.normal(0, 0.14), rng.normal(0, 4), float(np.exp(rng.normal(0, 0.1))), float(threshold)
    )


def single_digit(hand: Hand, digit: str, rng: np.random.Generator, chosen: NDArray[np.uint8] | None = None) -> Composed:
    """Return a box with one digit by this hand, or the very `chosen` ink, among neighbours, scanned."""
    scan, size = draw_scan(rng), _box_size(rng)
    box, place = canvas_box(size), _place(size, rng)
    mine = written(hand, digit, place, rng)
    covers = [cover_of(mine if chosen is None else replace(mine, ink=chosen), box, scan.dpi)]
    if digit == "0" and rng.random() < SLASHED_ZERO:
        x, y, tall = place
        half = np.array([rng.uniform(0.2, 0.32), -rng.uniform(0.3, 0.55)]) * tall
        covers.append(stroke_cover(np.array([x, y]) + np.stack([-half, half]), rng.uniform(0.25, 0.5), box, scan.dpi))
    comb = bool(rng.random() < 0.6)
    apart = size[0] + 0.4
    if rng.random() < UNRULED:
        comb, scan, apart = True, replace(scan, rule=0.0), max(float(rng.uniform(0.75, 1.1)) * size[0], 4.5)
    if comb and rng.random() < 0.7:
        covers += [_neighbour(hand, size, side * apart, scan.dpi, rng) for side in (-1, 1)]
    crop = draw_box(size, together(covers), scan, comb, rng)
    return _as_composed(loosely(crop, rng, covers[:1]), digit)


def number_cell(hand: Hand, pool: Pool, rng: np.random.Generator, *, habits: Habits = LEARNED) -> Composed:
    """Return a cell with a number by this hand, scanned."""
    scan = draw_scan(rng)
    size = CELL_MM if rng.random() < 0.4 else (float(rng.uniform(9, 24)), float(rng.uniform(8, 14)))
    covers, text = draw_number(size, partial(written, hand, rng=rng), pool, scan.dpi, rng, habits=habits)
    layers = [*covers, *_from_above(hand, size, scan.dpi, rng), *_from_beside(hand, size, scan.dpi, rng)]
    crop = draw_box(size, together(layers), scan, bool(rng.random() < 0.5), rng)
    return Composed(loosely(crop, rng, covers), NO_CLASS, text)


def loosely(crop: BoxCrop, rng: np.random.Generator, strokes: Sequence[Cover] = ()) -> BoxCrop:
    """Return the crop as it is, or as a low, loosely cut picture of it whose outline has to be found again.

    Of each of the `strokes`, ink on the crop's canvas that makes it what it is labelled, most stays in the picture.
    """
    if rng.random() >= PICTURE_SHARE:
        return crop
    x0, y0, x1, y1 = cut_of(crop, rng, strokes)
    picture = crop.pixels[y0:y1, x0:x1]
    tall = int(rng.integers(26, 76))
    wide = max(round((x1 - x0) / (y1 - y0) * tall * float(np.exp(rng.normal(0, 0.18)))), 12)
    wide = tall if rng.random() < SQUARED else wide
    picture = cv2.resize(picture, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.uint8)
    if rng.random() < TILTED:
        turn = cv2.getRotationMatrix2D((wide / 2, tall / 2), float(rng.normal(0, 1.6)), 1.0)
        picture = cv2.warpAffine(picture, turn, (wide, tall), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
    return crop_of_picture(_photographed(picture, rng))


def cut_of(crop: BoxCrop, rng: np.random.Generator, strokes: Sequence[Cover]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, in pixels of the crop, of a picture of its box that somebody cut loosely.

    What would cut through one of the `strokes` is not taken; where nothing else comes up, the picture is the crop.
    """
    (height, width), scale, outline = crop.pixels.shape, crop.px_per_mm, crop.outline
    edges = np.array([outline.x, outline.y, outline.right, outline.bottom])
    for _ in range(RECUT):
        left, top, right, bottom = edges + rng.normal(0, rng.choice([0.4, 0.8]), 4) * scale
        place = (
            int(np.clip(left, 0, 2.5 * scale)),
            int(np.clip(top, 0, 2.5 * scale)),
            int(np.clip(right, width - 3 * scale, width)),
            int(np.clip(bottom, height - 3 * scale, height)),
        )
        if all(share_within(one, crop, place) >= KEPT for one in strokes):
            return place
    return 0, 0, width, height


def share_within(stroke: Cover, crop: BoxCrop, place: tuple[int, int, int, int]) -> float:
    """Return how much of a stroke's ink lies in a part of the crop, 0 to 1; its canvas has a resolution of its own."""
    down, across = (there / here for there, here in zip(stroke.shape, crop.pixels.shape, strict=True))
    left, top, right, bottom = place
    rows, columns = slice(round(top * down), round(bottom * down)), slice(round(left * across), round(right * across))
    return float(stroke[rows, columns].sum() / max(float(stroke.sum()), 1e-6))


def _photographed(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture under a phone's light: lower contrast, uneven shade, blur, noise, JPEG."""
    height, width = picture.shape
    contrast = rng.uniform(0.35, 1.0)
    light = rng.uniform(90, 255)
    slope = rng.normal(0, 0.12, 2)
    shade = 1 + slope[0] * np.linspace(-0.5, 0.5, width)[None, :] + slope[1] * np.linspace(-0.5, 0.5, height)[:, None]
    grey = light * shade * (1 - contrast * (1 - picture.astype(np.float32) / 255))
    if rng.random() < 0.5:
        grey = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.3, 0.9)))
    grey = grey + rng.uniform(0, 4) * rng.standard_normal(grey.shape)
    pixels: NDArray[np.uint8] = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])[1]
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return pixels


def _as_composed(crop: BoxCrop, label: str) -> Composed:
    symbols = {"blank": "", "cancelled": "#", "other": "#"}.get(label, label)
    return Composed(crop, CLASSES.index(label), symbols)


def _box_size(rng: np.random.Generator) -> tuple[float, float]:
    return COMB_BOX_MM if rng.random() < 0.6 else (float(rng.uniform(5.5, 14)), float(rng.uniform(7, 12)))


def _place(size: tuple[float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    """Return centre and height of a digit in a box: mostly inside, now and then over the rule."""
    height = float(np.clip(rng.normal(0.62, 0.14), 0.26, 1.08)) * size[1]
    room = max(size[1] - height, 0.0) / 2
    x = size[0] / 2 + rng.normal(0, 0.1) * size[0]
    return float(x), float(size[1] / 2 + np.clip(rng.normal(0, 0.5), -1.15, 1.15) * max(room, 0.3)), height


def _digit(pool: Pool, rng: np.random.Generator) -> Composed:
    return single_digit(pick_hand(pool, rng), str(rng.choice(list(DIGITS))), rng)


def _neighbour(hand: Hand, size: tuple[float, float], away: float, dpi: int, rng: np.random.Generator) -> Cover:
    """Return the next box's digit, `away` mm to the right; little of it shows."""
    x, y, height = _place(size, rng)
    # Touching neighbours are a thing for people.
    x += away
    return cover_of(written(hand, str(rng.choice(list(DIGITS))), (x, y, height), rng), canvas_box(size), dpi)


def _from_above(hand: Hand, size: tuple[float, float], dpi: int, rng: np.random.Generator) -> list[Cover]:
    """Return what reaches into a cell from the row above or below, now and then."""
    if rng.random() > 0.15:
        return []
    side = int(rng.choice([-1, 1]))
    height = float(rng.uniform(0.4, 0.6)) * size[1]
    y = size[1] / 2 + side * (size[1] + rng.uniform(-0.25, 0.2) * height)
    place = (float(rng.uniform(0.2, 0.8)) * size[0], y, height)
    return [cover_of(written(hand, str(rng.choice(list(DIGITS))), place, rng), canvas_box(size), dpi)]


def _from_beside(hand: Hand, size: tuple[float, float], dpi: int, rng: np.random.Generator) -> list[Cover]:
    """Return what reaches into a cell from the next one on the left or right, now and then: up to half a digit."""
    if rng.random() > 0.12:
        return []
    height = float(rng.uniform(0.4, 0.6)) * size[1]
    away = float(rng.uniform(0.12, 0.4)) * height
    place = (-away if rng.random() < 0.5 else size[0] + away, size[1] / 2 + rng.normal(0, 0.1) * size[1], height)
    return [cover_of(written(hand, str(rng.choice(list(DIGITS))), place, rng), canvas_box(size), dpi)]


def _plain(pool: Pool, rng: np.random.Generator) -> Composed:
    """Return a whole picture out of a set, slightly larger or smaller each time."""
    shares = np.array([one.share * len(one.x) for one in pool.plain])
    one = pool.plain[int(rng.choice(len(shares), p=shares / shares.sum()))]
    row = int(rng.integers(len(one.x)))
    picture = one.x[row]
    edge = max(round(0.06 * len(picture)), 1)
    cut = rng.integers(0, edge + 1, 4)
    if len(picture) > 40:
        picture = picture[cut[0] : len(picture) - cut[1], cut[2] : picture.shape[1] - cut[3]]
    return _as_composed(crop_of_picture(picture), str(one.label[row]))


def _strange(pool: Pool, rng: np.random.Generator) -> Composed:
    """Return letters and signs, two digits in one box, ticks and scribbles."""
    scan, size = draw_scan(rng), _box_size(rng)
    box, kind, text = canvas_box(size), rng.random(), "#"
    if kind < 0.35 and pool.strange:
        ink = pool.strange[int(rng.integers(len(pool.strange)))]
        covers = [cover_of(Written(ink, *_place(size, rng), rng.normal(0, 0.1), rng.normal(0, 4)), box, scan.dpi)]
    elif kind < 0.68:
        hand, (x, y, height) = pick_hand(pool, rng), _place(size, rng)
        apart = rng.uniform(0.10, 0.32) * size[0]
        height *= rng.uniform(0.5, 0.9)
        text = "".join(rng.choice(list(DIGITS), 2))
        covers = [
            cover_of(written(hand, digit, (at, y + rng.normal(0, 0.3), height), rng), box, scan.dpi)
            for digit, at in zip(text, (x - apart, x + apart), strict=True)
        ]
        # Written over each other nobody reads two digits.
        text = "#" if apart * 2 < 0.3 * height else text
    else:
        shape = "tick" if kind < 0.79 else "doodle" if kind < 0.89 else "scribble"
        covers = [stroke_cover(draw_stroke(shape, _place(size, rng), rng), rng.uniform(0.3, 0.8), box, scan.dpi)]
    crop = draw_box(size, together(covers), scan, bool(rng.random() < 0.6), rng)
    return replace(_as_composed(loosely(crop, rng, covers), "other"), text=text)


def _struck(pool: Pool, rng: np.random.Generator) -> Composed:
    """Return a digit under strokes, a zigzag or a scribble; with the right digit beside it now and then."""
    scan, size, hand = draw_scan(rng), _box_size(rng), pick_hand(pool, rng)
    box, digit, place = canvas_box(size), str(rng.choice(list(DIGITS))), _place(size, rng)
    text = "#"
    extra = []
    if rng.random() < 0.25:
        # Corrected: struck out on the left, smaller, the right digit beside it.
        x, y, height = place
        height *= 0.7
        place = (x - 0.22 * size[0], y, height)
        right = str(rng.choice(list(DIGITS)))
        extra = [cover_of(written(hand, right, (x + 0.26 * size[0], y, height), rng), box, scan.dpi)]
        text = "#" + right
    cover = cover_of(written(hand, digit, place, rng), box, scan.dpi)
    # One slanted stroke makes a computer's 0, a level one a European 7 or an open 4: they need more to be struck out.
    shapes = ["cross", "double", "zigzag", "scribble"]
    shapes += [] if digit in "0147" else ["single"]
    shapes += [] if digit in "47" else ["level"]
    width = rng.uniform(0.3, 0.7)
    strokes = [
        stroke_cover(points, width, box, scan.dpi) for points in line_points(str(rng.choice(shapes)), place, size, rng)
    ]
    crop = draw_box(size, together([cover, *strokes, *extra]), scan, bool(rng.random() < 0.6), rng)
    return replace(_as_composed(loosely(crop, rng, [cover, *extra]), "other" if extra else "cancelled"), text=text)


def _dash(pool: Pool, rng: np.random.Generator) -> Composed:
    scan, size = draw_scan(rng), _box_size(rng) if rng.random() < 0.5 else CELL_MM
    box, (x, y, _) = canvas_box(size), _place(size, rng)
    length = rng.uniform(1.6, 5.5)
    if rng.random() < 0.4 and pool.dashes:
        ink = pool.dashes[int(rng.integers(len(pool.dashes)))]
        height = max(length * ink.shape[0] / ink.shape[1], 0.5)
        cover = cover_of(Written(ink, x, y, height, 0.0, rng.normal(0, 3)), box, scan.dpi)
    else:
        cover = stroke_cover(draw_stroke("dash", (x, y, length), rng), rng.uniform(0.3, 0.9), box, scan.dpi)
    return _as_composed(loosely(draw_box(size, cover, scan, bool(rng.random() < 0.6), rng), rng, [cover]), "-")


def _blank(pool: Pool, rng: np.random.Generator) -> Composed:
    """Return a box that nobody wrote in, its outline taken a little off its place, so that rules remain."""
    if len(pool.blanks) and rng.random() < 0.4:
        picture = pool.blanks[int(rng.integers(len(pool.blanks)))]
        return _as_composed(crop_of_picture(picture), "blank")
    scan, size = draw_scan(rng), CELL_MM if rng.random() < 0.5 else _box_size(rng)
    px = canvas_box(size)
    shape = (round((size[1] + 2 * px.y) * scan.dpi / 25.4), round((size[0] + 2 * px.x) * scan.dpi / 25.4))
    covers = [np.zeros(shape, np.float32), *_from_above(pick_hand(pool, rng), size, scan.dpi, rng)]
    crop = draw_box(size, together(covers), scan, bool(rng.random() < 0.6), rng)
    if rng.random() < 0.5:
        return _as_composed(loosely(crop, rng), "blank")
    off = rng.normal(0, 0.7, 4) * crop.px_per_mm
    outline = crop.outline
    moved = Rect(outline.x + off[0], outline.y + off[1], outline.width + off[2], outline.height + off[3])
    return _as_composed(replace(crop, outline=moved), "blank")


def _number(pool: Pool, rng: np.random.Generator) -> Composed:
    return number_cell(pick_hand(pool, rng), pool, rng)


MAKERS: dict[str, Callable[[Pool, np.random.Generator], Composed]] = {
    "digit": _digit,
    "number": _number,
    "plain": _plain,
    "strange": _strange,
    "struck": _struck,
    "dash": _dash,
    "blank": _blank,
}
