"""By what names people know files and pages: a file may be called by whoever wrote it ("Anna_Sample.pdf").

So names of files are for those who see names of candidates, and for leads, who look for them in a folder. Others know
a file by the first letters of its hash, which is the same on every page and in every list.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from flows.ledger import Ledger
from flows.records import FieldRow, PageRow
from flows.review.desk import Seen
from flows.review.naming import Span, replaced, without_names, words_of
from flows.review.people import Person

SCAN_LETTERS = 8
"""Letters of a hash that name a scan: of ten thousand scans two begin alike once in eighty exams."""

SOME_FILE = "a file"
"""What a file is called whose name is another's too, so that a text does not tell which one is meant."""


def sees_files(person: Person) -> bool:
    """Tell whether a person is told the names of files."""
    return person.sees_names or person.is_lead


def file_of(person: Person, row: FieldRow | PageRow) -> str:
    """Return by what name a person knows the file of a page, or of a field."""
    return row.file if sees_files(person) else _scan_name(row.scan)


def place_told(person: Person, row: FieldRow | PageRow) -> str:
    """Return by what name a person knows a page, or the page of a field."""
    return f"{file_of(person, row)} page {row.number if isinstance(row, PageRow) else row.page_number}"


def readable(person: Person, text: str, seen: Seen | None) -> str:
    """Return a text as a person may read it: without names of candidates and of files, unless they may be seen."""
    if seen is None or not text:
        return text
    if not sees_files(person):
        text = replaced(text, _files_of(seen.ledger).found(text))
    return without_names(person, text, seen.results.decided.candidates)


def _scan_name(scan: str) -> str:
    return f"scan {scan[:SCAN_LETTERS]}" if scan else SOME_FILE


@dataclass(frozen=True, slots=True)
class _Files:
    """Names of files, by their first word and where that stands in each; and how each is called instead."""

    first: Mapping[str, Sequence[tuple[int, str]]]
    called: Mapping[str, str]

    def found(self, text: str) -> Iterator[Span]:
        """Yield where names of files stand in a text, and what stands there instead."""
        for word in words_of(text):
            for before, name in self.first.get(word.key, ()):
                start = word.start - before
                if start >= 0 and text.startswith(name, start):
                    yield start, start + len(name), self.called[name]
                    break


def _gathered(ledger: Ledger) -> _Files:
    scans: defaultdict[str, set[str]] = defaultdict(set)
    for line in ledger.lines:
        scans[line.name].add(line.scan)
    for page in ledger.pages:
        scans[page.file].add(page.scan)
    first: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for name in sorted(scans, key=len, reverse=True):
        if words := words_of(name):
            first[words[0].key].append((words[0].start, name))
    called = {name: _scan_name(*of) if len(of) == 1 else SOME_FILE for name, of in scans.items()}
    return _Files(first, called)


_kept: list[tuple[Ledger, _Files]] = []
_lock = Lock()


def _files_of(ledger: Ledger) -> _Files:
    """Return the names of the files of an exam, gathered once for each look at it."""
    with _lock:
        if not _kept or _kept[0][0] is not ledger:
            _kept[:] = [(ledger, _gathered(ledger))]
        return _kept[0][1]
