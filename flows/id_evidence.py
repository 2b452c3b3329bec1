"""Pure: what is known of the number on a sheet, field by field, before anybody knows the class list.

FieldRow…, CharacterReading… ─id_evidence─► SheetEvidence… ─match_sheets─► Matching ─id_decisions─► Decision…
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.records import FieldRow, Joining, PageRow
from flows.roster import Candidate
from recognizer.decode import CANCELLED, HIDDEN
from recognizer.records import MARKS, CharacterReading, Flag, RankedValue, ValueState
from recognizer.template import Kind, Role, SheetField, SheetTemplate

COPY = "copy"
"""The column of a roster that says which printed copy is whose; of several templates, `copy:NAME` for each."""

MOST_COPY_DIGITS = 9
"""Copies are numbered in five digits; more than these are another number."""

MOST_CORRECTED = 1
"""Boxes of an id that may be struck out: somebody corrected a slip. With more, the number is taken back as a whole."""

_MARKED = MARKS.index("marked")

Place = Mapping[str, float]
"""What stands at one position of an id: each character that may, and how likely it is. They sum to 1."""


@dataclass(frozen=True, slots=True)
class IdField:
    """What one id field of a sheet says.

    `places` has a `Place` for each position. `said` is what a person says ("" blank), None where nobody did. `value` is
    what the reading alone decides, "" where it leaves it open; `ranked` its guesses. `is_blank`: nothing is written.
    `is_covered`: not all of it can be seen. `is_barred`: what is written was struck out, or a sample check reopened it,
    so the class list must not settle it. `is_unsettled`: a person could not read it, or two disagree about it.
    """

    key: str
    label: str
    places: tuple[Place, ...]
    said: str | None = None
    value: str = ""
    ranked: tuple[RankedValue, ...] = ()
    is_blank: bool = False
    is_covered: bool = False
    is_barred: bool = False
    is_unsettled: bool = False

    @property
    def speaks(self) -> bool:
        """Whether something was read in it that says whose the sheet is; a person's word is none of that."""
        return self.said is None and not (self.is_blank or self.is_covered or self.is_unsettled)


@dataclass(frozen=True, slots=True)
class SheetEvidence:
    """What one sheet says of who wrote it; `printed` is the id that its printed codes stand for, "" for none."""

    sheet: str
    template: str
    fields: tuple[IdField, ...] = ()
    is_extra: bool = False
    printed: str = ""


def id_evidence(
    rows: Sequence[FieldRow],
    characters: Mapping[str, tuple[CharacterReading, ...]],
    templates: Sequence[SheetTemplate],
    printed: Mapping[str, str] | None = None,
) -> tuple[SheetEvidence, ...]:
    """Return what every sheet says of who wrote it, in the order in which the sheets came.

    Args:
        rows: every field of every sheet that counts.
        characters: what was seen in the id fields, by the key of the reading (`Store.id_characters`).
        templates: those of the exam; sheets of a template without any id field are nobody's and left out.
        printed: the id that the printed codes of a sheet stand for, by sheet, where that is known.
    """
    known = {template.name: template for template in templates}
    fields = {
        (template.name, field.name): field
        for template in templates
        for page in template.pages
        for field in page.fields
        if field.role is Role.ID
    }
    with_ids = {name for name, _ in fields}
    by_sheet: dict[str, list[IdField]] = {}
    template_of: dict[str, str] = {}
    for row in rows:
        if not row.counts or not row.sheet or row.template not in with_ids:
            continue
        found = by_sheet.setdefault(row.sheet, [])
        template_of[row.sheet] = row.template
        if row.role is Role.ID and (field := fields.get((row.template, row.field))) is not None:
            found.append(_id_field(row, field, characters.get(row.key, ())))
    return tuple(
        SheetEvidence(
            sheet,
            template_of[sheet],
            tuple(found),
            bool(known[template_of[sheet]].extra_to),
            (printed or {}).get(sheet, ""),
        )
        for sheet, found in by_sheet.items()
    )


def printed_ids(
    pages: Sequence[PageRow], candidates: Sequence[Candidate], templates: Sequence[SheetTemplate]
) -> dict[str, str]:
    """Return the id that the printed codes of a sheet stand for, by sheet, where the roster says whose each copy is.

    It does in a column `copy`: the number of the copy that was printed for the candidate (it stands in the footer).
    Copies of two templates may carry the same numbers. So in an exam with several templates that ask for an id, only
    columns that name theirs count: `copy:marks`, `copy:answers`.
    """
    with_ids = [
        template.name
        for template in templates
        if any(field.role is Role.ID for page in template.pages for field in page.fields)
    ]
    columns = {f"{COPY}:{name}".casefold(): name for name in with_ids}
    if len(with_ids) == 1:
        columns[COPY] = with_ids[0]
    whose: dict[tuple[str, int], set[str]] = {}
    for candidate in candidates:
        for heading, text in candidate.extra:
            template = columns.get("".join(heading.split()).casefold(), "")
            if template and text.isascii() and text.isdigit() and len(text) <= MOST_COPY_DIGITS:
                whose.setdefault((template, int(text)), set()).add(candidate.id)
    return {
        page.sheet: next(iter(ids))
        for page in pages
        if page.sheet and page.serial is not None and page.joining is Joining.CODE
        if len(ids := whose.get((page.template, page.serial), set())) == 1
    }


def _id_field(row: FieldRow, field: SheetField, characters: Sequence[CharacterReading]) -> IdField:
    label = field.label or field.name
    if row.correction is not None and not row.correction.settles:
        # What nobody could read, or two people dispute, says nothing; least of all what the machine took it for.
        return IdField(row.key, label, places_of(field, ()), is_unsettled=True)
    said = None
    if row.correction is not None:
        said = row.correction.value if row.correction.state is ValueState.VALUE else ""
    decision = row.decision
    return IdField(
        key=row.key,
        label=label,
        places=places_of(field, characters),
        said=said,
        value=decision.value if decision.state is ValueState.VALUE else "",
        ranked=row.values,
        is_blank=decision.state is ValueState.BLANK or decision.flag is Flag.BLANK_ID,
        is_covered=any(one.classes == (HIDDEN,) for one in characters),
        is_barred=decision.flag is Flag.DOUBTED or (decision.flag is Flag.CANCELLED and _is_struck(field, characters)),
    )


def _is_struck(field: SheetField, characters: Sequence[CharacterReading]) -> bool:
    """Tell whether an id is struck out, rather than one character of it that was corrected and is not read."""
    if field.kind is not Kind.DIGITS:
        return True
    struck = [one for one in characters if one.classes[one.probabilities.index(max(one.probabilities))] == CANCELLED]
    return len(struck) > MOST_CORRECTED


def places_of(field: SheetField, characters: Sequence[CharacterReading]) -> tuple[Place, ...]:
    """Return what stands at each position of an id field.

    What was seen and is none of the characters that may stand there (a blank, a blot, a letter that no network reads)
    says nothing of which one it is: it is shared out evenly, and so is all of a position that was not seen.
    """
    alphabets = field.id_alphabets
    seen = {one.position: one for one in characters}
    if field.kind is Kind.DIGITS:
        return tuple(
            _shared(alphabet, _of_character(alphabet, seen.get(position)))
            for position, alphabet in enumerate(alphabets, start=1)
        )
    found, position = [], 1
    for alphabet in alphabets:
        # A position with one character has no bubbles: it is printed.
        boxes = [seen.get(at) for at in range(position, position + len(alphabet))] if len(alphabet) > 1 else []
        position += len(boxes)
        found.append(_shared(alphabet, _of_row(alphabet, boxes)))
    return tuple(found)


def _of_character(alphabet: str, one: CharacterReading | None) -> Place:
    if one is None:
        return {}
    return {name: p for name, p in zip(one.classes, one.probabilities, strict=True) if name in alphabet}


def _of_row(alphabet: str, boxes: Sequence[CharacterReading | None]) -> Place:
    """Return how likely each bubble of a row is the only one that was marked."""
    marked = [0.0 if one is None or len(one.probabilities) <= _MARKED else one.probabilities[_MARKED] for one in boxes]
    alone = {}
    for index, character in enumerate(alphabet[: len(marked)]):
        p = marked[index]
        for other, q in enumerate(marked):
            p *= 1.0 if other == index else 1.0 - q
        alone[character] = p
    return alone


def _shared(alphabet: str, place: Place) -> Place:
    """Share what is left evenly among all characters of a position."""
    rest = max(1.0 - sum(place.values()), 0.0) / len(alphabet)
    full = {character: place.get(character, 0.0) + rest for character in alphabet}
    total = sum(full.values())
    return {character: p / total for character, p in full.items()}
