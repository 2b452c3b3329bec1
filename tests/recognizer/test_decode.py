from decimal import Decimal
from typing import Any

import pytest

from recognizer.choices import MarkReading
from recognizer.decode import (
    BoxEvidence,
    Decoded,
    SegmentEvidence,
    decode_choice,
    decode_digits,
    decode_number,
    hidden_field,
)
from recognizer.records import Flag
from recognizer.template import SheetField
from tests.helpers.evidence import sure


def field(**given_keys: Any) -> SheetField:
    place = {"x": 20, "y": 60, "width": 8, "height": 10}
    return SheetField.model_validate({"name": "f", "role": "answer", **place, **given_keys})


IDENTITY = field(kind="digits", role="id", characters=4)
COMB = field(kind="digits", characters=5, decimals=2, sign=True)
MARK = field(kind="number", role="mark", question="1", minimum=0, maximum=12, step=Decimal("0.5"), dash=True)
SIGNED = field(kind="number", minimum=-10, maximum=10)


def comb(text: str) -> list[BoxEvidence]:
    """One box a character; a space is an empty box, # something that is no character."""
    rows = {" ": None, "#": sure("other")}
    return [BoxEvidence(at, rows[c] if c in rows else sure(c)) for at, c in enumerate(text, start=1)]


def cell(text: str) -> tuple[int, list[SegmentEvidence]]:
    """One piece a character, and every pair of neighbours offered as one character that it is not."""
    single = [SegmentEvidence(at, at + 1, sure("other" if c == "." else c), c == ".") for at, c in enumerate(text)]
    pairs = [SegmentEvidence(at, at + 2, sure("other")) for at in range(len(text) - 1)]
    return len(text), single + pairs


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
        (MARK, "-", "-"),
        (SIGNED, "-3", "-3"),
        (SIGNED, "-3.25", "-3.25"),
    ],
)
def test_a_cell_is_read_by_its_best_grouping(where: SheetField, written: str, value: str) -> None:
    decoded = decode_number(where, *cell(written))
    assert (best(decoded), decoded.trouble) == (value, None)
    assert decoded.values[0].probability > 0.98


@pytest.mark.parametrize(
    ("written", "trouble"),
    [
        ("13", Flag.NOT_ALLOWED),
        ("07", Flag.NOT_ALLOWED),
        ("7.", Flag.NOT_ALLOWED),
        ("½2", Flag.NOT_ALLOWED),
        ("-3", Flag.NOT_ALLOWED),
        ("7.3", Flag.NOT_ALLOWED),
        ("1234567890", Flag.UNREADABLE),
    ],
)
def test_a_text_that_the_cell_cannot_hold_is_never_accepted(written: str, trouble: Flag) -> None:
    decoded = decode_number(MARK, *cell(written))
    assert decoded.trouble is trouble


def test_two_groupings_that_fit_alike_share_the_confidence() -> None:
    as_two = [SegmentEvidence(0, 1, sure("1")), SegmentEvidence(1, 2, sure("0"))]
    as_one = [SegmentEvidence(0, 2, sure("4", 0.97))]
    alone = decode_number(MARK, 2, as_two).values[0]
    rivalled = decode_number(MARK, 2, [*as_two, *as_one]).values[0]
    assert (alone.value, rivalled.value) == ("10", "10")
    assert alone.probability > 0.99
    assert rivalled.probability < 0.6


def test_pieces_that_lie_clearly_apart_are_not_one_digit() -> None:
    as_two = [SegmentEvidence(0, 1, sure("1")), SegmentEvidence(1, 2, sure("0"))]
    as_one = SegmentEvidence(0, 2, sure("6", 0.97), gap_mm=0.8)
    best_value = decode_number(MARK, 2, [*as_two, as_one]).values[0]
    assert (best_value.value, best_value.probability > 0.98) == ("10", True)


def test_a_half_that_could_be_three_digits_is_a_half_where_no_such_mark_exists() -> None:
    digits = [SegmentEvidence(at, at + 1, sure(digit)) for at, digit in enumerate("112")]
    half = SegmentEvidence(0, 3, sure("½", 0.995), gap_mm=0.5)
    assert decode_number(MARK, 3, [*digits, half]).values[0].probability > 0.97
    total = field(kind="number", role="total", minimum=0, maximum=120, step=Decimal("0.5"))
    assert decode_number(total, 3, [*digits, half]).values[0].probability < 0.6


def test_a_box_with_traces_of_faint_writing_is_not_blank() -> None:
    dusty = [BoxEvidence(at, None, specks=2) for at in range(1, 5)]
    assert best(decode_digits(IDENTITY, dusty)) == ""
    faded = [*dusty[:3], BoxEvidence(4, None, specks=3)]
    assert (decode_digits(IDENTITY, faded).values, decode_digits(IDENTITY, faded).trouble) == ((), Flag.FAINT)
    partly = [*comb("123")[:3], BoxEvidence(4, None, specks=3)]
    assert decode_digits(IDENTITY, partly).trouble is Flag.FAINT


def test_a_cell_with_traces_of_faint_writing_is_not_blank() -> None:
    assert decode_number(MARK, 0, [], specks=2).trouble is None
    assert decode_number(MARK, 0, [], specks=3).trouble is Flag.FAINT
    assert decode_number(MARK, *cell("7"), specks=4).trouble is None
    assert decode_number(MARK, *cell("7"), specks=5).trouble is Flag.FAINT


def test_an_empty_cell_is_blank_and_a_scribble_is_unreadable() -> None:
    assert best(decode_number(MARK, 0, [])) == ""
    scribble = decode_number(MARK, 1, [SegmentEvidence(0, 1, sure("other", 1.0))])
    assert (scribble.values, scribble.trouble) == ((), Flag.UNREADABLE)


def marks(pattern: str) -> list[MarkReading]:
    """x marked, o empty, ? in doubt."""
    return [MarkReading({"x": 0.999, "o": 0.001, "?": 0.6}[c], 0.0) for c in pattern]


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


def test_ink_left_out_for_where_it_lies_is_trouble_where_no_neighbour_writes() -> None:
    assert decode_number(MARK, *cell("0"), unplaced=1).trouble is Flag.FAINT
    first, *digits = comb("   725")
    assert decode_digits(COMB, [BoxEvidence(1, None, unplaced=1), *digits]).trouble is Flag.FAINT
    beside = BoxEvidence(2, None, unplaced=1)
    assert decode_digits(COMB, [first, beside, *digits[1:]]).trouble is None


def test_a_spot_where_a_point_would_be_is_trouble_beside_whole_digits_only() -> None:
    assert decode_number(MARK, *cell("10"), low_spots=1).trouble is Flag.FAINT
    assert decode_number(MARK, *cell("7.5"), low_spots=1).trouble is None
    assert decode_number(MARK, *cell("7"), low_spots=1).trouble is None


def test_writing_too_faint_to_read_is_trouble() -> None:
    first, *digits = comb("   725")
    assert decode_digits(COMB, [first, BoxEvidence(2, None, pale=1), *digits[1:]]).trouble is Flag.FAINT
    assert decode_number(MARK, *cell("7"), pale=1).trouble is Flag.FAINT
    assert decode_number(MARK, 0, [], pale=1).trouble is Flag.FAINT


def test_a_field_that_cannot_be_seen_is_not_blank() -> None:
    decoded = hidden_field([2, 3])
    assert (decoded.values, decoded.trouble) == ((), Flag.UNREADABLE)
    assert [place.position for place in decoded.characters] == [2, 3]
