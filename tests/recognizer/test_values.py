from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.errors import ValueNotAllowedError
from recognizer.records import SYMBOLS
from recognizer.template import SheetField
from recognizer.values import (
    ABSENT,
    MOST_VALUES,
    allowed_number,
    expectation,
    format_number,
    is_enumerable,
    parse_value,
    writings,
    written_value,
)


def field(**given_keys: Any) -> SheetField:
    place = {"x": 20, "y": 60, "width": 18, "height": 11}
    return SheetField.model_validate({"name": "q1", "role": "mark", "question": "1", **place, **given_keys})


MARK = field(kind="number", minimum=0, maximum=10, step=Decimal("0.5"), dash=True)
ATTENDED = field(kind="number", minimum=0, maximum=10, step=Decimal("0.5"), dash=True, absent=True)
COMB = field(kind="digits", role="answer", question="", characters=5, decimals=2, sign=True)
IDENTITY = field(kind="digits", role="id", question="", characters=8)
ONE = field(kind="choice", role="answer", question="", options=["A", "B", "C"])
MANY = field(kind="choice", role="answer", question="", options=["A", "B", "C"], multiple=True)
GRID = field(kind="choice", role="id", question="", options=list("0123456789"), positions=3)


@pytest.mark.parametrize(
    ("where", "typed", "canonical"),
    [
        (MARK, "7", "7"),
        (MARK, " 7.50 ", "7.5"),
        (MARK, "7,5", "7.5"),
        (MARK, "2½", "2.5"),
        (MARK, "2 1/2", "2.5"),
        (MARK, "½", "0.5"),
        (MARK, ".5", "0.5"),
        (MARK, "00", "0"),
        (MARK, "-", "-"),
        (MARK, "–", "-"),
        (MARK, "", ""),
        (ATTENDED, "AB", "AB"),
        (ATTENDED, "ab", "AB"),
        (ATTENDED, "Abs", "AB"),
        (ATTENDED, "abs", "AB"),
        (ATTENDED, "abs.", "AB"),
        (ATTENDED, " ABSENT ", "AB"),
        (ATTENDED, "0", "0"),
        (ATTENDED, "", ""),
        (COMB, "-12.25", "-12.25"),
        (COMB, "−12,250", "-12.25"),
        (COMB, "-0", "0"),
        (IDENTITY, "00120034", "00120034"),
        (ONE, "b", "B"),
        (MANY, "c+A", "A+C"),
        (GRID, "907", "907"),
    ],
)
def test_what_people_type_has_one_canonical_form(where: SheetField, typed: str, canonical: str) -> None:
    assert parse_value(where, typed) == canonical


@pytest.mark.parametrize(
    ("where", "typed"),
    [
        (MARK, "10.5"),
        (MARK, "7.25"),
        (MARK, "-3"),
        (MARK, "seven"),
        (MARK, "1e3"),
        (MARK, "nan"),
        (MARK, "٧"),
        (MARK, "=1+1"),
        (MARK, "AB"),
        (MARK, "absent"),
        (ATTENDED, "A"),
        (ATTENDED, "ABC"),
        (ATTENDED, "present"),
        (COMB, "1234"),
        (COMB, "1.234"),
        (COMB, "-"),
        (IDENTITY, "1234567"),
        (IDENTITY, "1234567a"),
        (ONE, "A+B"),
        (ONE, "D"),
        (GRID, "12"),
        (GRID, "12a"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_with_what_it_may(where: SheetField, typed: str) -> None:
    with pytest.raises(ValueNotAllowedError) as refused:
        parse_value(where, typed)
    assert expectation(where) in str(refused.value)


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(ValueNotAllowedError) as refused:
        parse_value(MARK, "9" * 500)
    assert len(str(refused.value)) < 200


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**8), max_value=10**8))
def test_a_number_survives_writing_and_reading(number: Decimal) -> None:
    text = format_number(number)
    assert Decimal(text) == number
    assert format_number(Decimal(text)) == text
    assert "e" not in text.lower() and text != "-0"


def number(**given_keys: Any) -> SheetField:
    return field(kind="number", role="answer", question="", **given_keys)


LISTED = {
    "whole": number(minimum=0, maximum=20, step=1),
    "halves": ATTENDED,
    "quarters": number(minimum=0, maximum=120, step=Decimal("0.25"), dash=True),
    "signed": number(minimum=-10, maximum=10, step=Decimal("0.5"), dash=True),
    "thirds of ten": number(minimum=1, maximum=100, step=Decimal("2.5")),
    "no step": number(minimum=0, maximum=30),
    "no minimum": number(maximum=20, step=1),
    "out of reach": number(minimum=90_000, maximum=100_000, step=1),
}


@pytest.mark.parametrize("name", LISTED)
def test_no_writing_means_two_values_and_each_is_read_back(name: str) -> None:
    where = LISTED[name]
    listed = [(value, writing) for value, ways in writings(where).items() for writing in ways]
    assert len({writing for _, writing in listed}) == len(listed)
    assert [(value, written_value(where, writing)) for value, writing in listed] == [(v, v) for v, _ in listed]
    assert {symbol for _, writing in listed for symbol in writing} <= set(SYMBOLS)
    assert all(parse_value(where, value) == value for value, _ in listed)


@given(st.sampled_from(list(LISTED)), st.text(SYMBOLS, max_size=5))
def test_what_is_listed_is_all_that_a_number_cell_may_say(name: str, symbols: str) -> None:
    where = LISTED[name]
    value = written_value(where, symbols)
    assert (value is not None) == any(symbols in ways for ways in writings(where).values())
    assert value is None or symbols in writings(where)[value]


def test_every_number_on_the_step_is_listed() -> None:
    expected = {format_number(Decimal(quarter) / 4) for quarter in range(481)}
    assert set(writings(LISTED["quarters"])) == expected | {"-", ""}
    assert ABSENT in writings(ATTENDED) and ABSENT not in writings(LISTED["quarters"])


@pytest.mark.parametrize(
    ("where", "value", "ways"),
    [
        (ATTENDED, "7", ("7", "7.", "7.0", "07")),
        (ATTENDED, "0", ("0", "0.", "0.0", "00")),
        (ATTENDED, "2.5", ("2½", "2.5")),
        (ATTENDED, "0.5", ("½", "0.5", ".5", "0½")),
        (ATTENDED, "AB", ("AB", "ABS")),
        (ATTENDED, "-", ("-",)),
        (ATTENDED, "", ("",)),
        (LISTED["signed"], "-2.5", ("-2½", "-2.5")),
        (LISTED["signed"], "-0.5", ("-½", "-0.5", "-.5", "-0½")),
        (LISTED["quarters"], "2.5", ("2½", "2.5", "2.50")),
        (LISTED["quarters"], "0.25", ("0.25", ".25")),
        (LISTED["whole"], "7", ("7", "7.", "7.0", "07")),
        (LISTED["whole"], "2", ("2", "2.", "02")),
    ],
)
def test_how_people_write_a_value(where: SheetField, value: str, ways: tuple[str, ...]) -> None:
    assert writings(where)[value] == ways


def test_a_point_that_could_be_dust_in_another_number_is_not_passed_over() -> None:
    assert written_value(LISTED["whole"], "2.0") is None, "20 is allowed: a speck would make a 2 of it"
    assert written_value(LISTED["whole"], "3.0") == "3"


@pytest.mark.parametrize(
    "where", [number(), number(minimum=0), number(maximum=500), number(minimum=0, step=Decimal("0.25"))]
)
def test_a_field_of_too_many_values_is_not_gone_through(where: SheetField) -> None:
    assert not is_enumerable(where)
    with pytest.raises(ValueError, match="cannot be listed"):
        writings(where)
    assert written_value(where, "12.5") == "12.5"
    assert written_value(where, "12345") is None
    assert written_value(where, "1.234") is None


def test_as_many_values_as_can_be_gone_through_are_listed() -> None:
    assert len(writings(number(minimum=0, maximum=9999, step=Decimal("0.5")))) == 19_999 + 1
    assert is_enumerable(number(minimum=0, maximum=MOST_VALUES, step=1)), "only four digits are looked for"


def test_only_free_cells_have_writings() -> None:
    with pytest.raises(ValueError, match="cannot be listed"):
        writings(COMB)


@given(st.integers(-9999, 9999), st.sampled_from(["0.5", "0.25", "1", "5"]))
def test_a_number_in_range_is_written_in_some_way(units: int, step: str) -> None:
    where = number(minimum=-100, maximum=100, step=Decimal(step))
    value = Decimal(units) / 8
    assert (format_number(value) in writings(where)) == allowed_number(where, value)
