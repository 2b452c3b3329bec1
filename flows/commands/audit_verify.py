"""`tallymark audit --verify`: what proves that the trail is whole, and how far that goes."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from flows.audit import Picture, picture_of
from flows.errors import EXIT_BROKEN_CHAIN
from flows.export.noted_heads import noted_heads
from flows.settings import EXPORTS
from flows.store import Store
from flows.trail import Chain

SHOWN_FINDINGS = 20
"""Findings about a broken chain that are printed; whoever finds these has seen enough."""

SHOWN_DIGITS = 12
"""Digits of a hash that are enough to know it by."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a workbook in exports/ notes of the trail; `row` is the row that has its hash, None if none has."""

    file: str
    head: str
    trouble: str
    row: int | None


def verify_trail(store: Store, folder: Path, noted: str, *, as_json: bool) -> int:
    """Prove the trail as it stands in the database, print what was found, and return the exit code.

    Args:
        store: the exam's, within a snapshot.
        folder: the exam folder, whose exported workbooks note how far the trail went.
        noted: the hash of its last row that somebody noted earlier; "" for none.
        as_json: print one JSON object.
    """
    notes = _notes(store, folder / EXPORTS)
    chain = store.chain(noted)
    lost = tuple(_lost(one) for one in notes if one.head and one.row is None)
    chain = replace(chain, findings=(*chain.findings, *lost))
    pictures = _pictures(store) if chain.is_whole else {}
    if as_json:
        told = {
            "whole": chain.is_whole,
            "rows": chain.length,
            "head": chain.head,
            "noted_at": chain.noted_at,
            "findings": list(chain.findings),
            "unprotected": list(chain.unprotected),
            "workbooks": [asdict(one) for one in notes],
            "pictures": pictures,
        }
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print(chain, notes, pictures)
    return 0 if chain.is_whole else EXIT_BROKEN_CHAIN


def _notes(store: Store, exports: Path) -> tuple[Note, ...]:
    found = noted_heads(exports)
    rows = store.rows_with_hash(one.head for one in found)
    return tuple(Note(one.file, one.head, one.trouble, rows.get(one.head)) for one in found)


def _lost(note: Note) -> str:
    return (
        f"{EXPORTS}/{note.file} notes {note.head[:SHOWN_DIGITS]}… as the hash of the last row, and no row of the trail "
        "has it: rows were changed or cut off since it was written (or it is the workbook of another exam)"
    )


def _pictures(store: Store) -> dict[str, int]:
    """Count the rows of the trail by whether they were about the picture that is stored now."""
    trail = store.trail()
    now = store.crop_hashes({row.correction.key for row in trail})
    counts = Counter(picture_of(row, now) for row in trail)
    return {picture.value: counts[picture] for picture in Picture}


def _print(chain: Chain, notes: Sequence[Note], pictures: dict[str, int]) -> None:
    rows = f"{chain.length:,} row{'' if chain.length == 1 else 's'}"
    for note in notes:
        if note.trouble:
            click.echo(f"{EXPORTS}/{click.format_filename(note.file)} was not compared: {note.trouble}", err=True)
    if not chain.is_whole:
        what = "The trail is BROKEN" if chain.findings else "The trail is whole, but NOT PROTECTED any more"
        click.echo(f"{what}: {rows}, hash of the last row {chain.head}")
        found = (*chain.unprotected, *chain.findings)
        for finding in found[:SHOWN_FINDINGS]:
            click.echo(f"  {finding}")
        if (more := len(found) - SHOWN_FINDINGS) > 0:
            click.echo(f"  and {more:,} more")
        click.echo("Put back a copy of tallymark.db from before, or find out who changed it", err=True)
        return
    click.echo(f"The trail is whole: {rows}, hash of the last row {chain.head}")
    _print_end(chain, notes)
    if others := pictures[Picture.OTHER]:
        click.echo(f"{others:,} rows were about another picture of their field than is stored now: it was read again")
    if gone := pictures[Picture.GONE]:
        click.echo(f"{gone:,} rows are about fields that are not stored any more")


def _print_end(chain: Chain, notes: Sequence[Note]) -> None:
    """Say how far it is proven that nothing was replaced: as far as hashes were noted."""
    if chain.noted_at is not None:
        click.echo(f"The hash that was noted is {_place(chain.noted_at)}; {chain.length - chain.noted_at:,} came since")
    known = [(one.row, one.file) for one in notes if one.row is not None]
    if known:
        row, file = max(known)
        since = f"{chain.length - row:,} came since"
        click.echo(f"{EXPORTS}/{click.format_filename(file)} notes {_place(row)} as the last; {since}")
    if chain.noted_at is None:
        why = (
            f"Who may write in this folder could change {EXPORTS}/ too"
            if known
            else "No hash is known that was noted earlier, so the end of the trail is not proven"
        )
        click.echo(
            f"{why}: note this hash where nobody can change it, and prove later that the trail only grew, with: "
            f"--head {chain.head}"
        )


def _place(row: int) -> str:
    return f"that of row {row:,}" if row else "that of an empty trail"
