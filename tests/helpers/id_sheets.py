"""Hand-made evidence of whose a sheet is, as `id_evidence` would give it."""

from collections.abc import Mapping

from flows.id_evidence import IdField, SheetEvidence
from flows.roster import Candidate

DIGITS = "0123456789"


def read(text: str, doubts: Mapping[int, Mapping[str, float]] | None = None) -> tuple[dict[str, float], ...]:
    """Places of a number that was read clearly, but for `doubts`: probabilities by position; "?" was not read."""
    places = []
    for at, character in enumerate(text):
        place = dict.fromkeys(DIGITS, 0.1 if character == "?" else 0.0)
        if character != "?":
            place[character] = 1.0
        places.append(place | dict(doubts[at]) if doubts and at in doubts else place)
    for at, doubt in (doubts or {}).items():
        places[at] = dict.fromkeys(DIGITS, 0.0) | dict(doubt)
    return tuple(places)


def id_field(text: str, doubts: Mapping[int, Mapping[str, float]] | None = None, **changes: object) -> IdField:
    """An id field that was read; the reading alone accepts it where nothing was in doubt."""
    usual: dict[str, object] = {
        "key": "",
        "label": "Candidate number",
        "places": read(text, doubts),
        "value": "" if doubts or "?" in text else text,
    }
    return IdField(**{**usual, **changes})  # type: ignore[arg-type]


def sheet(name: str, *fields: IdField, **changes: object) -> SheetEvidence:
    """A sheet with these id fields; each gets a key of its own."""
    keyed = tuple(
        IdField(**{each: getattr(field, each) for each in IdField.__slots__} | {"key": field.key or f"{name}-{at}"})
        for at, field in enumerate(fields)
    )
    usual: dict[str, object] = {"sheet": name, "template": "marks", "fields": keyed}
    return SheetEvidence(**{**usual, **changes})  # type: ignore[arg-type]


def people(*numbers: str) -> tuple[Candidate, ...]:
    """Candidates with these numbers."""
    return tuple(Candidate(number, f"Sample {number}", line) for line, number in enumerate(numbers, 2))
