"""`tallymark remark`: mark an exam anew by its key, roster and settings as they are now; say who changed."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.collector import without_collector

if TYPE_CHECKING:
    from flows.records import By
    from flows.remarking import Comparison
    from flows.results import MarkChange, Remark

SHOWN_SHEETS = 40
"""Sheets, and candidates beside them, whose changes stand on the terminal; --json and the sheet Changes name all."""

MAXIMA = ("maximum", "overall maximum")
LONGEST_WHY = 500


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--dry-run", is_flag=True, help="Only say what would change; store nothing.")
@click.option("--reviewer", "name", metavar="NAME", help="Who does it; without it, the name of your login.")
@click.option("--why", default="", metavar="TEXT", help="Why the rules changed; it stands on the sheet Changes.")
@click.option("--expect", "expected", metavar="FINGERPRINT", help="Refuse (3) if the rules are others.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every change.")
def remark(folder: Path, *, dry_run: bool, name: str | None, why: str, expected: str | None, as_json: bool) -> None:
    """Mark every sheet by the key, roster and exam.toml as they are now, and say who changed from what to what.

    Nothing is read again: it needs no scan and no model. What changed is stored for good, with who, when and why, and
    stands on the sheet Changes of the workbook. Until then an export marks by the files as they are and says so, and a
    final one is refused. Rules that change nobody's marks are recorded likewise, as "no marks changed".

    Each time the fingerprint of key, roster and settings is printed. With --expect only rules of that fingerprint are
    adopted, such as those that a --dry-run has shown; any others are refused with exit code 3, and nothing is stored.

    \b
    Examples:
      tallymark remark chemistry --dry-run
      tallymark remark chemistry --reviewer AB --why "question 7 is void, see minutes of 3 May"
      tallymark remark chemistry --expect 3f29a1c07be4
    """  # noqa: D301 - click wants a real backspace here
    from flows.commands.page_options import by_name

    text = " ".join(why.split())
    if len(text) > LONGEST_WHY or not text.isprintable():
        raise click.BadParameter(f"is at most {LONGEST_WHY} printable characters", param_hint="'--why'")
    with without_collector():
        _remark(folder, by_name(name), text, expected, dry_run=dry_run, as_json=as_json)


def _remark(folder: Path, by: "By", why: str, expected: str | None, *, dry_run: bool, as_json: bool) -> None:
    from flows.adopting import preview, remark_exam
    from flows.results import Remark
    from flows.settings import load_exam
    from flows.store import open_store

    exam = load_exam(folder)
    asked = Remark(0, by.made_at, by.reviewer, why, ())
    with open_store(folder) as store:
        if dry_run:
            with store.snapshot():
                since, results = preview(exam, store, expected)
            made = None
        else:
            made, since, results = remark_exam(exam, store, asked, expected)
    names = {candidate.id: candidate.name for candidate in results.decided.candidates}
    fingerprint = results.rules.fingerprint
    if as_json:
        click.echo(
            json.dumps({"fingerprint": fingerprint} | _figures(since, made, names), ensure_ascii=False, indent=1)
        )
    else:
        _print(since, made, names)
        click.echo(f"fingerprint of the rules: {fingerprint}")


def _figures(since: "Comparison", made: "Remark | None", names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "remark": made.number if made else None,
        "stored": made is not None,
        "made_at": made.made_at.isoformat(timespec="seconds") if made else None,
        "reviewer": made.reviewer if made else None,
        "why": made.why if made else None,
        "rules": list(since.rules),
        "sheets": since.sheets,
        "new_sheets": since.new,
        "changed_sheets": since.changed_sheets,
        "changed_overall": since.changed_overall,
        "changes": [
            {
                "sheet": change.sheet,
                "candidate": change.candidate,
                "name": names.get(change.candidate, ""),
                "what": change.what,
                "from": change.before,
                "to": change.after,
                "cause": change.cause,
            }
            for change in since.changes
        ],
    }


def _print(since: "Comparison", made: "Remark | None", names: Mapping[str, str]) -> None:
    from flows.commands.output import out, plain

    console = out(sys.stdout)
    for rule in since.rules:
        console.print(plain(rule))
    sheets = f"{since.sheets:,} sheet{'' if since.sheets == 1 else 's'}"
    if since.new:
        sheets += f", {since.new:,} of them new since results were recorded last"
    if not since.changes:
        recorded = f"; the rules are recorded as re-mark {made.number}" if made else ""
        console.print(plain(f"{sheets}: nobody's marks change{recorded}"))
        return
    _print_changes(since.changes, names)
    done = f"stored as re-mark {made.number}" if made else "nothing was stored (--dry-run)"
    overall = f", and overall results of {since.changed_overall:,}" if since.changed_overall else ""
    console.print(plain(f"{sheets}: something changes on {since.changed_sheets:,}{overall}; {done}"))


def _print_changes(changes: "Sequence[MarkChange]", names: Mapping[str, str]) -> None:
    from collections import Counter

    from rich.table import Table

    from flows.commands.output import out, plain
    from flows.overall_changes import OVERALL

    console = out(sys.stdout)
    # A changed maximum is the same for everybody: it is counted below, and would hide the rest.
    told = [(change.sheet or change.candidate, change) for change in changes if change.what not in MAXIMA]
    concerned = list(dict.fromkeys(each for each, _ in told))
    shown = set(concerned[:SHOWN_SHEETS])
    table = Table("sheet", "candidate", "name", "what", "from", "to", "cause", box=None, pad_edge=False)
    for each, change in told:
        if each in shown:
            facts = (change.sheet, change.candidate, names.get(change.candidate, ""), change.what)
            table.add_row(*map(plain, (*facts, change.before or "-", change.after or "-", change.cause)))
    if shown:
        console.print(table)
    if (more := len(concerned) - len(shown)) > 0:
        console.print(plain(f"and {more:,} more sheets or candidates, which --json and the workbook name"))
    for what, number in Counter(change.what for change in changes).items():
        of = f"of {number:,} candidate" if what.startswith(OVERALL) else f"on {number:,} sheet"
        console.print(plain(f"{what}: changes {of}{'' if number == 1 else 's'}"))
