"""Guessing passwords gets slow, and nobody is locked out."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from flows.review import throttle
from flows.review.people import UserRole
from flows.review.throttle import FORGET_SECONDS, FREE_OF_NAME, FREE_OF_PLACE, FREE_TRIES, LONGEST_WAIT, Throttle
from flows.users import User, find

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOME, AWAY = "10.0.0.1", "10.0.0.2"


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Throttle:
    return Throttle(clock)


def test_the_first_tries_do_not_wait(gate: Throttle) -> None:
    assert [gate.begin("Ada", HOME) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    assert gate.begin("Ada", HOME) == 1


def test_each_further_try_waits_twice_as_long_up_to_a_minute(gate: Throttle, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        gate.begin("Ada", HOME)
    waits = []
    for _ in range(9):
        waits.append(gate.begin("Ada", HOME))
        clock.now += waits[-1]
        assert gate.begin("Ada", HOME) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_try_that_came_too_early_does_not_count(gate: Throttle, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        gate.begin("Ada", HOME)
    assert {gate.begin("Ada", HOME) for _ in range(1_000)} == {1}
    clock.now += 1
    assert gate.begin("Ada", HOME) == 0


def test_many_tries_at_once_are_not_one(gate: Throttle) -> None:
    """They count when they begin, not when their passwords were looked at."""
    assert sum(gate.begin("Ada", HOME) == 0 for _ in range(100)) == FREE_TRIES


def test_capitals_and_spaces_make_no_other_name(gate: Throttle) -> None:
    for name in ("Ada", "ADA", "ada", "aDa", "adA"):
        assert gate.begin(name, HOME) == 0
    assert gate.begin("Ａda", HOME) == 1


def test_one_place_cannot_try_many_names(gate: Throttle) -> None:
    assert sum(gate.begin(f"name {n}", HOME) == 0 for n in range(1_000)) == FREE_OF_PLACE
    assert gate.begin("another", AWAY) == 0


def test_many_places_cannot_try_one_name(gate: Throttle) -> None:
    assert sum(gate.begin("Ada", f"10.0.{n // 250}.{n % 250}") == 0 for n in range(1_000)) == FREE_OF_NAME


def test_one_customer_of_ipv6_is_one_place(gate: Throttle) -> None:
    assert sum(gate.begin(f"name {n}", f"2001:db8::{n:x}") == 0 for n in range(1_000)) == FREE_OF_PLACE
    assert gate.begin("Ada", "2001:db8:0:1::1") == 0
    assert sum(gate.begin(f"other {n}", f"::ffff:{HOME}") == 0 for n in range(1_000)) == FREE_OF_PLACE
    assert gate.begin("Ada", HOME) > 0


def test_nobody_far_away_locks_somebody_out(gate: Throttle, clock: Clock) -> None:
    """Where a name came in before, tries from elsewhere do not matter; elsewhere it waits for a minute at most."""
    assert gate.begin("Ada", HOME) == 0
    gate.succeeded("Ada", HOME)
    for n in range(1_000):
        clock.now += LONGEST_WAIT
        gate.begin("Ada", f"10.1.{n // 250}.{n % 250}")
    assert gate.begin("Ada", HOME) == 0
    assert 0 < gate.begin("Ada", AWAY) <= LONGEST_WAIT


def test_who_gets_in_begins_anew_but_its_place_keeps_other_tries(gate: Throttle) -> None:
    for _ in range(FREE_TRIES - 1):
        gate.begin("Ada", HOME)
    gate.begin("Ada", HOME)
    gate.succeeded("Ada", HOME)
    assert [gate.begin("Ada", HOME) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES
    for n in range(2 * FREE_OF_PLACE):
        gate.begin(f"name {n}", HOME)
        if gate.begin("Mine", HOME) == 0:
            gate.succeeded("Mine", HOME)
    assert gate.begin("another", HOME) > 0


def test_old_tries_are_forgotten(gate: Throttle, clock: Clock) -> None:
    for _ in range(FREE_TRIES):
        gate.begin("Ada", HOME)
    assert gate.begin("Ada", HOME) > 0
    clock.now += FORGET_SECONDS + 1
    assert [gate.begin("Ada", HOME) for _ in range(FREE_TRIES)] == [0] * FREE_TRIES


def test_made_up_names_do_not_fill_the_memory(gate: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_KEPT", 50)
    for n in range(1_000):
        gate.begin(f"name {n}", f"10.0.{n // 250}.{n % 250}")
        gate.succeeded(f"name {n}", f"10.0.{n // 250}.{n % 250}")
        gate.begin(f"bad {n}", f"10.1.{n // 250}.{n % 250}")
    assert len(gate._tries) <= 50
    assert len(gate._known) <= 50


def test_an_address_that_is_none_is_counted_too(gate: Throttle) -> None:
    assert sum(gate.begin(f"name {n}", "testclient") == 0 for n in range(100)) == FREE_OF_PLACE


@pytest.mark.parametrize("white", ["  ", "\u00a0", "\u2003", "\u3000", "\x85", "\t", "\u2028", "\x1f", "\u00a0 \u3000"])
def test_no_white_space_makes_another_name(gate: Throttle, white: str) -> None:
    """What finds the same account (`flows.users.find`) is slowed down as the same name."""
    account = User("Ada Lovelace", UserRole.LEAD, "", NOW, NOW)
    names = [f"{white * at}ada{white * (at + 1)}Lovelace{white}" for at in range(FREE_TRIES)]
    assert {find([account], name) for name in names} == {account}
    for name in names:
        assert gate.begin(name, HOME) == 0
    assert gate.begin("Ada Lovelace", HOME) == 1
