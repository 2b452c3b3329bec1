"""Open fields of which the machine guesses the same, to be verified together. Pure.

    open fields ─wall_groups─► groups of one guess ─page_of─► the sixty least certain of a group

A person sees at once which of sixty crops is no 7. Numbers of candidates are not verified so: each has its own.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from flows.export.flags_sheet import FlagRow
from flows.records import FieldRow
from recognizer.errors import ValueNotAllowedError
from recognizer.template import Kind, Role, SheetField
from recognizer.values import ABSENT, NOTHING_AWARDED, parse_value

WALL = 60
"""Fields on a page: ten in a row on a wide screen, and all of them seen without scrolling."""

ROLES: Mapping[Role, str] = {
    Role.MARK: "marks",
    Role.TOTAL: "totals",
    Role.ANSWER: "answers",
    Role.NONE: "other fields",
}
"""What may stand on a wall, and what it is called there."""

HOW: Mapping[Kind, str] = {Kind.NUMBER: "in one cell", Kind.DIGITS: "in boxes", Kind.CHOICE: "ticked"}

WORTH_A_WALL = 2
"""Fields of a group; one alone is decided in the queue."""

GROUP_PARTS = 3
"""A group is named by the role, the kind and the guess of its fields, with points between."""


@dataclass(frozen=True, slots=True)
class Group:
    """Open fields of one role and kind with one guess ("" is blank), the least certain first."""

    name: str
    role: Role
    kind: Kind
    guess: str
    flags: tuple[FlagRow, ...]

    @property
    def title(self) -> str:
        """What the group is called."""
        return group_title(self.flags[0].row)

    @property
    def what(self) -> str:
        """What its fields are."""
        return f"{ROLES[self.role]}, {HOW.get(self.kind, self.kind.value)}"

    @property
    def least(self) -> float:
        """How sure the machine is of the least certain one."""
        return self.flags[0].row.decision.confidence

    @property
    def pages(self) -> int:
        """How many pages it fills."""
        return -(-len(self.flags) // WALL)


def group_title(row: FieldRow) -> str:
    """Return what fields are called of which the machine guesses the same as of this one."""
    if row.role is Role.ID:
        return "numbers of candidates"
    said = row.decision.guess_in_words or "blank"
    if row.kind is Kind.CHOICE and row.decision.guess:
        return f"ticked {said}"
    return {
        NOTHING_AWARDED: f"read as {NOTHING_AWARDED} (a dash)",
        ABSENT: f"read as {ABSENT} (absent)",
        "blank": "read as blank",
    }.get(said, f"read as {said}")


def wall_groups(
    flags: Iterable[FlagRow],
    field_of: Callable[[FieldRow], SheetField | None],
    struck: Mapping[str, str],
    settles: Callable[[FieldRow], bool] = lambda _: True,
) -> tuple[Group, ...]:
    """Return the groups of open fields, the largest first.

    Left out are numbers of candidates, fields of which the machine has no guess or one that they may not hold, those
    that a person has answered already, those that somebody struck, and those whose guess `settles` nothing.
    """
    groups = _grouped(flags, field_of, struck, settles)
    return tuple(sorted(groups, key=lambda group: (-len(group.flags), group.name)))


def named_group(
    name: str,
    flags: Iterable[FlagRow],
    field_of: Callable[[FieldRow], SheetField | None],
    struck: Mapping[str, str],
    settles: Callable[[FieldRow], bool] = lambda _: True,
) -> Group | None:
    """Return one of the groups that `wall_groups` returns, None when there is none of that name."""
    *_, guess = name.split(".", GROUP_PARTS - 1)
    # Looked at before anything else: of fifty thousand fields most have another guess.
    alike = (flag for flag in flags if flag.row.decision.guess == guess)
    return next((group for group in _grouped(alike, field_of, struck, settles) if group.name == name), None)


def _grouped(
    flags: Iterable[FlagRow],
    field_of: Callable[[FieldRow], SheetField | None],
    struck: Mapping[str, str],
    settles: Callable[[FieldRow], bool],
) -> list[Group]:
    found: dict[tuple[Role, Kind, str], list[FlagRow]] = defaultdict(list)
    fits: dict[tuple[str, str, str], bool] = {}
    for flag in flags:
        row, guess = flag.row, flag.row.decision.guess
        if row.role not in ROLES or row.correction is not None or struck.get(row.key) == row.revision:
            continue
        place = (row.template, row.field, guess)
        if place not in fits:
            fits[place] = may_hold(field_of(row), guess)
        if fits[place] and row.decision.guess_in_words and settles(row):
            found[row.role, row.kind, guess].append(flag)
    return [_group(*alike, rows) for alike, rows in found.items()]


def may_hold(field: SheetField | None, guess: str) -> bool:
    """Tell whether a field may hold what the machine guesses."""
    if field is None:
        return False
    try:
        return parse_value(field, guess) == guess
    except ValueNotAllowedError:
        return False


def page_of(
    group: Group, without: Collection[str], take: Callable[[str], bool], most: int = WALL
) -> tuple[FlagRow, ...]:
    """Return the next page of a group: the least certain fields that nobody else has on the screen.

    Args:
        group: the group.
        without: keys of fields that are on the screen already.
        take: takes a field for who asks; False while somebody else has it.
        most: fields on a page.
    """
    page: list[FlagRow] = []
    for flag in group.flags:
        if len(page) == most:
            break
        if flag.row.key not in without and take(flag.row.key):
            page.append(flag)
    return tuple(page)


def _group(role: Role, kind: Kind, guess: str, flags: list[FlagRow]) -> Group:
    flags.sort(key=lambda flag: (flag.row.decision.confidence, flag.row.key))
    return Group(f"{role.value}.{kind.value}.{guess}", role, kind, guess, tuple(flags))
