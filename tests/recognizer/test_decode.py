from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from recognizer.choices import MarkReading
from recognizer.decode import (
    ALONE,
    BoxEvidence,
    CellEvidence,
    Decoded,
    decode_choice,
    decode_digits,
    decode_number,
    hidden_field,
)
from recognizer.geometry import Rect
from recognizer.records import SYMBOLS, Flag, RankedValue
from recognizer.sequences import text_probabilities
from recognizer.template import SheetField
from tests.helpers.evidence import sure


def field(**given_keys: Any) -> SheetField:
    place = {"x": 20, "y": 60, "width": 8, "height": 10}
    return SheetField.model_validate({"name": "f", "role": "answer", **place, **given_keys})


IDENTITY = field(kind="digits", role="id", characters=4)
COMB = field(kind="digits", characters=5, decimals=2, sign=True)
MARK = field(kind="number", role="mark", question="1", minimum=0, maximum=12, step=Decimal("0.5"), dash=True)
SIGNED = field(kind="number", minimum=-10, maximum=10)
ABSENT = field(kind="number", minimum=0, maximum=12, step=1, absent=True)
ANYTHING = field(kind="number")


def comb(text: str) -> list[BoxEvidence]:
    """One box a character; a space is an empty box, # something that is no character."""
    rows = {" ": None, "#": sure("other")}
    return [BoxEvidence(at, rows[c] if c in rows else sure(c)) for at, c in enumerate(text, start=1)]


def seen(*places: dict[str, float]) -> CellEvidence:
    """A cell in which each place from left to right holds a symbol with some chance, and nothing otherwise."""
    steps = np.zeros((2 * len(places) + 1, 1 + len(SYMBOLS)))
    steps[:, 0] = 1.0
    for at, place in enumerate(places):
        for symbol, chance in place.items():
            steps[2 * at + 1, 1 + SYMBOLS.index(symbol)] = chance
        steps[2 * at + 1, 0] = 1.0 - sum(place.values())
    return CellEvidence(steps, Rect(10.0, 12.0, 40.0, 30.0), 5.0, 0.5)


def cell(text: str, chance: float = 0.997) -> CellEvidence:
    """A cell in which a text is written clearly."""
    return seen(*({symbol: chance} for symbol in text))


def single(evidence: CellEvidence, row: list[float]) -> CellEvidence:
    """The same cell, of which another look says as much of a single character."""
    assert evidence.steps is not None
    return replace(evidence, single=row, alone=float(text_probabilities(evidence.steps, ALONE).sum()))


def best(decoded: Decoded) -> str | None:
    return decoded.values[0].value if decoded.values else None


def test_an_id_keeps_its_zeros_and_multiplies_its_doubts() -> None:
    decoded = decode_digits(IDENTITY, [*comb("003")[:3], BoxEvidence(4, sure("7", 0.9, rival="1"))])
    assert [value.value for value in decoded.values[:2]] == ["0037", "0031"]
    assert decoded.values[0].probability == pytest.approx(0.999**3 * 0.9)
    assert decoded.trouble is None


def test_an_id_with_an_empty_box_is_incomplete_and_holds_no_value() -> None:
    decoded = decode_digits(IDENTITY, comb("12 4"))
    assert (decoded.values, decoded.trouble) == ((), Flag.INCOMPLETE)


def test_a_scribble_in_an_id_is_trouble_even_if_rivals_remain() -> None:
    assert decode_digits(IDENTITY, comb("12#4")).trouble is Flag.UNREADABLE


def test_an_empty_comb_is_blank() -> None:
    decoded = decode_digits(IDENTITY, comb("    "))
    assert (best(decoded), decoded.values[0].probability, decoded.trouble) == ("", 1.0, None)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (" 12350", "123.5"),
        ("-  7  ", "-7"),
        ("-  725", "-7.25"),
        (" 0075 ", "7.5"),
        ("   000", "0"),
        ("-  000", "0"),
    ],
)
def test_a_comb_number_may_start_late_and_end_early(written: str, value: str) -> None:
    decoded = decode_digits(COMB, comb(written))
    assert (best(decoded), decoded.trouble) == (value, None)


@pytest.mark.parametrize("written", [" 1 350", "    50", "-     ", " 12  5"])
def test_a_gap_inside_a_comb_number_is_incomplete(written: str) -> None:
    decoded = decode_digits(COMB, comb(written))
    assert (decoded.values, decoded.trouble) == ((), Flag.INCOMPLETE)


def test_a_digit_in_the_sign_box_is_no_sign() -> None:
    decoded = decode_digits(COMB, comb("7  725"))
    assert all(value.probability < 0.01 for value in decoded.values)


def test_a_number_out_of_range_is_not_allowed_rather_than_bent_into_range() -> None:
    narrow = field(kind="digits", characters=2, maximum=50)
    boxes = [BoxEvidence(1, sure("7", 0.95, rival="1")), BoxEvidence(2, sure("2"))]
    decoded = decode_digits(narrow, boxes)
    assert best(decoded) == "12"
    assert decoded.trouble is Flag.NOT_ALLOWED


@pytest.mark.parametrize(
    ("where", "written", "value"),
    [
        (MARK, "7", "7"),
        (MARK, "12", "12"),
        (MARK, "2½", "2.5"),
        (MARK, "½", "0.5"),
        (MARK, "7.5", "7.5"),
        (MARK, "07", "7"),
        (MARK, "-", "-"),
        (ABSENT, "AB", "AB"),
        (ABSENT, "ABS", "AB"),
        (SIGNED, "-3", "-3"),
        (SIGNED, "-3.25", "-3.25"),
        (ANYTHING, "1234.75", "1234.75"),
    ],
)
def test_a_cell_holds_what_its_field_may_hold_however_it_is_written(
    where: SheetField, written: str, value: str
) -> None:
    decoded = decode_number(where, cell(written))
    assert (best(decoded), decoded.trouble) == (value, None)
    assert decoded.values[0].probability == pytest.approx(0.997 ** len(written), abs=4e-3)


@pytest.mark.parametrize(
    ("written", "trouble"),
    [
        ("13", Flag.NOT_ALLOWED),
        (".", Flag.NOT_ALLOWED),
        ("½2", Flag.NOT_ALLOWED),
        ("-3", Flag.NOT_ALLOWED),
        ("7.3", Flag.NOT_ALLOWED),
        ("AB", Flag.NOT_ALLOWED),
        ("#", Flag.UNREADABLE),
        ("7#", Flag.UNREADABLE),
        ("1#2", Flag.UNREADABLE),
    ],
)
def test_a_text_that_the_cell_cannot_hold_is_never_accepted(written: str, trouble: Flag) -> None:
    assert decode_number(MARK, cell(written)).trouble is trouble


def test_ways_to_write_one_value_are_added_up() -> None:
    decoded = decode_number(MARK, seen({"2": 1.0}, {"½": 0.6, ".": 0.4}, {"5": 0.4}))
    chances = {one.value: one.probability for one in decoded.values}
    assert chances["2.5"] == pytest.approx(0.6 * 0.6 + 0.4 * 0.4, abs=0.01)


def test_a_half_that_could_be_three_digits_is_a_half_where_no_such_mark_exists() -> None:
    either = seen({"½": 0.52, "1": 0.48}, {"1": 0.48}, {"2": 0.48})
    half = 0.52 * 0.52**2
    assert decode_number(MARK, either).values[0].probability >= half
    total = field(kind="number", role="total", minimum=0, maximum=120, step=Decimal("0.5"))
    values = {one.value: one.probability for one in decode_number(total, either).values}
    assert values["112"] == pytest.approx(0.48**3, abs=1e-6)


def test_what_a_cell_may_not_hold_hardly_counts_against_what_it_may() -> None:
    """18 is no mark out of 12; a 10 that looks a little like it is a 10."""
    decoded = decode_number(MARK, seen({"1": 1.0}, {"0": 0.45, "8": 0.55}))
    assert decoded.trouble is Flag.NOT_ALLOWED
    decoded = decode_number(MARK, seen({"1": 1.0}, {"0": 0.55, "8": 0.45}))
    assert (best(decoded), decoded.trouble) == ("10", None)


def test_probabilities_say_where_every_symbol_lies() -> None:
    decoded = decode_number(MARK, cell("2½"))
    first, second = decoded.characters
    assert first.bounds is not None and second.bounds is not None
    assert first.bounds.x == 10.0 and second.bounds.right == 50.0
    assert first.bounds.right == second.bounds.x == pytest.approx(5.0 + 2.5 * 4 / 0.5)
    assert first.classes[int(np.argmax(first.probabilities))] == "2"


def test_a_box_with_traces_of_faint_writing_is_not_blank() -> None:
    dusty = [BoxEvidence(at, None, specks=2) for at in range(1, 5)]
    assert best(decode_digits(IDENTITY, dusty)) == ""
    faded = [*dusty[:3], BoxEvidence(4, None, specks=3)]
    assert (decode_digits(IDENTITY, faded).values, decode_digits(IDENTITY, faded).trouble) == ((), Flag.FAINT)
    partly = [*comb("123")[:3], BoxEvidence(4, None, specks=3)]
    assert decode_digits(IDENTITY, partly).trouble is Flag.FAINT


def test_a_cell_with_traces_of_faint_writing_is_not_blank() -> None:
    assert decode_number(MARK, CellEvidence(None, specks=2)).trouble is None
    assert decode_number(MARK, CellEvidence(None, specks=3)).trouble is Flag.FAINT
    assert decode_number(MARK, replace(cell("7"), specks=4)).trouble is None
    assert decode_number(MARK, replace(cell("7"), specks=5)).trouble is Flag.FAINT


def test_a_cell_whose_strokes_fall_to_pieces_keeps_its_guess_and_goes_to_a_person() -> None:
    decoded = decode_number(MARK, replace(cell("7"), faded=True))
    assert (best(decoded), decoded.trouble) == ("7", Flag.FAINT)


@pytest.mark.parametrize(
    ("text", "uprights", "trouble"),
    [("0", 1, Flag.FAINT), ("10", 1, None), ("10", 2, Flag.FAINT), ("½", 1, None), ("7", 0, None), ("", 1, Flag.FAINT)],
)
def test_strokes_as_high_as_the_cell_must_be_read_as_ones(text: str, uprights: int, trouble: Flag | None) -> None:
    decoded = decode_number(MARK, replace(cell(text) if text else seen({"-": 0.001}), uprights=uprights))
    assert decoded.trouble is trouble and best(decoded) is not None


def test_an_empty_cell_is_blank_and_so_is_ink_that_nobody_wrote() -> None:
    assert decode_number(MARK, CellEvidence(None)).values == (RankedValue("", 1.0),)
    remains = decode_number(MARK, seen({"-": 0.2}))
    assert (best(remains), remains.values[0].probability) == ("", pytest.approx(0.8))


@pytest.mark.parametrize(
    ("name", "trouble"), [("cancelled", Flag.CANCELLED), ("other", Flag.UNREADABLE), ("-", Flag.UNREADABLE)]
)
def test_what_is_no_digit_is_never_taken_for_one(name: str, trouble: Flag) -> None:
    boxes = [*comb("123")[:3], BoxEvidence(4, sure(name))]
    assert decode_digits(IDENTITY, boxes).trouble is trouble


def test_ink_that_nobody_wrote_leaves_a_box_empty() -> None:
    single = field(kind="digits", characters=1, minimum=0, maximum=9)
    decoded = decode_digits(single, [BoxEvidence(1, sure("blank", 0.9, rival="1"))])
    assert [(one.value, one.probability) for one in decoded.values] == [
        ("", pytest.approx(0.9)),
        ("1", pytest.approx(0.1)),
    ]
    gap = [*comb("123")[:3], BoxEvidence(4, sure("blank"))]
    assert decode_digits(IDENTITY, gap).trouble is Flag.INCOMPLETE


def marks(pattern: str) -> list[MarkReading]:
    """x marked, o empty, ? in doubt."""
    return [MarkReading({"x": 0.999, "o": 0.001, "?": 0.6}[c]) for c in pattern]


@pytest.mark.parametrize(
    ("pattern", "value", "trouble"),
    [("oxo", "B", None), ("ooo", "", None), ("xox", "A+C", Flag.SEVERAL_MARKED), ("o?o", "B", None)],
)
def test_a_single_choice(pattern: str, value: str, trouble: Flag | None) -> None:
    single = field(kind="choice", options=["A", "B", "C"])
    decoded = decode_choice(single, single.boxes(1), marks(pattern))
    assert (best(decoded), decoded.trouble) == (value, trouble)
    assert (decoded.values[0].probability < 0.7) == ("?" in pattern)


def test_a_multiple_choice_holds_several() -> None:
    several = field(kind="choice", options=["A", "B", "C"], multiple=True)
    decoded = decode_choice(several, several.boxes(1), marks("xox"))
    assert (best(decoded), decoded.trouble) == ("A+C", None)


@pytest.mark.parametrize(
    ("pattern", "value", "trouble"),
    [
        ("xoooxo", "01", None),
        ("oooooo", "", None),
        ("xooooo", None, Flag.INCOMPLETE),
        ("xooxxo", None, Flag.SEVERAL_MARKED),
    ],
)
def test_a_grid_holds_one_option_a_position(pattern: str, value: str | None, trouble: Flag | None) -> None:
    grid = field(kind="choice", role="id", options=["0", "1", "2"], positions=2)
    decoded = decode_choice(grid, grid.boxes(1), marks(pattern))
    assert (best(decoded), decoded.trouble) == (value, trouble)


def test_a_cancelled_mark_does_not_count_but_its_field_is_for_a_person() -> None:
    single = field(kind="choice", options=["A", "B", "C"])
    marks_of = [MarkReading(0.001, 0.998), MarkReading(0.998, 0.001), MarkReading(0.001)]
    decoded = decode_choice(single, single.boxes(1), marks_of)
    assert (best(decoded), decoded.trouble) == ("B", Flag.CANCELLED)


def test_ink_left_out_for_where_it_lies_is_trouble_where_no_neighbour_writes() -> None:
    assert decode_number(MARK, replace(cell("0"), unplaced=1)).trouble is Flag.FAINT
    first, *digits = comb("   725")
    assert decode_digits(COMB, [BoxEvidence(1, None, unplaced=1), *digits]).trouble is Flag.FAINT
    beside = BoxEvidence(2, None, unplaced=1)
    assert decode_digits(COMB, [first, beside, *digits[1:]]).trouble is None


def test_writing_too_faint_to_read_is_trouble() -> None:
    first, *digits = comb("   725")
    assert decode_digits(COMB, [first, BoxEvidence(2, None, pale=1), *digits[1:]]).trouble is Flag.FAINT
    assert decode_number(MARK, replace(cell("7"), pale=1)).trouble is Flag.FAINT
    assert decode_number(MARK, CellEvidence(None, pale=1)).trouble is Flag.FAINT


def test_a_field_that_cannot_be_seen_is_not_blank() -> None:
    decoded = hidden_field([2, 3])
    assert (decoded.values, decoded.trouble) == ((), Flag.UNREADABLE)
    assert [place.position for place in decoded.characters] == [2, 3]


def test_what_is_known_of_a_single_character_replaces_what_the_cell_seemed_to_say() -> None:
    unsure = seen({"7": 0.8, "1": 0.15})
    surer = decode_number(MARK, single(unsure, sure("7", 0.999, rival="1")))
    assert decode_number(MARK, unsure).values[0].probability == pytest.approx(0.8)
    assert (best(surer), surer.values[0].probability) == ("7", pytest.approx(0.999, abs=1e-4))


def test_what_is_no_single_character_leaves_longer_texts_no_more_than_the_cell_said() -> None:
    both = seen({"1": 0.9}, {"2": 0.4})
    for other, twelve in ((0.7, 0.36), (0.18, 0.18)):
        doubted = decode_number(MARK, single(both, sure("1", 1 - other, rival="other")))
        chances = {one.value: one.probability for one in doubted.values}
        assert chances["12"] == pytest.approx(twelve, abs=0.01)
        assert chances["1"] == pytest.approx(1 - other, abs=0.01)


@pytest.mark.parametrize("hidden", ["17", "1½"])
def test_a_digit_that_may_be_struck_out_makes_no_longer_text_likely(hidden: str) -> None:
    struck = seen(*({symbol: 0.02 if at else 0.97} for at, symbol in enumerate(hidden)))
    decoded = decode_number(
        field(kind="number", minimum=0, maximum=20, step=Decimal("0.5")), single(struck, sure("cancelled"))
    )
    assert decoded.trouble is Flag.CANCELLED
    assert decoded.values[0].probability < 0.1


def test_a_value_that_the_field_refuses_is_weighed_as_the_single_character_says() -> None:
    narrow = field(kind="number", minimum=0, maximum=6, step=1)
    halting = seen({"7": 0.46, "1": 0.45})
    for chance in (0.78, 0.5):
        decoded = decode_number(narrow, single(halting, sure("1", chance, rival="7")))
        assert sum(one.probability for one in decoded.values) <= 1.0
    refused = decode_number(narrow, single(seen({"1": 0.5, "7": 0.44}), sure("7", 0.999, rival="1")))
    assert refused.trouble is Flag.NOT_ALLOWED


def test_two_looks_that_see_nothing_alike_are_no_error() -> None:
    decoded = decode_number(MARK, single(cell("7", 1.0), sure("1", 1.0)))
    assert best(decoded) == "1"


@pytest.mark.parametrize(
    "seen", [replace(cell("7"), unplaced=1), replace(cell("7"), pale=1), replace(cell("7"), specks=9)]
)
def test_what_is_read_beside_traces_is_a_guess_for_a_person(seen: CellEvidence) -> None:
    decoded = decode_number(MARK, seen)
    assert best(decoded) == "7" and decoded.trouble is Flag.FAINT
