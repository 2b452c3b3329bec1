"""What listens: a certificate that fits, and no patience with who holds a connection and asks nothing."""

import asyncio
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

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - as transports take it
        return default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
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
