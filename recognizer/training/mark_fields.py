"""Whole choice fields with their truth, which no network learned from: what the promise is derived from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.choices import mark_readings
from recognizer.classifier import ReadingModel
from recognizer.decode import decode_choice
from recognizer.marks_view import mark_view
from recognizer.template import Kind, Role, SheetField
from recognizer.training.mark_boxes import compose_box, draw_look, draw_mark_scan, draw_pen, sheet_crop
from recognizer.training.train_marks import as_views
from recognizer.values import BLANK, format_options

FIELDS = 12_000
"""Composed fields; about four boxes each."""

PALEST_PEN = 0.25
"""Darkness, 0 paper to 1 black, of the palest pen that calibrates. The network learns from paler ones too. But what
these leave and what an eraser leaves nobody can tell apart: the promise does not speak of them."""

FIRST_SEED = 1000
"""Added to the seed, so that no field looks like a box that was learned from."""

STORIES: Mapping[str, float] = MappingProxyType(
    {"one": 0.82, "none": 0.08, "two": 0.04, "corrected": 0.04, "taken back": 0.02}
)
"""What happened in a field: one option marked, none, two, one cancelled and another marked, one cancelled."""

UNMARKED: Mapping[str, float] = MappingProxyType({"bare": 0.83, "specks": 0.04, "ghost": 0.03, "neighbour": 0.10})
"""What the boxes look like that nobody marked; kinds as in `mark_boxes.KIND_SHARES`."""


@dataclass(frozen=True, slots=True)
class ComposedField:
    """One field: the views of its boxes, (N, 32, 32) uint8, 0 paper to 255 ink, and the options that are marked."""

    views: NDArray[np.uint8]
    marked: tuple[int, ...]


def choice_fields(seed: int, workers: int = 1, count: int = FIELDS) -> list[ComposedField]:
    """Return composed fields.

    The real bubbles at hand measure (`measure.py`), but do not calibrate: some were cut where no bubble is, which no
    crop of a sheet is.
    """
    return compose_fields(count, FIRST_SEED + seed, workers)


def judged(fields: Sequence[ComposedField], model: ReadingModel) -> Iterator[tuple[float, bool | None]]:
    """Yield score of every field and whether its value is wrong, None where trouble keeps it from acceptance."""
    readings = mark_readings(model.marks(as_views(np.concatenate([field.views for field in fields]))))
    start = 0
    for composed in fields:
        field = field_of(len(composed.views))
        marks = readings[start : start + len(composed.views)]
        start += len(composed.views)
        decoded = decode_choice(field, field.boxes(1), marks)
        if decoded.trouble is not None:
            yield 0.0, None
        else:
            truth = format_options(field.options[index] for index in composed.marked) or BLANK
            yield decoded.values[0].probability, decoded.values[0].value != truth


def compose_fields(count: int, seed: int, workers: int = 1) -> list[ComposedField]:
    """Return composed fields; the same for the same seed whatever `workers` is."""
    chunk = 200
    jobs = [(seed, index, min(chunk, count - index * chunk)) for index in range(-(-count // chunk))]
    if workers == 1:
        return [field for job in jobs for field in _composed(job)]
    with get_context("fork").Pool(workers) as processes:
        return [field for part in processes.map(_composed, jobs, chunksize=1) for field in part]


def field_of(options: int, bubble: bool = True) -> SheetField:
    """Return a field of so many options: A, B, C and so on."""
    return SheetField(
        name="q",
        kind=Kind.CHOICE,
        role=Role.ANSWER,
        question="1",
        x=20,
        y=40,
        width=5,
        height=5,
        pitch=8 if options > 1 else None,
        shape="bubble" if bubble else "box",
        options=tuple("ABCDEFGH"[:options]),
    )


def _composed(job: tuple[int, int, int]) -> list[ComposedField]:
    seed, index, count = job
    rng = np.random.default_rng([seed, index])
    cv2.setNumThreads(1)
    return [_field(rng) for _ in range(count)]


def _field(rng: np.random.Generator) -> ComposedField:
    """Return one field: all its boxes printed alike, marked by one hand, scanned in one go."""
    look, pen, scan = draw_look(rng), draw_pen(rng), draw_mark_scan(rng)
    pen = replace(pen, darkness=max(pen.darkness, PALEST_PEN))
    if scan.threshold is not None:
        # A scanner set to black and white is set so that the page's pens can be seen.
        pen = replace(pen, darkness=max(pen.darkness, 0.5))
    options = int(rng.integers(2, 7))
    story = str(rng.choice(list(STORIES), p=list(STORIES.values())))
    first, second = rng.permutation(options)[:2]
    kinds = [str(kind) for kind in rng.choice(list(UNMARKED), options, p=list(UNMARKED.values()))]
    if scan.threshold is not None:
        kinds = ["bare" if kind == "ghost" else kind for kind in kinds]
    if story in {"one", "two", "corrected"}:
        kinds[first] = "mark"
    if story == "two":
        kinds[second] = "mark"
    if story in {"corrected", "taken back"}:
        kinds[second] = "cancelled"
    boxes = [compose_box(kind, look, pen, scan, rng, letter) for kind, letter in zip(kinds, "ABCDEFGH", strict=False)]
    views = [np.round(mark_view(sheet_crop(pixels, look, scan, rng)) * 255) for pixels in boxes]
    return ComposedField(
        np.stack(views).astype(np.uint8), tuple(index for index, kind in enumerate(kinds) if kind == "mark")
    )
