"""The shared table of marking cases: its short forms become a template, a key and a settled sheet.

A field is called by its kind and a number: c one choice of A-E, m several of A-E, n a number, a an awarded mark (10,
in halves, a dash or AB), e one that may be negative (-5 to 10), q one in quarters (5), d one in tenths (1), t the
written total, v the printed version (A or B).
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.key import Key, rule_with_key
from flows.key_check import check_key
from flows.key_source import RawKey
from flows.marking import mark_sheets
from flows.results import Absent, Points, QuestionResult, SheetResult, Unsettled
from flows.settling import settle_sheets
from flows.worth import MarkRule
from recognizer.template import SheetTemplate, parse_template
from recognizer.values import ABSENT, format_number, parse_value
from tests.helpers.exam_rows import fields_of_page, page_row

TABLE = Path(__file__).parent.parent / "golden" / "marking_cases.csv"

FIELDS = {
    "c": 'kind = "choice"\nrole = "answer"\noptions = ["A", "B", "C", "D", "E"]\npitch = 7',
    "m": 'kind = "choice"\nrole = "answer"\noptions = ["A", "B", "C", "D", "E"]\npitch = 7\nmultiple = true',
    "n": 'kind = "number"\nrole = "answer"\ndash = true',
    "a": 'kind = "number"\nrole = "mark"\nminimum = 0\nmaximum = 10\nstep = 0.5\ndash = true\nabsent = true',
    "q": 'kind = "number"\nrole = "mark"\nminimum = 0\nmaximum = 5\nstep = 0.25',
    "d": 'kind = "number"\nrole = "mark"\nminimum = 0\nmaximum = 1\nstep = 0.1',
    "e": 'kind = "number"\nrole = "mark"\nminimum = -5\nmaximum = 10\nstep = 1',
    "t": 'kind = "number"\nrole = "total"\nminimum = 0\nmaximum = 120\nabsent = true',
    "v": 'kind = "choice"\nrole = "none"\noptions = ["A", "B"]\npitch = 7',
}
NAMED = ("section", "group", "version", "grade", "rounding")
HEADS = {"grade": "grade", "rounding": "stage"}
OPEN = "open"


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    number: str
    topic: str
    what: str
    key: str
    written: str
    expected: str
    rule: str


def read_cases() -> list[Case]:
    with TABLE.open(encoding="utf-8-sig", newline="") as file:
        return [Case(*row) for row in list(csv.reader(file))[1:]]


def template_for(names: Sequence[str]) -> SheetTemplate:
    """A sheet with these fields, one below the other."""
    fields = [
        f'[[page.field]]\nname = "{name}"\nquestion = "{name}"\nx = 30\ny = {50 + 12 * at}\nwidth = 6\nheight = 6\n'
        + FIELDS[name[0]]
        for at, name in enumerate(names)
    ]
    return parse_template('name = "cases"\nalso_reads = [2]\n[[page]]\n' + "\n".join(fields))


def marked(case: Case) -> SheetResult:
    """Mark the sheet of a case by its key, by the way that every sheet goes."""
    names = sorted(set(re.findall(r"\b([cmnaeqdtv][1-9])\b", f"{case.key} {case.written}")))
    template = template_for(names)
    key, rule = key_of(case.key, template)
    written: dict[str, str | None] = dict.fromkeys(names, "")
    version = 1
    for item in case.written.split(" / "):
        if found := re.fullmatch(r"template version (\d)", item):
            version = int(found[1])
            continue
        name, _, text = item.partition(" ")
        field = template.pages[0].field_named(name)
        written[name] = None if text == OPEN else "" if text == "blank" else parse_value(field, text)
    page = page_row("cases", template_version=version)
    sheets = settle_sheets(fields_of_page(page, template, written), [page], [template], rule)
    (result,) = mark_sheets(sheets, key, rule_with_key(rule, key), {}, [template])
    return result


def key_of(text: str, template: SheetTemplate) -> tuple[Key, MarkRule]:
    """Turn the short form of a key into what a key.toml would say, and what exam.toml says of blanks."""
    data: dict[str, object] = {}
    paper: dict[str, list[dict[str, str]]] = {}
    settings: dict[str, str] = {}
    rule: dict[str, str] = {}
    for item in text.split(" / ") if text != "-" else ():
        head, _, said = item.partition(":")
        pairs: dict[str, str] = {}
        for piece in said.split(";"):
            if found := re.fullmatch(r"([a-z_]+) = (.+)", piece.strip()):
                pairs[found[1]] = found[2]
            elif piece.strip():
                pairs["answer"] = piece.strip()
        kind, _, name = head.partition(" ")
        if head == "exam":
            data |= pairs
        elif head == "exam.toml":
            rule |= pairs
        elif head == "paper":
            settings |= pairs
        elif kind in NAMED:
            paper.setdefault(kind, []).append({HEADS.get(kind, "name"): name, **pairs})
        else:
            paper.setdefault("question", []).append({"question": head, **pairs})
    if paper or settings:
        data["paper"] = [{**settings, **paper}]
    return check_key(RawKey("key", data, lambda path: ".".join(map(str, path))), [template]), MarkRule(**rule)  # type: ignore[arg-type]


def short(points: Points) -> str:
    if isinstance(points, Unsettled):
        return OPEN
    return ABSENT if isinstance(points, Absent) else format_number(points)


def outcome(result: SheetResult, item: str) -> str:
    """Say of a result what one item of the expectation says, in the same words."""
    head, _, said = item.partition(" ")
    if head == "total":
        return f"total {short(result.total)} of {format_number(result.maximum)}"
    if head == "section":
        section = next(each for each in result.sections if each.name == said.split()[0])
        return f"section {section.name} {short(section.points)} of {format_number(section.maximum)}"
    if head in ("grade", "no"):
        return f"grade {result.grade}" if result.grade else "no grade"
    if head == "version":
        return f"version {result.version}"
    return f"{head} {_of_question(next(each for each in result.questions if each.question == head), said)}"


def _of_question(question: QuestionResult, said: str) -> str:
    if said in ("counts", "does not count"):
        return "counts" if question.counts else "does not count"
    if said == "not attempted":
        return "attempted" if question.attempted else "not attempted"
    return short(question.points)
