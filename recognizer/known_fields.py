"""Fields of real sheets of which it is known what is written in them: to learn from, and to measure a model on. Pure.

Where a model learned from them is compared with the one that it came from, three traps wait:

- Fields that people corrected are those at which the old model failed. On them alone, any other model looks better. So
  both are measured on *all* settled fields of the writers held out: what was accepted counts as right.
- What helps on one exam may harm elsewhere. So there are base sets, and on none may the new model make more errors.
- A hand that was learned from is no test. So a writer is either learned from, or stops the learning, or tests it.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recognizer.classifier import ReadingModel
from recognizer.curves import rounded
from recognizer.fields import FieldCrops, read_fields
from recognizer.judge import ReviewPolicy, judge
from recognizer.promise import Thresholds
from recognizer.records import Reading, ValueState

BATCH = 128
"""Fields that are read at once."""

EVERYTHING = Thresholds(0.0, 0.0, 0.0)
"""Accepts whatever has no trouble: the threshold is asked later."""

TEST_SHARE = 3
"""Every third writer tests what was learned."""

STOP_SHARE = 4
"""Of the other writers every fourth says when to stop."""


KEPT_ACCEPTED = 0.8
"""Of what the old model accepted on a base set, the new one has to accept this share: otherwise people would have more
to do, however well it reads. Some is lost where too little was measured to know as much of it as of the old one."""


class Source(StrEnum):
    """How it is known what is written in a field.

    ACCEPTED: a model was sure of it, and nobody looked. CORRECTED: a person said what is right, which is nearly always
    what is written. CHECKED: in a sample check a person said what is written.
    """

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    CHECKED = "checked"

    @property
    def is_person(self) -> bool:
        """Whether a person said so."""
        return self is not Source.ACCEPTED


class Part(StrEnum):
    """What the fields of a writer are for."""

    LEARN = "learn"
    STOP = "stop"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class KnownField:
    """One field with what is written in it: a value, "" for blank, None for what is no value of the field."""

    shown: FieldCrops
    truth: str | None
    writer: str
    source: Source

    @property
    def kind(self) -> str:
        """The kind of the field."""
        return self.shown.field.kind.value


@dataclass(frozen=True, slots=True)
class ReadField:
    """What a model read in a known field: its best value (None: no idea) and how likely it is.

    `clean` tells that nothing but a threshold could keep it from being accepted.
    """

    kind: str
    truth: str | None
    value: str | None
    score: float
    clean: bool

    def accepted(self, held: Thresholds) -> bool:
        """Tell whether a run with these thresholds would accept it."""
        return self.clean and rounded(self.score) >= held.of(self.kind)

    def right(self, held: Thresholds) -> bool:
        """Tell whether it was read right; what is no value is right when nothing is accepted."""
        return not self.accepted(held) if self.truth is None else self.value == self.truth


@dataclass(frozen=True, slots=True)
class Count:
    """How a model did: of so many fields so many read right, so many accepted, and so many of these wrong."""

    fields: int
    right: int
    accepted: int
    wrong: int

    @classmethod
    def of(cls, read: Sequence[ReadField], held: Thresholds) -> "Count":
        """Count what a run with these thresholds would do."""
        accepted = [one for one in read if one.accepted(held)]
        return cls(
            len(read),
            sum(one.right(held) for one in read),
            len(accepted),
            sum(one.value != one.truth for one in accepted),
        )

    @property
    def errors(self) -> int:
        """How many were not read right."""
        return self.fields - self.right


@dataclass(frozen=True, slots=True)
class Comparison:
    """One set of fields, read by the model as it was and as it is now."""

    name: str
    before: Count
    after: Count


def split_writers(told: Collection[str], others: Collection[str], salt: str) -> dict[str, Part]:
    """Return what the fields of each writer are for; the same for the same writers and salt, in whatever order.

    The two groups are split alike, so that the writers who test are a fair sample of all: in `told`, those of whom a
    person said something, and in `others`, of whom nothing is learned, so that only every third has a part at all.

    >>> parts = split_writers([f"w{n}" for n in range(8)], ["x", "y", "z"], "exam")
    >>> [sum(part is one for part in parts.values()) for one in Part]
    [4, 1, 4]
    """
    parts: dict[str, Part] = {}
    for place, writer in enumerate(_shuffled(told, salt)):
        rest = place - place // TEST_SHARE - 1
        parts[writer] = (
            Part.TEST if place % TEST_SHARE == 0 else Part.STOP if rest % STOP_SHARE == STOP_SHARE - 1 else Part.LEARN
        )
    parts |= {writer: Part.TEST for place, writer in enumerate(_shuffled(others, salt)) if place % TEST_SHARE == 0}
    return parts


def read_known(fields: Sequence[KnownField], model: ReadingModel) -> tuple[ReadField, ...]:
    """Read fields as a page is read, in order."""
    policy = ReviewPolicy(EVERYTHING, flag_blank_marks=False)
    found: list[ReadField] = []
    for start in range(0, len(fields), BATCH):
        part = fields[start : start + BATCH]
        for known, decoded in zip(part, read_fields([one.shown for one in part], model), strict=True):
            field = known.shown.field
            decision = judge(Reading(field.name, decoded.values, (), decoded.trouble, b""), field, policy)
            best = decoded.values[0] if decoded.values else None
            found.append(
                ReadField(
                    known.kind,
                    known.truth,
                    best.value if best else None,
                    best.probability if best else 0.0,
                    best is not None and decision.state is not ValueState.UNSETTLED,
                )
            )
    return tuple(found)


def reasons_against(held_out: Comparison, base: Sequence[Comparison]) -> tuple[str, ...]:
    """Return why a new model must not take the old one's place, in plain words; nothing when it may.

    It has to read more fields of the held-out writers right, and a run must not accept more wrong ones. On each base
    set it may not make a single error more: two thousand fields with a dozen errors cannot tell chance from harm, and
    a model that is refused by bad luck costs nothing, while one that is kept by good luck harms the next exam. And
    people must not have much more to do.
    """
    before, after = held_out.before, held_out.after
    against = []
    if after.right <= before.right:
        against.append(
            f"{held_out.name}: {after.right} of {after.fields} fields read right, {before.right} before; that is not "
            "better"
        )
    for one in (held_out, *base):
        if one.after.wrong > one.before.wrong:
            against.append(f"{one.name}: {one.after.wrong} accepted wrongly, {one.before.wrong} before")
    for one in base:
        if one.after.errors > one.before.errors:
            against.append(
                f"{one.name}: {one.after.errors} of {one.after.fields} read wrong, {one.before.errors} before"
            )
        if one.after.accepted < KEPT_ACCEPTED * one.before.accepted:
            against.append(
                f"{one.name}: a run would accept {one.after.accepted} of {one.after.fields}, {one.before.accepted} "
                "before, for want of proof; learn with --data, where the handwriting data folder is at hand"
            )
    return tuple(against)


def by_part(fields: Sequence[KnownField], parts: Mapping[str, Part]) -> dict[Part, tuple[KnownField, ...]]:
    """Return the fields of each part, in order."""
    return {part: tuple(one for one in fields if parts[one.writer] is part) for part in Part}


def _shuffled(writers: Collection[str], salt: str) -> list[str]:
    """Return writers in an order that nobody chose and that is the same each time."""
    return sorted(set(writers), key=lambda writer: hashlib.sha256(f"{salt}\0{writer}".encode()).digest())
