"""How `tallymark audit` shows rows of the trail and the history of cells: for people, as CSV, as JSON."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.table import Table

from flows.audit import CellHistory, Entry
from flows.commands.output import out, plain
from flows.records import TrailRow
from flows.results import MarkChange, Remark, Settler
from flows.rows import time_text
from flows.trail import FIRST_PREVIOUS, act_in_words
from flows.trail_words import from_in_words, machine_in_words, to_in_words
from recognizer.records import Decision

SHOWN_ROWS = 40
"""Rows of the trail that are shown on the terminal, the latest; all of them stand in --csv and --json."""

SHOWN_GUESSES = 3
"""Values that a picture alone may say, most likely first."""

ROW_COLUMNS = (
    *("row", "when", "who", "how", "act", "key", "from", "to", "note", "undoes", "undone_by"),
    *("machine", "model", "picture", "crop", "previous", "hash"),
)


def show_trail(trail: Sequence[TrailRow], found: Sequence[Entry], *, as_json: bool, as_csv: bool) -> None:
    """Print the whole trail, on the terminal the latest rows of it."""
    head = trail[-1].hash if trail else FIRST_PREVIOUS
    if as_json:
        told = {"rows": len(trail), "head": head, "trail": _rows(found)}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    elif as_csv:
        write_csv(ROW_COLUMNS, _rows(found))
    else:
        _print_rows(found[-SHOWN_ROWS:], _from(found), with_key=True)
        if len(found) > SHOWN_ROWS:
            click.echo(f"These are the last {SHOWN_ROWS} of {len(found):,} rows; --csv and --json list all")
        click.echo(f"{len(trail):,} rows, hash of the last row {head}; --verify proves that none was changed")


def _from(found: Sequence[Entry]) -> dict[int, str]:
    return from_in_words(entry.row for entry in found)


def _rows(found: Sequence[Entry]) -> list[dict[str, Any]]:
    was = _from(found)
    return [_row(entry, was[entry.row.number]) for entry in found]


def _row(entry: Entry, was: str) -> dict[str, Any]:
    said = entry.row.correction
    return {
        "row": entry.row.number,
        "when": time_text(said.made_at),
        "who": said.reviewer,
        "how": said.how,
        "act": said.act.value,
        "key": said.key,
        # A value as it is kept; what no value stands for in words.
        "from": said.was or was,
        "to": said.in_words,
        "note": said.note,
        "undoes": said.undoes,
        "undone_by": entry.undone_by,
        "machine": said.machine,
        "model": said.model,
        "picture": entry.picture.value,
        "crop": said.crop,
        "previous": entry.row.previous,
        "hash": entry.row.hash,
    }


def _print_rows(found: Sequence[Entry], was: Mapping[int, str], *, with_key: bool) -> None:
    names = (
        "row",
        "when (UTC)",
        "who",
        "how",
        *(("key",) if with_key else ()),
        "from",
        "to",
        "machine then",
        "picture",
    )
    table = Table(*names, box=None, pad_edge=False)
    for entry in found:
        said = entry.row.correction
        how = act_in_words(said) + (f"; taken back by row {entry.undone_by}" if entry.undone_by else "")
        cells = (
            str(entry.row.number),
            f"{said.made_at:%Y-%m-%d %H:%M:%S}",
            said.reviewer,
            how,
            *((said.key,) if with_key else ()),
            was[entry.row.number],
            to_in_words(said),
            f"{machine_in_words(said)}, {said.model}",
            entry.picture.value,
        )
        table.add_row(*(plain(cell) for cell in cells))
    out(sys.stdout).print(table)


# ---- cells -----------------------------------------------------------------------------------------------------------


def show_cells(
    found: Sequence[CellHistory], changes: Sequence[tuple[Remark, MarkChange]], *, as_json: bool, as_csv: bool
) -> None:
    """Print the history of cells, and what re-marks changed of them."""
    if as_json:
        told = {"cells": [_cell(each) for each in found], "remarks": [_change(*each) for each in changes]}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
    elif as_csv:
        write_csv(ROW_COLUMNS, [row for each in found for row in _rows(each.entries)])
    else:
        for number, each in enumerate(found):
            if number:
                click.echo()
            _print_cell(each)
        for remark, change in changes:
            who = f"re-mark {remark.number} by {remark.reviewer} on {remark.made_at:%Y-%m-%d}"
            before, after = change.before or "nothing", change.after or "nothing"
            click.echo(f"{who}: {change.sheet} {change.what} {before} → {after}: {change.cause or remark.why}")


def _change(remark: Remark, change: MarkChange) -> dict[str, Any]:
    return {
        "remark": remark.number,
        "when": time_text(remark.made_at),
        "who": remark.reviewer,
        "why": remark.why,
        "sheet": change.sheet,
        "what": change.what,
        "from": change.before,
        "to": change.after,
        "cause": change.cause,
    }


def _cell(cell: CellHistory) -> dict[str, Any]:
    now, told = cell.now, cell.together
    return {
        "key": cell.key,
        "heading": cell.heading,
        "now": now
        and {
            "file": now.file,
            "page": now.page_number,
            "sheet": now.sheet,
            "field": now.field,
            "state": now.state.value,
            "value": now.value,
            "flag": now.flag.value if now.flag else "",
            "why": now.why,
            "settled_by": "person" if now.correction else now.settled_by.value,
        },
        "machine": now
        and cell.alone
        and {"model": now.model, "guesses": [[one.value, one.probability] for one in now.values]}
        | _decision(cell.alone),
        "together": told and {"by": told.settled_by.value} | _decision(told.decision),
        "people": _rows(cell.entries),
        "sample_checks": [
            {
                "when": time_text(one.made_at),
                "who": one.reviewer,
                "how": one.how,
                "machine": one.machine,
                "model": one.model,
                "score": one.score,
                "wrong": one.wrong,
                "right": one.value,
            }
            for one in cell.checks
        ],
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "state": decision.state.value,
        "value": decision.value,
        "guess": decision.guess,
        "confidence": round(decision.confidence, 6),
        "flag": decision.flag.value if decision.flag else "",
        "why": decision.why,
    }


def _print_cell(cell: CellHistory) -> None:
    now = cell.now
    if now is None:
        click.echo(f"{cell.key}: no page that counts has this field now; what people said of it:")
    else:
        click.echo(
            f"{now.sheet}, {cell.heading} (field {now.field}): {now.file} page {now.page_number}, key {cell.key}"
        )
        click.echo(f"  now          {_now(cell)}")
    if now is not None and cell.alone is not None:
        guesses = ", ".join(f"{one.value or 'blank'} ({one.probability:.1%})" for one in now.values[:SHOWN_GUESSES])
        click.echo(f"  picture      {guesses or 'nothing was recognised'}, read by {now.model}: {_decided(cell.alone)}")
    if cell.together is not None:
        by = "sum" if cell.together.settled_by is Settler.SUM else "class list"
        click.echo(f"  {by:<12} {_decided(cell.together.decision)}")
    for one in cell.checks:
        found = f"wrong, it is {one.value or 'blank'}" if one.wrong else "right"
        click.echo(f"  sample check {one.reviewer} on {one.made_at:%Y-%m-%d}: {one.machine or 'blank'} is {found}")
    if cell.entries:
        _print_rows(cell.entries, _from(cell.entries), with_key=False)
    else:
        click.echo("  people       nobody said anything of it")


def _now(cell: CellHistory) -> str:
    now = cell.now
    if now is None:
        return ""
    if now.flag is not None:
        return f"open: {now.why}"
    value = now.value or "blank"
    if now.correction is not None:
        return f"{now.correction.in_words}, said by {now.correction.reviewer}"
    by = {"reading": "its picture", "sum": "the sum of the sheet", "roster": "the class list"}
    return f"{value}, accepted by {by[now.settled_by.value]}"


def _decided(decision: Decision) -> str:
    if decision.flag is not None:
        return f"left open: {decision.why}"
    why = f"; {decision.why}" if decision.why else ""
    return f"{decision.value or 'blank'} accepted ({decision.confidence:.2%}){why}"


def write_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows with a heading."""
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
