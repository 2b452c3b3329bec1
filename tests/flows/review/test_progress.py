"""Who decided how much, how fast, and when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from flows.records import Act, Correction, TrailRow
from flows.review.progress import MOST_BARS, ReviewerFigures, pace, reviewers
from tests.helpers.trails import NOON, said, trail


def at(seconds: float, who: str = "Kim", *, key: str = "k", how: str = "queue") -> Correction:
    return replace(said("7", who, key=key, how=how), made_at=NOON + timedelta(seconds=seconds))


def only(rows: Sequence[TrailRow]) -> ReviewerFigures:
    (one,) = reviewers(rows)
    return one


def test_nobody_is_listed_who_decided_nothing() -> None:
    assert reviewers(trail()) == ()
    assert pace(trail()).counts == ()


def test_a_speed_is_decisions_in_active_time() -> None:
    """Forty decisions, one every three seconds, a lunch, and forty more: the lunch counts nowhere."""
    one = only(trail(*(at(3 * n + (3600 if n >= 40 else 0)) for n in range(80))))
    assert (one.decisions, one.timed, one.active) == (80, 78, timedelta(seconds=234))
    assert one.per_hour == 1200


def test_a_gap_of_two_minutes_is_work_and_a_longer_one_is_not() -> None:
    assert only(trail(at(0), at(120))).active == timedelta(seconds=120)
    assert only(trail(at(0), at(121))).active == timedelta()


def test_nothing_is_said_of_a_speed_that_a_minute_would_have_to_show() -> None:
    assert only(trail(at(0), at(59))).per_hour is None
    assert only(trail(at(0), at(60))).per_hour == 60


def test_a_workbook_that_hands_in_a_thousand_at_once_makes_nobody_fast() -> None:
    one = only(trail(*(at(0, how="workbook") for _ in range(1000)), at(0), at(60)))
    assert (one.decisions, one.timed, one.per_hour) == (1002, 1, 60)
    assert one.ways == {"workbook": 1000, "queue": 2}


def test_a_clock_that_was_set_back_makes_no_time() -> None:
    one = only(trail(at(100), at(0), at(50)))
    assert (one.active, one.last) == (timedelta(seconds=100), NOON + timedelta(seconds=100))


def test_people_are_told_apart_and_who_did_most_stands_first() -> None:
    found = reviewers(trail(at(0, "Ada"), at(1, "Kim"), at(2, "kim"), at(3, "Ben")))
    assert [(one.name, one.decisions) for one in found] == [("kim", 2), ("Ada", 1), ("Ben", 1)]


def test_one_person_in_two_spellings_is_told_once() -> None:
    one = only(trail(at(0, "Zoë"), at(1, "ZOE\u0308"), at(2, "zoë ")))
    assert one.decisions == 3


def test_what_was_taken_back_is_counted_and_taking_back_is_no_decision() -> None:
    taken = replace(said("", "Lea", Act.UNDO, undoes=1), made_at=NOON)
    one = only(trail(at(0), at(1), taken))
    assert (one.name, one.decisions, one.taken_back) == ("Kim", 2, 1)


def test_bars_hold_every_decision_and_are_no_more_than_fit() -> None:
    short = pace(trail(at(0), at(299), at(300)))
    assert (short.start, short.width, short.counts) == (NOON, timedelta(minutes=5), (2, 1))
    day = pace(trail(*(at(600 * n) for n in range(144))))
    assert (day.width, sum(day.counts)) == (timedelta(hours=1), 144)
    assert len(day.counts) <= MOST_BARS


def test_an_exam_of_a_year_shows_its_last_days() -> None:
    year = pace(trail(at(0), at(86_400 * 360), at(86_400 * 364)))
    assert (len(year.counts), sum(year.counts), year.counts[-1]) == (MOST_BARS, 2, 1)
