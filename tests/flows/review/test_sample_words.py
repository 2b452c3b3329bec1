"""What a sample does, in sentences: three errors of three hundred, and none of them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.checking import Standing
from flows.records import By, Tightening
from flows.review.sample_words import accepts, what_became, would_do
from flows.sample_rounds import Foreseen, HandedIn
from recognizer.promise import Kept, Thresholds, Verdict, check_promise
from recognizer.promise import SampleCheck as Looked

LEA = By("Lea", datetime(2026, 3, 1, tzinfo=UTC), "sample check, wall")
HELD = Thresholds(0.99, 0.9935, 0.98)
RAISED = Thresholds(0.99, 0.9991, 2.0)


def found(looked_at: int, wrong: int) -> Verdict:
    return check_promise([Looked("number", 0.9994, number < wrong) for number in range(looked_at)], 0.001, 20_000)


def standing(verdict: Verdict, accepted: int, held: Thresholds = HELD) -> Standing:
    return Standing(0.001, accepted, verdict, 0.0021, 0.029, verdict, {"digits-1": held}, (), 0, 0)


def raised(reopened: int) -> Tightening:
    scores = (RAISED.digits, RAISED.number, RAISED.choice)
    why = "3 wrong of 300 accepted fields looked at; promised is at most 1 in 1,000"
    return Tightening(1, "digits-1", 0.001, *scores, reopened, why, LEA.reviewer, LEA.made_at)


def foreseen(done: HandedIn, before: Standing, after: Standing, **more: int) -> Foreseen:
    figures = {"accepted": before.accepted, "stay": before.accepted, "shaken": 0, "gained": 0} | more
    return Foreseen(done, before, after, **figures)


def test_three_errors_of_three_hundred_are_told_with_all_that_follows() -> None:
    one = raised(1_240)
    before, after = standing(found(0, 0), 20_000), standing(found(300, 3), 18_760, RAISED)
    done = HandedIn(300, 0, 3, (), (one,))
    assert list(would_do(foreseen(done, before, after, stay=18_717, shaken=40, gained=2), 0)) == [
        "You looked at 300 accepted fields: 3 are wrong and would be corrected.",
        "This sample: 3 wrong of 300, which is 10 in 1,000; the true rate lies between 2.1 in 1,000 and 29 in 1,000, "
        "at 95 %.",
        "The promise of at most 1 in 1,000 is not kept.",
        "Of handwritten numbers the machine would accept those from a score of 0.9991 on (now from a score of 0.9935 "
        "on).",
        "Of ticks the machine would accept none any more (now from a score of 0.9800 on).",
        "Of 20,000 accepted fields 1,240 would be reopened, because their scores are too low then, 40 more that the "
        "sum or the class list had settled, 3 are corrected; 18,717 stay accepted.",
        "What is open waits in the queue until a person has said what is written there; the exam is not final before.",
        "2 that wait now would be accepted, since what is corrected settles them.",
        "No later sample lowers a threshold again.",
    ]
    assert any("0.9991" in words and "1,240 fields were reopened" in words for words in what_became(done, 300))


@pytest.mark.parametrize(
    ("reopened", "end"),
    [
        (0, "ticks never."),
        (1, "1 field was reopened and waits in the queue."),
        (2, "2 fields were reopened and wait in the queue."),
    ],
)
def test_what_a_threshold_reopened_is_told_in_figures_and_nothing_of_none(reopened: int, end: str) -> None:
    told = list(what_became(HandedIn(300, 0, 3, (), (raised(reopened),)), 300))[1]
    assert told.endswith(f" {end}")
    assert ("reopened" in told) == bool(reopened)


def test_none_wrong_changes_nothing_and_says_what_would_show_the_promise() -> None:
    before, after = standing(found(60, 0), 20_000), standing(found(360, 0), 20_000)
    words = list(would_do(foreseen(HandedIn(298, 0, 0, ("a", "b")), before, after), 60))
    assert after.found.kept is Kept.NOT_SHOWN
    assert words[0] == "You looked at 298 accepted fields: none is wrong."
    assert words[1].startswith("All samples together: 0 wrong of 360, which is 0 in 1,000")
    assert words[2].endswith("is not shown yet; 2,995 without error show it.")
    assert words[3:5] == ["No threshold rises.", "No field is reopened."]
    assert words[5].startswith("2 accepted fields cannot be taken any more")
    assert words[6].startswith("60 accepted fields of your sample were not confirmed")


def test_what_is_not_known_of_a_model_is_not_told() -> None:
    one, known = raised(0), standing(found(0, 0), 20)
    before = replace(known, thresholds={"digits-1": None})
    words = " ".join(would_do(foreseen(HandedIn(20, 0, 2, (), (one,)), before, standing(found(20, 2), 20)), 0))
    assert "(now" not in words
    assert "No field is reopened." in words
    assert list(accepts({"digits-1": None})) == [
        "From which scores on fields are accepted is not known: the card of their model is not here."
    ]
    both = list(accepts({"digits-1": HELD, "digits-2": RAISED}))
    assert both[1] == (
        "Accepted read by digits-2 are digits in boxes from a score of 0.9900 on, handwritten numbers from a score of "
        "0.9991 on, ticks never."
    )
