"""In which order fields wait for a person: kept sorted, and mended where something changed instead of sorted anew.

    Desk ─ what is open, what waits for a second answer ─► Lines ─ a line for each person, order, choice ─► next fields

With 50,000 fields waiting, sorting takes a tenth of a second; taking one field out of a line takes some microseconds.
"""

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from threading import RLock, Thread
from time import sleep
from typing import TypeAlias

from flows.export.flags_sheet import FlagRow, fields_by_name
from flows.records import FieldRow
from flows.review.desk import Desk, Seen
from flows.review.people import Person
from flows.review.scan_names import place_told
from flows.reviewer import is_same_person, person_of
from flows.settling import heading
from flows.trail import Turn, waits_for
from recognizer.records import Flag, ValueState
from recognizer.template import Role, SheetTemplate
from recognizer.values import expectation

MOST_LINES = 20
"""Lines that are kept, those that were asked for last: one takes 10 MB with 50,000 fields."""

BREATH = 500
BREATH_SECONDS = 0.001
"""While lines are sorted aside, a rest of this length comes after so many fields: requests go first."""

CONFIDENCE_STEPS = 1_000_000

MOST_SKIPPED = 5_000
"""Fields that one person may put off: who skips more does not review."""

DOUBT = "doubt"
"""The reason of a field that was read well, and is open since it does not agree with others."""

SECOND = "second"
"""The reason of a field that waits for a second answer."""


class Order(StrEnum):
    """By what fields are sorted."""

    SHEETS = "sheets"
    """The sheets with the fewest open fields first, each whole: what finishes most sheets soonest."""
    SHEET = "sheet"
    """As the sheets came in."""
    FIELD = "field"
    """One field of all sheets, then the next: one kind of writing after another."""
    SUREST = "surest"
    """What the machine is surest of first."""
    UNSUREST = "unsurest"
    """What it is least sure of first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the open fields are wanted; "" stands for all.

    `text` is looked for in sheet, file and question, as they are told to who asks.
    """

    reason: str = ""
    template: str = ""
    field: str = ""
    text: str = ""

    def takes(self, flag: FlagRow, reason: str, person: Person) -> bool:
        """Tell whether a field is wanted by a person."""
        row = flag.row
        if (self.reason and self.reason != reason) or (self.template and self.template != row.template):
            return False
        if self.field and self.field != row.field:
            return False
        wanted = self.text.casefold()
        return not wanted or any(
            wanted in each.casefold() for each in (row.sheet, place_told(person, row), flag.question)
        )


def waiting(desk: Desk, key: str) -> FlagRow | None:
    """Return a field if it waits for somebody, for a first answer or for a second one, as it stands now."""
    found = desk.is_open(key)
    if found is None and (row := desk.wants_look(key)) is not None:
        return look_at(desk, row)
    return found


def look_at(desk: Desk, row: FieldRow) -> FlagRow:
    """Return a field that waits for a second answer; nothing is told of the first."""
    at = desk.template_field(row)
    return FlagRow(row, "", heading(at) if at else row.field, expectation(at) if at else "")


def is_look(desk: Desk, flag: FlagRow) -> bool:
    """Tell whether a field waits for a second answer."""
    return flag.row.correction is not None and desk.wants_look(flag.row.key) is not None


def reason_of(desk: Desk, flag: FlagRow) -> str:
    """Return in one word why a field waits: its flag, that it does not agree with others, or a second look."""
    if is_look(desk, flag):
        return SECOND
    if flag.row.state is not ValueState.UNSETTLED:
        return DOUBT
    return (flag.row.flag or Flag.UNSURE).value


def turn_of(desk: Desk, person: Person, flag: FlagRow) -> Turn:
    """Return what one person may do about a field that waits for somebody."""
    row = flag.row
    if row.correction is None:
        return Turn.FIRST
    rows = desk.trail_of(row.key)
    if not rows:
        # Nobody answers unseen here: what one could not read waits for others.
        return Turn.NOTHING if _could_not_read(row, person) else Turn.FIRST
    turn = waits_for(rows, person.name, desk.exam.settings.review.second_share, lead=person.is_lead)
    if turn is Turn.NOTHING and row.state is not ValueState.UNSETTLED and desk.wants_look(row.key) is None:
        # Settled, and at odds with another field: whoever finds out which of them is wrong may say so.
        return Turn.FIRST
    return turn


def is_for(desk: Desk, person: Person, flag: FlagRow, choice: Choice) -> bool:
    """Tell whether a field that waits for somebody waits for this person."""
    if flag.row.correction is None:
        return not is_held_back(desk, person, flag.row)
    if turn_of(desk, person, flag):
        return True
    # Who asks for what nobody could read sees what he himself could not read, too.
    return choice.reason == Flag.UNREADABLE.value and _could_not_read(flag.row, person)


def is_held_back(desk: Desk, person: Person, row: FieldRow) -> bool:
    """Tell whether a field waits for this person only later: one that a sum decides in which a hidden answer stands.

    Whether such a field is open at all may follow from that answer: it settles the field, or contradicts it. So none of
    the sheet's marks and totals that nobody has spoken of waits for this person before he has answered those of which
    he must not see what others said.
    """
    if row.correction is not None or row.role not in (Role.MARK, Role.TOTAL):
        return False
    if not person.answers_unseen(desk.exam.settings.review):
        return False
    share = desk.exam.settings.review.second_share
    return any(
        waits_for(desk.trail_of(one.key), person.name, share) in (Turn.SECOND, Turn.THIRD)
        for one in desk.fields_of_sheet(row.sheet)
        if one.correction is not None
    )


def _could_not_read(row: FieldRow, person: Person) -> bool:
    said = row.correction
    return said is not None and not said.settles and is_same_person(said.reviewer, person.name)


@dataclass(slots=True)
class Line:
    """Some fields in an order. A place is one number that ends with the rank of its field, and so names it too."""

    ranks: "Ranks"
    place: Callable[[FlagRow], int]
    takes: Callable[[FlagRow], bool]
    _sorted: list[int] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def fill(self, flags: Iterable[FlagRow], breathe: Callable[[], None]) -> None:
        """Sort all fields that this line takes."""
        for count, flag in enumerate(flags):
            if not count % BREATH:
                breathe()
            if flag.row.key in self.ranks.field and self.takes(flag):
                self._places[flag.row.key] = self.place(flag)
        self._sorted = sorted(self._places.values())

    def put(self, key: str, flag: FlagRow | None) -> None:
        """Put a field where it belongs now, or take it out (None: it is not open)."""
        is_in = flag is not None and key in self.ranks.field and self.takes(flag)
        place = self.place(flag) if flag is not None and is_in else None
        old = self._places.get(key)
        if old == place:
            return
        if old is not None:
            del self._sorted[bisect_left(self._sorted, old)]
            del self._places[key]
        if place is not None:
            insort(self._sorted, place)
            self._places[key] = place

    def __len__(self) -> int:
        """Return how many fields wait in this line."""
        return len(self._sorted)

    def __contains__(self, key: object) -> bool:
        """Tell whether a field waits in this line."""
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        """Yield the keys of the fields, first come first."""
        return (self.ranks.keys[place % self.ranks.many] for place in self._sorted)


@dataclass(frozen=True, slots=True)
class Ranks:
    """In which order fields (by key), sheets, and the fields of templates come; `many` is more than any of them."""

    keys: tuple[str, ...]
    field: Mapping[str, int]
    sheet: Mapping[str, int]
    kind: Mapping[tuple[str, str], int]
    many: int

    def came(self, row: FieldRow) -> int:
        """Return the place of a field as the sheets came in."""
        return self.sheet[row.sheet] * self.many + self.field[row.key]


def _ranks(seen: Seen, templates: Sequence[SheetTemplate]) -> Ranks:
    fields: dict[str, int] = {}
    sheets: dict[str, int] = {}
    for rank, (key, row) in enumerate(seen.rows.items()):
        fields[key] = rank
        sheets.setdefault(row.sheet, rank)
    kinds = {named: rank for rank, named in enumerate(fields_by_name(templates))}
    return Ranks(tuple(fields), fields, sheets, kinds, len(fields) + len(kinds) + 1)


Asked: TypeAlias = tuple[Person, Order, Choice]


def _on() -> None:
    """Go on at once."""


class Lined:
    """Everything that waits, as the desk had it at one moment, in the lines that were asked for."""

    def __init__(self, desk: Desk, seen: Seen, wanted: Iterable[Asked] = (), *, aside: bool = False) -> None:
        """Sort everything; `aside`, while people go on, in small portions."""
        self._desk = desk
        self._version = desk.version
        self._ranks = _ranks(seen, desk.exam.sheets.templates)
        self._flags = {key: look_at(desk, row) for key, row in desk.second_looks().items()} | desk.open_flags()
        self._open = Counter(flag.row.sheet for flag in self._flags.values())
        self._lines: OrderedDict[Asked, Line] = OrderedDict()
        for asked in wanted:
            self.line(asked, (lambda: sleep(BREATH_SECONDS)) if aside else _on)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The lines that are kept."""
        return tuple(self._lines)

    def keep_up(self) -> bool:
        """Mend every line where something changed; False when the whole exam was looked at anew since."""
        version = self._desk.version
        changed = self._desk.changed_since(self._version)
        if changed is None:
            return False
        if changed:
            self._mend(changed)
        self._version = version
        return True

    def line(self, asked: Asked, breathe: Callable[[], None] = _on) -> Line:
        """Return a line, made the first time it is asked for."""
        found = self._lines.get(asked)
        if found is None:
            person, order, choice = asked
            found = self._lines[asked] = Line(self._ranks, self._placing(person, order), self._takes(person, choice))
            found.fill(self._flags.values(), breathe)
            while len(self._lines) > MOST_LINES:
                self._lines.popitem(last=False)
        self._lines.move_to_end(asked)
        return found

    def _mend(self, changed: Iterable[str]) -> None:
        for key in changed:
            flag, old = waiting(self._desk, key), self._flags.pop(key, None)
            if old is not None:
                self._open[old.row.sheet] -= 1
            if flag is not None:
                self._flags[key] = flag
                self._open[flag.row.sheet] += 1
        # How many fields of a sheet are open bears on the places of all of them: the desk tells whole sheets.
        for line in self._lines.values():
            for key in changed:
                line.put(key, self._flags.get(key))

    def _takes(self, person: Person, choice: Choice) -> Callable[[FlagRow], bool]:
        wants_all = choice == Choice()

        def takes(flag: FlagRow) -> bool:
            if not is_for(self._desk, person, flag, choice):
                return False
            return wants_all or choice.takes(flag, reason_of(self._desk, flag), person)

        return takes

    def _placing(self, person: Person, order: Order) -> Callable[[FlagRow], int]:
        is_unseen = person.answers_unseen(self._desk.exam.settings.review)
        confidence = _alone(self._desk) if is_unseen else _together
        still_open: Callable[[str], int] = _open_alone(self._desk) if is_unseen else self._open.__getitem__
        came, many, kind = self._ranks.came, self._ranks.many, self._ranks.kind

        def sheets(flag: FlagRow) -> int:
            # What one person has answered holds no sheet up as long as what nobody has.
            behind = many if is_look(self._desk, flag) else 0
            return (behind + still_open(flag.row.sheet)) * many * many + came(flag.row)

        def fields(flag: FlagRow) -> int:
            row = flag.row
            return kind.get((row.template, row.field), many - 1) * many * many + came(row)

        def surest(flag: FlagRow) -> int:
            sure = 0.0 if is_look(self._desk, flag) else confidence(flag.row)
            return round((1.0 - sure) * CONFIDENCE_STEPS) * many * many + came(flag.row)

        def unsurest(flag: FlagRow) -> int:
            return round(confidence(flag.row) * CONFIDENCE_STEPS) * many * many + came(flag.row)

        return {
            Order.SHEETS: sheets,
            Order.SHEET: lambda flag: came(flag.row),
            Order.FIELD: fields,
            Order.SUREST: surest,
            Order.UNSUREST: unsurest,
        }[order]


def _together(row: FieldRow) -> float:
    """Return how sure the machine is of a field, by all that is known."""
    return row.decision.confidence


def _alone(desk: Desk) -> Callable[[FieldRow], float]:
    """Return what tells how sure the machine is of a field by its picture alone.

    What it makes of other people's answers tells of them, even by the place of a field in a line.
    """

    def confidence(row: FieldRow) -> float:
        own = next((one for one in desk.fields_of_sheet(row.sheet) if one.key == row.key), row)
        return own.decision.confidence

    return confidence


def _open_alone(desk: Desk) -> Callable[[str], int]:
    """Return what tells how many fields of a sheet wait, whatever other fields make of what people said."""

    def still_open(sheet: str) -> int:
        return sum(
            one.state is ValueState.UNSETTLED or (one.correction is not None and desk.wants_look(one.key) is not None)
            for one in desk.fields_of_sheet(sheet)
        )

    return still_open


@dataclass(slots=True)
class Lines:
    """Every line that somebody works on, in step with the desk."""

    desk: Desk
    _lined: Lined | None = None
    _lock: RLock = field(default_factory=RLock)
    _sorter: Thread | None = None

    def keys(self, asked: Asked, most: int, take: Callable[[str], bool]) -> tuple[list[str], int]:
        """Return the first fields of a line that can be had, and how many wait in it, all others included.

        Args:
            asked: who asks, in which order, and for which fields.
            most: how many at most.
            take: takes a field for who asks; False while it is not wanted, or somebody else has it. It is asked of no
                more fields than needed, however many others have of those that come first.
        """
        with self._lock:
            lined = self._kept_up()
            if lined is None:
                return [], 0
            line = lined.line(asked)
            return list(islice(filter(take, line), most)), len(line)

    def warm(self, asked: Asked) -> None:
        """Begin to sort a line that is asked for in a moment."""
        Thread(target=self.keys, args=(asked, 0, bool), name="queue", daemon=True).start()

    def among(self, asked: Asked, keys: Iterable[str]) -> list[str]:
        """Return those of some fields that wait in a line, in the order in which they are given."""
        with self._lock:
            lined = self._kept_up()
            line = lined.line(asked) if lined is not None else ()
            return [key for key in keys if key in line]

    def _kept_up(self) -> Lined | None:
        """Return the lines as they are now. A whole exam is sorted aside: until then the old lines hold."""
        if self._lined is None and self.desk.seen is not None:
            self._lined = Lined(self.desk, self.desk.seen)
        if self._lined is not None and not self._lined.keep_up() and self._sorter is None:
            self._sorter = Thread(target=self._sort_aside, args=(self._lined.asked,), name="queue", daemon=True)
            self._sorter.start()
        return self._lined

    def _sort_aside(self, wanted: Iterable[Asked]) -> None:
        try:
            if self.desk.seen is not None:
                fresh = Lined(self.desk, self.desk.seen, wanted, aside=True)
                with self._lock:
                    self._lined = fresh
        finally:
            self._sorter = None


@dataclass(slots=True)
class Skipped:
    """What people would rather look at later: it goes to the end of their lines, until the review is started again."""

    _of: dict[str, dict[str, None]] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def put(self, person: Person, key: str) -> None:
        """Put a field behind all others, those that were put there before too."""
        with self._lock:
            mine = self._of.setdefault(person_of(person.name), {})
            mine.pop(key, None)
            mine[key] = None
            while len(mine) > MOST_SKIPPED:
                del mine[next(iter(mine))]

    def drop(self, person: Person, key: str) -> None:
        """Forget that a field was skipped: it has been decided."""
        with self._lock:
            self._of.get(person_of(person.name), {}).pop(key, None)

    def of(self, person: Person) -> tuple[str, ...]:
        """Return what a person skipped, in that order."""
        with self._lock:
            return tuple(self._of.get(person_of(person.name), ()))
