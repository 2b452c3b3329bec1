"""Labelled glyphs to train and validate on: boxes and cells are composed, scanned, and cut by the product's own code.

What a glyph shows is known because every stroke is drawn on a layer of its own: a group of ink pieces that covers
exactly one character's layers is that character; a group that covers more, or half of one, is `other`. So the network
learns to refuse just those groupings that `segment_number` offers wrongly.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.digits import isolate_digit, pieces_in_order, segment_ink
from recognizer.geometry import Rect
from recognizer.ink import find_ink
from recognizer.records import CLASSES, BoxCrop, GlyphImage, GlyphStack
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
from recognizer.training.layouts import Layer, draw_number, draw_stroke, line_points
from recognizer.training.pools import DIGITS, Hand, Pool

Sample = tuple[GlyphImage, str]

COMB_BOX_MM = (7.0, 9.0)
CELL_MM = (18.0, 11.0)

KINDS: dict[str, float] = {"digit": 0.56, "number": 0.30, "cell": 0.03, "strange": 0.04, "struck": 0.05, "dash": 0.02}
"""Shares of what is composed. A number gives several glyphs."""

OTHERS_A_CELL = 2
"""Wrong groupings kept of one number, of the dozen there are."""

MOSTLY = 0.45
"""Share of a stroke's drawn ink that must be found again, or nobody knows what the pieces show."""

FULL, TOUCHED = 0.88, 0.12
"""Share of a layer's ink from which a group of pieces shows it all, or below which it shows nothing of it."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Glyphs (N, 28, 28) uint8, 0 paper to 255 ink, and their classes (N,), indices into `CLASSES`."""

    x: NDArray[np.uint8]
    y: NDArray[np.int64]

    @property
    def glyphs(self) -> GlyphStack:
        """The pictures as the classifier takes them."""
        return self.x.astype(np.float32) / np.float32(255)


def compose(
    pool: Pool, count: int, seed: int, workers: int = 1, kinds: Mapping[str, float] = MappingProxyType(KINDS)
) -> Samples:
    """Return the glyphs cut from `count` composed boxes; the same for the same seed whatever `workers` is.

    Args:
        pool: the ink.
        count: how many boxes.
        seed: of everything drawn.
        workers: processes that draw.
        kinds: what to draw and how often, names as in `KINDS`.
    """
    chunk = 1000
    jobs = [(seed, index, min(chunk, count - index * chunk)) for index in range(-(-count // chunk))]
    if workers == 1:
        parts = [_run(pool, kinds, job) for job in jobs]
    else:
        with get_context("fork").Pool(workers) as processes:
            parts = processes.map(partial(_run, pool, dict(kinds)), jobs, chunksize=1)
    found = [sample for part in parts for sample in part]
    images = np.stack([image for image, _ in found]) if found else np.zeros((0, 28, 28), np.uint8)
    return Samples(images, np.array([CLASSES.index(label) for _, label in found], np.int64))


def _run(pool: Pool, kinds: Mapping[str, float], job: tuple[int, int, int]) -> list[tuple[NDArray[np.uint8], str]]:
    seed, index, count = job
    rng = np.random.default_rng([seed, index])
    cv2.setNumThreads(1)
    found = []
    for kind in rng.choice(list(kinds), count, p=list(kinds.values())):
        found += [(np.round(image * 255).astype(np.uint8), label) for image, label in _MAKERS[str(kind)](pool, rng)]
    return found


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
    threshold = rng.uniform(0.3, 0.6)
    if hand.name == "printed":
        return Written(ink, *place)
    return Written(
        ink, *place, rng.normal(0, 0.13), rng.normal(0, 3.5), float(np.exp(rng.normal(0, 0.09))), float(threshold)
    )


def _isolated(crop: BoxCrop, label: str) -> Iterator[Sample]:
    glyph = isolate_digit(crop).glyph
    if glyph is not None:
        yield glyph.image, label


def _box_size(rng: np.random.Generator) -> tuple[float, float]:
    return COMB_BOX_MM if rng.random() < 0.7 else (float(rng.uniform(6, 14)), float(rng.uniform(8, 11)))


def _place(size: tuple[float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    """Return centre and height of a digit in a box: mostly inside, now and then over the rule."""
    height = float(np.clip(rng.normal(0.62, 0.13), 0.3, 1.0)) * size[1]
    room = max(size[1] - height, 0.0) / 2
    x = size[0] / 2 + rng.normal(0, 0.09) * size[0]
    return float(x), float(size[1] / 2 + np.clip(rng.normal(0, 0.45), -1.1, 1.1) * room), height


def _digit(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    scan, size, hand = draw_scan(rng), _box_size(rng), pick_hand(pool, rng)
    box, digit = canvas_box(size), str(rng.choice(list(DIGITS)))
    covers = [cover_of(written(hand, digit, _place(size, rng), rng), box, scan.dpi)]
    comb = bool(rng.random() < 0.6)
    if comb and rng.random() < 0.7:
        covers += [_neighbour(hand, size, side, scan.dpi, rng) for side in (-1, 1)]
    return _isolated(draw_box(size, together(covers), scan, comb, rng), digit)


def _neighbour(hand: Hand, size: tuple[float, float], side: int, dpi: int, rng: np.random.Generator) -> Cover:
    """Return the next box's digit; little of it shows."""
    x, y, height = _place(size, rng)
    # At least a millimetre off this box's digit: touching neighbours are a thing for people.
    x += side * (size[0] + 0.4)
    return cover_of(written(hand, str(rng.choice(list(DIGITS))), (x, y, height), rng), canvas_box(size), dpi)


def _cell(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield a photographed cell as it is, rules at its edges, at a slightly different size each time."""
    picture, label = pool.cells[int(rng.integers(len(pool.cells)))]
    side = int(rng.integers(64, 84))
    pixels = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    crop = BoxCrop("training", 1, pixels, 8.0, Rect(1, 1, side - 2, side - 2))
    return _isolated(crop, "other" if label == "candidates" else label)


def _strange(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield letters and signs, two digits in one box, ticks and scribbles."""
    scan, size = draw_scan(rng), _box_size(rng)
    box, kind = canvas_box(size), rng.random()
    if kind < 0.35:
        ink = pool.strange[int(rng.integers(len(pool.strange)))]
        covers = [cover_of(Written(ink, *_place(size, rng), rng.normal(0, 0.1), rng.normal(0, 4)), box, scan.dpi)]
    elif kind < 0.65:
        hand, (x, y, height) = pick_hand(pool, rng), _place(size, rng)
        apart = rng.uniform(0.16, 0.34) * size[0]
        height *= rng.uniform(0.6, 0.9)
        covers = [
            cover_of(written(hand, str(rng.choice(list(DIGITS))), (at, y, height), rng), box, scan.dpi)
            for at in (x - apart, x + apart)
        ]
    else:
        shape = "tick" if kind < 0.75 else "scribble"
        covers = [stroke_cover(draw_stroke(shape, _place(size, rng), rng), rng.uniform(0.3, 0.8), box, scan.dpi)]
    return _isolated(draw_box(size, together(covers), scan, bool(rng.random() < 0.6), rng), "other")


def _struck(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield a digit under strokes, a zigzag or a scribble."""
    scan, size, hand = draw_scan(rng), _box_size(rng), pick_hand(pool, rng)
    box, digit, place = canvas_box(size), str(rng.choice(list(DIGITS))), _place(size, rng)
    cover = cover_of(written(hand, digit, place, rng), box, scan.dpi)
    # One level stroke makes a European 7, one slanted stroke a computer's 0: they need more to be struck out.
    shapes = ["cross", "double", "zigzag", "scribble"] + ([] if digit in "017" else ["single"])
    width = rng.uniform(0.3, 0.7)
    strokes = [
        stroke_cover(points, width, box, scan.dpi) for points in line_points(str(rng.choice(shapes)), place, size, rng)
    ]
    return _isolated(draw_box(size, together([cover, *strokes]), scan, bool(rng.random() < 0.6), rng), "other")


def _dash(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    scan, size = draw_scan(rng), _box_size(rng) if rng.random() < 0.5 else CELL_MM
    box, (x, y, _) = canvas_box(size), _place(size, rng)
    length = rng.uniform(1.6, 5.5)
    if rng.random() < 0.4:
        ink = pool.dashes[int(rng.integers(len(pool.dashes)))]
        height = max(length * ink.shape[0] / ink.shape[1], 0.5)
        cover = cover_of(Written(ink, x, y, height, 0.0, rng.normal(0, 3)), box, scan.dpi)
    else:
        cover = stroke_cover(draw_stroke("dash", (x, y, length), rng), rng.uniform(0.3, 0.9), box, scan.dpi)
    return _isolated(draw_box(size, cover, scan, bool(rng.random() < 0.6), rng), "-")


def _number(pool: Pool, rng: np.random.Generator) -> Iterator[Sample]:
    """Yield the groups of ink pieces that `segment_number` offers for a number, each with what it shows."""
    scan, hand = draw_scan(rng), pick_hand(pool, rng)
    size = CELL_MM if rng.random() < 0.7 else (float(rng.uniform(14, 24)), float(rng.uniform(8, 13)))
    layers = draw_number(size, partial(written, hand, rng=rng), scan.dpi, rng)
    crop = draw_box(size, together([layer.cover for layer in layers]), scan, bool(rng.random() < 0.5), rng)
    ink = find_ink(crop)
    number = segment_ink(ink)
    if not 0 < number.number_of_pieces <= 10:
        return
    shares, all_found = _shares(layers, ink.labels, pieces_in_order(ink))
    if not all_found:
        return
    others = 0
    for index in rng.permutation(len(number.segments)):
        segment = number.segments[index]
        label = _label_of(
            layers,
            shares[segment.start : segment.stop].sum(axis=0),
            segment.glyph.bounds,
            segment.stop - segment.start == 1,
        )
        if label is None or (label == "other" and others >= OTHERS_A_CELL):
            continue
        others += label == "other"
        yield segment.glyph.image, label


def _shares(
    layers: tuple[Layer, ...], labels: NDArray[np.int32], groups: list[list[int]]
) -> tuple[NDArray[np.float64], bool]:
    """Return what share of each layer's found ink lies in each piece, (pieces, layers), and whether most was found."""
    height, width = labels.shape
    flat = labels.ravel()
    masses, all_found = [], True
    for layer in layers:
        cover = cv2.resize(layer.cover, (width, height), interpolation=cv2.INTER_AREA).ravel()
        mass = np.bincount(flat, weights=cover, minlength=int(flat.max()) + 1)
        masses.append([mass[group].sum() for group in groups])
        # Thin pale strokes lose their soft edges, but more than half of the ink stays.
        all_found &= bool(sum(masses[-1]) >= MOSTLY * mass.sum())
    table = np.array(masses).T
    return table / np.maximum(table.sum(axis=0), 1e-6), all_found


def _label_of(layers: tuple[Layer, ...], share: NDArray[np.float64], bounds: Rect, single: bool) -> str | None:
    """Return the class of a group that holds these shares of the layers; None when even a person could not say."""
    shown = [layer for layer, part in zip(layers, share, strict=True) if part > TOUCHED]
    whole = all(part >= FULL for part in share if part > TOUCHED)
    if len(shown) == 1 and whole:
        return shown[0].label
    if len(shown) == 1:
        # Half of a 4 may be a perfect 1, the flag of a 5 a perfect dash.
        aspect = bounds.width / max(bounds.height, 1.0)
        return "other" if share.max() < 0.7 and 0.5 < aspect < 1.8 else None
    groups = {layer.group for layer in shown}
    if len(groups) == 1 and len(shown) == sum(layer.group == shown[0].group for layer in layers):
        return "½" if whole else None
    if single and any(layer.is_point for layer in shown):
        # A point that runs into a digit may not be seen at all.
        return None
    return "other" if shown else None


_MAKERS: dict[str, Callable[[Pool, np.random.Generator], Iterator[Sample]]] = {
    "digit": _digit,
    "number": _number,
    "cell": _cell,
    "strange": _strange,
    "struck": _struck,
    "dash": _dash,
}
