"""A model that tells a 1 from a 7 by how wide its ink is, and a marked box from an empty one by how dark it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import ModelCard
from recognizer.records import CLASSES, MARKS, SYMBOLS

STEPS = 20
NARROW = 0.35
"""Width by height of ink: a 1 stays below, a 7 lies above."""


def calibration(accepted: int = 4000, wrong: int = 0, score: float = 0.9) -> dict[str, Any]:
    """Return a card's calibration, one point for each kind of field."""
    entry = {"fields": accepted, "writers": 20, "made_of": "tests", "curve": [[score, accepted, wrong]]}
    return {kind: dict(entry) for kind in ("digits", "number", "choice")}


class WidthModel:
    """Says 1 or 7, marked or empty, with the confidence it is given."""

    def __init__(self, confidence: float = 0.999) -> None:
        self._confidence = confidence
        self.name = "width"
        self.card = ModelCard("width", {}, {"calibration": calibration()})

    def probabilities(self, glyphs: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._rows(len(CLASSES), [CLASSES.index(_digit(glyph[..., 0])) for glyph in glyphs])

    def sequences(self, strips: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.zeros((len(strips), STEPS, 1 + len(SYMBOLS)), np.float32)
        found[..., 0] = 1.0
        for steps, strip in zip(found, strips, strict=True):
            steps[STEPS // 2] = self._rows(1 + len(SYMBOLS), [1 + SYMBOLS.index(_digit(strip[..., 0]))])[0]
        return found

    def marks(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        middle = boxes[:, 10:22, 10:22]
        return self._rows(len(MARKS), [int(box.mean() > 0.3) for box in middle])

    def _rows(self, classes: int, best: list[int]) -> NDArray[np.float32]:
        rows = np.full((len(best), classes), (1 - self._confidence) / (classes - 1), np.float32)
        rows[np.arange(len(best)), best] = self._confidence
        return rows


def _digit(ink: NDArray[np.float32]) -> str:
    rows, columns = np.flatnonzero((ink > 0.3).any(axis=1)), np.flatnonzero((ink > 0.3).any(axis=0))
    return "1" if np.ptp(columns) < NARROW * np.ptp(rows) else "7"
