"""`tallymark review`: what it refuses to start, and that it starts, serves and ends."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from flows.cli import run
from flows.commands.review import USUAL_PORTS, _address, _hosts, _listening, _usual_port
from flows.passwords import hash_password
from flows.places import only_server
from flows.store import open_store
from flows.users import UserRole, added, turned
from tests.helpers.exam_folder import exam_folder
from tests.helpers.visitors import CHEAP, GOOD, NOON

START_SECONDS = 60
"""How long a server may take to start, on a machine that does other things too."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_folder(tmp_path_factory.mktemp("made") / "exam")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "exam")


def add(folder: Path, name: str, role: UserRole) -> None:
    with open_store(folder) as store:
        store.change_user(lambda there: added(there, name, role, hash_password(GOOD, CHEAP), NOON), "root", NOON)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run(["review", *(str(one) for one in arguments), "--no-browser"])
    return code, capsys.readouterr().err


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own process, and what it prints first."""
    started = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", *(str(one) for one in arguments), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
        env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "FASTAPI_OTEL_AUTO_CONFIGURE": "true"},
    )
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().strip()
    finally:
        started.kill()
        started.wait()
        for stream in (started.stdout, started.stderr):
            if stream is not None:
                stream.close()


# ---- what it refuses -------------------------------------------------------------------------------------------------


def test_elsewhere_it_listens_only_with_tls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("0.0.0.0", "::", "10.0.0.1", "exams.example", ""):
        code, told = refused(capsys, folder, "--host", host)
        assert code == 2
        assert "give --certificate and --key, or --behind-tls-proxy" in told


def test_elsewhere_it_listens_only_with_accounts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = refused(capsys, folder, "--behind-tls-proxy")
    assert (code, "tallymark users add" in told) == (2, True)
    add(folder, "Ada", UserRole.LEAD)
    with open_store(folder) as store:
        store.change_user(lambda there: turned(there, "Ada", NOON, disabled=True), "root", NOON)
    assert refused(capsys, folder, "--behind-tls-proxy")[0] == 2


def test_tls_options_that_contradict_each_other_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "give both" in refused(capsys, folder, "--certificate", "a.pem")[1]
    assert "give both" in refused(capsys, folder, "--key", "a.pem")[1]
    both = ("--certificate", "a.pem", "--key", "b.pem")
    assert "give one" in refused(capsys, folder, *both, "--behind-tls-proxy")[1]
    code, told = refused(capsys, folder, *both)
    assert (code, "a.pem: cannot be read" in told) == (5, True)


def test_a_port_in_use_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, told = refused(capsys, folder, "--port", port)
    assert code == 5
    assert f"port {port} of 127.0.0.1 is in use by another program; name another with --port" in told


def test_a_folder_has_the_same_port_again_unless_that_is_taken(tmp_path: Path) -> None:
    usual = _usual_port(tmp_path)
    assert usual in USUAL_PORTS
    ports = []
    for _ in range(2):
        with _listening(tmp_path, "127.0.0.1", None) as found, _listening(tmp_path, "127.0.0.1", None) as another:
            ports.append(found.getsockname()[1])
            assert another.getsockname()[1] != usual
    assert ports == [usual, usual]


@pytest.mark.parametrize("host", ["127.300.0.1", "x" * 300, "192.0.2.1"])
def test_an_address_that_is_not_this_machine_is_told(
    folder: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add(folder, "Ada", UserRole.LEAD)
    code, told = refused(capsys, folder, "--host", host, "--behind-tls-proxy")
    assert (code, "cannot be listened on" in told) == (5, True)


def test_one_exam_has_one_review_at_a_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_server(folder) as tell:
        tell("http://127.0.0.1:4711/")
        code, told = refused(capsys, folder)
    assert code == 5
    assert "being reviewed already at http://127.0.0.1:4711/; go there" in told


def test_the_link_is_for_an_account_where_there_are_any(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(folder, "Ada", UserRole.REVIEWER)
    assert "none of 'Bea'" in refused(capsys, folder, "--reviewer", "Bea")[1]
    assert "is one of a reviewer" in refused(capsys, folder, "--reviewer", "ada", "--role", "lead")[1]
    with open_store(folder) as store:
        store.change_user(lambda there: turned(there, "Ada", NOON, disabled=True), "root", NOON)
    code, told = refused(capsys, folder, "--reviewer", "Ada")
    assert (code, "is disabled" in told) == (2, True)


@pytest.mark.parametrize("name", ["", "x" * 100, "a\0b", "\u202eada"])
def test_a_name_that_cannot_be_kept_is_refused(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = refused(capsys, folder, "--reviewer", name)
    assert (code, "cannot be kept as a name" in told) == (6, True)


def test_no_exam_no_review(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, tmp_path)[0] == 3


def test_browsers_may_call_it_by_the_names_that_were_given() -> None:
    assert _hosts((), "127.0.0.1") == ("127.0.0.1", "127.0.0.1", "localhost")
    assert {"exams.example", "0.0.0.0", socket.gethostname()} <= set(_hosts(("exams.example",), "0.0.0.0"))


def test_the_address_is_what_people_type() -> None:
    assert _address((), "127.0.0.1", 8000, tls=False, proxied=False) == "http://127.0.0.1:8000/"
    assert _address((), "::1", 8000, tls=True, proxied=False) == "https://[::1]:8000/"
    assert _address(("exams.example",), "0.0.0.0", 8443, tls=True, proxied=False) == "https://exams.example:8443/"
    assert _address((), "0.0.0.0", 8443, tls=True, proxied=False) == f"https://{socket.gethostname()}:8443/"
    assert _address(("exams.example",), "127.0.0.1", 8000, tls=False, proxied=True) == "https://exams.example/"


# ---- that it works ---------------------------------------------------------------------------------------------------


def test_it_serves_one_link_and_ends_quietly(folder: Path) -> None:
    """One process, really: the link, the page, what is printed, Ctrl-C."""
    with serving(folder, "--reviewer", "Sample Reviewer", "--role", "reviewer") as (server, line):
        title, link = line.split(": ", 1)
        assert title == "Review of exam"
        assert link.startswith("http://127.0.0.1:")
        with httpx.Client(follow_redirects=True, timeout=START_SECONDS) as client:
            page = client.get(link)
            assert page.status_code == 200
            assert "Sample Reviewer" in page.text
            assert client.get(link).status_code == 403
            (name,) = client.cookies
            assert name == f"tallymark-{httpx.URL(link).port}"
            cookie = client.cookies[name]
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=START_SECONDS)
    assert server.returncode == 0
    assert (out, err) == ("", "")
    assert cookie not in line
    # The lock went with the process.
    with only_server(folder):
        pass


def test_with_accounts_it_shows_the_log_in_page(folder: Path) -> None:
    add(folder, "Ada", UserRole.LEAD)
    with serving(folder) as (server, line):
        assert line.endswith("/login")
        server.send_signal(signal.SIGTERM)
        assert server.wait(START_SECONDS) == 0
