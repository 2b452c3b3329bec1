"""`tallymark key`: a first key for an exam, and what its key says."""

from pathlib import Path

import click

from flows.errors import ExamError
from flows.exact import in_words
from flows.key import Key, Paper
from flows.key_files import KEY_FILE, find_key, load_key
from flows.key_names import names_of
from flows.key_starter import starter_key
from flows.marking_sums import paper_maximum
from flows.settings import load_exam, write_whole
from recognizer.template import Role, SheetTemplate

MOST_NAMED = 12
"""Questions that one line names."""


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Say what the key holds, or everything that is wrong with it.")
@click.option("--force", is_flag=True, help="Write a first key over the key.toml that is there.")
def key(folder: Path, *, check: bool, force: bool) -> None:
    """Write a first key.toml that explains itself, or check the key that is there.

    The key says what every answer is worth, what is rounded and scaled, and where grades begin. Instead of key.toml an
    exam folder may hold key.xlsx: a sheet each for papers, questions, sections, groups, versions, grades and rounding,
    with the settings of key.toml as columns.

    \b
    Examples:
      tallymark key chemistry
      tallymark key chemistry --check
    """  # noqa: D301 - click wants a real backspace here
    exam = load_exam(folder)
    found = find_key(folder)
    if check:
        if found is None:
            raise ExamError(f"{folder}: has no key; write a first one with: tallymark key {folder}")
        _say(load_key(found, exam.sheets.templates), exam.sheets.templates, found)
        return
    if found is not None and (found.name != KEY_FILE or not force):
        hint = "; --force replaces it" if found.name == KEY_FILE else ""
        raise ExamError(f"{found}: is there already; nothing was written. --check says what it holds{hint}")
    write_whole(folder / KEY_FILE, starter_key(exam.sheets.templates))
    click.echo(f"{folder / KEY_FILE}: a first key. It explains itself.")
    click.echo(f"Next: put the right answers in place of every ?, then: tallymark key {folder} --check")


def _say(key: Key, templates: tuple[SheetTemplate, ...], path: Path) -> None:
    """Print what a key holds."""
    click.echo(f"{path}: can be used.")
    by_name = {template.name: template for template in templates}
    for paper in key.papers:
        click.echo(f"{paper.template}: {_in_words(paper)}")
        if unmarked := _unmarked(paper, by_name[paper.template]):
            more = f" and {len(unmarked) - MOST_NAMED} more" if len(unmarked) > MOST_NAMED else ""
            click.echo(f"  not marked, since the key does not name them: {', '.join(unmarked[:MOST_NAMED])}{more}")
    for template in templates:
        if key.paper(template.name) is None and names_of(template).fields:
            click.echo(f"{template.name}: the key says nothing of it")
    if key.overall is not None:
        weights = ", ".join(f"{name} {in_words(weight)}" for name, weight in key.overall.weights.items())
        click.echo(f"overall: {weights}")


def _in_words(paper: Paper) -> str:
    """Say what a paper comes to, in one line."""
    said = [f"{_count(len(paper.questions), 'question')}, maximum {in_words(paper_maximum(paper))}"]
    for number, what in (
        (len(paper.sections), "section"),
        (len(paper.groups), "group"),
        (len(paper.versions), "printed version"),
        (len(paper.grades), "grade"),
        (sum(question.void is not None for question in paper.questions), "void question"),
        (sum(question.bonus for question in paper.questions), "bonus question"),
    ):
        said += [_count(number, what)] if number else []
    said += [
        f"{stage} rounded to {in_words(rounding.step)} ({rounding.mode.value})"
        for stage, rounding in paper.rounding.items()
    ]
    return ", ".join(said)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _unmarked(paper: Paper, template: SheetTemplate) -> list[str]:
    """Return the answer fields of a template that its paper does not mark."""
    marked = {question.field for question in paper.questions}
    answers = [each for each in names_of(template).fields if each.role is Role.ANSWER]
    return [each.question or each.name for each in answers if each.name not in marked]
