"""What every request has to pass: a host that is ours, a body that is small, a token that proves it was meant."""

import hmac
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.review.sessions import COOKIE, Sessions

MOST_BYTES = 256 * 1024
"""The longest body of a request: a wall of sixty fields takes a tenth of it."""

CSRF_HEADER = "x-csrf-token"

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Problem: TypeAlias = tuple[HTTPStatus, str]


class Guard:
    """ASGI middleware that finds the session of a request, and refuses what nobody of ours can have meant."""

    def __init__(self, app: ASGIApp, sessions: Sessions, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._sessions = sessions
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is wrong."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._sessions.of_cookie(request.cookies.get(COOKIE))
        scope.setdefault("state", {})["session"] = session

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        problem = self._problem(request, session.csrf if session else "")
        if problem is not None:
            status, told = problem
            await JSONResponse({"problem": told}, status)(scope, receive, answer)
            return
        await self._app(scope, receive if request.method in SAFE else _limited(receive), answer)

    def _problem(self, request: Request, csrf: str) -> Problem | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, "This is not the address under which Tallymark listens."
        if request.method in SAFE:
            return None
        if _length(request.headers) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request is longer than {MOST_BYTES:,} bytes."
        if request.url.path == "/login":
            # There is no session yet; the form proves itself by its origin.
            return None if _same_origin(request) else (HTTPStatus.FORBIDDEN, "Open the page again and retry.")
        given = request.headers.get(CSRF_HEADER, "")
        if not csrf or not hmac.compare_digest(given.encode(), csrf.encode()) or not _same_origin(request):
            return HTTPStatus.FORBIDDEN, "Log in again: this page is from an earlier log-in."
        return None


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else MOST_BYTES + 1


def _same_origin(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _limited(receive: Receive) -> Receive:
    """Return a receiver that ends the request when its body grows too long, whatever its length claimed."""
    came = 0

    async def limited() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        return {"type": "http.disconnect"} if came > MOST_BYTES else message

    return limited
