"""What a browser is told may surely be typed is what the field takes; and each reason has its words."""

import re

import pytest

from flows.review.queue_order import DOUBT, SECOND
from flows.review.queue_shown import MOST_GUESSES, MOST_LISTED, REASONS, guesses, surely_allowed
from recognizer.records import Flag, RankedValue
from recognizer.template import SheetField, shipped_templates
from recognizer.template import find_template as found
from recognizer.values import parse_value
from tests.helpers.exam_rows import answers_template, field_row, marks_template, page_row

PLACE = {"name": "f1", "x": 20, "y": 50, "width": 18, "height": 10}


def every_field() -> list[SheetField]:
    templates = [marks_template(), answers_template(), *map(found, sorted(shipped_templates()))]
    return [field for template in templates for page in template.pages for field in page.fields]


def test_all_that_is_surely_allowed_is_taken_as_it_stands() -> None:
    fields = every_field()
    listed = [(field, text) for field in fields for text in surely_allowed(field)[0]]
    assert len(listed) > 100
    assert all(parse_value(field, text) == text for field, text in listed)


def test_what_a_pattern_takes_the_field_takes() -> None:
    ids = [field for field in every_field() if surely_allowed(field)[1]]
    assert ids
    for field in ids:
        pattern = re.compile(surely_allowed(field)[1])
        text = "".join(alphabet[-1] for alphabet in field.id_alphabets)
        assert pattern.fullmatch(text)
        assert parse_value(field, text) == text
        assert not pattern.fullmatch(text[:-1])
        assert not pattern.fullmatch(text + text[0])


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({"minimum": 0, "maximum": 2, "step": 0.5}, ("0", "0.5", "1", "1.5", "2")),
        ({"minimum": -1, "maximum": 1, "step": 1, "dash": True, "absent": True}, ("-1", "0", "1", "-", "AB")),
        ({"minimum": 0, "maximum": MOST_LISTED, "step": 1}, ()),
        ({"minimum": 0.25, "maximum": 1, "step": 0.5}, ()),
        ({"minimum": 0}, ()),
    ],
)
def test_numbers_are_listed_where_they_are_few(changed: dict[str, object], allowed: tuple[str, ...]) -> None:
    field = SheetField.model_validate({**PLACE, "kind": "number", "role": "answer", **changed})
    assert surely_allowed(field) == (allowed, "")


def test_a_pattern_of_letters_and_digits() -> None:
    field = SheetField.model_validate(
        {**PLACE, "kind": "digits", "role": "id", "width": 7, "characters": 3, "alphabet": ["P", "0-9", "XYZ"]}
    )
    pattern = re.compile(surely_allowed(field)[1])
    assert [bool(pattern.fullmatch(text)) for text in ("P7Z", "P0X", "Q7Z", "P-Z", "P7Zx")] == [
        True,
        True,
        *[False] * 3,
    ]


def test_guesses_are_few_and_the_decided_one_comes_first() -> None:
    row = field_row(page_row("marks"), marks_template().pages[0].fields[2], None)
    shown = guesses(row)
    assert [(guess.value, guess.percent) for guess in shown] == [("7", 62.0), ("1", 30.0)]
    many = tuple(RankedValue(str(value), 0.1) for value in range(10))
    assert (
        len(guesses(field_row(page_row("marks"), marks_template().pages[0].fields[2], None, values=many)))
        == MOST_GUESSES
    )


def test_every_reason_has_its_words() -> None:
    assert set(REASONS) == {flag.value for flag in Flag} | {DOUBT, SECOND}
    assert all(word and sentence.endswith((".", "?")) for word, sentence in REASONS.values())
