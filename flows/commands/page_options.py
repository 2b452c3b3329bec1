"""What the commands about pages share."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.errors import CorrectionError

if TYPE_CHECKING:
    from flows.records import By

FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
BY = click.option("--by", "name", metavar="NAME", help="Who decides; without it, the name of your login.")

PHOTOCOPIES = (
    "If one printed sheet was photocopied for several candidates: photocopied = true under [sheets] in exam.toml, then "
    "have the scans read again (regrade)."
)

SHOWN_PAGES = 60
"""Pages named on the terminal; --json names all."""


def by_name(name: str | None) -> "By":
    """Return who decides, now (a faulty command line when the name cannot be kept)."""
    from flows.records import By
    from flows.reviewer import check_reviewer

    try:
        return By(check_reviewer(getpass.getuser() if name is None else name), datetime.now(UTC), "command")
    except (CorrectionError, OSError, KeyError) as problem:
        raise click.BadParameter(f"{problem}; say who decides", param_hint="'--by'") from problem
