"""Unsettled is never zero: what a candidate sheet is worth, and when nobody knows yet."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.records import Correction, FieldRow, PageRow
from flows.results import Absent, Unsettled
from flows.settling import SettledSheet, settle_sheets
from flows.worth import MarkRule, Part, sum_settled
from recognizer.records import PageOutcomeKind, ValueState
from recognizer.template import Kind
from recognizer.values import format_number
from tests.helpers.exam_rows import (
    answers_template,
    failed_page,
    fields_of_page,
    marks_fields,
    marks_template,
    page_row,
)

RULES = [MarkRule(blank, dash) for blank in ("unsettled", "zero") for dash in ("unsettled", "zero")]


def said(key: str, value: str) -> Correction:
    state = ValueState.VALUE if value else ValueState.BLANK
    return Correction(key, state, value, "", "7", "digits-1", "A. Clerk", datetime(2026, 1, 2, tzinfo=UTC), "workbook")


def settle(fields: list[FieldRow], pages: list[PageRow], rule: MarkRule | None = None) -> tuple[SettledSheet, ...]:
    return settle_sheets(fields, pages, (marks_template(), answers_template()), rule or MarkRule())


def total_of(
    *marks: str | None, rule: MarkRule | None = None, written: str | None = "9"
) -> Decimal | Absent | Unsettled | None:
    page = page_row("marks")
    return settle(marks_fields(page, "00123456", marks, written), [page], rule)[0].total


def test_marks_add_up_exactly() -> None:
    assert total_of("0.1", "0.2", "2.5") == Decimal("2.8")


def test_one_unsettled_mark_leaves_the_total_unsettled_and_says_which() -> None:
    assert total_of("7", None, "2.5") == Unsettled(("2 (max 10): it may be 7 or 1",))


def test_a_dash_is_worth_what_the_exam_says() -> None:
    assert total_of("7", "-", "2.5") == Decimal("9.5")
    unsettled = total_of("7", "-", "2.5", rule=MarkRule(dash="unsettled"))
    assert isinstance(unsettled, Unsettled)


def test_a_blank_mark_is_worth_nothing_only_if_the_exam_says_so() -> None:
    assert isinstance(total_of("7", "", "2.5"), Unsettled)
    assert total_of("7", "", "2.5", rule=MarkRule(blank="zero")) == Decimal("9.5")


def test_an_absent_candidate_has_no_total_which_is_neither_zero_nor_unsettled() -> None:
    assert total_of("AB", "AB", "AB") == Absent()
    assert total_of("AB", "", "-") == Absent(), "beside an AB nobody need say what a blank is worth"
    assert total_of("", "", "", written="AB") == Absent(), "AB for a total goes for the whole sheet"
    assert isinstance(total_of("AB", None, "AB"), Unsettled), "what cannot be read may be a mark"


def test_an_absent_mark_counts_as_nothing_only_if_the_exam_says_so() -> None:
    assert total_of("7", "AB", "2.5", rule=MarkRule(absent="zero")) == Decimal("9.5")
    assert isinstance(total_of("AB", "AB", "AB", rule=MarkRule(absent="unsettled")), Unsettled)
    assert isinstance(total_of("AB", "", "2.5", rule=MarkRule(absent="zero")), Unsettled)


@pytest.mark.parametrize(
    ("marks", "total", "doubted"),
    [(["AB", "4", "-"], "4", ["q1"]), (["AB", "0", "AB"], "", ["q1", "q3"]), (["3", "4", "5"], "AB", ["total"])],
)
def test_marks_beside_an_ab_contradict_it(marks: list[str | None], total: str, doubted: list[str]) -> None:
    (sheet,) = settled_sheets(("00123456", marks, total))
    assert isinstance(sheet.total, Unsettled)
    assert [key.rpartition("-")[2] for key in sheet.open_keys] == doubted
    assert all("absent (AB)" in why for why in sheet.doubts.values())


def test_an_ab_beside_marks_stands_once_a_person_has_confirmed_it() -> None:
    page = page_row("marks")
    fields = marks_fields(page, "00123456", ["AB", "4", "-"], "")
    confirmed = [replace(row, correction=said(row.key, "AB")) if row.field == "q1" else row for row in fields]
    (sheet,) = settle(confirmed, [page])
    assert (sheet.total, sheet.is_open) == (Absent(), False)


def test_a_total_written_beside_an_ab_is_remarked() -> None:
    (sheet,) = settled_sheets(("00123456", ["AB", "AB", "AB"], "0"))
    assert sheet.total == Absent()
    assert sheet.remarks == ("absent (AB), but a total of 0 is written",)
    assert [key.rpartition("-")[2] for key in sheet.questioned] == ["q1", "q2", "q3", "total"]


def test_a_correction_settles_a_mark() -> None:
    page = page_row("marks")
    fields = [
        replace(row, correction=said(row.key, "1")) if row.field == "q2" else row
        for row in marks_fields(page, "00123456", ["7", None, "2.5"], "9")
    ]
    (sheet,) = settle(fields, [page])
    assert sheet.total == Decimal("10.5")
    assert sheet.open_keys == ()
    assert sheet.parts["q2"].correction == said("9f2c41d07ab3-1-q2", "1")


marks = st.one_of(
    st.just(None),
    st.just(""),
    st.just("-"),
    st.integers(0, 20).map(lambda halves: format_number(Decimal(halves) / 2)),
    st.integers(0, 10_000).map(lambda thousandths: format_number(Decimal(thousandths) / 1000)),
)


def settled(mark: str | None, rule: MarkRule) -> bool:
    return mark is not None and (mark != "" or rule.blank == "zero") and (mark != "-" or rule.dash == "zero")


@given(st.lists(marks, max_size=14), st.sampled_from(RULES))
def test_a_total_is_known_exactly_when_every_part_is(written: list[str | None], rule: MarkRule) -> None:
    states = [
        Part("q", ValueState.UNSETTLED, why="smudged")
        if mark is None
        else Part("q", ValueState.VALUE if mark else ValueState.BLANK, mark)
        for mark in written
    ]
    total = sum_settled(states, rule)
    if all(settled(mark, rule) for mark in written):
        assert total == sum((Decimal(mark) for mark in written if mark not in (None, "", "-")), Decimal(0))
    else:
        assert isinstance(total, Unsettled)
        assert len(total.reasons) == sum(not settled(mark, rule) for mark in written)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e3", "A", "007"])
def test_what_is_no_canonical_number_is_not_added(text: str) -> None:
    assert isinstance(sum_settled([Part("q", ValueState.VALUE, text)], MarkRule()), Unsettled)


def test_pages_of_one_sheet_come_together_and_a_missing_one_is_named() -> None:
    template = answers_template()
    first = page_row("answers", 1, sheet="answers#00001", template_page=1)
    second = page_row("answers", 2, sheet="answers#00001", template_page=2)
    alone = page_row("answers", 3, sheet="answers#00002", template_page=2)
    fields = [
        *fields_of_page(first, template, {"candidate": "00123456", "grid": "00123456"}),
        *fields_of_page(second, template, {"a1": "B", "n2": "-2.5"}),
        *fields_of_page(alone, template, {"a1": "C", "n2": ""}),
    ]
    whole, half = settle(fields, [first, second, alone])
    assert (whole.identity.value, whole.parts["a1"].value, whole.remarks) == ("00123456", "B", ())
    assert whole.total is None
    assert half.identity.state is ValueState.UNSETTLED
    assert half.remarks == ("page 1 of the sheet has not come",)
    assert half.parts["n2"].state is ValueState.BLANK


def test_a_missing_page_with_marks_leaves_the_total_open() -> None:
    (sheet,) = settle([], [page_row("marks", template_page=2)])
    assert isinstance(sheet.total, Unsettled)
    assert sheet.remarks == ("page 1 of the sheet has not come",)


def test_a_mark_that_the_exam_does_not_count_is_open_until_a_person_has_seen_it() -> None:
    page = page_row("marks")
    fields = marks_fields(page, "00123456", ["7", "", "-"], "9")
    rule = MarkRule(dash="unsettled")
    (sheet,) = settle(fields, [page], rule)
    assert sheet.open_keys == ("9f2c41d07ab3-1-q2", "9f2c41d07ab3-1-q3")
    assert "marks.blank" in sheet.doubts["9f2c41d07ab3-1-q2"]
    assert "marks.dash" in sheet.doubts["9f2c41d07ab3-1-q3"]
    seen = [replace(row, correction=said(row.key, "")) if row.field == "q2" else row for row in fields]
    (sheet,) = settle(seen, [page], rule)
    assert sheet.open_keys == ("9f2c41d07ab3-1-q3",)
    assert isinstance(sheet.total, Unsettled)
    assert any("2 (max 10)" in remark for remark in sheet.remarks)


def test_ids_that_disagree_are_both_open() -> None:
    page = page_row("answers", sheet="answers#00001")
    fields = fields_of_page(page, answers_template(), {"candidate": "00123456", "grid": "00123457"})
    (sheet,) = settle(fields, [page])
    assert sheet.identity.state is ValueState.UNSETTLED
    assert sheet.identity.disputed == sheet.open_keys == ("9f2c41d07ab3-1-candidate", "9f2c41d07ab3-1-grid")
    assert "candidate" in sheet.identity.why


def test_a_blank_grid_does_not_contradict_a_written_id() -> None:
    page = page_row("answers", sheet="answers#00001")
    fields = fields_of_page(page, answers_template(), {"candidate": "00123456", "grid": ""})
    assert settle(fields, [page])[0].identity.value == "00123456"


def test_a_page_that_came_twice_settles_nothing() -> None:
    pages = [page_row("marks", number, sheet="marks#00001") for number in (1, 2)]
    fields = [row for page in pages for row in marks_fields(page, "00123456", ["1", "2", "3"], "6")]
    (sheet,) = settle(fields, pages)
    assert isinstance(sheet.total, Unsettled)
    assert sheet.remarks == ("one page came 2 times: a.pdf page 1, a.pdf page 2",)


def test_a_template_that_the_exam_no_longer_names_keeps_its_readings_but_no_total() -> None:
    page = page_row("marks")
    fields = marks_fields(page, "00123456", ["1", "2", "3"], "6")
    (sheet,) = settle_sheets(fields, [page], (), MarkRule())
    assert isinstance(sheet.total, Unsettled)
    assert sheet.parts["q2"].value == "2"
    assert sheet.remarks == ("the template of this sheet is not named in exam.toml",)


def test_pages_that_were_not_read_and_pictures_for_people_are_no_part_of_a_sheet() -> None:
    page = page_row("marks")
    pages = [page, failed_page(2, PageOutcomeKind.FAILED, "no marks"), failed_page(3, PageOutcomeKind.HELD, "again")]
    (sheet,) = settle(marks_fields(page, "00123456", ["1", "2", "3"], "6"), pages)
    assert list(sheet.parts) == ["candidate", "q1", "q2", "q3", "total"]
    assert all(
        field.kind is not Kind.IMAGE or field.name not in sheet.parts for field in marks_template().pages[0].fields
    )


def settled_sheets(
    *written: tuple[str | None, list[str | None], str | None], roster: tuple[str, ...] = ()
) -> list[SettledSheet]:
    """One sheet each for a candidate, the marks, and the written total."""
    pages = [page_row("marks", number) for number in range(1, len(written) + 1)]
    fields = [row for page, what in zip(pages, written, strict=True) for row in marks_fields(page, *what)]
    return list(settle_sheets(fields, pages, (marks_template(),), MarkRule(), roster))


def test_a_written_total_that_is_not_the_sum_keeps_the_sheet_open_and_changes_nothing() -> None:
    (sheet,) = settled_sheets(("00123456", ["5", "7.5", "2.5"], "9"))
    assert sheet.remarks == ("the marks add up to 15, 9 is written",)
    assert sheet.is_open
    assert (sheet.total, sheet.parts["total"].value, sheet.open_keys) == (Decimal(15), "9", ())
    assert [key.rpartition("-")[2] for key in sheet.questioned] == ["q1", "q2", "q3", "total"]


@pytest.mark.parametrize(
    ("marks", "total"),
    [(["5", "7.5", "2.5"], "15"), (["5", None, "2.5"], "9"), (["5", "7.5", "2.5"], ""), (["5", "7.5", "2.5"], None)],
)
def test_totals_that_agree_or_that_nobody_knows_are_not_remarked(marks: list[str | None], total: str | None) -> None:
    (sheet,) = settled_sheets(("00123456", marks, total))
    assert (sheet.remarks, sheet.questioned) == ((), {})


def test_an_id_on_two_sheets_of_one_kind_is_said_on_both() -> None:
    whole: tuple[list[str | None], str] = (["1", "2", "3"], "6")
    first, second, third, unknown = settled_sheets(
        ("00123456", *whole), ("00123456", *whole), ("00123457", *whole), (None, *whole)
    )
    assert first.remarks == ("id 00123456 also stands on sheet marks#00002",)
    assert second.remarks == ("id 00123456 also stands on sheet marks#00001",)
    assert list(second.questioned) == ["9f2c41d07ab3-2-candidate"]
    assert not third.is_open
    assert unknown.remarks == ()


def test_an_id_on_very_many_sheets_names_a_few() -> None:
    whole: tuple[list[str | None], str] = (["1", "2", "3"], "6")
    last = settled_sheets(*[("00123456", *whole)] * 12)[-1]
    assert last.remarks == ("id 00123456 also stands on sheet marks#00001, marks#00002, marks#00003 and 8 more",)


def test_a_candidate_has_one_sheet_of_each_kind() -> None:
    marks, answers = page_row("marks", 1), page_row("answers", 2)
    fields = [
        *marks_fields(marks, "00123456", ["1", "2", "3"], "6"),
        *fields_of_page(answers, answers_template(), {"candidate": "00123456", "grid": "00123456"}),
    ]
    assert [sheet.remarks for sheet in settle(fields, [marks, answers])] == [(), ("page 2 of the sheet has not come",)]


def test_an_id_that_is_not_on_the_roster_is_said_when_there_is_one() -> None:
    whole: tuple[list[str | None], str] = (["1", "2", "3"], "6")
    (sheet,) = settled_sheets(("00123456", *whole), roster=("00123457",))
    assert sheet.remarks == ("id 00123456 is not on the roster",)
    assert settled_sheets(("00123456", *whole), roster=("00123456",))[0].remarks == ()
    assert settled_sheets(("00123456", *whole))[0].remarks == ()


def test_sheets_stand_in_the_order_in_which_they_came() -> None:
    pages = [page_row("marks", number) for number in (3, 1, 2)]
    assert [sheet.sheet for sheet in settle([], pages)] == ["marks#00003", "marks#00001", "marks#00002"]


# ---- pages of a sheet that are there twice, or not its own ---------------------------------------------------------


def test_a_sheet_says_which_of_its_pages_is_held_and_where() -> None:
    page = page_row("marks")
    held = [
        page_row("marks", number, sheet=page.sheet, serial=1, outcome=PageOutcomeKind.HELD, file="again.pdf")
        for number in (3, 4)
    ]
    (sheet,) = settle(marks_fields(page, "00123456", ["7", "1", "1"], "9"), [page, *held])
    assert sheet.remarks == (
        "page 1 was scanned more than once; held until somebody decides which counts (tallymark pages): "
        "again.pdf page 3, again.pdf page 4",
    )
    # What counts meanwhile is what was read first.
    assert (sheet.total, sheet.is_open) == (Decimal(9), True)


def test_a_page_that_was_decided_about_leaves_the_sheet_alone() -> None:
    page = page_row("marks")
    aside = page_row("marks", 3, sheet=page.sheet, serial=1, outcome=PageOutcomeKind.DUPLICATE)
    (sheet,) = settle(marks_fields(page, "00123456", ["7", "1", "1"], "9"), [page, aside])
    assert (sheet.remarks, sheet.is_open, [one.number for one in sheet.pages]) == ((), False, [1])


def test_a_sheet_says_which_page_among_its_own_is_not_its_own() -> None:
    pages = [
        page_row("answers", 1, sheet="answers#00001", template_page=1),
        failed_page(2, PageOutcomeKind.FOREIGN, "of exam bio"),
        page_row("answers", 3, sheet="answers#00001", template_page=2),
        failed_page(4, PageOutcomeKind.FOREIGN, "of exam bio"),
    ]
    (sheet,) = settle([], pages)
    assert "between its pages lies one that is foreign: a.pdf page 2" in sheet.remarks
    assert not any("page 4" in remark for remark in sheet.remarks)
