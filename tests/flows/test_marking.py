"""Whole sheets, candidates, changes and statistics: what the table of cases does not show."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.candidate_marks import NO_SHEET
from flows.key import Key, plain_key
from flows.key_files import parse_key
from flows.marking import candidate_results, changes, doubted_by_key, mark_sheets, void_cells
from flows.records import Correction
from flows.results import Absent, MarkChange, Match, Matching, MatchStatus, SheetResult, Unsettled
from flows.roster import Candidate
from flows.settling import SettledSheet, settle_sheets, without_doubts
from flows.statistics import question_statistics
from flows.worth import HALF_ABSENT, MarkRule
from recognizer.records import ValueState
from recognizer.template import SheetTemplate, parse_template
from tests.helpers.exam_rows import (
    answers_template,
    extra_template,
    fields_of_page,
    marks_fields,
    marks_template,
    page_row,
)
from tests.helpers.marking_cases import template_for

RULE = MarkRule()
TEMPLATES = (marks_template(), answers_template(), extra_template())
ADA, BOB = Candidate("00123456", "Ada", 2), Candidate("00123457", "Bob", 3)


def sheets_of(*marks: Sequence[str | None], total: str | None = "9", rule: MarkRule = RULE) -> tuple[SettledSheet, ...]:
    pages = [page_row("marks", number) for number in range(1, len(marks) + 1)]
    rows = [row for page, each in zip(pages, marks, strict=True) for row in marks_fields(page, "1", each, total)]
    return settle_sheets(rows, pages, TEMPLATES, rule)


def results_of(*marks: Sequence[str | None], key: Key | None = None) -> tuple[SheetResult, ...]:
    return mark_sheets(sheets_of(*marks), key, RULE, {}, TEMPLATES)


MARK = st.sampled_from(["", "-", "AB", "0", "0.5", "2.5", "7", "10", None])


@given(
    st.lists(MARK, min_size=3, max_size=3),
    st.sampled_from(["", "9", "AB", None]),
    st.sampled_from(["unsettled", "zero", "not_attempted"]),
    st.sampled_from(["no_total", "zero", "unsettled"]),
)
def test_without_a_key_a_sheet_is_worth_what_its_marks_add_up_to(
    marks: list[str | None], total: str | None, blank: str, absent: str
) -> None:
    rule = MarkRule(blank, "zero", absent)  # type: ignore[arg-type]
    (sheet,) = sheets_of(marks, total=total, rule=rule)
    (result,) = mark_sheets([sheet], None, rule, {}, TEMPLATES)
    assert result.maximum == 30
    if isinstance(sheet.total, Unsettled):
        assert isinstance(result.total, Unsettled)
        assert set(result.total.reasons) == set(sheet.total.reasons)
    else:
        assert result.total == sheet.total


def test_an_ab_that_a_person_confirmed_beside_marks_leaves_no_total() -> None:
    page = page_row("marks")
    said = Correction("k", ValueState.VALUE, "AB", "", "7", "m", "A. Clerk", datetime(2026, 1, 2, tzinfo=UTC), "typed")
    written = {"candidate": "1", "q1": "7", "q2": "8", "q3": "9", "total": "AB"}
    rows = fields_of_page(page, marks_template(), written, {"total": said})
    sheets = settle_sheets(rows, [page], TEMPLATES, RULE)
    (result,) = mark_sheets(sheets, None, RULE, {}, TEMPLATES)
    assert sheets[0].total == result.total == Absent()
    assert result.questions[0].points == 7


def test_sheets_that_no_rule_marks_have_no_result() -> None:
    pages = [page_row("marks"), page_row("extra", 2, file="b.pdf")]
    rows = [*marks_fields(pages[0], "1", ["1", "2", "3"], "6")]
    sheets = settle_sheets(rows, pages, TEMPLATES, RULE)
    assert [each.template for each in mark_sheets(sheets, None, RULE, {}, TEMPLATES)] == ["marks"]
    (stranger,) = mark_sheets(sheets[:1], Key(()), RULE, {})
    assert stranger.total == Unsettled(("the template of this sheet is not named in exam.toml",))


def test_an_unsettled_question_says_why_wherever_it_is_summed() -> None:
    key = parse_key('paper = [{ template = "marks", section = [{ name = "A", questions = "1-2" }] }]', TEMPLATES)
    (result,) = results_of(["7", None, "2.5"], key=key)
    reason = "2 (max 10): it may be 7 or 1"
    assert result.questions[1].points == Unsettled((reason,))
    assert result.questions[1].why == reason
    assert result.questions[1].attempted is None
    assert result.sections[0].points == result.total == Unsettled((reason,))


def test_pages_of_two_template_versions_leave_the_printed_version_open() -> None:
    template = template_for(["c1"])
    text = (
        'paper = [{ question = [{ question = "c1", answer = "A" }], '
        'version = [{ name = "A", template_versions = [1] }, { name = "B", template_versions = [2] }] }]'
    )
    key = parse_key(text, (template,))
    page = page_row("cases")
    (sheet,) = settle_sheets(fields_of_page(page, template, {"c1": "A"}), [page], [template], RULE)
    (good,) = mark_sheets([sheet], key, RULE, {})
    assert (good.version, good.total) == ("A", 1)
    (odd,) = mark_sheets([replace(sheet, pages=(page, page_row("cases", template_version=2)))], key, RULE, {})
    assert isinstance(odd.total, Unsettled)
    assert "different versions" in odd.total.reasons[0]


def test_settled_marks_that_the_key_cannot_take_are_named_for_a_person() -> None:
    key = parse_key(
        'paper = [{ template = "marks", question = [{ question = "1", maximum = 8 }, { question = "2", step = 1 }, '
        '{ question = "3", maximum = 2, void = "nobody" }] }]',
        TEMPLATES,
    )
    sheets = sheets_of(["8.5", "7.5", "9"], ["8", "7", None], ["AB", "", "-"])
    assert doubted_by_key(sheets, key, RULE) == {
        "9f2c41d07ab3-1-q1": "1 (max 10): 8.5 is more than its maximum, 8",
        "9f2c41d07ab3-1-q2": "2 (max 10): 7.5 is no multiple of 1",
    }
    template = template_for(["c1", "v1"])
    text = (
        'paper = [{ version_field = "v1", question = [{ question = "c1", answer = "A" }], '
        'version = [{ name = "A" }, { name = "B" }] }]'
    )
    pages = [page_row("cases", number) for number in (1, 2, 3)]
    rows = [
        row
        for page, version in zip(pages, ("", None, "A"), strict=True)
        for row in fields_of_page(page, template, {"c1": "A", "v1": version})
    ]
    sheets = settle_sheets(rows, pages, [template], RULE)
    assert doubted_by_key(sheets, parse_key(text, (template,)), RULE) == {
        "9f2c41d07ab3-1-v1": "the printed version is not known: nothing is marked in v1"
    }


def test_an_ab_for_an_answer_beside_marks_is_for_a_person() -> None:
    template = answers_with_absence()
    key = parse_key('paper = [{ question = [{ question = "n", answer = "5" }] }]', (template,))
    pages = [page_row("absence", number) for number in (1, 2)]
    said = Correction("k", ValueState.VALUE, "AB", "", "5", "m", "A. Clerk", datetime(2026, 1, 2, tzinfo=UTC), "typed")
    written = {"n": "AB", "a": "7"}
    rows = [*fields_of_page(pages[0], template, written), *fields_of_page(pages[1], template, written, {"n": said})]
    sheets = settle_sheets(rows, pages, [template], RULE)
    doubted, confirmed = mark_sheets(sheets, key, RULE, {})
    assert doubted.total == Unsettled((f"n: {HALF_ABSENT}",))
    assert confirmed.total == Absent()
    assert doubted_by_key(sheets, key, RULE) == {"9f2c41d07ab3-1-n": f"n: {HALF_ABSENT}"}


def answers_with_absence() -> SheetTemplate:
    place = (
        '[[page.field]]\nname = "{0}"\nquestion = "{0}"\nkind = "number"\nx = 30\ny = {1}\nwidth = 18\nheight = 11\n'
    )
    number = "minimum = 0\nmaximum = 10\nstep = 1\nabsent = true\n"
    fields = place.format("n", 50) + 'role = "answer"\n' + number + place.format("a", 80) + 'role = "mark"\n' + number
    return parse_template(f'name = "absence"\n[[page]]\n{fields}')


def matching(*found: tuple[str, str, str], status: MatchStatus = MatchStatus.MATCHED) -> Matching:
    return Matching(tuple(Match(sheet, template, status, id) for sheet, template, id in found))


def sheet_result(sheet: str, template: str, total: object, maximum: str = "10", grade: str = "") -> SheetResult:
    return SheetResult(sheet, template, "", "", (), (), total, Decimal(maximum), grade)  # type: ignore[arg-type]


def test_candidates_have_the_sum_over_their_papers() -> None:
    results = [
        sheet_result("m1", "marks", Decimal("7.5"), grade="B"),
        sheet_result("a1", "answers", Decimal("2.25"), "3"),
    ]
    found = candidate_results(
        results, matching(("m1", "marks", "00123456"), ("a1", "answers", "00123456")), [ADA, BOB], Key(())
    )
    assert [each.candidate for each in found] == [ADA, BOB]
    assert (found[0].total, found[0].maximum, found[0].grade) == (Decimal("9.75"), 13, "")
    assert found[0].sheets == {"marks": ("m1",), "answers": ("a1",)}
    assert found[1].total == Unsettled((NO_SHEET,)), "without a sheet nobody knows; it is not zero"
    alone = candidate_results(results[:1], matching(("m1", "marks", "00123456")), [ADA], Key(()))
    assert (alone[0].total, alone[0].grade) == (Decimal("7.5"), "B")


@pytest.mark.parametrize(
    ("other", "total", "why"),
    [
        (Unsettled(("4: smudged",)), Unsettled(("4: smudged",)), "4: smudged"),
        (Absent(), Absent(), "absent (AB) in answers"),
    ],
)
def test_one_open_or_absent_paper_goes_for_the_candidate(other: object, total: object, why: str) -> None:
    results = [sheet_result("m1", "marks", Decimal(7)), sheet_result("a1", "answers", other)]
    (found,) = candidate_results(
        results, matching(("m1", "marks", "00123456"), ("a1", "answers", "00123456")), [ADA], Key(())
    )
    assert (found.total, found.why) == (total, why)


def test_two_sheets_of_one_paper_leave_the_candidate_open() -> None:
    results = [sheet_result("m1", "marks", Decimal(7)), sheet_result("m2", "marks", Decimal(7))]
    both = matching(("m1", "marks", "00123456"), ("m2", "marks", "00123456"), status=MatchStatus.DOUBLED)
    (found,) = candidate_results(results, both, [ADA], Key(()))
    assert found.total == Unsettled(("2 sheets of marks: m1, m2",))


def test_a_sheet_off_the_roster_or_unsure_is_nobodys() -> None:
    result = [sheet_result("m1", "marks", Decimal(7))]
    off = matching(("m1", "marks", "00123456"), status=MatchStatus.OFF_ROSTER)
    unsure = matching(("m1", "marks", ""), status=MatchStatus.UNSURE)
    for each in (off, unsure):
        (found,) = candidate_results(result, each, [ADA], Key(()))
        assert found.total == Unsettled((NO_SHEET,))


OVERALL = """
[overall]
weights = { marks = 60, answers = 40 }
missing = "%s"
rounding = { step = 0.5, mode = "half_up" }
[[overall.grade]]
grade = "pass"
from = 50
[[overall.grade]]
grade = "fail"
from = 0
[[paper]]
template = "answers"
[[paper.question]]
question = "1"
answer = "A"
"""


def test_papers_are_weighed_where_the_key_says_so() -> None:
    key = parse_key(OVERALL % "unsettled", TEMPLATES)
    who = matching(("m1", "marks", "00123456"), ("a1", "answers", "00123456"))
    results = [sheet_result("m1", "marks", Decimal("7.5"), "30"), sheet_result("a1", "answers", Decimal(2), "3")]
    (found,) = candidate_results(results, who, [ADA], key)
    # 60 x 7.5/30 = 15, 40 x 2/3 = 26.67: together 41.67, to halves 41.5
    assert (found.total, found.maximum, found.grade) == (Decimal("41.5"), 100, "fail")
    (half,) = candidate_results(results[:1], who, [ADA], key)
    assert half.total == Unsettled(("no sheet of answers has come",))
    (zero,) = candidate_results(results[:1], who, [ADA], parse_key(OVERALL % "zero", TEMPLATES))
    assert zero.total == 15


def test_without_a_key_sheets_of_answers_have_no_total() -> None:
    (found,) = candidate_results([], matching(("a1", "answers", "00123456")), [ADA], None)
    assert (found.total, found.maximum, found.sheets) == (None, None, {"answers": ("a1",)})


def test_a_changed_key_says_what_it_changed() -> None:
    before = results_of(["7", "8", "9"], ["1", None, "3"])
    text = (
        'paper = [{ template = "marks", question = [{ question = "1", weight = 2 }], '
        'grade = [{ grade = "P", from = 20 }, { grade = "F", from = 0 }] }]'
    )
    after = results_of(["7", "8", "9"], ["1", None, "3"], key=parse_key(text, TEMPLATES))
    after = (replace(after[0], candidate="00123456"), after[1])
    assert changes(before, after) == (
        MarkChange("marks#00001", "00123456", "candidate", "", "00123456"),
        MarkChange("marks#00001", "00123456", "question 1", "7", "14"),
        MarkChange("marks#00001", "00123456", "total", "24", "31"),
        MarkChange("marks#00001", "00123456", "maximum", "30", "40"),
        MarkChange("marks#00001", "00123456", "grade", "", "P"),
        MarkChange("marks#00002", "", "question 1", "1", "2"),
        MarkChange("marks#00002", "", "maximum", "30", "40"),
    )
    assert changes(after, after) == ()
    gone = changes(before[:1], ())
    assert MarkChange("marks#00001", "", "total", "24", "") in gone
    settled = changes(results_of(["1", None, "3"]), results_of(["AB", "AB", ""]))
    assert [(each.what, each.before, each.after) for each in settled] == [
        ("question 1", "1", "AB"),
        ("question 2", "open", "AB"),
        ("question 3", "3", "AB"),
        ("total", "open", "AB"),
    ]


def test_statistics_count_what_is_settled() -> None:
    results = results_of(["7", "8", "-"], ["4", None, "3"], ["AB", "AB", ""], ["0", "1", "2"])
    first, second, third = question_statistics(results)
    assert (first.settled, first.unsettled, first.absent, first.attempted) == (3, 0, 1, 3)
    # 7 + 4 + 0 are 11; a third of it is 3.67, of 10 points 0.37
    assert (first.mean, first.facility) == (Decimal("3.666667"), Decimal("0.366667"))
    assert (second.settled, second.unsettled, second.absent) == (2, 1, 1)
    assert second.mean == Decimal("4.5")
    assert third.attempted == 3
    assert (third.template, third.question, third.maximum, third.options) == ("marks", "3", 10, {})


def test_who_was_absent_has_no_zero_in_the_statistics_of_answers() -> None:
    template = template_for(["c1", "a1"])
    key = parse_key('paper = [{ question = [{ question = "c1", answer = "A" }] }]', (template,))
    pages = [page_row("cases", number) for number in (1, 2, 3, 4)]
    rows = [
        row
        for page, (answer, mark) in zip(pages, [("A", "7"), ("A", "8"), ("", "AB"), ("", "AB")], strict=True)
        for row in fields_of_page(page, template, {"c1": answer, "a1": mark})
    ]
    results = mark_sheets(settle_sheets(rows, pages, [template], RULE), key, RULE, {})
    choice, mark = question_statistics(results, key)
    assert (choice.settled, choice.absent, choice.mean, choice.facility) == (2, 2, Decimal(1), Decimal(1))
    assert (mark.settled, mark.absent, mark.mean) == (2, 2, Decimal("7.5"))


def test_statistics_of_nothing_settled_know_no_mean() -> None:
    (one, *_) = question_statistics(results_of([None, None, None]))
    assert (one.settled, one.unsettled, one.mean, one.facility) == (0, 1, None, None)


def test_statistics_count_options_in_the_letters_of_the_key() -> None:
    template = template_for(["m1", "v1"])
    text = (
        'paper = [{ version_field = "v1", question = [{ question = "m1", answer = "A+C" }], version = [{ name = "A" }, '
        '{ name = "B", options = "B A C D E" }] }]'
    )
    key = parse_key(text, (template,))
    pages = [page_row("cases", number) for number in (1, 2, 3, 4)]
    written = [("A+C", "A"), ("B+C", "B"), ("", "A"), ("D", None)]
    rows = [
        row
        for page, (answer, version) in zip(pages, written, strict=True)
        for row in fields_of_page(page, template, {"m1": answer, "v1": version})
    ]
    results = mark_sheets(settle_sheets(rows, pages, [template], RULE), key, RULE, {})
    (found,) = question_statistics(results, key)
    assert found.options == {"A": 2, "B": 0, "C": 2, "D": 0, "E": 0}
    assert (found.settled, found.attempted, found.unsettled, found.mean) == (3, 2, 1, Decimal("0.666667"))


def test_a_plain_key_is_that_of_the_templates() -> None:
    assert mark_sheets(sheets_of(["1", "2", "3"]), plain_key(TEMPLATES), RULE, {}) == results_of(["1", "2", "3"])


def test_an_awarded_mark_below_zero_is_lifted_where_the_key_says_so() -> None:
    template = parse_template(
        'name = "below"\n[[page]]\n[[page.field]]\nname = "a"\nquestion = "a"\nkind = "number"\nrole = "mark"\nx = 30\n'
        "y = 50\nwidth = 18\nheight = 11\nminimum = -5\nmaximum = 10\nstep = 1\n"
    )
    page = page_row("below")
    (sheet,) = settle_sheets(fields_of_page(page, template, {"a": "-3"}), [page], [template], RULE)
    for zero, points in (("true", 0), ("false", -3)):
        key = parse_key(f'paper = [{{ question = [{{ question = "a", minimum_zero = {zero} }}] }}]', (template,))
        (result,) = mark_sheets([sheet], key, RULE, {})
        assert (result.questions[0].points, result.total) == (points, points)


def test_a_blank_cell_of_a_void_question_that_a_person_confirmed_holds_nothing_open() -> None:
    page = page_row("marks")
    said = Correction("k", ValueState.BLANK, "", "", "7", "m", "A. Clerk", datetime(2026, 1, 2, tzinfo=UTC), "typed")
    written = {"candidate": "1", "q1": "", "q2": "8", "q3": "9", "total": "17"}
    rows = fields_of_page(page, marks_template(), written, {"q1": said})
    (sheet,) = settle_sheets(rows, [page], TEMPLATES, RULE)
    key = parse_key('paper = [{ template = "marks", question = [{ question = "1", void = "nobody" }] }]', TEMPLATES)
    assert sheet.is_open
    assert not without_doubts(sheet, void_cells([sheet], key)).is_open
