"""How people come in and leave: the one-time link, the log-in page, the way out."""

import hmac
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from flows.review.accounts import NotLetInError, TooSoonError, person_in
from flows.review.answers import forgotten
from flows.review.guard import CSRF_HEADER
from flows.review.office import HAS_ACCOUNTS, Here, Office, draw
from flows.review.sessions import Session
from flows.review.wording import LOG

router = APIRouter()

FORM_BYTES = 8 * 1024
"""The longest form: a name and a password, every character of them written as %XX."""

FORM_FIELDS = 8

FORM_TYPE = "application/x-www-form-urlencoded"


@router.get("/open")
def open_link(request: Request, office: Here, code: str = "") -> Response:
    """Log in with a one-time link."""
    session = office.sessions.redeem(code)
    if session is None:
        return draw(
            request,
            "problem.html",
            status=403,
            heading="This link has been used",
            problem="A link opens the review once, within two minutes. Start it again with: tallymark review DIR",
        )
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        # Who followed a link on another page takes the cookie along only from a page of ours.
        return _enter(request, draw(request, "opened.html"), office, session)
    return _enter(request, RedirectResponse("/", HTTPStatus.SEE_OTHER), office, session)


@router.get("/login")
def login_page(request: Request, office: Here, since: str = "") -> Response:
    """Show where to log in; `since` tells why somebody who was logged in is not any more."""
    if request.state.session is not None:
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)
    has_accounts = office.store.has_users()
    ended = request.state.ended or (since == "accounts" and has_accounts)
    return forgotten(request, _login(request, has_accounts, f"{HAS_ACCOUNTS}." if ended else ""))


@router.post("/login")
async def login(request: Request, office: Here) -> Response:
    """Log in with an account."""
    form = await _form(request)
    name, password = form.get("name", ""), form.get("password", "")
    has_accounts = await run_in_threadpool(office.store.has_users)
    if not has_accounts or not name.strip() or not password:
        return _login(request, has_accounts, "Type your name and your password.", name, HTTPStatus.UNPROCESSABLE_ENTITY)
    address = request.client.host if request.client else ""
    try:
        user = await office.gate.log_in(office.store, name, password, address)
    except TooSoonError as early:
        LOG.warning("Log-in refused: too many tries (from %s)", address)
        words = f"Too many tries. Wait {early.seconds} {'second' if early.seconds == 1 else 'seconds'}, then try again."
        answer = _login(request, has_accounts, words, name, HTTPStatus.TOO_MANY_REQUESTS)
        answer.headers["retry-after"] = str(early.seconds)
        return answer
    except NotLetInError:
        LOG.warning("Log-in refused: name and password do not fit (from %s)", address)
        words = "Name and password do not fit together, or the account is disabled."
        return _login(request, has_accounts, words, name, HTTPStatus.UNAUTHORIZED)
    session = office.sessions.begin(person_in(office.exam, user.name, user.role), user)
    return _enter(request, RedirectResponse("/", HTTPStatus.SEE_OTHER), office, session)


@router.post("/logout")
async def logout(request: Request, office: Here) -> Response:
    """End the session of this browser; the form, or the script, shows the token of the page it is on."""
    session: Session | None = request.state.session
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    if session is None:
        return response
    given = request.headers.get(CSRF_HEADER) or (await _form(request)).get("csrf", "")
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise HTTPException(HTTPStatus.FORBIDDEN, "This page is from an earlier log-in. Load it again.")
    office.sessions.end(session)
    response.delete_cookie(
        office.sessions.cookie_name, httponly=True, samesite="strict", secure=office.sessions.is_secure
    )
    # Pictures of fields are kept by the browser for an hour; the next person at it does not find them.
    response.headers["clear-site-data"] = '"cache"'
    return response


def _enter(request: Request, response: Response, office: Office, session: Session) -> Response:
    """Give a browser the cookie of its session: no script can read it, and no other site can send it.

    A session that it had before is over: what knew its cookie knows nothing now.
    """
    before: Session | None = request.state.session
    if before is not None:
        office.sessions.end(before)
    response.set_cookie(
        office.sessions.cookie_name,
        office.sessions.cookie(session),
        httponly=True,
        samesite="strict",
        secure=office.sessions.is_secure,
    )
    return response


def _login(
    request: Request, has_accounts: bool, problem: str = "", name: str = "", status: int = HTTPStatus.OK
) -> HTMLResponse:
    return draw(request, "login.html", status=status, has_accounts=has_accounts, problem=problem, name=name)


async def _form(request: Request) -> dict[str, str]:
    """Return what a plain form sent; of a field that came twice, nothing.

    Raises:
        HTTPException: it is no form, or more than the forms here hold.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"What is sent here has to be a form ({FORM_TYPE}).")
    data = await request.body()
    if len(data) > FORM_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A form here holds at most {FORM_BYTES:,} bytes.")
    try:
        found = parse_qs(data.decode("ascii"), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError as problem:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "This is none of the forms here.") from problem
    return {name: values[0] for name, values in found.items() if len(values) == 1}
