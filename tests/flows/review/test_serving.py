"""What listens: a certificate that fits, and no patience with who holds a connection and asks nothing."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from flows.errors import PlaceError
from flows.review import serving
from flows.review.serving import Impatient, load_certificate

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUAIyutFAbs3nB8m4e+FVmwZcOxawwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdGVzdC5pbnZhbGlkMCAXDTI2MTEyNzA0MTMyNVoYDzIxMjYx
MTAzMDQxMzI1WjAXMRUwEwYDVQQDDAx0ZXN0LmludmFsaWQwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAAS7wlXJsgWzI94SIWD7hw4+TgA6tkJUYYvgksz7NcSE6cew
qN8hE18eA1oJIrOigUpL5W8cb/iFdR4k7O1oEt07o1MwUTAdBgNVHQ4EFgQUShpd
gDj8+zZnHFg1X/2IH/LaLSkwHwYDVR0jBBgwFoAUShpdgDj8+zZnHFg1X/2IH/La
LSkwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAn2PLM08juwNK
2Jo8YMNOWDFnMYT2moryyhcLpfv8STUCIH5kL0XrHblvLEYrE+SFPs0DM0LeHAck
nYYhC+HSNjRH
-----END CERTIFICATE-----
"""
"""Of `test.invalid`, made for these tests; nobody trusts it."""

KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgNob1mxYR5J0mRPzw
z1XeiLNFdohlpJSems2TTracnXWhRANCAAS7wlXJsgWzI94SIWD7hw4+TgA6tkJU
YYvgksz7NcSE6cewqN8hE18eA1oJIrOigUpL5W8cb/iFdR4k7O1oEt07
-----END PRIVATE KEY-----
"""

OTHER_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3EGkKnA4uxPXi5ql
3IQ+D7Iw9DTxz2iwcaQDDWmSZkqhRANCAASnrXA7YmR6Rf+Da48xHwcolK7mhRLQ
JKHZbAygnNJj/VSoHE8VGgyxh58kTUDwWHhh6oxnaCFJYlV5ocaMfELK
-----END PRIVATE KEY-----
"""

LOCKED_KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgUsYl6j6fbbwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIWeiB5q9AKZcPp9VIuW4wwEgZA1
e8+5nm1Y858nMY9+yE4C/NX/u4gQJ7N1ZkfgzwDvldMBuXtQO5TrnwQgzb1jMxy8
UCSHBJ5pjgOR53uiI5hVHKZRlit48zJmNFOwayc4HDam6g4tbPLtH6NaY61RiSgX
W6NUusJE761ZeWbld5A2+/MYxxNGNP4fSmWSSOze45kQbSvdZqCedVimTclu4LY=
-----END ENCRYPTED PRIVATE KEY-----
"""
"""Protected by a password."""


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    texts = {"certificate": CERTIFICATE, "key": KEY, "other": OTHER_KEY, "locked": LOCKED_KEY, "empty": ""}
    for name, text in texts.items():
        (tmp_path / f"{name}.pem").write_text(text, encoding="ascii")
    return tmp_path


def test_a_certificate_and_its_key_speak_tls_1_2_or_later(pem: Path) -> None:
    context = load_certificate(pem / "certificate.pem", pem / "key.pem")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("certificate", "key", "says"),
    [
        ("missing", "key", "missing.pem: cannot be read: No such file"),
        ("certificate", "missing", "missing.pem: cannot be read: No such file"),
        ("empty", "key", "cannot be used together"),
        ("key", "certificate", "cannot be used together"),
        ("certificate", "other", "cannot be used together"),
        ("certificate", "locked", "protected by a password"),
    ],
)
def test_what_does_not_fit_is_told(pem: Path, certificate: str, key: str, says: str) -> None:
    with pytest.raises(PlaceError, match=says):
        load_certificate(pem / f"{certificate}.pem", pem / f"{key}.pem")


class Line(asyncio.Transport):
    """A connection that remembers what was written to it, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.at_once = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.socket if name == "socket" else default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def answer_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def talk(monkeypatch: pytest.MonkeyPatch, *said: tuple[float, bytes]) -> Line:
    """Say things to a server that is patient for 0.2 seconds, each after a pause; return the line before it ends."""
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.2)
    line = Line()

    async def speak() -> None:
        config = uvicorn.Config(answer_ok, log_level="critical", ws="none", lifespan="off", timeout_keep_alive=60)
        protocol = Impatient(config, ServerState(), {})
        protocol.connection_made(line)
        for pause, part in said:
            await asyncio.sleep(pause)
            if not line.closed:
                protocol.data_received(part)
        await asyncio.sleep(0.01)
        line.at_once = bool(line.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        line.socket.close()
        was = line.closed
        protocol.connection_lost(None)
        line.closed = was

    asyncio.run(speak())
    return line


REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
SLOWLY = tuple((0.05, bytes([letter])) for letter in REQUEST[:8])


def test_a_request_in_time_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talk(monkeypatch, (0, REQUEST[:10]), (0.01, REQUEST[10:]))
    assert line.written.startswith(b"HTTP/1.1 200")
    assert not line.closed


def test_an_answer_goes_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two small packets the second would wait 40 ms for the first to be acknowledged."""
    assert talk(monkeypatch, (0, REQUEST)).at_once


def test_the_next_request_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talk(monkeypatch, (0, REQUEST), (0.3, REQUEST), (0.3, REQUEST))
    assert line.written.count(b"HTTP/1.1 200") == 3
    assert not line.closed


def test_who_asks_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert talk(monkeypatch, (0.4, REQUEST)).written == b""


def test_who_asks_one_letter_at_a_time_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talk(monkeypatch, *SLOWLY)
    assert line.closed
    assert line.written == b""


def test_the_second_request_is_not_waited_for_longer_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    line = talk(monkeypatch, (0, REQUEST), *SLOWLY)
    assert line.closed
    assert line.written.count(b"HTTP/1.1 200") == 1


# ---- many connections ------------------------------------------------------------------------------------------------

HERE, THERE = "127.0.0.1", "192.0.2.7"
ASKING = b"POST /login HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n"
"""The beginning of a form whose end does not come."""


class Room:
    """A server with room for eight connections, two of them spare."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "MOST_CONNECTIONS", 8)
        monkeypatch.setattr(serving, "SPARE_CONNECTIONS", 2)
        self.answers = asyncio.Event()
        self.state = ServerState()
        self.config = uvicorn.Config(
            self.app, interface="asgi3", log_level="critical", ws="none", lifespan="off", limit_concurrency=8
        )
        self.all: list[Impatient] = []
        self.lines: list[Line] = []

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await self.answers.wait()
        else:
            while (await receive()).get("more_body"):
                pass
        await answer_ok(scope, receive, send)

    async def come(self, address: str, said: bytes = b"") -> Line:
        """A connection from an address, and what it says at once."""
        line, made = Line(), Impatient(self.config, self.state, {})
        self.lines.append(line)
        made.connection_made(line)
        made.client = (address, 4711)
        if said:
            made.data_received(said)
        self.all = [one for one in self.all if one in self.state.connections]
        self.all.append(made)
        # What the loop does a little later with a connection that was closed.
        for one in self.all:
            if one.transport.is_closing():
                one.connection_lost(None)
        await asyncio.sleep(0.001)
        return line

    async def end(self) -> None:
        self.answers.set()
        for one in self.all:
            one.connection_lost(None)
        await asyncio.wait_for(asyncio.gather(*self.state.tasks), 10)
        for line in self.lines:
            line.socket.close()


@pytest.mark.parametrize("said", [b"", REQUEST[:10], ASKING])
def test_who_holds_all_connections_and_asks_nothing_keeps_nobody_out(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """Nor who asks without coming to an end. From one address both, as on one machine."""

    async def run() -> None:
        room = Room(monkeypatch)
        held = [await room.come(HERE, said) for _ in range(20)]
        asked = await room.come(HERE, REQUEST)
        await asyncio.sleep(0.01)
        assert asked.written.startswith(b"HTTP/1.1 200")
        assert not asked.closed
        assert [line.closed for line in held] == [True] * 15 + [False] * 5
        await room.end()

    asyncio.run(run())


def test_who_holds_most_makes_room_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        room = Room(monkeypatch)
        clerk = await room.come(HERE)
        held = [await room.come(THERE) for _ in range(20)]
        assert not clerk.closed
        assert sum(not line.closed for line in held) == 5
        await room.end()

    asyncio.run(run())


def test_what_is_being_answered_is_never_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        room = Room(monkeypatch)
        slow = [await room.come(HERE, REQUEST.replace(b"/", b"/slow", 1)) for _ in range(6)]
        await asyncio.sleep(0.01)
        for _ in range(10):
            await room.come(THERE)
        assert not any(line.closed for line in slow)
        room.answers.set()
        await asyncio.sleep(0.01)
        assert all(line.written.startswith(b"HTTP/1.1 200") for line in slow)
        await room.end()

    asyncio.run(run())
