"""The shipped samples, read with the shipped model: what is accepted is right, two in ten are flagged at most."""

from pathlib import Path

from benchmarks.accuracy import score
from recognizer.classifier import load_model

SAMPLES = Path(__file__).parent.parent / "sample_sheets"

LOOKS_LIKE_ANOTHER = {("booklet-200dpi-1-bit-001.pdf", 3, "number_25")}
"""Fields in which a digit shows what its label does not say, to people as well: a 5 that is closed like a 6."""


def test_samples_are_read_rightly_or_flagged() -> None:
    result = score(1, SAMPLES, load_model())
    assert (result.pages, result.unread_pages) == (39, 0)
    assert result.fields == 878
    assert {(one.file, one.page, one.field) for one in result.wrong} <= LOOKS_LIKE_ANOTHER
    assert result.flagged <= 0.2 * result.fields
