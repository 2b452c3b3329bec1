"""Accounts and browsers that are not logged in, for tests of the way in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.testclient import TestClient

from flows.passwords import Cost, hash_password
from flows.review.app import create_app
from flows.review.desk import Desk
from flows.review.office import Office
from flows.review.sessions import Sessions
from flows.settings import load_exam
from flows.store import open_store
from flows.users import UserRole, added

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CHEAP = Cost(log_n=4, r=8, p=1)
"""What trying a password costs in tests."""

GOOD = "seven grey herons asleep"
"""A password of a test."""

FROM_HERE = {"origin": "http://testserver", "accept": "text/html"}
"""What a browser says of itself when a form of our page is sent."""


@contextmanager
def closed_office(folder: Path) -> Iterator[Office]:
    """The office of an exam folder whose desk has not looked at the exam yet."""
    with open_store(folder) as store:
        exam = load_exam(folder)
        yield Office(exam, store, Desk(exam, lambda: open_store(folder)), Sessions())


def account(office: Office, name: str = "Ada", role: UserRole = UserRole.REVIEWER) -> None:
    """Make an account, and have the password of nobody cost as little."""
    office.gate.cost = CHEAP
    office.store.change_user(lambda there: added(there, name, role, hash_password(GOOD, CHEAP), NOON), "root", NOON)


def visitor(office: Office, *, tls: bool = False, proxied: bool = False, **headers: str) -> TestClient:
    """A browser that is not logged in."""
    scheme = "https" if tls else "http"
    return TestClient(
        create_app(office, hosts=("testserver",), tls=tls, proxied=proxied),
        base_url=f"{scheme}://testserver",
        headers=headers,
        follow_redirects=False,
        raise_server_exceptions=False,
    )


def log_in(client: TestClient, name: str = "Ada", password: str = GOOD) -> int:
    """Send the log-in form; return the status of the answer."""
    form = {"name": name, "password": password}
    return client.post("/login", data=form, headers=FROM_HERE).status_code
