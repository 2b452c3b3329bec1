"""The story of the samples, read with the shipped model: each case appears where an office would look."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flows.cli import run
from flows.grading import Workplace, grade_inbox, here
from flows.settings import load_exam
from flows.store import open_store
from recognizer.classifier import load_model
from recognizer.judge import Decision, ReviewPolicy
from recognizer.promise import ACCEPT_ERROR, policy_thresholds
from recognizer.raster import Renderer, open_scan
from recognizer.reading import read_page
from recognizer.records import PageFailure, PageRef, ValueState
from recognizer.template import SheetSet, find_template
from tests.helpers.reading_here import ReadingHere

SAMPLES = Path(__file__).parent.parent.parent / "sample_sheets"
STORY = "cover_marks-300dpi-1-bit-001.pdf"

Row = dict[str, Any]


def table(name: str) -> list[dict[str, str]]:
    with (SAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_roster_of_the_story(path: Path) -> None:
    """Write the candidates who are missing or hand in sheets of the story: one scan is read, not nine."""
    written = [row for row in table("truth.csv") if row["field"] == "candidate"]
    elsewhere = {row["value"] for row in written if row["file"] != STORY}
    rows = [row for row in table("roster.csv") if row["id"] not in elsewhere]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grade the scan of the story and export the exam, as `make demo` does."""
    place = tmp_path_factory.mktemp("story")
    folder = place / "demo"
    write_roster_of_the_story(place / "roster.csv")
    key = place / "key.toml"
    # The key of the samples speaks of four templates, this exam of one.
    papers = (SAMPLES / "key.toml").read_text(encoding="utf-8").split("[[paper]]\n")
    key.write_text("[[paper]]\n".join(papers[:2]), encoding="utf-8")
    asked = ["--exam", "demo", "--template", "cover_marks", "--roster", str(place / "roster.csv"), "--key", str(key)]
    assert run(["init", str(folder), *asked]) == 0
    shutil.copyfile(SAMPLES / STORY, folder / "inbox" / STORY)
    exam, model = load_exam(folder), load_model()
    with open_store(folder) as store, store.grading():
        reader = ReadingHere(exam, model, policy_thresholds(model.card.details, ACCEPT_ERROR))
        grade_inbox(Workplace(exam, store, reader, here(reader)))
    assert run(["export", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def book(demo: Path) -> dict[str, list[Row]]:
    """Return the rows of the worksheets that an office looks at, by heading."""
    workbook = load_workbook(demo / "exports" / "marks.xlsx", read_only=True)
    return {name: list(rows_of(workbook[name])) for name in ("Candidates", "Marks", "Flags")}


def rows_of(sheet: Any) -> Iterator[Row]:
    header, *rows = sheet.iter_rows(values_only=True)
    headings = [" ".join(str(cell or "").split()) for cell in header]
    yield from (dict(zip(headings, row, strict=False)) for row in rows)


@pytest.fixture
def lines(demo: Path, capsys: pytest.CaptureFixture[str]) -> list[Row]:
    capsys.readouterr()
    assert run(["candidates", str(demo), "--json"]) == 0
    found: list[Row] = json.loads(capsys.readouterr().out)["lines"]
    return found


def cases(kind: str) -> list[dict[str, str]]:
    found = [case for case in table("cases.csv") if case["case"] == kind]
    assert found
    return found


def only(rows: list[Row], **wanted: object) -> Row:
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def sheet_of(rows: list[Row], page: str) -> str:
    return str(only([row for row in rows if row["file"] == STORY], page=int(page))["sheet"])


def test_who_handed_in_nothing_is_missing(book: dict[str, list[Row]], lines: list[Row]) -> None:
    absent = [case["id"] for case in cases("missing")]
    assert [line["id"] for line in lines if line["kind"] == "missing"] == absent
    assert [row["id"] for row in book["Candidates"] if row["status"] == "missing"] == absent
    named = {row["id"]: row for row in table("roster.csv")}
    for number in absent:
        row = only(book["Candidates"], id=number)
        expected = named[number]
        assert (row["name"], row["group"], row["room (roster)"]) == (
            expected["name"],
            expected["group"],
            expected["room"],
        )
        assert row["total"] is None


def test_two_sheets_of_one_candidate_are_named_together(book: dict[str, list[Row]], lines: list[Row]) -> None:
    (case,) = cases("doubled")
    written = [row for row in table("truth.csv") if row["file"] == STORY and row["field"] == "candidate"]
    sheets = {sheet_of(book["Marks"], row["page"]) for row in written if row["value"] == case["id"]}
    assert len(sheets) == 2
    (line,) = [line for line in lines if line["kind"] == "doubled"]
    assert (line["id"], set(line["sheets"])) == (case["id"], sheets)
    row = only(book["Candidates"], id=case["id"])
    assert (row["status"], set(row["sheets"].split("\n"))) == ("doubled", sheets)
    for sheet in sheets:
        (other,) = sheets - {sheet}
        assert other in only(book["Flags"], sheet=sheet, field="candidate")["why"]
        assert other in only(book["Marks"], sheet=sheet)["remarks"]


def test_a_sheet_of_nobody_on_the_roster_is_named_with_its_number(book: dict[str, list[Row]], lines: list[Row]) -> None:
    (case,) = cases("off roster")
    sheet = sheet_of(book["Marks"], case["page"])
    (line,) = [line for line in lines if line["kind"] == "off-roster"]
    assert (line["id"], line["sheets"], line["on_roster"]) == (case["id"], [sheet], False)
    row = only(book["Candidates"], id=case["id"])
    assert (row["status"], row["sheets"]) == ("not on the roster", sheet)
    assert "not on the roster" in only(book["Flags"], sheet=sheet, field="candidate")["why"]


def test_a_wrong_sum_is_a_flag_beside_its_total_and_a_remark_of_its_sheet(book: dict[str, list[Row]]) -> None:
    written = {(row["page"], row["field"]): row["value"] for row in table("truth.csv") if row["file"] == STORY}
    for case in cases("mis-added"):
        sheet = sheet_of(book["Marks"], case["page"])
        flag = only(book["Flags"], sheet=sheet, field="total")
        assert flag["status"] == "open"
        assert flag["guess"] == written[case["page"], "total"], "what the examiner wrote stays"
        marks = only(book["Marks"], sheet=sheet)
        told = case["detail"].removeprefix("the sum is ").partition(":")[0]
        left_out = case["detail"].partition("a mark of ")[2].partition(" ")[0]
        expected = f"left out Q4 ({left_out})" if left_out else f"the marks add up to {told}"
        assert expected in flag["why"]
        assert expected in marks["remarks"]
        opened = [row["field"] for row in book["Flags"] if (row["sheet"], row["status"]) == (sheet, "open")]
        waiting = any(field.startswith("mark_") for field in opened)
        assert marks["points by key"] == (None if waiting else float(told)), "nothing is added up over what is open"


def test_only_sheets_with_a_wrong_sum_are_said_to_have_one(book: dict[str, list[Row]]) -> None:
    wrong = {sheet_of(book["Marks"], case["page"]) for case in cases("mis-added")}
    assert {row["sheet"] for row in book["Marks"] if "examiner" in (row["remarks"] or "")} == wrong


def test_the_total_decides_what_the_picture_alone_leaves_open(
    demo: Path, book: dict[str, list[Row]], capsys: pytest.CaptureFixture[str]
) -> None:
    page, field, value = 10, "mark_01", "7"
    alone = decided_alone(page)
    assert (alone[field].state, alone[field].guess) == (ValueState.UNSETTLED, value)
    assert alone[field].confidence < 0.7, "7 or 9: this one people would look at twice"
    assert run(["readings", str(demo), "--json"]) == 0
    read = [row for row in json.loads(capsys.readouterr().out) if (row["page"], row["field"]) == (page, field)]
    assert [(row["value"], row["settled_by"]) for row in read] == [(value, "sum")]
    (marks,) = (row for row in book["Marks"] if row["page"] == page)
    assert (marks["1 (max 10)"], marks["points by key"], marks["grade"]) == (7, 76, "C")
    assert marks["flags open"] == 0


def decided_alone(page: int) -> dict[str, Decision]:
    """Return what the pictures of one page's fields say, before anything is added up."""
    model = load_model()
    policy = ReviewPolicy(policy_thresholds(model.card.details, ACCEPT_ERROR))
    sheets = SheetSet("demo", (find_template("cover_marks"),))
    with open_scan(SAMPLES / STORY) as scan:
        read = read_page(scan.load(PageRef(STORY, page), Renderer.AUTO), sheets, model, policy)
    assert not isinstance(read, PageFailure)
    return {decision.field: decision for decision in read.decisions}


def test_nothing_that_counts_differs_from_what_is_written(book: dict[str, list[Row]]) -> None:
    written = {(row["page"], row["field"]): row["value"] for row in table("truth.csv") if row["file"] == STORY}
    settled = 0
    for row in book["Marks"]:
        for number in range(1, 13):
            value = row[f"{number} (max 10)"]
            if value is not None:
                settled += 1
                assert str(value) == written[str(row["page"]), f"mark_{number:02}"], (row["page"], number)
    assert settled > 110
