"""Logging in with an account: who it is, found out in the same time whether there is such an account or not."""

import asyncio
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from flows.passwords import COST, MOST_CHARACTERS, Cost, hash_password, is_password
from flows.review.people import Person
from flows.review.throttle import Throttle
from flows.reviewer import LONGEST_NAME
from flows.settings import Exam
from flows.store import Store
from flows.users import User, UserRole, find

AT_ONCE = 2
"""Passwords that are tried at the same time: each takes 128 MiB."""

MOST_WAITING = 10
"""Tries that may wait, about two seconds, by those who never came in from their place. A flood of them makes each other
wait, and nobody who came in from there before: those have a line of their own."""

CROWDED_S = 3
"""Seconds that a try is told to wait when too many wait already."""


class NotLetInError(Exception):
    """Name and password do not fit, or the account is disabled; which of these is not told."""


class TooSoonError(Exception):
    """So many tries went before that this one has to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


def person_in(exam: Exam, name: str, role: UserRole) -> Person:
    """Return somebody of a role, who sees the names of candidates where the role or the exam says so."""
    return Person(name, role, sees_names=role is UserRole.LEAD or exam.settings.review.names == "shown")


@dataclass(slots=True)
class Gate:
    """Where people log in. `cost` is that of the password of nobody, which is tried for names without an account."""

    throttle: Throttle = field(default_factory=Throttle)
    cost: Cost = COST
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), repr=False)
    _known_slot: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1), repr=False)
    _waiting: int = 0
    _nobody: str = field(default="", repr=False)

    async def log_in(self, store: Store, name: str, password: str, address: str) -> User:
        """Return the account of a name and its password.

        Raises:
            TooSoonError: too many tries went before, or wait now; this one was not looked at.
            NotLetInError: they do not fit, or the account is disabled.
            PlaceError: the database cannot be read now.
        """
        if len(name) > LONGEST_NAME or len(password) > MOST_CHARACTERS:
            # No account of ours has these: nobody learns from the time it takes.
            raise NotLetInError
        if wait := self.throttle.begin(name, address):
            raise TooSoonError(wait)
        is_known = self.throttle.is_known(name, address)
        if not is_known and self._waiting >= AT_ONCE + MOST_WAITING:
            raise TooSoonError(CROWDED_S)
        self._waiting += not is_known
        try:
            async with self._known_slot if is_known else self._slots:
                user = await run_in_threadpool(self._find, store, name, password)
        finally:
            self._waiting -= not is_known
        if user is None:
            raise NotLetInError
        self.throttle.succeeded(name, address)
        return user

    def _find(self, store: Store, name: str, password: str) -> User | None:
        user = find(store.users(), name)
        if user is not None:
            fits = is_password(password, user.secret)
            return user if fits and not user.disabled else None
        if self._nobody:
            is_password(password, self._nobody)
        else:
            # The first time it is made, which takes as long.
            self._nobody = hash_password(password, self.cost)
        return None
