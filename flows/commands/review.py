"""`tallymark review`: flagged fields settled by people, in the browser."""

import errno
import getpass
import ipaddress
import os
import socket
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.errors import PlaceError
from flows.reviewer import check_reviewer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.review.office import Office
    from flows.users import User

HERE = "127.0.0.1"

USUAL_PORTS = range(20_000, 30_000)
"""From which an exam folder has its port: below those that systems give away, above those of known services."""

ROLES = click.Choice(["viewer", "reviewer", "lead"])


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--reviewer", metavar="NAME", help="Who the link is for; without it, the name of your login.")
@click.option("--role", type=ROLES, help="As what; without it, lead. An account has its own role.")
@click.option("--host", metavar="ADDRESS", default=HERE, help="Where to listen; without it, on this machine only.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Where to listen; without it, where this folder did last time if that port is free, else any free one.",
)
@click.option("--name", "names", metavar="NAME", multiple=True, help="A name by which browsers call this machine.")
@click.option("--certificate", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="TLS: PEM file.")
@click.option("--key", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="TLS: its private key.")
@click.option("--behind-tls-proxy", is_flag=True, help="Speak no TLS: a proxy in front does, and says so.")
@click.option("--no-browser", is_flag=True, help="Print the link, and open no browser.")
def review(
    folder: Path,
    *,
    reviewer: str | None,
    role: str | None,
    host: str,
    port: int | None,
    names: tuple[str, ...],
    certificate: Path | None,
    key: Path | None,
    behind_tls_proxy: bool,
    no_browser: bool,
) -> None:
    """Open the review of an exam in the browser. Ctrl-C ends it.

    On this machine only, a link logs in once, without a password. To listen elsewhere needs accounts (tallymark users)
    and TLS: a certificate and its key, or a proxy in front that speaks TLS, sends X-Forwarded-Proto and
    X-Forwarded-For, and leaves Host as it was.

    \b
    Examples:
      tallymark review chemistry
      tallymark review chemistry --reviewer "Reviewer One" --role reviewer --no-browser
      tallymark review chemistry --host 0.0.0.0 --port 8443 --name exams.example \\
          --certificate exams.pem --key exams.key
    """  # noqa: D301 - click wants a real backspace here
    from flows.places import only_server
    from flows.review.desk import Desk
    from flows.review.door import opened
    from flows.review.office import Office
    from flows.review.serving import load_certificate, serve, until_stopped
    from flows.review.sessions import Sessions, cookie_name
    from flows.settings import load_exam
    from flows.store import open_store

    if (certificate is None) != (key is None):
        raise click.UsageError("--certificate and --key belong together: give both")
    if certificate is not None and behind_tls_proxy:
        raise click.UsageError("--certificate is for TLS of its own, --behind-tls-proxy for that of a proxy: give one")
    is_open = not _is_loopback(host) or behind_tls_proxy
    if is_open and certificate is None and not behind_tls_proxy:
        raise click.UsageError(
            f"{host} can be reached from elsewhere, where passwords and pictures would be sent for anybody to read; "
            "give --certificate and --key, or --behind-tls-proxy when a proxy in front speaks TLS"
        )
    exam = load_exam(folder)
    tls = load_certificate(certificate, key) if certificate and key else None
    with (
        until_stopped(),
        open_store(folder) as store,
        only_server(folder) as tell,
        _listening(folder, host, port) as listening,
    ):
        accounts = store.users()
        if is_open and not any(not user.disabled for user in accounts):
            raise click.UsageError(
                f"to listen on {host} needs accounts; make one: tallymark users add {folder} NAME --role lead"
            )
        port = listening.getsockname()[1]
        sessions = Sessions(cookie_name=cookie_name(port, secure=tls is not None or behind_tls_proxy))
        office = Office(exam, store, Desk(exam, lambda: open_store(folder)), sessions)
        address = _address(names, host, port, tls=tls is not None, proxied=behind_tls_proxy)
        link = "" if is_open else _link(office, accounts, reviewer, role)
        tell(address)
        click.echo(f"Review of {exam.settings.exam}: {address}{link}")
        # Whoever waits for the link reads it through a pipe.
        sys.stdout.flush()
        with ExitStack() as stack:
            if not no_browser and not is_open:
                stack.enter_context(opened(address + link, folder, lambda: sessions.waits_for(link.partition("=")[2])))
            serve(office, listening, _hosts(names, host), tls=tls, proxied=behind_tls_proxy)


def _link(office: "Office", accounts: "Sequence[User]", reviewer: str | None, role: str | None) -> str:
    """Return what logs somebody in once, or the log-in page where nobody is named who has an account.

    Who has an account is what the account is, and nothing when it is disabled.
    """
    from flows.review.accounts import person_in
    from flows.users import UserRole, find

    name = check_reviewer(_login_name() if reviewer is None else reviewer)
    if not accounts:
        person = person_in(office.exam, name, UserRole(role or "lead"))
        return f"open?code={office.sessions.link_for(person)}"
    user = find(accounts, name)
    if user is None or user.disabled:
        if reviewer is None:
            return "login"
        raise click.UsageError(
            f"the account of '{name}' is disabled"
            if user
            else f"this exam has accounts, and none of '{name}'; name one of them, or make it: tallymark users add"
        )
    if role is not None and role != user.role.value:
        raise click.UsageError(f"the account of '{user.name}' is one of a {user.role.value}; leave --role out")
    return f"open?code={office.sessions.link_for(person_in(office.exam, user.name, user.role), user)}"


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise click.UsageError("this system knows no name of yours; say who reviews: --reviewer NAME") from error


def _usual_port(folder: Path) -> int:
    """Return the port of an exam folder: browsers keep what waits to be stored by address, so it stays the same."""
    return USUAL_PORTS[zlib.crc32(os.fsencode(folder.resolve())) % len(USUAL_PORTS)]


@contextmanager
def _listening(folder: Path, host: str, port: int | None) -> Iterator[socket.socket]:
    """Listen on a port; where none was asked for, on the folder's usual one if it is free."""
    with ExitStack() as stack:
        if port is not None:
            found = stack.enter_context(_listen(host, port))
        else:
            try:
                found = stack.enter_context(_listen(host, _usual_port(folder)))
            except PlaceError:
                found = stack.enter_context(_listen(host, 0))
        yield found


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on a port (PlaceError where that cannot be)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            told = f"port {port} of {host} is in use by another program; name another with --port, or leave it out"
        else:
            told = f"{host}, port {port}: cannot be listened on: {getattr(error, 'strerror', '') or error}"
        raise PlaceError(told) from error
    with listening:
        yield listening


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hosts(names: tuple[str, ...], host: str) -> tuple[str, ...]:
    """Return the names by which browsers may call the server, besides the address at which they reach it."""
    return (*names, host, HERE, "localhost", *(() if _is_loopback(host) else (socket.gethostname(),)))


def _address(names: tuple[str, ...], host: str, port: int, *, tls: bool, proxied: bool) -> str:
    """Return what people type to get there."""
    if proxied and names:
        # At which port the proxy listens nobody said; its own is the usual one.
        return f"https://{names[0]}/"
    anywhere = socket.gethostname() if host in ("0.0.0.0", "::") else host
    name = names[0] if names else f"[{anywhere}]" if ":" in anywhere else anywhere
    return f"{'https' if tls else 'http'}://{name}:{port}/"
