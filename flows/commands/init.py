"""`tallymark init`: an exam folder."""

from pathlib import Path

import click


@click.command(no_args_is_help=True)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--template",
    "templates",
    metavar="NAME",
    multiple=True,
    required=True,
    help="A sheet of the exam: the name of a shipped template, or a .toml file. May be given several times.",
)
@click.option("--exam", "code", metavar="CODE", help="The exam's code, as it is printed on the sheets.")
@click.option(
    "--roster", type=click.Path(path_type=Path), help="The candidates: CSV or XLSX with the columns id and name."
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="What the questions are worth: a key.toml, or a key workbook (.xlsx).",
)
def init(folder: Path, templates: tuple[str, ...], code: str | None, roster: Path | None, key: Path | None) -> None:
    """Make an exam folder.

    \b
    Examples:
      tallymark init chemistry --exam chem-2026 --template cover_marks
      tallymark init try --template booklet --template my_sheet.toml --roster class.csv
      tallymark init maths --exam maths-2026 --template choice_answers --key answers.toml
    """  # noqa: D301 - click wants a real backspace here
    from flows.folder import make_exam_folder
    from flows.settings import TEMPLATES

    exam = make_exam_folder(folder, templates, code, roster, key)
    names = ", ".join(template.name for template in exam.sheets.templates)
    click.echo(f"{folder}: an exam folder for {names}, exam code {exam.settings.exam}.")
    if code is None and not all(each.is_form for each in exam.sheets.templates):
        click.echo(
            "Give each exam a code of its own (--exam CODE, for init and for template print): it keeps the sheets of "
            "two exams apart."
        )
    copies = "--copies 30" if roster is None else f"--roster {exam.roster}"
    steps = []
    if printed := next((each.name for each in exam.sheets.templates if not each.is_form), None):
        printing = f"tallymark template print {printed} --exam {exam.settings.exam} -o sheets.pdf {copies}"
        steps.append(("print sheets with", printing))
    for form in (each.name for each in exam.sheets.templates if each.is_form):
        own = folder / TEMPLATES / f"{form}.toml"
        steps.append((f"try '{form}' with", f"tallymark template check {own} --scan FILLED.pdf -o look.png"))
    if printed is None:
        click.echo("Nothing is to be printed: the forms are printed already.")
    steps += [("put scans into", str(exam.inbox)), ("and read them with", f"tallymark grade {folder}")]
    width = max(len(what) for what, _ in steps)
    for number, (what, how) in enumerate(steps):
        click.echo(f"{'      ' if number else 'Next: '}{what:<{width}}  {how}")
