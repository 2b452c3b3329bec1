"""Which letter stands where beside the picture of bubbles."""

from itertools import pairwise

import pytest

from flows.review.wall_letters import letters_of
from recognizer.template import Kind, find_template


def test_each_letter_stands_under_its_bubble_and_the_read_one_is_marked() -> None:
    template = find_template("choice_answers")
    field = next(
        one
        for page in template.pages
        for one in page.fields
        if one.kind is Kind.CHOICE and len(one.option_rows) == 1 and one.direction == "row"
    )
    told = letters_of(field, field.options[1])
    assert told is not None and told["row"] is True
    assert [one["option"] for one in told["letters"]] == list(field.options)
    assert [one["read"] for one in told["letters"]] == [at == 1 for at in range(len(field.options))]
    places = [one["at"] for one in told["letters"]]
    boxes = [box.rect for box in field.boxes(1)]
    assert [after - before for before, after in pairwise(places)] == pytest.approx(
        [after.x - before.x for before, after in pairwise(boxes)]
    )
    # The margin of the picture lies left of the first bubble as right of the last one.
    assert places[0] == pytest.approx(told["width"] - places[-1])


def test_of_several_options_each_is_marked_and_of_none_none() -> None:
    template = find_template("choice_answers")
    field = next(one for page in template.pages for one in page.fields if one.positions == 1 and len(one.options) > 2)
    both = letters_of(field, "+".join(field.options[:2]))
    none = letters_of(field, "")
    assert both is not None and [one["read"] for one in both["letters"]][:3] == [True, True, False]
    assert none is not None and not any(one["read"] for one in none["letters"])


def test_what_has_no_options_or_a_grid_of_them_has_no_letters() -> None:
    template = find_template("cover_marks")
    assert all(letters_of(one, "7") is None for page in template.pages for one in page.fields)
    assert letters_of(None, "A") is None
