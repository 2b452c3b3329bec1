"""Leases: who has a field, for how long, and who is kept out."""

from dataclasses import dataclass

import pytest

from flows.review.leases import LEASE_SECONDS, LEAST_HELD, MOST_HELD, Leases, holder_of_window


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_of_two_only_one_has_a_field_until_it_is_given_back() -> None:
    leases = Leases(Clock())
    assert leases.take("q1", "ada")
    assert not leases.take("q1", "ben")
    leases.free("q1", "ben")
    assert leases.holder_of("q1") == "ada"
    leases.free("q1", "ada")
    assert leases.holder_of("q1") is None
    assert leases.take("q1", "ben")


def test_a_lease_runs_out_unless_it_is_kept() -> None:
    clock = Clock()
    leases = Leases(clock)
    leases.take("kept", "ada")
    leases.take("left", "ada")
    clock.now += LEASE_SECONDS * 0.75
    assert leases.keep("kept", "ada")
    clock.now += LEASE_SECONDS * 0.75
    assert leases.holder_of("kept") == "ada"
    assert leases.holder_of("left") is None
    assert leases.take("left", "ben")
    assert not leases.keep("left", "ada")


def test_nobody_has_more_than_screens_can_show() -> None:
    clock = Clock()
    leases = Leases(clock)
    taken = [leases.take(f"q{at}", "greedy") for at in range(MOST_HELD + 5)]
    assert taken == [True] * MOST_HELD + [False] * 5
    assert leases.take("q0", "greedy")
    assert leases.take(f"q{MOST_HELD}", "ben")
    clock.now += LEASE_SECONDS + 1
    assert leases.take("another", "greedy")


@pytest.mark.parametrize(
    ("waiting", "most"), [(0, LEAST_HELD), (200, LEAST_HELD), (300, 150), (799, 399), (50_000, MOST_HELD)]
)
def test_nobody_has_more_than_half_of_what_waits_or_two_pages_and_a_queue(waiting: int, most: int) -> None:
    leases = Leases(Clock(), lambda: waiting)
    window = holder_of_window("greedy", "a")
    taken = [leases.take(f"q{at}", window) for at in range(MOST_HELD + 5)]
    assert taken == [True] * most + [False] * (MOST_HELD + 5 - most)
    assert leases.has_enough(window)
    assert leases.take("another", holder_of_window("ben", "a"))


def test_leaving_gives_back_what_one_has_and_nothing_else() -> None:
    leases = Leases(Clock())
    for key, holder in (("q1", "ada"), ("q2", "ada"), ("q3", "ben"), ("q4", "ada")):
        leases.take(key, holder)
    leases.free_all("ada", ["q1", "q3"])
    assert [leases.holder_of(key) for key in ("q1", "q2", "q3", "q4")] == [None, "ada", "ben", "ada"]
    leases.free_all("ada")
    leases.free_all("nobody")
    assert [leases.holder_of(key) for key in ("q1", "q2", "q3", "q4")] == [None, None, "ben", None]


def test_whoever_names_what_he_has_gives_back_the_rest() -> None:
    leases = Leases(Clock())
    for key, holder in (("q1", "ada"), ("q2", "ada"), ("q3", "ben")):
        leases.take(key, holder)
    leases.keep_only("ada", ["q2", "q3", "q4"])
    leases.keep_only("nobody", [])
    assert [leases.holder_of(key) for key in ("q1", "q2", "q3", "q4")] == [None, "ada", "ben", None]


def test_names_of_windows_give_nobody_more() -> None:
    clock = Clock()
    leases = Leases(clock)
    first, second = (holder_of_window("greedy", window) for window in ("a", "b"))
    taken = [leases.take(f"q{at}", holder_of_window("greedy", f"w{at}")) for at in range(MOST_HELD + 50)]
    assert taken == [True] * MOST_HELD + [False] * 50
    assert leases.has_enough(first)
    assert not leases.take("more", second)
    assert not leases.has_enough(holder_of_window("ben", "a"))
    assert leases.take("more", holder_of_window("ben", "a"))
    leases.free("q0", holder_of_window("greedy", "w0"))
    assert not leases.has_enough(first)
    assert leases.take("q0", second)
    clock.now += LEASE_SECONDS + 1
    assert not leases.has_enough(first)
    assert [leases.take(f"n{at}", first) for at in range(3)] == [True] * 3


def test_one_person_in_two_spellings_has_no_more_than_one() -> None:
    leases = Leases(Clock())
    for at in range(MOST_HELD):
        assert leases.take(f"q{at}", holder_of_window("Zoë", "a"))
    assert leases.has_enough(holder_of_window("ZOE\u0308 ", "b"))
    assert not leases.take("more", holder_of_window("Zoe\u0308", "b"))
    assert leases.keep("q0", holder_of_window("zoë", "a"))
