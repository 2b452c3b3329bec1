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
    "--roster", type=click.Path(path_type=Path), help="The candidates: a CSV file with the columns id and name."
)
def init(folder: Path, templates: tuple[str, ...], code: str | None, roster: Path | None) -> None:
    """Make an exam folder.

    \b
    Examples:
      tallymark init chemistry --exam chem-2026 --template cover_marks
      tallymark init try --template booklet --template my_sheet.toml --roster class.csv
    """  # noqa: D301 - click wants a real backspace here
    from flows.folder import make_exam_folder

    exam = make_exam_folder(folder, templates, code, roster)
    names = ", ".join(template.name for template in exam.sheets.templates)
    click.echo(f"{folder}: an exam folder for {names}, exam code {exam.settings.exam}.")
    if code is None:
        click.echo(
            "Give each exam a code of its own (--exam CODE, for init and for template print): it keeps the sheets of "
            "two exams apart."
        )
    first = exam.sheets.templates[0].name
    copies = "--copies 30" if roster is None else f"--roster {exam.roster}"
    printing = f"tallymark template print {first} --exam {exam.settings.exam} -o sheets.pdf {copies}"
    click.echo(f"Next: print sheets with   {printing}")
    click.echo(f"      put scans into      {exam.inbox}")
    click.echo(f"      and read them with  tallymark grade {folder}")
