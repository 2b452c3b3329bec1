"""Extra paper joins its candidate by the settled number and by nothing else; a missing page names what may be it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.belonging import Whose, place_extras
from flows.records import Correction, FieldRow, PageRow
from flows.settling import ABSENT_FIELD, SettledSheet, settle_sheets
from flows.worth import MarkRule
from recognizer.records import PageOutcomeKind, ValueState
from tests.helpers.exam_rows import (
    answers_template,
    extra_template,
    failed_page,
    fields_of_page,
    marks_fields,
    marks_template,
    page_row,
)


def settle(*written: tuple[str, str | None], corrections: dict[int, str] | None = None) -> Sequence[SettledSheet]:
    """Settle one page each: its template and its number."""
    pages = [page_row(template, number) for number, (template, _) in enumerate(written, start=1)]
    fields: list[FieldRow] = []
    for page, (template, candidate) in zip(pages, written, strict=True):
        if template == "marks":
            fields += marks_fields(page, candidate, ["1", "2", "3"], "6")
        else:
            said = {"candidate": _said(page, value)} if (value := (corrections or {}).get(page.number)) else {}
            fields += fields_of_page(page, extra_template(), {"candidate": candidate}, said)
    return settle_sheets(fields, pages, (marks_template(), extra_template()), MarkRule())


def _said(page: PageRow, value: str) -> Correction:
    key = f"{page.scan[:12]}-{page.number}-candidate"
    return Correction(key, ValueState.VALUE, value, "", "7", "m", "Kim", datetime(2026, 1, 2, tzinfo=UTC), "workbook")


ADA, BOB = "00000001", "00000002"


def test_extra_paper_stands_beside_its_sheet() -> None:
    ada, paper, more, bob = settle(("marks", ADA), ("marks", BOB), ("extra", ADA), ("extra", ADA))
    assert [each.sheet for each in (ada, paper, more, bob)] == [
        "marks#00001",
        "extra#00003",
        "extra#00004",
        "marks#00002",
    ]
    assert (ada.extras, bob.extras) == (("extra#00003", "extra#00004"), ())
    assert (paper.extra_of, more.extra_of) == ("marks#00001", "marks#00001")
    assert not any(each.is_open for each in (ada, paper, more, bob)), (
        "two pieces of extra paper of one candidate are none too many"
    )


@pytest.mark.parametrize(
    ("written", "remark"),
    [
        ([("marks", ADA), ("extra", BOB)], "extra paper, but no sheet of 'marks' has the number 00000002"),
        (
            [("marks", ADA), ("marks", ADA), ("extra", ADA)],
            "extra paper, but 2 sheets of 'marks' have the number 00000001: marks#00001, marks#00002",
        ),
        ([("marks", ADA), ("extra", None)], "extra paper of 'marks' whose candidate number is not settled"),
        ([("marks", ADA), ("extra", "")], "extra paper of 'marks' whose candidate number is not settled"),
        ([("extra", ADA), ("extra", ADA)], "extra paper, but no sheet of 'marks' has the number 00000001"),
    ],
)
def test_extra_paper_of_nobody_in_particular_stands_alone_and_says_why(
    written: list[tuple[str, str | None]], remark: str
) -> None:
    sheets = settle(*written)
    extra = sheets[-1]
    assert (extra.extra_of, extra.remarks) == ("", (remark,))
    assert all(each.extras == () for each in sheets)


def test_a_corrected_number_joins_anew() -> None:
    written = [("marks", ADA), ("marks", BOB), ("extra", ADA)]
    assert settle(*written)[0].extras == ("extra#00003",)
    ada, bob, paper = settle(*written, corrections={3: BOB})
    assert (ada.extras, bob.extras, paper.extra_of) == ((), ("extra#00003",), "marks#00002")


@given(st.lists(st.tuples(st.sampled_from(["marks", "extra"]), st.sampled_from(["", "1", "2", "3"])), max_size=12))
def test_no_extra_paper_ever_joins_another_number(drawn: list[tuple[str, str]]) -> None:
    sheets = [Whose(f"s{at}", template, number) for at, (template, number) in enumerate(drawn)]
    by_name = {one.sheet: one for one in sheets}
    placed = place_extras(sheets, {"extra": "marks"})
    assert placed.keys() == {one.sheet for one in sheets if one.template == "extra"}
    for extra, at in placed.items():
        same = [one.sheet for one in sheets if one.template == "marks" and one.number == by_name[extra].number != ""]
        assert at.sheet == (same[0] if len(same) == 1 else "")
        assert bool(at.remark) == (not at.sheet)


# ---- missing pages ---------------------------------------------------------------------------------------------------


def remarks(*pages: PageRow) -> tuple[str, ...]:
    found = settle_sheets([], pages, (answers_template(),), MarkRule())[0].remarks
    return tuple(remark for remark in found if remark != ABSENT_FIELD)


def test_a_missing_page_names_pages_nearby_that_may_be_it() -> None:
    mine = page_row("answers", 1, sheet="answers#00001")
    blank = failed_page(2, PageOutcomeKind.BLANK, "the page is empty")
    failed = failed_page(3, PageOutcomeKind.FAILED, "no corner marks")
    far = failed_page(4, PageOutcomeKind.FAILED, "mirrored")
    assert remarks(mine, blank, failed, far) == (
        "page 2 of the sheet has not come",
        "a.pdf page 3, next to its pages, is failed: no corner marks",
    )


def test_a_whole_sheet_is_not_blamed_for_its_neighbours() -> None:
    first, second = (page_row("answers", n, sheet="answers#00001", template_page=n) for n in (1, 2))
    foreign = failed_page(3, PageOutcomeKind.FOREIGN, "another exam")
    assert remarks(first, second, foreign) == ()
    assert len(remarks(replace(first, number=2), replace(foreign, number=1))) == 2
