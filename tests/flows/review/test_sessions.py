"""Sessions: nobody makes one up, and each ends."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from flows.review.people import Person
from flows.review.sessions import IDLE_SECONDS, LINK_SECONDS, SESSION_SECONDS, Sessions, cookie_name
from flows.users import User, UserRole

ADA = Person("Ada", UserRole.REVIEWER)
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ACCOUNT = User("Ada", UserRole.REVIEWER, "scrypt$…", NOON, NOON)


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


def test_a_cookie_brings_back_its_session(sessions: Sessions) -> None:
    session = sessions.begin(ADA)
    assert sessions.of_cookie(sessions.cookie(session)) is session
    assert session.person == ADA


def test_no_two_sessions_share_a_name_or_a_token(sessions: Sessions) -> None:
    made = [sessions.begin(ADA) for _ in range(100)]
    assert len({text for one in made for text in (one.id, one.csrf)}) == 200
    assert min(len(one.id) for one in made) >= 43


@pytest.mark.parametrize("cookie", [None, "", ".", "x", "a.b", "é.é", "." * 10_000, "\x00.\x00"])
def test_a_made_up_cookie_is_none(sessions: Sessions, cookie: str | None) -> None:
    sessions.begin(ADA)
    assert sessions.of_cookie(cookie) is None


def test_a_cookie_with_another_signature_is_none(sessions: Sessions) -> None:
    session = sessions.begin(ADA)
    cookie = sessions.cookie(session)
    flipped = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    assert sessions.of_cookie(flipped) is None
    assert sessions.of_cookie(session.id) is None
    assert sessions.of_cookie(Sessions().cookie(session)) is None


def test_a_session_ends_after_a_days_work_however_busy(sessions: Sessions, clock: Clock) -> None:
    session = sessions.begin(ADA, ACCOUNT)
    cookie = sessions.cookie(session)
    end = clock.now + SESSION_SECONDS
    while clock.now + IDLE_SECONDS / 2 <= end:
        clock.now += IDLE_SECONDS / 2
        assert sessions.of_cookie(cookie) is session
    clock.now = end + 1
    assert sessions.of_cookie(cookie) is None
    clock.now = end - 1
    assert sessions.of_cookie(cookie) is None


def test_a_session_of_an_account_ends_when_it_is_left_alone(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.cookie(sessions.begin(ADA, ACCOUNT))
    clock.now += IDLE_SECONDS - 1
    assert sessions.of_cookie(cookie) is not None
    clock.now += IDLE_SECONDS - 1
    assert sessions.of_cookie(cookie) is not None
    clock.now += IDLE_SECONDS + 1
    assert sessions.of_cookie(cookie) is None


def test_a_session_of_a_link_does_not(sessions: Sessions, clock: Clock) -> None:
    session = sessions.redeem(sessions.link_for(ADA, ACCOUNT))
    assert session is not None
    clock.now += SESSION_SECONDS - 1
    assert sessions.of_cookie(sessions.cookie(session)) is session


def test_who_logged_out_is_out(sessions: Sessions) -> None:
    one, other = sessions.begin(ADA), sessions.begin(ADA)
    sessions.end(one)
    assert sessions.of_cookie(sessions.cookie(one)) is None
    assert sessions.of_cookie(sessions.cookie(other)) is other


def test_a_link_opens_once(sessions: Sessions) -> None:
    code = sessions.link_for(ADA)
    session = sessions.redeem(code)
    assert session is not None
    assert session.person == ADA
    assert sessions.redeem(code) is None
    assert sessions.redeem("") is None


def test_a_link_opens_for_two_minutes(sessions: Sessions, clock: Clock) -> None:
    code, late = sessions.link_for(ADA), sessions.link_for(ADA)
    clock.now += LINK_SECONDS
    assert sessions.redeem(code) is not None
    clock.now += 1
    assert sessions.redeem(late) is None


def test_sessions_that_are_over_leave_the_memory(sessions: Sessions, clock: Clock) -> None:
    for _ in range(10):
        sessions.begin(ADA)
    clock.now += SESSION_SECONDS + 1
    sessions.begin(ADA)
    assert (len(sessions._open), len(sessions._used)) == (1, 1)


def test_two_exams_at_once_have_two_cookies() -> None:
    assert cookie_name(8000, secure=False) != cookie_name(8001, secure=False)
    assert cookie_name(8000, secure=True).startswith("__Host-")
    assert Sessions(cookie_name=cookie_name(8000, secure=True)).is_secure
    assert not Sessions().is_secure


def test_a_session_does_not_print_what_it_is_known_by(sessions: Sessions) -> None:
    session = sessions.begin(ADA, ACCOUNT)
    code = sessions.link_for(ADA)
    printed = f"{session!r} {sessions!r}"
    assert not any(secret in printed for secret in (session.id, session.csrf, code, "scrypt"))
