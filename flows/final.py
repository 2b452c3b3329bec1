"""What stands in the way of a final export: everything that still waits for a person, a line each. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flows.acceptances import AcceptedKind, is_accepted
from flows.batches import Batch
from flows.batches import in_words as batch_in_words
from flows.checking import Standing
from flows.checking import in_words as check_in_words
from flows.ledger import IN_HAND, MEND, Ledger
from flows.ledger import in_words as ledger_in_words
from flows.records import FieldRow, PageRow, TrailRow
from flows.settling import SettledSheet
from flows.trail import by_key, standing, waits_for_second
from flows.worth import WHERE_BLANKS_COUNT
from recognizer.records import Flag, PageOutcomeKind

MOST_NAMED = 3
"""Files, pages or sheets that one line names; `tallymark ledger` and the sheet Marks name all."""


class Obstacle(StrEnum):
    """What may keep an exam from being final."""

    CHECKS = "checks"
    FIELDS = "fields"
    UNREADABLE = "unreadable"
    DISPUTED = "disputed"
    SECOND = "second"
    BATCH = "batch"
    LEDGER = "ledger"
    IN_HAND = "in hand"
    QUARANTINE = "quarantine"
    COPIES = "copies"
    STACKS = "stacks"
    FAILED = "failed"
    FOREIGN = "foreign"
    SHEETS = "sheets"
    RULES = "rules"
    NUMBERS = "numbers"
    TRAIL = "trail"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: what it is and how much of it, where it is told, and what a person at a terminal does.

    `said` names no candidate; `named`, the first few by name, may. `where` and `then` begin with what divides them from
    what stands before them.
    """

    what: Obstacle
    said: str
    named: str = ""
    then: str = ""
    where: str = ""

    def in_words(self) -> str:
        """Return all of it in one line."""
        return f"{self.said}{self.where}{f' ({self.named})' if self.named else ''}{self.then}"


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """How many fields people looked at and left open: `unreadable` and `disputed` ones are among the flags.

    `second` are settled, and wait for a second answer.
    """

    unreadable: int = 0
    disputed: int = 0
    second: int = 0


NOTHING_LEFT = LeftOpen()


def left_open(fields: Iterable[FieldRow], trail: Iterable[TrailRow], share: float) -> LeftOpen:
    """Return what people left open.

    Args:
        fields: every field of the pages that count.
        trail: the whole trail.
        share: which share of the fields two people answer.
    """
    flagged = {row.key: row.flag if row.correction else None for row in fields}
    second = sum(key in flagged and waits_for_second(standing(mine), share) for key, mine in by_key(trail).items())
    of = list(flagged.values())
    return LeftOpen(of.count(Flag.UNREADABLE), of.count(Flag.DISPUTED), second if share else 0)


def what_blocks(
    checks: Standing,
    ledger: Ledger,
    sheets: Sequence[SettledSheet],
    batches: Iterable[Batch],
    *,
    flags: int,
    left: LeftOpen = NOTHING_LEFT,
    rules: str = "",
    is_whole: bool = True,
) -> tuple[Waiting, ...]:
    """Return everything for which a final export is refused.

    Args:
        checks: how the promise stands.
        ledger: what came in.
        sheets: every sheet as it is settled.
        batches: every batch with what it holds.
        flags: how many fields wait for a person, those in `left` among them.
        left: what people looked at and left open.
        rules: that changed rules are not recorded, in words; "" when they are.
        is_whole: whether the chain of corrections is.
    """
    told = [Waiting(Obstacle.CHECKS, " ".join(check_in_words(checks)))] if checks.blocks else []
    told += _waiting(ledger, sheets, batches, flags, left)
    if rules:
        told.append(Waiting(Obstacle.RULES, rules))
    if claimed := len(ledger.claimed):
        says = "1 page says" if claimed == 1 else f"{claimed:,} pages say"
        said = f"{says} a number that others say too, and {'is' if claimed == 1 else 'are'} not joined"
        told.append(Waiting(Obstacle.NUMBERS, said, then=": tallymark stacks DIR"))
    if not is_whole:
        said = "the chain of corrections is broken: a row, or what protects it, was changed otherwise than by Tallymark"
        told.append(Waiting(Obstacle.TRAIL, said, then="; tallymark audit DIR --verify says where"))
    return tuple(told)


def what_waits(
    ledger: Ledger,
    sheets: Sequence[SettledSheet],
    batches: Iterable[Batch],
    flags: int,
    left: LeftOpen = NOTHING_LEFT,
) -> tuple[str, ...]:
    """Return one line for each kind of thing that waits: how many, the first by name, and what to do about them.

    `flags` counts all fields that are open, those in `left` among them.
    """
    return tuple(one.in_words() for one in _waiting(ledger, sheets, batches, flags, left))


def _waiting(
    ledger: Ledger, sheets: Sequence[SettledSheet], batches: Iterable[Batch], flags: int, left: LeftOpen
) -> Iterator[Waiting]:
    if untouched := flags - left.unreadable - left.disputed:
        then = "; they stand on the sheet Flags of an export without --final"
        yield Waiting(Obstacle.FIELDS, f"{_fields(untouched)} {_wait(untouched)} for a person", then=then)
    yield from _about_answers(left)
    for batch in batches:
        if batch.blocks:
            yield Waiting(Obstacle.BATCH, batch_in_words(batch), then="; tallymark batches explains it")
    if not ledger.closes:
        yield Waiting(Obstacle.LEDGER, ledger_in_words(ledger, mend=False), then=MEND)
    yield from _about_files(ledger)
    yield from _about_pages(ledger)
    # Sheets whose fields wait are counted with them; what remains open is said in remarks.
    if remarked := [sheet for sheet in sheets if sheet.remarks and not is_taken(ledger, sheet)]:
        yield Waiting(
            Obstacle.SHEETS,
            f"{'1 sheet has' if len(remarked) == 1 else f'{len(remarked):,} sheets have'} remarks that nobody accepted",
            _some([f"{sheet.sheet}: {sheet.remarks[0].replace(WHERE_BLANKS_COUNT, '')}" for sheet in remarked], "; "),
            "; what cannot be mended: tallymark ledger DIR --accept SHEET WHY",
            ", see the column 'remarks' of Marks in an export without --final",
        )


def _about_answers(left: LeftOpen) -> Iterator[Waiting]:
    if left.unreadable:
        then = ": somebody else may (tallymark review DIR), or says what counts instead"
        yield Waiting(Obstacle.UNREADABLE, f"{_fields(left.unreadable)} nobody could read", then=then)
    if left.disputed:
        said = f"{_fields(left.disputed)} disputed: two people differ, and a third decides"
        yield Waiting(Obstacle.DISPUTED, said, then=": tallymark review DIR")
    if left.second:
        said = f"{_fields(left.second)} {_wait(left.second)} for a second look (review.second in exam.toml)"
        yield Waiting(Obstacle.SECOND, said, then=": tallymark review DIR")


def _fields(number: int) -> str:
    return "1 field" if number == 1 else f"{number:,} fields"


def _wait(number: int) -> str:
    return "waits" if number == 1 else "wait"


def is_taken(ledger: Ledger, sheet: SettledSheet) -> bool:
    """Tell whether somebody takes a sheet as it is, with all its remarks."""
    return is_accepted(ledger.accepted, AcceptedKind.SHEET, sheet.sheet, sheet.remarks)


def _about_files(ledger: Ledger) -> Iterator[Waiting]:
    if hand := [line.name for line in ledger.lines if line.outcome == IN_HAND]:
        said = f"{_count(len(hand), 'file')} in hand, of which {_count_pages(ledger.waiting)} to be read"
        yield Waiting(Obstacle.IN_HAND, said, _some(hand), ": tallymark grade DIR goes on with them")
    if aside := ledger.quarantined:
        yield Waiting(
            Obstacle.QUARANTINE,
            f"{_count(len(aside), 'file')} in quarantine",
            _some([line.name for line in aside]),
            ": mend it and drop it in anew, then tallymark ledger DIR --accept FILE WHY",
        )


def _about_pages(ledger: Ledger) -> Iterator[Waiting]:
    copies, stacks = ledger.held
    if copies:
        said = f"{_count(len(copies), 'page')} held until somebody decides"
        yield Waiting(Obstacle.COPIES, said, _places(copies), ": tallymark pages DIR")
    if stacks:
        said = f"{_count(len(stacks), 'page')} held out of order"
        yield Waiting(Obstacle.STACKS, said, _places(stacks), ": tallymark stacks DIR")
    places = ": tallymark pages place DIR FILE:N puts one where it belongs, "
    for kind, what, then in (
        (PageOutcomeKind.FAILED, Obstacle.FAILED, places),
        (PageOutcomeKind.FOREIGN, Obstacle.FOREIGN, ": "),
    ):
        if rows := [row for row in ledger.open_pages if row.outcome is kind]:
            said = f"{_count(len(rows), f'{what.value} page')} not settled"
            yield Waiting(
                what, said, _places(rows), f"{then}tallymark ledger DIR --accept FILE:N WHY takes it as it is"
            )


def _count_pages(number: int) -> str:
    return "1 page waits" if number == 1 else f"{number:,} pages wait"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what} is" if number == 1 else f"{number:,} {what}s are"


def _places(rows: Sequence[PageRow]) -> str:
    return _some([row.place for row in rows])


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return between.join(names[:MOST_NAMED]) + more
