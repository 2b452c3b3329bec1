"""`tallymark simulate`: sheets filled in with real handwriting and scanned, with the truth of what stands on them."""

import re
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from flows.simulated_folder import CASES, ROSTER, TRUTH, Output, check_place, write_folder
from recognizer.codes import CODE_NAME
from recognizer.glyphs import load_glyphs
from recognizer.simulate import Attendance, Effects, Extras, Mode, Simulation
from recognizer.simulate import simulate as simulated_sheets
from recognizer.template import find_template

LARGEST_SERIAL = 999_999_999
"""The QR code has room for nine digits."""

SHARE = click.FloatRange(0.0, 1.0)
COUNT = click.IntRange(0, 5000)

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


@click.command(no_args_is_help=True)
@click.argument("template")
@click.option("--sheets", type=click.IntRange(1, 5000), default=25, show_default=True, help="How many sheets.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="The same seed gives the same sheets; 5 sheets are the first 5 of 10.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the PDFs, truth.csv and roster.csv; made when missing.",
)
@click.option(
    "--digits",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Handwritten digits to write with: an npz with x (N, H, W) uint8, label, polarity and, where known, writer. "
    "Without it, MNIST digits of writers kept out of all training.",
)
@click.option("--dpi", type=click.IntRange(100, 600), default=300, show_default=True, help="Scanner resolution.")
@click.option(
    "--effects",
    type=click.Choice([effect.value for effect in Effects]),
    default=Effects.OFFICE.value,
    show_default=True,
    help="clean: nothing goes wrong. office: a sheet feeder and well-kept sheets. rough: stains, skew, corrections.",
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.AUTO.value,
    show_default=True,
    help="What the scanner delivers; auto is grey, and black and white for one page in five unless clean.",
)
@click.option("--absent", type=SHARE, default=0.0, help="Share of sheets of absent candidates, with AB for marks.")
@click.option(
    "--cancelled", type=SHARE, default=0.0, help="Share of written fields with a digit struck out, corrected."
)
@click.option("--decimals", type=SHARE, default=0.0, help="Share of people who write halves with a point or a comma.")
@click.option("--misadded", type=SHARE, default=0.0, help="Share of sheets whose written total is not the sum.")
@click.option(
    "--wrong-ids", type=SHARE, default=0.0, help="Share of candidates who swap two digits of their number in writing."
)
@click.option(
    "--absent-candidates", type=COUNT, default=0, help="Candidates on the roster without a sheet, so many besides."
)
@click.option("--off-roster", type=COUNT, default=0, help="Sheets whose candidate is left out of the roster.")
@click.option("--doubled", type=COUNT, default=0, help="Candidates with a second sheet, so many sheets besides.")
@click.option("--groups", is_flag=True, help="Give the roster the columns group and room.")
@click.option("--exam", default="exam", show_default=True, help="Exam code printed on the sheets.")
@click.option(
    "--first-serial",
    type=click.IntRange(1, LARGEST_SERIAL),
    help="Serial number of the first sheet. Without it, the seed chooses; seeds 1 to 19 share none.",
)
@click.option("--prefix", help="First part of the PDFs' names; without it, TEMPLATE-SEED.")
@click.option("--append", is_flag=True, help="Add to the truth.csv and roster.csv that are there.")
@click.option("--force", is_flag=True, help="Replace files of the same names.")
def simulate(  # noqa: PLR0917 - one parameter an option, passed by name
    template: str,
    sheets: int,
    seed: int,
    folder: Path,
    digits: Path | None,
    dpi: int,
    effects: str,
    mode: str,
    absent: float,
    cancelled: float,
    decimals: float,
    misadded: float,
    wrong_ids: float,
    absent_candidates: int,
    off_roster: int,
    doubled: int,
    groups: bool,
    exam: str,
    first_serial: int | None,
    prefix: str | None,
    append: bool,
    force: bool,
) -> None:
    """Make filled, scanned sheets with their truth.

    TEMPLATE is the name of a shipped template or a .toml file of your own. Candidates are made up; their digits
    are real handwriting, one writer for what a candidate writes and another for what the examiner writes.
    Try a new template or a new setting on such sheets before real ones. The letters of AB are drawn, not real. In
    truth.csv a field with a digit struck out has the value that a person would read, and a wrong total the value that
    is written. cases.csv, where it is needed, says what is out of the ordinary: totals that are not the sum, wrong
    numbers, second sheets, candidates without a sheet, and those whom the roster leaves out.

    \b
    Examples:
      tallymark simulate cover_marks --sheets 30 --seed 1 --out scans
      tallymark simulate numeric_answers --effects rough --dpi 200 --mode 1-bit --out scans --append
      tallymark simulate cover_marks --absent 0.05 --cancelled 0.02 --decimals 0.5 --out scans
      tallymark simulate cover_marks --misadded 0.05 --absent-candidates 2 --off-roster 1 --doubled 1 --out scans
      tallymark simulate my_sheet.toml --digits my_digits.npz --exam chem-2026 --out scans
    """  # noqa: D301 - click wants the character itself
    if not CODE_NAME.fullmatch(exam):
        raise click.BadParameter(f"'{exam}' is not 1 to 32 letters, digits, '.', '_' or '-'", param_hint="--exam")
    if prefix is not None and not FILE_NAME.fullmatch(prefix):
        raise click.BadParameter(f"'{prefix}' is not 1 to 61 letters, digits, '.', '_' or '-'", param_hint="--prefix")
    attendance = Attendance(absent_candidates, off_roster, doubled)
    if off_roster + doubled > sheets:
        raise click.BadParameter(
            f"{off_roster} off the roster and {doubled} with two sheets are more than {sheets}; nobody is both",
            param_hint="--off-roster and --doubled",
        )
    if first_serial is not None and first_serial + sheets + doubled + absent_candidates - 1 > LARGEST_SERIAL:
        raise click.BadParameter(f"the last sheet would be above {LARGEST_SERIAL}", param_hint="--first-serial")
    sheet_template = find_template(template)
    if absent and not any(field.absent for page in sheet_template.pages for field in page.fields):
        raise click.BadParameter(f"no field of {sheet_template.name} has absent = true", param_hint="--absent")
    extras = Extras(absent, cancelled, decimals, misadded, wrong_ids)
    simulation = Simulation(
        sheet_template, sheets, seed, dpi, Effects(effects), Mode(mode), exam, first_serial, extras, attendance
    )
    output = Output(folder, prefix or f"{sheet_template.name}-{seed}", force, append, groups)
    drawn = len(simulation.serials)
    check_place(output, drawn, cases=bool(misadded or wrong_ids) or attendance != Attendance())
    made = track(
        simulated_sheets(simulation, load_glyphs(digits)),
        description="Simulating",
        total=drawn,
        console=(console := Console(stderr=True)),
        disable=not console.is_terminal,
    )
    written = write_folder(made, output, simulation.missing)
    click.echo(
        f"{drawn} sheets, {written.pages} pages, {len(written.truth)} fields: {', '.join(written.files)}, {TRUTH}"
        f"{f', {CASES}' if written.cases else ''} and {ROSTER} in {folder}"
    )
