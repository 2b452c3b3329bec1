"""How commands print: tables that neither wrap in a pipe nor act on what a file is called."""

from typing import TextIO

from rich.console import Console
from rich.text import Text

PIPED_WIDTH = 250
"""Characters of a line when it goes into a file or another program, where nothing wraps."""


def out(stream: TextIO) -> Console:
    """Return a console that writes to a stream."""
    console = Console(file=stream, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def plain(text: str) -> Text:
    """Return text from outside as it is; square brackets in it are no markup."""
    return Text(text, overflow="fold")
