"""`tallymark audit --verify`: what protects the trail, and how far its end is proven."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from flows.cli import run
from flows.errors import EXIT_BROKEN_CHAIN
from flows.export.contents import HEAD_LABEL
from flows.export.run_sheet import RUN
from flows.settings import Exam
from flows.store import open_store
from flows.trail import FIRST_PREVIOUS
from tests.flows.test_final import grade
from tests.flows.test_left_open import key_of, say
from tests.helpers.fakes import exam_folder, fake_scan, sheet
from tests.helpers.trails import said


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    folder = exam_folder(tmp_path / "exam")
    grade(folder, a=fake_scan(sheet(1, values={"candidate": "0042", "q1": "7", "q2": "2"})))
    return folder


def printed(capsys: pytest.CaptureFixture[str], exam: Exam, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["audit", str(exam.dir), "--verify", *words]) == code
    out = capsys.readouterr()
    return out.out + out.err


def told(capsys: pytest.CaptureFixture[str], exam: Exam, code: int = 0) -> Any:
    return json.loads(printed(capsys, exam, "--json", code=code))


def by_hand(exam: Exam, *statements: str, values: Sequence[object] = ()) -> None:
    with closing(sqlite3.connect(exam.dir / "tallymark.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement, values)


def exported(exam: Exam, name: str = "marks.xlsx") -> Path:
    made = exam.dir / "exports" / name
    assert run(["export", str(exam.dir), "-o", str(made)] if made.parent.is_dir() else ["export", str(exam.dir)]) == 0
    return made


# ---- what protects it ------------------------------------------------------------------------------------------------


def test_all_triggers_stand_in_a_new_database(exam: Exam) -> None:
    with open_store(exam.dir) as store:
        assert store.chain().unprotected == ()


@pytest.mark.parametrize("done", ["changed", "deleted", "replaced"])
@pytest.mark.parametrize("table", ["corrections", "user_changes"])
def test_a_trigger_that_is_gone_is_told(exam: Exam, capsys: pytest.CaptureFixture[str], table: str, done: str) -> None:
    by_hand(exam, f"DROP TRIGGER {table}_are_never_{done}")
    shown = printed(capsys, exam, code=EXIT_BROKEN_CHAIN)
    assert "NOT PROTECTED any more" in shown and "BROKEN" not in shown
    assert f"the trigger {table}_are_never_{done} is missing" in shown
    assert told(capsys, exam, EXIT_BROKEN_CHAIN)["whole"] is False


def test_a_trigger_that_does_nothing_and_one_that_is_not_ours_are_told(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "corrections_are_never_changed"
    by_hand(
        exam,
        f"DROP TRIGGER {name}",
        f"CREATE TRIGGER {name} BEFORE UPDATE ON corrections WHEN 0 BEGIN SELECT 1; END",
        "CREATE TRIGGER swallow BEFORE INSERT ON corrections BEGIN SELECT RAISE(IGNORE); END",
    )
    assert told(capsys, exam, EXIT_BROKEN_CHAIN)["unprotected"] == [
        f"the trigger {name} is not as Tallymark made it: any program could change rows since",
        "there is a trigger 'swallow' on corrections, which Tallymark did not make",
    ]


def test_what_protects_nothing_any_more_is_not_final(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    by_hand(exam, "DROP TRIGGER corrections_are_never_deleted")
    capsys.readouterr()
    assert run(["export", str(exam.dir), "--final"]) != 0
    assert "what protects it" in capsys.readouterr().err


# ---- how far its end is proven ---------------------------------------------------------------------------------------


def test_without_a_noted_hash_it_says_that_the_end_is_not_proven(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    say(exam, said("8", key=key_of(exam, "q1")))
    shown = printed(capsys, exam)
    with open_store(exam.dir) as store:
        head = store.chain().head
    assert "so the end of the trail is not proven: note this hash" in shown and f"--head {head}" in shown
    assert "not proven" not in printed(capsys, exam, "--head", head)


def test_workbooks_in_exports_are_compared(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    exported(exam)
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", key=q1))
    later = exported(exam, "later.xlsx")
    say(exam, said("7", key=q1))
    found = told(capsys, exam)
    assert [(one["file"], one["row"]) for one in found["workbooks"]] == [("later.xlsx", 2), ("marks.xlsx", 0)]
    assert found["workbooks"][1]["head"] == FIRST_PREVIOUS
    shown = printed(capsys, exam)
    assert "exports/later.xlsx notes that of row 2 as the last; 1 came since" in shown
    assert "could change exports/ too" in shown and "not proven" not in shown
    later.unlink()
    assert "exports/marks.xlsx notes that of an empty trail as the last; 3 came since" in printed(capsys, exam)


def test_rows_cut_off_with_all_traces_are_found_by_a_workbook(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", key=q1))
    exported(exam)
    with closing(sqlite3.connect(exam.dir / "tallymark.db")) as connection, connection:
        named = "SELECT sql FROM sqlite_master WHERE name = 'corrections_are_never_deleted'"
        (sql,) = connection.execute(named).fetchone()
        connection.execute("DROP TRIGGER corrections_are_never_deleted")
        connection.execute("DELETE FROM corrections WHERE number = 2")
        connection.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'corrections'")
        connection.execute(sql)
    with open_store(exam.dir) as store:
        assert store.chain().is_whole
    found = told(capsys, exam, EXIT_BROKEN_CHAIN)
    assert [one["row"] for one in found["workbooks"]] == [None]
    (finding,) = found["findings"]
    assert finding.startswith("exports/marks.xlsx notes ") and "no row of the trail has it" in finding


def test_what_is_no_workbook_of_a_trail_is_passed_over_or_named(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    made = exported(exam)
    copyfile(made, made.with_name("~$marks.xlsx"))
    made.with_name("broken.xlsx").write_bytes(b"PK no zip at all")
    other = Workbook()
    other.save(made.with_name("other.xlsx"))
    sheet_of = load_workbook(made)
    for row in sheet_of[RUN].iter_rows(max_col=2):
        if row[0].value == HEAD_LABEL:
            row[1].value = "=1+1"
    sheet_of.save(made.with_name("typed.xlsx"))
    found = told(capsys, exam)
    assert [(one["file"], one["row"], bool(one["trouble"])) for one in found["workbooks"]] == [
        ("broken.xlsx", None, True),
        ("marks.xlsx", 0, False),
        ("typed.xlsx", None, True),
    ]
    shown = printed(capsys, exam)
    assert "exports/broken.xlsx was not compared: cannot be read as a workbook" in shown
    assert "exports/typed.xlsx was not compared: what stands beside its hash is none" in shown
