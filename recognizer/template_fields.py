"""One field of a sheet: its kind, its role, its boxes, and what it may hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from recognizer.alphabets import DIGITS, expanded
from recognizer.geometry import Rect
from recognizer.template_parts import BoxLength, Count, Frozen, Length, Millimetres, Number, Text

LEFT_LABEL_MM = 20.0
"""Room for a label on the left of a field that asks for no other."""


class Kind(StrEnum):
    """What a field looks like and how it is read."""

    DIGITS = "digits"
    NUMBER = "number"
    CHOICE = "choice"
    IMAGE = "image"


class Role(StrEnum):
    """What a field means."""

    ID = "id"
    ANSWER = "answer"
    MARK = "mark"
    TOTAL = "total"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Box:
    """One printed box. `position` counts from 1 within its field; `option` is set in choice fields only."""

    page: int
    field: str
    kind: Kind
    role: Role
    position: int
    option: str | None
    rect: Rect


class SheetField(Frozen):
    """One field of a page: its kind, its role, its boxes, and what it may hold.

    kind `digits`: `characters` boxes of `width` x `height`, `pitch` apart; with `sign` one more box comes first;
    `decimals` of the boxes stand behind a printed decimal point (`point_gap` wide).
    kind `number`: one free-width cell; with `dash` it may hold a dash, with `absent` an AB for an absent candidate.
    kind `choice`: one box an option, `pitch` apart along `direction`; `positions` such rows (a bubbled id grid) stand
    `position_pitch` apart, one character each; `captions` are printed beside tick boxes in place of the options.
    kind `image`: one area kept for people.

    A total says in `adds` which marks and other totals it adds, by name or pattern (`template_sums.py`).
    An id may have an `alphabet`: what stands at each position, one entry each, such as `["P", "0-9", "0-9", "A-HJ"]`.
    One character alone ("P") is printed in its box, or in place of bubbles, and not read. Of bubbles (kind `choice`,
    without `options`) each position has those of its alphabet. Letters written by hand are not read: the class list may
    settle them by the digits, and else a person does.
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")
    kind: Kind
    role: Role
    label: Text = Field(default="", max_length=200)
    label_at: Literal["above", "left"] = "above"
    label_width: Length | None = None
    x: Millimetres
    y: Millimetres
    width: BoxLength
    height: BoxLength
    characters: Count = 1
    pitch: Length | None = None
    sign: StrictBool = False
    decimals: int = Field(default=0, strict=True, ge=0, le=6)
    point_gap: Millimetres = 3.0
    minimum: Number | None = None
    maximum: Number | None = None
    step: Annotated[Number, Field(gt=0)] | None = None
    dash: StrictBool = False
    absent: StrictBool = False
    question: Text = Field(default="", max_length=60)
    options: tuple[Text, ...] = Field(default=(), max_length=40)
    captions: tuple[Text, ...] = Field(default=(), max_length=40)
    multiple: StrictBool = False
    shape: Literal["box", "bubble"] = "box"
    direction: Literal["row", "column"] = "row"
    positions: Count = 1
    position_pitch: Length | None = None
    adds: tuple[Annotated[str, Field(pattern=r"^[A-Za-z*?][A-Za-z0-9_*?]{0,31}$")], ...] | None = Field(
        default=None, max_length=500
    )
    alphabet: tuple[Text, ...] = Field(default=(), max_length=40)

    @field_validator("options")
    @classmethod
    def _options_are_distinct(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(options)) != len(options):
            raise ValueError("the same option stands twice")
        if any(not re.fullmatch(r"[^\s+]{1,12}", option) for option in options):
            raise ValueError("an option is 1 to 12 characters without spaces or '+'")
        return options

    @field_validator("alphabet")
    @classmethod
    def _alphabet_is_one(cls, alphabet: tuple[str, ...]) -> tuple[str, ...]:
        if alphabet and all(length == 1 for length in [len(expanded(entry)) for entry in alphabet]):
            raise ValueError("every character is printed; nothing is left to read")
        return alphabet

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for is_wrong, message in self._rules():
            if is_wrong:
                raise ValueError(message)
        return self

    def _rules(self) -> Iterator[tuple[bool, str]]:
        """Yield what must not be, with the message that says so; the first one that holds is reported."""
        digits, choice = self.kind is Kind.DIGITS, self.kind is Kind.CHOICE
        yield from self._alphabet_rules()
        yield (
            choice and not self.options and not self.alphabet,
            'a choice field needs options, such as options = ["A", "B"]',
        )
        yield (
            not choice and bool(self.options or self.captions or self.multiple or self.positions > 1),
            'options, captions, multiple and positions belong to kind = "choice" only',
        )
        yield (
            not digits and (self.characters > 1 or self.sign or self.decimals > 0),
            'characters, sign and decimals belong to kind = "digits" only',
        )
        yield (
            self.absent and self.kind is not Kind.NUMBER,
            'absent belongs to kind = "number" only: AB is written in a free cell, not in boxes',
        )
        yield not choice and self.shape == "bubble", 'shape = "bubble" belongs to kind = "choice" only'
        yield (
            len(self.captions) not in (0, len(self.options)),
            f"{len(self.captions)} captions for {len(self.options)} options; give one caption an option",
        )
        yield (
            0 < self.characters <= self.decimals,
            f"decimals = {self.decimals} leaves no box before the point of {self.characters} characters",
        )
        yield (
            self.role is Role.ID and self.kind not in (Kind.DIGITS, Kind.CHOICE),
            'an id is written in boxes (kind = "digits") or bubbles (kind = "choice")',
        )
        yield (
            self.kind is Kind.IMAGE and self.role in (Role.MARK, Role.TOTAL),
            "a mark or total cannot be an image",
        )
        yield (
            self.adds is not None and self.role is not Role.TOTAL,
            'adds belongs to role = "total" only: it says which marks the total adds',
        )
        yield (
            self.role is Role.MARK and (not self.question or self.maximum is None),
            ("a mark says its question and its maximum"),
        )
        yield self.multiple and self.positions > 1, "a grid (positions > 1) holds one option a position"
        low, high = self.minimum, self.maximum
        yield low is not None and high is not None and low > high, f"minimum {low} is above maximum {high}"
        yield (
            digits and self.is_numeric and not self.sign and low is not None and low < 0,
            f"minimum {low} needs a box for the sign: sign = true",
        )
        largest = (10**self.characters - 1) / Decimal(10**self.decimals)
        yield (
            digits and self.is_numeric and high is not None and high > largest,
            f"maximum {high} cannot be written: the boxes hold at most {largest}",
        )

    def _alphabet_rules(self) -> Iterator[tuple[bool, str]]:
        count = self.positions if self.kind is Kind.CHOICE else self.characters
        what = "positions" if self.kind is Kind.CHOICE else "characters"
        yield (
            bool(self.alphabet) and (self.role is not Role.ID or self.kind not in (Kind.DIGITS, Kind.CHOICE)),
            'alphabet belongs to role = "id" only, written in boxes (kind = "digits") or bubbles (kind = "choice")',
        )
        yield (
            bool(self.alphabet) and len(self.alphabet) != count,
            f"the alphabet has {len(self.alphabet)} entries for {what} = {count}; give each its own",
        )
        yield (
            bool(self.alphabet) and (bool(self.options) or self.sign or self.decimals > 0),
            "options, sign and decimals do not go with an alphabet",
        )
        yield (
            bool(self.alphabet) and self.kind is Kind.CHOICE and self.positions == 1,
            "a single position needs no alphabet; name its options",
        )

    @property
    def is_numeric(self) -> bool:
        """Whether the value is a number (12.50 and 12.5 are equal) rather than a text (an id keeps its zeros)."""
        return self.kind is Kind.NUMBER or (self.kind is Kind.DIGITS and self.role not in (Role.ID, Role.NONE))

    @property
    def id_alphabets(self) -> tuple[str, ...]:
        """What may stand at each position of an id, as the characters themselves."""
        if self.alphabet:
            return tuple(expanded(entry) for entry in self.alphabet)
        if self.kind is Kind.CHOICE:
            return ("".join(self.options),) * self.positions
        return (DIGITS,) * self.characters

    @property
    def left_label(self) -> Rect | None:
        """Where a label on the left is printed; None when there is none."""
        if self.label_at != "left" or not self.label:
            return None
        width = self.label_width or LEFT_LABEL_MM
        return Rect(self.x - width, self.y + self.height / 2 - 2, width - 2, 4)

    @property
    def option_rows(self) -> tuple[tuple[str, ...], ...]:
        """The options of each position of a choice field, none where a character is printed instead."""
        if self.alphabet:
            return tuple(tuple(each) if len(each) > 1 else () for each in self.id_alphabets)
        return (self.options,) * self.positions

    @property
    def printed_characters(self) -> dict[int, str]:
        """The characters of an id that are printed on the sheet, by position from 0."""
        return {at: entry for at, entry in enumerate(self.alphabet) if len(entry) == 1}

    @property
    def box_positions(self) -> tuple[int, ...]:
        """The position, from 0, of each box of a choice field."""
        return tuple(at for at, options in enumerate(self.option_rows) for _ in options)

    @property
    def box_count(self) -> int:
        """How many boxes the field has."""
        if self.kind is Kind.DIGITS:
            return self.characters + self.sign
        return sum(map(len, self.option_rows)) if self.kind is Kind.CHOICE else 1

    def boxes(self, page: int) -> tuple[Box, ...]:
        """Return every printed box of the field, in reading order."""
        return tuple(
            Box(page, self.name, self.kind, self.role, position, option, rect)
            for position, (option, rect) in enumerate(self._placed(), start=1)
        )

    def bubble_at(self, position: int, index: int) -> Rect:
        """Return where an option of a position of a choice field stands, both from 0."""
        along = self.pitch or (self.width if self.direction == "row" else self.height)
        across = self.position_pitch or (self.height if self.direction == "row" else self.width)
        dx, dy = index * along, position * across
        return Rect(self.x, self.y, self.width, self.height).shifted(
            *((dx, dy) if self.direction == "row" else (dy, dx))
        )

    def _placed(self) -> Iterator[tuple[str | None, Rect]]:
        first = Rect(self.x, self.y, self.width, self.height)
        if self.kind is Kind.DIGITS:
            count = self.characters + self.sign
            point_at = count - self.decimals if self.decimals else count
            for index in range(count):
                gap = self.point_gap if index >= point_at else 0.0
                yield None, first.shifted(index * (self.pitch or self.width) + gap, 0.0)
        elif self.kind is Kind.CHOICE:
            for position, options in enumerate(self.option_rows):
                for index, option in enumerate(options):
                    yield option, self.bubble_at(position, index)
        else:
            yield None, first
