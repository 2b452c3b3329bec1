from collections.abc import Sequence
from dataclasses import replace

import pytest

from flows.errors import UndoError
from flows.records import DISPUTED, Act, Correction, TrailRow
from flows.trail import (
    FIRST_PREVIOUS,
    Turn,
    act_of,
    broken,
    needs_second,
    next_act,
    row_hash,
    standing,
    undo_of,
    waits_for,
)
from flows.trail_pairs import PairFigures, pairs
from recognizer.records import ValueState
from tests.helpers.trails import NOON, said, trail

SECOND, THIRD, UNDO = Act.SECOND, Act.THIRD, Act.UNDO


def stands(*rows: Correction) -> tuple[str, str, bool] | None:
    """State, value and whether it is disputed, of what stands."""
    now = standing(trail(*rows))
    return now.correction and (now.correction.state.value, now.correction.value, now.disputed)


# ---- what stands ------------------------------------------------------------------------------------------------


def test_nothing_stands_of_nothing() -> None:
    assert stands() is None
    assert standing(()).first is None


def test_the_latest_plain_word_stands() -> None:
    assert stands(said("8"), said("9", "Ada")) == ("value", "9", False)
    assert stands(said("8"), said("")) == ("blank", "", False)
    assert stands(said("8"), said("?")) == ("unsettled", "", False)


def test_a_second_answer_agrees_or_disputes() -> None:
    agreed = standing(trail(said("8"), said("8", "Ada", SECOND)))
    assert agreed.correction == said("8")
    assert (agreed.first, agreed.second) == tuple(trail(said("8"), said("8", "Ada", SECOND)))
    assert stands(said("8"), said("9", "Ada", SECOND)) == ("unsettled", "", True)
    assert stands(said("8"), said("", "Ada", SECOND)) == ("unsettled", "", True)
    assert stands(said(""), said("?", "Ada", SECOND)) == ("unsettled", "", True)
    assert stands(said("?"), said("?", "Ada", SECOND)) == ("unsettled", "", False)


def test_what_is_disputed_shows_neither_answer() -> None:
    disputed = standing(trail(said("8"), said("9", "Ada", SECOND))).correction
    assert disputed is not None
    assert (disputed.value, disputed.note, disputed.reviewer) == ("", DISPUTED, "Kim and Ada")


def test_a_third_settles_and_a_plain_word_replaces_everything() -> None:
    both = (said("8"), said("9", "Ada", SECOND))
    assert stands(*both, said("9", "Lee", THIRD)) == ("value", "9", False)
    assert stands(*both, said("5", "Lee")) == ("value", "5", False)
    assert standing(trail(*both, said("9", "Lee", THIRD))).second is None


def test_what_was_taken_back_does_not_stand_and_neither_does_the_undo() -> None:
    assert stands(said("8"), said("", undoes=1, act=UNDO)) is None
    assert stands(said("8"), said("9"), said("8", undoes=2, act=UNDO)) == ("value", "8", False)
    disputed = (said("8"), said("9", "Ada", SECOND), said("9", "Lee", THIRD))
    assert stands(*disputed, said("?", "Lee", UNDO, undoes=3)) == ("unsettled", "", True)
    assert stands(*disputed[:2], said("8", "Ada", UNDO, undoes=2)) == ("value", "8", False)


def test_a_second_answer_whose_first_was_taken_back_is_the_first() -> None:
    rows = (said("8"), said("9", "Ada", SECOND), said("", "Lee", UNDO, undoes=1))
    assert stands(*rows) == ("value", "9", False)


# ---- who may say what -------------------------------------------------------------------------------------------


def turn(rows: Sequence[Correction], who: str, share: float = 1.0) -> Turn:
    return waits_for(trail(*rows), who, share)


def test_whose_turn_it_is() -> None:
    first, other = said("8", "Kim"), said("9", "Ada", SECOND)
    assert turn((), "Kim") is Turn.FIRST
    assert turn([first], "Kim") is Turn.NOTHING
    assert turn([first], "kim") is Turn.NOTHING
    assert turn([first], "Ada") is Turn.SECOND
    assert turn([first], "Ada", share=0.0) is Turn.NOTHING
    assert [turn([first, other], who) for who in ("Kim", "Ada", "Lee")] == [Turn.NOTHING, Turn.NOTHING, Turn.THIRD]
    assert turn([first, other, said("9", "Lee", THIRD)], "Max") is Turn.NOTHING
    assert turn([first, said("8", "Ada", SECOND)], "Lee") is Turn.NOTHING
    assert turn([first, said("", undoes=1, act=UNDO)], "Ada") is Turn.FIRST


def test_who_answered_once_gives_no_second_answer_and_settles_nothing_though_it_was_taken_back() -> None:
    seen = [said("8"), said("9", "Ada", SECOND), said("8", "Lea", UNDO, undoes=2)]
    assert [turn(seen, who) for who in ("Kim", "ada", "Lee")] == [Turn.NOTHING, Turn.NOTHING, Turn.SECOND]
    again = [*seen, said("7", "Lee", SECOND)]
    assert [turn(again, who) for who in ("Kim", "Ada", "Lee", "Max")] == [*[Turn.NOTHING] * 3, Turn.THIRD]
    swapped = [said("8"), said("", undoes=1, act=UNDO), said("8", "Ada")]
    assert [turn(swapped, who) for who in ("Kim", "Ada", "Lee")] == [Turn.NOTHING, Turn.NOTHING, Turn.SECOND]


def test_who_settled_and_took_that_back_settles_anew() -> None:
    settled = [said("8"), said("9", "Ada", SECOND), said("5", "Lee", THIRD), said("?", "Lee", UNDO, undoes=3)]
    assert [turn(settled, who) for who in ("Kim", "Ada", "Lee")] == [Turn.NOTHING, Turn.NOTHING, Turn.THIRD]


def test_nobody_answers_unseen_what_everybody_could_see() -> None:
    undone = [said("8"), said("8", "Ada", SECOND), said("8", "Ada", UNDO, undoes=2)]
    # Nor when the same person says the same again.
    for rows in (undone, [*undone, said("8")]):
        assert [turn(rows, who) for who in ("Kim", "Ada", "Lee")] == [Turn.NOTHING] * 3
        assert waits_for(trail(*rows), "Lea", 1.0, lead=True) is Turn.THIRD
    assert turn([*undone, said("9")], "Lee") is Turn.SECOND
    settled = [said("8"), said("9", "Ada", SECOND), said("8", "Lee", THIRD)]
    reopened = [*settled, said("?", "Lee", UNDO, undoes=3), said("8", "Lea", UNDO, undoes=2)]
    assert turn(reopened, "Max") is Turn.NOTHING


def test_a_lead_gives_no_second_answer_and_settles_what_nobody_else_may() -> None:
    def lead(*rows: Correction) -> Turn:
        return waits_for(trail(*rows), "Lea", 1.0, lead=True)

    first, other = said("8"), said("9", "Ada", SECOND)
    assert lead(first) is Turn.NOTHING
    assert lead(first, other) is Turn.THIRD
    assert lead(first, other, said("8", "Lea", UNDO, undoes=2)) is Turn.THIRD
    assert lead(first, said("", undoes=1, act=UNDO)) is Turn.FIRST
    assert lead(said("?")) is Turn.NOTHING
    assert lead(said("8", "Lea"), other) is Turn.NOTHING


def act(rows: Sequence[Correction], who: str, share: float = 1.0, *, lead: bool = False) -> Act | None:
    return act_of(trail(*rows), who, share, lead=lead)


def test_what_a_word_does_to_a_field() -> None:
    first, other = said("8"), said("9", "Ada", SECOND)
    undone = [first, other, said("8", "Lea", UNDO, undoes=2)]
    assert [act((), "Kim"), act([first], "Ada"), act([first, other], "Lee")] == [Act.SAY, SECOND, THIRD]
    # One's own word may be replaced, while nobody else has answered or nobody differs.
    assert [act([first], "Kim"), act(undone, "Kim"), act([first, other], "Kim")] == [Act.SAY, Act.SAY, None]
    assert act([first, said("8", "Ada", SECOND)], "Lee") is Act.SAY
    assert [act(undone, "Ada"), act([first, other], "Ada")] == [None, None]
    assert [act([first], "Lea", lead=True), act(undone, "Lea", lead=True)] == [Act.SAY, THIRD]
    assert act([first, other, said("8", "Lee", THIRD)], "Lee") is THIRD
    assert act([first], "Ada", share=0.0) is Act.SAY


def test_what_one_could_not_read_another_may() -> None:
    assert turn([said("?", "Kim")], "Ada", share=0.0) is Turn.FIRST
    assert turn([said("?", "Kim")], "Kim", share=0.0) is Turn.NOTHING
    assert turn([said("?", "Kim")], "Ada", share=1.0) is Turn.SECOND


def test_each_turn_has_its_act() -> None:
    assert [next_act(turn) for turn in Turn] == [Act.SAY, Act.SECOND, Act.THIRD, None]


def test_the_sample_for_second_review_has_its_share_and_grows_with_it() -> None:
    keys = [f"9f2c41d07ab3-{page}-q{n}" for page in range(1, 401) for n in range(1, 6)]
    tenth = {key for key in keys if needs_second(key, 0.1)}
    assert 150 < len(tenth) < 250
    assert tenth < {key for key in keys if needs_second(key, 0.2)}
    assert all(needs_second(key, 1.0) for key in keys)
    assert not any(needs_second(key, 0.0) for key in keys)


# ---- undo -------------------------------------------------------------------------------------------------------


def test_an_undo_takes_the_latest_standing_row_back() -> None:
    rows = trail(said("8", "Ada"), said("9"))
    undo = undo_of(rows, "Kim", lead=False, token="t", now=NOON)
    assert (undo.act, undo.undoes, undo.reviewer, undo.token, undo.how) == (UNDO, 2, "Kim", "t", "queue")
    assert (undo.was, undo.state, undo.value, undo.made_at) == ("9", ValueState.VALUE, "8", NOON)
    again = undo_of(trail(said("8", "Ada"), said("9"), undo), "ADA", lead=False, how="sheet")
    assert (again.undoes, again.state, again.value, again.how) == (1, ValueState.UNSETTLED, "", "sheet")


def test_an_undo_of_a_third_answer_leaves_the_field_disputed() -> None:
    undo = undo_of(trail(said("8"), said("9", "Ada", SECOND), said("9", "Lee", THIRD)), "Lee", lead=False)
    assert (undo.undoes, undo.state, undo.note) == (3, ValueState.UNSETTLED, DISPUTED)


def test_only_a_lead_takes_back_what_another_said() -> None:
    rows = trail(said("8"), said("9", "Ada"))
    with pytest.raises(UndoError, match="is Ada's, not yours"):
        undo_of(rows, "Kim", lead=False)
    assert undo_of(rows, "Kim", lead=True).undoes == 2


def test_only_a_lead_takes_back_one_of_two_answers_that_differ() -> None:
    rows = trail(said("8"), said("9", "Ada", SECOND))
    with pytest.raises(UndoError, match="a third person or a lead"):
        undo_of(rows, "Ada", lead=False)
    assert undo_of(rows, "Lea", lead=True).undoes == 2
    assert undo_of(trail(said("8"), said("8", "Ada", SECOND)), "Ada", lead=False).undoes == 2


def test_there_is_nothing_to_undo_where_nothing_stands() -> None:
    first = said("8")
    undone = trail(first, undo_of(trail(first), "Kim", lead=False))
    for rows in ((), undone):
        with pytest.raises(UndoError, match="nothing to undo"):
            undo_of(rows, "Kim", lead=True)


# ---- the chain --------------------------------------------------------------------------------------------------


def test_a_whole_chain_has_nothing_broken() -> None:
    assert broken(()) == ()
    assert broken(trail(said("8"), said("9"), said("8", undoes=2, act=UNDO))) == ()


def test_a_hash_is_what_it_was_when_it_was_released() -> None:
    """Stored rows carry it: if this test fails, every chain in the field would be called broken."""
    first = row_hash(FIRST_PREVIOUS, 1, said("8"))
    assert first == "b85b90ebe6b2664d282c32948f9c7ab39bf1bb5422de84fe767b2d34c6da84d5"
    assert (
        row_hash(first, 2, said("", "Zoë", UNDO, undoes=1))
        == "5cbacb134ba79b3f639886442bf8a88e1e87990dd2127484ad421cd4a7f9070f"
    )


def test_every_change_of_a_row_breaks_the_chain_where_it_was_made() -> None:
    rows = list(trail(said("8"), said("9"), said("5")))

    def without(number: int) -> list[TrailRow]:
        return [row for row in rows if row.number != number]

    forged = replace(rows[1], correction=said("1"))
    assert broken([rows[0], forged, rows[2]]) == ("row 2 is not as it was stored: its hash is another one",)
    rehashed = replace(forged, hash=row_hash(forged.previous, 2, forged.correction))
    assert broken([rows[0], rehashed, rows[2]]) == ("row 3 does not follow the row before it: it names another hash",)
    assert broken(without(2))[0] == "row 2 of the trail is missing"
    assert broken(rows[2:])[0] == "rows 1 to 2 of the trail are missing"
    assert broken([rows[1], rows[0], rows[2]]) != ()
    assert broken(without(3)) == ()


# ---- pairs ------------------------------------------------------------------------------------------------------


def test_pairs_tell_how_often_two_agreed_and_whom_a_third_confirmed() -> None:
    def field(n: int, *answers: tuple[str, str, Act]) -> list[Correction]:
        return [said(value, who, act, f"k{n}") for value, who, act in answers]

    first, second = ("8", "Kim", Act.SAY), ("9", "Ada", SECOND)
    rows = [
        *field(1, first, ("8", "Ada", SECOND)),
        *field(2, first, second),
        *field(3, first, second, ("8", "Lee", THIRD)),
        *field(4, first, second, ("9", "Lee", THIRD)),
        *field(5, first, second, ("", "Lee", THIRD)),
        *field(6, ("8", "Ada", Act.SAY), ("8", "Kim", SECOND)),
        *field(7, first, second, ("5", "Kim", Act.SAY), ("5", "Lee", SECOND)),
        *field(8, first),
    ]
    undone = [*field(9, first, second), said("8", "Ada", UNDO, "k9", undoes=len(rows) + 2)]
    found = pairs(trail(*rows, *undone))
    assert found == {
        ("Ada", "Kim"): PairFigures(1, 1),
        ("Kim", "Ada"): PairFigures(7, 1, first_confirmed=1, second_confirmed=1, neither_confirmed=1, taken_back=1),
        ("Kim", "Lee"): PairFigures(1, 1),
    }
    assert (found["Kim", "Ada"].disagreed, found["Kim", "Ada"].waiting) == (6, 2)


def only_pair(*rows: Correction) -> PairFigures:
    (found,) = pairs(trail(*rows)).values()
    return found


def test_a_disagreement_that_was_taken_back_stays_one_and_who_knows_the_answer_agrees_with_nobody() -> None:
    """What an older version stored: a throwaway value, the first answer is shown, and it is said once more."""
    rows = (said("8"), said("9", "Ada", SECOND), said("8", "Ada", UNDO, undoes=2), said("8", "Ada", SECOND))
    assert only_pair(*rows) == PairFigures(1, 0, taken_back=1)
    assert (only_pair(*rows).disagreed, only_pair(*rows).waiting) == (1, 0)


def test_a_second_answer_that_agreed_and_was_taken_back_is_no_disagreement() -> None:
    assert pairs(trail(said("8"), said("8", "Ada", SECOND), said("8", "Ada", UNDO, undoes=2))) == {}


def test_who_settles_twice_confirms_once_and_the_last_word_counts() -> None:
    both = (said("8"), said("9", "Ada", SECOND), said("8", "Lee", THIRD))
    assert only_pair(*both, said("9", "Lee", THIRD)) == PairFigures(1, second_confirmed=1)
    undone = (*both, said("?", "Lee", UNDO, undoes=3), said("5", "Lee", THIRD))
    assert only_pair(*undone) == PairFigures(1, neither_confirmed=1)


def test_one_person_in_two_spellings_is_one_of_a_pair() -> None:
    rows = [said("8", "Zoë"), said("8", "Kim", SECOND), said("7", "ZOE\u0308", key="k"), said("7", "kim", SECOND, "k")]
    assert pairs(trail(*rows)) == {("ZOE\u0308", "kim"): PairFigures(2, 2)}
