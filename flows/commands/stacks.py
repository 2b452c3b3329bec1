"""`tallymark stacks`: pages without a serial, and what a person says of those that are held."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from flows.commands.page_options import BY, by_name
from flows.page_desk import doubts
from flows.records import PageRow
from flows.settings import load_exam
from flows.stack_choices import Choice, decide
from flows.stacks import Stack, StackDecision, StackWord
from flows.store import open_store


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
) -> None:
    """List the pages that are put together by their order in a file, and say what becomes of held ones.

    Photocopies and foreign forms carry no serial. Their pages make sheets as long as the order holds; where a page is
    missing, too many or unreadable, the pages from there on are held. One decision about the place that is named frees
    the pages after it, as far as their order holds. What was said stays when scans are read again.

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
        if choices:
            by = by_name(name)

            def choose(pages: tuple[PageRow, ...], said: tuple[StackDecision, ...]) -> tuple[StackDecision, ...]:
                return decide(choices, pages, said, by.reviewer, by.made_at)

            with store.grading():
                store.decide_stacks(choose, partial(doubts, store, exam))
        with store.snapshot():
            found, said = store.stacks(), store.stack_decisions()
    if as_json:
        click.echo(json.dumps(_figures(found, said), indent=2, ensure_ascii=False))
        return
    if choices:
        click.echo(f"{len(choices)} stored")
    if not found and not said:
        click.echo("Every page says by its codes which sheet it belongs to; nothing is put together by order.")
    for stack in found:
        sheets = f"{stack.sheets} sheet{'' if stack.sheets == 1 else 's'}"
        click.echo(f"{stack.file}: '{stack.template}': {sheets} by their order, {len(stack.held)} pages held")
        if stack.reason:
            click.echo(f"  {stack.reason}")


def _figures(found: tuple[Stack, ...], said: tuple[StackDecision, ...]) -> dict[str, Any]:
    return {
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
    }
