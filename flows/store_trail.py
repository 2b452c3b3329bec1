"""The part of the database about what people say of fields: rows of one chain, only ever inserted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from flows.errors import TokenUsedError
from flows.records import Correction, FieldRow, TrailRow
from flows.reviewer import is_same_person
from flows.store_chain import (
    MOST_ASKED,
    altered_triggers,
    crop_hashes,
    highest_number,
    raw_links,
    rows_with_hash,
    say,
    sent_before,
    sent_together,
    stored_trail,
    trail_of,
)
from flows.store_together import STORED, Joined, fields_together
from flows.store_transactions import Transactions
from flows.trail import Chain, by_key, prove, said_in

CHANGES = text(f"{STORED.text} || '.' || (SELECT coalesce(max(number), 0) FROM corrections)")
"""Another text whenever something was stored that bears on decisions."""


class TrailStore(Transactions):
    """What `flows.store.Store` does for the trail of corrections."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        super().__init__(folder, engine)
        self._joined = Joined()

    def trail(self, key: str | None = None) -> tuple[TrailRow, ...]:
        """Return the whole trail of what people said, or that of one field, oldest first."""
        with self._read() as connection:
            return stored_trail(connection, key)

    def corrections(self) -> tuple[Correction, ...]:
        """Return everything that people said, oldest first; also what was taken back, but not the taking back."""
        return said_in(self.trail())

    def field(self, key: str) -> FieldRow | None:
        """Return one field with what stands of people's words, None if no page that counts has it."""
        with self._read() as connection:
            return next(iter(self._fields(connection, [key])), None)

    def fields_with_trails(self, keys: Iterable[str]) -> list[tuple[FieldRow, tuple[TrailRow, ...]]]:
        """Return some fields of pages that count, each with its trail, as they stand at one moment."""
        wanted, found = list(keys), []
        with self._read() as connection:
            for at in range(0, len(wanted), MOST_ASKED):
                some = wanted[at : at + MOST_ASKED]
                trails = by_key(trail_of(connection, some))
                found += [(row, tuple(trails.get(row.key, ()))) for row in self._fields(connection, some)]
        return found

    def chain(self, noted: str = "") -> Chain:
        """Prove the chain of corrections as it stands in the database, whatever stands there.

        `noted` is the hash of its last row as it was noted earlier.
        """
        with self._read() as connection:
            chain = prove(raw_links(connection), highest_number(connection), noted)
            return replace(chain, unprotected=altered_triggers(connection))

    def rows_with_hash(self, hashes: Iterable[str]) -> dict[str, int]:
        """Return the numbers of the rows of the trail that have some hashes, by hash; an empty trail's is row 0."""
        with self._read() as connection:
            return rows_with_hash(connection, hashes)

    def crop_hashes(self, keys: Iterable[str]) -> dict[str, str]:
        """Return the SHA-256 of the pictures of some fields as they are now, by key; of those that have one."""
        with self._read() as connection:
            return crop_hashes(connection, list(keys))

    def changes(self) -> str:
        """Return a short text that is another one whenever something was stored that bears on decisions."""
        with self._read() as connection:
            return str(connection.execute(CHANGES).scalar_one())

    def insert_corrections(self, said: Sequence[Correction]) -> None:
        """Store what people said, all of it or (on any error) none of it. May be done while another process grades."""
        with self._write() as connection:
            say(connection, said)

    def correct(self, choose: Callable[[tuple[FieldRow, ...]], Sequence[Correction]]) -> None:
        """Have corrections chosen in view of every field, and store them, before anything else can be written.

        What is read and what is stored make one transaction: nobody corrects or regrades a field in between. An error
        in `choose` passes through, and nothing is stored.

        Args:
            choose: given every field as `fields` returns them, returns what people say of them. It must not write.
        """
        with self._write() as connection:
            say(connection, choose(fields_together(connection)))

    def decide_field(
        self,
        key: str,
        token: str,
        choose: Callable[[FieldRow, tuple[TrailRow, ...]], Correction],
        *,
        reviewer: str | None = None,
    ) -> tuple[TrailRow, bool]:
        """Have one field decided in view of its trail, and store that, before anything else can be written.

        Nothing but this field is read. An error in `choose` passes through, and nothing is stored.

        Args:
            key: the field.
            token: given by who sends the decision ("" for none): sent again, it finds what was stored the first time.
            choose: given the field and its trail, returns what is said of it. It must not write.
            reviewer: who sends it, None if that is no matter: a token finds nothing that somebody else said.

        Returns:
            The row, and whether it was stored now.

        Raises:
            KeyError: no page that counts has such a field.
            TokenUsedError: the token came with another field before, or from somebody else.
        """
        with self._write() as connection:
            if (before := sent_before(connection, token)) is not None:
                _refuse_other(token, [before], [key], reviewer)
                return before, False
            (row,) = _each(self._fields(connection, [key]), [key])
            said = replace(choose(row, stored_trail(connection, key)), token=token)
            _refuse_stray(said, [key])
            return say(connection, [said])[0], True

    def decide_fields(
        self,
        keys: Sequence[str],
        token: str,
        choose: Callable[[tuple[FieldRow, ...], Mapping[str, tuple[TrailRow, ...]]], Sequence[Correction]],
        *,
        reviewer: str | None = None,
    ) -> tuple[tuple[TrailRow, ...], bool]:
        """Have some fields decided together, all or none, as `decide_field` does one.

        Args:
            keys: the fields, some hundred at most.
            token: row N of what is stored has the token "TOKEN/N", from 0.
            choose: given the fields, in the order of `keys`, and the trail of each, returns what is said of them.
            reviewer: as `decide_field`.

        Returns:
            The rows, and whether they were stored now.

        Raises:
            KeyError: no page that counts has one of the fields.
            TokenUsedError: the token came with other fields before, or from somebody else.
        """
        with self._write() as connection:
            if before := sent_together(connection, token):
                _refuse_other(token, before, keys, reviewer)
                return before, False
            rows = _each(self._fields(connection, keys), keys)
            trails = by_key(trail_of(connection, keys))
            chosen = choose(rows, {key: tuple(trails.get(key, ())) for key in keys})
            said = [replace(one, token=f"{token}/{n}" if token else "") for n, one in enumerate(chosen)]
            for one in said:
                _refuse_stray(one, keys)
            return say(connection, said), True

    def _fields(self, connection: Connection, keys: Sequence[str]) -> tuple[FieldRow, ...]:
        return fields_together(connection, keys=keys, joined=self._joined.now(connection))


def _each(rows: Sequence[FieldRow], keys: Sequence[str]) -> tuple[FieldRow, ...]:
    """Return the row of each key (KeyError where there is none)."""
    found = {row.key: row for row in rows}
    return tuple(found[key] for key in keys)


def _refuse_other(token: str, before: Sequence[TrailRow], keys: Sequence[str], reviewer: str | None) -> None:
    if reviewer is not None and not all(is_same_person(row.correction.reviewer, reviewer) for row in before):
        # Nothing is told of it: in blind review what somebody else said is no matter of this person's.
        raise TokenUsedError(
            "what was sent carries the token of a decision that somebody else sent before; nothing was stored: open "
            "the page anew and say it again"
        )
    if other := [row.correction.key for row in before if row.correction.key not in keys]:
        raise TokenUsedError(
            f"what was sent carries the token {token!r} of a decision about {other[0]} that was stored before; nothing "
            "was stored: send it with a token of its own"
        )


def _refuse_stray(said: Correction, keys: Sequence[str]) -> None:
    if said.key not in keys:
        raise ValueError(f"{said.key} was decided where {', '.join(keys)} was asked for")
