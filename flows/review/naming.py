"""Takes names out of what is said in words, for those who must not see them.

Names are looked for word by word: from each word of a text the names that begin with it, the longest first. So a text
takes as long for twenty thousand names as for twenty.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock
from typing import TypeAlias

from flows.review.people import Person
from flows.roster import MAX_ID, Candidate

LEAST_ALONE = 5
"""Letters of a name that is taken out wherever it stands: a shorter one may be a part of any word."""

MOST_WORDS = 12
"""Words of a name that are looked for; a longer name is found by the first so many."""

MOST_TURNED = 6
"""Words up to which a name is also looked for turned round, with its last words first ("Surname, Given")."""

MOST_BETWEEN = 4
"""Characters that may stand between two words of one name: a comma and a blank, a hyphen, an apostrophe."""

NAME_HIDDEN = "(name hidden)"

MOST_KEPT = 4
"""Class lists that are kept as they are looked through; an exam has one, and another one once it is changed."""

UNSEEN_IN_WORDS = ("Mn", "Mc", "Me", "Cf")
"""Kinds of characters that are no letters and part no words: marks over and under letters, and what joins letters."""

Span: TypeAlias = tuple[int, int, str]
"""A part of a text, from where to where, and what stands there instead."""


def without_names(person: Person, text: str, candidates: Collection[Candidate]) -> str:
    """Return a text as a person may read it: without the names on the roster, unless they may be seen.

    What the class list says of a sheet names candidates as `ID NAME`; the id stays. Names are found in capitals or
    small letters, composed or not, with the surname first or last, and whole: of two that begin alike the longer one.
    """
    if person.sees_names or not text or not candidates:
        return text
    return replaced(text, _names_of(candidates).found(text))


@dataclass(slots=True)
class _Names:
    """Names as their words, each with the ids of those who bear it.

    `lengths` are how many words names have that begin with a word, the most first. `odd` are ids and names that have
    no word, such as a name of signs alone.
    """

    ids: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    lengths: dict[str, list[int]] = field(default_factory=dict)
    odd: list[tuple[str, str]] = field(default_factory=list)

    def found(self, text: str) -> Iterator[Span]:
        """Yield where names stand in a text, and what stands there instead."""
        words = words_of(text)
        for at, word in enumerate(words):
            for length in self.lengths.get(word.key, ()):
                mine = words[at : at + length]
                name = tuple(each.key for each in mine)
                if name not in self.ids or not _is_together(mine):
                    continue
                before = text[: word.start].rstrip()
                if _ends_with_one(before, self.ids[name]):
                    yield len(before), mine[-1].end, ""
                    break
                if sum(map(len, name)) >= LEAST_ALONE:
                    yield word.start, mine[-1].end, NAME_HIDDEN
                    break
        for number, signs in self.odd:
            start = text.find(f"{number} {signs}")
            while start >= 0:
                yield start + len(number), (end := start + len(number) + 1 + len(signs)), ""
                start = text.find(f"{number} {signs}", end)


def _gathered(candidates: Collection[Candidate]) -> _Names:
    found = _Names()
    for one in candidates:
        words = tuple(word.key for word in words_of(one.name))[:MOST_WORDS]
        if not words and one.name:
            found.odd.append((one.id, one.name))
        turns = len(words) if len(words) <= MOST_TURNED else 1
        for at in range(turns):
            found.ids.setdefault(words[at:] + words[:at], set()).add(one.id)
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for name in found.ids:
        lengths[name[0]].add(len(name))
    found.lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}
    return found


def _is_together(words: "list[Word]") -> bool:
    return all(after.start - before.end <= MOST_BETWEEN for before, after in pairwise(words))


def _ends_with_one(text: str, numbers: Collection[str]) -> bool:
    """Tell whether one of some ids stands at the end of a text, whole."""
    first = max(0, len(text) - MAX_ID)
    parts = (at for at in range(first, len(text)) if not at or not _is_letter(text[at - 1]))
    return any(text[at:] in numbers for at in parts)


_kept: list[tuple[Collection[Candidate], _Names]] = []
_lock = Lock()


def _names_of(candidates: Collection[Candidate]) -> _Names:
    """Return the names of a class list, gathered once: a look at an exam reads the list again, and finds the same."""
    with _lock:
        known = next((names for of, names in _kept if of is candidates), None)
        if known is None:
            known = next((names for of, names in _kept if of == candidates), None) or _gathered(candidates)
            _kept[:] = [(candidates, known), *_kept[: MOST_KEPT - 1]]
        return known


# ---- words -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A word in a text: where it stands, and how it is compared."""

    start: int
    end: int
    key: str


def words_of(text: str) -> list[Word]:
    """Return the words of a text: letters and digits of any script, with the marks over and under them."""
    found: list[Word] = []
    start = -1
    for at, character in enumerate(f"{text} "):
        if _is_letter(character):
            start = at if start < 0 else start
        elif start >= 0:
            found.append(Word(start, at, _key(text[start:at])))
            start = -1
    return found


def _is_letter(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    return character.isalnum() or unicodedata.category(character) in UNSEEN_IN_WORDS


def _key(word: str) -> str:
    """Return a word as it is compared: in small letters, with letters and marks apart, without what nobody sees."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(each for each in apart if unicodedata.category(each) != "Cf")


def replaced(text: str, spans: Iterator[Span]) -> str:
    """Return a text with something else in some places; where places overlap, all of them are covered."""
    told: list[str] = []
    done = 0
    for start, end, instead in sorted(spans):
        if start >= done:
            told += [text[done:start], instead]
        done = max(done, end)
    return "".join((*told, text[done:]))
