"""Labels of pictures -> the field that each is read as, and the value that each label stands for."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from recognizer.errors import PictureSetError, ValueNotAllowedError
from recognizer.picture_sets import PictureSet
from recognizer.template import Kind, Role, SheetField
from recognizer.values import BLANK, format_number, parse_value

KINDS = ("digits", "number", "choice")

BLANK_LABELS = ("blank", "empty", "")
"""Labels of a picture in which nobody wrote."""

MARKED, MARKED_LABEL = "X", "marked"
"""The one option of an evaluated tick box, and the label of one that is marked."""

USUAL_LOW, USUAL_HIGH = Decimal(0), Decimal(10)
"""A mark cell holds at least this range, as those of `cover_marks` do, unless somebody says otherwise; labels beyond it
widen it."""

USUAL_STEPS = tuple(Decimal(step) for step in ("0.5", "0.25", "0.1", "0.05", "0.01"))
"""A mark cell counts in halves; where a label says otherwise, in the coarsest of these that fits all labels."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a number cell may hold, as far as somebody said so; None is taken from the labels."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    step: Decimal | None = None


def kind_of_labels(labels: Iterable[str]) -> str:
    """Return as which kind of field labels make sense.

    >>> kind_of_labels(["7", "blank"]), kind_of_labels(["7", "2.5"]), kind_of_labels(["marked", "empty"])
    ('digits', 'number', 'choice')
    """
    names = set(labels)
    if MARKED_LABEL in names or (names and names <= {"empty", "cancelled"}):
        return "choice"
    numbers = [number for name in names if (number := number_of_label(name)) is not None]
    several = any(len(number) > 1 for number in numbers)
    return "number" if several or "-" in names or "AB" in names else "digits"


def field_for(pictures: PictureSet, kind: str, limits: Limits | None = None) -> SheetField:
    """Return the field that the pictures of a set are read as.

    A digit box takes 0 to 9. A number cell takes what mark cells take: 0 to 10 in steps of a half, wider or finer where
    labels or `limits` say so; a dash, and AB, where a label says it.

    Raises:
        PictureSetError: no label says anything that this kind of field can hold, or the limits contradict each other.
    """
    names = set(pictures.labels)
    place: dict[str, Any] = {"x": 20.0, "y": 40.0}
    if kind == "choice":
        if not names & {MARKED_LABEL, "empty", "cancelled"} and not names <= set(BLANK_LABELS):
            raise _other_kind(pictures, "a choice picture is labelled marked, empty or cancelled")
        return SheetField(
            name="picture", kind=Kind.CHOICE, role=Role.ANSWER, width=5.0, height=5.0, options=(MARKED,), **place
        )
    if names <= {MARKED_LABEL, "empty", "cancelled"} and names != {"cancelled"}:
        raise _other_kind(pictures, f"a {kind} picture is labelled by what is written in it, such as 7 or blank")
    if kind == "digits":
        return SheetField(
            name="picture",
            kind=Kind.DIGITS,
            role=Role.ANSWER,
            width=7.0,
            height=9.0,
            minimum=Decimal(0),
            maximum=Decimal(9),
            **place,
        )
    return _number_field(pictures, limits or Limits(), place)


def _number_field(pictures: PictureSet, limits: Limits, place: dict[str, Any]) -> SheetField:
    names = set(pictures.labels)
    texts = {number for name in names if (number := number_of_label(name)) is not None}
    numbers = sorted(Decimal(text) for text in texts if text not in ("-", "AB"))
    low = min(numbers, default=USUAL_LOW).to_integral_value(ROUND_FLOOR)
    high = max(numbers, default=USUAL_HIGH).to_integral_value(ROUND_CEILING)
    minimum = limits.minimum if limits.minimum is not None else min(low, USUAL_LOW)
    maximum = limits.maximum if limits.maximum is not None else max(high, USUAL_HIGH)
    if minimum > maximum:
        raise PictureSetError(f"a number from {minimum} to {maximum} is none; swap --minimum and --maximum")
    fitting = (step for step in USUAL_STEPS if all(number % step == 0 for number in numbers))
    return SheetField(
        name="picture",
        kind=Kind.NUMBER,
        role=Role.ANSWER,
        width=18.0,
        height=10.0,
        minimum=minimum,
        maximum=maximum,
        step=limits.step if limits.step is not None else next(fitting, USUAL_STEPS[-1]),
        dash="-" in texts,
        absent="AB" in texts,
        **place,
    )


_ANY_NUMBER = SheetField(
    name="any", kind=Kind.NUMBER, role=Role.ANSWER, x=20.0, y=40.0, width=18.0, height=10.0, dash=True, absent=True
)


def number_of_label(label: str) -> str | None:
    """Return the value of a number cell that a label stands for, None when it is none."""
    try:
        return parse_value(_ANY_NUMBER, label) or None
    except ValueNotAllowedError:
        return None


def truth_of(field: SheetField, label: str) -> str | None:
    """Return the value that a label stands for in a field, None when it is no value of it."""
    if label in BLANK_LABELS:
        return BLANK
    if field.kind is Kind.CHOICE:
        return MARKED if label == MARKED_LABEL else None
    if field.kind is Kind.DIGITS and len(label) != 1:
        return None
    try:
        return parse_value(field, label)
    except ValueNotAllowedError:
        return None


def _other_kind(pictures: PictureSet, expected: str) -> PictureSetError:
    shown = ", ".join(f"'{name}'" for name, _ in Counter(pictures.labels).most_common(6))
    return PictureSetError(
        f"{pictures.name}: its labels are {shown}, but {expected}; was another --kind meant ({', '.join(KINDS)})?"
    )


def field_in_words(field: SheetField) -> str:
    """Say what pictures were read as."""
    if field.kind is Kind.DIGITS:
        return "a box for one digit"
    if field.kind is Kind.CHOICE:
        return "one tick box or bubble"
    low, high = field.minimum or Decimal(0), field.maximum or Decimal(0)
    words = f"a number from {format_number(low)} to {format_number(high)}"
    words += f" in steps of {format_number(field.step)}" if field.step else ""
    return words + (", a dash" if field.dash else "") + (", AB" if field.absent else "") + ", or blank"
