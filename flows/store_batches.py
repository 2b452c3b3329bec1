"""The part of the database about stacks without serials and batches: what people say of them is only ever inserted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from sqlalchemy import insert, select

from flows.batches import BatchExplanation, BatchStatement
from flows.migrations.tables import batch_explanations, batch_statements
from flows.records import FieldRow, PageRow
from flows.rows import time_of, time_text
from flows.stacks import Stack, StackDecision
from flows.store_fields import take_back
from flows.store_pages import all_pages
from flows.store_together import add_stack_decisions, all_stack_decisions, fields_together, together
from flows.store_transactions import Transactions
from recognizer.records import Decision


class StackAndBatchStore(Transactions):
    """What `flows.store.Store` does for stacks and batches."""

    def filed_pages(self) -> tuple[PageRow, ...]:
        """Return every page as it was filed by itself, scan by scan: what later ones are compared with."""
        with self._read() as connection:
            return all_pages(connection)

    def stacks(self) -> tuple[Stack, ...]:
        """Return the pages that their order in a file puts together, file by file, and where that breaks."""
        with self._read() as connection:
            return together(connection).stacks

    def stack_decisions(self) -> tuple[StackDecision, ...]:
        """Return what people said of pages without a serial, oldest first."""
        with self._read() as connection:
            return all_stack_decisions(connection)

    def decide_stacks(
        self,
        choose: Callable[[tuple[PageRow, ...], tuple[StackDecision, ...]], Sequence[StackDecision]],
        doubt: Callable[[tuple[FieldRow, ...]], Mapping[str, Decision]] | None = None,
    ) -> None:
        """Have decisions made in view of every page as it was filed, and store them before anything else is written.

        An error in `choose` passes through, and nothing is stored. The caller holds `grading()`.

        Args:
            choose: given every page and what was said before, returns what is said now. It must not write.
            doubt: given every field that counts from now on, returns new decisions, by key, of those that are not
                accepted any more: thresholds may have risen since they were read. It must not write.
        """
        with self._write() as connection:
            before = {field.key for field in fields_together(connection)}
            add_stack_decisions(connection, choose(all_pages(connection), all_stack_decisions(connection)))
            risen = tuple(field for field in fields_together(connection) if field.key not in before)
            if doubt and risen:
                take_back(connection, doubt(risen))

    def batch_statements(self) -> tuple[BatchStatement, ...]:
        """Return what runs were told of the papers that they take, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(batch_statements).order_by(batch_statements.c.number)).all()
        return tuple(BatchStatement(row.name, row.papers, row.run, time_of(row.made_at)) for row in rows)

    def state_batch(self, said: BatchStatement) -> None:
        """Remember how many papers the files of a run should hold."""
        with self._write() as connection:
            connection.execute(insert(batch_statements), asdict(said) | {"made_at": time_text(said.made_at)})

    def batch_explanations(self) -> tuple[BatchExplanation, ...]:
        """Return why batches hold other papers than was stated, oldest first."""
        with self._read() as connection:
            rows = connection.execute(select(batch_explanations).order_by(batch_explanations.c.number)).all()
        return tuple(
            BatchExplanation(row.name, row.stated, row.found, row.text, row.reviewer, time_of(row.made_at))
            for row in rows
        )

    def explain_batch(self, said: BatchExplanation) -> None:
        """Remember why a batch holds other papers than was stated."""
        with self._write() as connection:
            connection.execute(insert(batch_explanations), asdict(said) | {"made_at": time_text(said.made_at)})
