"""Rows of the trail in words: a blank is told from a field that was open, as far as anything tells it."""

from dataclasses import replace

import pytest

from flows.records import CANCELLED, DISPUTED, Act, Correction
from flows.trail_words import (
    AS_MACHINE,
    BLANK,
    NO_GUESS,
    OPEN,
    OPEN_OR_BLANK,
    from_in_words,
    machine_in_words,
    to_in_words,
)
from recognizer.records import ValueState
from tests.helpers.trails import said, trail


def was(*rows: Correction) -> list[str]:
    """From what each row changed."""
    return list(from_in_words(trail(*rows)).values())


def about(value: str, before: str, machine: str = "7", how: str = "queue") -> Correction:
    """A row, with the value before and what the machine had said."""
    return replace(said(value, how=how), was=before, machine=machine)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (about("5", "7"), "7"),
        (about("5", "-", "-"), "- (nothing awarded)"),
        # What it guesses is not what was shown: it had not accepted it.
        (about("5", "", "7"), OPEN),
        (about("5", "", ""), OPEN_OR_BLANK),
        # Only accepted fields are in samples.
        (about("5", "", "", "sample check, wall"), BLANK),
        (about("5", "", "", "sample check, workbook"), BLANK),
    ],
)
def test_a_first_row_tells_what_the_machine_left(row: Correction, words: str) -> None:
    assert was(row) == [words]


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (said(""), "blank"),
        (replace(said(""), note=CANCELLED), "blank (cancelled)"),
        (said("?"), "unreadable"),
        (said("-"), "- (nothing awarded)"),
        (said("5"), "5"),
    ],
)
def test_a_later_row_tells_what_people_had_said(first: Correction, words: str) -> None:
    assert was(first, about("6", first.value, ""))[1] == words


def test_two_who_disagree_leave_it_disputed() -> None:
    second = about("6", "5", "")
    third = about("6", "", "")
    rows = (said("5", "Ada"), replace(second, act=Act.SECOND, reviewer="Ben"), replace(third, act=Act.THIRD))
    assert was(*rows)[1:] == ["5", DISPUTED]


def test_what_was_taken_back_stands_no_more() -> None:
    undo = replace(said("?", act=Act.UNDO, undoes=1), note="", was="5", machine="")
    assert to_in_words(undo) == AS_MACHINE
    assert was(said("5"), undo, about("6", "", ""))[1:] == ["5", OPEN_OR_BLANK]
    assert was(said("5"), undo, about("6", "", "7"))[2] == OPEN
    back_to_blank = replace(undo, state=ValueState.BLANK)
    assert to_in_words(back_to_blank) == "blank"


def test_rows_of_other_fields_tell_nothing() -> None:
    assert was(said("", key="9f2c41d07ab3-1-q2"), about("5", "", ""))[1] == OPEN_OR_BLANK


def test_what_the_machine_had_said_is_told_as_far_as_it_is_kept() -> None:
    assert machine_in_words(about("5", "", "3")) == "3"
    assert machine_in_words(about("5", "-", "-")) == "- (nothing awarded)"
    assert machine_in_words(about("5", "", "")) == NO_GUESS
    assert machine_in_words(about("5", "", "", "sample check, command")) == BLANK
