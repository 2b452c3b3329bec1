"""The model measured on whole fields: simulated sheets written by validation writers, read end to end.

Figures on single glyphs say little about fields: an id has eight, and a cell is read by rival groupings. The sheets are
synthetic, their digits real, their writers in no training set. Nothing is fitted here.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from recognizer.classifier import CharacterModel
from recognizer.glyphs import GlyphSet, glyph_set
from recognizer.judge import ReviewPolicy
from recognizer.raster import open_scan
from recognizer.reading import read_page
from recognizer.records import Flag, PageRef, PageResult
from recognizer.scanfile import images_to_pdf
from recognizer.simulate import Effects, Mode, Simulation, simulate
from recognizer.template import Kind, SheetSet, find_template
from recognizer.training.pools import mnist_without_reserved, validation_writers

STACKS = (
    ("numeric_answers", 60, 200, Mode.GREY),
    ("numeric_answers", 60, 300, Mode.ONE_BIT),
    ("cover_marks", 60, 300, Mode.GREY),
    ("cover_marks", 60, 200, Mode.ONE_BIT),
)
"""Template, sheets, resolution and mode."""


@dataclass(frozen=True, slots=True)
class ReadField:
    """A field of which a value was read: how sure, and whether rightly."""

    confidence: float
    right: bool


def validation_hands(data: Path, seed: int) -> GlyphSet:
    """Return the digits of MNIST's validation writers, to write sheets with."""
    mnist = mnist_without_reserved(data)
    held = np.isin(mnist.writer, validation_writers(mnist.writer, seed))
    labels = [str(label) for label in mnist.label[held]]
    writers = [str(writer) for writer in mnist.writer[held]]
    return glyph_set(mnist.x[held], labels, writers, "MNIST's validation writers")


def read_sheets(model: CharacterModel, hands: GlyphSet, seed: int) -> tuple[int, list[ReadField]]:
    """Return how many digit fields the sheets have, and those of which a value was read without trouble."""
    total, read = 0, []
    for name, sheets, dpi, mode in STACKS:
        simulation = Simulation(find_template(name), sheets, seed, dpi, Effects.OFFICE, mode)
        for field in _fields(simulation, hands, model):
            total += 1
            if field is not None:
                read.append(field)
    return total, read


def measure_fields(model: CharacterModel, data: Path, seed: int) -> dict[str, int]:
    """Return how many digit fields such sheets have, how many the model's threshold accepts, and how many wrongly."""
    total, read = read_sheets(model, validation_hands(data, seed), seed)
    accepted = [field for field in read if field.confidence >= model.card.accept_confidence]
    return {"total": total, "accepted": len(accepted), "wrong": sum(not field.right for field in accepted)}


def _fields(simulation: Simulation, hands: GlyphSet, model: CharacterModel) -> Iterator[ReadField | None]:
    """Yield every field of digits, None where nothing could be accepted at any threshold."""
    sheets = SheetSet(simulation.exam, (simulation.template,))
    policy = ReviewPolicy(accept_confidence=0.0, flag_blank_marks=False)
    with TemporaryDirectory() as folder:
        for sheet in simulate(simulation, hands):
            pdf = io.BytesIO()
            images_to_pdf([page.picture for page in sheet.pages], pdf)
            path = Path(folder) / "sheet.pdf"
            path.write_bytes(pdf.getvalue())
            with open_scan(path) as scan:
                for page in sheet.pages:
                    outcome = read_page(scan.load(PageRef("0" * 64, page.number)), sheets, model, policy)
                    fields = simulation.template.pages[page.number - 1].fields
                    digits = {field.name for field in fields if field.kind in (Kind.DIGITS, Kind.NUMBER)}
                    if not isinstance(outcome, PageResult):
                        yield from (None for _ in digits)
                        continue
                    for decision in outcome.decisions:
                        if decision.field in digits:
                            trouble = decision.flag not in (None, Flag.BLANK_ID)
                            right = decision.guess == page.values[decision.field]
                            yield None if trouble else ReadField(decision.confidence, right)
