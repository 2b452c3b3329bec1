"""Runs the application until somebody stops it."""

import asyncio
import signal
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from flows.errors import PlaceError
from flows.review.app import create_app
from flows.review.guard import HEADER_BYTES
from flows.review.office import Office
from flows.review.page_images import spec_of

HEADER_SECONDS = 10.0
"""How long a connection may be open without having asked for anything."""

MOST_CONNECTIONS = 256
"""A browser opens six; beyond it a request is told to come again, so that one machine cannot take all memory."""

SPARE_CONNECTIONS = 32
"""Connections that are left for whoever asks something: of those that only wait, the longest make room."""

KEEP_SECONDS = 20
"""How long a connection waits for the next request: longer than a clerk looks at one field."""

LAST_SECONDS = 5
"""How long requests that are under way may take when the server is stopped."""


class Impatient(H11Protocol):
    """HTTP/1.1 that lets nobody hold a connection open without asking, or halfway through asking.

    Where nearly all connections are taken it waits for nobody: who holds most of them loses the one that has waited
    longest. So a program that opens connections and asks nothing keeps nobody out, be it on the same machine.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the one above
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if (line := transport.get_extra_info("socket")) is not None:
            # asyncio does so only where the socket names its protocol, which those that were opened beforehand do not.
            # Without it an answer in two parts waits 40 ms for the browser to say that the first one came.
            line.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._due = self.loop.call_later(HEADER_SECONDS, self._late)
        self._since = self.loop.time()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what came; it is waited for the rest of a request no longer than for its beginning."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._due.cancel()
            self._since = self.loop.time()
        elif self._due.cancelled():
            self._due = self.loop.call_later(HEADER_SECONDS, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._due.cancel()
        super().connection_lost(exc)

    @property
    def _only_waits(self) -> bool:
        """Whether nothing is done for this connection now: it asks nothing, or not to the end, or takes no answer."""
        if self.transport.is_closing():
            return False
        is_asked = self.conn.their_state not in (h11.IDLE, h11.SEND_BODY)
        return not is_asked or self.flow.write_paused

    def _make_room(self) -> None:
        if len(self.connections) <= MOST_CONNECTIONS - SPARE_CONNECTIONS:
            return
        others = [one for one in self.connections if isinstance(one, Impatient) and one is not self]
        held = Counter(_address_of(one) for one in others)
        waiting = [one for one in others if one._only_waits]
        if waiting:
            max(waiting, key=lambda one: (held[_address_of(one)], -one._since)).transport.abort()

    def _late(self) -> None:
        self._due.cancel()
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def _address_of(one: H11Protocol) -> str:
    return one.client[0] if one.client else ""


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server speaks TLS with, version 1.2 or later.

    Raises:
        PlaceError: one of the files cannot be read, or they do not belong together.
    """
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise PlaceError(f"{path}: cannot be read: {error.strerror or error}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    encrypted = False

    def ask() -> str:
        nonlocal encrypted
        encrypted = True
        return ""

    try:
        context.load_cert_chain(certificate, key, password=ask)
    except (ssl.SSLError, OSError, ValueError) as error:
        if encrypted:
            raise PlaceError(
                f"{key}: is protected by a password, which nobody types when the server starts; give a key without "
                "one, in a file that only you may read"
            ) from error
        raise PlaceError(
            f"{certificate} and {key} cannot be used together ({getattr(error, 'reason', '') or error}); both are PEM "
            "files, the first with the certificate and those it rests on, the second with its private key"
        ) from error
    return context


def serve(
    office: Office,
    listening: socket,
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    *,
    tls: ssl.SSLContext | None = None,
    proxied: bool = False,
) -> None:
    """Serve the review of an exam on a socket until the process is told to stop."""
    app = create_app(office, hosts, tls=tls is not None, proxied=proxied)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        server_header=False,
        http=Impatient,
        ws="none",
        # Nothing here begins or ends with the application.
        lifespan="off",
        # Who believes a proxy is the guard, and only when there is one.
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=KEEP_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
        ssl_context_factory=None if tls is None else _always(tls),
    )
    try:
        office.desk.begin()
        # Beside what is read now: whoever opens the first field sees its surroundings soon.
        office.pictures.warm(spec_of(office))
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        office.desk.end()
        office.pictures.close()


@contextmanager
def until_stopped() -> Iterator[None]:
    """Let Ctrl-C, or the signal TERM, end what is done within the block, and nothing be said about it.

    Uvicorn stops at a signal, and then sends it to itself once more. Ctrl-C ends it from the beginning even where it
    was to be ignored, as shells have it of what runs in the background: uvicorn listens to it all the same, but later.
    """
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _always(context: ssl.SSLContext) -> Any:  # noqa: ANN401 - as uvicorn takes it
    return lambda *_: context
