"""Where people log in: a flood of tries keeps nobody out who came in from his place before."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from flows.review.accounts import AT_ONCE, CROWDED_S, MOST_WAITING, Gate, NotLetInError, TooSoonError
from flows.store import Store
from flows.users import User, UserRole

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ADA = User("Ada", UserRole.REVIEWER, "secret", NOON, NOON)


def test_a_flood_of_tries_is_told_to_wait_and_holds_up_nobody_who_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def find(_: Gate, __: Store, name: str, ___: str) -> User | None:
        if name == "Ada":
            return ADA
        over.wait(30)
        return None

    monkeypatch.setattr(Gate, "_find", find)

    async def flooded() -> None:
        gate, store = Gate(), object.__new__(Store)
        gate.throttle.succeeded("Ada", "10.0.0.1")
        flood = [
            asyncio.create_task(gate.log_in(store, f"nobody {number}", "a password", f"10.1.0.{number}"))
            for number in range(AT_ONCE + MOST_WAITING)
        ]
        # All of them have begun by then: each comes to its first wait in the order in which it was made.
        await asyncio.sleep(0)
        with pytest.raises(TooSoonError) as crowded:
            await gate.log_in(store, "one more", "a password", "10.2.0.1")
        assert crowded.value.seconds == CROWDED_S
        assert await gate.log_in(store, "Ada", "a password", "10.0.0.1") == ADA
        over.set()
        assert all(isinstance(one, NotLetInError) for one in await asyncio.gather(*flood, return_exceptions=True))
        # The line is empty again.
        with pytest.raises(NotLetInError):
            await gate.log_in(store, "one more", "a password", "10.2.0.1")

    asyncio.run(flooded())
