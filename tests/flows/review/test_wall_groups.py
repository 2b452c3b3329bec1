"""Which open fields are verified together, and in which order."""

from collections.abc import Mapping

import pytest

from flows.export.flags_sheet import FlagRow
from flows.records import FieldRow
from flows.review.wall_groups import WALL, Group, named_group, page_of, wall_groups
from recognizer.records import Decision, Flag, ValueState
from recognizer.template import SheetField
from tests.helpers.exam_rows import answers_template, field_row, marks_template, page_row

CANDIDATE, Q1, TOTAL = (marks_template().pages[0].fields[at] for at in (0, 2, 5))
TICKED = answers_template().pages[1].fields[0]


def flag(number: int, guess: str = "7", confidence: float = 0.6, field: SheetField = Q1) -> FlagRow:
    decision = Decision(field.name, ValueState.UNSETTLED, "", guess, confidence, Flag.UNSURE, "unsure")
    return FlagRow(field_row(page_row("marks", number), field, None, decision=decision), "unsure", "1", "0 to 10")


def grouped(
    *flags: FlagRow, struck: Mapping[str, str] | None = None, known: bool = True
) -> dict[str, tuple[Group, list[int]]]:
    fields = {field.name: field for field in (CANDIDATE, Q1, TOTAL, TICKED)}

    def field_of(row: FieldRow) -> SheetField | None:
        return fields[row.field] if known else None

    found = wall_groups(flags, field_of, struck or {})
    return {group.name: (group, [flag.row.page_number for flag in group.flags]) for group in found}


def test_fields_of_one_guess_stand_together_least_certain_first() -> None:
    found = grouped(flag(1, confidence=0.9), flag(2, confidence=0.2), flag(3, "1"), flag(4, confidence=0.5))
    assert {name: pages for name, (_, pages) in found.items()} == {"mark.number.7": [2, 4, 1], "mark.number.1": [3]}
    assert list(found) == ["mark.number.7", "mark.number.1"]
    group, _ = found["mark.number.7"]
    assert (group.title, group.what, group.least) == ("read as 7", "marks, in one cell", 0.2)


def test_marks_totals_and_answers_stand_apart_and_numbers_of_candidates_nowhere() -> None:
    found = grouped(flag(1), flag(2, field=TOTAL), flag(3, "B", field=TICKED), flag(4, "00123456", field=CANDIDATE))
    assert set(found) == {"mark.number.7", "total.number.7", "answer.choice.B"}
    assert found["answer.choice.B"][0].title == "ticked B"


@pytest.mark.parametrize(
    ("guess", "title"), [("", "read as blank"), ("-", "read as - (a dash)"), ("AB", "read as AB (absent)")]
)
def test_what_is_no_number_has_words(guess: str, title: str) -> None:
    ((group, _),) = grouped(flag(1, guess)).values()
    assert group.title == title


@pytest.mark.parametrize("left_out", [flag(1, "", 0.0), flag(1, "11"), flag(1, "7.3"), flag(1, "07")])
def test_no_guess_and_what_the_field_may_not_hold_are_left_out(left_out: FlagRow) -> None:
    assert not grouped(left_out)


def test_a_field_that_the_template_does_not_know_any_more_is_left_out() -> None:
    assert not grouped(flag(1), known=False)


def test_what_was_struck_is_left_out_until_it_is_read_again() -> None:
    one = flag(1)
    assert not grouped(one, struck={one.row.key: one.row.revision})
    assert grouped(one, struck={one.row.key: "another"})


def test_a_page_holds_sixty_that_nobody_else_has_and_that_are_not_on_the_screen() -> None:
    ((group, _),) = grouped(*(flag(number, confidence=number / 100) for number in range(1, 71))).values()
    elsewhere, here = group.flags[0].row.key, group.flags[1].row.key
    page = page_of(group, {here}, lambda key: key != elsewhere)
    assert [each.row.page_number for each in page] == list(range(3, 3 + WALL))


def test_a_page_takes_no_field_that_it_does_not_show() -> None:
    ((group, _),) = grouped(*(flag(number) for number in range(1, 10))).values()
    taken: list[str] = []

    def take(key: str) -> bool:
        taken.append(key)
        return True

    assert [each.row.key for each in page_of(group, (), take, most=4)] == taken


def test_one_group_is_found_by_its_name() -> None:
    flags = [flag(1, "2.5"), flag(2, "7"), flag(3, "2.5", field=TOTAL), flag(4, "")]

    def field_of(row: FieldRow) -> SheetField:
        return TOTAL if row.field == TOTAL.name else Q1

    for group in wall_groups(flags, field_of, {}):
        assert named_group(group.name, flags, field_of, {}) == group
    for name in ("mark.number.9", "mark.digits.7", "id.digits.7", "", "7", "mark", "....."):
        assert named_group(name, flags, field_of, {}) is None


@pytest.mark.parametrize(("fields", "pages"), [(1, 1), (WALL, 1), (WALL + 1, 2), (3 * WALL, 3)])
def test_a_group_fills_pages(fields: int, pages: int) -> None:
    ((group, _),) = grouped(*(flag(number) for number in range(1, fields + 1))).values()
    assert group.pages == pages
