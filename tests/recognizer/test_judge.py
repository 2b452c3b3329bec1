from dataclasses import replace
from decimal import Decimal

import pytest

from recognizer.decode import hidden_field
from recognizer.judge import ReviewPolicy, judge
from recognizer.promise import Thresholds
from recognizer.records import CharacterReading, Flag, RankedValue, Reading, ValueState
from recognizer.template import SheetField

PLACE = {"x": 20, "y": 60, "width": 18, "height": 11}
MARK = SheetField.model_validate(
    {"name": "q1", "kind": "number", "role": "mark", "question": "1", "maximum": 10, "step": Decimal("0.5"), **PLACE}
)
IDENTITY = SheetField.model_validate({"name": "id", "kind": "digits", "role": "id", "characters": 8, **PLACE})
ANSWER = SheetField.model_validate({"name": "a1", "kind": "number", "role": "answer", **PLACE})
POLICY = ReviewPolicy(Thresholds(digits=0.99, number=0.99, choice=0.98))


def reading(value: str, probability: float, trouble: Flag | None = None) -> Reading:
    return Reading("q1", (RankedValue(value, probability),), (), trouble, b"")


def test_a_sure_value_is_accepted_and_an_unsure_one_goes_to_a_person_with_its_guess() -> None:
    accepted = judge(reading("7", 0.995), MARK, POLICY)
    assert (accepted.state, accepted.value, accepted.flag, accepted.why) == (ValueState.VALUE, "7", None, "")
    doubted = judge(reading("7", 0.985), MARK, POLICY)
    assert (doubted.state, doubted.value, doubted.guess, doubted.flag) == (
        ValueState.UNSETTLED,
        "",
        "7",
        Flag.UNSURE,
    )
    assert "7 (98%)" in doubted.why
    strict = ReviewPolicy(Thresholds(2.0, 2.0, 2.0))
    assert judge(reading("7", 0.9999), MARK, strict).why == "unsure: 7 (over 99%)"


def test_trouble_is_never_accepted_however_sure() -> None:
    decision = judge(reading("7", 1.0, Flag.UNREADABLE), MARK, POLICY)
    assert (decision.state, decision.value) == (ValueState.UNSETTLED, "")


def test_no_value_at_all_is_unsure_and_its_guess_is_not_blank() -> None:
    nothing = judge(Reading("q1", (), (), None, b""), MARK, POLICY)
    assert (nothing.flag, nothing.guess_in_words) == (Flag.UNSURE, "")
    assert judge(reading("", 1.0), MARK, POLICY).guess_in_words == "blank"


@pytest.mark.parametrize(
    ("where", "policy", "state", "flag"),
    [
        (MARK, POLICY, ValueState.UNSETTLED, Flag.BLANK_MARK),
        (MARK, replace(POLICY, flag_blank_marks=False), ValueState.BLANK, None),
        (IDENTITY, POLICY, ValueState.UNSETTLED, Flag.BLANK_ID),
        (ANSWER, POLICY, ValueState.BLANK, None),
    ],
)
def test_what_an_empty_field_means_depends_on_its_role(
    where: SheetField, policy: ReviewPolicy, state: ValueState, flag: Flag | None
) -> None:
    decision = judge(reading("", 1.0), where, policy)
    assert (decision.state, decision.flag, decision.value) == (state, flag, "")


def test_the_reason_names_the_box_that_cannot_be_read() -> None:
    places = (CharacterReading(1, ("7", "other"), (0.9, 0.1)), CharacterReading(2, ("7", "other"), (0.2, 0.8)))
    decision = judge(Reading("id", (), places, Flag.UNREADABLE, b""), IDENTITY, POLICY)
    assert decision.why.startswith("box 2 cannot be read")


def test_the_reason_names_the_box_that_cannot_be_seen() -> None:
    hidden = hidden_field([3])
    decision = judge(Reading("id", hidden.values, hidden.characters, hidden.trouble, b""), IDENTITY, POLICY)
    assert (decision.state, decision.flag) == (ValueState.UNSETTLED, Flag.UNREADABLE)
    assert decision.why.startswith("box 3 cannot be seen")


def test_each_kind_of_field_has_its_own_threshold() -> None:
    choice = SheetField.model_validate(
        {"name": "c1", "kind": "choice", "role": "answer", "options": ["A", "B"], "shape": "bubble", **PLACE}
    )
    doubted = Reading("c1", (RankedValue("A", 0.985),), (), None, b"")
    assert judge(doubted, choice, POLICY).flag is None
    assert judge(doubted, choice, ReviewPolicy(Thresholds(0.9, 0.9, choice=0.99))).flag is Flag.UNSURE


def test_a_score_is_compared_as_it_is_stored() -> None:
    policy = ReviewPolicy(Thresholds(0.999999, 0.999999, 0.999999))
    assert judge(reading("7", 0.9999986), MARK, policy).flag is None
    assert judge(reading("7", 0.9999984), MARK, policy).flag is Flag.UNSURE


def test_a_threshold_above_one_accepts_nothing() -> None:
    assert judge(reading("7", 1.0), MARK, ReviewPolicy(Thresholds(2.0, 2.0, 2.0))).flag is Flag.UNSURE
