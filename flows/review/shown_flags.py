"""The open fields as each person may see them, kept in step with the desk: worked out anew only where it changed."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from flows.export.flags_sheet import FlagRow
from flows.review.desk import Desk
from flows.review.people import Person

MOST_PEOPLE = 40
"""People whose fields are kept, those who asked last: one takes 5 MB with 20,000 fields."""


@dataclass(slots=True)
class _Kept:
    version: int = -1
    flags: dict[str, FlagRow] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class ShownFlags:
    """What is kept of each person."""

    _of: OrderedDict[Person, _Kept] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, person: Person, desk: Desk, see: Callable[[], Callable[[FlagRow], FlagRow | None]]) -> list[FlagRow]:
        """Return the open fields as a person may see them.

        Args:
            person: who asks.
            desk: what is open.
            see: returns what shows a field (None: not to this person), by what stands when it is called.
        """
        kept = self._kept(person)
        with kept.lock:
            # The version first, and only then what is shown of it: what changes meanwhile is worked out again.
            version = desk.version
            changed = desk.changed_since(kept.version) if kept.version >= 0 else None
            if changed is None:
                shown = see()
                kept.flags = {key: one for key, flag in desk.open_flags().items() if (one := shown(flag)) is not None}
            elif changed:
                shown = see()
                for key in changed:
                    flag = desk.is_open(key)
                    one = shown(flag) if flag is not None else None
                    if one is None:
                        kept.flags.pop(key, None)
                    else:
                        kept.flags[key] = one
            kept.version = version
            return list(kept.flags.values())

    def _kept(self, person: Person) -> _Kept:
        with self._lock:
            kept = self._of.setdefault(person, _Kept())
            self._of.move_to_end(person)
            while len(self._of) > MOST_PEOPLE:
                self._of.popitem(last=False)
            return kept
