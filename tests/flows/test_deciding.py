"""Fields of an exam are decided together: sums, the class list, and what settling makes of both."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from flows.deciding import Decided, Grounds, decide, decide_about, decide_fields
from flows.records import Correction, FieldRow, PageRow
from flows.results import MatchStatus, Settler
from flows.roster import Candidate
from recognizer.promise import Thresholds
from recognizer.records import CLASSES, CharacterReading, Decision, Flag, RankedValue, ValueState
from tests.helpers.exam_rows import marks_fields, marks_template, page_row

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HELD = {"digits-1": Thresholds(0.9975, 0.9973, 0.96)}
ADA, BOB = Candidate("00123456", "Ada", 2), Candidate("00987654", "Bob", 3)


def unsure(row: FieldRow, **values: float) -> FieldRow:
    """A field of which the picture alone leaves two values open; names of values as `v7`."""
    ranked = tuple(RankedValue(name[1:].replace("_", "."), p) for name, p in values.items())
    decision = Decision(row.field, ValueState.UNSETTLED, "", ranked[0].value, ranked[0].probability, Flag.UNSURE, "?")
    return replace(row, values=ranked, decision=decision)


def said(row: FieldRow, value: str) -> FieldRow:
    state = ValueState.VALUE if value else ValueState.BLANK
    return replace(row, correction=Correction(row.key, state, value, "", "7", "digits-1", "A. Clerk", NOON, "workbook"))


def digits(text: str, doubt: tuple[int, dict[str, float]] | None = None) -> tuple[CharacterReading, ...]:
    """What was seen in a comb that says `text`, one position in doubt."""
    places = []
    for position, character in enumerate(text, start=1):
        chances = doubt[1] if doubt and doubt[0] == position else {character: 1.0}
        places.append(CharacterReading(position, CLASSES, tuple(chances.get(name, 0.0) for name in CLASSES)))
    return tuple(places)


def sheet(number: int, candidate: str, marks: Sequence[str], total: str) -> tuple[PageRow, dict[str, FieldRow]]:
    page = page_row("marks", number)
    return page, {row.field: row for row in marks_fields(page, candidate, marks, total)}


def decided(pages: Sequence[PageRow], fields: Sequence[FieldRow], **grounds: object) -> Decided:
    usual: dict[str, object] = {"templates": (marks_template(),), "thresholds": HELD, "candidates": (ADA, BOB)}
    characters = {row.key: digits(row.decision.guess) for row in fields if row.field == "candidate"}
    return decide(fields, pages, Grounds(**{**usual, "characters": characters, **grounds}))  # type: ignore[arg-type]


def by_name(found: Decided) -> dict[str, FieldRow]:
    return {row.field: row for row in found.fields}


def test_a_sum_settles_a_mark_and_the_sheet_has_a_total() -> None:
    page, rows = sheet(1, ADA.id, ["1", "7", "3"], "11")
    rows["q2"] = unsure(rows["q2"], v1=0.58, v7=0.41)
    found = decided([page], list(rows.values()))
    mark = by_name(found)["q2"]
    assert (mark.state, mark.value, mark.flag, mark.settled_by) == (ValueState.VALUE, "7", None, Settler.SUM)
    (settled,) = found.sheets
    assert (settled.total, settled.is_open, settled.remarks) == (11, False, ())


def test_a_doubted_field_is_never_accepted_again_by_the_sum() -> None:
    page, rows = sheet(1, ADA.id, ["1", "7", "3"], "11")
    doubted = Decision("q2", ValueState.UNSETTLED, "", "7", 0.99, Flag.DOUBTED, "looked at again")
    rows["q2"] = replace(rows["q2"], decision=doubted)
    assert by_name(decided([page], list(rows.values())))["q2"].flag is Flag.DOUBTED


def test_a_wrong_sum_is_open_until_a_person_confirms_it_and_then_a_note() -> None:
    page, rows = sheet(1, ADA.id, ["1", "2", "3"], "7")
    rows = {name: replace(row, values=(RankedValue(row.value, 0.99999),)) for name, row in rows.items()}
    found = decided([page], list(rows.values()))
    (settled,) = found.sheets
    assert by_name(found)["total"].flag is Flag.SUM
    assert settled.total == 6
    assert [remark for remark in settled.remarks if "the marks add up to 6, the examiner wrote 7" in remark]
    rows["total"] = said(rows["total"], "7")
    rows |= {name: said(row, row.value) for name, row in rows.items() if name.startswith("q")}
    (settled,) = decided([page], list(rows.values())).sheets
    assert (settled.total, settled.is_open, settled.remarks) == (6, False, ())
    assert settled.notes[0].startswith("added wrongly, as a person confirmed: the marks add up to 6")


def test_the_class_list_settles_a_digit_and_says_whose_the_sheet_is() -> None:
    page, rows = sheet(1, "", ["1", "2", "3"], "6")
    rows["candidate"] = unsure(rows["candidate"], v00123451=0.7, v00123456=0.3)
    seen = {rows["candidate"].key: digits("00123451", (8, {"1": 0.7, "6": 0.3}))}
    found = decided([page], list(rows.values()), characters=seen)
    number = by_name(found)["candidate"]
    assert (number.value, number.settled_by) == (ADA.id, Settler.ROSTER)
    assert found.sheets[0].identity.value == ADA.id
    assert [one.id for one in found.matching.missing] == [BOB.id]


def test_what_a_sample_check_raised_holds_the_class_list_back_too() -> None:
    page, rows = sheet(1, "", ["1", "2", "3"], "6")
    rows["candidate"] = unsure(rows["candidate"], v00123451=0.7, v00123456=0.3)
    seen = {rows["candidate"].key: digits("00123451", (8, {"1": 0.7, "6": 0.3}))}
    raised = {"digits-1": Thresholds(2.0, 2.0, 2.0)}
    found = decided([page], list(rows.values()), characters=seen, thresholds=raised)
    number = by_name(found)["candidate"]
    assert number.state is ValueState.UNSETTLED
    assert ADA.id in number.decision.why
    assert found.matching.matches[0].status is MatchStatus.UNSURE
    assert found.sheets[0].identity.state is ValueState.UNSETTLED


def test_a_sheet_without_a_number_goes_to_a_person_whatever_its_printed_code_says() -> None:
    page, rows = sheet(7, "", ["1", "2", "3"], "6")
    blank = Decision("candidate", ValueState.UNSETTLED, "", "", 0.99, Flag.BLANK_ID, "nobody's number is written here")
    rows["candidate"] = replace(rows["candidate"], decision=blank)
    found = decided([page], list(rows.values()), printed={page.sheet: ADA.id})
    number = by_name(found)["candidate"]
    assert (number.state, number.flag) == (ValueState.UNSETTLED, Flag.BLANK_ID)
    assert f"on the roster: {ADA.id}" in number.decision.why
    assert found.sheets[0].is_open
    assert found.sheets[0].identity.state is ValueState.UNSETTLED


def test_who_is_not_on_the_roster_or_doubled_is_remarked_and_in_question() -> None:
    pages, fields = [], []
    for number, candidate in enumerate([ADA.id, ADA.id, "55555555"], start=1):
        page, rows = sheet(number, candidate, ["1", "2", "3"], "6")
        pages.append(page)
        fields += rows.values()
    found = decided(pages, fields)
    statuses = [match.status for match in found.matching.matches]
    assert statuses == [MatchStatus.DOUBLED, MatchStatus.DOUBLED, MatchStatus.OFF_ROSTER]
    assert [settled.remarks for settled in found.sheets] == [
        (f"id {ADA.id} also stands on sheet marks#00002",),
        (f"id {ADA.id} also stands on sheet marks#00001",),
        ("55555555 is not on the roster",),
    ]
    assert all(set(settled.questioned) == {settled.parts["candidate"].key} for settled in found.sheets)


def test_correcting_an_id_changes_no_other_field() -> None:
    page, rows = sheet(1, "55555555", ["1", "2", "3"], "6")
    before = by_name(decided([page], list(rows.values())))
    rows["candidate"] = said(rows["candidate"], BOB.id)
    found = decided([page], list(rows.values()))
    after = by_name(found)
    assert {name for name in before if before[name] != after[name]} == {"candidate"}
    assert found.matching.matches[0].status is MatchStatus.BY_PERSON
    assert found.sheets[0].identity.by_person


def test_without_a_roster_the_readings_decide() -> None:
    page, rows = sheet(1, "55555555", ["1", "2", "3"], "6")
    found = decided([page], list(rows.values()), candidates=())
    assert found.sheets[0].identity.value == "55555555"
    assert not found.sheets[0].is_open


def test_deciding_about_some_fields_says_the_same_of_them() -> None:
    fields: list[FieldRow] = []
    for number, candidate in enumerate([ADA.id, BOB.id], start=1):
        _, rows = sheet(number, candidate, ["1", "7", "3"], "11")
        rows["q2"] = unsure(rows["q2"], v1=0.58, v7=0.41)
        fields += rows.values()
    by = Grounds((marks_template(),), candidates=(ADA, BOB), thresholds=HELD)
    every = {row.key: row for row in decide_fields(fields, by).fields}
    mine = fields[2].key
    some = {row.key: row for row in decide_about(fields, {mine}, by)}
    assert some[mine] == every[mine]
    assert some[mine].settled_by is Settler.SUM
    others = [row for row in fields if row.sheet != fields[2].sheet]
    assert all(some[row.key] == row for row in others)
