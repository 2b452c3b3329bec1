"""What a person could not read, or two people dispute, is open for everybody: no sum, no list, no total takes it."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

from flows.checking import how_it_stands
from flows.deciding import Decided, Grounds, decide
from flows.export.flags_sheet import flag_rows, settled_rows
from flows.export.marks_sheet import part_cell
from flows.export.styles import Style
from flows.final import LeftOpen, left_open, what_waits
from flows.learning import known_rows
from flows.ledger import ledger_of
from flows.matching import UNSETTLED_ID
from flows.records import CANCELLED, Act, Correction, FieldRow
from flows.remarking import digest_of
from flows.results import MatchStatus, Unsettled
from flows.settings import Exam
from flows.store import open_store
from flows.trail import standing
from recognizer.records import Flag, ValueState
from tests.flows.test_deciding import ADA, BOB, HELD, by_name, digits, sheet, unsure
from tests.flows.test_final import FULL, final, grade, told
from tests.helpers.exam_rows import marks_template
from tests.helpers.fakes import exam_folder, fake_scan
from tests.helpers.fakes import sheet as fake_sheet
from tests.helpers.trails import said, trail


def left(row: FieldRow, *answers: Correction) -> FieldRow:
    """A field with what stands of some answers; without any, one that Kim could not read."""
    answers = answers or (said("?", key=row.key),)
    return replace(row, correction=standing(trail(*answers)).correction)


def disputed(row: FieldRow) -> FieldRow:
    return left(row, said("8", key=row.key), said("9", "Ada", Act.SECOND, row.key))


def decided(rows: dict[str, FieldRow], candidates: tuple[object, ...] = (), number: int = 1) -> Decided:
    page, _ = sheet(number, ADA.id, ["1"], "1")
    seen = {row.key: digits(row.decision.guess) for row in rows.values() if row.field == "candidate"}
    by = Grounds((marks_template(),), thresholds=HELD, candidates=candidates, characters=seen)  # type: ignore[arg-type]
    return decide(list(rows.values()), [page], by)


@pytest.mark.parametrize("leave", [left, disputed])
def test_a_field_left_open_keeps_its_total_open_and_says_why(leave: type[FieldRow]) -> None:
    _, rows = sheet(1, ADA.id, ["1", "2", "3"], "6")
    rows["q2"] = leave(rows["q2"])
    why = rows["q2"].why
    found = decided(rows)
    (settled,) = found.sheets
    assert settled.total == Unsettled((f"2 (max 10): {why}",))
    assert settled.open_keys == (rows["q2"].key,)
    assert settled.remarks == ()
    assert (settled.parts["q2"].state, settled.parts["q2"].why) == (ValueState.UNSETTLED, why)
    assert part_cell(settled.parts["q2"]).style is Style.UNSETTLED
    assert why in ("Kim could not read it", "two people disagree")


def test_what_a_person_could_not_read_is_no_evidence_for_a_sum() -> None:
    _, rows = sheet(1, ADA.id, ["1", "7", "3"], "11")
    rows["q2"] = unsure(rows["q2"], v1=0.58, v7=0.41)
    assert by_name(decided(rows))["q2"].value == "7"
    # Now the sum cannot tell which of two marks is what: the machine's sure 3 does not count any more.
    rows["q3"] = left(rows["q3"])
    found = by_name(decided(rows))
    assert (found["q2"].state, found["q3"].state) == (ValueState.UNSETTLED, ValueState.UNSETTLED)
    assert found["q3"].decision == rows["q3"].decision


def test_a_sum_is_not_confirmed_while_a_person_left_a_mark_open() -> None:
    _, rows = sheet(1, ADA.id, ["1", "7", "3"], "12")
    for name in ("q1", "q2", "q3", "total"):
        rows[name] = left(rows[name], said(rows[name].value, key=rows[name].key))
    assert [each.confirmed for each in decided(rows).findings] == [True]
    rows["q2"] = left(rows["q2"])
    assert [each.confirmed for each in decided(rows).findings] == [False]


@pytest.mark.parametrize("candidates", [(ADA, BOB), ()])
def test_a_number_that_nobody_could_read_is_not_the_machines(candidates: tuple[object, ...]) -> None:
    _, rows = sheet(1, ADA.id, ["1", "2", "3"], "6")
    assert decided(rows, candidates).matching.matches[0].status is MatchStatus.MATCHED
    rows["candidate"] = left(rows["candidate"])
    found = decided(rows, candidates)
    (match,), (settled,) = found.matching.matches, found.sheets
    assert (match.status, match.id, match.why) == (MatchStatus.NO_ID, "", UNSETTLED_ID)
    assert settled.identity.state is ValueState.UNSETTLED
    assert settled.open_keys == (rows["candidate"].key,)
    assert by_name(found)["candidate"].state is ValueState.UNSETTLED


def test_it_stands_among_the_open_flags_and_not_among_the_corrected() -> None:
    _, rows = sheet(1, ADA.id, ["1", "2", "3"], "6")
    rows["q1"], rows["q2"] = left(rows["q1"]), disputed(rows["q2"])
    rows["q3"] = left(rows["q3"], replace(said("", key=rows["q3"].key), note=CANCELLED))
    found = decided(rows)
    templates = (marks_template(),)
    open_rows = flag_rows(found.fields, found.sheets, templates)
    assert [(row.row.field, row.why) for row in open_rows[:2]] == [
        ("q1", "Kim could not read it"),
        ("q2", "two people disagree"),
    ]
    (below,) = (row for row in settled_rows(found.fields, found.sheets, templates) if row.row.field != "total")
    assert below.row.field == "q3"
    assert "said blank (cancelled) by Kim" in below.why or below.standing.value == "in question"


def test_a_reopened_field_that_nobody_could_read_still_waits() -> None:
    _, rows = sheet(1, ADA.id, ["1"], "1")
    doubted = replace(rows["q1"].decision, state=ValueState.UNSETTLED, value="", flag=Flag.DOUBTED, why="doubted")
    row = replace(rows["q1"], decision=doubted)
    waiting = [how_it_stands([one], (), (), {}, 0.001).waiting for one in (row, left(row), left(row, said("1")))]
    assert waiting == [1, 1, 0]


def test_results_change_when_a_field_is_left_open() -> None:
    _, rows = sheet(1, ADA.id, ["1"], "1")
    digests = {digest_of([row]) for row in (rows["q1"], left(rows["q1"]), left(rows["q1"], said("")))}
    assert len(digests) == 3


# ---- an exam folder ---------------------------------------------------------------------------------------------


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    folder = exam_folder(tmp_path / "exam")
    grade(folder, a=fake_scan(fake_sheet(1, values=FULL), fake_sheet(1, 2, values={"sum": "9"})))
    return folder


def key_of(exam: Exam, field: str) -> str:
    with open_store(exam.dir) as store:
        return next(row.key for row in store.fields() if row.field == field)


def say(exam: Exam, *rows: Correction) -> None:
    with open_store(exam.dir) as store:
        store.insert_corrections(rows)


def test_the_final_export_names_what_people_left_open(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    final(exam, capsys)
    (exam.dir / "exports" / "marks.xlsx").unlink()
    q1, q2 = key_of(exam, "q1"), key_of(exam, "q2")
    say(exam, said("?", key=q1), said("2", key=q2), said("3", "Ada", Act.SECOND, q2))
    refused = final(exam, capsys, 7)
    assert "1 field nobody could read" in refused
    assert "1 field disputed" in refused
    assert "wait for a person" not in refused
    say(exam, said("7", "Ada", key=q1), said("2", "Lee", Act.THIRD, q2))
    final(exam, capsys)


def test_the_final_export_waits_for_second_answers(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    settings = exam.dir / "exam.toml"
    settings.write_text(settings.read_text() + '\n[review]\nsecond = "all"\n')
    q1 = key_of(exam, "q1")
    say(exam, said("7", key=q1))
    assert "1 field waits for a second look" in final(exam, capsys, 7)
    say(exam, said("7", "Ada", Act.SECOND, q1))
    final(exam, capsys)
    cells = [[cell.value for cell in row] for row in load_workbook(exam.dir / "exports" / "marks.xlsx")["Run"].rows]
    with open_store(exam.dir) as store:
        second = store.trail()[-1]
    assert ["rows", 2] in [row[:2] for row in cells]
    assert ["hash of the last row", second.hash] in [row[:2] for row in cells]
    (told_of_second,) = (row for row in cells if row[6] == second.number and row[0] == q1)
    assert told_of_second[3:5] == ["Ada", "queue, second answer"]


def test_there_is_no_final_export_of_a_broken_chain(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    say(exam, said("7", key=key_of(exam, "q1")), said("2", key=key_of(exam, "q2")))
    by_hand = sqlite3.connect(exam.dir / "tallymark.db")
    with by_hand:
        by_hand.execute("DROP TRIGGER corrections_are_never_changed")
        by_hand.execute("UPDATE corrections SET value = '9' WHERE number = 1")
    by_hand.close()
    assert "the chain of corrections is broken" in final(exam, capsys, 7)


def test_a_workbook_settles_a_dispute_only_for_a_third_person(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", "Ada", Act.SECOND, q1))
    refused = told(capsys, "correct", exam.dir, "--set", f"{q1}=8", "--reviewer", "kim", code=6)
    assert "a third person settles that" in refused
    told(capsys, "correct", exam.dir, "--set", f"{q1}=8", "--reviewer", "Lee")
    with open_store(exam.dir) as store:
        last = store.trail()[-1].correction
    assert (last.act, last.reviewer, last.value, last.how) == (Act.THIRD, "Lee", "8", "command")


def test_what_was_left_open_is_counted_of_fields_that_count() -> None:
    _, rows = sheet(1, ADA.id, ["1", "2", "3"], "6")
    rows["q1"], rows["q2"] = left(rows["q1"]), disputed(rows["q2"])
    rows["q3"] = left(rows["q3"], said("3", key=rows["q3"].key))
    chain = trail(said("3", key=rows["q3"].key), said("3", key="gone-1-q1"))
    assert left_open(rows.values(), chain, 1.0) == LeftOpen(1, 1, 1)
    assert left_open(rows.values(), chain, 0.0) == LeftOpen(1, 1, 0)
    lines = what_waits(ledger_of([], [], [], []), [], [], 4, LeftOpen(1, 1, 2))
    assert [line.split(":")[0].split(";")[0] for line in lines] == [
        "2 fields wait for a person",
        "1 field nobody could read",
        "1 field disputed",
        "2 fields wait for a second look (review.second in exam.toml)",
    ]


def test_the_readings_say_that_it_is_open(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    say(exam, said("?", key=key_of(exam, "q1")))
    (row,) = json.loads(told(capsys, "readings", exam.dir, "--json", "--flagged"))
    assert (row["state"], row["value"], row["flag"], row["why"]) == (
        *("unsettled", "", "unreadable"),
        "Kim could not read it",
    )
    assert (row["corrected_by"], row["settled_by"]) == ("Kim", "person")


def test_nothing_is_learned_from_what_nobody_could_read_or_what_is_struck_out(exam: Exam) -> None:
    def known() -> set[str]:
        with open_store(exam.dir) as store:
            return {one.row.field for one in known_rows(exam, store)}

    assert known() == {"candidate", "q1", "q2", "sum"}
    q1, q2 = key_of(exam, "q1"), key_of(exam, "q2")
    say(exam, said("?", key=q1), replace(said("", key=q2), note=CANCELLED))
    assert known() == {"candidate", "sum"}
