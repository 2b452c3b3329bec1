"""The benchmark of written totals: its made-up errors, and how it counts."""

from dataclasses import replace

from benchmarks.sums import by_picture, by_sums, count, misadd, review_at, watch
from flows.records import FieldRow
from flows.worth import MarkRule
from recognizer.promise import Thresholds
from recognizer.records import Flag, RankedValue
from recognizer.template import Role
from tests.helpers.exam_rows import field_row, marks_template, page_row

LIMITS = Thresholds(0.99, 0.99, 0.99)


def sheets(number: int) -> tuple[tuple[FieldRow, ...], dict[tuple[str, int, str], str]]:
    """Sheets with marks that grow, each read right and surely, but for a 1 that may be a 7 on every second one."""
    rows, truth = [], {}
    for at in range(1, number + 1):
        page = page_row("marks", at, file=f"{at}.pdf")
        written = {"q1": "7", "q2": str(at % 10), "q3": "2", "total": str(9 + at % 10)}
        for field in marks_template().pages[0].fields:
            if field.name not in written:
                continue
            sure = (RankedValue(written[field.name], 0.999),)
            values = (RankedValue("1", 0.6), RankedValue("7", 0.4)) if field.name == "q1" and at % 2 else sure
            rows.append(field_row(page, field, None, values=values))
            truth[page.file, page.number, field.name] = written[field.name]
    return tuple(rows), truth


def test_sums_send_less_to_people_and_make_no_error() -> None:
    rows, truth = sheets(10)
    alone = by_picture(rows, 0.99)
    assert count(alone, truth).review == 5 / 40
    joint = count(by_sums(alone, marks_template(), LIMITS, MarkRule()), truth)
    assert (joint.review, joint.wrong, joint.per_thousand) == (0.0, 0, 0.0)


def test_a_threshold_decides_as_the_judge_does() -> None:
    rows, truth = sheets(2)
    loose = count(by_picture(rows, 0.5), truth)
    assert (loose.accepted, loose.wrong) == (8, 1)
    blank = replace(rows[0], values=(RankedValue("", 0.9999),))
    assert by_picture([blank], 0.5)[0].decision.flag is Flag.BLANK_MARK


def test_wrong_totals_are_told_from_the_truth_and_noticed() -> None:
    rows, truth = sheets(40)
    changed, new_truth, chosen = misadd(by_picture(rows, 0.99), truth, 0.2, 1)
    assert len(chosen) == 8
    differ = {
        row.sheet
        for row in rows
        if truth[row.file, row.page_number, row.field] != new_truth[row.file, row.page_number, row.field]
    }
    assert differ == chosen
    assert {row.sheet for row, old in zip(changed, rows, strict=True) if row.values != old.values} <= chosen
    totals = [row for row in changed if row.role is Role.TOTAL and row.sheet in chosen]
    assert all(row.values[0].value == new_truth[row.file, row.page_number, row.field] for row in totals)
    found = watch(changed, new_truth, chosen, lambda some: by_sums(some, marks_template(), LIMITS, MarkRule()))
    assert (found.sheets, found.unnoticed, found.wrong) == (8, 0, 0)


def test_without_sums_they_show_only_when_all_is_settled() -> None:
    rows, truth = sheets(40)
    changed, new_truth, chosen = misadd(by_picture(rows, 0.99), truth, 0.2, 1)
    found = watch(changed, new_truth, chosen, lambda some: some)
    assert (found.at_once, found.later) == (0, 8)


def test_review_at_an_error_is_the_least_that_keeps_it() -> None:
    rows, truth = sheets(10)
    curve = [count(by_picture(rows, at), truth) for at in (0.5, 0.99)]
    assert review_at(curve, 1000.0) == 0.0
    assert review_at(curve, 1.0) == 5 / 40
    assert review_at([], 1.0) == 1.0
