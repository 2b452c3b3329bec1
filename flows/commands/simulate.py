"""`tallymark simulate`: sheets filled in with real handwriting and scanned, with the truth of what stands on them."""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from flows.errors import PlaceError
from recognizer.codes import CODE_NAME
from recognizer.glyphs import load_glyphs
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.simulate import Effects, Extras, Mode, SimulatedSheet, Simulation
from recognizer.simulate import simulate as simulated_sheets
from recognizer.template import find_template

TRUTH = "truth.csv"
TRUTH_HEADER = ("file", "page", "field", "value")
ROSTER = "roster.csv"
ROSTER_HEADER = ("id", "name")

SHEETS_PER_FILE = 25
"""Sheets that an office puts into the feeder at once, and so into one PDF."""

LARGEST_SERIAL = 999_999_999
"""The QR code has room for nine digits."""

SHARE = click.FloatRange(0.0, 1.0)

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


@dataclass(frozen=True, slots=True)
class Output:
    """Where the results go, how the PDFs are named, and whether what is there may be replaced or added to."""

    folder: Path
    prefix: str
    force: bool
    append: bool


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the rows of truth.csv (file, page from 1, field, value) and roster.csv (id, name)."""

    files: tuple[str, ...]
    truth: tuple[tuple[str, str, str, str], ...]
    roster: tuple[tuple[str, str], ...]
    pages: int


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
    truth.csv a field with a digit struck out has the value that a person would read.

    \b
    Examples:
      tallymark simulate cover_marks --sheets 30 --seed 1 --out scans
      tallymark simulate numeric_answers --effects rough --dpi 200 --mode 1-bit --out scans --append
      tallymark simulate cover_marks --absent 0.05 --cancelled 0.02 --decimals 0.5 --out scans
      tallymark simulate my_sheet.toml --digits my_digits.npz --exam chem-2026 --out scans
    """  # noqa: D301 - click wants the character itself
    if not CODE_NAME.fullmatch(exam):
        raise click.BadParameter(f"'{exam}' is not 1 to 32 letters, digits, '.', '_' or '-'", param_hint="--exam")
    if prefix is not None and not FILE_NAME.fullmatch(prefix):
        raise click.BadParameter(f"'{prefix}' is not 1 to 61 letters, digits, '.', '_' or '-'", param_hint="--prefix")
    if first_serial is not None and first_serial + sheets - 1 > LARGEST_SERIAL:
        raise click.BadParameter(f"the last sheet would be above {LARGEST_SERIAL}", param_hint="--first-serial")
    sheet_template = find_template(template)
    if absent and not any(field.absent for page in sheet_template.pages for field in page.fields):
        raise click.BadParameter(f"no field of {sheet_template.name} has absent = true", param_hint="--absent")
    extras = Extras(absent, cancelled, decimals)
    simulation = Simulation(sheet_template, sheets, seed, dpi, Effects(effects), Mode(mode), exam, first_serial, extras)
    output = Output(folder, prefix or f"{sheet_template.name}-{seed}", force, append)
    _check_place(output, sheets)
    made = track(
        simulated_sheets(simulation, load_glyphs(digits)),
        description="Simulating",
        total=sheets,
        console=(console := Console(stderr=True)),
        disable=not console.is_terminal,
    )
    written = write_folder(made, output)
    click.echo(
        f"{sheets} sheets, {written.pages} pages, {len(written.truth)} fields: "
        f"{', '.join(written.files)}, {TRUTH} and {ROSTER} in {folder}"
    )


def write_folder(sheets: Iterable[SimulatedSheet], output: Output) -> Written:
    """Write PDFs, truth.csv and roster.csv. They appear in the folder together, or not at all when something fails.

    Raises:
        PlaceError: the folder cannot be written.
    """
    try:
        output.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".simulating-", dir=output.folder) as unfinished:
            workplace = Path(unfinished)
            written = _write_pdfs(sheets, output.prefix, workplace)
            _write_csv(workplace / TRUTH, TRUTH_HEADER, _merged_truth(written, output))
            _write_csv(workplace / ROSTER, ROSTER_HEADER, _merged_roster(written, output))
            for name in (*written.files, ROSTER, TRUTH):
                (workplace / name).replace(output.folder / name)
    except OSError as error:
        raise PlaceError(
            f"{output.folder}: cannot be written: {error.strerror or error}; name another folder with --out"
        ) from error
    return written


def _check_place(output: Output, sheets: int) -> None:
    """Refuse to replace anybody's files unasked, before any work is done.

    Raises:
        PlaceError: files of the same names are there.
    """
    names = [_file_name(output.prefix, number) for number in range(1, -(-sheets // SHEETS_PER_FILE) + 1)]
    if not output.append:
        names += [TRUTH, ROSTER]
    there = [name for name in names if (output.folder / name).exists()]
    if there and not output.force:
        raise PlaceError(
            f"{output.folder} has {', '.join(there[:5])}{' ...' if len(there) > 5 else ''} already; name another "
            f"folder, add to it with --append and another --seed or --prefix, or replace these files with --force"
        )


def _file_name(prefix: str, number: int) -> str:
    return f"{prefix}-{number:03d}.pdf"


def _write_pdfs(sheets: Iterable[SimulatedSheet], prefix: str, folder: Path) -> Written:
    """Write the PDFs, one sheet in memory at a time."""
    remaining = iter(sheets)
    files: list[str] = []
    truth: list[tuple[str, str, str, str]] = []
    roster: list[tuple[str, str]] = []
    pages = 0
    for first in remaining:
        name = _file_name(prefix, len(files) + 1)
        files.append(name)
        in_file = 0

        def pictures(first: SimulatedSheet = first, name: str = name) -> Iterator[ScannedPicture]:
            nonlocal in_file
            for sheet in chain([first], islice(remaining, SHEETS_PER_FILE - 1)):
                roster.append((sheet.candidate.number, sheet.candidate.name))
                for page in sheet.pages:
                    in_file += 1
                    truth.extend((name, str(in_file), field, value) for field, value in page.values.items())
                    yield page.picture

        images_to_pdf(pictures(), folder / name)
        pages += in_file
    return Written(tuple(files), tuple(truth), tuple(roster), pages)


def _merged_truth(written: Written, output: Output) -> Iterator[Sequence[str]]:
    """Return what is known already of other files, then what was written now."""
    if output.append:
        yield from (row for row in _read_csv(output.folder / TRUTH, TRUTH_HEADER) if row[0] not in written.files)
    yield from written.truth


def _merged_roster(written: Written, output: Output) -> Iterator[Sequence[str]]:
    """Return every candidate once, those of earlier runs first."""
    earlier = _read_csv(output.folder / ROSTER, ROSTER_HEADER) if output.append else []
    names = {row[0]: row for row in chain(written.roster[::-1], reversed(earlier))}
    yield from (names[number] for number in dict.fromkeys(row[0] for row in chain(earlier, written.roster)))


def _read_csv(path: Path, header: Sequence[str]) -> list[list[str]]:
    """Return the rows of a file that an earlier run wrote; none when there is no such file.

    Raises:
        PlaceError: the file is something else.
    """
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PlaceError(f"{path}: is no CSV file in UTF-8 ({error}); it cannot be added to") from error
    if not rows or tuple(rows[0]) != tuple(header) or any(len(row) != len(header) for row in rows):
        raise PlaceError(f"{path}: has not the columns {', '.join(header)}; it cannot be added to, name another folder")
    return rows[1:]


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
