"""Who is logged in: sessions in memory, told by a signed cookie, and links that log in once."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flows.review.people import Person
from flows.users import User

COOKIE = "tallymark"
SECURE_PREFIX = "__Host-"
"""A cookie whose name begins so is taken by browsers over TLS only, for one host, and no other host can set it."""

TOKEN_BYTES = 32
"""Random bytes of a session, a link and a CSRF token: nobody guesses 256 bits."""

SESSION_SECONDS = 12 * 3600.0
"""A session ends after a day's work."""

IDLE_SECONDS = 3600.0
"""A session of an account ends when nothing was asked for so long: somebody left. One of a link does not, since only
its own machine reaches it, and there is no other way back in than to start anew."""

LINK_SECONDS = 120.0
"""A one-time link is opened by the browser at once, or by hand soon after."""


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of one person in one browser.

    `until` and `idle` are by the clock that only goes forward; `account` is the account as it was at the log-in, None
    where the person came by a link and the exam has no accounts.
    """

    id: str = field(repr=False)
    person: Person
    csrf: str = field(repr=False)
    until: float
    account: User | None = None
    idle: float = SESSION_SECONDS


def cookie_name(port: int, *, secure: bool) -> str:
    """Return the name of the cookie of a server.

    Browsers send a cookie to every port of a host: two exams that are reviewed at once need two names.
    """
    return f"{SECURE_PREFIX if secure else ''}{COOKIE}-{port}"


@dataclass(slots=True)
class Sessions:
    """Every session of this process: none outlives it."""

    clock: Callable[[], float] = time.monotonic
    cookie_name: str = COOKIE
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(TOKEN_BYTES), repr=False)
    _open: dict[str, Session] = field(default_factory=dict, repr=False)
    _used: dict[str, float] = field(default_factory=dict, repr=False)
    _links: dict[str, tuple[Person, User | None, float]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    @property
    def is_secure(self) -> bool:
        """Whether browsers are told to send the cookie over TLS only."""
        return self.cookie_name.startswith(SECURE_PREFIX)

    def link_for(self, person: Person, account: User | None = None) -> str:
        """Return a code that logs a person in once."""
        code = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._links[code] = (person, account, self.clock() + LINK_SECONDS)
        return code

    def waits_for(self, code: str) -> bool:
        """Tell whether a one-time code still opens a session."""
        with self._lock:
            found = self._links.get(code)
        return found is not None and self.clock() <= found[2]

    def redeem(self, code: str) -> Session | None:
        """Open a session with a one-time code; None when it was used, is too old or never was."""
        with self._lock:
            person, account, until = self._links.pop(code, (None, None, 0.0))
        if person is None or self.clock() > until:
            return None
        return self.begin(person, account, idle=SESSION_SECONDS)

    def begin(self, person: Person, account: User | None = None, idle: float | None = None) -> Session:
        """Open a session, under a name and with a CSRF token that nobody knew before.

        Args:
            person: who logged in.
            account: with which account.
            idle: seconds without a request after which it ends; those of an account, or of a link, when None.
        """
        session = Session(
            secrets.token_urlsafe(TOKEN_BYTES),
            person,
            secrets.token_urlsafe(TOKEN_BYTES),
            self.clock() + SESSION_SECONDS,
            account,
            (SESSION_SECONDS if account is None else IDLE_SECONDS) if idle is None else idle,
        )
        with self._lock:
            for name in [name for name, one in self._open.items() if self._is_over(one)]:
                self._forget(name)
            self._open[session.id] = session
            self._used[session.id] = self.clock()
        return session

    def end(self, session: Session) -> None:
        """Close a session."""
        with self._lock:
            self._forget(session.id)

    def of_cookie(self, cookie: str | None, *, is_attended: bool = True) -> Session | None:
        """Return the session of a cookie; None when it was not signed here, or is over.

        It counts as used now, unless nobody sits before the page that asks.
        """
        name, dot, signature = (cookie or "").rpartition(".")
        if not dot or not hmac.compare_digest(signature.encode(), self._signature(name).encode()):
            return None
        with self._lock:
            session = self._open.get(name)
            if session is None:
                return None
            if self._is_over(session):
                self._forget(name)
                return None
            if is_attended:
                self._used[name] = self.clock()
            return session

    def cookie(self, session: Session) -> str:
        """Return the signed text that stands in a browser's cookie."""
        return f"{session.id}.{self._signature(session.id)}"

    def _is_over(self, session: Session) -> bool:
        now = self.clock()
        return now > session.until or now > self._used.get(session.id, now) + session.idle

    def _forget(self, name: str) -> None:
        self._open.pop(name, None)
        self._used.pop(name, None)

    def _signature(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()
