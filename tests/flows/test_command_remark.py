"""`tallymark remark`, and what grading and exporting record of results without being asked."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flows import exam_results
from flows.cli import run
from flows.jobs import Job, carry_out, in_threads
from flows.results import SheetResult
from flows.store import open_store
from tests.helpers.exam_folder import SETTINGS, exam_folder, remember
from tests.helpers.exam_rows import marks_fields, page_row
from tests.helpers.fakes import FakeReader

KEY = '[[paper]]\ntemplate = "marks"\n'
TWICE = KEY + '[[paper.question]]\nquestion = "1"\nmaximum = 10\nweight = 2\n'
GRADES = '[[paper.grade]]\ngrade = "pass"\nfrom = 3\n[[paper.grade]]\ngrade = "fail"\nfrom = 0\n'
AS_CLERK = ("--reviewer", "A. Clerk")


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    """Marks 1, 2.5 and a dash of 00123456 are settled; the other two sheets are open."""
    folder = exam_folder(tmp_path / "exam")
    (folder / "key.toml").write_text(KEY)
    assert run(["export", str(folder)]) == 0
    return folder


def figures(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["remark", *map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def changed(found: dict[str, Any], sheet: str = "marks#00001") -> dict[str, tuple[str, str]]:
    return {each["what"]: (each["from"], each["to"]) for each in found["changes"] if each["sheet"] == sheet}


def changes_sheet(folder: Path) -> list[list[Any]]:
    book = load_workbook(folder / "exports" / "marks.xlsx")
    return [[cell.value for cell in row] for row in book["Changes"].iter_rows(min_row=2)]


def test_a_changed_weight_is_told_and_stored(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text(TWICE)
    found = figures(capsys, exam, *AS_CLERK, "--why", "counts twice")
    assert changed(found) == {"question 1": ("1", "2"), "total": ("3.5", "4.5"), "maximum": ("30", "40")}
    assert (found["remark"], found["reviewer"], found["why"]) == (1, "A. Clerk", "counts twice")
    assert found["rules"] == ["key.toml changed"]
    assert next(each["name"] for each in found["changes"]) == "Ada"
    with open_store(exam) as store:
        (remark,) = store.remarks()
    assert [(each.what, each.before, each.after) for each in remark.changes if each.sheet == "marks#00001"] == [
        (what, *both) for what, both in changed(found).items()
    ]


def test_a_dry_run_stores_nothing(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text(TWICE)
    before = (exam / "tallymark.db").read_bytes()
    assert figures(capsys, exam, "--dry-run") == figures(capsys, exam, "--dry-run")
    assert figures(capsys, exam, "--dry-run")["stored"] is False
    assert (exam / "tallymark.db").read_bytes() == before
    assert run(["remark", str(exam), "--dry-run"]) == 0
    assert "nothing was stored (--dry-run)" in capsys.readouterr().out


def test_the_second_time_nothing_changes_and_nothing_is_stored(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text(TWICE)
    assert figures(capsys, exam)["remark"] == 1
    with open_store(exam) as store:
        before = store.last_snapshot()
    again = figures(capsys, exam)
    assert (again["stored"], again["changes"], again["rules"]) == (False, [], [])
    with open_store(exam) as store:
        assert len(store.remarks()) == 1
        assert store.last_snapshot() == before


def test_rules_that_change_nobody_are_recorded_with_who_and_why(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text(KEY + "# a comment\n")
    assert run(["export", str(exam)]) == 0
    assert "key.toml changed since results were recorded" in capsys.readouterr().err
    assert changes_sheet(exam)[0][7] == "the rules changed; that changes nobody's marks"
    assert run(["remark", str(exam), *AS_CLERK, "--why", "a word"]) == 0
    assert "3 sheets: nobody's marks change; the rules are recorded as re-mark 1" in capsys.readouterr().out
    assert run(["export", str(exam)]) == 0
    assert "key.toml" not in capsys.readouterr().err
    (row,) = changes_sheet(exam)
    assert (row[0], *row[2:4], *row[4:7], row[7], row[10]) == (
        1,
        "A. Clerk",
        "a word",
        *(None, None, None),
        "no marks changed",
        "key.toml changed",
    )
    again = figures(capsys, exam)
    assert (again["stored"], again["changes"]) == (False, [])


@pytest.mark.parametrize("also", [(), ("--dry-run",)])
def test_rules_other_than_those_expected_are_refused(
    exam: Path, capsys: pytest.CaptureFixture[str], also: tuple[str, ...]
) -> None:
    (exam / "key.toml").write_text(TWICE)
    seen = figures(capsys, exam, "--dry-run")["fingerprint"]
    for name, text in (
        ("key.toml", TWICE + "# saved after the look\n"),
        ("roster.csv", "id,name\n00123456,Ada\n"),
        ("exam.toml", SETTINGS + '[marks]\ndash = "unsettled"\n'),
    ):
        before = (exam / name).read_text()
        (exam / name).write_text(text)
        assert run(["remark", str(exam), *also, "--expect", seen]) == 3
        assert f"expected was {seen}" in capsys.readouterr().err
        (exam / name).write_text(before)
    with open_store(exam) as store:
        assert store.remarks() == ()
    assert run(["remark", str(exam), *also, "--expect", seen]) == 0
    assert f"fingerprint of the rules: {seen}" in capsys.readouterr().out


def test_an_export_shows_pending_changes_and_does_not_adopt_them(
    exam: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (exam / "key.toml").write_text(TWICE)
    for _ in range(2):
        assert run(["export", str(exam)]) == 0
        assert "tallymark remark" in capsys.readouterr().err
        rows = changes_sheet(exam)
        assert ["not yet recorded", "total", "3.5", "4.5"] in [[row[0], *row[7:10]] for row in rows]
    marks = load_workbook(exam / "exports" / "marks.xlsx")["Marks"]
    headings = [cell.value for cell in marks[1]]
    assert marks.cell(2, headings.index("points by key") + 1).value == 4.5
    assert run(["remark", str(exam), *AS_CLERK, "--why", "=1+1"]) == 0
    assert run(["export", str(exam)]) == 0
    row = next(each for each in changes_sheet(exam) if each[7] == "total")
    assert (row[0], row[2], row[3], row[8], row[9]) == (1, "A. Clerk", "=1+1", "3.5", "4.5")


def test_the_final_export_waits_for_the_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exam = exam_folder(tmp_path / "exam")
    (exam / "key.toml").write_text(KEY)
    assert run(["export", str(exam), "--final"]) == 7
    assert "key.toml" not in capsys.readouterr().err
    assert run(["export", str(exam)]) == 0
    (exam / "key.toml").write_text(TWICE)
    assert run(["export", str(exam), "--final"]) == 7
    assert "key.toml changed since results were recorded" in capsys.readouterr().err
    assert run(["remark", str(exam)]) == 0
    assert run(["export", str(exam), "--final"]) == 7
    assert "key.toml" not in capsys.readouterr().err


def test_grading_says_that_rules_changed_and_does_not_adopt_them(exam: Path) -> None:
    assert carry_out(Job("grade", exam), in_threads, reader=FakeReader()).warnings == ()
    (exam / "key.toml").write_text(TWICE)
    for _ in range(2):
        (said,) = carry_out(Job("grade", exam), in_threads, reader=FakeReader()).warnings
        assert said.startswith("key.toml changed since results were recorded on ")
    (exam / "key.toml").write_text("[[paper")
    (said,) = carry_out(Job("grade", exam), in_threads, reader=FakeReader()).warnings
    assert said.startswith("nothing was marked: ")


def test_a_changed_setting_and_a_changed_roster_are_told_apart(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "exam.toml").write_text(SETTINGS + '[marks]\ndash = "unsettled"\n')
    (exam / "roster.csv").write_text("id,name\n00123457,Bob\n")
    found = figures(capsys, exam, "--dry-run")
    causes = {each["what"]: each["cause"] for each in found["changes"] if each["sheet"] == "marks#00001"}
    assert causes["question 3"] == "exam.toml: marks.dash was zero, is unsettled"
    assert changed(found)["question 3"] == ("0", "open")
    assert "roster.csv changed" in found["rules"]


def test_a_correction_is_told_from_a_rule(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(exam) as store:
        key = next(row.key for row in store.fields() if (row.sheet, row.field) == ("marks#00002", "q2"))
    (exam / "key.toml").write_text(TWICE)
    assert run(["correct", str(exam), "--set", f"{key}=4", *AS_CLERK]) == 0
    found = figures(capsys, exam)
    causes = {each["sheet"]: each["cause"] for each in found["changes"] if each["what"] == "question 1"}
    assert causes["marks#00001"] == "key.toml changed"
    assert "a correction" in causes["marks#00002"] and "key.toml changed" in causes["marks#00002"]


def test_a_correction_alone_is_no_remark(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = page_row("marks", 2)
    remember(exam, [page], marks_fields(page, "00123457", ["1", "4", "3"], "8"), again=True)
    assert run(["export", str(exam)]) == 0
    assert figures(capsys, exam)["changes"] == []


def test_the_first_key_is_adopted_silently_where_it_changes_no_total(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_folder(tmp_path / "exam")
    assert run(["export", str(exam)]) == 0
    (exam / "key.toml").write_text(KEY + GRADES)
    assert run(["export", str(exam)]) == 0
    assert "key.toml" not in capsys.readouterr().err
    (exam / "key.toml").write_text(KEY + GRADES.replace("3", "4"))
    assert changed(figures(capsys, exam)) == {"grade": ("pass", "fail")}


def test_a_first_key_that_settles_blanks_is_not_adopted_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exam = exam_folder(tmp_path / "exam")
    assert run(["export", str(exam)]) == 0
    (exam / "key.toml").write_text('blank = "nothing_awarded"\n' + TWICE)
    assert run(["export", str(exam)]) == 0
    assert "key.toml is new" in capsys.readouterr().err
    found = figures(capsys, exam)
    assert changed(found) == {"question 1": ("1", "2"), "total": ("3.5", "4.5"), "maximum": ("30", "40")}
    assert changed(found, "marks#00003")["question 1"] == ("open", "0")


def test_who_leaves_the_class_list_and_comes_back_is_told(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = (exam / "roster.csv").read_text()
    (exam / "roster.csv").write_text(listed.replace("00123456,Ada\n", "00999999,Bea\n"))
    found = figures(capsys, exam)
    assert changed(found) == {"whose it is": ("matched", "not on the roster")}
    assert next(each["cause"] for each in found["changes"]) == "roster.csv changed"
    (exam / "roster.csv").write_text(listed)
    assert changed(figures(capsys, exam)) == {"whose it is": ("not on the roster", "matched")}


OVERALL = (
    KEY
    + "[overall]\nweights = {{ marks = 100 }}\n"
    + "".join(f'[[overall.grade]]\ngrade = "{grade}"\nfrom = {at}\n' for grade, at in (("P", "{}"), ("F", "0")))
)


def test_another_overall_boundary_changes_grades_that_no_sheet_shows(
    exam: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (exam / "key.toml").write_text(OVERALL.format(11))
    assert run(["remark", str(exam)]) == 0
    (exam / "key.toml").write_text(OVERALL.format(12))
    found = figures(capsys, exam, *AS_CLERK, "--why", "minutes of 3 May")
    (change,) = found["changes"]
    assert {name: change[name] for name in ("sheet", "candidate", "name", "what", "from", "to", "cause")} == {
        "sheet": "",
        "candidate": "00123456",
        "name": "Ada",
        "what": "overall grade",
        "from": "P",
        "to": "F",
        "cause": "key.toml changed",
    }
    assert (found["stored"], found["changed_sheets"], found["changed_overall"]) == (True, 0, 1)
    assert run(["export", str(exam)]) == 0
    row = changes_sheet(exam)[-1]
    assert (row[2], row[3], row[4], *row[5:10]) == (
        "A. Clerk",
        "minutes of 3 May",
        None,
        "00123456",
        "Ada",
        "overall grade",
        "P",
        "F",
    )
    (exam / "key.toml").write_text(OVERALL.format(10))
    assert run(["remark", str(exam), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "overall grade: changes of 1 candidate" in said and "on 0, and overall results of 1;" in said


def test_a_faulty_key_stores_nothing(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text('[[paper]]\ntemplate = "strange"\n')
    assert run(["remark", str(exam)]) == 3
    assert "key.toml" in capsys.readouterr().err
    with open_store(exam) as store:
        assert store.remarks() == ()


def save_while_marking(monkeypatch: pytest.MonkeyPatch, key: Path, texts: Iterable[str]) -> None:
    """Have the key saved anew each time that sheets have been marked by the one before."""
    left, marked = iter(texts), exam_results.mark_sheets

    def mark_and_save(*args: Any) -> tuple[SheetResult, ...]:
        results = marked(*args)
        if text := next(left, ""):
            key.write_text(text)
        return results

    monkeypatch.setattr(exam_results, "mark_sheets", mark_and_save)


def test_a_key_that_is_saved_meanwhile_is_the_one_that_counts_and_is_told(
    exam: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_while_marking(monkeypatch, exam / "key.toml", [TWICE])
    found = figures(capsys, exam)
    assert (found["rules"], changed(found)["total"]) == (["key.toml changed"], ("3.5", "4.5"))


def test_a_key_that_is_saved_all_the_time_is_refused(
    exam: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_while_marking(monkeypatch, exam / "key.toml", (f"{TWICE}# {number}\n" for number in range(99)))
    assert run(["remark", str(exam)]) == 3
    assert "while sheets were marked" in capsys.readouterr().err
    with open_store(exam) as store:
        assert store.remarks() == ()


@pytest.mark.parametrize("why", ["x" * 501, "bell\a"])
def test_a_reason_that_cannot_be_kept_is_refused(exam: Path, why: str) -> None:
    assert run(["remark", str(exam), "--why", why]) == 2


def test_remarks_are_only_ever_inserted(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (exam / "key.toml").write_text(TWICE)
    assert figures(capsys, exam)["remark"] == 1
    by_hand = sqlite3.connect(exam / "tallymark.db")
    for table, column in (("remarks", "why"), ("mark_changes", "after"), ("rule_files", "name")):
        for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
                by_hand.execute(statement)
    with pytest.raises(sqlite3.IntegrityError, match="never deleted"):
        by_hand.execute("DELETE FROM snapshots")
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        by_hand.execute("UPDATE snapshots SET results = '{}'")
    # The key as it was is there to be looked at.
    contents = {row[0] for row in by_hand.execute("SELECT content FROM rule_files WHERE name = 'key.toml'")}
    by_hand.close()
    assert contents == {KEY.encode(), TWICE.encode()}


def test_it_needs_no_pictures_and_no_model(exam: Path) -> None:
    heavy = "{'cv2', 'ai_edge_litert', 'tensorflow', 'prefect', 'openpyxl', 'alembic'}"
    code = (
        f"import sys; from flows.cli import run; code = run(['remark', {str(exam)!r}, '--dry-run']); "
        f"print(code, sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_mark_above_the_maximum_of_the_key_is_flagged_with_its_reason(exam: Path) -> None:
    (exam / "key.toml").write_text(KEY + '[[paper.question]]\nquestion = "2"\nmaximum = 2\n')
    assert run(["export", str(exam), "-o", str(exam / "flagged.xlsx")]) == 0
    flags = load_workbook(exam / "flagged.xlsx")["Flags"].iter_rows(min_row=2, values_only=True)
    (why,) = [row[8] for row in flags if (row[0], row[3], row[11]) == ("marks#00001", "q2", "open")]
    assert "2.5" in why and "maximum" in why
