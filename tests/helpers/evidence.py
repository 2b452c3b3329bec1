"""Class probabilities as a test would say them: mostly one class, with a rival."""

from recognizer.records import CLASSES


def sure(name: str, probability: float = 0.999, rival: str | None = None) -> list[float]:
    """A row of `CLASSES` with `probability` on one class and the rest on a rival (spread evenly without one)."""
    rest = 1.0 - probability
    row = [0.0 if rival else rest / (len(CLASSES) - 1)] * len(CLASSES)
    if rival:
        row[CLASSES.index(rival)] = rest
    row[CLASSES.index(name)] = probability
    return row
