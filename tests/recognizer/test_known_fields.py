"""Who is learned from and who tests, what a model's reading counts for, and when a new model is kept."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.fields import FieldCrops
from recognizer.known_fields import (
    Comparison,
    Count,
    KnownField,
    Part,
    ReadField,
    Source,
    read_known,
    reasons_against,
    split_writers,
)
from recognizer.promise import Thresholds
from recognizer.template import Kind, Role, SheetField
from tests.helpers.drawn_box import ONE, SEVEN, box_pixels, crop_of
from tests.helpers.reading_model import WidthModel

HELD = Thresholds(0.9, 0.95, 0.9)
BOX = SheetField(name="box", kind=Kind.DIGITS, role=Role.ANSWER, x=20, y=40, width=7, height=9, minimum=0, maximum=9)

BASE = Comparison("base", Count(100, 90, 50, 1), Count(100, 90, 40, 1))
BETTER = Comparison("held out", Count(20, 10, 8, 1), Count(20, 11, 8, 1))


@settings(max_examples=25)
@given(told=st.sets(st.text(max_size=4), min_size=6), others=st.sets(st.text(max_size=4)), salt=st.text(max_size=3))
def test_every_part_has_writers_and_nobody_is_in_two(told: set[str], others: set[str], salt: str) -> None:
    parts = split_writers(told, others - told, salt)
    assert set(told) <= set(parts)
    counts = [sum(parts[writer] is part for writer in told) for part in Part]
    assert counts[2] == -(-len(told) // 3)
    assert 1 <= counts[1] <= counts[0]
    # Of whom nobody said anything teaches nothing, and tests as often as the others.
    assert {parts[writer] for writer in others - told if writer in parts} <= {Part.TEST}
    assert sum(writer in parts for writer in others - told) == -(-len(others - told) // 3)


def test_the_split_does_not_depend_on_the_order_but_on_the_salt() -> None:
    writers = [f"w{n}" for n in range(30)]
    assert split_writers(writers, [], "a") == split_writers(writers[::-1], [], "a")
    assert split_writers(writers, [], "a") != split_writers(writers, [], "b")


def test_fields_are_read_as_a_page_is() -> None:
    crops = [crop_of(box_pixels([stroke])) for stroke in (ONE, SEVEN)]
    fields = [
        KnownField(FieldCrops(BOX, (crop,)), truth, "w", Source.CHECKED)
        for crop, truth in zip(crops, ("1", "1"), strict=True)
    ]
    one, seven = read_known(fields, WidthModel(0.94))
    assert (one.value, one.clean, one.right(HELD), one.accepted(HELD)) == ("1", True, True, True)
    assert (seven.value, seven.right(HELD), seven.accepted(HELD)) == ("7", False, True)
    assert not seven.accepted(replace(HELD, digits=0.99))
    assert Count.of([one, seven], HELD) == Count(2, 1, 2, 1)


def test_what_is_no_value_is_right_when_nothing_is_accepted() -> None:
    read = ReadField("number", None, "4", 0.93, clean=True)
    assert read.right(HELD)
    assert not read.right(replace(HELD, number=0.9))
    assert Count.of([read], replace(HELD, number=0.9)) == Count(1, 0, 1, 1)


def test_better_on_held_out_writers_and_no_worse_elsewhere_is_kept() -> None:
    assert reasons_against(BETTER, [BASE]) == ()


@pytest.mark.parametrize(
    ("after", "base", "said"),
    [
        (Count(20, 10, 8, 1), Count(100, 90, 40, 1), "10 of 20 fields read right, 10 before; that is not better"),
        (Count(20, 12, 9, 2), Count(100, 90, 40, 1), "held out: 2 accepted wrongly, 1 before"),
        (Count(20, 12, 8, 1), Count(100, 89, 40, 1), "base: 11 of 100 read wrong, 10 before"),
        (Count(20, 12, 8, 1), Count(100, 95, 40, 2), "base: 2 accepted wrongly, 1 before"),
        (Count(20, 12, 8, 1), Count(100, 95, 39, 0), "base: a run would accept 39 of 100, 50 before"),
    ],
)
def test_anything_else_is_refused_with_its_figures(after: Count, base: Count, said: str) -> None:
    (reason,) = reasons_against(replace(BETTER, after=after), [replace(BASE, after=base)])
    assert said in reason
