"""Whether a batch holds as many papers as somebody said. Pure.

A batch is what one run took (`grade --expect`), files that batches.csv names, or what lies behind a cover sheet up to
the next one or the end of its file. One name is one batch, whoever states it. Papers are candidate sheets, complete or
not, that came in with the batch: each counts once, where its first page came. Extra paper and cover sheets are none.

    pages, files, statements, batches.csv, explanations ─count_batches─► Batch(stated, found, causes, explanation)

A batch that holds too few or too many blocks the final export until somebody explains these very numbers.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.records import FileOutcome, FileRow, PageRow
from recognizer.codes import COVER_TEMPLATE
from recognizer.records import PageOutcomeKind

LOST = (PageOutcomeKind.FAILED, PageOutcomeKind.HELD, PageOutcomeKind.FOREIGN, PageOutcomeKind.DUPLICATE)
"""Pages that count as no paper, although there may be one behind them."""

MOST_NAMED = 5
"""Pages of one outcome that are named; all are counted."""


@dataclass(frozen=True, slots=True)
class BatchStatement:
    """What `grade --expect` was told of the files of a run. Only ever inserted; the latest of a name counts."""

    name: str
    papers: int
    run: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One row of batches.csv: how many papers a file holds, and of which batch it is a part."""

    file: str
    papers: int
    batch: str


@dataclass(frozen=True, slots=True)
class BatchExplanation:
    """Why a batch holds other papers than was stated: these numbers, and no others. Only ever inserted."""

    name: str
    stated: str
    found: int
    text: str
    reviewer: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: how many papers each source states, how many came in, and what may be the cause of a difference."""

    name: str
    sources: tuple[tuple[str, int], ...]
    found: int
    causes: tuple[str, ...] = ()
    explanation: BatchExplanation | None = None

    @property
    def stated(self) -> str:
        """The numbers that were stated; several where the sources contradict one another."""
        return " or ".join(f"{papers}" for papers in sorted({papers for _, papers in self.sources}))

    @property
    def differs(self) -> bool:
        """Whether the batch holds too few papers or too many, or nobody knows how many it should."""
        return {papers for _, papers in self.sources} != {self.found}

    @property
    def is_explained(self) -> bool:
        """Whether somebody has explained the difference as it is now."""
        said = self.explanation
        return said is not None and (said.stated, said.found) == (self.stated, self.found)

    @property
    def blocks(self) -> bool:
        """Whether no export can be final because of it."""
        return self.differs and not self.is_explained


@dataclass(slots=True)
class _Gathered:
    """What belongs to a name: who states how many, which pages, and what is known of files that have no pages."""

    sources: list[tuple[str, int]]
    pages: set[tuple[str, int]]
    causes: list[str]


@dataclass(frozen=True, slots=True)
class Stated:
    """Everything that was said of batches elsewhere than on cover sheets, oldest first."""

    statements: Sequence[BatchStatement] = ()
    listed: Sequence[ListedFile] = ()
    explanations: Sequence[BatchExplanation] = ()


def count_batches(
    pages: Sequence[PageRow], files: Sequence[FileRow], stated: Stated, extras: Collection[str] = ()
) -> tuple[Batch, ...]:
    """Return every batch with what it holds.

    Args:
        pages: every page as it stands, scan by scan in order of arrival.
        files: every file that is done with, in order of arrival.
        stated: what was said of batches.
        extras: the templates of extra paper.
    """
    gathered: dict[str, _Gathered] = defaultdict(lambda: _Gathered([], set(), []))
    by_scan: dict[str, list[PageRow]] = defaultdict(list)
    for row in pages:
        by_scan[row.scan].append(row)
    latest = {one.name: one for one in stated.statements}
    for name, one in latest.items():
        gathered[name].sources.append(("grade --expect", one.papers))
        for file in files:
            if file.batch == name:
                _take_file(gathered[name], file, by_scan)
    for name, source, papers, mine in _listed(stated.listed):
        gathered[name].sources.append((source, papers))
        for wanted in mine:
            came = [file for file in files if unicodedata.normalize("NFC", file.name) == wanted]
            for file in came:
                _take_file(gathered[name], file, by_scan)
            if not came:
                gathered[name].causes.append(f"{wanted} has not come")
    for cover, behind in _covered(by_scan.values()):
        name = cover.batch or f"cover sheet on {cover.place}"
        said_by_cover = ("its cover sheet", cover.serial or 0)
        if said_by_cover not in gathered[name].sources:
            gathered[name].sources.append(said_by_cover)
        gathered[name].pages |= {row.at for row in behind}
    first = _first_pages(pages, extras)
    explained = {one.name: one for one in stated.explanations}
    return tuple(_counted(name, each, first, pages, explained.get(name)) for name, each in gathered.items())


def in_words(batch: Batch) -> str:
    """Say how a batch stands, in one sentence."""
    by = ", ".join(dict.fromkeys(source for source, _ in batch.sources))
    papers = "paper" if batch.stated == "1" else "papers"
    told = f"batch '{batch.name}' should hold {batch.stated} {papers} ({by}), {batch.found} came in"
    if not batch.differs:
        return told
    if batch.causes:
        told += f"; {'; '.join(batch.causes)}"
    if batch.is_explained and batch.explanation is not None:
        return f"{told}; explained by {batch.explanation.reviewer}: {batch.explanation.text}"
    if batch.explanation is not None:
        numbers = f"{batch.explanation.stated} stated, {batch.explanation.found} found"
        return f"{told}; it was explained for other numbers ({numbers})"
    return told


def _take_file(gathered: _Gathered, file: FileRow, by_scan: dict[str, list[PageRow]]) -> None:
    if file.outcome is FileOutcome.READ:
        gathered.pages |= {row.at for row in by_scan.get(file.scan, ())}
    else:
        gathered.causes.append(f"{file.name} is {file.outcome.value}: {file.reason}")


def _listed(rows: Iterable[ListedFile]) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    """Yield every batch of batches.csv: name, source, papers of all its files, and these."""
    by_name: dict[str, list[ListedFile]] = defaultdict(list)
    for row in rows:
        by_name[row.batch].append(row)
    for name, mine in by_name.items():
        yield name, "batches.csv", sum(row.papers for row in mine), tuple(row.file for row in mine)


def _covered(scans: Iterable[Sequence[PageRow]]) -> Iterator[tuple[PageRow, list[PageRow]]]:
    """Yield every cover sheet with the pages behind it. One whose picture came before is a cover sheet all the same."""
    for rows in scans:
        cover: PageRow | None = None
        behind: list[PageRow] = []
        for row in rows:
            if row.template == COVER_TEMPLATE:
                if cover is not None:
                    yield cover, behind
                cover, behind = row, []
            else:
                behind.append(row)
        if cover is not None:
            yield cover, behind


def _first_pages(pages: Iterable[PageRow], extras: Collection[str]) -> tuple[tuple[str, int], ...]:
    """Return where each candidate sheet came in: extra paper and cover sheets are none."""
    first: dict[str, tuple[str, int]] = {}
    for row in pages:
        if row.outcome is PageOutcomeKind.READ and row.sheet and row.template not in extras:
            first.setdefault(row.sheet, row.at)
    return tuple(first.values())


def _counted(
    name: str,
    gathered: _Gathered,
    first: Iterable[tuple[str, int]],
    pages: Iterable[PageRow],
    said: BatchExplanation | None,
) -> Batch:
    lost: dict[PageOutcomeKind, list[str]] = defaultdict(list)
    for row in pages:
        if row.at in gathered.pages and row.outcome in LOST:
            lost[row.outcome].append(row.place)
    causes = [*gathered.causes, *(f"{kind.value}: {_named(lost[kind])}" for kind in LOST if kind in lost)]
    found = sum(at in gathered.pages for at in first)
    return Batch(name, tuple(gathered.sources), found, tuple(causes), said)


def _named(places: Sequence[str]) -> str:
    more = f" and {len(places) - MOST_NAMED} more" if len(places) > MOST_NAMED else ""
    return ", ".join(places[:MOST_NAMED]) + more
