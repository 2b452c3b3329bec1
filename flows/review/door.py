"""The way from the terminal into the browser: a page that only its owner may read leads on with the one-time code.

Everybody on a machine can read with what a program was started (`ps`), and a browser is started with its address.

link ─write_page─► open-review-….html (permissions 600) ─browser─► /open?code=…; gone as soon as the code is used
"""

import os
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from threading import Event, Thread

LOOK_SECONDS = 0.5
"""How often it is looked whether the code was used."""

PREFIX, SUFFIX = "open-review-", ".html"
"""What the name of the page begins and ends with."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={link}">
<title>Tallymark review</title>
<p><a href="{link}">To the review</a></p>
</html>
"""


@contextmanager
def opened(link: str, folder: Path, waits: Callable[[], bool]) -> Iterator[None]:
    """Open a link in the browser without its standing in a command line; what is written for it does not stay.

    Args:
        link: the address with the one-time code, or without one.
        folder: the exam folder.
        waits: tells whether the code was neither used nor ran out.
    """
    for left in folder.glob(f"{PREFIX}*{SUFFIX}"):
        # Of a review of this exam that was killed.
        _remove(left)
    page = None if _reads_other_paths() or not waits() else write_page(link, places(folder))
    # In a thread: some browsers come back only when they are closed, and the server is not there yet.
    start = Thread(target=webbrowser.open, args=(link if page is None else page.as_uri(),), name="browser", daemon=True)
    start.start()
    if page is None:
        yield
        return
    over = Event()
    Thread(target=_remove_when_used, args=(page, waits, over), name="door", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _remove(page)


def places(folder: Path, home: Path | None = None) -> tuple[Path, ...]:
    """Return where the page may lie, best first: where a browser that is a snap can read it, too.

    Such browsers see no /tmp but one of their own, nothing outside of the home, and nothing in hidden folders of it.
    """
    home = (home or Path("~").expanduser()).resolve()
    found = []
    inside = folder.resolve()
    if inside.is_relative_to(home) and not any(part.startswith(".") for part in inside.relative_to(home).parts):
        found.append(inside)
    return (*found, home, Path(tempfile.gettempdir()))


def write_page(link: str, among: tuple[Path, ...]) -> Path | None:
    """Write the page that leads on to a link, in the first folder where nobody else can read it.

    Returns:
        The page; None if there is no such folder.
    """
    for place in among:
        with suppress(OSError):
            # A name that nobody can foresee: in a folder of several people it is nobody else's file.
            made, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=place)
            page = Path(name)
            with os.fdopen(made, "w", encoding="utf-8") as file:
                is_private = not os.fstat(made).st_mode & 0o077
                if is_private:
                    file.write(PAGE.format(link=escape(link)))
            if is_private:
                return page
            _remove(page)
    return None


def _reads_other_paths() -> bool:
    """Tell whether the browser belongs to another system, which calls files otherwise: Windows, around WSL."""
    return sys.platform == "linux" and "microsoft" in os.uname().release.lower()


def _remove_when_used(page: Path, waits: Callable[[], bool], over: Event) -> None:
    while waits() and not over.wait(LOOK_SECONDS):
        pass
    _remove(page)


def _remove(page: Path) -> None:
    with suppress(OSError):
        page.unlink()
