"""What the exam's rule leaves open even when a person has said it: an empty mark cell, a dash, an AB without a worth.

Such an answer would leave the queue and keep its sheet open all the same, with a remark that only the sheet shows. So
it is refused at once, and another answer is offered.
"""

from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType

from flows.marking import void_cells
from flows.records import FieldRow
from flows.results import Unsettled
from flows.review.desk import Seen
from flows.review.office import Office
from flows.review.refusals import Refused
from flows.settling import heading
from flows.worth import Part, worth
from recognizer.errors import ValueNotAllowedError
from recognizer.records import ValueState
from recognizer.template import Role, SheetField
from recognizer.values import ABSENT, NOTHING_AWARDED, parse_value

ZERO = "0"

NOT_COUNTED = ("", NOTHING_AWARDED, ABSENT)
"""What may have no worth: an empty cell, a dash, an AB. Any number has one."""

STILL_READING = "The exam is being read; what an empty mark is worth in it is known in a moment."
OPEN_BLANK = "An empty mark cell has no worth of its own in this exam ({}), so it would stay open: {}."
OPEN_DASH = (
    'A dash has no worth of its own in this exam (marks.dash = "unsettled" in exam.toml), so it would stay open: {}.'
)
OPEN_ABSENT = (
    'AB has no worth of its own in this exam (marks.absent = "unsettled" in exam.toml), so it would stay open: {}.'
)
BY_EXAM, BY_KEY = 'marks.blank = "unsettled" in exam.toml', "the key says that it was forgotten"


def left_open(office: Office, row: FieldRow, state: ValueState, value: str = "") -> str:
    """Return why a field would stay open if a person said this of it, with what to say instead; "" where it would not.

    Beside an AB that leaves the sheet without a total, and for a void question, an empty cell is worth what they say.

    Raises:
        Refused: what it is worth is not known yet, since the exam is still being read.
    """
    if row.role is not Role.MARK or state is ValueState.UNSETTLED or value not in NOT_COUNTED:
        return ""
    seen = office.desk.seen
    if seen is None:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, STILL_READING, (row.key,))
    if not _is_uncounted(office, seen, row, state, value):
        return ""
    instead = nothing_awarded(office, row)
    then = f"type {instead} if nothing was awarded, or the mark" if instead else "type the mark that was awarded"
    if value == ABSENT:
        return OPEN_ABSENT.format(then)
    if value == NOTHING_AWARDED:
        return OPEN_DASH.format(then)
    key = seen.results.key
    return OPEN_BLANK.format(BY_KEY if key is not None and key.blank is not None else BY_EXAM, then)


def nothing_awarded(office: Office, row: FieldRow) -> str:
    """Return what says that nothing was awarded, and settles it: a dash, a 0, "" where neither may stand there."""
    field, seen = office.desk.template_field(row), office.desk.seen
    if field is None or seen is None:
        return ""
    each = (NOTHING_AWARDED, ZERO) if seen.grounds.rule.dash == "zero" else (ZERO,)
    return next((text for text in each if _may_hold(field, text)), "")


def _is_uncounted(office: Office, seen: Seen, row: FieldRow, state: ValueState, value: str) -> bool:
    field, rule = office.desk.template_field(row), seen.grounds.rule
    part = Part(heading(field) if field else row.field, state, value, key=row.key)
    if not isinstance(worth(part, rule), Unsettled):
        return False
    if value == ABSENT:
        return True
    sheet = seen.sheets.get(row.sheet)
    if sheet is None:
        return True
    if rule.absent == "no_total" and _has_absent(office, row, sheet.whole):
        return False
    key = seen.results.key
    if key is None or not any(question.void for paper in key.papers for question in paper.questions):
        return True
    said = MappingProxyType({**sheet.parts, row.field: part})
    # A copy with the answer in it: the question may be void in the printed version of this very sheet.
    return row.key not in void_cells([replace(sheet, parts=said)], key)


def _has_absent(office: Office, row: FieldRow, whole: str) -> bool:
    """Tell whether an AB stands in another mark of the sheet, or in its written total.

    In blind review only what the machine reads counts: what somebody else said is not told by a refusal.
    """
    is_blind = office.exam.settings.review.is_blind
    return any(
        one.state is ValueState.VALUE and one.value == ABSENT
        for one in office.desk.fields_of_sheet(row.sheet)
        if one.key != row.key
        and (one.role is Role.MARK or one.field == whole)
        and not (is_blind and one.correction is not None)
    )


def _may_hold(field: SheetField, text: str) -> bool:
    try:
        return parse_value(field, text) == text
    except ValueNotAllowedError:
        return False
