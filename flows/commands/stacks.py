"""`tallymark stacks`: pages without a serial, and what a person says of those that are held."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from flows.commands.page_options import BY, by_name
from flows.errors import EXIT_SET_ASIDE
from flows.page_desk import doubts
from flows.records import Joining, PageRow
from flows.settings import load_exam
from flows.stack_choices import Choice, decide
from flows.stacks import At, Stack, StackDecision, StackWord, is_claimed, void_joins, was_joined_twice
from flows.store import open_store
from recognizer.records import PageOutcomeKind


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--join", "joined", metavar="FILE:PAGES", multiple=True, help="Say that these pages make one sheet.")
@click.option("--drop", "dropped", metavar="FILE:PAGES", multiple=True, help="Say that these pages do not belong here.")
@click.option("--undo", "undone", metavar="FILE:PAGES", multiple=True, help="Take back what was said of these pages.")
@BY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def stacks(
    folder: Path,
    *,
    joined: tuple[str, ...],
    dropped: tuple[str, ...],
    undone: tuple[str, ...],
    name: str | None,
    as_json: bool,
) -> int:
    """List the pages that are put together by their order in a file, and say what becomes of held ones.

    Photocopies and foreign forms carry no serial. Their pages make sheets as long as the order holds; where a page is
    missing, too many or unreadable, the pages from there on are held. One decision about the place that is named frees
    the pages after it, as far as their order holds: no sheet reaches across a page that was taken out. A page that is
    put together anew, dropped or undone takes the earlier --join of it back as a whole. Pages that say whose they are
    and came twice are named here too. What was said stays when scans are read again.

    Exit codes: 0 every page has its sheet; 4 pages are held, or say the number of others.

    \b
    Examples:
      tallymark stacks chemistry
      tallymark stacks chemistry --join scan.pdf:5 --by AB           (page 2 of this sheet is lost)
      tallymark stacks chemistry --join scan.pdf:5+late.pdf:1 --by AB
      tallymark stacks chemistry --drop scan.pdf:7 --by AB
    """  # noqa: D301 - click wants a real backspace here
    exam = load_exam(folder)
    choices = [
        Choice(word, typed)
        for word, every in ((StackWord.JOIN, joined), (StackWord.DROP, dropped), (StackWord.UNDO, undone))
        for typed in every
    ]
    with open_store(folder) as store:
        void_before = _left_by_joins(store.stack_decisions())
        if choices:
            by = by_name(name)

            def choose(pages: tuple[PageRow, ...], said: tuple[StackDecision, ...]) -> tuple[StackDecision, ...]:
                return decide(choices, pages, said, by.reviewer, by.made_at)

            with store.grading():
                store.decide_stacks(choose, partial(doubts, store, exam))
        with store.snapshot():
            found, said, pages = store.stacks(), store.stack_decisions(), store.pages()
    left = _left_by_joins(said) - void_before
    claimed = tuple(row for row in pages if is_claimed(row))
    unclear = (*claimed, *(row for row in pages if was_joined_twice(row)))
    code = EXIT_SET_ASIDE if unclear or any(stack.held for stack in found) else 0
    if as_json:
        click.echo(json.dumps(_figures(found, said, claimed), indent=2, ensure_ascii=False))
        return code
    if choices:
        click.echo(f"{len(choices)} stored")
    for row in pages:
        if row.at in left:
            click.echo(f"{row.place} was put together with a page that was taken out now; it is {_as_it_stands(row)}")
    if not found and not said:
        click.echo(_without_order(pages))
    for row in unclear:
        click.echo(f"{row.place}: {row.reason}")
    for stack in found:
        sheets, held = (
            f"{count} {what}{'' if count == 1 else 's'}"
            for count, what in ((stack.sheets, "sheet"), (len(stack.held), "page"))
        )
        click.echo(f"{stack.file}: '{stack.template}': {sheets} by their order, {held} held")
        if stack.reason:
            click.echo(f"  {stack.reason}")
    return code


def _left_by_joins(said: tuple[StackDecision, ...]) -> frozenset[At]:
    return frozenset(at for left in void_joins(said) for at in left)


def _as_it_stands(row: PageRow) -> str:
    return (
        f"held: {row.reason}" if row.outcome is PageOutcomeKind.HELD else f"{row.outcome.value}, by itself or by order"
    )


def _without_order(pages: tuple[PageRow, ...]) -> str:
    """Say how pages find their sheets where none does by its order."""
    mine = [row for row in pages if row.outcome is PageOutcomeKind.READ and row.sheet]
    by_id = sum(row.joining is Joining.ID for row in mine)
    single = sum(row.joining is Joining.CODE and row.serial is None for row in mine)
    by_code = len(mine) - by_id - single
    ways = [
        f"{count:,} {'page' if count == 1 else 'pages'} {told}"
        for count, told in (
            (by_code, "by the printed serial"),
            (by_id, "by the candidate number on each page"),
            (single, "as a sheet of one page"),
        )
        if count
    ]
    return f"Pages that find their sheet: {', '.join(ways) or 'none yet'}; nothing is put together by order."


def _figures(found: tuple[Stack, ...], said: tuple[StackDecision, ...], claimed: tuple[PageRow, ...]) -> dict[str, Any]:
    return {
        "claimed": [{"file": row.file, "scan": row.scan, "page": row.number, "reason": row.reason} for row in claimed],
        "stacks": [
            {
                "file": stack.file,
                "scan": stack.scan,
                "template": stack.template,
                "sheets": stack.sheets,
                "held": [row.number for row in stack.held],
                "reason": stack.reason,
            }
            for stack in found
        ],
        "said": [
            {
                "word": one.word.value,
                "pages": [{"scan": scan, "page": number} for scan, number in one.pages],
                "reviewer": one.reviewer,
                "made_at": one.made_at.isoformat(timespec="seconds"),
            }
            for one in said
        ],
        "left_by_void_joins": [{"scan": scan, "page": number} for scan, number in sorted(_left_by_joins(said))],
    }
