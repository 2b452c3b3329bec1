"""Ids with letters: what a template may say of them, and how they are printed, read and typed."""

from io import BytesIO

import numpy as np
import pytest

from recognizer.alphabets import expanded
from recognizer.choices import MarkReading
from recognizer.decode import LETTER, BoxEvidence, decode_choice, decode_digits
from recognizer.errors import PrintError, TemplateError, ValueNotAllowedError
from recognizer.judge import ReviewPolicy, judge
from recognizer.printing import Paper, SheetCopy, print_sheets
from recognizer.promise import Thresholds
from recognizer.records import Flag, RankedValue, Reading
from recognizer.simulate.answers import candidate_for, choose_answers
from recognizer.template import parse_template
from recognizer.values import expectation, parse_value
from tests.helpers.evidence import sure
from tests.helpers.lettered import LETTERED, lettered_template

COMB, GRID = lettered_template().pages[0].fields


def boxes(text: str) -> list[BoxEvidence]:
    """One box a character: a space is empty, a letter seems to be something else than a character, x struck out."""
    names = {"x": "cancelled", **dict.fromkeys("ABCDEFGHJKP", "other")}
    return [
        BoxEvidence(at, None if character == " " else sure(names.get(character, character)))
        for at, character in enumerate(text, start=1)
    ]


def bubbles(text: str) -> list[MarkReading]:
    """The bubbles of GRID, one marked in every row but those of a space."""
    return [
        MarkReading(float(option == character))
        for character, options in zip(text, GRID.option_rows, strict=True)
        for option in options
    ]


@pytest.mark.parametrize("entry", ["", "a-z", "9-0", "0-A", "0-90", "É", "0 1", "--", "0-9-"])
def test_what_is_no_alphabet_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"alphabet|range|twice"):
        expanded(entry)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"0-8"]', '"0-8", "0-9"]', "the alphabet has 6 entries for characters = 5; give each its own"),
        ('"0-8"]', '"8-0"]', "is no range"),
        ('["P", "0-9", "0-9", "A-HJ", "0-8"]', '["P", "1", "2", "A", "0"]', "nothing is left to read"),
        ('role = "id"', 'role = "answer"\nquestion = "1"', 'alphabet belongs to role = "id" only'),
        ("characters = 5", "characters = 5\nsign = true", "do not go with an alphabet"),
    ],
)
def test_a_faulty_alphabet_is_named_with_its_line(old: str, new: str, said: str) -> None:
    with pytest.raises(TemplateError, match="field candidate") as caught:
        parse_template(LETTERED.replace(old, new, 1), "my.toml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("my.toml:")


def test_a_comb_with_a_handwritten_letter_is_never_read_by_itself() -> None:
    decoded = decode_digits(COMB, boxes("P12C3"))
    assert (decoded.values, decoded.trouble) == ((), Flag.UNREADABLE)
    assert decoded.characters[0].classes == ("P",)
    assert decoded.characters[3].classes == (LETTER,)
    assert decoded.characters[1].probabilities[1] > 0.9


def test_the_reason_names_the_box_with_the_letter() -> None:
    decoded = decode_digits(COMB, boxes("P12C3"))
    reading = Reading("candidate", decoded.values, decoded.characters, decoded.trouble, b"")
    decision = judge(reading, COMB, ReviewPolicy(Thresholds(0.9, 0.9, 0.9)))
    assert decision.why == "box 4 may hold a letter, which is not read by machine"


def test_a_comb_of_printed_letters_and_digits_is_read() -> None:
    plain = COMB.model_copy(update={"alphabet": ("P", "0-9", "0-9", "K", "0-8")})
    decoded = decode_digits(plain, boxes("P12K3"))
    assert (decoded.values[0].value, decoded.trouble) == ("P12K3", None)
    assert decode_digits(plain, boxes("P 2K3")).trouble is Flag.INCOMPLETE
    assert decode_digits(plain, boxes("P12K9")).trouble is Flag.UNREADABLE
    assert decode_digits(plain, boxes("Px2K3")).trouble is Flag.CANCELLED


def test_a_comb_in_which_only_the_print_stands_is_blank() -> None:
    decoded = decode_digits(COMB, boxes("P    "))
    assert (decoded.values, decoded.trouble) == ((RankedValue("", 1.0),), None)


def test_a_grid_has_the_bubbles_of_each_alphabet() -> None:
    assert GRID.box_count == 10 + 10 + 9 + 9
    assert [box.option for box in GRID.boxes(1)][20:29] == list("ABCDEFGHJ")
    decoded = decode_choice(GRID, GRID.boxes(1), bubbles("P12C3"))
    assert (decoded.values[0].value, decoded.trouble) == ("P12C3", None)
    assert decode_choice(GRID, GRID.boxes(1), bubbles("P12 3")).trouble is Flag.INCOMPLETE
    assert decode_choice(GRID, GRID.boxes(1), bubbles("P    ")).values[0].value == ""


def test_people_type_ids_with_letters() -> None:
    for field in (COMB, GRID):
        assert parse_value(field, "p12c3") == "P12C3"
        for wrong in ("P12I3", "Q12C3", "P12C9", "P12C", "P12C33"):
            with pytest.raises(ValueNotAllowedError, match="5 characters: P, 0-9, 0-9, A-HJ, 0-8"):
                parse_value(field, wrong)
    assert expectation(COMB) == "5 characters: P, 0-9, 0-9, A-HJ, 0-8"


def test_a_copy_is_printed_for_a_candidate_whose_number_fits() -> None:
    file = BytesIO()
    print_sheets(lettered_template(), [SheetCopy(1, "P12C3")], "exam", Paper.A4, file)
    assert file.getvalue().startswith(b"%PDF")
    with pytest.raises(PrintError, match="holds 'I', field candidate takes A B C D E F G H J only at position 4"):
        print_sheets(lettered_template(), [SheetCopy(1, "P12I3")], "exam", Paper.A4, BytesIO())


def test_made_up_candidates_have_numbers_of_the_alphabet() -> None:
    template = lettered_template()
    people = [candidate_for(template, 7, serial) for serial in range(1, 40)]
    assert len({each.number for each in people}) == 39
    for each in people:
        assert all(character in allowed for character, allowed in zip(each.number, COMB.id_alphabets, strict=True))
        values = choose_answers(template, each, np.random.default_rng(1), 0.0)
        assert values == {"candidate": each.number, "grid": each.number}
