"""A small share of what `make fuzz` grades: damaged files cost themselves and nothing else."""

from pathlib import Path

import pytest

from flows.records import FileOutcome
from tests.fuzz import grade_damaged
from tests.helpers.pdf_mutations import PDF_MUTATIONS, malformed_pdf, malformed_picture
from tests.helpers.pdfs import scanned_pdf
from tests.helpers.skills import REAL_BUT_FOR_THE_MODEL

QUICK_PDFS = [*range(9), *range(10, 14), 39, 49, 59, 69, 79, 99, 109, 119, 129]
"""Every way of damaging a PDF once, and the bombs that are made quickly: forms in forms, tiny tiles, a million strokes,
circles, pages by the million."""


def test_damaged_files_are_read_or_quarantined_and_nothing_else_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary, place = tmp_path / "temporary", tmp_path / "place"
    temporary.mkdir()
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    found = grade_damaged(place, QUICK_PDFS, range(8), REAL_BUT_FOR_THE_MODEL)
    assert found.problems == []
    assert sum(found.files.values()) == len(QUICK_PDFS) + 8
    assert found.files[FileOutcome.QUARANTINED] >= 8 and found.files[FileOutcome.READ] >= 5
    assert found.pages["failed"] >= 1 and found.crashed == 0


def test_the_same_seed_damages_in_the_same_way() -> None:
    good = [scanned_pdf(1), scanned_pdf(2)]
    seeds = [seed for seed in range(29) if seed % 10 != 9]
    made = [malformed_pdf(seed, good) for seed in seeds]
    assert made == [malformed_pdf(seed, good) for seed in seeds]
    assert {name for name, _ in made} == set(PDF_MUTATIONS)
    assert all(data not in good for _, data in made)
    pictures = {"jpg": b"\xff\xd8" + bytes(range(256)) * 9}
    assert malformed_picture(3, pictures) == malformed_picture(3, pictures)
