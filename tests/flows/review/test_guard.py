"""What every request has to pass, and what every answer says."""

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from starlette.requests import Request
from starlette.testclient import TestClient

from flows.errors import PlaceError
from flows.migrations import opening
from flows.review import guard
from flows.review.guard import CSRF_HEADER, MOST_BYTES
from flows.review.office import Office
from flows.review.sessions import COOKIE
from flows.review.wording import without_paths
from flows.users import UserRole, added
from tests.helpers.exam_folder import exam_folder
from tests.helpers.review_office import ADA
from tests.helpers.visitors import NOON, account, closed_office, visitor

JSON = {"accept": "application/json"}
PAGE = {"accept": "text/html"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_folder(tmp_path_factory.mktemp("made") / "exam")


@pytest.fixture(scope="module")
def office(made: Path) -> Iterator[Office]:
    with closed_office(made) as opened:
        yield opened


@pytest.fixture
def own(made: Path, tmp_path: Path) -> Iterator[Office]:
    """An office whose folder may be broken."""
    with closed_office(shutil.copytree(made, tmp_path / "exam")) as opened:
        yield opened


def inside(office: Office, **said: Any) -> TestClient:
    """A browser in which somebody is logged in, with two routes of a test."""
    client = visitor(office, **said)
    session = office.sessions.begin(ADA)
    client.cookies.set(COOKIE, office.sessions.cookie(session))
    client.headers[CSRF_HEADER] = session.csrf
    app = client.app
    assert isinstance(app, FastAPI)

    @app.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    @app.get("/break")
    def break_down() -> None:
        raise RuntimeError("secret of /srv/exams/chemistry")

    @app.get("/full")
    def full() -> None:
        raise PlaceError(f"{office.store.path} cannot be written (disk full); free some space")

    return client


# ---- who may be asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "testserver.evil.example",
        "",
        "testserver:x",
        "a@testserver",
        "[::1",
        "testserver/..",
        "127.0.0.2",
    ],
)
def test_a_name_that_is_not_ours_is_refused(office: Office, host: str) -> None:
    """A page elsewhere may have its own name lead to this machine (DNS rebinding)."""
    answer = inside(office).get("/", headers={"host": host} | JSON)
    assert answer.status_code == 421
    assert "address under which Tallymark listens" in answer.json()["problem"]


@pytest.mark.parametrize("host", ["testserver", "TESTSERVER", "testserver:8443"])
def test_our_own_name_is_not(office: Office, host: str) -> None:
    assert inside(office).get("/", headers={"host": host}).status_code == 200


def test_the_address_at_which_a_request_came_in_is_our_own(office: Office) -> None:
    client = inside(office)
    for host, status in (("10.0.0.7:8443", 404), ("10.0.0.8:8443", 421)):
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/nothing",
            "raw_path": b"/nothing",
            "query_string": b"",
            "headers": [(b"host", host.encode())],
            "server": ("10.0.0.7", 8443),
            "client": ("10.0.0.9", 1),
        }
        assert _status(client.app, scope) == status


def _status(app: Any, scope: dict[str, Any]) -> int:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "CONNECT", "BREW"])
@pytest.mark.parametrize("at", ["/", "/login", "/nothing", "/static/base.css"])
def test_other_methods_are_refused(office: Office, method: str, at: str) -> None:
    assert inside(office).request(method, at).status_code == 405


def test_a_head_and_a_wrong_method_change_nothing(office: Office) -> None:
    client = inside(office)
    assert client.head("/static/base.css").status_code == 200
    assert client.head("/logout").status_code == 405
    assert client.get("/logout").status_code == 405
    assert client.get("/").status_code == 200


# ---- whether it was meant --------------------------------------------------------------------------------------------


def test_a_page_of_ours_may_send(office: Office) -> None:
    client = inside(office)
    assert client.post("/echo", content=b"abc").json() == 3
    assert client.post("/echo", content=b"abc", headers={"origin": "http://testserver"}).json() == 3
    assert client.post("/echo", content=b"abc", headers={"sec-fetch-site": "same-origin"}).json() == 3


@pytest.mark.parametrize("token", [b"", b"x", b"\xff", b"0" * 43])
def test_without_the_token_of_the_page_nothing_is_taken(office: Office, token: bytes) -> None:
    client = inside(office)
    headers = [(CSRF_HEADER.encode(), token), (b"accept", b"application/json")]
    answer = client.post("/echo", content=b"abc", headers=headers)
    assert answer.status_code == 403
    assert "earlier log-in" in answer.json()["problem"]


def test_the_token_of_somebody_else_is_none(office: Office) -> None:
    other = office.sessions.begin(ADA)
    assert inside(office).post("/echo", headers={CSRF_HEADER: other.csrf}).status_code == 403


def test_without_a_session_one_is_told_to_log_in(office: Office) -> None:
    client = inside(office)
    client.cookies.clear()
    answer = client.post("/echo", headers=JSON)
    assert answer.status_code == 401
    assert "Log in again" in answer.json()["problem"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://testserver"},
        {"origin": "http://testserver:81"},
        {"origin": "http://testserver.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
    ],
)
def test_what_another_site_sends_is_refused_even_with_the_token(office: Office, headers: dict[str, str]) -> None:
    client = inside(office)
    assert client.post("/echo", content=b"abc", headers=headers).status_code == 403
    assert client.post("/login", data={"name": "a", "password": "b"}, headers=headers).status_code == 403
    assert client.post("/logout", data={"csrf": client.headers[CSRF_HEADER]}, headers=headers).status_code == 403


def test_a_form_without_a_sign_of_its_origin_is_refused(office: Office) -> None:
    client = inside(office)
    assert client.post("/login", data={"name": "a", "password": "b"}).status_code == 403
    assert client.post("/logout", data={"csrf": client.headers[CSRF_HEADER]}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_may_lead_here_but_not_look(office: Office, site: str) -> None:
    """Another port of this machine is another site, and our cookie is sent from there."""
    client = inside(office)
    followed = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/", headers=followed).status_code == 200
    for headers in (
        {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
        {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        {},
    ):
        assert client.get("/", headers={"sec-fetch-site": site} | headers).status_code == 403


# ---- how much and how slowly -----------------------------------------------------------------------------------------


def test_a_body_may_be_so_long_and_no_longer(office: Office) -> None:
    client = inside(office)
    assert client.post("/echo", content=b"x" * MOST_BYTES).json() == MOST_BYTES
    answer = client.post("/echo", content=b"x" * (MOST_BYTES + 1), headers=JSON)
    assert answer.status_code == 413
    assert "262,144 bytes" in answer.json()["problem"]


def test_a_body_that_does_not_tell_its_length_is_measured(office: Office) -> None:
    def portions() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 1_024

    assert inside(office).post("/echo", content=portions(), headers=JSON).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "٣", "9" * 40, "1, 2"])
def test_a_length_that_is_none_is_refused(office: Office, length: str) -> None:
    raw = length.encode()
    answer = inside(office).post("/echo", content=b"x", headers=[(b"content-length", raw), (b"accept", b"text/plain")])
    assert answer.status_code == 413


@pytest.mark.parametrize("headers", [{"x-long": "x" * 20_000}, {f"x-{n}": "1" for n in range(200)}])
def test_headers_may_be_so_long_and_no_longer(office: Office, headers: dict[str, str]) -> None:
    answer = inside(office).get("/", headers=headers | JSON)
    assert answer.status_code == 431
    assert "longer than any here" in answer.json()["problem"]


def test_what_was_refused_unread_is_not_listened_to(office: Office) -> None:
    client = inside(office)
    assert client.post("/echo", content=b"x" * (MOST_BYTES + 1)).headers["connection"] == "close"
    assert "connection" not in client.post("/echo", content=b"x").headers


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)

    async def never() -> Any:
        await asyncio.sleep(60)

    with pytest.raises(HTTPException) as refused:
        asyncio.run(guard._limited(never)())
    assert refused.value.status_code == 408


def test_a_body_that_drips_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    drops: list[Any] = []

    async def drip() -> Any:
        # Each drop comes in time; all of them together do not.
        await asyncio.sleep(0.02)
        drops.append({"type": "http.request", "body": b"x", "more_body": len(drops) < 1_000})
        return drops[-1]

    async def read() -> None:
        receive = guard._limited(drip)
        while (await receive())["more_body"]:
            pass

    with pytest.raises(HTTPException) as refused:
        asyncio.run(asyncio.wait_for(read(), 10))
    assert refused.value.status_code == 408
    assert drops


# ---- what every answer says ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "at", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/login", 303),
        ("GET", "/nothing", 404),
        ("GET", "/open?code=x", 403),
        ("GET", "/break", 500),
        ("GET", "/full", 503),
        ("GET", "/static/base.css", 200),
        ("GET", "/static/../app.py", 404),
        ("TRACE", "/", 405),
        ("POST", "/login", 403),
    ],
)
def test_every_answer_says_what_a_browser_may_do_with_it(office: Office, method: str, at: str, status: int) -> None:
    answer = inside(office).request(method, at)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["cache-control"] == ("no-cache" if "/static/base" in at else "no-store")
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_under_tls_browsers_are_told_to_stay_there(office: Office) -> None:
    for at in ("/", "/nothing", "/static/base.css"):
        assert visitor(office, tls=True).get(at).headers["strict-transport-security"] == "max-age=86400"


def test_what_is_wrong_is_a_page_for_people_and_json_for_scripts(office: Office) -> None:
    client = inside(office)
    assert client.get("/nothing", headers=JSON).json() == {"problem": "There is nothing at this address."}
    page = client.get("/nothing", headers=PAGE)
    assert page.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address." in page.text
    client.cookies.clear()
    assert client.get("/", headers=PAGE).headers["location"] == "/login"
    assert client.get("/", headers=JSON).json() == {"problem": "Log in first."}


@pytest.mark.parametrize("headers", [JSON, PAGE])
def test_a_bug_has_a_number_and_tells_nothing_else(
    office: Office, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="flows.review"):
        answer = inside(office).get("/break", headers=headers)
    assert answer.status_code == 500
    (record,) = caplog.records
    number = record.getMessage().removeprefix("Fault ")
    assert number in answer.text
    assert record.exc_info is not None
    assert not any(word in answer.text for word in ("secret", "RuntimeError", "Traceback", "/srv", ".py"))


def test_who_goes_away_in_the_middle_of_a_form_is_no_fault(own: Office, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said on the terminal: whoever opens connections in vain could fill it."""
    account(own)
    app = visitor(own).app
    headers = {
        "host": "testserver",
        "origin": "http://testserver",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": "9",
    }
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "scheme": "http",
        "path": "/login",
        "raw_path": b"/login",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with caplog.at_level(logging.WARNING):
        asyncio.run(app(scope, receive, send))
    assert (sent, caplog.records) == ([], [])


def test_a_full_disc_is_told_without_saying_where(office: Office) -> None:
    answer = inside(office).get("/full", headers=JSON)
    assert answer.status_code == 503
    assert answer.json() == {"problem": "tallymark.db cannot be written (disk full); free some space"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/exams/chem/tallymark.db is damaged", "tallymark.db is damaged"),
        ("/exams/chem: no exam", "the exam folder: no exam"),
        ("see /usr/lib/python3/site.py, line 3", "see site.py, line 3"),
        ("7/2026 and/or https://example.org/a/b", "7/2026 and/or https://example.org/a/b"),
    ],
)
def test_messages_lose_their_paths(said: str, told: str) -> None:
    assert without_paths(said, Path("/exams/chem")) == told


# ---- the folder ------------------------------------------------------------------------------------------------------


def test_a_folder_that_moved_is_told_and_works_again_when_it_is_back(own: Office) -> None:
    client = inside(own)
    folder = own.exam.dir
    assert client.get("/").status_code == 200
    folder.rename(folder.with_name("moved"))
    for answer in (client.get("/", headers=PAGE), client.post("/echo", content=b"abc", headers=JSON)):
        assert answer.status_code == 503
        assert "not where it was when the review was started" in answer.text
        assert str(folder.parent) not in answer.text
    assert client.get("/static/base.css").status_code == 200
    folder.with_name("moved").rename(folder)
    assert client.post("/echo", content=b"abc").json() == 3


def test_another_database_in_its_place_is_told(own: Office) -> None:
    client = inside(own)
    path = own.store.path
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").replace(path)
    answer = client.post("/echo", content=b"abc", headers=JSON)
    assert answer.status_code == 503
    assert "another file than when the review was started" in answer.json()["problem"]


def test_a_database_that_another_program_holds_is_waited_for_and_then_told(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    with closed_office(shutil.copytree(made, tmp_path / "exam")) as office:
        client = inside(office)
        app = client.app
        assert isinstance(app, FastAPI)

        @app.post("/write")
        def write() -> str:
            office.store.change_user(lambda there: added(there, "Bea", UserRole.VIEWER, "s", NOON), "root", NOON)
            return "stored"

        with sqlite3.connect(office.store.path) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = client.post("/write", headers=JSON)
            assert answer.status_code == 503
            assert "tallymark.db has been in use by another program" in answer.json()["problem"]
            assert office.store.users() == ()
            other.rollback()
        assert client.post("/write", headers=JSON).json() == "stored"


# ---- a proxy in front ------------------------------------------------------------------------------------------------


def test_behind_a_proxy_what_did_not_come_through_it_is_refused(office: Office) -> None:
    client = visitor(office, proxied=True)
    assert client.get("/login").status_code == 403
    assert client.get("/login", headers={"x-forwarded-proto": "http"}).status_code == 403
    assert client.get("/login", headers={"x-forwarded-proto": "https, http"}).status_code == 403
    answer = client.get("/login", headers={"x-forwarded-proto": "https"})
    assert answer.status_code == 200
    assert "strict-transport-security" in answer.headers


def test_without_a_proxy_nobody_says_who_asked_or_how(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    said = {"x-forwarded-proto": "https", "x-forwarded-for": "10.9.9.9", "x-forwarded-host": "evil.example"}
    answer = visitor(office).get("/login", headers=said)
    assert answer.status_code == 200
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize(
    ("told", "client"),
    [
        (b"6.6.6.6, 10.0.0.7", ("10.0.0.7", 0)),
        (b"2001:DB8::1", ("2001:db8::1", 0)),
        (b"6.6.6.6, 10.0.0.7:5555", ("10.0.0.7", 0)),
        (b"[2001:DB8::1]:5555", ("2001:db8::1", 0)),
        (b"[::1]", ("::1", 0)),
        (b"10.0.0.7:", ("127.0.0.1", 5)),
        (b"[10.0.0.7:5555", ("127.0.0.1", 5)),
        (b"999.0.0.7:5555", ("127.0.0.1", 5)),
        (b"10.0.0.7, <script>", ("127.0.0.1", 5)),
        (b"", ("127.0.0.1", 5)),
    ],
)
def test_behind_a_proxy_the_last_it_adds_is_who_asked(told: bytes, client: tuple[str, int]) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "client": ("127.0.0.1", 5),
        "headers": [(b"x-forwarded-for", told), (b"x-forwarded-proto", b"https")],
    }
    guard._believe_proxy(scope)
    assert (scope["client"], scope["scheme"]) == (client, "https")


def test_no_disk_is_waited_for_where_all_requests_are_served(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def noted(real: Callable[..., object]) -> Callable[..., object]:
        def note(*given: object, **named: object) -> object:
            with suppress(RuntimeError):
                asyncio.get_running_loop()
                looked.append(f"{real.__name__} {given}")
            return real(*given, **named)

        return note

    client = inside(office)
    for name in ("stat", "resolve"):
        monkeypatch.setattr(Path, name, noted(getattr(Path, name)))
    assert client.get("/queue/session").status_code == 200
    assert client.get("/nothing/here").status_code == 404
    assert looked == []
