"""What a re-mark says: who changed from what to what, and whether a rule or a reading is the cause."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from flows.overall_changes import Overall
from flows.records import Correction
from flows.remarking import (
    GONE,
    OTHER_SHEETS,
    OTHERS,
    PROGRAM,
    READINGS,
    Comparison,
    Standing,
    State,
    compare,
    digest_of,
)
from flows.results import Absent, MarkChange, Points, QuestionResult, SectionResult, Settler, SheetResult, Unsettled
from flows.rules import Rules
from recognizer.records import Decision, Flag, ValueState
from tests.helpers.exam_rows import field_row, marks_template, page_row

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
KEY_1, KEY_2, NO_KEY = Rules({"key.toml": "1"}), Rules({"key.toml": "2"}), Rules()
NEW_ROSTER = Rules({"key.toml": "1", "roster.csv": "b"})


def standing(
    points: Mapping[str, Points],
    total: Points | None = None,
    candidate: str = "1",
    *,
    sheet: str = "a",
    grade: str = "",
    digest: str = "same",
    whose: str = "matched",
) -> dict[str, Standing]:
    questions = tuple(QuestionResult(name, "A", each, Decimal(10)) for name, each in points.items())
    worth = Unsettled(()) if total is None else total
    section = (SectionResult("A", worth, Decimal(20)),)
    return {
        sheet: Standing(
            SheetResult(sheet, "marks", candidate, "", questions, section, worth, Decimal(20), grade), digest, whose
        )
    }


def compared(
    before: Mapping[str, Standing], now: Mapping[str, Standing], rules_before: Rules, rules_now: Rules
) -> Comparison:
    return compare(State(rules_before, before), State(rules_now, now))


def told(changes: tuple[MarkChange, ...]) -> list[tuple[str, str, str]]:
    return [(each.what, each.before, each.after) for each in changes]


def test_everything_that_differs_is_told_with_the_rule_that_changed() -> None:
    before = standing({"1": Decimal(2), "2": Decimal(3)}, Decimal(5), grade="C")
    now = standing({"1": Decimal(4), "2": Decimal(3)}, Decimal(7), grade="B")
    found = compared(before, now, KEY_1, KEY_2)
    assert told(found.changes) == [
        ("question 1", "2", "4"),
        ("section A", "5", "7"),
        ("total", "5", "7"),
        ("grade", "C", "B"),
    ]
    assert {each.cause for each in found.changes} == {"key.toml changed"}
    assert (found.changed_sheets, found.sheets, found.new) == (1, 1, 0)


def test_unsettled_and_absent_are_no_numbers() -> None:
    before, now = standing({"1": Unsettled(("smudged",))}), standing({"1": Absent()}, Absent())
    assert told(compared(before, now, KEY_1, KEY_2).changes)[0] == ("question 1", "open", "AB")


def test_the_same_points_for_another_reason_are_no_change() -> None:
    before, now = standing({"1": Unsettled(("smudged",))}), standing({"1": Unsettled(("unsure",))})
    assert compared(before, now, KEY_1, KEY_2).changes == ()


@pytest.mark.parametrize(
    ("digest", "rules", "cause"),
    [
        ("same", KEY_2, "key.toml changed"),
        ("other", KEY_2, f"key.toml changed; {READINGS}"),
        ("other", KEY_1, READINGS),
        ("same", KEY_1, PROGRAM),
    ],
)
def test_rules_and_readings_are_told_apart(digest: str, rules: Rules, cause: str) -> None:
    before, now = standing({}, Decimal(5)), standing({}, Decimal(7), digest=digest)
    assert {each.cause for each in compared(before, now, KEY_1, rules).changes} == {cause}


def test_of_several_rules_those_are_named_that_can_change_a_thing() -> None:
    before, now = standing({}, Decimal(5)), standing({}, Decimal(7), "2")
    found = compared(before, now, KEY_2, NEW_ROSTER)
    assert {each.what: each.cause for each in found.changes} == {
        "candidate": "roster.csv is new",
        "section A": "key.toml changed",
        "total": "key.toml changed",
    }


def test_another_sheet_can_change_who_wrote_this_one() -> None:
    before, now = standing({}, Decimal(5)), standing({}, Decimal(5), "")
    (change,) = compared(before, now, KEY_1, KEY_1).changes
    assert (change.before, change.after, change.cause) == ("1", "", OTHERS)


def test_a_new_sheet_is_no_change_and_one_that_is_gone_is() -> None:
    one, other = standing({}, Decimal(5)), standing({}, Decimal(6), sheet="b")
    assert compared(one, one | other, KEY_1, KEY_2).changes == ()
    found = compared(one | other, one, KEY_1, KEY_2)
    assert {(each.sheet, each.cause) for each in found.changes} == {("b", GONE)}
    assert ("total", "6", "") in told(found.changes)


def test_the_first_key_changes_nobody_who_had_no_total_before() -> None:
    before = standing({}, None)
    now = standing({"1": Decimal(2)}, Decimal(2), grade="C")
    assert compared(before, now, NO_KEY, KEY_1).changes == ()


def test_the_first_key_that_makes_another_total_of_added_marks_is_a_change() -> None:
    before = standing({"1": Decimal(2)}, Decimal(2))
    now = standing({"1": Decimal(4)}, Decimal(4), grade="C")
    assert told(compared(before, now, NO_KEY, KEY_1).changes) == [
        ("question 1", "2", "4"),
        ("section A", "2", "4"),
        ("total", "2", "4"),
    ]


def test_the_first_key_that_settles_what_was_open_or_opens_what_was_settled_is_a_change() -> None:
    before = standing({"1": Unsettled(("blank",)), "2": Decimal(3)})
    now = standing({"1": Decimal(0), "2": Unsettled(("above its maximum",))})
    assert told(compared(before, now, NO_KEY, KEY_1).changes) == [
        ("question 1", "open", "0"),
        ("question 2", "3", "open"),
    ]


@pytest.mark.parametrize("before", ["matched", "doubled", "not on the roster"])
@pytest.mark.parametrize("after", ["matched", "doubled", "not on the roster", ""])
def test_a_number_that_joins_or_leaves_the_class_list_is_told(before: str, after: str) -> None:
    was, now = (standing({}, Decimal(5), whose=whose) for whose in (before, after))
    found = compared(was, now, KEY_1, NEW_ROSTER).changes
    expected = [("whose it is", before, after)] if after and before != after else []
    assert told(found) == expected
    assert {each.cause for each in found} == ({"roster.csv is new"} if expected else set())


def one_candidate(was: Overall, now: Overall, before: dict[str, Standing], after: dict[str, Standing]) -> Comparison:
    return compare(State(KEY_1, before, {"1": was}), State(KEY_2, after, {"1": now}))


def test_an_overall_result_that_no_sheet_tells_is_told() -> None:
    sheet = standing({"1": Decimal(5)}, Decimal(5))
    found = one_candidate(Overall("50", "100", "P"), Overall("50", "90", "F"), sheet, sheet)
    assert [(each.sheet, each.candidate, each.what, each.before, each.after, each.cause) for each in found.changes] == [
        ("", "1", "overall maximum", "100", "90", "key.toml changed"),
        ("", "1", "overall grade", "P", "F", "key.toml changed"),
    ]
    assert (found.changed_sheets, found.changed_overall) == (0, 1)


def test_an_overall_result_that_a_sheet_tells_is_not_told_twice() -> None:
    was, now = standing({}, Decimal(5), grade="P"), standing({}, Decimal(4), grade="F")
    found = one_candidate(Overall("5", "20", "P"), Overall("4", "20", "F"), was, now)
    assert {each.sheet for each in found.changes} == {"a"}
    found = one_candidate(Overall("50", "20", "P"), Overall("40", "20", "F"), was, now)
    assert told(found.changes)[-1] == ("overall total", "50", "40")


def test_another_sheet_of_the_candidate_is_named_as_the_cause() -> None:
    was, now = standing({}, Decimal(5)), standing({}, Decimal(5)) | standing({}, Decimal(3), sheet="b")
    (change,) = one_candidate(Overall("open"), Overall("8"), was, now).changes
    assert change.cause == f"key.toml changed; {OTHER_SHEETS}"


def test_who_had_nothing_that_was_remembered_has_no_changed_overall_result() -> None:
    sheet = standing({}, Decimal(5))
    for before in (None, {}):
        now = State(KEY_2, sheet, {"1": Overall("5")})
        assert compare(State(KEY_1, sheet, before), now).changes == ()
    first = compare(State(NO_KEY, sheet, {"1": Overall("open")}), State(KEY_1, sheet, {"1": Overall("5", "9", "P")}))
    assert first.changes == ()


def test_the_digest_follows_what_is_read_and_said_and_not_what_is_decided_of_it() -> None:
    row = field_row(page_row("marks"), marks_template().pages[0].fields[2], None)
    decided = replace(
        row,
        decision=Decision("q1", ValueState.VALUE, "7", "7", 0.99, None, ""),
        settled_by=Settler.SUM,
        revision="another",
    )
    assert digest_of([row]) == digest_of([decided])
    said = Correction(row.key, ValueState.VALUE, "7", "", "1", "digits-1", "A. Clerk", NOON, "workbook")
    doubted = replace(row, decision=Decision("q1", ValueState.UNSETTLED, "", "7", 0.99, Flag.DOUBTED, "doubted"))
    read_anew = replace(row, values=row.values[::-1])
    others = {digest_of([each]) for each in (row, replace(row, correction=said), doubted, read_anew)}
    assert len(others) == 4
    assert digest_of([row, replace(row, key="z")]) == digest_of([replace(row, key="z"), row])


def test_settings_are_compared_one_by_one_and_new_ones_did_not_change() -> None:
    before = Rules({}, {"marks.dash": "zero", "gone": "1"})
    assert Rules({}, {"marks.dash": "unsettled", "new": "2"}).changed_from(before) == (
        "exam.toml: marks.dash was zero, is unsettled",
    )
    assert Rules({}, {"marks.dash": "zero", "new": "2"}).changed_from(before) == ()
