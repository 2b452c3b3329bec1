"""No page is ever put with another candidate's, whichever page of a stack is lost, doubled or out of place."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.records import Joining, PageRow
from flows.stacks import StackDecision, StackWord, put_together, void_joins, was_dropped
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_rows import OTHER_SCAN, SCAN
from tests.helpers.stacks import BLANK, FAILED, FOREIGN, Paper, booklet, id_field, rows, settled, sheets

HELD, READ = PageOutcomeKind.HELD, PageOutcomeKind.READ
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
EMPTY, LOST, STRANGE, OTHERS = Paper(outcome=BLANK), Paper(outcome=FAILED), Paper(outcome=FOREIGN), Paper("else")


def said(word: StackWord, *pages: int, scan: str = SCAN) -> StackDecision:
    return StackDecision(word, tuple((scan, page) for page in pages), "Kim", NOON)


def joined(stack: Sequence[Paper], pages: int, *decisions: StackDecision) -> list[str]:
    """The sheets by the numbers of their pages in the file, such as '1,2'."""
    filed, ids = rows(stack, pages)
    found = sheets(filed, settled(filed, ids, *decisions)).values()
    return [",".join(str(row.number) for row in group) for group in found]


def reason(stack: Sequence[Paper], pages: int) -> str:
    filed, ids = rows(stack, pages)
    return settled(filed, ids).stacks[0].reason


A, B, C = (booklet(owner, 2) for owner in ("0001", "0002", "0003"))


def test_groups_in_order_are_sheets() -> None:
    assert joined([*A, *B, *C], 2) == ["1,2", "3,4", "5,6"]
    assert joined([A[0], EMPTY, A[1], EMPTY, *B], 2) == ["1,3", "5,6"], "empty backs are nobody's"
    assert joined([OTHERS, *A, OTHERS, *B, OTHERS], 2) == ["2,3", "5,6"], "sheets that say whose they are stand between"


@pytest.mark.parametrize(
    ("stack", "sheets_left", "told"),
    [
        ([*A, B[0], *C], ["1,2"], "page 4: it is page 1 of a 'book', but page 2 was expected; from page 3 on"),
        ([*A, B[1], *C], [], "page 3: it is page 2 of a 'book', but page 1 was expected; from page 1 on"),
        ([*A, *B, C[0]], ["1,2", "3,4"], "page 5: the file ends after it, but page 2 of a 'book' was expected"),
        ([*A, B[0], LOST, *C], ["1,2"], "page 4: it is failed (said so) and may be page 2 of a 'book'; from page 3 on"),
        ([*A, LOST, *B, *C], [], "page 3: it is failed (said so) and may be page 1"),
        ([*A, *B, STRANGE, *C], ["1,2"], "page 5: it is foreign (said so)"),
        ([*A, B[0], OTHERS, B[1]], ["1,2"], "it belongs to another sheet, of 'cover_marks', but page 2"),
        ([LOST, *A, *B], [], "page 1: it is failed (said so) and may be page 1 of a 'book'; from page 1 on"),
    ],
)
def test_where_the_order_breaks_the_rest_is_held(stack: list[Paper], sheets_left: list[str], told: str) -> None:
    assert joined(stack, 2) == sheets_left
    assert told in reason(stack, 2)


def test_a_page_with_a_serial_among_those_without_is_no_part_of_their_order() -> None:
    filed, ids = rows([*A, *B], 2)
    filed[2] = replace(filed[2], serial=7, joining=Joining.CODE, sheet="book#00007")
    together = settled(filed, ids)
    assert [row.number for row in map(together.of, filed) if row.outcome is HELD] == [1, 2, 4]
    filed[3] = replace(filed[3], serial=7, joining=Joining.CODE, sheet="book#00007", template_page=2)
    assert [len(group) for group in sheets(filed, settled(filed, ids)).values()] == [2, 2]


def test_a_held_page_says_which_page_is_at_fault() -> None:
    filed, ids = rows([*A, B[0], *C], 2)
    held = [row for row in map(settled(filed, ids).of, filed) if row.outcome is HELD]
    assert [row.number for row in held] == [3, 4, 5]
    assert {row.sheet for row in held} == {""}
    assert held[0].reason == (
        "pages of 'book' belong together by their order in a.pdf, and that breaks at page 4: it is page 1 of a 'book', "
        "but page 2 was expected; from page 3 on they are held: tallymark stacks"
    )
    assert held[2].reason == "comes after page 4 of a.pdf, where the order of 'book' breaks: tallymark stacks"


def test_a_group_that_does_not_agree_whose_it_is_holds_the_rest() -> None:
    stack = [*booklet("0001", 3, (1, 3)), *booklet("0002", 3, (1, 3)), *booklet("0003", 3, (1, 3))]
    assert joined(stack, 3) == ["1,2,3", "4,5,6", "7,8,9"]
    stack[5] = replace(stack[5], said="0001")
    assert joined(stack, 3) == ["1,2,3"]
    assert "does not agree whose it is: page 4 says 0002, page 6 says 0001" in reason(stack, 3)


def test_a_number_that_nobody_knows_yet_contradicts_nothing() -> None:
    filed, ids = rows(booklet("0001", 3, (1, 3)), 3)
    unknown = [ids[0], id_field(filed[2], None)]
    assert len(sheets(filed, settled(filed, unknown))) == 1


def test_pages_that_came_before_are_no_gap_but_no_part_either() -> None:
    again = [replace(paper, outcome=PageOutcomeKind.DUPLICATE) for paper in A]
    assert joined([*again, *B], 2) == ["3,4"]
    assert joined([again[0], A[1], *B], 2) == []
    assert joined([*A, again[1], *B], 2) == []


def test_a_file_that_is_not_read_to_its_end_is_held() -> None:
    filed, ids = rows([*A, *B], 2)
    unfinished = put_together(filed, ids, {SCAN: 5})
    assert sheets(filed, unfinished) == {}
    assert "not read to its end" in unfinished.of(filed[0]).reason


def test_every_template_has_an_order_of_its_own() -> None:
    filed, ids = rows([*A, *B, *C], 2)
    filed[2:4] = [replace(row, template="second") for row in filed[2:4]]
    filed.pop(0)
    together = settled(filed, ids)
    assert [(stack.template, stack.sheets, len(stack.held)) for stack in together.stacks] == [
        ("book", 0, 3),
        ("second", 1, 0),
    ]


# ---- what people say ------------------------------------------------------------------------------------------------


def test_one_decision_about_the_break_frees_the_rest() -> None:
    stack = [*A, B[0], *C]
    assert joined(stack, 2, said(StackWord.JOIN, 3)) == ["1,2", "3", "4,5"]
    assert joined(stack, 2, said(StackWord.DROP, 3)) == ["1,2", "4,5"]
    assert joined([*A, LOST, *B], 2, said(StackWord.DROP, 3)) == ["1,2", "4,5"]
    assert joined(stack, 2, said(StackWord.DROP, 3), said(StackWord.UNDO, 3)) == ["1,2"]


def test_what_was_said_names_who_and_when() -> None:
    filed, ids = rows([*A, B[0], *C, LOST], 2)
    together = settled(filed, ids, said(StackWord.JOIN, 3), said(StackWord.DROP, 6))
    assert together.of(filed[2]).reason == "put together by Kim, 2026-05-04 12:00 UTC"
    dropped = together.of(filed[5])
    assert (dropped.outcome, dropped.sheet) == (FOREIGN, "")
    assert dropped.reason == "said so; does not belong here, says Kim, 2026-05-04 12:00 UTC"


def test_a_lost_page_in_another_file_is_joined_by_a_person() -> None:
    first, ids = rows([*A, B[0], *C], 2)
    second, _ = rows([B[1]], 2, scan=OTHER_SCAN, file="late.pdf")
    filed = [*first, *second]
    late = StackDecision(StackWord.JOIN, ((SCAN, 3), (OTHER_SCAN, 1)), "Kim", NOON)
    found = sheets(filed, settled(filed, ids, late)).values()
    assert [[row.place for row in group] for group in found] == [
        ["a.pdf page 1", "a.pdf page 2"],
        ["a.pdf page 3", "late.pdf page 1"],
        ["a.pdf page 4", "a.pdf page 5"],
    ]


def test_pages_that_turn_out_to_be_the_same_page_are_held_whatever_was_said() -> None:
    filed, ids = rows([A[0], B[0]], 2)
    together = settled(filed, ids, said(StackWord.JOIN, 1, 2))
    assert [together.of(row).outcome for row in filed] == [HELD, HELD]


def test_sheets_that_say_whose_they_are_are_not_touched() -> None:
    filed, ids = rows([OTHERS, *A], 2)
    assert settled(filed, ids, said(StackWord.DROP, 1), said(StackWord.JOIN, 1, 2)).of(filed[0]) == filed[0]


D = booklet("0004", 2)


@pytest.mark.parametrize(
    ("stack", "decisions", "sheets_left"),
    [
        ([*A, B[0], LOST, C[1], *D], [(StackWord.DROP, 4)], ["1,2", "6,7"]),
        ([*A, B[0], LOST, LOST, *D], [(StackWord.DROP, 4)], ["1,2"]),
        ([*A, B[0], LOST, LOST, *D], [(StackWord.DROP, 4), (StackWord.DROP, 5)], ["1,2", "6,7"]),
        ([*A, B[0], C[0], C[1], *D], [(StackWord.DROP, 4)], ["1,2", "6,7"]),
        ([*A, B[0], C[0], C[1], *D], [(StackWord.JOIN, 4)], ["1,2", "4", "6,7"]),
        ([A[0], LOST, A[1], *B], [(StackWord.DROP, 2)], ["4,5"]),
        ([*A, *B, *C], [(StackWord.JOIN, 4)], ["1,2", "4", "5,6"]),
        ([*A, LOST, B[1], C[1], *D], [(StackWord.DROP, 3)], ["1,2"]),
        ([*A, LOST, B[1], LOST, *D], [(StackWord.DROP, 3)], ["1,2"]),
        ([*A, LOST, OTHERS, *B], [(StackWord.DROP, 3)], ["1,2", "5,6"]),
    ],
)
def test_no_sheet_reaches_across_a_page_that_was_taken_out(
    stack: list[Paper], decisions: list[tuple[StackWord, int]], sheets_left: list[str]
) -> None:
    assert joined(stack, 2, *(said(*each) for each in decisions)) == sheets_left


def test_the_end_of_a_group_behind_a_gap_is_held_up_to_the_next_first_page() -> None:
    first, second, third = (booklet(owner, 3) for owner in ("0001", "0002", "0003"))
    assert joined([*first, LOST, *second[1:], *third], 3, said(StackWord.DROP, 4)) == ["1,2,3", "7,8,9"]
    unclear = [*first, LOST, second[1], *third]
    assert joined(unclear, 3, said(StackWord.DROP, 4)) == ["1,2,3"], "who knows what else is missing"
    assert joined(unclear, 3, said(StackWord.DROP, 4), said(StackWord.JOIN, 5)) == ["1,2,3", "5", "6,7,8"]


def test_a_page_torn_from_its_sheet_says_so() -> None:
    filed, ids = rows([*A, B[0], LOST, C[1], *D], 2)
    together = settled(filed, ids, said(StackWord.DROP, 4))
    why = "is part of a 'book' that breaks at page 4 of a.pdf, which a person took out of the order"
    assert [row.number for row in together.stacks[0].held] == [3, 5]
    assert all(row.reason.startswith(why) and row.sheet == "" for row in together.stacks[0].held)
    assert f"page 3 {why}" in together.stacks[0].reason and f"page 5 {why}" in together.stacks[0].reason


@pytest.mark.parametrize("later", [(StackWord.JOIN, 3, 5), (StackWord.UNDO, 3), (StackWord.DROP, 3)])
def test_a_join_of_which_a_page_was_taken_out_is_void(later: Any) -> None:
    first, ids = rows([*A, B[0], C[0], C[1]], 2)
    second, _ = rows([B[1]], 2, scan=OTHER_SCAN, file="late.pdf")
    filed = [*first, *second]
    late = StackDecision(StackWord.JOIN, ((SCAN, 3), (OTHER_SCAN, 1)), "Kim", NOON)
    assert settled(filed, ids, late).of(second[0]).outcome is READ
    decisions = [late, said(*later)]
    assert void_joins(decisions) == (((OTHER_SCAN, 1),),)
    left = settled(filed, ids, *decisions).of(second[0])
    assert left.outcome is HELD and "but page 1 was expected" in left.reason


# ---- the property ---------------------------------------------------------------------------------------------------


@st.composite
def stacks(draw: Any) -> tuple[list[Paper], int]:
    """Booklets of several candidates in order, some with empty backs, some pages with numbers, some unreadable."""
    pages = draw(st.integers(2, 4))
    with_id = draw(st.sets(st.integers(1, pages), max_size=pages))
    duplex = draw(st.booleans())
    stack: list[Paper] = []
    for candidate in range(draw(st.integers(1, 5))):
        for paper in booklet(f"{candidate:04d}", pages, tuple(with_id)):
            stack += [paper, EMPTY] if duplex else [paper]
        if draw(st.integers(0, 3)) == 0:
            stack.append(draw(st.sampled_from([OTHERS, EMPTY])))
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(stack) - 1))
        stack[at] = replace(stack[at], page=0, outcome=FAILED, said="")
    return stack, pages


def accidents(draw: Any, stack: list[Paper], pages: int) -> list[Paper]:
    """The stack after one page was removed, doubled, moved, exchanged with its neighbour, or slipped in."""
    at = draw(st.integers(0, len(stack) - 1))
    to = draw(st.integers(0, len(stack) - 1))
    kind = draw(st.sampled_from(["remove", "double", "move", "neighbours", "slip in", "unknown", "none"]))
    rest = [*stack[:at], *stack[at + 1 :]]
    if kind == "remove":
        return rest
    if kind in ("double", "move"):
        rest = stack if kind == "double" else rest
        return [*rest[:to], stack[at], *rest[to:]]
    if kind == "neighbours":
        return [*stack[:at], *reversed(stack[at : at + 2]), *stack[at + 2 :]]
    slipped = (
        Paper("9999", draw(st.integers(1, pages))) if kind == "slip in" else draw(st.sampled_from([LOST, STRANGE]))
    )
    return stack if kind == "none" else [*stack[:to], slipped, *stack[to:]]


def owners(stack: Sequence[Paper], group: Sequence[PageRow]) -> set[str]:
    return {stack[row.number - 1].owner for row in group}


@given(st.data())
def test_no_page_is_ever_put_with_another_candidates(data: Any) -> None:
    whole, pages = data.draw(stacks())
    stack = accidents(data.draw, whole, pages)
    filed, ids = rows(stack, pages)
    together = settled(filed, ids)
    for group in sheets(filed, together).values():
        assert len(owners(stack, group)) == 1
        assert [row.template_page for row in group] == list(range(1, pages + 1)), "by order only whole sheets count"
    assert all(together.of(row).outcome in (READ, HELD) for row in filed if row.outcome is READ)
    assert {row.at for stack in together.stacks for row in stack.held} == {
        row.at for row in filed if together.of(row).outcome is HELD
    }


@given(st.data())
def test_whatever_a_person_takes_out_no_page_is_put_with_another_candidates(data: Any) -> None:
    stack, pages = data.draw(stacks())
    real = [at for at, paper in enumerate(stack) if paper.page]
    first = data.draw(st.integers(0, max(len(real) - 1, 0)))
    hit = real[first : first + data.draw(st.integers(1, 2))]
    # Two pages lost at once of sheets that have no more leave an order that nobody can tell from a whole one.
    kinds = [(True, False), (False, True), (True, True)] + [(False, False)] * (pages > 2)
    failed = dict(zip(hit, data.draw(st.sampled_from(kinds)), strict=False))
    papers = [LOST if failed.get(at) else paper for at, paper in enumerate(stack) if failed.get(at, True)]
    filed, ids = rows(papers, pages)
    if not filed:
        return
    decisions = []
    for _ in range(data.draw(st.integers(1, 3))):
        word = data.draw(st.sampled_from(StackWord))
        chosen = data.draw(st.lists(st.integers(1, len(filed)), min_size=1, max_size=2, unique=True))
        decisions.append(said(word, *chosen))
    together = settled(filed, ids, *decisions)
    for group in sheets(filed, together).values():
        if not group[0].reason.startswith("put together by"):
            assert len(owners(papers, group)) == 1
            assert [row.template_page for row in group] == list(range(1, pages + 1))
    now = [together.of(row) for row in filed if row.outcome is READ]
    assert all(row.outcome in (READ, HELD) or was_dropped(row) for row in now), "and none is lost"


@given(stacks())
def test_a_stack_without_accident_is_whole(drawn: tuple[list[Paper], int]) -> None:
    stack, pages = drawn
    if any(paper.outcome is FAILED for paper in stack):
        return
    filed, ids = rows(stack, pages)
    assert len(sheets(filed, settled(filed, ids))) == len({paper.owner for paper in stack if paper.page})


@given(st.data())
def test_pages_that_say_whose_they_are_are_joined_in_any_order(data: Any) -> None:
    pages = data.draw(st.integers(2, 4))
    every = [paper for owner in ("0001", "0002", "0003") for paper in booklet(owner, pages, tuple(range(1, pages + 1)))]
    stack = data.draw(st.permutations(every))
    stack = accidents(data.draw, stack, pages)
    filed, ids = rows(stack, pages, Joining.ID)
    found = sheets(filed, settled(filed, ids))
    for group in found.values():
        assert len(owners(stack, group)) == 1
        assert len({row.template_page for row in group}) == len(group)
    if len(stack) == len(every) and set(stack) == set(every):
        assert len(found) == 3


# ---- by number ------------------------------------------------------------------------------------------------------


def test_a_page_whose_number_is_not_settled_stands_alone_until_it_is() -> None:
    filed, ids = rows([*booklet("0001", 2, (1, 2)), *booklet("0002", 2, (1, 2))], 2, Joining.ID)
    unsettled = [*ids[:3], id_field(filed[3], None)]
    assert [len(group) for group in sheets(filed, settled(filed, unsettled)).values()] == [2, 1, 1]
    assert [len(group) for group in sheets(filed, settled(filed, ids)).values()] == [2, 2]


def test_a_page_that_two_claim_is_joined_by_neither() -> None:
    stack = [*booklet("0001", 2, (1, 2)), Paper("0002", 2, said="0001")]
    filed, ids = rows(stack, 2, Joining.ID)
    together = settled(filed, ids)
    assert [len(group) for group in sheets(filed, together).values()] == [1, 1, 1]
    assert together.of(filed[1]).reason == (
        "page 2 with the number 0001 came 2 times (a.pdf page 2, a.pdf page 3): none of them is joined"
    )


def test_pages_of_two_files_are_joined_by_their_number() -> None:
    first, one = rows(booklet("0001", 2, (1, 2))[:1], 2, Joining.ID)
    late, other = rows(booklet("0001", 2, (1, 2))[1:], 2, Joining.ID, scan=OTHER_SCAN, file="late.pdf")
    found = sheets([*first, *late], settled([*first, *late], [*one, *other]))
    assert [[row.file for row in group] for group in found.values()] == [["a.pdf", "late.pdf"]]
