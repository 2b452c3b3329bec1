"""What stands in the way of a final export: everything that still waits for a person, a line each. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flows.acceptances import AcceptedKind, is_accepted
from flows.batches import Batch
from flows.batches import in_words as batch_in_words
from flows.ledger import IN_HAND, Ledger
from flows.ledger import in_words as ledger_in_words
from flows.records import FieldRow, PageRow, TrailRow
from flows.settling import SettledSheet
from flows.trail import by_key, standing, waits_for_second
from recognizer.records import Flag, PageOutcomeKind

MOST_NAMED = 3
"""Files, pages or sheets that one line names; `tallymark ledger` and the sheet Marks name all."""


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
    told = []
    if untouched := flags - left.unreadable - left.disputed:
        told.append(
            f"{untouched:,} fields wait for a person; they stand on the sheet Flags of an export without --final"
        )
    told += _about_answers(left)
    told += [f"{batch_in_words(batch)}; tallymark batches explains it" for batch in batches if batch.blocks]
    if not ledger.closes:
        told.append(ledger_in_words(ledger))
    told += _about_files(ledger)
    told += _about_pages(ledger)
    # Sheets whose fields wait are counted with them; what remains open is said in remarks.
    if remarked := [sheet for sheet in sheets if sheet.remarks and not _is_taken(ledger, sheet)]:
        named = _some([f"{sheet.sheet}: {sheet.remarks[0]}" for sheet in remarked], "; ")
        told.append(
            f"{_count(len(remarked), 'sheet')} open, see the column 'remarks' of Marks in an export without --final "
            f"({named}); what cannot be mended: tallymark ledger DIR --accept SHEET WHY"
        )
    return tuple(told)


def _about_answers(left: LeftOpen) -> Iterable[str]:
    if left.unreadable:
        yield (
            f"{_fields(left.unreadable)} nobody could read: somebody else may (tallymark review DIR), or says what "
            "counts instead"
        )
    if left.disputed:
        yield f"{_fields(left.disputed)} disputed: two people differ, and a third decides: tallymark review DIR"
    if left.second:
        waits = "waits" if left.second == 1 else "wait"
        yield f"{_fields(left.second)} {waits} for a second look (review.second in exam.toml): tallymark review DIR"


def _fields(number: int) -> str:
    return "1 field" if number == 1 else f"{number:,} fields"


def _is_taken(ledger: Ledger, sheet: SettledSheet) -> bool:
    return is_accepted(ledger.accepted, AcceptedKind.SHEET, sheet.sheet, sheet.remarks)


def _about_files(ledger: Ledger) -> Iterable[str]:
    if hand := [line.name for line in ledger.lines if line.outcome == IN_HAND]:
        yield (
            f"{_count(len(hand), 'file')} in hand, of which {ledger.waiting:,} pages wait to be read ({_some(hand)}): "
            "tallymark grade DIR goes on with them"
        )
    if aside := ledger.quarantined:
        yield (
            f"{_count(len(aside), 'file')} in quarantine ({_some([line.name for line in aside])}): mend it and drop it "
            "in anew, then tallymark ledger DIR --accept FILE WHY"
        )


def _about_pages(ledger: Ledger) -> Iterable[str]:
    copies, stacks = ledger.held
    if copies:
        yield f"{_count(len(copies), 'page')} held until somebody decides ({_places(copies)}): tallymark pages DIR"
    if stacks:
        yield f"{_count(len(stacks), 'page')} held out of order ({_places(stacks)}): tallymark stacks DIR"
    for kind, what in ((PageOutcomeKind.FAILED, "failed"), (PageOutcomeKind.FOREIGN, "foreign")):
        if rows := [row for row in ledger.open_pages if row.outcome is kind]:
            place = (
                "tallymark pages place DIR FILE:N puts one where it belongs, " if kind is PageOutcomeKind.FAILED else ""
            )
            yield (
                f"{_count(len(rows), f'{what} page')} not settled ({_places(rows)}): {place}"
                "tallymark ledger DIR --accept FILE:N WHY takes it as it is"
            )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what} is" if number == 1 else f"{number:,} {what}s are"


def _places(rows: Sequence[PageRow]) -> str:
    return _some([row.place for row in rows])


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return between.join(names[:MOST_NAMED]) + more
