from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.errors import ValueNotAllowedError
from recognizer.template import SheetField
from recognizer.values import expectation, format_number, parse_value


def field(**given_keys: Any) -> SheetField:
    place = {"x": 20, "y": 60, "width": 18, "height": 11}
    return SheetField.model_validate({"name": "q1", "role": "mark", "question": "1", **place, **given_keys})


MARK = field(kind="number", minimum=0, maximum=10, step=Decimal("0.5"), dash=True)
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
