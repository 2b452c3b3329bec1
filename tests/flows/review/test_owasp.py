"""The OWASP Top 10 (2021), point by point: what was tried against the review, and what it did.

Every part has tests of its own besides (`test_guard`, `test_entrance`, `test_sessions`, `test_throttle`, `test_bodies`,
`test_users`); here stands what holds for all of it, also for what is added later.
"""

import ast
import logging
import re
import secrets
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import flows.review
from flows.passwords import COST
from flows.review.app import create_app
from flows.review.guard import METHODS
from flows.review.office import Office
from flows.review.people import Person
from flows.review.sessions import COOKIE
from flows.review.throttle import LONGEST_WAIT
from flows.users import UserRole
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN
from tests.helpers.review_office import ADA, LEA, VIC, begin, browser, office_of
from tests.helpers.review_routes import Route, routes_of
from tests.helpers.visitors import FROM_HERE, GOOD, account, log_in, visitor

ROOT = Path(flows.review.__file__).parent
REPOSITORY = ROOT.parent.parent

PEOPLE: dict[UserRole, Person] = {UserRole.VIEWER: VIC, UserRole.REVIEWER: ADA, UserRole.LEAD: LEA}

MALLORY = Person('</span><script>alert(1)</script><img src=x onerror="alert(2)">', UserRole.LEAD, sees_names=True)

ALL = (ADA, LEA, VIC, MALLORY)
"""Who has an account."""

OPEN_TO_ALL = {("GET", "/open"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
"""What needs no log-in: the way in, and the way out, which shows the token of its page."""

OPEN_TO_VIEWERS = {("GET", "/"), ("GET", "/board.json")}
"""What shows figures only: no picture, no name, no value. All else is for reviewers and leads."""

NAME = "Sample Candidate"
"""Stands on the roster, for both of its candidates."""

HOSTILE = (
    "' OR '1'='1",
    "1; DROP TABLE users; --",
    '" union select secret from users --',
    "%00",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "🙂\u202e",
    "9" * 400,
    "-1",
    "NaN",
    "http://169.254.169.254/latest/meta-data/",
)
"""What somebody may put where a key, a name or a number is expected."""

NAMED = ("sheet", "key", "q", "text", "round", "number", "group", "page", "order", "name", "next", "token", "scan")
"""What is asked for by some address or body."""

LEAKS = re.compile(r"Traceback|\.py\b|sqlalchemy|SELECT |INSERT |no such table|sqlite3\.|scrypt\$|/tmp/|/home/|root:")
"""What no answer holds: where it broke, SQL, hashes, paths."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = exam_folder(tmp_path_factory.mktemp("owasp") / "exam")
    (folder / "roster.csv").write_text(f"id,name\n00123456,{NAME}\n00123457,{NAME} Two\n", encoding="utf-8")
    with office_of(folder) as opened:
        for person in ALL:
            account(opened, person.name, person.role)
        yield opened


@pytest.fixture(scope="module")
def app(office: Office) -> FastAPI:
    return create_app(office, hosts=("testserver",))


@pytest.fixture(scope="module")
def browsers(office: Office) -> dict[UserRole, TestClient]:
    return {role: browser(office, person) for role, person in PEOPLE.items()}


def ask(client: TestClient, route: Route, text: str = "x") -> int:
    """Ask for a route, as far as its rule: what is sent is empty, and named is what there is not."""
    return client.request(route.method, route.at(text), json={} if route.method == "POST" else None).status_code


def files(*suffixes: str) -> list[Path]:
    found = [path for path in sorted(ROOT.rglob("*")) if path.suffix in suffixes]
    assert found
    return found


# ---- A01 broken access control ---------------------------------------------------------------------------------------


def test_a01_every_route_has_a_rule(app: FastAPI) -> None:
    """A route without one fails here, and so does one that asks less than is known of it."""
    routes = routes_of(app)
    assert len(routes) > 40
    without = {(one.method, one.path) for one in routes if one.role is None}
    assert without == OPEN_TO_ALL
    for_viewers = {(one.method, one.path) for one in routes if one.role is UserRole.VIEWER}
    assert for_viewers == OPEN_TO_VIEWERS


def test_a01_the_rule_is_asked_before_the_body_is_read(app: FastAPI) -> None:
    assert [one for one in routes_of(app) if one.role is not None and not one.rule_first] == []


@pytest.mark.parametrize("role", [None, *UserRole])
def test_a01_every_route_keeps_its_rule(
    app: FastAPI, office: Office, browsers: dict[UserRole, TestClient], role: UserRole | None
) -> None:
    client = browsers[role] if role else visitor(office, accept="application/json")
    wrong = {}
    for route in routes_of(app):
        if route.role is None:
            continue
        status = ask(client, route)
        if role is None:
            fits = status == 401
        elif role.covers(route.role):
            fits = status not in (401, 403) and status < 500
        else:
            fits = status == 403
        if not fits:
            wrong[route.method, route.path] = status
    assert wrong == {}


def test_a01_no_picture_is_for_viewers(app: FastAPI, office: Office, browsers: dict[UserRole, TestClient]) -> None:
    pictures = [one for one in routes_of(app) if re.search(r"\.(png|jpe?g|webp|svg|pdf)$", one.path)]
    assert {"/crop/{key}.png", "/page/{scan}/{number}.jpg"} <= {one.path for one in pictures}
    key = f"{SCAN[:12]}-2-q2"
    for route in pictures:
        assert ask(browsers[UserRole.VIEWER], route, key) == 403
        assert ask(visitor(office, accept="application/json"), route, key) == 401
    assert browsers[UserRole.REVIEWER].get(f"/crop/{key}.png").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "at",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "/static/....//app.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/..%5capp.py",
        "/crop/../../tallymark.db",
        "/crop/..%2f..%2ftallymark.db.png",
        "/page/..%2f..%2fexam.toml/1.jpg",
    ],
)
def test_a01_no_address_leads_out_of_what_is_served(browsers: dict[UserRole, TestClient], at: str) -> None:
    answer = browsers[UserRole.LEAD].get(at)
    assert answer.status_code in (400, 404, 422)
    assert "import" not in answer.text
    assert not LEAKS.search(answer.text)


def test_a01_names_are_hidden_from_those_who_mark_blindly(app: FastAPI, browsers: dict[UserRole, TestClient]) -> None:
    """The roster's names stand in no answer to a reviewer or a viewer, and in some to a lead."""
    seen = dict.fromkeys(UserRole, 0)
    for role, client in browsers.items():
        for route in routes_of(app):
            if route.method == "GET":
                for query in ({"sheet": "marks#00001"}, {"q": NAME.lower(), "text": NAME.lower()}):
                    seen[role] += NAME in client.get(route.at(f"{SCAN[:12]}-2-q2"), params=query).text
    assert seen[UserRole.VIEWER] == seen[UserRole.REVIEWER] == 0
    assert seen[UserRole.LEAD] > 0


# ---- A02 cryptographic failures --------------------------------------------------------------------------------------


def test_a02_passwords_are_kept_by_scrypt_at_the_cost_owasp_asks_for(office: Office) -> None:
    assert (2**COST.log_n, COST.r, COST.p) == (131_072, 8, 1)
    stored = office.store.path.read_bytes() + _log_of(office).read_bytes()
    assert b"Ada" in stored
    assert GOOD.encode() not in stored


def _log_of(office: Office) -> Path:
    return office.store.path.with_name(office.store.path.name + "-wal")


def test_a02_what_lets_somebody_in_is_random_and_long(office: Office) -> None:
    session = begin(office, ADA)
    for text in (session.id, session.csrf, office.sessions.link_for(ADA)):
        assert len(text) >= len(secrets.token_urlsafe(32))
    for path in (ROOT / "sessions.py", ROOT.parent / "passwords.py"):
        assert {"secrets"} <= _imported(path)
        assert "random" not in _imported(path)


def test_a02_nothing_is_kept_by_browsers_or_proxies_but_pictures(browsers: dict[UserRole, TestClient]) -> None:
    client = browsers[UserRole.LEAD]
    for at in ("/", "/queue", "/board.json", "/nothing"):
        assert client.get(at).headers["cache-control"] == "no-store"
    crop = client.get(f"/crop/{SCAN[:12]}-2-q2.png")
    # Kept, and not for whoever logs in next.
    assert crop.headers["cache-control"].startswith("private,")
    assert crop.headers["vary"] == "cookie"


# ---- A03 injection ---------------------------------------------------------------------------------------------------


def test_a03_nothing_that_is_sent_becomes_sql_a_path_or_a_template(
    app: FastAPI, office: Office, browsers: dict[UserRole, TestClient]
) -> None:
    client = browsers[UserRole.LEAD]
    before = (office.store.users(), office.store.trail())
    for route in routes_of(app):
        for text in HOSTILE if "{" in route.path and route.method == "GET" else HOSTILE[1::4]:
            at = route.at(text.replace("/", "%2F").replace("?", "%3F").replace("#", "%23"))
            query = dict.fromkeys(NAMED, text)
            answer = client.request(
                route.method,
                at,
                params=query if route.method == "GET" else None,
                json=query if route.method == "POST" else None,
            )
            assert answer.status_code < 500, (route, text, answer.text[:300])
            # Leads are told where the exam lies, in commands that they type; nobody is told where anything else does.
            told = answer.text.replace(str(office.exam.dir.resolve()), "")
            assert not LEAKS.search(told), (route, text, LEAKS.search(told))
            assert "<script>alert" not in answer.text or "json" in answer.headers["content-type"], (route, text)
    assert (office.store.users(), office.store.trail()) == before


def test_a03_names_are_text_on_every_page(office: Office, app: FastAPI) -> None:
    client = browser(office, MALLORY)
    for at in ("/", "/queue", "/wall", "/sheets", "/nothing"):
        page = client.get(at, headers={"accept": "text/html"}).text
        assert "&lt;script&gt;alert(1)" in page, at
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a03_no_page_holds_script_style_or_anything_from_elsewhere() -> None:
    """The policy forbids what is inline; it is not there either. Every text of a template is escaped."""
    for path in files(".html"):
        page = path.read_text(encoding="utf-8")
        bare = re.sub(r"\{[{%#].*?[}%#]\}", "", page, flags=re.S)
        assert not re.search(r"<style|\sstyle\s*=", bare, re.I), path
        assert not re.search(r"\son[a-z]+\s*=", bare, re.I), path
        assert not re.search(r"javascript:|data:|srcdoc|<(iframe|object|embed|base)\b", bare, re.I), path
        assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:)?//", bare, re.I), path
        for script in re.findall(r"<script([^>]*)>(.*?)</script>", page, re.S | re.I):
            assert 'src="/static/' in script[0], path
            assert script[1].strip() == "", path
        assert not re.search(r"\|\s*(safe|tojson)\b|autoescape", page), path


def test_a03_no_script_turns_text_into_html_or_code() -> None:
    for path in files(".js"):
        code = path.read_text(encoding="utf-8")
        for sink in (
            r"\b(innerHTML|outerHTML|srcdoc)\s*\+?=[^=]",
            r"insertAdjacentHTML|createContextualFragment|setHTML|parseFromString|document\.write",
            r"\beval\s*\(|new Function|\bFunction\s*\(",
            r"set(Timeout|Interval)\s*\(\s*[\"'`]",
            r"setAttribute\(\s*[\"'](on\w+|style|srcdoc)[\"']",
            r"javascript:",
            r"import\s*\(?\s*[\"']https?:",
        ):
            assert not re.search(sink, code), (path, sink)


def test_a03_no_style_loads_anything() -> None:
    for path in files(".css"):
        assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")), path


# ---- A04 insecure design ---------------------------------------------------------------------------------------------


def test_a04_guessing_is_slow_but_locks_nobody_out(office: Office) -> None:
    client = visitor(office)
    answers = [log_in(client, "Bea", "a wrong password") for _ in range(30)]
    assert answers[0] == 401
    assert answers[-1] == 429
    assert LONGEST_WAIT <= 60.0
    assert log_in(client, "Ada") == 303


def test_a04_a_link_is_worth_nothing_to_who_finds_it_later(office: Office) -> None:
    code = office.sessions.link_for(LEA)
    assert [visitor(office).get(f"/open?code={code}").status_code for _ in range(2)] == [303, 403]


# ---- A05 security misconfiguration -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["/docs", "/redoc", "/openapi.json", "/metrics", "/debug", "/.git/config", "/admin"])
def test_a05_nothing_describes_the_server(browsers: dict[UserRole, TestClient], at: str) -> None:
    assert browsers[UserRole.LEAD].get(at).status_code == 404


def test_a05_no_page_of_another_site_reads_or_frames_ours(app: FastAPI, browsers: dict[UserRole, TestClient]) -> None:
    client = browsers[UserRole.LEAD]
    for route in routes_of(app):
        answer = client.request(route.method, route.at(), headers={"origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a05_the_policy_allows_nothing_inline(browsers: dict[UserRole, TestClient]) -> None:
    policy = browsers[UserRole.LEAD].get("/").headers["content-security-policy"]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["script-src"] == parts["style-src"] == parts["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert "*" not in policy


def test_a05_no_method_is_taken_that_no_route_has(app: FastAPI) -> None:
    assert {one.method for one in routes_of(app)} <= METHODS


# ---- A06 vulnerable and outdated components --------------------------------------------------------------------------


def test_a06_every_library_is_locked_by_its_hash() -> None:
    """What is installed is what was looked at; an update is a commit."""
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==\S+(?: ; [^\n]+)? \\\n\s+--hash=sha256:[0-9a-f]{64}", lock, re.M)
    named = [line for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    assert len(pinned) == len(named)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[<>=!\[; ]", one)[0].lower().replace("_", "-") for one in project["dependencies"]}
    assert wanted <= {name.lower().replace("_", "-") for name in pinned}
    assert {"fastapi", "starlette", "uvicorn", "jinja2", "h11"} <= set(pinned)


def test_a06_browsers_run_nothing_that_is_not_ours() -> None:
    """No library of others is shipped to browsers: there is none to keep up to date."""
    for path in files(".js"):
        for named in re.findall(r"^\s*import\b.*?[\"']([^\"']+)[\"']", path.read_text(encoding="utf-8"), re.M):
            assert named.startswith("./"), path
            assert (path.parent / named).is_file(), path


# ---- A07 identification and authentication failures ------------------------------------------------------------------


def test_a07_a_session_cannot_be_chosen_or_shared(office: Office) -> None:
    """Session fixation: what a browser brings along is never what it is known by afterwards."""
    mine = office.sessions.cookie(begin(office, VIC))
    client = visitor(office, cookie=f"{COOKIE}={mine}")
    answer = client.post("/login", data={"name": "Ada", "password": GOOD}, headers=FROM_HERE)
    assert answer.status_code == 303
    given = answer.headers["set-cookie"].split("=", 1)[1].split(";")[0]
    assert given != mine
    assert office.sessions.of_cookie(mine) is None


def test_a07_every_page_asks_anew_who_it_is(office: Office, app: FastAPI) -> None:
    session = begin(office, LEA)
    client = visitor(office, accept="application/json", cookie=f"{COOKIE}={office.sessions.cookie(session)}")
    assert client.get("/").status_code == 200
    office.sessions.end(session)
    for route in routes_of(app):
        if route.role is not None:
            assert ask(client, route) == 401, route


# ---- A08 software and data integrity failures ------------------------------------------------------------------------


def test_a08_nothing_is_taken_without_the_token_of_a_page(app: FastAPI, office: Office) -> None:
    """CSRF: the cookie alone does nothing, whatever the sender calls what it sends."""
    cookie = office.sessions.cookie(begin(office, LEA))
    kinds = ("application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
    changing = [one for one in routes_of(app) if one.method == "POST" and one.path != "/login"]
    assert changing
    for route in changing:
        for kind in kinds:
            client = visitor(office, accept="application/json", cookie=f"{COOKIE}={cookie}")
            assert client.post(route.at(), content=b"{}", headers={"content-type": kind}).status_code == 403


def test_a08_asking_changes_nothing(app: FastAPI, office: Office, browsers: dict[UserRole, TestClient]) -> None:
    before = (office.store.trail(), office.store.users(), office.store.page_decisions(), office.store.placements())
    for route in routes_of(app):
        if route.method == "GET":
            browsers[UserRole.LEAD].get(route.at(f"{SCAN[:12]}-2-q2"))
    after = (office.store.trail(), office.store.users(), office.store.page_decisions(), office.store.placements())
    assert after == before


def test_a08_what_is_sent_is_json_and_never_unpacked_into_objects() -> None:
    for path in files(".py"):
        found = {name.split(".")[0] for name in _imported(path)}
        assert not found & {"pickle", "marshal", "shelve", "dill", "yaml", "xml", "jsonpickle"}, path
        assert not re.search(r"(?<![\w.])(eval|exec|compile|__import__)\(", path.read_text(encoding="utf-8")), path


# ---- A09 security logging and monitoring failures --------------------------------------------------------------------


def test_a09_refused_log_ins_are_logged_without_names_or_passwords(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(7):
            log_in(visitor(office), "Cy\nfaked line", "a very secret try")
    lines = [one.getMessage() for one in caplog.records if one.name == "flows.review"]
    assert lines[0] == "Log-in refused: name and password do not fit (from testclient)"
    assert lines[-1] == "Log-in refused: too many tries (from testclient)"
    said = "".join(one.getMessage() for one in caplog.records if one.name != "httpx")
    assert not any(word in said for word in ("Cy", "secret", "faked"))


def test_a09_changes_of_accounts_are_logged(office: Office) -> None:
    assert [(one.name, one.what, one.by) for one in office.store.user_changes()] == [
        (one.name, f"added as {one.role.value}", "root") for one in ALL
    ]


# ---- A10 server-side request forgery ---------------------------------------------------------------------------------


def test_a10_the_server_asks_nobody_for_anything() -> None:
    """No part of the review can open a connection: there is no address to put into it."""
    outward = {"http", "httpx", "requests", "aiohttp", "ftplib", "smtplib", "telnetlib", "urllib3", "xmlrpc"}
    for path in files(".py"):
        found = _imported(path)
        assert not {name.split(".")[0] for name in found} & (outward - {"http"}), path
        assert not {name for name in found if name.startswith(("http.client", "urllib.request", "http.server"))}, path


@pytest.mark.parametrize("asked", ["//evil.example", "https://evil.example", "/\\evil.example", "%2f%2fevil.example"])
def test_a10_nobody_is_led_elsewhere(office: Office, asked: str) -> None:
    """Open redirects: where a log-in leads is never taken from what was sent."""
    account_in = visitor(office)
    answer = account_in.post(
        f"/login?next={asked}", data={"name": "Ada", "password": GOOD, "next": asked}, headers=FROM_HERE
    )
    assert answer.headers["location"] == "/"
    code = office.sessions.link_for(LEA)
    assert visitor(office).get(f"/open?code={code}&next={asked}").headers["location"] == "/"
    away = visitor(office, accept="text/html").get(f"//evil.example/..;/?next={asked}")
    assert away.headers.get("location", "/login") == "/login"


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found
