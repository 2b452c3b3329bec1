"""What the view *Sheet* shows of one sheet, as plain data: pages, boxes with what was read, marks and sum, remarks.

What a person must not see is not in it: names for those who may not see them, and, in blind review, what somebody else
said about a field that this person still has to answer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np

from flows.export.flags_sheet import BLANK_WORD
from flows.mark_changes import in_words
from flows.records import FieldRow, PageRow
from flows.results import Absent, Points, Unsettled
from flows.review.catalogue import SheetNow
from flows.review.desk import Seen
from flows.review.drawing import Fit
from flows.review.people import Person
from flows.review.scan_names import place_told, readable
from flows.review.untold import SUM_UNSEEN
from flows.rows import reading_key
from flows.settling import heading
from flows.worth import Part
from recognizer.geometry import Rect, bounding_rect
from recognizer.overlay import beside
from recognizer.records import PageOutcomeKind, ValueState
from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.values import ABSENT, expectation, format_number

Plain: TypeAlias = dict[str, Any]
"""What becomes JSON."""

CHARACTER_MM = 2.3
"""Width that one character of a label takes on the page."""

LABEL_PAD_MM = 1.6
LABEL_HEIGHT_MM = 4.6
"""Labels are legible when a page is shown 900 pixels high, as on the overlays of `tallymark read`."""

SHOWN_PROBABILITY = 0.0005
"""Less likely candidates would be shown as 0 %."""

OPEN_MARK = "?"
UNSEEN = "waits for your own answer; what somebody else said is not shown"


@dataclass(frozen=True, slots=True)
class Shown:
    """A sheet as one person sees it.

    `hidden` are the keys of fields whose corrections this person must not see; `open_why` says why fields wait for
    somebody, by key; `seen` is the exam as it was looked at; `numbers` are those of the rows that are the last word.
    `reasons` are all remarks on the sheet, those that are not shown too.
    """

    person: Person
    now: SheetNow
    template: SheetTemplate | None
    open_why: dict[str, str]
    hidden: Collection[str]
    seen: Seen
    numbers: Mapping[str, int]
    reasons: Sequence[str] = ()

    def words(self, text: str) -> str:
        """Return a text as this person may read it."""
        return readable(self.person, text, self.seen)

    def row(self, key: str) -> FieldRow | None:
        """Return a field as this person may see it: what is hidden is not in `now` (`untold.Sight.sheet`)."""
        return self.now.rows.get(key)


def page_of_sheet(shown: Shown, row: PageRow, fit: Fit | None, image: str) -> Plain:
    """Return one page of the sheet: its picture and every field on it."""
    fields: list[Plain] = []
    area = fit.area if fit else Rect(0, 0, 1, 1)
    if fit is not None and row.outcome is PageOutcomeKind.READ:
        taken = [box.rect for box in fit.template.boxes(fit.page)]
        fields = [_field(shown, row, field, fit, taken) for field in fit.template.pages[fit.page - 1].fields]
    return {
        "scan": row.scan,
        "number": row.number,
        "at": place_told(shown.person, row),
        "page": row.template_page,
        "image": image,
        "area": [area.x, area.y, area.width, area.height],
        "masked": fit.masked if fit else False,
        "fields": fields,
    }


def _field(shown: Shown, page: PageRow, field: SheetField, fit: Fit, taken: list[Rect]) -> Plain:
    boxes = [box.rect for box in field.boxes(fit.page)]
    told = {
        "field": field.name,
        "label": heading(field),
        "role": field.role.value,
        "kind": field.kind.value,
        "round": field.shape == "bubble",
        "boxes": [[box.x, box.y, box.width, box.height] for box in boxes],
        "state": "picture",
        "key": "",
        "text": "",
    }
    if field.kind is Kind.IMAGE:
        return told | {"hidden": fit.masked}
    row = shown.row(reading_key(page.scan, page.number, field.name))
    if row is None:
        return told | {"state": "missing", "why": "was not read; read the scans again with: tallymark regrade"}
    said = field_as_said(shown, row, field)
    text = said["text"]
    area = bounding_rect(np.vstack([box.corners() for box in boxes]))
    label = beside(area, len(text) * CHARACTER_MM + LABEL_PAD_MM, LABEL_HEIGHT_MM, taken)
    taken.append(label)
    return told | said | {"at": [label.x, label.y, label.width, label.height], "hits": _hits(field, row)}


def field_as_said(shown: Shown, row: FieldRow, field: SheetField) -> Plain:
    """Return what is said of one field: by the machine, by a person, and why somebody has to look."""
    correction, is_hidden = row.correction, row.key in shown.hidden
    why = UNSEEN if is_hidden else shown.open_why.get(row.key, "")
    question = shown.now.settled.questioned.get(row.key, "")
    is_open = is_hidden or row.key in shown.open_why
    state = "open" if is_open else row.state.value
    if correction is not None and not is_open:
        state = "corrected"
    value = row.value if row.state is ValueState.VALUE else BLANK_WORD if row.state is ValueState.BLANK else ""
    if is_open and row.state is ValueState.UNSETTLED:
        value = f"{row.decision.guess_in_words} {OPEN_MARK}".strip()
    elif is_open:
        value = f"{value} {OPEN_MARK}"
    return {
        "key": row.key,
        "revision": row.revision,
        "state": state,
        "blank": row.state is ValueState.BLANK,
        "text": value,
        "value": row.value,
        "guess": row.decision.guess_in_words,
        "confidence": round(row.decision.confidence, 4),
        "why": shown.words(why),
        "question": shown.words(question),
        "may_hold": expectation(field),
        "by": correction.reviewer if correction is not None else "",
        "row": shown.numbers.get(row.key) if correction is not None else None,
        "on": correction.made_at.isoformat(timespec="seconds") if correction is not None else "",
    }


def _hits(field: SheetField, row: FieldRow) -> list[int]:
    """Return which boxes of a choice field its value has chosen, from 0."""
    if field.kind is not Kind.CHOICE or row.state is not ValueState.VALUE:
        return []
    if len(field.option_rows) == 1:
        chosen = set(row.value.split("+"))
        return [at for at, box in enumerate(field.boxes(1)) if box.option in chosen]
    return [
        at
        for at, (box, position) in enumerate(zip(field.boxes(1), field.box_positions, strict=True))
        if position < len(row.value) and row.value[position] == box.option
    ]


# ---- beside the page -------------------------------------------------------------------------------------------------


def sums_of_sheet(shown: Shown) -> Plain:
    """Return the marks, the computed and the written total, and whether they agree."""
    settled, result = shown.now.settled, shown.now.result
    total: Points | None = result.total if result is not None else settled.total
    maximum = result.maximum if result is not None else None
    hidden = len(shown.hidden)
    if hidden and total is not None:
        total = Unsettled((f"{hidden} field{'s' * (hidden > 1)}: {UNSEEN}", SUM_UNSEEN))
    written = settled.parts.get(settled.whole) if settled.whole else None
    return {
        "marks": [_part(shown, part) for part in settled.parts.values() if part.role is Role.MARK],
        "totals": [_part(shown, part) for part in settled.parts.values() if part.role is Role.TOTAL],
        "total": None if total is None else in_words(total),
        "settled": total is not None and not isinstance(total, Unsettled),
        "reasons": [shown.words(reason) for reason in total.reasons] if isinstance(total, Unsettled) else [],
        "maximum": None if maximum is None else format_number(maximum),
        "grade": result.grade if result is not None and not hidden else "",
        "added": None if hidden or settled.total is None else in_words(settled.total),
        "written": _part(shown, written) if written is not None else None,
        "agrees": None if hidden else _agrees(settled.total, written),
        "questions": [
            {
                "question": one.question,
                "answer": one.answer,
                "points": in_words(one.points),
                "maximum": format_number(one.maximum),
                "why": shown.words(one.why),
            }
            for one in (result.questions if result is not None and not hidden and not settled.marks else ())
        ],
    }


def _agrees(total: Points | None, written: Part | None) -> bool | None:
    """Tell whether the written total is the computed one, None while that cannot be said."""
    if written is None or written.state is not ValueState.VALUE or total is None or isinstance(total, Unsettled):
        return None
    if isinstance(total, Absent) or written.value == ABSENT:
        return isinstance(total, Absent) and written.value == ABSENT
    try:
        return Decimal(written.value) == total
    except ArithmeticError:
        return None


def _part(shown: Shown, part: Part) -> Plain:
    row = shown.row(part.key) if part.key else None
    state = part.state if row is None else row.state
    value = part.value if row is None else row.value
    is_open = state is ValueState.UNSETTLED or part.key in shown.open_why or part.key in shown.hidden
    return {
        "key": part.key,
        "label": part.label,
        "open": is_open,
        "value": value if state is ValueState.VALUE else BLANK_WORD if state is ValueState.BLANK else OPEN_MARK,
        "corrected": row is not None and row.correction is not None,
        "why": "" if shown.hidden else shown.words(part.why),
    }


def person_of_sheet(shown: Shown, names: dict[str, str]) -> Plain:
    """Return whose sheet it is, as far as that is known, and who else it may be by. Leads alone see guesses."""
    identity, match = shown.now.settled.identity, shown.now.match
    known = identity.state is ValueState.VALUE and not any(
        part.key in shown.hidden for part in shown.now.settled.parts.values() if part.role is Role.ID
    )
    sees = shown.person.sees_names
    ranked = match.ranked if match is not None and shown.person.is_lead else ()
    return {
        "id": identity.value if known else "",
        "name": names.get(identity.value, "") if known and sees else "",
        "listed": identity.value in names if known else False,
        "status": match.status.value if match is not None else "",
        "why": shown.words(identity.why or (match.why if match is not None else "")),
        "by_person": identity.by_person,
        "ranked": [
            {"id": one.id, "name": one.name if sees else "", "probability": round(one.probability, 4)}
            for one in ranked
            if one.probability >= SHOWN_PROBABILITY
        ],
    }


def remarks_of_sheet(shown: Shown) -> Plain:
    """Return what contradicts itself or is missing, and what people should know."""
    settled, result = shown.now.settled, shown.now.result
    said = (*settled.remarks, *(result.remarks if result is not None and not shown.hidden else ()))
    return {
        "remarks": [shown.words(each) for each in dict.fromkeys(said)],
        "notes": [shown.words(each) for each in settled.notes],
        "extra_of": settled.extra_of,
        "extras": list(settled.extras),
    }
