"""Takes names out of what is said in words, for those who must not see them."""

from collections.abc import Iterable

from flows.review.people import Person
from flows.roster import Candidate

LEAST_ALONE = 5
"""Letters of a name that is taken out wherever it stands: a shorter one may be a part of any word."""


def without_names(person: Person, text: str, candidates: Iterable[Candidate]) -> str:
    """Return a text as a person may read it: without the names on the roster, unless they may be seen.

    What the class list says of a sheet names candidates as `ID NAME`; the id stays.
    """
    if person.sees_names or not text:
        return text
    for one in candidates:
        if not one.name or one.name not in text:
            continue
        text = text.replace(f"{one.id} {one.name}", one.id)
        if len(one.name) >= LEAST_ALONE:
            text = text.replace(one.name, "(name hidden)")
    return text
