"""What people say in the browser: checked, stored once, never over somebody else, and shown at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from flows.records import CANCELLED, DISPUTED, UNREADABLE, Act
from flows.review.bodies import SHORT_TEXT
from flows.review.office import Office
from flows.review.people import Person
from flows.review.refusals import Refused
from flows.review.saying import MOST_TOGETHER, Said, Word, say, say_all, undo
from recognizer.records import ValueState
from tests.helpers.exam_folder import remember
from tests.helpers.exam_rows import marks_fields, page_row
from tests.helpers.review_office import (
    ADA,
    BEN,
    BLANK_IS_ZERO,
    CAM,
    LEA,
    OPEN_BLANK,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    browser,
    exam_copy,
    office_of,
)

READ_ID = "9f2c41d07ab3-1-candidate"
"""A candidate's number that was read surely."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "exam")) as found:
        yield found


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "blind", SECOND)) as found:
        yield found


@pytest.fixture
def blank_is_zero(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "zero", BLANK_IS_ZERO)) as found:
        yield found


def said(office: Office, text: str = "7", word: Word = Word.VALUE, key: str = OPEN_MARK, token: str = "") -> Said:
    """What somebody says who sees the field as it is now; each time with a token of its own unless one is given."""
    row = office.store.field(key)
    assert row is not None
    return Said(key, row.revision, word, text, token or f"token-{len(office.store.trail())}-{key[-9:]}", "queue")


def refusal(office: Office, person: Person, what: Said) -> Refused:
    with pytest.raises(Refused) as found:
        say(office, person, what)
    return found.value


def test_what_is_said_is_stored_with_all_that_it_was_said_of_and_closes_the_field(office: Office) -> None:
    told = say(office, ADA, said(office, " 2 1/2 "))
    assert (told.key, told.stored, told.number, told.state, told.value) == (OPEN_MARK, True, 1, ValueState.VALUE, "2.5")
    (row,) = office.store.trail(OPEN_MARK)
    made = row.correction
    assert (made.reviewer, made.how, made.act, made.machine, made.model) == ("Ada", "queue", Act.SAY, "7", "digits-1")
    assert made.crop
    assert office.desk.is_open(OPEN_MARK) is None


@pytest.mark.parametrize(
    ("word", "text", "becomes"),
    [
        (Word.VALUE, "7,5", (ValueState.VALUE, "7.5", "")),
        (Word.VALUE, "abs", (ValueState.VALUE, "AB", "")),
        (Word.VALUE, "Blank", (ValueState.BLANK, "", "")),
        (Word.GUESS, "7", (ValueState.VALUE, "7", "")),
        (Word.GUESS, "", (ValueState.VALUE, "7", "")),
        (Word.BLANK, "", (ValueState.BLANK, "", "")),
        (Word.CANCELLED, "", (ValueState.BLANK, "", CANCELLED)),
        (Word.UNREADABLE, "", (ValueState.UNSETTLED, "", UNREADABLE)),
    ],
)
def test_every_word_has_its_meaning(
    blank_is_zero: Office, word: Word, text: str, becomes: tuple[ValueState, str, str]
) -> None:
    office = blank_is_zero
    say(office, ADA, said(office, text, word))
    made = office.store.trail(OPEN_MARK)[-1].correction
    assert (made.state, made.value, made.note) == becomes
    assert (office.desk.is_open(OPEN_MARK) is None) == (word is not Word.UNREADABLE)


@pytest.mark.parametrize(
    "text", ["", "  ", "11", "7.3", "seven", "-1", "NaN", "١٢", "7\u202e1", "7\x00", "😀", "9" * (SHORT_TEXT + 1)]
)
def test_what_a_field_cannot_hold_is_refused_and_nothing_is_stored(office: Office, text: str) -> None:
    found = refusal(office, ADA, said(office, text))
    assert (found.status, found.keys) == (422, (OPEN_MARK,))
    assert office.store.trail() == ()
    assert office.desk.is_open(OPEN_MARK)


def test_a_refusal_says_what_the_field_may_hold(office: Office) -> None:
    assert "a number from 0 to 10 in steps of 0.5" in refusal(office, ADA, said(office, "11")).words
    assert "leading zeros" in refusal(office, ADA, said(office, "123456", key=OPEN_ID)).words


def test_what_is_sent_twice_is_stored_once(office: Office) -> None:
    once = said(office, "7", token="0123456789abcdef")
    first, again = say(office, ADA, once), say(office, ADA, once)
    assert (first.stored, again.stored) == (True, False)
    assert replace(again, stored=True) == first
    assert len(office.store.trail()) == 1


def test_a_token_of_another_field_is_refused(office: Office) -> None:
    say(office, ADA, said(office, "7", token="0123456789abcdef"))
    other = said(office, "7", key=OPEN_BLANK, token="0123456789abcdef")
    assert refusal(office, ADA, other).status == 409
    assert len(office.store.trail()) == 1


def test_a_token_of_somebody_else_is_refused_and_tells_nothing_of_what_was_said(office: Office) -> None:
    once = said(office, "7", token="0123456789abcdef")
    say(office, ADA, once)
    both = [said(office, "2", key=OPEN_BLANK), said(office, "00123458", key=OPEN_ID)]
    say_all(office, ADA, both, "a-wall-of-ada")
    with pytest.raises(Refused) as found:
        say_all(office, BEN, both, "a-wall-of-ada")
    for refused in (refusal(office, BEN, once), found.value):
        assert (refused.status, "somebody else" in refused.words) == (409, True)
        assert refused.words.startswith("What was sent carries the token of a decision")
        assert not any(text in refused.words for text in ("7", "00123458", "Ada", OPEN_MARK))
    with pytest.raises(Refused) as undone:
        undo(office, BEN, OPEN_MARK, "0123456789abcdef")
    assert undone.value.status == 409
    assert len(office.store.trail()) == 3
    # The same person in another spelling is the same person.
    assert say(office, replace(ADA, name="ADA"), once).stored is False


@pytest.mark.parametrize("how", ["queue", "wall", "sheet"])
def test_a_settled_number_is_changed_by_leads_and_by_who_said_it(
    office: Office, how: Literal["queue", "wall", "sheet"]
) -> None:
    def number(text: str) -> Said:
        return replace(said(office, text, key=OPEN_ID), how=how)

    accepted = replace(said(office, "00123457", key=READ_ID, token="token-of-another"), how=how)
    assert (found := refusal(office, BEN, accepted)).status == 409
    assert "a lead alone changes it" in found.words
    assert say(office, ADA, number("00123458")).stored
    assert refusal(office, BEN, number("00123459")).status == 409
    with pytest.raises(Refused):
        say_all(office, BEN, [number("00123459")], "wall-of-ben")
    # Before the desk has looked, too.
    office.store.insert_corrections([replace(office.store.trail()[-1].correction, token="")])
    assert refusal(office, BEN, number("00123459")).status == 409
    assert say(office, ADA, number("00123459")).value == "00123459"
    undo(office, ADA, OPEN_ID, "undo-by-ada")
    undo(office, ADA, OPEN_ID, "undo-by-ada-2")
    undo(office, ADA, OPEN_ID, "undo-by-ada-3")
    assert say(office, BEN, number("00123459")).stored
    assert say(office, LEA, number("00123456")).stored
    assert refusal(office, BEN, number("00123459")).status == 409
    assert say(office, LEA, accepted).stored


def test_no_route_lets_a_reviewer_change_a_settled_number(office: Office) -> None:
    ben = browser(office, BEN)
    row = office.store.field(READ_ID)
    assert row is not None
    field = {"key": READ_ID, "revision": row.revision}
    said_so = field | {"word": "value", "text": "00123457", "token": "0" * 32}
    queue = ben.post("/queue/say", json=said_so | {"tab": "0123456789abcdef"})
    sheet = ben.post("/sheets/say", json=said_so | {"sheet": row.sheet})
    wall = ben.post("/wall/confirm", json={"token": "1" * 32, "guess": "00123456", "fields": [field]})
    for answer in (queue, sheet):
        assert (answer.status_code, "a lead alone changes it" in answer.text) == (409, True)
    assert (wall.json()["stored"], "a lead alone changes it" in wall.text) == ([], True)
    assert office.store.trail() == ()


def test_a_settled_mark_is_changed_by_whoever_finds_it_wrong(office: Office) -> None:
    say(office, ADA, said(office, "7"))
    assert say(office, BEN, said(office, "1")).stored


def test_a_number_is_answered_second_and_third_in_blind_review(blind: Office) -> None:
    for person, text in ((ADA, "00123458"), (BEN, "00123459"), (CAM, "00123458")):
        assert say(blind, person, said(blind, text, key=OPEN_ID)).stored
    for person in (ADA, BEN):
        assert refusal(blind, person, said(blind, "00123459", key=OPEN_ID)).status == 409


@pytest.mark.parametrize("token", ["", "short", "x" * 32, "0" * 31, "0" * 33, "../../etc/passwd"])
def test_a_strange_token_is_refused(office: Office, token: str) -> None:
    row = office.store.field(OPEN_MARK)
    assert row is not None
    said = {"key": OPEN_MARK, "revision": row.revision, "word": "value", "text": "7", "tab": "a" * 32}
    assert browser(office, BEN).post("/queue/say", json=said | {"token": token}).status_code == 422
    assert office.store.trail() == ()


def test_who_comes_late_is_told_who_decided_when_and_what(office: Office) -> None:
    late = said(office, "1")
    say(office, ADA, said(office, "7"))
    found = refusal(office, BEN, replace(late, token="another-token"))
    assert found.status == 409
    assert found.words.startswith("Ada decided this field at ")
    assert "(7)" in found.words
    assert [row.correction.value for row in office.store.trail()] == ["7"]


def test_who_decides_in_two_windows_is_told_that_it_was_himself(office: Office) -> None:
    late = said(office, "1")
    say(office, ADA, said(office, "7"))
    assert "You decided this field yourself" in refusal(office, ADA, replace(late, token="another-token")).words


def test_in_blind_review_nobody_is_told_what_somebody_else_said(blind: Office) -> None:
    late = said(blind, "1")
    say(blind, ADA, said(blind, "7"))
    words = refusal(blind, BEN, replace(late, token="another-token")).words
    assert words.startswith("Ada decided this field at ")
    assert "(7)" not in words


def test_a_field_that_was_read_again_is_refused(office: Office) -> None:
    before = said(office, "7")
    page = page_row("marks", 2)
    remember(office.exam.dir, [page], marks_fields(page, "00123457", ["1", "6", "3"], "11"), again=True)
    found = refusal(office, ADA, before)
    assert (found.status, "read again" in found.words) == (409, True)


def test_an_unknown_field_is_refused(office: Office) -> None:
    assert refusal(office, ADA, replace(said(office), key="000000000000-1-q1")).status == 404


def test_a_second_person_answers_blindly_and_a_third_settles(blind: Office) -> None:
    say(blind, ADA, said(blind, "7"))
    told = say(blind, BEN, said(blind, "1"))
    assert (told.value, told.was) == ("1", "")
    row = blind.store.field(OPEN_MARK)
    assert row is not None and row.correction is not None and row.correction.note == DISPUTED
    for person in (ADA, BEN):
        assert "third person" in refusal(blind, person, said(blind, "7")).words
    say(blind, CAM, said(blind, "1"))
    assert [each.correction.act for each in blind.store.trail()] == [Act.SAY, Act.SECOND, Act.THIRD]
    settled = blind.store.field(OPEN_MARK)
    assert settled is not None
    assert settled.value == "1"


def test_undo_is_a_row_and_opens_the_field_again(office: Office) -> None:
    say(office, ADA, said(office, "7"))
    told = undo(office, ADA, OPEN_MARK, "undo-token")
    assert (told.state, told.stored) == (ValueState.UNSETTLED, True)
    assert office.desk.is_open(OPEN_MARK)
    assert undo(office, ADA, OPEN_MARK, "undo-token").stored is False
    assert [each.correction.act for each in office.store.trail()] == [Act.SAY, Act.UNDO]


def test_a_reviewer_takes_back_only_his_own_words_and_a_lead_anybodys(office: Office) -> None:
    say(office, ADA, said(office, "7"))
    with pytest.raises(Refused) as found:
        undo(office, BEN, OPEN_MARK, "undo-by-ben")
    assert (found.value.status, "Ada" in found.value.words) == (409, True)
    assert undo(office, LEA, OPEN_MARK, "undo-by-lea", 1).stored
    with pytest.raises(Refused):
        undo(office, LEA, OPEN_MARK, "undo-again")
    with pytest.raises(Refused) as none:
        undo(office, LEA, "000000000000-1-q1", "undo-nothing")
    assert none.value.status == 404


def test_a_lead_takes_back_what_he_has_seen_and_nothing_that_came_since(office: Office) -> None:
    mine = say(office, LEA, said(office, "7"))
    hers = say(office, ADA, said(office, "1"))
    # An older page does not say which row it means, and a page that does means the one it knows.
    for row, words in ((None, "The last word on this field is Ada's"), (mine.number, "Ada has said something else")):
        with pytest.raises(Refused) as found:
            undo(office, LEA, OPEN_MARK, f"undo-row-{row}", row)
        assert found.value.status == 409
        assert found.value.words.startswith(words)
        assert "Nothing was taken back" in found.value.words
    assert [each.correction.act for each in office.store.trail()] == [Act.SAY, Act.SAY]
    assert undo(office, LEA, OPEN_MARK, "undo-hers", hers.number).value == "7"
    with pytest.raises(Refused) as again:
        undo(office, ADA, OPEN_MARK, "undo-hers-again", hers.number)
    assert again.value.words.startswith("Lea has taken an answer to this field back since")
    assert undo(office, LEA, OPEN_MARK, "undo-mine", mine.number).state is ValueState.UNSETTLED
    # Sent again, it is what was stored then.
    assert undo(office, LEA, OPEN_MARK, "undo-hers", hers.number).stored is False


def test_naming_the_row_lets_no_reviewer_take_back_what_somebody_else_said(office: Office) -> None:
    hers = say(office, ADA, said(office, "7"))
    with pytest.raises(Refused) as found:
        undo(office, BEN, OPEN_MARK, "undo-by-ben", hers.number)
    assert (found.value.status, "Ada" in found.value.words) == (409, True)
    assert len(office.store.trail()) == 1


def test_in_blind_review_who_takes_back_too_late_is_not_told_what_was_said(blind: Office) -> None:
    mine = say(blind, ADA, said(blind, "7"))
    say(blind, BEN, said(blind, "1"))
    with pytest.raises(Refused) as found:
        undo(blind, ADA, OPEN_MARK, "undo-by-ada", mine.number)
    assert "(1)" not in found.value.words


def test_taking_a_second_answer_back_does_not_tell_the_first(blind: Office) -> None:
    say(blind, ADA, said(blind, "7"))
    say(blind, BEN, said(blind, "7"))
    told = undo(blind, BEN, OPEN_MARK, "undo-by-ben")
    assert (told.state, told.value, told.was) == (ValueState.UNSETTLED, "", "")


def test_who_answered_second_and_differs_takes_nothing_back_and_is_told_no_value(blind: Office) -> None:
    say(blind, ADA, said(blind, "3.5"))
    mine = say(blind, BEN, said(blind, "1"))
    for row in (None, mine.number):
        with pytest.raises(Refused) as found:
            undo(blind, BEN, OPEN_MARK, f"undo-by-ben-{row}", row)
        assert (found.value.status, "third person or a lead" in found.value.words) == (409, True)
        assert "3.5" not in found.value.words
    assert undo(blind, LEA, OPEN_MARK, "undo-by-lea", mine.number).stored
    words = refusal(blind, BEN, said(blind, "3.5")).words
    assert "somebody who has not answered it, or a lead" in words
    assert "3.5" not in words
    assert say(blind, LEA, said(blind, "3.5")).stored
    assert [each.correction.act for each in blind.store.trail()] == [Act.SAY, Act.SECOND, Act.UNDO, Act.THIRD]


def test_what_everybody_could_see_is_settled_by_a_lead(blind: Office) -> None:
    for person in (ADA, BEN):
        say(blind, person, said(blind, "7"))
    undo(blind, BEN, OPEN_MARK, "undo-by-ben")
    assert "a lead settles it" in refusal(blind, CAM, said(blind, "7")).words
    assert say(blind, LEA, said(blind, "7")).stored
    assert blind.desk.wants_look(OPEN_MARK) is None


def test_a_wall_is_stored_whole_or_not_at_all(office: Office) -> None:
    good, bad = said(office, "7"), said(office, "12", key=OPEN_BLANK)
    with pytest.raises(Refused) as found:
        say_all(office, ADA, [good, bad], "wall-token")
    assert found.value.keys == (OPEN_BLANK,)
    assert office.store.trail() == ()
    both = [good, replace(bad, text="3")]
    first = say_all(office, ADA, both, "wall-token")
    again = say_all(office, ADA, both, "wall-token")
    assert [(one.key, one.value, one.stored) for one in first] == [(OPEN_MARK, "7", True), (OPEN_BLANK, "3", True)]
    assert [one.stored for one in again] == [False, False]
    assert len(office.store.trail()) == 2
    assert office.desk.is_open(OPEN_MARK) is None
    assert office.desk.is_open(OPEN_BLANK) is None


def test_a_wall_names_every_field_that_others_decided(office: Office) -> None:
    late = [said(office, "7"), said(office, "2", key=OPEN_BLANK), said(office, "00123458", key=OPEN_ID)]
    say(office, BEN, said(office, "1"))
    say(office, BEN, said(office, "3", key=OPEN_BLANK))
    with pytest.raises(Refused) as found:
        say_all(office, ADA, late, "wall-token")
    assert set(found.value.keys) == {OPEN_MARK, OPEN_BLANK}
    assert "2 fields of 3" in found.value.words


@pytest.mark.parametrize("count", [0, 2, MOST_TOGETHER + 1])
def test_no_field_the_same_twice_and_too_many_are_refused_together(office: Office, count: int) -> None:
    with pytest.raises(Refused) as found:
        say_all(office, ADA, [said(office)] * count, "wall-token")
    assert found.value.status == 422
