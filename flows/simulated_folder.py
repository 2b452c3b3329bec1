"""What `tallymark simulate` leaves in a folder: PDFs, truth.csv, roster.csv, and what is out of the ordinary."""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from flows.errors import PlaceError
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.simulate import Candidate, Case, CaseKind, SimulatedSheet

TRUTH = "truth.csv"
TRUTH_HEADER = ("file", "page", "field", "value")
ROSTER = "roster.csv"
ROSTER_HEADER = ("id", "name")
GROUPED_HEADER = (*ROSTER_HEADER, "group", "room")
CASES = "cases.csv"
CASES_HEADER = ("case", "file", "page", "id", "detail")

SHEETS_PER_FILE = 25
"""Sheets that an office puts into the feeder at once, and so into one PDF."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where the results go, how the PDFs are named, and whether what is there may be replaced or added to.

    `groups` asks for a roster with groups and rooms.
    """

    folder: Path
    prefix: str
    force: bool
    append: bool
    groups: bool = False

    @property
    def roster_header(self) -> tuple[str, ...]:
        """The columns of roster.csv."""
        return GROUPED_HEADER if self.groups else ROSTER_HEADER


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the rows of truth.csv (file, page from 1, field, value), of roster.csv and of cases.csv."""

    files: tuple[str, ...]
    truth: tuple[tuple[str, str, str, str], ...]
    roster: tuple[tuple[str, ...], ...]
    cases: tuple[tuple[str, ...], ...]
    pages: int


def check_place(output: Output, sheets: int, *, cases: bool) -> None:
    """Refuse to replace anybody's files unasked, before any work is done. `cases` tells whether there may be any.

    Raises:
        PlaceError: files of the same names are there.
    """
    names = [_file_name(output.prefix, number) for number in range(1, -(-sheets // SHEETS_PER_FILE) + 1)]
    if not output.append:
        names += [TRUTH, ROSTER, *([CASES] if cases else [])]
    there = [name for name in names if (output.folder / name).exists()]
    if there and not output.force:
        raise PlaceError(
            f"{output.folder} has {', '.join(there[:5])}{' ...' if len(there) > 5 else ''} already; name another "
            f"folder, add to it with --append and another --seed or --prefix, or replace these files with --force"
        )


def write_folder(sheets: Iterable[SimulatedSheet], output: Output, missing: Sequence[Candidate] = ()) -> Written:
    """Write PDFs, truth.csv and roster.csv. They appear in the folder together, or not at all when something fails.

    `missing` are candidates on the roster without a sheet. Where something is out of the ordinary, cases.csv says what.

    Raises:
        PlaceError: the folder cannot be written.
    """
    try:
        output.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".simulating-", dir=output.folder) as unfinished:
            workplace = Path(unfinished)
            written = _with_missing(_write_pdfs(sheets, output, workplace), output, missing)
            names = [*written.files, ROSTER, TRUTH]
            _write_csv(workplace / TRUTH, TRUTH_HEADER, _merged_truth(written, output))
            _write_csv(workplace / ROSTER, output.roster_header, _merged_roster(written, output))
            # One that is there already tells of sheets that are replaced now.
            if written.cases or (output.folder / CASES).exists():
                _write_csv(workplace / CASES, CASES_HEADER, _merged_cases(written, output))
                names.insert(-1, CASES)
            for name in names:
                (workplace / name).replace(output.folder / name)
    except OSError as error:
        raise PlaceError(
            f"{output.folder}: cannot be written: {error.strerror or error}; name another folder with --out"
        ) from error
    return written


def _file_name(prefix: str, number: int) -> str:
    return f"{prefix}-{number:03d}.pdf"


def _write_pdfs(sheets: Iterable[SimulatedSheet], output: Output, folder: Path) -> Written:
    """Write the PDFs, one sheet in memory at a time."""
    remaining = iter(sheets)
    files: list[str] = []
    truth: list[tuple[str, str, str, str]] = []
    roster: list[tuple[str, ...]] = []
    cases: list[tuple[str, ...]] = []
    pages = 0
    for first in remaining:
        name = _file_name(output.prefix, len(files) + 1)
        files.append(name)
        in_file = 0

        def pictures(first: SimulatedSheet = first, name: str = name) -> Iterator[ScannedPicture]:
            nonlocal in_file
            for sheet in chain([first], islice(remaining, SHEETS_PER_FILE - 1)):
                if not sheet.is_off_roster:
                    roster.append(_roster_row(sheet.candidate, output))
                cases.extend(_case_row(case, name, in_file + 1, sheet.candidate) for case in sheet.cases)
                for page in sheet.pages:
                    in_file += 1
                    truth.extend((name, str(in_file), field, value) for field, value in page.values.items())
                    yield page.picture

        images_to_pdf(pictures(), folder / name)
        pages += in_file
    return Written(tuple(files), tuple(truth), tuple(roster), tuple(cases), pages)


def _with_missing(written: Written, output: Output, missing: Sequence[Candidate]) -> Written:
    rows = tuple(_roster_row(candidate, output) for candidate in missing)
    absence = Case(CaseKind.MISSING, "on roster.csv, without a sheet")
    cases = tuple(_case_row(absence, "", "", candidate) for candidate in missing)
    return replace(written, roster=written.roster + rows, cases=written.cases + cases)


def _roster_row(candidate: Candidate, output: Output) -> tuple[str, ...]:
    usual = (candidate.number, candidate.name)
    return (*usual, candidate.group, candidate.room) if output.groups else usual


def _case_row(case: Case, file: str, page: int | str, candidate: Candidate) -> tuple[str, ...]:
    return case.kind.value, file, str(page), candidate.number, case.detail


def _merged_truth(written: Written, output: Output) -> Iterator[Sequence[str]]:
    """Return what is known already of other files, then what was written now."""
    if output.append:
        yield from (row for row in _read_csv(output.folder / TRUTH, TRUTH_HEADER) if row[0] not in written.files)
    yield from written.truth


def _merged_cases(written: Written, output: Output) -> Iterator[Sequence[str]]:
    """Return what is known already of other files, then what is known now; candidates without a sheet last, once."""
    earlier = _read_csv(output.folder / CASES, CASES_HEADER) if output.append else []
    kept = [tuple(row) for row in earlier if row[1] not in written.files]
    yield from sorted(dict.fromkeys((*kept, *written.cases)), key=lambda row: not row[1])


def _merged_roster(written: Written, output: Output) -> Iterator[Sequence[str]]:
    """Return every candidate once, those of earlier runs first."""
    earlier = _read_csv(output.folder / ROSTER, output.roster_header) if output.append else []
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
