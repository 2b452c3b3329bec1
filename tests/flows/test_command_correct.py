"""`tallymark correct`: from the workbook to the database and back into the next workbook."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flows.cli import run
from flows.export.corrections import Checked, check_filled
from flows.records import Correction
from flows.settings import DATABASE
from flows.store import open_store
from recognizer.records import ValueState
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import marks_fields, page_row

KEY = "9f2c41d07ab3-2-q2"


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    folder = exam_folder(tmp_path / "exam")
    assert run(["export", str(folder), "-o", str(tmp_path / "m.xlsx")]) == 0
    return folder


@pytest.fixture
def book(exam: Path, tmp_path: Path) -> Path:
    return tmp_path / "m.xlsx"


def fill(path: Path, typed: Mapping[str, Any]) -> None:
    workbook = load_workbook(path)
    for row in workbook["Flags"].iter_rows(min_row=2):
        if row[3].value in typed:
            row[10].value = typed[row[3].value]
    workbook.save(path)


def correct(exam: Path, book: Path, *more: str, reviewer: str = "A. Clerk") -> int:
    return run(["correct", str(exam), str(book), "--reviewer", reviewer, *more])


def corrections(exam: Path) -> tuple[Correction, ...]:
    with open_store(exam) as store:
        return store.corrections()


def test_a_filled_cell_becomes_a_correction_with_its_whole_story(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {"q2": "2½"})
    assert correct(exam, book) == 0
    assert "corrections: 1 stored" in capsys.readouterr().out
    (stored,) = corrections(exam)
    assert (stored.key, stored.state, stored.value, stored.was) == (KEY, ValueState.VALUE, "2.5", "")
    assert (stored.machine, stored.model) == ("7", "digits-1")
    assert (stored.reviewer, stored.how) == ("A. Clerk", "workbook")
    assert stored.made_at.tzinfo is not None


def test_the_next_workbook_shows_it(exam: Path, book: Path, tmp_path: Path) -> None:
    fill(book, {"q2": 7, "candidate": "00123458"})
    assert correct(exam, book) == 0
    assert run(["export", str(exam), "-o", str(tmp_path / "next.xlsx")]) == 0
    workbook = load_workbook(tmp_path / "next.xlsx")
    headings = [cell.value for cell in workbook["Marks"][1]]
    second = dict(zip(headings, workbook["Marks"][3], strict=True))
    assert second["2 (max 10)"].value == 7
    assert second["2 (max 10)"].font.italic
    assert second["stored total"].value == 11
    assert second["corrected by a person"].value == "2 (max 10): 7 by A. Clerk (read as 7)"
    assert workbook["Marks"]["A4"].value == "00123458"
    assert workbook["Marks"]["A4"].font.italic
    assert not workbook["Marks"]["A3"].font.italic
    assert [(row[3].value, row[11].value) for row in workbook["Flags"].iter_rows(min_row=2)] == [
        ("q1", "open"),
        ("candidate", "in question"),
        ("q2", "corrected"),
    ]


def test_a_mistaken_correction_is_put_right_on_the_next_workbook(
    exam: Path, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {"q2": 1})
    assert correct(exam, book) == 0
    fill(book, {"q2": 2})
    assert correct(exam, book) == 6
    assert "decided by A. Clerk" in capsys.readouterr().err
    new = tmp_path / "next.xlsx"
    assert run(["export", str(exam), "-o", str(new)]) == 0
    fill(new, {"q2": 1})
    assert correct(exam, new) == 0
    assert "0 stored, 1 stored before" in capsys.readouterr().out
    fill(new, {"q2": 2})
    assert correct(exam, new, reviewer="B. Other") == 0
    assert [(each.was, each.value, each.machine, each.reviewer) for each in corrections(exam)] == [
        ("", "1", "7", "A. Clerk"),
        ("1", "2", "7", "B. Other"),
    ]
    fill(new, {"q2": 1})
    assert correct(exam, new) == 6


def test_blank_is_a_correction_too(exam: Path, book: Path) -> None:
    fill(book, {"q2": "Blank"})
    assert correct(exam, book) == 0
    (stored,) = corrections(exam)
    assert (stored.state, stored.value) == (ValueState.BLANK, "")


def test_nothing_filled_says_so(exam: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert correct(exam, book) == 0
    assert "no correction is filled in" in capsys.readouterr().out
    assert corrections(exam) == ()


def test_a_second_time_changes_nothing(exam: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(book, {"q2": 4})
    assert correct(exam, book) == 0
    assert correct(exam, book, reviewer="B. Other") == 0
    assert "0 stored, 1 stored before" in capsys.readouterr().out
    assert len(corrections(exam)) == 1


def test_good_rows_are_stored_though_others_are_refused(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {"q2": 11, "candidate": "00123458"})
    assert correct(exam, book) == 6
    printed = capsys.readouterr()
    assert "1 stored, 1 refused" in printed.out
    assert "row 2 (marks#00002, a.pdf page 2, q2)" in printed.err
    assert "from 0 to 10" in printed.err
    assert [each.key for each in corrections(exam)] == ["9f2c41d07ab3-3-candidate"]


def test_a_workbook_older_than_a_decision_is_refused_by_name(
    exam: Path, book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.xlsx"
    other.write_bytes(book.read_bytes())
    fill(book, {"q2": 4})
    fill(other, {"q2": 5})
    assert correct(exam, book, reviewer="B. Other") == 0
    assert correct(exam, other) == 6
    assert "decided by B. Other (4, " in capsys.readouterr().err
    assert [each.value for each in corrections(exam)] == ["4"]


def test_a_workbook_older_than_a_reading_is_refused(exam: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_row("marks", 2)
    remember(exam, [page], marks_fields(page, "00123457", ["1", None, "3"], "9"), model="digits-2", again=True)
    fill(book, {"q2": 4})
    assert correct(exam, book) == 6
    assert "read again after this workbook was written" in capsys.readouterr().err
    assert corrections(exam) == ()


def test_the_same_page_read_the_same_way_again_keeps_the_workbook_good(exam: Path, book: Path) -> None:
    page = page_row("marks", 2)
    remember(exam, [page], marks_fields(page, "00123457", ["1", None, "3"], "9"), again=True)
    fill(book, {"q2": 4})
    assert correct(exam, book) == 0


def test_nobody_can_decide_between_the_check_and_the_storing(
    exam: Path, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = []

    def looks_around(*given: Any, **more: Any) -> Checked:
        other = sqlite3.connect(exam / DATABASE, timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            locked.append(str(error))
        finally:
            other.close()
        return check_filled(*given, **more)

    monkeypatch.setattr("flows.commands.correct.check_filled", looks_around)
    fill(book, {"q2": 4})
    assert correct(exam, book) == 0
    assert locked == ["database is locked"]
    assert [each.value for each in corrections(exam)] == ["4"]


def test_json_tells_everything(exam: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(book, {"q2": 11, "candidate": "00123458"})
    capsys.readouterr()
    assert correct(exam, book, "--json") == 6
    told = json.loads(capsys.readouterr().out)
    assert (told["stored"], told["already"]) == (1, 0)
    (refused,) = told["refused"]
    assert (refused["row"], refused["key"], refused["field"], refused["typed"]) == (2, KEY, "q2", "11")
    assert "from 0 to 10" in refused["reason"]


def test_somebody_has_to_answer_for_it(exam: Path, book: Path) -> None:
    assert run(["correct", str(exam), str(book)]) == 2
    assert correct(exam, book, reviewer=" ") == 2
    assert corrections(exam) == ()


def test_a_faulty_workbook_or_folder_is_named(exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.xlsx").write_text("id,name")
    assert correct(exam, tmp_path / "text.xlsx") == 3
    assert "is no .xlsx workbook" in capsys.readouterr().err
    assert correct(tmp_path, tmp_path / "text.xlsx") == 3
    assert "is no exam folder" in capsys.readouterr().err


def test_a_single_reading_is_corrected_without_a_workbook(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["correct", str(exam), "--set", f"{KEY}=2½", "--reviewer", "A. Clerk"]) == 0
    (stored,) = corrections(exam)
    assert (stored.key, stored.value, stored.how) == (KEY, "2.5", "command")
    assert run(["correct", str(exam), "--set", f"{KEY}=3", "--reviewer", "A. Clerk"]) == 0
    assert [each.value for each in corrections(exam)] == ["2.5", "3"]
    assert run(["correct", str(exam), "--set", f"{KEY}=99", "--set", "no-1-such=1", "--reviewer", "A. Clerk"]) == 6
    said = capsys.readouterr().err
    assert "2 refused" in said and "may hold" in said and "no-1-such" in said


@pytest.mark.parametrize("arguments", [[], ["--set", "no equals sign"], ["--set", f"{KEY}="]])
def test_a_single_correction_is_key_equals_value(exam: Path, arguments: list[str]) -> None:
    assert run(["correct", str(exam), *arguments, "--reviewer", "A. Clerk"]) == 2
    assert corrections(exam) == ()
