"""The orders of the queue: right when they are made, and still right after every change."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.review import queue_order
from flows.review.office import Office
from flows.review.people import Person
from flows.review.queue_order import SECOND, Choice, Line, Lined, Order, Skipped, reason_of, turn_of, waiting
from flows.review.queue_shown import shown
from flows.review.refusals import Refused
from flows.review.saying import Said, Word, say, undo
from flows.trail import Turn
from flows.users import UserRole
from recognizer.records import Flag
from tests.helpers.exam_folder import SETTINGS, remember
from tests.helpers.exam_rows import marks_fields, page_row
from tests.helpers.review_office import ADA, BEN, CAM, LEA, OPEN_BLANK, OPEN_ID, OPEN_MARK, exam_copy, office_of
from tests.helpers.review_office import SECOND as SECOND_ALL

ALL = Choice()
FIRST_SHEET = tuple(f"9f2c41d07ab3-1-{name}" for name in ("q1", "q2", "total"))


def folder(place: Path, settings_text: str = SETTINGS) -> Path:
    """An exam with three open fields on its first sheet, one on its second, two on its third."""
    made = exam_copy(place, settings_text)
    page = page_row("marks", 1)
    remember(made, [page], marks_fields(page, "00123456", [None, None, "-"], None), again=True)
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(folder(tmp_path / "exam")) as found:
        yield found


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    with office_of(folder(tmp_path / "blind", SECOND_ALL)) as found:
        yield found


def everything(_: str) -> bool:
    return True


def keys(office: Office, person: Person = ADA, order: Order = Order.SHEETS, choice: Choice = ALL) -> list[str]:
    found, left = office.lines.keys((person, order, choice), 1000, everything)
    assert left == len(found)
    return found


def answer(office: Office, person: Person, key: str, text: str = "7", word: Word = Word.VALUE) -> None:
    row = office.store.field(key)
    assert row is not None
    token = f"token-{len(office.store.trail()):032d}"
    say(office, person, Said(key, row.revision, word, text, token, "queue"))


def test_what_finishes_most_sheets_comes_first_and_sheets_stay_whole(office: Office) -> None:
    assert keys(office) == [OPEN_MARK, OPEN_ID, OPEN_BLANK, *FIRST_SHEET]
    for key in FIRST_SHEET[:2]:
        answer(office, ADA, key)
    # Two fields are left on the third sheet, one on each of the others.
    assert keys(office) == [FIRST_SHEET[2], OPEN_MARK, OPEN_ID, OPEN_BLANK]


def test_other_orders(office: Office) -> None:
    assert keys(office, order=Order.SHEET) == [*FIRST_SHEET, OPEN_MARK, OPEN_ID, OPEN_BLANK]
    by_field = [OPEN_ID, FIRST_SHEET[0], OPEN_BLANK, FIRST_SHEET[1], OPEN_MARK, FIRST_SHEET[2]]
    assert keys(office, order=Order.FIELD) == by_field
    sure = {key: round(flag.row.decision.confidence, 6) for key, flag in office.desk.open_flags().items()}
    assert len(set(sure.values())) > 1
    surest, unsurest = ([sure[key] for key in keys(office, order=order)] for order in (Order.SUREST, Order.UNSUREST))
    assert surest == sorted(sure.values(), reverse=True)
    assert unsurest == sorted(sure.values())


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        (Choice(text="00002"), [OPEN_MARK]),
        (Choice(text="MARKS#00003"), [OPEN_ID, OPEN_BLANK]),
        (Choice(field="q2"), [OPEN_MARK, FIRST_SHEET[1]]),
        (Choice(template="other"), []),
        (Choice(reason="unsure", field="candidate"), [OPEN_ID]),
        (Choice(reason="disputed"), []),
        (Choice(text="candidate number"), [OPEN_ID]),
        (Choice(text="<script>"), []),
    ],
)
def test_only_what_is_asked_for(office: Office, choice: Choice, found: Sequence[str]) -> None:
    assert keys(office, choice=choice) == found


def test_most_and_skip(office: Office) -> None:
    found, left = office.lines.keys((ADA, Order.SHEETS, ALL), 2, lambda key: key != OPEN_MARK)
    assert (found, left) == ([OPEN_ID, OPEN_BLANK], 6)
    assert office.lines.among((ADA, Order.SHEETS, ALL), [OPEN_BLANK, "nothing", OPEN_MARK]) == [OPEN_BLANK, OPEN_MARK]


def test_nothing_waits_before_the_exam_was_read(office: Office) -> None:
    office.desk.seen = None
    assert office.lines.keys((ADA, Order.SHEETS, ALL), 10, everything) == ([], 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([ADA, BEN, CAM]),
        st.sampled_from([OPEN_MARK, OPEN_ID, OPEN_BLANK, *FIRST_SHEET]),
        st.sampled_from(["7", "1", "00123458", Word.BLANK, Word.UNREADABLE, "undo", "look"]),
    ),
    max_size=8,
)


@pytest.mark.parametrize("is_blind", [False, True])
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_lines_that_were_mended_are_those_that_were_sorted(
    tmp_path_factory: pytest.TempPathFactory, is_blind: bool, steps: list[tuple[Person, str, str]]
) -> None:
    place = tmp_path_factory.mktemp("mended") / "exam"
    with office_of(folder(place, SECOND_ALL if is_blind else SETTINGS)) as office:
        everybody = [(person, order, ALL) for person in (ADA, BEN, CAM) for order in Order]
        for person, key, what in steps:
            for asked in everybody:
                office.lines.keys(asked, 1, everything)
            try:
                if what == "look":
                    office.desk.look()
                elif what == "undo":
                    undo(office, person, key, f"token-{len(office.store.trail()):032d}")
                elif what in (Word.BLANK, Word.UNREADABLE):
                    answer(office, person, key, "", Word(what))
                else:
                    answer(office, person, key, what)
            except Refused:
                continue
        sorter = office.lines._sorter
        office.lines.keys(everybody[0], 1, everything)
        if (sorter := office.lines._sorter or sorter) is not None:
            sorter.join()
        assert office.desk.seen is not None
        anew = Lined(office.desk, office.desk.seen)
        for asked in everybody:
            assert office.lines.keys(asked, 1000, everything)[0] == list(anew.line(asked))


def test_seven_people_with_three_windows_each_have_nothing_sorted_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = []
    real = Line.fill

    def fill(self: Line, *given: Any) -> None:
        filled.append(self)
        real(self, *given)

    monkeypatch.setattr(Line, "fill", fill)
    people = [Person(f"Reviewer {number}", UserRole.REVIEWER) for number in range(7)]
    for _ in range(2):
        for person in people:
            for order in (Order.SHEETS, Order.FIELD, Order.SUREST):
                office.lines.keys((person, order, ALL), 1, everything)
    assert len(filled) == 21


def test_lines_are_dropped_by_how_many_fields_they_hold_and_never_the_latest(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, many = office.lines.keys((ADA, Order.SHEETS, ALL), 0, everything)
    monkeypatch.setattr(queue_order, "MOST_PLACES", 2 * many)
    for person in (BEN, CAM, LEA):
        office.lines.keys((person, Order.SHEETS, ALL), 1, everything)
    assert office.lines._lined is not None
    assert [asked[0] for asked in office.lines._lined.asked] == [CAM, LEA]
    monkeypatch.setattr(queue_order, "MOST_PLACES", 1)
    assert office.lines.keys((ADA, Order.SHEETS, ALL), many, everything)[1] == many
    assert [asked[0] for asked in office.lines._lined.asked] == [ADA]


def test_what_one_could_not_read_waits_for_others_and_for_who_asks_for_it(office: Office) -> None:
    answer(office, ADA, OPEN_MARK, "", Word.UNREADABLE)
    assert OPEN_MARK not in keys(office, ADA)
    assert OPEN_MARK in keys(office, BEN)
    assert keys(office, ADA, choice=Choice(reason=Flag.UNREADABLE.value)) == [OPEN_MARK]


def test_a_second_answer_waits_for_everybody_but_the_first(blind: Office) -> None:
    answer(blind, ADA, OPEN_MARK, "3.5")
    assert OPEN_MARK not in keys(blind, ADA)
    # What nobody has answered comes first.
    assert keys(blind, BEN)[-1] == OPEN_MARK
    flag = waiting(blind.desk, OPEN_MARK)
    assert flag is not None
    assert (reason_of(blind.desk, flag), flag.why) == (SECOND, "")
    answer(blind, BEN, OPEN_MARK, "3.5")
    assert waiting(blind.desk, OPEN_MARK) is None
    assert OPEN_MARK not in keys(blind, CAM)


def test_a_disagreement_waits_for_a_third_person(blind: Office) -> None:
    answer(blind, ADA, OPEN_MARK, "3.5")
    answer(blind, BEN, OPEN_MARK, "4")
    assert OPEN_MARK not in keys(blind, ADA)
    assert OPEN_MARK not in keys(blind, BEN)
    assert keys(blind, CAM, choice=Choice(reason=Flag.DISPUTED.value)) == [OPEN_MARK]
    flag = waiting(blind.desk, OPEN_MARK)
    assert flag is not None
    assert turn_of(blind.desk, CAM, flag) is Turn.THIRD


def test_where_a_second_answer_was_taken_back_others_answer_or_a_lead_settles(blind: Office) -> None:
    answer(blind, ADA, OPEN_MARK, "3.5")
    assert OPEN_MARK not in keys(blind, LEA)
    answer(blind, BEN, OPEN_MARK, "4")
    undo(blind, LEA, OPEN_MARK, "undo-by-lea", 2)
    assert [OPEN_MARK in keys(blind, person) for person in (ADA, BEN, CAM, LEA)] == [False, False, True, True]
    flag = waiting(blind.desk, OPEN_MARK)
    assert flag is not None
    assert [turn_of(blind.desk, person, flag) for person in (CAM, LEA)] == [Turn.SECOND, Turn.THIRD]
    assert [shown(blind, person, flag).reason_word for person in (CAM, LEA)] == ["Second look", "No second answer"]


def test_another_look_at_the_whole_exam_changes_nothing(blind: Office) -> None:
    answer(blind, ADA, OPEN_MARK, "3.5")
    answer(blind, ADA, OPEN_BLANK, "4")
    answer(blind, BEN, OPEN_BLANK, "5")
    before = {person: keys(blind, person) for person in (ADA, BEN, CAM)}
    blind.desk.look()
    keys(blind)
    if (sorter := blind.lines._sorter) is not None:
        sorter.join()
    assert {person: keys(blind, person) for person in (ADA, BEN, CAM)} == before


def test_what_is_skipped_is_put_behind_all_that_was_skipped_before() -> None:
    skipped = Skipped()
    for key in ("q1", "q2", "q1"):
        skipped.put(ADA, key)
    skipped.put(BEN, "q3")
    assert (skipped.of(ADA), skipped.of(BEN), skipped.of(CAM)) == (("q2", "q1"), ("q3",), ())
    skipped.drop(ADA, "q2")
    skipped.drop(CAM, "q2")
    assert skipped.of(ADA) == ("q1",)
