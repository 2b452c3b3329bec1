import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.cli import run
from flows.grading import Workplace, grade_inbox, here
from flows.records import Correction
from flows.settings import Exam
from flows.store import open_store
from recognizer.records import ValueState
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    exam = exam_folder(tmp_path / "exam")
    unsure = sheet(2, values={"q1": "3"}, confidence=0.6)
    name = "[red]scan[blue], 1.pdf"
    (exam.inbox / name).write_text(fake_scan(sheet(1, values={"candidate": "0042", "q1": "7.5"}), unsure))
    with open_store(exam.dir) as store, store.grading():
        reader = FakeReader()
        grade_inbox(Workplace(exam, store, reader, here(reader)))
        said = Correction(
            *(store.fields()[3].key, ValueState.VALUE, "0043", "", "", "fake-1", "Kim", datetime.now(UTC), "workbook")
        )
        store.insert_corrections([said])
    return exam


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["readings", *arguments]) == 0
    return capsys.readouterr().out


def test_csv_lists_every_field_with_the_documented_columns(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(capsys, str(exam.dir), "--csv"))))
    assert list(rows[0]) == (
        [
            "file",
            "page",
            "sheet",
            "template",
            "field",
            "state",
            "value",
            "guess",
            "confidence",
            "flag",
            "why",
            "corrected_by",
            "settled_by",
            "key",
        ]
    )
    assert [(row["page"], row["field"], row["state"], row["value"]) for row in rows] == [
        ("1", "candidate", "value", "0042"),
        ("1", "q1", "value", "7.5"),
        ("1", "q2", "blank", ""),
        ("2", "candidate", "value", "0043"),
        ("2", "q1", "unsettled", ""),
        ("2", "q2", "unsettled", ""),
    ]
    assert (rows[3]["corrected_by"], rows[3]["flag"], rows[4]["guess"], rows[4]["flag"]) == ("Kim", "", "3", "unsure")
    assert rows[0]["file"] == "[red]scan[blue], 1.pdf"


def test_json_says_the_same(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, str(exam.dir), "--json"))
    assert [row["value"] for row in rows] == ["0042", "7.5", "", "0043", "", ""]
    assert rows[4]["why"].startswith("unsure") and rows[0]["confidence"] == 0.999


def test_the_table_shows_names_as_they_are(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, str(exam.dir))
    assert "[red]scan[blue], 1.pdf" in table and "small#00002" in table


def test_only_what_is_open(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, str(exam.dir), "--json", "--flagged"))
    assert [row["field"] for row in rows] == ["q1", "q2"]


def test_two_formats_at_once_are_refused(exam: Exam) -> None:
    assert run(["readings", str(exam.dir), "--json", "--csv"]) == 2


def test_a_folder_that_is_no_exam_is_refused(tmp_path: Path) -> None:
    assert run(["readings", str(tmp_path)]) == 3
    assert list(tmp_path.iterdir()) == []
