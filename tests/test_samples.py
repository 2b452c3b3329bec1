"""The shipped samples, read with the shipped model: nothing is wrong and accepted, three in ten are flagged at most."""

from pathlib import Path

from benchmarks.accuracy import score
from recognizer.classifier import load_model

SAMPLES = Path(__file__).parent.parent / "sample_sheets"


def test_samples_are_read_rightly_or_flagged() -> None:
    result = score(1, SAMPLES, load_model())
    assert (result.pages, result.unread_pages) == (39, 0)
    assert result.fields == 878
    assert result.wrong == ()
    assert result.flagged <= 0.3 * result.fields
