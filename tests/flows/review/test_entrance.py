"""Coming in and leaving: the one-time link, the log-in page, the way out."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from flows.passwords import MOST_CHARACTERS, hash_password
from flows.review.accounts import person_in
from flows.review.office import Office
from flows.review.sessions import COOKIE, IDLE_SECONDS, Sessions, cookie_name
from flows.review.throttle import FREE_TRIES, LONGEST_WAIT
from flows.reviewer import LONGEST_NAME
from flows.settings import load_exam
from flows.users import UserRole, turned, with_password, with_role
from tests.helpers.exam_folder import exam_folder
from tests.helpers.review_office import ADA, LEA
from tests.helpers.visitors import CHEAP, FROM_HERE, GOOD, NOON, account, closed_office, log_in, visitor

LATER = NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_folder(tmp_path_factory.mktemp("made") / "exam")


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Iterator[Office]:
    with closed_office(shutil.copytree(made, tmp_path / "exam")) as opened:
        yield opened


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def is_in(client: TestClient) -> bool:
    return client.get("/", headers={"accept": "application/json"}).status_code == 200


def token_of(page: str) -> str:
    found = re.search(r'<meta name="csrf" content="([^"]*)">', page)
    assert found is not None
    return found[1]


# ---- the one-time link -----------------------------------------------------------------------------------------------


def test_a_link_logs_in_once(office: Office) -> None:
    at = f"/open?code={office.sessions.link_for(LEA)}"
    client = visitor(office)
    answer = client.get(at)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert is_in(client)
    again = visitor(office)
    assert again.get(at).status_code == 403
    assert not is_in(again)


def test_a_link_on_another_page_works_without_script(office: Office) -> None:
    """A browser leaves our cookie out when it is led on by another page; from a page of ours it takes it along."""
    client = visitor(office)
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = client.get(f"/open?code={office.sessions.link_for(LEA)}", headers=followed)
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/">' in answer.text
    assert is_in(client)


@pytest.mark.parametrize("query", ["", "?code=", "?code=x", "?code=%00", "?code=a&code=b", "?kode=1"])
def test_what_is_no_link_logs_nobody_in(office: Office, query: str) -> None:
    office.sessions.link_for(LEA)
    client = visitor(office)
    assert client.get(f"/open{query}").status_code == 403
    assert not is_in(client)


def test_a_link_is_over_when_the_exam_gets_accounts(office: Office) -> None:
    """Whoever opened it before was a lead, with no password: nobody stays one so."""
    client = visitor(office)
    client.get(f"/open?code={office.sessions.link_for(LEA)}")
    csrf = {"x-csrf-token": token_of(client.get("/").text)}
    unused = f"/open?code={office.sessions.link_for(LEA)}"
    assert is_in(client)
    account(office)
    answer = client.get("/", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?since=accounts")
    page = client.get(answer.headers["location"]).text
    assert "This exam has accounts now, and its link logs nobody in any more." in page and "<form" in page
    assert not is_in(client)
    # A link that was not opened yet opens nothing either.
    late = visitor(office)
    late.get(unused)
    assert not is_in(late)
    assert log_in(client) == 303
    assert is_in(client)
    assert client.post("/queue/next", json={}, headers=csrf).status_code == 403


def test_what_a_page_of_a_link_sends_after_that_is_not_stored_and_says_why(office: Office) -> None:
    client = visitor(office, accept="application/json")
    client.get(f"/open?code={office.sessions.link_for(LEA)}")
    csrf = {"x-csrf-token": token_of(client.get("/").text)}
    account(office)
    answer = client.post("/queue/next", json={}, headers=csrf)
    assert answer.status_code == 401
    words = "This exam has accounts now, and its link logs nobody in any more. Log in with an account in another tab"
    assert answer.json()["problem"].startswith(words)


@pytest.mark.parametrize("since", ["", "accounts", "<script>", "x" * 3000])
def test_the_log_in_page_says_nothing_that_an_address_says(office: Office, since: str) -> None:
    page = visitor(office).get("/login", params={"since": since}).text
    assert "has accounts now" not in page and "<script>" not in page and "xxx" not in page


# ---- logging in ------------------------------------------------------------------------------------------------------


def test_the_page_is_a_form_that_needs_no_script(office: Office) -> None:
    account(office)
    page = visitor(office).get("/login")
    assert page.status_code == 200
    assert '<form method="post" action="/login">' in page.text
    assert 'autocomplete="current-password"' in page.text


def test_without_accounts_there_is_nothing_to_type(office: Office) -> None:
    client = visitor(office)
    assert "<form" not in client.get("/login").text
    assert log_in(client) == 422


def test_the_longest_name_fits_the_form_whatever_it_is_written_in(office: Office) -> None:
    # Browsers count UTF-16 units, of which an emoji has two; accounts count characters.
    name = "\N{GRINNING FACE}" * LONGEST_NAME
    account(office, name, UserRole.REVIEWER)
    client = visitor(office)
    page = client.get("/login").text
    room = {one[1]: int(one[2]) for one in re.finditer(r'name="(name|password)"[^>]*? maxlength="(\d+)"', page)}
    assert room["name"] >= 2 * LONGEST_NAME and room["password"] >= 2 * MOST_CHARACTERS
    client.post("/login", data={"name": name, "password": GOOD}, headers=FROM_HERE)
    assert is_in(client)


def test_who_knows_the_password_is_in(office: Office) -> None:
    account(office)
    client = visitor(office)
    answer = client.post("/login", data={"name": " aDa ", "password": GOOD}, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "Ada" in client.get("/", headers={"accept": "text/html"}).text
    assert client.get("/login").headers["location"] == "/"


@pytest.mark.parametrize(
    ("name", "password", "status"),
    [
        ("Ada", GOOD.upper(), 401),
        ("Ada", GOOD + "\x00", 401),
        ("Bea", GOOD, 401),
        ("x" * 5_000, GOOD, 401),
        ("Ada", "x" * 5_000, 401),
        ("' OR 1=1 --", GOOD, 401),
        ("Ada", "", 422),
        ("  ", GOOD, 422),
    ],
)
def test_who_does_not_is_not(office: Office, name: str, password: str, status: int) -> None:
    account(office)
    client = visitor(office)
    assert log_in(client, name, password) == status
    assert not is_in(client)


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"name=Ada&password=x", "text/plain", 415),
        (b'{"name": "Ada"}', "application/json", 415),
        (b"name=Ada&password=" + b"x" * 9_000, "application/x-www-form-urlencoded", 413),
        (b"a=1&" * 20, "application/x-www-form-urlencoded", 422),
        (b"name=%FF&password=x", "application/x-www-form-urlencoded", 422),
        (b"name=\xff&password=x", "application/x-www-form-urlencoded", 422),
        (b"name=Ada&name=Bea&password=x", "application/x-www-form-urlencoded", 422),
        (b"", "application/x-www-form-urlencoded", 422),
    ],
)
def test_what_is_no_form_of_ours_is_refused(office: Office, data: bytes, kind: str, status: int) -> None:
    account(office)
    client = visitor(office)
    assert client.post("/login", content=data, headers=FROM_HERE | {"content-type": kind}).status_code == status


def test_a_name_that_was_typed_comes_back_as_text(office: Office) -> None:
    account(office)
    name = '"><script>alert(1)</script>'
    page = visitor(office).post("/login", data={"name": name, "password": GOOD}, headers=FROM_HERE).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert GOOD not in page


def test_guesses_wait_and_are_told_how_long(office: Office) -> None:
    account(office)
    clock = Clock()
    office.gate.throttle.clock = clock
    client = visitor(office)
    assert [log_in(client, password="a wrong password") for _ in range(FREE_TRIES)] == [401] * FREE_TRIES
    answer = client.post("/login", data={"name": "Ada", "password": GOOD}, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "Wait 1 second, then try again." in answer.text
    clock.now += LONGEST_WAIT
    assert log_in(client) == 303


def test_no_wait_tells_whether_there_is_such_an_account(office: Office) -> None:
    account(office)
    seen = {}
    for name in ("Ada", "Bea"):
        client = visitor(office)
        seen[name] = [
            client.post("/login", data={"name": name, "password": "wrong"}, headers=FROM_HERE) for _ in range(8)
        ]
    told = [[(one.status_code, one.text.replace(name, "")) for one in answers] for name, answers in seen.items()]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("role", "names", "sees"),
    [
        (UserRole.LEAD, "hidden", True),
        (UserRole.REVIEWER, "hidden", False),
        (UserRole.VIEWER, "hidden", False),
        (UserRole.REVIEWER, "shown", True),
    ],
)
def test_names_are_for_leads_and_where_the_exam_says_so(office: Office, role: UserRole, names: str, sees: bool) -> None:
    path = office.exam.dir / "exam.toml"
    path.write_text(path.read_text(encoding="utf-8") + f'[review]\nnames = "{names}"\n', encoding="utf-8")
    assert person_in(load_exam(office.exam.dir), "Ada", role).sees_names is sees


# ---- what ends a session ---------------------------------------------------------------------------------------------


def test_logging_in_begins_a_new_session_and_ends_the_one_before(office: Office) -> None:
    account(office)
    client = visitor(office)
    client.get(f"/open?code={office.sessions.link_for(ADA, office.store.user('Ada'))}")
    before, token = client.cookies[COOKIE], token_of(client.get("/").text)
    assert log_in(client) == 303
    assert client.cookies[COOKIE] != before
    assert token_of(client.get("/").text) != token
    old = visitor(office, cookie=f"{COOKIE}={before}")
    assert not is_in(old)


def test_a_cookie_from_outside_never_becomes_a_session(office: Office) -> None:
    account(office)
    client = visitor(office)
    client.cookies.set(COOKIE, "fixed.0000")
    assert log_in(client) == 303
    assert "fixed" not in client.cookies.get(COOKIE, domain="testserver.local")
    assert not is_in(visitor(office, cookie=f"{COOKIE}=fixed.0000"))


def test_a_plain_form_logs_out(office: Office) -> None:
    account(office)
    client = visitor(office)
    log_in(client)
    cookie = client.cookies[COOKIE]
    page = client.get("/").text
    assert '<form method="post" action="/logout">' in page
    answer = client.post("/logout", data={"csrf": token_of(page)}, headers=FROM_HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert not is_in(client)
    assert not is_in(visitor(office, cookie=f"{COOKIE}={cookie}"))


@pytest.mark.parametrize("at", ["/", "/login"])
def test_a_browser_whose_session_is_over_forgets_pictures(office: Office, at: str) -> None:
    account(office)
    client = visitor(office, accept="text/html")
    # Who never logged in here has nothing to forget.
    assert "clear-site-data" not in client.get(at).headers
    log_in(client)
    assert "clear-site-data" not in client.get(at).headers
    session = office.sessions.of_cookie(client.cookies[COOKIE])
    assert session is not None
    office.sessions.end(session)
    assert client.get(at).headers["clear-site-data"] == '"cache"'


@pytest.mark.parametrize("form", [{}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": "é"}])
def test_nobody_else_logs_somebody_out(office: Office, form: dict[str, str]) -> None:
    account(office)
    client = visitor(office)
    log_in(client)
    assert client.post("/logout", data={"x": "1"} | form, headers=FROM_HERE).status_code == 403
    assert is_in(client)


@pytest.mark.parametrize("change", ["disabled", "role", "password"])
def test_an_account_that_changed_is_out_at_the_next_request(office: Office, change: str) -> None:
    account(office)
    client = visitor(office)
    log_in(client)
    assert is_in(client)
    office.store.change_user(
        {
            "disabled": lambda there: turned(there, "Ada", LATER, disabled=True),
            "role": lambda there: with_role(there, "Ada", UserRole.LEAD, LATER),
            "password": lambda there: with_password(there, "Ada", hash_password("another one here", CHEAP), LATER),
        }[change],
        "root",
        LATER,
    )
    assert not is_in(client)
    assert log_in(client) == (303 if change == "role" else 401)


def test_who_left_is_out_after_an_hour(office: Office) -> None:
    account(office)
    clock = Clock()
    office.sessions.clock = clock
    client = visitor(office)
    log_in(client)
    clock.now += IDLE_SECONDS - 1
    assert is_in(client)
    clock.now += IDLE_SECONDS + 1
    assert not is_in(client)


def test_a_page_that_asks_by_itself_does_not_keep_somebody_logged_in(office: Office) -> None:
    account(office)
    clock = Clock()
    office.sessions.clock = clock
    client = visitor(office)
    log_in(client)
    for _ in range(5):
        clock.now += IDLE_SECONDS / 4
        last = client.get("/board.json", headers={"x-unattended": "1"}).status_code
    assert last == 401


# ---- the cookie ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_the_cookie_is_for_no_script_and_no_other_site(office: Office, tls: bool) -> None:
    account(office)
    office.sessions = Sessions(cookie_name=cookie_name(8443, secure=tls))
    client = visitor(office, tls=tls)
    headers = FROM_HERE | {"origin": f"{'https' if tls else 'http'}://testserver"}
    answer = client.post("/login", data={"name": "Ada", "password": GOOD}, headers=headers)
    name, *flags = (part.strip().lower() for part in answer.headers["set-cookie"].split(";"))
    assert {"httponly", "samesite=strict", "path=/"} <= set(flags)
    assert not any(flag.startswith("domain") for flag in flags)
    assert ("secure" in flags, name.startswith("__host-")) == (tls, tls)


def test_of_two_cookies_of_one_name_none_counts(office: Office) -> None:
    cookie = office.sessions.cookie(office.sessions.begin(ADA))
    assert is_in(visitor(office, cookie=f"{COOKIE}={cookie}"))
    for twice in (f"{COOKIE}={cookie}; {COOKIE}=x", f"{COOKIE}=x; {COOKIE}={cookie}"):
        assert not is_in(visitor(office, cookie=twice))
