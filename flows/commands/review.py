"""`tallymark review`: flagged fields settled by people, in the browser."""

import getpass
import socket
import webbrowser
from pathlib import Path

import click

from flows.reviewer import check_reviewer


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--reviewer", metavar="NAME", help="Who reviews; without it, the name of your login.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; without it, any free port.")
@click.option("--no-browser", is_flag=True, help="Print the link, and open no browser.")
def review(folder: Path, reviewer: str | None, port: int, *, no_browser: bool) -> None:
    """Open the review of an exam in the browser.

    \b
    Examples:
      tallymark review chemistry
      tallymark review chemistry --reviewer AB --no-browser
    """  # noqa: D301 - click wants a real backspace here
    from flows.review.desk import Desk
    from flows.review.office import Office
    from flows.review.people import Person, UserRole
    from flows.review.serving import serve
    from flows.review.sessions import Sessions
    from flows.settings import load_exam
    from flows.store import open_store

    exam = load_exam(folder)
    person = Person(check_reviewer(reviewer or getpass.getuser()), UserRole.LEAD, sees_names=True)
    desk = Desk(exam, lambda: open_store(folder))
    with open_store(folder) as store, socket.create_server(("127.0.0.1", port)) as listening:
        office = Office(exam, store, desk, Sessions())
        at = f"http://127.0.0.1:{listening.getsockname()[1]}/open?code={office.sessions.link_for(person)}"
        click.echo(f"Review of {exam.settings.exam}: {at}")
        if not no_browser:
            webbrowser.open(at)
        serve(office, listening)
