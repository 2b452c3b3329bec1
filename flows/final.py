"""What stands in the way of a final export: everything that still waits for a person, a line each. Pure."""

from collections.abc import Iterable, Sequence

from flows.acceptances import AcceptedKind, is_accepted
from flows.batches import Batch
from flows.batches import in_words as batch_in_words
from flows.ledger import IN_HAND, Ledger
from flows.ledger import in_words as ledger_in_words
from flows.records import PageRow
from flows.settling import SettledSheet
from recognizer.records import PageOutcomeKind

MOST_NAMED = 3
"""Files, pages or sheets that one line names; `tallymark ledger` and the sheet Marks name all."""


def what_waits(ledger: Ledger, sheets: Sequence[SettledSheet], batches: Iterable[Batch], flags: int) -> tuple[str, ...]:
    """Return one line for each kind of thing that waits: how many, the first by name, and what to do about them."""
    told = []
    if flags:
        told.append(f"{flags:,} fields wait for a person; they stand on the sheet Flags of an export without --final")
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
