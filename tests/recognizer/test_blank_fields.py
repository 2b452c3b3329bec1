"""Boxes that were found -> the fields that they are: literal boxes, without a picture."""

import numpy as np

from recognizer.blank_boxes import FACE_PX, FoundBox
from recognizer.blank_fields import FieldNames, propose_fields
from recognizer.geometry import Rect
from recognizer.template import Kind, SheetField


def box(x: float, y: float, width: float, height: float, *, label: bool = False, shaded: bool = False) -> FoundBox:
    """An empty box, or one with a word in its middle."""
    word = Rect(x + 0.3 * width, y + 0.3 * height, 0.4 * width, 0.4 * height) if label else None
    return FoundBox(Rect(x, y, width, height), "box", word, 250.0, shaded)


def bubble(x: float, y: float, letter: int | None = None, size: float = 4.5) -> FoundBox:
    """A bubble, with a picture in it that stands for a letter."""
    blank = np.zeros((FACE_PX, FACE_PX), np.float32)
    face = blank if letter is None else np.random.default_rng(letter).uniform(0, 90, blank.shape).astype(np.float32)
    return FoundBox(Rect(x, y, size, size), "bubble", None, 250.0, face=face)


def fields(*found: FoundBox) -> dict[str, SheetField]:
    """Return what is proposed, by name."""
    return {field.name: field for field in propose_fields(found, FieldNames())}


def kinds(proposed: dict[str, SheetField]) -> dict[str, tuple[Kind, int]]:
    return {name: (field.kind, field.box_count) for name, field in proposed.items()}


def test_rows_of_bubbles_that_repeat_their_letters_are_questions() -> None:
    # Ten by ten: only what is printed in them tells along which side the digits of a number run.
    found = [bubble(20 + 7 * digit, 30 + 8 * place, digit) for place in range(10) for digit in range(10)]
    turned = [bubble(20 + 7 * place, 30 + 6 * digit, digit) for digit in range(10) for place in range(10)]
    assert kinds(fields(*turned)) == {"ids1": (Kind.CHOICE, 100)}
    assert (fields(*turned)["ids1"].direction, fields(*found)["ids1"].direction) == ("column", "row")
    five = [bubble(20 + 7 * option, 30 + 8 * row, option) for row in range(10) for option in range(5)]
    assert kinds(fields(*five)) == {f"q{number:02}": (Kind.CHOICE, 5) for number in range(1, 11)}


def test_bubbles_without_print_are_a_number_when_there_are_many_columns_of_ten() -> None:
    def block(columns: int) -> list[FoundBox]:
        return [bubble(20 + 7 * column, 30 + 6 * row) for row in range(10) for column in range(columns)]

    assert list(fields(*block(8))) == ["ids1"]
    assert len(fields(*block(4))) == 10


def test_blocks_side_by_side_are_numbered_one_after_the_other() -> None:
    found = [bubble(x + 7 * option, 30 + 8 * row, option) for x in (20, 80) for row in range(3) for option in range(4)]
    proposed = fields(*found)
    assert list(proposed) == [f"q{number:02}" for number in range(1, 7)]
    assert [(proposed[f"q{number:02}"].x, proposed[f"q{number:02}"].y) for number in (1, 3, 4)] == [
        (20.0, 30.0),
        (20.0, 46.0),
        (80.0, 30.0),
    ]


def test_columns_of_several_lengths_are_put_together() -> None:
    # Tens of days, ones of days, ones of months and their tens: 0 to 3, 0 to 9, 0 to 9, 0 to 1.
    found = [
        bubble(20 + 7 * place, 30 + 6 * digit, digit)
        for place, most in enumerate((4, 10, 10, 2))
        for digit in range(most)
    ]
    proposed = fields(*found)
    assert {(field.x, field.box_count, field.positions, field.direction) for field in proposed.values()} == {
        (20.0, 4, 1, "column"),
        (27.0, 20, 2, "column"),
        (41.0, 2, 1, "column"),
    }


def test_letters_that_look_like_bubbles_are_left_out() -> None:
    found = [bubble(20 + 7 * option, 30 + 8 * row, option) for row in range(3) for option in range(4)]
    letters = [bubble(90, 10, size=3.0), bubble(99, 10, size=3.0), bubble(150, 200)]
    assert sum(field.box_count for field in fields(*found, *letters).values()) == 12


def test_a_table_is_numbered_from_its_first_field() -> None:
    found = [
        box(20 + 30 * column, 40 + 8 * row, 30, 8, label=row == 0 or column == 0)
        for row in range(4)
        for column in range(3)
    ]
    # A row of labels within keeps its number.
    found[6:9] = [box(20 + 30 * column, 56, 30, 8, label=True) for column in range(3)]
    proposed = fields(*found)
    assert list(proposed) == ["t1_r01_c1", "t1_r01_c2", "t1_r03_c1", "t1_r03_c2"]
    assert {field.kind for field in proposed.values()} == {Kind.NUMBER}


def test_a_mark_is_written_before_its_maximum() -> None:
    def row(y: float) -> list[FoundBox]:
        maximum = FoundBox(Rect(40, y, 34, 8), "box", Rect(65, y + 2, 7, 4), 250.0)
        # The number of the question stands on the right as well, but in the first column.
        return [FoundBox(Rect(10, y, 30, 8), "box", Rect(34, y + 2, 4, 4), 250.0), maximum]

    proposed = fields(box(10, 40, 30, 8, label=True), box(40, 40, 34, 8, label=True), *row(48), *row(56))
    assert list(proposed) == ["t1_r01_c1", "t1_r02_c1"]
    assert {(field.kind, field.x, field.width) for field in proposed.values()} == {(Kind.NUMBER, 40.0, 24.2)}


def test_narrow_columns_with_headings_are_cells_and_without_a_comb() -> None:
    cells = [box(50 + 8 * column, 40 + 9 * row, 8, 9) for row in range(1, 3) for column in range(4)]
    names = [box(20, 40 + 9 * row, 30, 9, label=True) for row in range(1, 3)]
    headed = [box(50 + 8 * column, 40, 8, 9, label=True) for column in range(4)]
    one_heading = [box(50, 40, 32, 9, label=True)]
    assert {field.kind for field in fields(*cells, *names, *headed).values()} == {Kind.NUMBER}
    assert kinds(fields(*cells, *names, *one_heading)) == {
        "t1_r01_c1": (Kind.DIGITS, 4),
        "t1_r02_c1": (Kind.DIGITS, 4),
    }


def test_boxes_in_a_row_are_a_comb_whether_they_touch_or_nearly() -> None:
    touching = [box(20 + 7 * index, 40, 7, 9) for index in range(6)]
    apart = [box(20 + 9 * index, 80, 7.5, 9) for index in range(5)]
    labelled = [box(20, 120, 30, 9, label=True), *(box(50 + 7 * index, 120, 7, 9) for index in range(3))]
    proposed = fields(*touching, *apart, *labelled)
    assert kinds(proposed) == {"comb1": (Kind.DIGITS, 6), "comb2": (Kind.DIGITS, 5), "comb3": (Kind.DIGITS, 3)}
    assert (proposed["comb2"].width, proposed["comb2"].pitch) == (7.5, 9.0)


def test_tick_boxes_are_grouped_at_an_even_pitch() -> None:
    row = [box(x, 40, 5, 5) for x in (20, 32, 44, 100, 112, 124)]
    column = [box(20, 80 + 9 * index, 4.5, 4.5) for index in range(4)]
    proposed = fields(*row, *column)
    assert kinds(proposed) == {"tick1": (Kind.CHOICE, 3), "tick2": (Kind.CHOICE, 3), "tick3": (Kind.CHOICE, 4)}
    assert [field.direction for field in proposed.values()] == ["row", "row", "column"]


def test_frames_and_shades_are_no_fields_and_captions_no_labels_of_large_areas() -> None:
    caption = FoundBox(Rect(20, 200, 100, 30), "box", Rect(21, 201, 20, 4), 250.0)
    heading = FoundBox(Rect(20, 240, 100, 10), "box", Rect(21, 242, 20, 4), 250.0)
    found = [box(10, 10, 190, 60), box(20, 20, 30, 10), box(20, 100, 30, 10, shaded=True), caption, heading]
    assert kinds(fields(*found)) == {"cell1": (Kind.NUMBER, 1), "area1": (Kind.IMAGE, 1)}


def test_what_lies_a_little_on_another_is_cut_and_what_lies_on_it_wholly_left_out() -> None:
    proposed = fields(box(20, 20, 30, 10.3), box(25, 30, 40, 10))
    assert list(proposed) == ["cell1", "cell2"]
    first, second = (field.boxes(1)[0].rect for field in proposed.values())
    assert not first.overlaps(second, tolerance=1e-6)
    assert 9.9 < first.height <= 10.0
    twice = fields(box(20, 20, 30, 10), box(24, 22, 30, 10))
    assert len(twice) == 1


def test_small_bubbles_grow_to_what_a_template_may_describe() -> None:
    found = [bubble(20 + 6 * option, 30 + 6 * row, option, size=2.6) for row in range(3) for option in range(4)]
    proposed = fields(*found)
    assert {(field.width, field.height, field.x) for field in proposed.values()} == {(3.0, 3.0, 19.8)}


def test_what_no_template_can_describe_is_left_out() -> None:
    found = [bubble(20 + 2.8 * option, 30 + 6 * row, option, size=2.6) for row in range(3) for option in range(4)]
    far = [box(20, 595, 30, 10), box(20, 350, 30, 10)]
    assert kinds(fields(*found, *far)) == {"cell1": (Kind.NUMBER, 1)}
