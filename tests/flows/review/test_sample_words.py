"""What a sample does, in sentences: three errors of three hundred, and none of them."""

from datetime import UTC, datetime

from flows.checking import Standing
from flows.records import By, CheckOutcome, Tightening
from flows.review.sample_words import what_became, would_do
from flows.sample_rounds import HandedIn
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


def test_three_errors_of_three_hundred_are_told_with_all_that_follows() -> None:
    one = raised(1_240)
    before, after = standing(found(0, 0), 20_000), standing(found(300, 3), 18_760, RAISED)
    told = HandedIn(300, 0, 3, (), (one,))
    assert list(would_do(CheckOutcome(tightenings=(one,)), told, before, after, 0)) == [
        "You looked at 300 accepted fields: 3 are wrong and would be corrected.",
        "This sample: 3 wrong of 300, which is 10 in 1,000; the true rate lies between 2.1 in 1,000 and 29 in 1,000, "
        "at 95 %.",
        "The promise of at most 1 in 1,000 is not kept.",
        "Of handwritten numbers the machine would accept those from a score of 0.9991 on, now from a score of 0.9935 "
        "on.",
        "Of ticks the machine would accept none any more, now from a score of 0.9800 on.",
        "1,240 of 20,000 accepted fields would be reopened: they wait in the queue until a person has said what is "
        "written there, and until then the exam cannot be final. 18,757 stay accepted, unless what is corrected "
        "contradicts the sum of its sheet.",
        "No later sample lowers a threshold again.",
    ]
    assert any("0.9991" in words and "1,240 fields were reopened" in words for words in what_became(told, 300))


def test_none_wrong_changes_nothing_and_says_what_would_show_the_promise() -> None:
    before, after = standing(found(60, 0), 20_000), standing(found(360, 0), 20_000)
    words = list(would_do(CheckOutcome(), HandedIn(298, 0, 0, ("a", "b")), before, after, 60))
    assert after.found.kept is Kept.NOT_SHOWN
    assert words[0] == "You looked at 298 accepted fields: none is wrong."
    assert words[1].startswith("All samples together: 0 wrong of 360, which is 0 in 1,000")
    assert words[2].endswith("is not shown yet; 2,995 without error show it.")
    assert words[3] == "No threshold rises, and no field is reopened."
    assert words[4].startswith("2 accepted fields cannot be taken any more")
    assert words[5].startswith("60 accepted fields of your sample were not confirmed")


def test_what_is_not_known_of_a_model_is_not_told() -> None:
    one = raised(0)
    before, after = standing(found(0, 0), 20), standing(found(20, 2), 20)
    before = Standing(0.001, 20, before.found, 0, 0, before.left, {"digits-1": None}, (), 0, 0)
    words = " ".join(would_do(CheckOutcome(tightenings=(one,)), HandedIn(20, 0, 2, (), (one,)), before, after, 0))
    assert "now" not in words.replace("accepted now", "")
    assert "No other field would be reopened." in words
