"""The shipped samples, read with the shipped model: what is accepted is right, two in ten are flagged at most."""

import csv
from decimal import Decimal
from pathlib import Path

from benchmarks.accuracy import score
from flows.key_files import load_key
from flows.roster import load_roster
from recognizer.classifier import load_model
from recognizer.template import find_template, shipped_templates

SAMPLES = Path(__file__).parent.parent / "sample_sheets"

LOOKS_LIKE_ANOTHER = {("booklet-200dpi-1-bit-001.pdf", 3, "number_25")}
"""Fields in which a digit shows what its label does not say, to people as well: a 5 that is closed like a 6."""

LARGEST_BYTES = 9_000_000
"""Everybody who gets the project downloads the samples."""


def table(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_samples_are_read_rightly_or_flagged() -> None:
    result = score(1, SAMPLES, load_model())
    assert (result.pages, result.unread_pages) == (51, 0)
    assert result.fields == 1046
    assert {(one.file, one.page, one.field) for one in result.wrong} <= LOOKS_LIKE_ANOTHER
    assert result.flagged <= 0.2 * result.fields


def test_the_samples_tell_a_story_and_their_tables_agree() -> None:
    roster = {candidate.id for candidate in load_roster(SAMPLES / "roster.csv")}
    written = {(row["file"], row["page"], row["field"]): row["value"] for row in table("truth.csv")}
    sheets = {place: value for place, value in written.items() if place[2] == "candidate"}
    cases = table("cases.csv")
    assert sorted(case["case"] for case in cases) == [
        "doubled",
        *["mis-added"] * 2,
        *["missing"] * 2,
        "off roster",
    ]
    on_sheets = set(sheets.values())
    assert on_sheets - roster == {case["id"] for case in cases if case["case"] == "off roster"}
    assert roster - on_sheets == {case["id"] for case in cases if case["case"] == "missing"}
    covers = [value for (file, _, _), value in sheets.items() if file.startswith("cover_marks")]
    assert {each for each in covers if covers.count(each) > 1} == {
        case["id"] for case in cases if case["case"] == "doubled"
    }
    totals = {place: value for place, value in written.items() if place[2] == "total"}
    unlike_the_sum = {
        place[:2]
        for place, total in totals.items()
        if Decimal(total) != sum(Decimal(mark) for mark in marks_of(written, place) if mark not in ("", "-"))
    }
    assert unlike_the_sum == {(case["file"], case["page"]) for case in cases if case["case"] == "mis-added"}


def marks_of(written: dict[tuple[str, str, str], str], place: tuple[str, str, str]) -> list[str]:
    return [value for at, value in written.items() if at[:2] == place[:2] and at[2].startswith("mark_")]


def test_the_samples_have_a_key_for_every_template() -> None:
    key = load_key(SAMPLES / "key.toml", [find_template(name) for name in shipped_templates()])
    assert {paper.template: (len(paper.questions), bool(paper.grades)) for paper in key.papers} == {
        "booklet": (8, True),
        "choice_answers": (40, True),
        "cover_marks": (12, True),
        "numeric_answers": (20, True),
    }


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir() if path.is_file()) < LARGEST_BYTES
