"""`tallymark export`: the workbook of an exam folder, and never at the cost of what people filled in."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from flows.cli import run
from flows.ledger import Ledger
from flows.records import Correction
from flows.store import Store, open_store
from recognizer.records import ValueState
from recognizer.template import Role
from tests.helpers.exam_folder import SETTINGS, exam_folder, remember
from tests.helpers.exam_rows import marks_fields, page_row

MARKS_XLSX = Path("exports") / "marks.xlsx"


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    return exam_folder(tmp_path / "exam")


def fill(path: Path, typed: Mapping[str, Any]) -> None:
    """Type corrections by the name of the field."""
    book = load_workbook(path)
    for row in book["Flags"].iter_rows(min_row=2):
        if row[3].value in typed:
            row[10].value = typed[row[3].value]
    book.save(path)


def cells(path: Path) -> dict[str, list[list[Any]]]:
    """Every cell but those of the sheet Run."""
    book = load_workbook(path)
    return {name: [[cell.value for cell in row] for row in book[name].iter_rows()] for name in book.sheetnames[:-1]}


def test_it_writes_the_workbook_of_the_folder(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(exam)]) == 0
    printed = capsys.readouterr().out
    assert f"{exam / MARKS_XLSX}: 3 candidate sheets, 2 of them open, 3 flags" in printed
    marks = cells(exam / MARKS_XLSX)["Marks"]
    assert marks[1][:7] == ["00123456", "Ada", "marks", "marks#00001", 1, 2.5, "-"]
    assert marks[2][:2] == ["00123457", "=1+1"]
    assert marks[3][:2] == [None, None]


def test_exporting_twice_gives_the_same_cells(exam: Path) -> None:
    assert run(["export", str(exam)]) == 0
    before = cells(exam / MARKS_XLSX)
    assert run(["export", str(exam)]) == 0
    assert cells(exam / MARKS_XLSX) == before


def test_it_writes_where_it_is_told(exam: Path, tmp_path: Path) -> None:
    assert run(["export", str(exam), "-o", str(tmp_path / "x.XLSX")]) == 0
    sheets = ["Marks", "Candidates", "Flags", "Questions", "Changes", "Pages", "Run"]
    assert load_workbook(tmp_path / "x.XLSX").sheetnames == sheets
    assert not (exam / MARKS_XLSX).exists()


def test_settings_decide_what_blank_marks_are_worth(tmp_path: Path) -> None:
    exam = exam_folder(tmp_path / "exam", SETTINGS + '[marks]\nblank = "zero"\n')
    assert run(["export", str(exam)]) == 0
    marks = cells(exam / MARKS_XLSX)["Marks"]
    assert marks[3][marks[0].index("stored total")] == 5


def test_an_older_workbook_without_corrections_is_replaced(exam: Path) -> None:
    assert run(["export", str(exam)]) == 0
    remember(
        exam, [page_row("marks", 2)], marks_fields(page_row("marks", 2), "00123457", ["1", "2", "3"], "6"), again=True
    )
    assert run(["export", str(exam)]) == 0
    assert cells(exam / MARKS_XLSX)["Marks"][2][5] == 2


def test_filled_corrections_are_not_destroyed(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = exam / MARKS_XLSX
    assert run(["export", str(exam)]) == 0
    fill(path, {"q2": 4, "candidate": "wrong"})
    before = path.read_bytes()
    assert run(["export", str(exam)]) == 5
    assert "holds 2 filled corrections" in capsys.readouterr().err
    assert path.read_bytes() == before
    fill(path, {"candidate": None})
    assert run(["correct", str(exam), str(path), "--reviewer", "A. Clerk"]) == 0
    assert run(["export", str(exam)]) == 0
    assert cells(path)["Marks"][2][5] == 4


def test_force_replaces_and_keeps_a_copy(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = exam / MARKS_XLSX
    assert run(["export", str(exam)]) == 0
    for copy in ("marks (replaced 1).xlsx", "marks (replaced 2).xlsx"):
        fill(path, {"q2": 4})
        before = path.read_bytes()
        assert run(["export", str(exam), "--force"]) == 0
        assert copy in capsys.readouterr().err
        assert path.with_name(copy).read_bytes() == before


def test_force_needs_no_copy_of_what_holds_nothing_new(exam: Path) -> None:
    assert run(["export", str(exam)]) == 0
    assert run(["export", str(exam), "--force"]) == 0
    assert [each.name for each in (exam / "exports").iterdir()] == ["marks.xlsx"]


@pytest.mark.parametrize("kind", ["text", "other workbook"])
def test_a_file_that_is_not_ours_is_not_replaced(exam: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "budget.xlsx"
    if kind == "text":
        path.write_text("not a workbook")
    else:
        Workbook().save(path)
    before = path.read_bytes()
    assert run(["export", str(exam), "-o", str(path)]) == 3
    assert path.read_bytes() == before
    assert run(["export", str(exam), "-o", str(path), "--force"]) == 0
    assert (tmp_path / "budget (replaced 1).xlsx").read_bytes() == before


@pytest.mark.parametrize("lock", [".~lock.marks.xlsx#", "~$marks.xlsx"])
def test_a_workbook_that_is_open_elsewhere_is_left_alone(
    exam: Path, lock: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = exam / MARKS_XLSX
    assert run(["export", str(exam)]) == 0
    before = path.read_bytes()
    (path.parent / lock).write_text("someone")
    assert run(["export", str(exam)]) == 5
    assert run(["export", str(exam), "--force"]) == 5
    assert "is open in another program" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_place_that_is_not_there_is_named(exam: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(exam), "-o", str(tmp_path / "no" / "x.xlsx")]) == 5
    assert "there is no such folder" in capsys.readouterr().err
    assert run(["export", str(exam), "-o", str(tmp_path / "x.csv")]) == 2
    (exam / "exports").rmdir()
    (exam / "exports").write_text("a file")
    assert run(["export", str(exam)]) == 5


def test_a_folder_that_is_no_exam_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tmp_path)]) == 3
    assert "is no exam folder" in capsys.readouterr().err


def test_a_faulty_roster_is_named(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "roster.csv").write_text("id,name\n1,A\n1,B\n", encoding="utf-8")
    assert run(["export", str(exam)]) == 3
    assert "roster.csv:3" in capsys.readouterr().err


def test_the_database_is_only_read(exam: Path) -> None:
    with open_store(exam) as store:
        before = (store.fields(), store.pages(), store.files(), store.runs(), store.corrections())
    assert run(["export", str(exam)]) == 0
    with open_store(exam) as store:
        assert (store.fields(), store.pages(), store.files(), store.runs(), store.corrections()) == before
        assert any(row.role is Role.MARK for row in store.fields())


def test_the_workbook_shows_one_moment(exam: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Correction(
        "9f2c41d07ab3-2-q2",
        ValueState.VALUE,
        "2",
        "",
        "7",
        "d",
        "B. Other",
        datetime(2026, 1, 2, tzinfo=UTC),
        "workbook",
    )
    ledger = Store.ledger

    def meanwhile(store: Store) -> Ledger:
        with open_store(exam) as other:
            other.insert_corrections([mine])
        return ledger(store)

    monkeypatch.setattr(Store, "ledger", meanwhile)
    assert run(["export", str(exam)]) == 0
    book = load_workbook(exam / MARKS_XLSX)
    assert "B. Other" not in {cell.value for row in book["Run"].iter_rows() for cell in row}
    with open_store(exam) as store:
        assert [replace(one, crop="") for one in store.corrections()] == [mine]
