"""Who is logged in: sessions in memory, told by a signed cookie, and links that log in once."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flows.review.people import Person

COOKIE = "tallymark"
TOKEN_BYTES = 32
"""Random bytes of a session, a link and a CSRF token: nobody guesses 256 bits."""

SESSION_SECONDS = 12 * 3600.0
"""A session ends after a day's work."""

LINK_SECONDS = 120.0
"""A one-time link is opened by the browser at once, or by hand soon after."""


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in of one person in one browser. `until` is by the clock that only goes forward."""

    id: str
    person: Person
    csrf: str
    until: float


@dataclass(slots=True)
class Sessions:
    """Every session of this process: none outlives it."""

    clock: Callable[[], float] = time.monotonic
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(TOKEN_BYTES))
    _open: dict[str, Session] = field(default_factory=dict)
    _links: dict[str, tuple[Person, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def link_for(self, person: Person) -> str:
        """Return a code that logs a person in once."""
        code = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._links[code] = (person, self.clock() + LINK_SECONDS)
        return code

    def redeem(self, code: str) -> Session | None:
        """Open a session with a one-time code; None when it was used, is too old or never was."""
        with self._lock:
            person, until = self._links.pop(code, (None, 0.0))
        return self.begin(person) if person is not None and self.clock() <= until else None

    def begin(self, person: Person) -> Session:
        """Open a session."""
        session = Session(
            secrets.token_urlsafe(TOKEN_BYTES),
            person,
            secrets.token_urlsafe(TOKEN_BYTES),
            self.clock() + SESSION_SECONDS,
        )
        with self._lock:
            self._open = {name: one for name, one in self._open.items() if one.until > self.clock()}
            self._open[session.id] = session
        return session

    def end(self, session: Session) -> None:
        """Close a session."""
        with self._lock:
            self._open.pop(session.id, None)

    def of_cookie(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie; None when it was not signed here, or is over."""
        name, dot, signature = (cookie or "").rpartition(".")
        if not dot or not hmac.compare_digest(signature.encode(), self._signature(name).encode()):
            return None
        session = self._open.get(name)
        return session if session is not None and self.clock() <= session.until else None

    def cookie(self, session: Session) -> str:
        """Return the signed text that stands in a browser's cookie."""
        return f"{session.id}.{self._signature(session.id)}"

    def _signature(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()
