"""What stands in the way of a final export: everything that still waits for a person, a line each. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flows.acceptances import AcceptedKind, is_accepted
from flows.batches import Batch
from flows.batches import in_words as batch_in_words
from flows.checking import Standing
from flows.checking import in_words as check_in_words
from flows.ledger import IN_HAND, Ledger
from flows.ledger import in_words as ledger_in_words
from flows.records import PageRow
from flows.settling import SettledSheet
from recognizer.records import PageOutcomeKind

MOST_NAMED = 3
"""Files, pages or sheets that one line names; `tallymark ledger` and the sheet Marks name all."""


class Obstacle(StrEnum):
    """What may keep an exam from being final."""

    CHECKS = "checks"
    FIELDS = "fields"
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


def what_blocks(
    standing: Standing,
    ledger: Ledger,
    sheets: Sequence[SettledSheet],
    batches: Iterable[Batch],
    *,
    flags: int,
    rules: str = "",
) -> tuple[Waiting, ...]:
    """Return everything for which a final export is refused.

    Args:
        standing: how the promise stands.
        ledger: what came in.
        sheets: every sheet as it is settled.
        batches: every batch with what it holds.
        flags: how many fields wait for a person.
        rules: that changed rules are not recorded, in words; "" when they are.
    """
    told = [Waiting(Obstacle.CHECKS, " ".join(check_in_words(standing)))] if standing.blocks else []
    told += _waiting(ledger, sheets, batches, flags)
    if rules:
        told.append(Waiting(Obstacle.RULES, rules))
    if claimed := len(ledger.claimed):
        said = f"{claimed:,} pages say a number that others say too, and are not joined"
        told.append(Waiting(Obstacle.NUMBERS, said, then=": tallymark stacks DIR"))
    return tuple(told)


def what_waits(ledger: Ledger, sheets: Sequence[SettledSheet], batches: Iterable[Batch], flags: int) -> tuple[str, ...]:
    """Return one line for each kind of thing that waits: how many, the first by name, and what to do about them."""
    return tuple(one.in_words() for one in _waiting(ledger, sheets, batches, flags))


def _waiting(ledger: Ledger, sheets: Sequence[SettledSheet], batches: Iterable[Batch], flags: int) -> Iterator[Waiting]:
    if flags:
        then = "; they stand on the sheet Flags of an export without --final"
        yield Waiting(Obstacle.FIELDS, f"{flags:,} fields wait for a person", then=then)
    for batch in batches:
        if batch.blocks:
            yield Waiting(Obstacle.BATCH, batch_in_words(batch), then="; tallymark batches explains it")
    if not ledger.closes:
        yield Waiting(Obstacle.LEDGER, ledger_in_words(ledger))
    yield from _about_files(ledger)
    yield from _about_pages(ledger)
    # Sheets whose fields wait are counted with them; what remains open is said in remarks.
    if remarked := [sheet for sheet in sheets if sheet.remarks and not _is_taken(ledger, sheet)]:
        yield Waiting(
            Obstacle.SHEETS,
            f"{_count(len(remarked), 'sheet')} open",
            _some([f"{sheet.sheet}: {sheet.remarks[0]}" for sheet in remarked], "; "),
            "; what cannot be mended: tallymark ledger DIR --accept SHEET WHY",
            ", see the column 'remarks' of Marks in an export without --final",
        )


def _is_taken(ledger: Ledger, sheet: SettledSheet) -> bool:
    return is_accepted(ledger.accepted, AcceptedKind.SHEET, sheet.sheet, sheet.remarks)


def _about_files(ledger: Ledger) -> Iterator[Waiting]:
    if hand := [line.name for line in ledger.lines if line.outcome == IN_HAND]:
        said = f"{_count(len(hand), 'file')} in hand, of which {ledger.waiting:,} pages wait to be read"
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


def _count(number: int, what: str) -> str:
    return f"{number:,} {what} is" if number == 1 else f"{number:,} {what}s are"


def _places(rows: Sequence[PageRow]) -> str:
    return _some([row.place for row in rows])


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return between.join(names[:MOST_NAMED]) + more
