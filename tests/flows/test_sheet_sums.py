"""What the sums of a sheet decide: accepted, flagged, proposed, confirmed; nothing replaced in silence."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.records import Correction, FieldRow
from flows.sheet_sums import decide_sums
from flows.sum_findings import SumFinding
from flows.worth import MarkRule
from recognizer.promise import NOTHING, Thresholds
from recognizer.records import Decision, Flag, RankedValue, ValueState
from recognizer.template import Role, SheetTemplate
from tests.helpers.exam_rows import answers_template, field_row, marks_template, page_row
from tests.helpers.sum_sheets import sum_template

LIMITS = Thresholds(0.99, 0.99, 0.99)
ZERO = MarkRule(blank="zero")


def read(
    sheet: Mapping[str, str], template: SheetTemplate | None = None, *, number: int = 1, **changes: FieldRow
) -> list[FieldRow]:
    """Fields as a reader gives them, by what it saw: `7` sure, `1 .6 7 .4` unsure, "" sure to be blank."""
    template = template or marks_template()
    page = page_row(template.name, number)
    rows = []
    for field in template.pages[0].fields:
        if field.name in sheet:
            words = sheet[field.name].split()
            pairs = [(words[at], float(words[at + 1])) for at in range(0, len(words) - 1, 2)]
            values = tuple(RankedValue(value, p) for value, p in pairs or [(sheet[field.name], 0.9995)])
            rows.append(field_row(page, field, None, values=values, decision=judged(field.name, field.role, values)))
    return [changes.get(row.field, row) for row in rows]


def judged(name: str, role: Role, values: tuple[RankedValue, ...]) -> Decision:
    best = values[0]
    flag = Flag.UNSURE if best.probability < 0.99 else None
    if flag is None and role is Role.MARK and best.value == "":
        flag = Flag.BLANK_MARK
    state = ValueState.UNSETTLED if flag else ValueState.VALUE if best.value else ValueState.BLANK
    value = best.value if state is ValueState.VALUE else ""
    return Decision(name, state, value, best.value, best.probability, flag, "why" if flag else "")


def corrected(row: FieldRow, value: str) -> FieldRow:
    state = ValueState.VALUE if value else ValueState.BLANK
    said = Correction(row.key, state, value, "", "", "", "Kim Sample", datetime(2026, 1, 1, tzinfo=UTC), "by hand")
    return replace(row, correction=said)


def troubled(row: FieldRow, flag: Flag, *values: RankedValue) -> FieldRow:
    decision = Decision(row.field, ValueState.UNSETTLED, "", "", 0.0, flag, "something was seen")
    return replace(row, decision=decision, values=values)


def decide(rows: list[FieldRow], rule: MarkRule | None = None, template: SheetTemplate | None = None) -> SumFinding:
    (found,) = decide_sums(rows, [template or marks_template()], rule or MarkRule(), {"digits-1": LIMITS})
    return found


def key(rows: list[FieldRow], name: str) -> str:
    return next(row.key for row in rows if row.field == name)


def decision(found: SumFinding, rows: list[FieldRow], name: str) -> Decision | None:
    return found.decisions.get(key(rows, name))


def test_the_sum_settles_a_mark_and_a_total_that_their_pictures_left_open() -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2.5", "total": "14.5 .9 74.5 .05"})
    found = decide(rows)
    mark, total = decision(found, rows, "q1"), decision(found, rows, "total")
    assert mark
    assert total
    assert (mark.state, mark.value, mark.flag) == (ValueState.VALUE, "7", None)
    assert (total.state, total.value, total.flag) == (ValueState.VALUE, "14.5", None)
    assert mark.confidence > 0.99
    assert (found.agrees, found.why, found.confirmed) == (True, "", False)
    assert key(rows, "q2") not in found.decisions


def test_where_the_sum_leaves_two_ways_a_person_sees_both() -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "1 .6 7 .4", "q3": "2", "total": "10"})
    found = decide(rows)
    mark = decision(found, rows, "q1")
    assert mark
    assert mark.flag is Flag.UNSURE
    assert "Q1 is 7, not 1: then the total 10 agrees" in mark.why
    assert "Q2 is 7, not 1: then the total 10 agrees" in mark.why
    assert mark.why.startswith("unsure, by its picture and the sum: ")


def test_a_value_that_the_reader_accepted_is_flagged_and_never_replaced() -> None:
    values = (RankedValue("1", 0.992), RankedValue("7", 0.008))
    rows = read({"q1": "1", "q2": "5", "q3": "2", "total": "14"})
    rows[0] = replace(rows[0], values=values, decision=judged("q1", Role.MARK, values))
    assert rows[0].decision.flag is None
    found = decide(rows)
    mark = decision(found, rows, "q1")
    assert mark
    assert (mark.state, mark.value, mark.flag, mark.guess) == (ValueState.UNSETTLED, "", Flag.SUM, "7")
    assert mark.why.startswith("the sum of the sheet speaks against 1: Q1 is 7, not 1: then the total 14 agrees")
    assert found.agrees is False
    assert all(each.flag is not None for each in found.decisions.values())


def test_a_wrong_sum_is_flagged_on_the_total_with_the_marks_in_question() -> None:
    rows = read({"q1": "7", "q2": "5", "q3": "2", "total": "15"})
    found = decide(rows)
    total = decision(found, rows, "total")
    assert total
    assert (total.flag, total.guess) == (Flag.SUM, "15")
    assert "the marks add up to 14, the examiner wrote 15" in total.why
    assert found.agrees is False
    assert found.misadded > 0.5
    assert key(rows, "total") in found.questioned
    assert "the marks add up to 14, the examiner wrote 15" in found.why


def test_typing_the_total_again_confirms_a_wrong_sum() -> None:
    rows = read({"q1": "7", "q2": "5", "q3": "2", "total": "15"})
    rows = [corrected(row, {"total": "15"}.get(row.field, row.decision.value)) for row in rows]
    found = decide(rows)
    assert found.decisions == {}
    assert found.confirmed
    assert found.agrees is False
    assert found.why == "the marks add up to 14, the examiner wrote 15"


def test_a_wrong_sum_is_not_confirmed_while_a_mark_is_open() -> None:
    rows = read({"q1": "7 .6 8 .4", "q2": "5", "q3": "2", "total": "20"})
    rows[-1] = corrected(rows[-1], "20")
    found = decide(rows)
    assert not found.confirmed
    assert decision(found, rows, "total") is None


def test_what_a_person_said_settles_the_others() -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "1 .6 7 .4", "q3": "2", "total": "10"})
    rows[0] = corrected(rows[0], "1")
    found = decide(rows)
    other = decision(found, rows, "q2")
    assert other
    assert (other.value, other.flag) == ("7", None)
    assert key(rows, "q1") not in found.decisions


@pytest.mark.parametrize(
    "flag", [Flag.CANCELLED, Flag.UNREADABLE, Flag.FAINT, Flag.SEVERAL_MARKED, Flag.NOT_ALLOWED, Flag.DOUBTED]
)
def test_trouble_gets_a_proposal_and_stays_with_people(flag: Flag) -> None:
    rows = read({"q1": "7", "q2": "5", "q3": "2", "total": "14"})
    rows[0] = troubled(rows[0], flag)
    found = decide(rows)
    mark = decision(found, rows, "q1")
    assert mark
    assert (mark.state, mark.flag, mark.guess) == (ValueState.UNSETTLED, flag, "7")
    assert (
        mark.why == "something was seen; by the sum of the sheet: 7 (99%)" or "by the sum of the sheet: 7" in mark.why
    )


def test_a_blank_counts_where_exam_toml_says_so_and_the_total_agrees() -> None:
    rows = read({"q1": "7", "q2": "", "q3": "2", "total": "9"})
    found = decide(rows)
    kept = decision(found, rows, "q2")
    assert kept
    assert (kept.flag, kept.why) == (Flag.BLANK_MARK, "why The total agrees with nothing awarded")
    accepted = decision(decide(rows, ZERO), rows, "q2")
    assert accepted
    assert (accepted.state, accepted.flag) == (ValueState.BLANK, None)


def test_a_blank_that_the_total_counts_stays_open_with_what_is_missing() -> None:
    rows = read({"q1": "7", "q2": "", "q3": "2", "total": "14"})
    mark = decision(decide(rows, ZERO), rows, "q2")
    assert mark
    assert mark.flag is Flag.BLANK_MARK
    assert "Q2 is blank, but 5 was awarded: then the total 14 agrees" in mark.why


@pytest.mark.parametrize("total", ["", "AB"])
def test_without_a_written_total_nothing_is_said(total: str) -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2", "total": total})
    assert decide(rows) == SumFinding("marks#00001")


def test_a_sheet_of_somebody_absent_has_no_sum() -> None:
    rows = read({"q1": "AB", "q2": "1 .6 7 .4", "q3": "2", "total": "9"})
    assert decide(rows) == SumFinding("marks#00001")
    nothing = decision(decide(rows, MarkRule(absent="zero")), rows, "q2")
    assert nothing
    assert nothing.value == "7"


def test_a_field_of_a_missing_page_is_unknown() -> None:
    rows = read({"q1": "7 .8 1 .1", "q2": "5", "total": "14"})
    found = decide(rows)
    assert found.agrees is None
    mark = decision(found, rows, "q1")
    assert mark
    assert mark.flag is Flag.UNSURE
    assert decision(found, rows, "total") is None


def test_a_page_that_came_twice_says_nothing() -> None:
    rows = read({"q1": "7", "q2": "5", "q3": "2", "total": "14"})
    twice = replace(rows[0], key="other", values=(RankedValue("1", 0.9995),))
    found = decide([*rows, twice])
    assert rows[0].key not in found.decisions
    assert "other" not in found.decisions


def test_pages_that_do_not_count_are_passed_over() -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2", "total": "14"})
    held = replace(rows[0], key="held", counts=False, values=(RankedValue("1", 0.9995),))
    found = decide([held, *rows])
    mark = decision(found, rows, "q1")
    assert mark
    assert mark.value == "7"


def test_fields_of_an_unknown_model_are_accepted_by_no_sum() -> None:
    rows = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2", "total": "14"})
    for limits in ({}, {"digits-1": Thresholds(NOTHING, NOTHING, NOTHING)}):
        (found,) = decide_sums(rows, [marks_template()], MarkRule(), limits)
        assert all(each.flag is not None for each in found.decisions.values())


def test_a_total_that_adds_a_part_is_checked_against_that_part() -> None:
    template = sum_template(["q1", "q2", "q3", "q4"], ["a:q1 q2", "b:q3 q4", "all:a b"], maximum=10)
    sheet = {"q1": "1 .6 7 .4", "q2": "3", "q3": "1 .6 7 .4", "q4": "3", "a": "10", "b": "4", "all": "14"}
    rows = read(sheet, template)
    found = decide(rows, template=template)
    first, third = decision(found, rows, "q1"), decision(found, rows, "q3")
    assert first
    assert third
    assert (first.value, third.value) == ("7", "1")
    wrong = read({**sheet, "q1": "7", "q3": "1", "b": "5", "all": "15"}, template)
    found = decide(wrong, template=template)
    total = decision(found, wrong, "b")
    assert total
    assert total.flag is Flag.SUM
    assert decision(found, wrong, "a") is None
    assert decision(found, wrong, "all") is None


def test_sheets_are_decided_each_by_itself_and_in_order() -> None:
    first = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2", "total": "14"})
    second = read({"q1": "1 .6 7 .4", "q2": "5", "q3": "2", "total": "8"}, number=2)
    found = decide_sums([*first, *second], [answers_template(), marks_template()], MarkRule(), {"digits-1": LIMITS})
    assert [one.sheet for one in found] == ["marks#00001", "marks#00002"]
    values = [one.decisions[key(rows, "q1")].value for one, rows in zip(found, (first, second), strict=True)]
    assert values == ["7", "1"]


def test_hostile_values_are_no_evidence() -> None:
    rows = read({"q1": "7", "q2": "5", "q3": "2", "total": "14"})
    strange = ("NaN", "=1+1", "😀" * 300, "\u202e41", "1e400", "-0")
    for text in strange:
        values = (RankedValue(text, 0.5), RankedValue("7", float("nan")))
        odd = replace(rows[0], values=values, decision=judged("q1", Role.MARK, values))
        found = decide([odd, *rows[1:]])
        mark = found.decisions[odd.key]
        assert mark.flag is not None


def test_nothing_comes_of_nothing() -> None:
    assert decide_sums([], [marks_template()], MarkRule(), {}) == ()
    assert decide_sums(read({"q1": "7"}), [answers_template()], MarkRule(), {}) == ()
