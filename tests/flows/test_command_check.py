"""`tallymark check`: from a sample to the database, and what it blocks."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from flows.checking import rounds_by_model
from flows.cli import run
from flows.export.check_sheet import answers, check_revision
from flows.export.reading_back import Filled
from flows.records import FieldRow
from flows.results import Settler
from flows.settings import DATABASE
from flows.store import open_store
from recognizer.records import Flag
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import marks_fields, marks_template, page_row

PREFIX = "9f2c41d07ab3"
Q1 = f"{PREFIX}-1-q1"
Q2 = f"{PREFIX}-1-q2"


@pytest.fixture
def exam(tmp_path: Path) -> Path:
    """Of a model whose card is not here: what contradicts the promise reopens all of its kind."""
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def book(exam: Path) -> Path:
    assert run(["check", str(exam), "--draw", "100"]) == 0
    return exam / "exports" / "check.xlsx"


def fill(path: Path, typed: Mapping[str, Any]) -> None:
    """Type answers by key; "*" answers every other row."""
    workbook = load_workbook(path)
    for row in workbook["Check"].iter_rows(min_row=2):
        answer = typed.get(str(row[9].value), typed.get("*"))
        if answer is not None:
            row[7].value = answer
    workbook.save(path)


def take(exam: Path, book: Path, *more: str) -> int:
    return run(["check", str(exam), "--from", str(book), "--reviewer", "A. Clerk", *more])


def rows(exam: Path) -> dict[str, FieldRow]:
    with open_store(exam) as store:
        return {row.key: row for row in store.fields()}


def stored(exam: Path) -> tuple[int, int, int]:
    with open_store(exam) as store:
        return len(store.sample_checks()), len(store.corrections()), len(store.tightenings())


def test_a_draw_writes_a_workbook_of_accepted_fields(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(exam), "--draw", "100"]) == 0
    printed = capsys.readouterr().out
    assert "13 fields, drawn from 13 accepted ones" in printed
    assert "every accepted field was looked at" in printed
    table = list(load_workbook(book)["Check"].iter_rows(values_only=True))
    assert table[0][6:8] == ("machine's value", "right value")
    keys = {row[9] for row in table[1:]}
    assert keys == {key for key, row in rows(exam).items() if row.flag is None}
    assert {row[9]: row[6] for row in table[1:]}[Q2] == "2.5"
    pictures: Any = load_workbook(book)["Check"]
    assert len(pictures._images) == 13


def test_a_list_is_printed_instead(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(exam), "--draw", "3", "--seed", "5", "--json"]) == 0
    first = capsys.readouterr().out
    assert [one["machine"] for one in json.loads(first)] == [rows(exam)[one["key"]].value for one in json.loads(first)]
    assert len(json.loads(first)) == 3
    assert run(["check", str(exam), "--draw", "3", "--seed", "5", "--json"]) == 0
    assert capsys.readouterr().out == first
    assert not (exam / "exports" / "check.xlsx").exists()


def test_right_answers_are_stored_once(exam: Path, book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(book, {Q1: "ok", Q2: "2½"})
    assert take(exam, book) == 0
    assert "2 stored, 0 stored before; 0 fields corrected" in capsys.readouterr().out
    assert take(exam, book) == 0
    assert "0 stored, 2 stored before" in capsys.readouterr().out
    assert stored(exam) == (2, 0, 0)
    assert run(["check", str(exam), "--draw", "100"]) == 0
    assert len(list(load_workbook(book)["Check"].iter_rows(min_row=2))) == 11


def test_a_wrong_field_is_corrected_and_counts_once_however_often(exam: Path, book: Path) -> None:
    fill(book, {Q2: "3.5", "*": "ok"})
    assert take(exam, book) == 0
    assert take(exam, book) == 0
    assert stored(exam) == (13, 1, 1)
    assert rows(exam)[Q2].value == "3.5"


def test_every_problem_is_listed_and_nothing_is_stored(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {Q1: "11", Q2: "seven", "*": "ok"})
    assert take(exam, book) == 6
    said = capsys.readouterr().err
    assert "nothing was stored; 2 answers are faulty" in said
    assert "q1" in said
    assert "q2" in said
    assert stored(exam) == (0, 0, 0)


def test_answers_about_what_changed_since_are_refused(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["correct", str(exam), "--set", f"{Q1}=4", "--reviewer", "B"]) == 0
    page = page_row("marks", 1)
    remember(exam, [page], marks_fields(page, "00123456", ["1", "2", "-"], "3.5"), again=True)
    fill(book, {Q1: "ok", Q2: "ok"})
    assert take(exam, book) == 6
    said = capsys.readouterr().err
    assert "it was decided by B since" in said
    assert "it was read again" in said


def test_a_flagged_or_unknown_field_is_no_sample(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = ("--reviewer", "A. Clerk")
    assert run(["check", str(exam), "--ok", f"{PREFIX}-2-q2", "--ok", "nonsense", *who]) == 6
    said = capsys.readouterr().err
    assert "the machine has not accepted it" in said
    assert "no reading with the key nonsense" in said
    assert run(["check", str(exam), "--ok", Q1, "--set", f"{Q1}=3", *who]) == 6
    assert "another row answers otherwise" in capsys.readouterr().err
    assert run(["check", str(exam), "--ok", Q1]) == 2


def test_another_answer_to_the_same_field_is_refused(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(exam), "--ok", Q1, "--reviewer", "A. Clerk"]) == 0
    assert run(["check", str(exam), "--set", f"{Q1}=3", "--reviewer", "B"]) == 6
    assert "A. Clerk looked at it before and said 1" in capsys.readouterr().err


def test_a_broken_promise_reopens_its_kind_and_blocks_the_final_export(
    exam: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(exam), "--set", f"{Q2}=3.5", "--ok", Q1, "--reviewer", "A. Clerk", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["looked_at"], told["wrong"], told["rate"], told["kept"]) == (2, 1, 0.5, "no")
    assert told["blocks_final"]
    assert told["thresholds"]["digits-1"]["number"] > 1
    now = rows(exam)
    doubted = {key for key, row in now.items() if row.flag is Flag.DOUBTED}
    assert doubted == {
        key for key, row in now.items() if row.kind == "number" and row.decision.flag is not Flag.UNSURE
    } - {Q1, Q2} - {key for key, row in now.items() if row.decision.flag not in (None, Flag.DOUBTED)}
    assert len(doubted) == told["reopened"] == told["reopened_waiting"] > 5
    with open_store(exam) as store:
        assert store.runs()[0].flagged >= len(doubted)
    assert run(["export", str(exam), "--final"]) == 7
    said = capsys.readouterr().err
    assert "is not kept" in said
    assert "wait for a person" in said
    assert not (exam / "exports" / "marks.xlsx").exists()
    assert run(["export", str(exam)]) == 0
    assert "is not kept" in run_sheet(exam)


def run_sheet(exam: Path) -> str:
    cells = load_workbook(exam / "exports" / "marks.xlsx")["Run"].iter_rows(values_only=True)
    return "\n".join(" | ".join(str(cell) for cell in row if cell is not None) for row in cells)


def test_once_a_person_has_seen_all_the_exam_can_be_final(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(exam), "--set", f"{Q2}=3.5", "--reviewer", "A. Clerk"]) == 0
    for _ in range(2):
        waiting = [row for row in rows(exam).values() if row.flag is not None]
        said = [f"--set={row.key}={row.decision.guess if row.role != 'id' else '00123458'}" for row in waiting]
        said = [one if not one.endswith("=") else f"{one}0" for one in said]
        if said:
            assert run(["correct", str(exam), *said, "--reviewer", "B"]) == 0
    # A candidate of whom the roster knows nothing, a page that failed: somebody says so.
    assert run(["export", str(exam), "--final"]) == 7
    accepted = [("a.pdf:4", "notes"), *((f"marks#0000{n}", "so it is written") for n in (3,))]
    assert run(["ledger", str(exam), *(word for one in accepted for word in ("--accept", *one)), "--by", "B"]) == 0
    capsys.readouterr()
    assert run(["export", str(exam), "--final"]) == 0, capsys.readouterr().err
    told = run_sheet(exam)
    assert "final | nothing waits for a person; 2 times somebody accepted something" in told
    assert "is not kept" in told
    assert "tightened by A. Clerk" in told


def test_without_a_sample_open_fields_alone_block_it(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(exam), "--final"]) == 7
    assert "3 fields wait for a person" in capsys.readouterr().err


def test_what_stands_now(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(exam)]) == 0
    printed = capsys.readouterr().out
    assert "Nobody has looked at a sample of the 13 accepted fields" in printed
    assert "its card is not here" in printed


def test_answers_that_nobody_took_are_not_overwritten(
    exam: Path, book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {Q1: "ok"})
    assert run(["check", str(exam), "--draw"]) == 5
    assert "1 answers that the exam does not know yet" in capsys.readouterr().err
    assert take(exam, book) == 0
    assert run(["check", str(exam), "--draw"]) == 0


def test_nothing_is_half_done_when_it_stops_in_between(
    exam: Path, book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(book, {Q2: "3.5", "*": "ok"})
    before = rows(exam)

    class StoppedError(Exception):
        pass

    def stops(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr("flows.store.take_back", stops)
        with pytest.raises(StoppedError):
            take(exam, book)
    assert stored(exam) == (0, 0, 0)
    assert rows(exam) == before
    assert take(exam, book) == 0
    assert stored(exam)[:2] == (13, 1)


def test_while_somebody_grades_no_answer_is_taken(exam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(exam) as store, store.grading():
        assert run(["check", str(exam), "--ok", Q1, "--reviewer", "A. Clerk"]) == 5
    assert "being graded" in capsys.readouterr().err
    assert stored(exam) == (0, 0, 0)


@pytest.mark.parametrize("table", ["sample_checks", "tightenings"])
@pytest.mark.parametrize(
    "verb", ["UPDATE {} SET reviewer = 'x'", "DELETE FROM {}", "REPLACE INTO {0} SELECT * FROM {0}"]
)
def test_nobody_changes_what_was_said_not_even_by_hand(exam: Path, table: str, verb: str) -> None:
    assert run(["check", str(exam), "--set", f"{Q2}=3.5", "--reviewer", "A. Clerk"]) == 0
    by_hand = sqlite3.connect(exam / DATABASE)
    with pytest.raises(sqlite3.IntegrityError, match="only ever inserted"):
        by_hand.execute(verb.format(table))
    by_hand.close()


def test_later_runs_are_told(exam: Path) -> None:
    assert run(["check", str(exam), "--set", f"{Q2}=3.5", "--ok", Q1, "--reviewer", "A. Clerk"]) == 0
    with open_store(exam) as store:
        found = rounds_by_model(store.sample_checks())
    assert [one.wrong for one in found["digits-1"][0]] == [False, True]


def test_an_ok_holds_only_for_what_was_shown() -> None:
    (row, *_) = marks_fields(page_row("marks"), "00123456", ["1", "2", "3"], "6")
    ok = Filled(2, row.key, check_revision(row), "ok", "", row.sheet, row.file, "1", row.field)
    taken, _, problems = answers((ok,), (row,), (), (marks_template(),))
    assert ([one.value for one in taken], problems) == (["00123456"], ())
    since = replace(row, decision=replace(row.decision, value="00123457", guess="00123457"), settled_by=Settler.ROSTER)
    taken, _, problems = answers((ok,), (since,), (), (marks_template(),))
    assert taken == ()
    assert "draw a new sample" in problems[0]
