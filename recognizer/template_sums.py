"""What the totals of a sheet add up: marks, and other totals. Pure.

A total says so itself, by name or by pattern (`adds = ["q*"]`); the last total of a template that does not adds all
its marks. Two totals may share marks only where one holds all that the other does, as a grand total holds sub-totals.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from recognizer.template_fields import Kind, Role, SheetField
from recognizer.template_source import Key, Problem

WILD = ("*", "?")
"""What makes a pattern of a name: any characters, any one character."""

ADDABLE = (Role.MARK, Role.TOTAL)


def added_by(fields: Sequence[SheetField]) -> dict[str, tuple[str, ...]]:
    """Return what each total adds, in template order: names of marks and of other totals, each once.

    >>> place = {"kind": "number", "x": 9, "y": 40, "width": 18, "height": 11}
    >>> marks = [SheetField(name=f"q{n}", role="mark", question=f"{n}", maximum=10, **place) for n in (1, 2, 3)]
    >>> part = SheetField(name="part", role="total", adds=["q1", "q2"], **place)
    >>> added_by([*marks, part, SheetField(name="all", role="total", adds=["part", "q3"], **place)])
    {'part': ('q1', 'q2'), 'all': ('q3', 'part')}
    >>> added_by([*marks, part, SheetField(name="all", role="total", **place)])
    {'part': ('q1', 'q2'), 'all': ('q1', 'q2', 'q3')}
    """
    totals = [field for field in fields if field.role is Role.TOTAL]
    return {field.name: _direct(field, field is totals[-1], fields) for field in totals}


def marks_of(added: Mapping[str, Sequence[str]], total: str) -> tuple[str, ...]:
    """Return the marks that a total adds, its sub-totals' among them; those of a circle are left out."""
    found: list[str] = []

    def gather(name: str, above: tuple[str, ...]) -> None:
        for each in added.get(name, ()):
            if each not in added:
                found.append(each)
            elif each not in above:
                gather(each, (*above, each))

    gather(total, (total,))
    return tuple(found)


def whole_total(fields: Sequence[SheetField]) -> str:
    """Return the last total that adds every mark, "" when none does."""
    added = added_by(fields)
    marks = {field.name for field in fields if field.role is Role.MARK and field.kind is not Kind.IMAGE}
    whole = [name for name in added if set(marks_of(added, name)) == marks]
    return whole[-1] if whole and marks else ""


def sum_problems(placed: Sequence[tuple[Key, SheetField]]) -> Iterator[Problem]:
    """Yield what cannot be of the totals of a template."""
    fields = [field for _, field in placed]
    totals = [(where, field) for where, field in placed if field.role is Role.TOTAL]
    unsaid: SheetField | None = None
    for where, field in totals:
        if unsaid is not None:
            yield Problem(
                (*where, "role"),
                f"{unsaid.name} is the total already; of several totals, each but the last says what it adds, such as "
                'adds = ["q1", "q2"]',
            )
        unsaid = field if field.adds is None else unsaid
    added = added_by(fields)
    wrong = False
    for where, field in totals:
        for message in _entry_problems(field, fields):
            wrong = True
            yield Problem((*where, "adds"), message)
    for where, field in totals:
        if circle := _circle(field.name, added):
            wrong = True
            yield Problem((*where, "adds"), f"goes round in a circle: {' adds '.join(circle)}")
    if not wrong:
        yield from _shared_marks(totals, added)


def _direct(total: SheetField, is_last: bool, fields: Sequence[SheetField]) -> tuple[str, ...]:
    if total.adds is None:
        return tuple(f.name for f in fields if f.role is Role.MARK and f.kind is not Kind.IMAGE) if is_last else ()
    return tuple(
        dict.fromkeys(
            field.name
            for field in fields
            if field.role in ADDABLE and field is not total and any(_means(entry, field.name) for entry in total.adds)
        )
    )


def _means(entry: str, name: str) -> bool:
    return fnmatchcase(name, entry) if _is_pattern(entry) else entry == name


def _is_pattern(entry: str) -> bool:
    return any(wild in entry for wild in WILD)


def _entry_problems(total: SheetField, fields: Sequence[SheetField]) -> Iterator[str]:
    """Yield what is wrong with each thing that a total says it adds."""
    names = {field.name: field for field in fields}
    seen: set[str] = set()
    for entry in total.adds or ():
        if _is_pattern(entry):
            if not any(f.role in ADDABLE and f is not total and fnmatchcase(f.name, entry) for f in fields):
                yield f"no mark and no other total is named like '{entry}'"
        elif entry == total.name:
            yield f"{entry} cannot add itself"
        elif entry not in names:
            near = difflib.get_close_matches(entry, [f.name for f in fields if f.role in ADDABLE], n=1)
            yield f"there is no field '{entry}'{f'; did you mean {near[0]}?' if near else ''}"
        elif names[entry].role not in ADDABLE:
            yield f"{entry} has the role {names[entry].role}; a total adds marks and other totals"
        elif entry in seen:
            yield f"{entry} stands twice"
        seen.add(entry)


def _circle(start: str, added: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the way from a total back to itself, both ends named; empty when there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        for each in added.get(way[-1], ()):
            if each == start:
                return [*way, start]
            if each in added and each not in seen:
                seen.add(each)
                ways.append([*way, each])
    return []


def _shared_marks(totals: Sequence[tuple[Key, SheetField]], added: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Yield marks that a total counts twice, and those that two totals share neither of which holds the other."""
    holds = {field.name: marks_of(added, field.name) for _, field in totals}
    for index, (where, field) in enumerate(totals):
        mine = holds[field.name]
        if twice := [name for name in dict.fromkeys(mine) if mine.count(name) > 1]:
            yield Problem((*where, "adds"), f"{twice[0]} is added twice, by itself and in a total that is added too")
        for _, other in totals[:index]:
            common = set(mine) & set(holds[other.name])
            if common and common != set(mine) and common != set(holds[other.name]):
                name = next(each for each in mine if each in common)
                yield Problem(
                    (*where, "adds"),
                    f"{name} is added by {other.name} as well, and neither total holds all that the other adds",
                )
