"""Makes an exam folder: settings that explain themselves, a roster, and places for scans."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from flows.errors import ExamError, PlaceError
from flows.key_files import KEY_FILE, KEY_WORKBOOK, load_key
from flows.places import refuse_network
from flows.roster import WORKBOOK, exam_candidates
from flows.settings import (
    ARCHIVE,
    DATABASE,
    DEFAULT_EXAM_CODE,
    EXAM_FILE,
    EXPORTS,
    INBOX,
    QUARANTINE,
    ROSTER_FILE,
    ROSTER_WORKBOOK,
    TEMPLATES,
    Exam,
    load_exam,
    parse_settings,
    write_whole,
)
from flows.store import open_store
from recognizer.forms import refuse_same_forms
from recognizer.template import SheetSet, find_template, shipped_templates

EXAM_TOML = """\
# What Tallymark knows of this exam. Every setting is explained; those behind a # show what holds without them.

# Printed on every sheet (tallymark template print --exam ...). A sheet with another code is not read here, so that two
# exams never get into each other's marks.
exam = "{exam}"

# The sheets of this exam: names of shipped templates, or .toml files of your own.
templates = [{templates}]

# What renders pages that are more than one scanned picture: "auto" takes pdf2image where poppler is installed and
# PDFium where it is not; "pdf2image" or "pdfium" pins one.
# render = "auto"

# How many processes read at once.
# workers = 2

# Of the fields that are accepted without a person, at most this share may be wrong: 0.001 is one in 1,000. From 0.0001
# to 0.05; the smaller it is, the more goes to people. Every run says how many wrong ones are to be expected.
accept_error = 0.001

# The model that reads: without this line the one that comes with Tallymark, otherwise a folder, such as one that
# tallymark learn left here.
# model = "model-1"

[review]
# An empty mark cell: "flag" shows it to a person (nothing awarded, or forgotten?), "accept" takes it as blank.
# blank_mark = "flag"

# Of which fields that people decide a second person answers too, without being shown the first answer: "off" for none,
# "all", or a share such as 0.1. Where the two differ, a third decides; until then the field is open.
# second = "off"

# Whether reviewers see the names and signatures that stand on the pages: "hidden" (marking stays blind) or "shown".
# names = "hidden"

[marks]
# What a blank mark cell adds to the total: "unsettled" (forgotten: the total stays open until somebody looks), "zero"
# (nothing was awarded) or "not_attempted" (nothing either, and it does not count as an attempt).
# blank = "unsettled"

# What a dash in a mark cell adds: "zero", or "unsettled".
# dash = "zero"

# What AB (absent) in a mark cell means, where the template allows it: "no_total", the candidate has no total, which is
# shown as AB; "zero" counts that question as nothing; "unsettled" leaves the total open.
# absent = "no_total"

[sums]
# Which share of the totals that examiners wrote is taken to be wrong, from 0.001 to 0.5. Marks and totals are decoded
# together by it: with a larger share, more of them go to people, and a wrong total is less likely to be explained away
# as a misread mark.
# misadded = 0.05

[sheets]
# true when the sheets were photocopied from one that was printed: they all carry the same number then, and pages are
# put together by the candidate number on each, or by their order in a file. After a change: tallymark regrade.
# photocopied = false

[roster]
# How the numbers of candidates (roster.csv or roster.xlsx) end in a check character: "luhn", "verhoeff", "damm",
# "mod11_2", "mod11_10", "mod37_2", "mod37_36" or "mod97_10". Numbers on the roster that fail it are refused, and a
# number on a sheet that fails it is known to be misread or a slip.
# check = ""

# How many of the sheets may be by people who are not on the roster: 0.05 is one in 20. With fewer, more of what is hard
# to read is settled by the roster.
# off_roster = 0.05

[inbox]
# How long a file must lie still before it counts as complete. Give it longer when a slow scanner writes into the inbox.
# settle_seconds = 2.0
"""

EMPTY_ROSTER = "id,name\n"


def make_exam_folder(
    folder: Path, templates: Sequence[str], code: str | None, roster: Path | None, key: Path | None = None
) -> Exam:
    """Make an exam folder and return it.

    Args:
        folder: the folder to make; it may be there already, if it is empty.
        templates: names of shipped templates, or .toml files, which are copied into the folder.
        code: the exam's code; the one for first tries when None.
        roster: a CSV or XLSX file of candidates, which is copied; without it an empty one is made.
        key: what the questions are worth, a .toml file or a key workbook, which is copied.

    Raises:
        ExamError: the folder is an exam folder already or holds other things, or code, roster or key are faulty.
        TemplateError: a template is missing or faulty.
        PlaceError: it cannot be made there.
    """
    _refuse_used(folder)
    _refuse_twins(templates)
    found = tuple(find_template(name) for name in dict.fromkeys(templates))
    refuse_same_forms(SheetSet(DEFAULT_EXAM_CODE, found))
    names = tuple(dict.fromkeys(_own_name(name) for name in templates))
    listed = ", ".join(f'"{name}"' for name in names)
    text = EXAM_TOML.format(exam=DEFAULT_EXAM_CODE if code is None else code, templates=listed)
    parse_settings(text, "--exam")
    if roster is not None:
        exam_candidates(roster, "", found)
    if key is not None:
        load_key(key, found)
    try:
        _make(folder, templates, roster, key)
    except OSError as error:
        raise PlaceError(f"{folder}: cannot be made: {error.strerror or error}") from error
    # Last, because it is what makes the folder an exam folder: one that was made half can be made again.
    open_store(folder).close()
    write_whole(folder / EXAM_FILE, text)
    return load_exam(folder)


def _refuse_used(folder: Path) -> None:
    if (folder / EXAM_FILE).exists():
        raise ExamError(f"{folder} is an exam folder already; nothing was changed. Name another folder")
    if folder.exists() and not folder.is_dir():
        raise ExamError(f"{folder} is a file; name a folder")
    ours = {INBOX, ARCHIVE, QUARANTINE, EXPORTS, TEMPLATES, ROSTER_FILE, ROSTER_WORKBOOK, DATABASE}
    ours |= {KEY_FILE, KEY_WORKBOOK}
    try:
        strange = [path.name for path in folder.iterdir() if path.name not in ours] if folder.exists() else []
    except OSError as error:
        raise PlaceError(f"{folder}: cannot be listed: {error.strerror or error}") from error
    if strange:
        raise ExamError(f"{folder} is not empty (it holds {strange[0]}); name a new folder")


def _refuse_twins(templates: Sequence[str]) -> None:
    """Refuse two different templates, or pictures of blank pages, of one name, before anything is made."""
    places: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for place in dict.fromkeys(templates):
        template = find_template(place)
        name = template.name
        for picture in template.files_beside():
            if picture in pictures:
                raise ExamError(
                    f"{pictures[picture]} and {place} both have a picture {picture} of a blank page; rename one of the "
                    "two, here and in its template"
                )
        pictures |= dict.fromkeys(template.files_beside(), place)
        if name in places:
            raise ExamError(
                f"{places[name]} and {place} are both named '{name}'; each needs its own, which its sheets say"
            )
        places[name] = place


def _own_name(name: str) -> str:
    """Return how exam.toml names a template, once it is known to be sound (TemplateError when it is not)."""
    template = find_template(name)
    return name if name in shipped_templates() else f"{TEMPLATES}/{template.name}.toml"


def _make(folder: Path, templates: Sequence[str], roster: Path | None, key: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    refuse_network(folder)
    for name in (INBOX, ARCHIVE, QUARANTINE, EXPORTS):
        (folder / name).mkdir(exist_ok=True)
    for name in templates:
        if name not in shipped_templates():
            (folder / TEMPLATES).mkdir(exist_ok=True)
            template = find_template(name)
            for beside, data in template.files_beside().items():
                (folder / TEMPLATES / beside).write_bytes(data)
            shutil.copyfile(name, folder / TEMPLATES / f"{template.name}.toml")
    if roster is not None:
        shutil.copyfile(roster, folder / _roster_name(roster))
        # A folder that was made half may hold the other one, which would contradict it.
        other = ROSTER_FILE if _roster_name(roster) == ROSTER_WORKBOOK else ROSTER_WORKBOOK
        (folder / other).unlink(missing_ok=True)
    elif not (folder / ROSTER_WORKBOOK).exists():
        (folder / ROSTER_FILE).write_text(EMPTY_ROSTER, encoding="utf-8")
    if key is not None:
        # Here too: a folder with both would not say which of them counts.
        mine, other = (KEY_WORKBOOK, KEY_FILE) if key.suffix.casefold() == WORKBOOK else (KEY_FILE, KEY_WORKBOOK)
        shutil.copyfile(key, folder / mine)
        (folder / other).unlink(missing_ok=True)


def _roster_name(roster: Path) -> str:
    """Return what a roster is called in the exam folder."""
    return ROSTER_WORKBOOK if roster.suffix.lower() == WORKBOOK else ROSTER_FILE
