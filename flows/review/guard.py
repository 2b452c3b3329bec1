"""What every request has to pass: a host that is ours, a body that is small, a token that proves it was meant."""

import asyncio
import hmac
import ipaddress
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.errors import FlowError
from flows.review.answers import broken, cannot, refuse
from flows.review.ground import Ground
from flows.review.office import HAS_ACCOUNTS, Office
from flows.review.sessions import Session, Sessions

MOST_BYTES = 256 * 1024
"""The longest body of a request: a wall of sixty fields takes a tenth of it."""

MOST_HEADERS, HEADER_BYTES = 100, 16 * 1024
"""Headers of a request, and what they may take together: a browser sends twenty in 2 kB."""

BODY_SECONDS = 30.0
"""How long a body may take to come: 10 kB a second, slower than any network of an office."""

CSRF_HEADER = "x-csrf-token"

UNATTENDED_HEADER = "x-unattended"
"""Comes with what a page asks by itself while nobody touches it (`api.js`): a screen that was left logs itself out."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and no text of a script's that becomes HTML."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # "no-referrer" would have browsers leave out where a form was sent from.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

HSTS = ("strict-transport-security", "max-age=86400")
"""A day, which every answer renews: the name of a machine may serve other things than this, without TLS, next week."""

UNREAD = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Answers before a request was read to its end."""

SAFE = frozenset({"GET", "HEAD"})
METHODS = SAFE | {"POST"}

FORMS = frozenset({"/login", "/logout"})
"""Sent by plain forms, which know no headers: they prove themselves by their origin (and log-out by its token too)."""

STATIC = "/static/"
"""Scripts, styles and the icon are the same for everybody: whoever asks, no session is looked for."""

HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")

WITH_PORT = re.compile(r"\[(?P<six>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|(?P<four>[0-9.]+):[0-9]{1,5}")
"""How some proxies tell who asked: with the port of the connection, IPv6 between brackets."""

LOGGED_OUT = "You are logged out. Log in again"

Problem: TypeAlias = tuple[HTTPStatus, str]


@dataclass(frozen=True, slots=True)
class Listening:
    """How browsers reach the server.

    `hosts` are the names by which they may call it: another one means that somebody was led here. `tls` says that the
    server itself speaks TLS, `proxied` that a proxy in front of it does, which tells so with every request.
    """

    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    tls: bool = False
    proxied: bool = False


class Guard:
    """ASGI middleware that finds the session of a request, and refuses what nobody of ours can have meant."""

    def __init__(self, app: ASGIApp, office: Office, listening: Listening, ground: Ground) -> None:
        self._app = app
        self._office = office
        self._sessions: Sessions = office.sessions
        self._listening = listening
        self._hosts = frozenset(host.lower() for host in listening.hosts)
        self._ground = ground

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong."""
        if scope["type"] != "http":
            # Nobody here talks over WebSockets; what starts and ends the application passes.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if self._listening.proxied:
            _believe_proxy(scope)
        scope["state"] = {**scope.get("state", {}), "session": None, "ended": ""}
        request = Request(scope)
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add_headers(request, MutableHeaders(scope=message))
                if message["status"] in UNREAD:
                    # What is still to come is not listened to.
                    MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        try:
            await self._pass(request, receive, answer)
        except ClientDisconnect:
            # Nobody is there to be answered, and nothing is wrong here.
            return
        except Exception as problem:
            if started:
                raise
            await broken(request, problem)(scope, receive, answer)

    async def _pass(self, request: Request, receive: Receive, answer: Send) -> None:
        scope = request.scope
        problem = self._problem(request)
        if problem is None and not request.url.path.startswith(STATIC):
            try:
                # In a thread, as everything that waits for a disk: a share that hangs holds up no other request.
                await run_in_threadpool(self._ground.check)
                request.state.session = session = await self._session(request)
            except FlowError as trouble:
                await cannot(request, trouble)(scope, receive, answer)
                return
            problem = _not_meant(request, session)
        if problem is not None:
            await refuse(request, *problem)(scope, receive, answer)
            return
        await self._app(scope, receive if request.method in SAFE else _limited(receive), answer)

    def _problem(self, request: Request) -> Problem | None:
        """Say what is wrong with a request whoever sent it."""
        if request.method not in METHODS:
            return HTTPStatus.METHOD_NOT_ALLOWED, "Nothing here is asked for or sent that way."
        if not self._is_our_host(request):
            return HTTPStatus.MISDIRECTED_REQUEST, "This is not the address under which Tallymark listens."
        if self._listening.proxied and request.scope["scheme"] != "https":
            return HTTPStatus.FORBIDDEN, "Use the address of the proxy in front of this server (https)."
        if _is_from_elsewhere(request):
            return HTTPStatus.FORBIDDEN, "This was sent by a page of another site."
        return _too_much(request)

    def _is_our_host(self, request: Request) -> bool:
        given = request.headers.getlist("host")
        found = HOST.fullmatch(given[0]) if len(given) == 1 else None
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        return name in self._hosts or name == _own_address(request)

    async def _session(self, request: Request) -> Session | None:
        cookie = _only_cookie(request, self._sessions.cookie_name)
        session = self._sessions.of_cookie(cookie, is_attended=UNATTENDED_HEADER not in request.headers)
        if session is None:
            return None
        # Asked each time: who was disabled, or got another role or password, is out at once, and so is who came by a
        # link when nobody had an account.
        if session.account is None:
            if not await run_in_threadpool(self._office.store.has_users):
                return session
            request.state.ended = HAS_ACCOUNTS
        elif await run_in_threadpool(self._office.store.user, session.account.name) == session.account:
            return session
        self._sessions.end(session)
        return None

    def _add_headers(self, request: Request, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if self._listening.tls or self._listening.proxied:
            headers.setdefault(*HSTS)
        # What does not change is asked for again and not sent again; all else is kept nowhere.
        headers.setdefault("cache-control", "no-cache" if request.url.path.startswith(STATIC) else "no-store")


def _too_much(request: Request) -> Problem | None:
    """Say what of a request is longer than anything here."""
    headers = request.scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers of this request are longer than any here."
    if request.method not in SAFE and _length(request) > MOST_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_long()
    return None


def _not_meant(request: Request, session: Session | None) -> Problem | None:
    """Say why it is not proven that a person of ours, on a page of ours, meant to send something."""
    if request.method in SAFE:
        return None
    if request.url.path in FORMS:
        if _is_from_here(request):
            return None
        return HTTPStatus.FORBIDDEN, "It cannot be told which page sent this. Open the page again and retry."
    if session is None:
        return (
            HTTPStatus.UNAUTHORIZED,
            f"{request.state.ended or LOGGED_OUT} in another tab: what is not stored waits here.",
        )
    given = request.headers.getlist(CSRF_HEADER)
    if len(given) != 1 or not hmac.compare_digest(given[0].encode(), session.csrf.encode()):
        return HTTPStatus.FORBIDDEN, "This page is from an earlier log-in. Load it again."
    return None


def _is_from_elsewhere(request: Request) -> bool:
    """Tell whether a browser says that a page of another site sent this; following a link from there is allowed.

    "same-site" is another site, too: every program that listens on another port of this machine is.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        followed = request.headers.get("sec-fetch-mode") == "navigate" and request.method in SAFE
        return not followed or request.headers.get("sec-fetch-dest") != "document"
    return request.method not in SAFE and any(given != _origin(request) for given in request.headers.getlist("origin"))


def _is_from_here(request: Request) -> bool:
    """Tell whether a browser says that a page of ours sent this; `_is_from_elsewhere` was false."""
    return "origin" in request.headers or request.headers.get("sec-fetch-site") == "same-origin"


def _origin(request: Request) -> str:
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}"


def _own_address(request: Request) -> str:
    """Return the address at which this connection came in, "" when it has none: no other name can stand for it."""
    server = request.scope.get("server")
    try:
        return str(ipaddress.ip_address(server[0])) if server else ""
    except ValueError:
        return ""


def _only_cookie(request: Request, name: str) -> str | None:
    """Return a cookie that came once: of two, one was set by somebody else."""
    pairs = [part.strip().partition("=") for line in request.headers.getlist("cookie") for part in line.split(";")]
    values = [value for given, _, value in pairs if given == name]
    return values[0] if len(values) == 1 else None


def _believe_proxy(scope: Scope) -> None:
    """Take from the proxy in front how, and by whom, it was asked. It adds to the end of what came to it."""
    request = Request(scope)
    protocol = request.headers.getlist("x-forwarded-proto")
    scope["scheme"] = protocol[-1].rpartition(",")[2].strip().lower() if protocol else "http"
    sender = request.headers.getlist("x-forwarded-for")
    if sender:
        with suppress(ValueError):
            scope["client"] = (_address_of(sender[-1].rpartition(",")[2].strip()), 0)


def _address_of(told: str) -> str:
    """Return the address that a proxy told, with a port behind it or without (ValueError when it is none)."""
    found = WITH_PORT.fullmatch(told)
    return str(ipaddress.ip_address(found["six"] or found["four"] if found else told))


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else MOST_BYTES + 1


def _too_long() -> str:
    return f"This is longer than the {MOST_BYTES:,} bytes that are taken at once."


def _limited(receive: Receive) -> Receive:
    """Return a receiver that refuses a body that grows too long, whatever its length claimed, or comes too slowly."""
    came, is_whole = 0, False
    until = time.monotonic() + BODY_SECONDS

    async def limited() -> Message:
        nonlocal came, is_whole
        if is_whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(until - time.monotonic(), 0.0))
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "What was sent did not come in time.") from None
        came += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if came > MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_long())
        return message

    return limited
