"""What a person types of pages becomes a decision about exactly these pages, or nothing."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.errors import PageChoiceError
from flows.records import Joining, PageRow
from flows.stack_choices import Choice, decide
from flows.stacks import At, StackDecision, StackWord
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_rows import OTHER_SCAN, SCAN, page_row
from tests.helpers.stacks import FAILED, Paper, booklet, rows

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
JOIN, DROP, UNDO = StackWord.JOIN, StackWord.DROP, StackWord.UNDO


def exam() -> list[PageRow]:
    """a.pdf: pages 1 and 2 of two candidates, a failed page, a sheet with a serial; late:a+b.pdf: one more page 2."""
    first, _ = rows([*booklet("0001", 2), *booklet("0002", 2), Paper(outcome=FAILED)], 2)
    second, _ = rows([Paper("0002", 2)], 2, scan=OTHER_SCAN, file="late:a+b.pdf")
    return [*first, page_row("marks", 6), *second]


def chosen(word: StackWord, *typed: str, said: tuple[StackDecision, ...] = ()) -> list[tuple[At, ...]]:
    made = decide([Choice(word, one) for one in typed], exam(), said, "Kim", NOON)
    assert all((one.word, one.reviewer, one.made_at) == (word, "Kim", NOON) for one in made)
    return [one.pages for one in made]


def test_pages_are_named_by_file_and_number() -> None:
    assert chosen(JOIN, "a.pdf:1,4") == [((SCAN, 1), (SCAN, 4))]
    assert chosen(JOIN, "a.pdf:1-2", "a.pdf: 3 , 4") == [((SCAN, 1), (SCAN, 2)), ((SCAN, 3), (SCAN, 4))]
    assert chosen(JOIN, "a.pdf:3 + late:a+b.pdf:1") == [((SCAN, 3), (OTHER_SCAN, 1))]
    assert chosen(DROP, f"{OTHER_SCAN[:12]}:1", "a.pdf:5") == [((OTHER_SCAN, 1),), ((SCAN, 5),)]


@pytest.mark.parametrize(
    ("word", "typed", "said"),
    [
        (JOIN, "a.pdf", "is no FILE:PAGES"),
        (JOIN, "a.pdf:1,x", "is no FILE:PAGES"),
        (JOIN, "", "no page is named"),
        (JOIN, "b.pdf:1", "no file of the name b.pdf came in"),
        (JOIN, "a.pdf:9", "a.pdf has no page 9"),
        (JOIN, "a.pdf:2-1", "names no pages"),
        (JOIN, "a.pdf:1-99999999999", "names no pages, or too many"),
        (JOIN, "a.pdf:1,1", "names a page twice"),
        (JOIN, "a.pdf:1,3", "a.pdf page 1 and a.pdf page 3 are both page 1 of the sheet"),
        (JOIN, "a.pdf:5", "a.pdf page 5 cannot be put together with others by hand: it is failed"),
        (JOIN, "a.pdf:1,6", "a.pdf page 6 cannot be put together with others by hand: its codes say"),
        (DROP, "a.pdf:6", "a.pdf page 6 is read, and its codes say that it belongs here"),
        (UNDO, "a.pdf:1", "nobody has said anything of a.pdf page 1"),
    ],
)
def test_what_cannot_be_taken_says_why(word: StackWord, typed: str, said: str) -> None:
    with pytest.raises(PageChoiceError) as caught:
        chosen(word, typed)
    assert said in str(caught.value)


def test_one_command_says_one_thing_of_a_page() -> None:
    with pytest.raises(PageChoiceError, match="named twice"):
        chosen(JOIN, "a.pdf:1,2", "a.pdf:2,3")


def test_two_files_of_one_name_are_told_apart_by_content() -> None:
    twins = [replace(row, file="a.pdf") for row in exam()]
    with pytest.raises(PageChoiceError, match=f"2 files have the name a.pdf.*{SCAN[:12]}, {OTHER_SCAN[:12]}"):
        decide([Choice(DROP, "a.pdf:1")], twins, (), "Kim", NOON)


def test_what_was_said_can_be_taken_back() -> None:
    before = (StackDecision(DROP, ((SCAN, 5),), "Kim", NOON),)
    assert chosen(UNDO, "a.pdf:5", said=before) == [((SCAN, 5),)]


def test_a_blank_page_is_nobodys() -> None:
    blank = replace(exam()[4], outcome=PageOutcomeKind.BLANK, joining=Joining.CODE)
    with pytest.raises(PageChoiceError, match="is blank"):
        decide([Choice(DROP, "a.pdf:5")], [blank], (), "Kim", NOON)
