"""The exam folder and its exam.toml: what an office may set, checked before anything runs."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, field_validator

from flows.check_digits import SCHEMES as CHECK_SCHEMES
from flows.errors import ExamError, PlaceError
from flows.places import replace_file
from recognizer.codes import CODE_NAME
from recognizer.promise import ACCEPT_ERROR
from recognizer.sum_model import MISADDED
from recognizer.template import SheetSet, SheetTemplate, find_template, load_template

OFF_ROSTER = 0.05
"""How likely, before looking, a sheet is of somebody who is not on the roster."""

EXAM_FILE = "exam.toml"
ROSTER_FILE = "roster.csv"
ROSTER_WORKBOOK = "roster.xlsx"
DATABASE = "tallymark.db"
INBOX = "inbox"
ARCHIVE = "archive"
QUARANTINE = "quarantine"
EXPORTS = "exports"
TEMPLATES = "templates"
OWN_MODEL = "model-"
"""How the folders of models begin that learned from the exam; a number follows."""

DEFAULT_EXAM_CODE = "exam"
"""Printed on sheets and expected of them when nobody chose a code, so that a first try needs no naming."""

LOWEST_ERROR, HIGHEST_ERROR = 0.0001, 0.05
"""What may be promised of accepted fields. Fewer errors could only be shown with more calibration fields than anybody
has; with more, copying the marks by hand would be the better machine."""


LEAST_MISADDED, MOST_MISADDED = 0.001, 0.5
"""What may be said of it. Nobody adds without errors; a total that is wrong as often as right tells nothing."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReviewSettings(_Frozen):
    """What goes to a person besides doubtful readings, and how people look.

    `second` says of which fields a second person answers too, not shown the first answer: of none, of all, or of a
    share of them. `names` says whether reviewers see the names and signatures that stand on the pages.
    """

    blank_mark: Literal["flag", "accept"] = "flag"
    second: Literal["off", "all"] | Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)] = "off"
    names: Literal["hidden", "shown"] = "hidden"

    @field_validator("second", mode="before")
    @classmethod
    def _second_is_known(cls, second: object) -> object:
        is_share = isinstance(second, int | float) and not isinstance(second, bool) and 0.0 < second <= 1.0
        if second not in ("off", "all") and not is_share:
            raise ValueError('is "off", "all", or the share of fields that two people answer, such as 0.1')
        return second

    @property
    def second_share(self) -> float:
        """Which share of the answers a second person gives too, from 0 to 1."""
        if isinstance(self.second, float):
            return self.second
        return 1.0 if self.second == "all" else 0.0

    @property
    def is_blind(self) -> bool:
        """Whether people must not be told what others said: a second person answers some fields, or all, unseen."""
        return self.second_share > 0


class MarkSettings(_Frozen):
    """What a blank mark cell, a dash and an AB (absent) in one are worth: nothing until a person says so, or zero.

    An AB usually means that the sheet has no total at all.
    """

    blank: Literal["unsettled", "zero", "not_attempted"] = "unsettled"
    dash: Literal["zero", "unsettled"] = "zero"
    absent: Literal["no_total", "zero", "unsettled"] = "no_total"


class SumSettings(_Frozen):
    """What is taken for granted of written totals: which share of them is wrong, before anybody looked."""

    misadded: float = Field(default=MISADDED, ge=LEAST_MISADDED, le=MOST_MISADDED, allow_inf_nan=False)


class SheetSettings(_Frozen):
    """What the printed codes of the sheets are worth.

    With `photocopied` the sheets are copies of one that was printed: they all carry the same serial, which then says
    nothing of whose a page is.
    """

    photocopied: StrictBool = False


class RosterSettings(_Frozen):
    """How the class list is used to say whose a sheet is.

    `check` is the scheme of the ids' check characters; `off_roster` the share of sheets that may be by people who are
    not on the list.
    """

    check: str = ""
    off_roster: float = Field(default=OFF_ROSTER, ge=0.0001, le=0.5, allow_inf_nan=False)

    @field_validator("check")
    @classmethod
    def _scheme_is_known(cls, check: str) -> str:
        if check and check not in CHECK_SCHEMES:
            raise ValueError(f"is none of the schemes of check characters: {', '.join(CHECK_SCHEMES)}")
        return check


class InboxSettings(_Frozen):
    """How long a file has to lie still before it counts as complete."""

    settle_seconds: float = Field(default=2.0, ge=0.0, le=600.0)


class Settings(_Frozen):
    """Everything that exam.toml may say."""

    exam: str = DEFAULT_EXAM_CODE
    templates: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    render: Literal["auto", "pdf2image", "pdfium"] = "auto"
    workers: int = Field(default=2, ge=1, le=64)
    accept_error: float = ACCEPT_ERROR
    model: Annotated[str, Field(min_length=1)] | None = None
    review: ReviewSettings = ReviewSettings()
    marks: MarkSettings = MarkSettings()
    sums: SumSettings = SumSettings()
    sheets: SheetSettings = SheetSettings()
    roster: RosterSettings = RosterSettings()
    inbox: InboxSettings = InboxSettings()

    @field_validator("exam")
    @classmethod
    def _code_can_be_printed(cls, exam: str) -> str:
        if not CODE_NAME.fullmatch(exam):
            raise ValueError(
                "an exam code is 1 to 32 letters, digits, '.', '_' or '-', and begins with a letter or digit"
            )
        return exam

    @field_validator("accept_error")
    @classmethod
    def _error_can_be_promised(cls, share: float) -> float:
        if not LOWEST_ERROR <= share <= HIGHEST_ERROR:
            raise ValueError(
                f"is the share of accepted fields that may be wrong, from {LOWEST_ERROR:g} (1 in 10,000) to "
                f"{HIGHEST_ERROR:g} (50 in 1,000); {ACCEPT_ERROR:g} is 1 in 1,000"
            )
        return share


@dataclass(frozen=True, slots=True)
class Exam:
    """One exam folder, its settings, and the sheets it expects."""

    dir: Path
    settings: Settings
    sheets: SheetSet

    @property
    def inbox(self) -> Path:
        """Where scans are dropped."""
        return self.dir / INBOX

    @property
    def archive(self) -> Path:
        """Where every scan that was taken is kept, named by its content."""
        return self.dir / ARCHIVE

    @property
    def quarantine(self) -> Path:
        """Where files lie that cannot be read, each with its reason."""
        return self.dir / QUARANTINE

    @property
    def model(self) -> Path | None:
        """The folder of the model that reads this exam, None for the shipped one; a relative name is the exam's own."""
        return None if self.settings.model is None else self.dir / self.settings.model

    @property
    def models(self) -> tuple[Path, ...]:
        """Every folder of a model of the exam's own: the one that reads, and those that `learn` left beside it."""
        left = sorted(self.dir.glob(f"{OWN_MODEL}*"))
        return (*(() if self.model is None else (self.model,)), *(path for path in left if path != self.model))

    @property
    def roster(self) -> Path:
        """The candidates of the exam, as CSV or as a workbook (ExamError when both are there)."""
        text, workbook = self.dir / ROSTER_FILE, self.dir / ROSTER_WORKBOOK
        if text.exists() and workbook.exists():
            raise ExamError(
                f"{self.dir}: holds {ROSTER_FILE} and {ROSTER_WORKBOOK}; nobody can say which one counts, delete one"
            )
        return workbook if workbook.exists() else text

    def template_named(self, name: str) -> SheetTemplate:
        """Return one of the exam's templates (KeyError when it has none of that name: our bug)."""
        for template in self.sheets.templates:
            if template.name == name:
                return template
        raise KeyError(name)


MOVED = {
    "accept_error": "belongs to the top of the file, above the first line in [brackets]",
    "model": "belongs to the top of the file, above the first line in [brackets]",
    "accept_confidence": (
        "there is no such setting any more; say instead which share of the accepted fields may be wrong, above the "
        f"first line in [brackets]: accept_error = {ACCEPT_ERROR:g}"
    ),
}
"""What is said of settings that stand where they have no meaning, or had one once."""


def load_exam(folder: Path) -> Exam:
    """Read an exam folder.

    Raises:
        ExamError: no exam folder, or its exam.toml is faulty; the message names file, line and setting.
        TemplateError: one of its templates is faulty.
    """
    path = folder / EXAM_FILE
    if not path.is_file():
        raise ExamError(
            f"{folder} is no exam folder: it holds no {EXAM_FILE}; make one with: tallymark init {folder} "
            "--template NAME"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ExamError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ExamError(f"{path}: is no UTF-8 text; save it as UTF-8") from error
    settings = parse_settings(text, str(path))
    return Exam(folder, settings, SheetSet(settings.exam, _templates(folder, settings)))


def parse_settings(text: str, name: str = EXAM_FILE) -> Settings:
    """Read the text of an exam.toml; `name` stands in front of every error.

    Raises:
        ExamError: no valid TOML, an unknown setting, or a value that a setting cannot have.
    """
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ExamError(f"{name}: is no valid TOML: {error}") from error
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        raise ExamError("\n".join(_explain(name, text, detail) for detail in error.errors())) from error


def template_file(folder: Path, name: str) -> Path | None:
    """Return the exam's own file of a template that exam.toml names, None when it is the shipped one.

    A file `templates/NAME.toml` in the exam folder goes before the shipped template of that name.
    """
    if name.endswith(".toml"):
        return folder / name
    own = folder / TEMPLATES / f"{name}.toml"
    return own if own.is_file() else None


def replace_template(exam: Exam, source: Path, printed: Collection[tuple[str, int]] = ()) -> None:
    """Put another version of one of the exam's templates in its place.

    Args:
        exam: the exam.
        source: the TOML file.
        printed: template and version from which the pages that are there already were printed.

    Raises:
        TemplateError: it is faulty.
        ExamError: the exam has no template of its name, or sheets that were read could no longer be read with it.
        PlaceError: it cannot be written.
    """
    template = load_template(source)
    names = [
        name
        for name, mine in zip(exam.settings.templates, exam.sheets.templates, strict=True)
        if mine.name == template.name
    ]
    if not names:
        mine = ", ".join(one.name for one in exam.sheets.templates)
        raise ExamError(f"{source}: describes '{template.name}', which is no template of this exam (those are {mine})")
    if lost := sorted(
        version for name, version in set(printed) if name == template.name and not template.reads(version)
    ):
        listed = ", ".join(map(str, lost))
        raise ExamError(
            f"{source}: is version {template.version} of '{template.name}', but sheets of this exam were printed from "
            f"version {listed}; if their boxes stand in the same places, add to it: also_reads = [{listed}]. Nothing "
            "was changed"
        )
    target = template_file(exam.dir, names[0]) or exam.dir / TEMPLATES / f"{template.name}.toml"
    for beside, data in template.files_beside().items():
        write_bytes(target.parent / beside, data)
    write_whole(target, source.read_text(encoding="utf-8"))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or as it was before, and never half (PlaceError when it cannot be)."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or as it was before, and never half (PlaceError when it cannot be)."""
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise PlaceError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    replace_file(path, lambda file: file.write(content))


def _templates(folder: Path, settings: Settings) -> tuple[SheetTemplate, ...]:
    found: dict[str, SheetTemplate] = {}
    for name in settings.templates:
        path = template_file(folder, name)
        template = load_template(path) if path else find_template(name)
        if template.name in found:
            raise ExamError(
                f"{folder / EXAM_FILE}: templates: two of them are named '{template.name}'; sheets could not be told "
                "apart, give one another name"
            )
        found[template.name] = template
    for template in found.values():
        main = found.get(template.extra_to)
        if template.extra_to and (main is None or main.extra_to):
            whose = "is extra itself" if main else "is none of the exam's templates"
            raise ExamError(
                f"{folder / EXAM_FILE}: templates: '{template.name}' is extra to '{template.extra_to}', which {whose}; "
                "name the template of the sheets that its own sheets belong to"
            )
    return tuple(found.values())


def _explain(name: str, text: str, detail: Any) -> str:  # noqa: ANN401 - pydantic's error dict
    """Return one pydantic error as 'FILE:LINE: SETTING: what is wrong'."""
    location = tuple(str(part) for part in detail["loc"])
    keys = tuple(part for part in location if not part.isdigit())
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = MOVED.get(keys[-1], "there is no such setting")
    elif detail["type"] == "missing":
        message = "this setting is missing"
    elif "input" in detail and not isinstance(detail["input"], dict):
        message += f" (found {detail['input']!r})"
    return f"{name}:{_line_of(text, keys)}: {'.'.join(keys)}: {message}"


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """Return the line (from 1) where a setting stands, or where its table begins; 1 when it is nowhere."""
    table, begins = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip().replace(" ", "")
        if stripped.startswith("["):
            table = stripped.strip("[]")
            if (table,) == keys[:1]:
                begins = number
            continue
        if found := re.match(r"\"?([A-Za-z0-9_.-]+)\"?=", stripped):
            path = tuple(part for part in f"{table}.{found[1]}".split(".") if part)
            if path[: len(keys)] == keys:
                return number
    return begins
