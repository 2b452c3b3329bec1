"""What is shown to a person who must not be told what somebody else said: nothing that follows from it either.

In blind review an answer that waits for a second one is hidden (`blind.hidden_keys`). What other fields and sheets make
of it tells of it too: the sum of its sheet, guesses by that sum, and whose the other sheets are. So to such a person

    marks and totals of a sheet with a hidden answer   are what the machine alone reads in their pictures
    the number of a candidate, on any sheet            is what the machine alone reads, or what may be seen of people
    remarks                                            are none of a sheet with a hidden answer, none by other sheets

Leads see everything: they give no blind answers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from flows.export.flags_sheet import FlagRow
from flows.records import FieldRow
from flows.results import Match, Settler
from flows.review.blind import hidden_keys
from flows.review.catalogue import Index, SheetNow
from flows.review.office import Office
from flows.review.people import Person
from flows.review.queue_order import is_held_back
from flows.settling import Identity, SettledSheet
from recognizer.records import ValueState
from recognizer.template import Role

SUMMED_UP = (Role.MARK, Role.TOTAL)
"""Fields that a sum decides together."""

SUM_UNSEEN = "The sum is shown when you have answered all of this sheet."
REMARKS_UNSEEN = "Remarks are shown when you have answered all of this sheet."
EXTRA_PAPER = "extra paper"
"""How remarks begin that say to which other sheet extra paper belongs, or why to none (`flows.belonging`)."""

WHOSE_UNSEEN = "what the class list says is shown to leads only: others answer unseen here"


@dataclass(slots=True)
class Sight:
    """What one person may see of an exam, as it is at the moment: made anew for every request."""

    office: Office
    person: Person
    _sheets: dict[str, tuple[Mapping[str, FieldRow], frozenset[str]]] = field(default_factory=dict)

    @property
    def is_blind(self) -> bool:
        """Whether anything has to be hidden at all."""
        return self.person.answers_unseen(self.office.exam.settings.review)

    def hidden(self, sheet: str) -> frozenset[str]:
        """Return the fields of a sheet, by key, of which this person must not see what others said."""
        return self._of(sheet)[1] if self.is_blind else frozenset()

    def hides(self, row: FieldRow) -> bool:
        """Tell whether a mark or a total, or the number of a candidate, is shown as the machine alone reads it."""
        return self.is_blind and (row.role is Role.ID or (row.role in SUMMED_UP and bool(self.hidden(row.sheet))))

    def row(self, row: FieldRow) -> FieldRow:
        """Return a field as this person may see it."""
        if not self.is_blind:
            return row
        alone, hidden = self._of(row.sheet)
        own = alone.get(row.key)
        if row.correction is not None:
            # Of what the desk has not seen yet, or knows on another sheet, it is asked by itself.
            is_known = own is not None and own.correction is not None
            if row.key in hidden or (not is_known and hidden_keys(self.office, self.person, [row])):
                row = replace(row, correction=None)
        if own is None or own.decision == row.decision or not self.hides(row):
            return row
        return replace(row, decision=own.decision, settled_by=Settler.READING)

    def flag(self, flag: FlagRow) -> FlagRow:
        """Return an open field as this person may see it, with a reason that tells nothing of other fields."""
        row = self.row(flag.row)
        if not self.hides(flag.row):
            return replace(flag, row=row) if row is not flag.row else flag
        if row is flag.row and row.state is ValueState.UNSETTLED:
            return flag
        neutral = WHOSE_UNSEEN if row.role is Role.ID else SUM_UNSEEN
        return replace(flag, row=row, why=row.why if row.state is ValueState.UNSETTLED else neutral)

    def open_flags(self) -> tuple[FlagRow, ...]:
        """Return the fields that wait for somebody, as this person may see them."""
        desk = self.office.desk
        if not self.is_blind:
            return tuple(desk.open_flags().values())
        return tuple(self.office.shown_flags.of(self.person, desk, self._showing))

    def _showing(self) -> Callable[[FlagRow], FlagRow | None]:
        # Not by what this one has looked up before: what is kept would be older than the version that it is kept as.
        sight, desk = Sight(self.office, self.person), self.office.desk

        def shown(flag: FlagRow) -> FlagRow | None:
            return None if is_held_back(desk, sight.person, flag.row) else sight.flag(flag)

        return shown

    def is_open(self, key: str) -> bool:
        """Tell whether a field waits for somebody, as far as this person may know it."""
        return key in self.open_why([key])

    def open_why(self, keys: Iterable[str]) -> dict[str, str]:
        """Return those of some fields that wait for somebody, and why, as this person may know it."""
        desk = self.office.desk
        flags = [flag for key in keys if (flag := desk.is_open(key)) is not None]
        return {flag.row.key: self.flag(flag).why for flag in flags if not is_held_back(desk, self.person, flag.row)}

    def number(self, sheet: str) -> str:
        """Return the number of a candidate that stands on a sheet, as far as this person may know it; "" if unknown."""
        rows = [self.row(row) for row in self._of(sheet)[0].values() if row.role is Role.ID and row.counts]
        values = {row.value for row in rows if row.state is ValueState.VALUE}
        return values.pop() if len(values) == 1 else ""

    def remarks(self, sheet: SettledSheet, match: Match | None) -> tuple[str, ...]:
        """Return the remarks on a sheet that this person may see.

        What the class list says is a matter of all sheets, so of hidden answers too.
        """
        if not self.is_blind or not sheet.remarks:
            return sheet.remarks
        by_others = match.why if match is not None else ""
        found = tuple(each for each in sheet.remarks if each != by_others and not each.startswith(EXTRA_PAPER))
        return () if found and self.hidden(sheet.sheet) else found

    def order(self, index: Index) -> tuple[str, ...]:
        """Return the sheets in the order in which this person finds them: where extra paper lies tells whose it is."""
        return index.came if self.is_blind else index.order

    def sheet(self, now: SheetNow) -> SheetNow:
        """Return a sheet as this person may see it. What it adds up to is for `sheet_record` to leave out."""
        if not self.is_blind:
            return now
        name, settled = now.settled.sheet, now.settled
        rows = {key: self.row(row) for key, row in now.rows.items()}
        ids = [row for row in rows.values() if row.role is Role.ID]
        by_person, number = any(row.correction for row in ids), self.number(name)
        state = ValueState.VALUE if number else ValueState.UNSETTLED
        hidden = self.hidden(name)
        asked = {} if hidden else {key: why for key, why in settled.questioned.items() if not _is_id(rows, key)}
        shown = replace(
            settled,
            identity=Identity(state, number, WHOSE_UNSEEN, by_person=by_person),
            remarks=(REMARKS_UNSEEN,) if hidden else self.remarks(settled, now.match),
            questioned=MappingProxyType(asked),
            notes=() if hidden else settled.notes,
            extra_of="",
            extras=(),
        )
        return SheetNow(shown, now.result, None, rows)

    def _of(self, sheet: str) -> tuple[Mapping[str, FieldRow], frozenset[str]]:
        """Return the fields of a sheet as their own pictures say, and which of them hide what others said."""
        found = self._sheets.get(sheet)
        if found is None:
            rows = self.office.desk.fields_of_sheet(sheet)
            found = {row.key: row for row in rows}, hidden_keys(self.office, self.person, rows)
            self._sheets[sheet] = found
        return found


def _is_id(rows: Mapping[str, FieldRow], key: str) -> bool:
    return key in rows and rows[key].role is Role.ID
