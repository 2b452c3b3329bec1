"""Pure: which sheet is whose. All sheets of a template are assigned to the class list at once, one candidate a sheet.

    FieldRow… ─id_evidence─► SheetEvidence… ─match_sheets─► Matching ─id_decisions─► Decision…

What was seen in the id fields gives a probability for every candidate, and one for somebody who is not on the roster.
That one may have a number just beside a candidate's, and anybody may slip: so a number that was clearly read is never
taken for another one in silence.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.check_digits import has_check
from flows.id_evidence import IdField, Place, SheetEvidence
from flows.id_texts import best_text, combined, contradiction, is_slip, spelled
from flows.match_weights import (
    BESIDE,
    NOBODY,
    Assignment,
    Floats,
    Indices,
    Prior,
    Weights,
    assign,
    prior_of,
    roster_neighbours,
    weigh,
)
from flows.results import Match, Matching, MatchStatus, RankedCandidate
from flows.roster import Candidate
from flows.settings import OFF_ROSTER
from recognizer.promise import ACCEPT_ERROR

SHOWN = 5
"""Candidates that are proposed for a sheet."""

CLAIMED = 0.5
"""From this probability on a sheet says somebody's id, so that two of them are a doubled sheet."""

PLAIN = 0.99
"""A character that is read with this probability is never taken for another one in silence."""

AGREES = 10.0
"""An id field agrees with a printed code when what was read in it is so many times likelier of that candidate than of
any other, and than by chance."""

LEGIBLE = 0.5
"""A field in which no character is as likely as this was not read, and says nothing beside a printed code."""

PRINTED_RIGHT = 0.95
"""How likely a printed copy was handed in by whom it was printed for. A guess, that nothing is accepted by."""

PASSING = 0.1
"""Share of all numbers that pass their check, about: with one check digit, one in ten. Each that does is that much
likelier to be somebody's."""

NOTHING_WRITTEN = "nobody's number is written on it"
COVERED = "its number cannot be seen: covered, folded over, or off the scan"
UNSETTLED_ID = "a person could not read its number, or two disagree about it"
NO_PAGE = "the page with the candidate number has not come"
NOT_LISTED = "{} is not on the roster"
BESIDE_OF = "{}; one slip away is {}"
SAME_ID = "id {} also stands on sheet {}"
FAILS_CHECK = "{} fails its check character, so it is nobody's number"
DISAGREE = "its id fields disagree: {}"
BARRED = "the number was struck out, or is doubted by a sample check; a person has to say whose it is"
PRINTED_ONLY = "only its printed code says whose it is: anybody may have been handed another one's copy"
NOT_SURE = "nobody is likely enough"
SAID = "a person says so"


@dataclass(frozen=True, slots=True)
class MatchRule:
    """What an exam asks for before the class list says whose a sheet is.

    `accept_error`: at most this share of the sheets that are matched without a person may be somebody else's, as far as
    the model of `match_weights.assign` holds.
    `off_roster`: how likely a sheet is of somebody who is not on the roster, before looking. `check`: the scheme of the
    ids' check characters (`check_digits.SCHEMES`), "" where they have none.
    """

    accept_error: float = ACCEPT_ERROR
    off_roster: float = OFF_ROSTER
    check: str = ""


def match_sheets(
    evidence: Sequence[SheetEvidence], candidates: Sequence[Candidate], rule: MatchRule = MatchRule()
) -> Matching:
    """Say who wrote which sheet; the order of sheets and candidates changes nothing but the order of the matches.

    A sheet is MATCHED when the odds against its place in the likeliest assignment of all sheets of its template are at
    most `rule.accept_error`. Under the model of `match_weights.assign` odds are never less than the probability that
    the match is wrong, to leading order, so that at most that share of all matched sheets is expected to be: it is a
    promise of the model, measured by benchmarks/matching.py, and not proven for an exam that is unlike it. Without
    candidates the readings decide.
    """
    ordered = sorted(evidence, key=lambda one: one.sheet)
    people = sorted(candidates, key=lambda one: one.id)
    by_template: dict[str, list[SheetEvidence]] = defaultdict(list)
    for one in ordered:
        by_template[one.template].append(one)
    found: dict[str, Match] = {}
    claims: dict[str, str] = {}
    for sheets in by_template.values():
        matched = _with_roster(sheets, people, rule) if people else [(_by_reading(one), "") for one in sheets]
        found |= {match.sheet: match for match, _ in matched}
        claims |= {match.sheet: claim for match, claim in matched if claim}
    extra = {one.sheet for one in ordered if one.is_extra}
    doubled = _doubled(found.values(), claims, extra)
    matches = tuple(_told_doubled(found[one.sheet], doubled, claims) for one in evidence)
    here = {match.id for match in matches if match.id}
    missing = tuple(candidate for candidate in candidates if candidate.id not in here)
    return Matching(matches, missing, doubled)


# ---- every sheet by itself -------------------------------------------------------------------------------------------


def _by_reading(one: SheetEvidence) -> Match:
    """Let the readings of a sheet decide, as far as they agree."""
    keys = tuple(field.key for field in one.fields)
    said = {value: field for field in one.fields if (value := _settled(field))}
    ranked = tuple(
        RankedCandidate(value.value, "", value.probability)
        for value in max((field.ranked for field in one.fields), key=len, default=())
        if value.value
    )[:SHOWN]
    match = Match(one.sheet, one.template, MatchStatus.UNSURE, ranked=ranked, keys=keys, why=NOT_SURE)
    if len(said) > 1:
        return replace(match, status=MatchStatus.CONTRADICTORY, why=DISAGREE.format(_each_says(said)))
    if not said:
        return match if any(field.speaks for field in one.fields) else _nothing_said(match, one)
    (number,) = said
    by_person = any(field.said is not None for field in one.fields)
    status = MatchStatus.BY_PERSON if by_person else MatchStatus.MATCHED
    sure = max((value.probability for value in ranked if value.id == number), default=1.0)
    return replace(match, status=status, id=number, probability=1.0 if by_person else sure, why="")


def _settled(field: IdField) -> str:
    return field.value if field.said is None else field.said


def _nothing_said(match: Match, one: SheetEvidence) -> Match:
    why = COVERED if any(field.is_covered for field in one.fields) else NOTHING_WRITTEN
    if any(field.is_unsettled for field in one.fields):
        why = UNSETTLED_ID
    return replace(match, status=MatchStatus.NO_ID, why=why if one.fields else NO_PAGE)


def _each_says(said: Mapping[str, IdField]) -> str:
    return ", ".join(f"{field.label} says {number}" for number, field in said.items())


# ---- with the class list ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is left of a sheet's evidence once its fields were put together.

    `places` are ratios: how much more each character fits than one at random. `number` is the likeliest text and `sure`
    how likely it is by itself. `verdict` is a match that needs no class list, None for all others; `barred` tells that
    a person has to look in any case. `used` are the keys of the fields that speak in `places` and may be settled.
    `alone` is `places` without the printed code, where there is one: empty where only the code speaks.
    """

    sheet: SheetEvidence
    places: tuple[Mapping[str, float], ...]
    number: str
    sure: float
    verdict: Match | None
    barred: bool
    used: tuple[str, ...] = ()
    alone: tuple[Mapping[str, float], ...] = ()


def _with_roster(
    sheets: Sequence[SheetEvidence], people: Sequence[Candidate], rule: MatchRule
) -> list[tuple[Match, str]]:
    names = {candidate.id: candidate.name for candidate in people}
    seen = [_seen(one, names) for one in sheets]
    open_ones = [one for one in seen if one.verdict is None]
    told = [one.verdict for one in seen if one.verdict is not None]
    taken = {match.id for match in told if match.status is MatchStatus.BY_PERSON}
    matched = list(_assigned(open_ones, people, taken, (len(sheets), rule)))
    claimed = taken | {match.id or claim for match, claim in matched}
    free = [candidate for candidate in people if candidate.id not in claimed]
    return [*matched, *((_with_missing(match, free), "") for match in told)]


def _with_missing(match: Match, free: Sequence[Candidate]) -> Match:
    """Propose the candidates who have no sheet for one that says nothing of whose it is."""
    if match.status is not MatchStatus.NO_ID:
        return match
    share = (1.0 - OFF_ROSTER) / max(len(free), 1)
    return replace(match, ranked=tuple(RankedCandidate(one.id, one.name, share) for one in free[:SHOWN]))


def _seen(one: SheetEvidence, names: Mapping[str, str]) -> _Seen:
    """Put the fields of a sheet together: what a person says first, then all that was read and not struck out."""
    keys = tuple(field.key for field in one.fields)
    match = Match(one.sheet, one.template, MatchStatus.UNSURE, keys=keys)
    told = {field.said: field for field in one.fields if field.said}
    written = [field for field in one.fields if field.speaks]
    if len(told) > 1:
        why = DISAGREE.format(_each_says(told))
        return _Seen(one, (), "", 0.0, replace(match, status=MatchStatus.CONTRADICTORY, why=why), barred=True)
    if told:
        (number,) = told
        return _Seen(one, (), number, 1.0, _said(match, number, names), barred=False)
    if not written and not one.printed:
        return _Seen(one, (), "", 0.0, _nothing_said(match, one), barred=True)
    if one.printed and not any(_is_legible(place) for field in written for place in field.places):
        ranked = (RankedCandidate(one.printed, names.get(one.printed, ""), PRINTED_RIGHT),)
        return _Seen(one, (), "", 0.0, replace(match, ranked=ranked, why=PRINTED_ONLY), barred=True)
    clean = [field for field in written if not field.is_barred]
    used = [field.places for field in clean or written]
    if one.printed:
        used.append(tuple({character: 1.0} for character in one.printed))
    # Texts of different length cannot be put together, and contradict one another where they are clear.
    by_length: dict[int, list[tuple[Place, ...]]] = defaultdict(list)
    for places in used:
        by_length[len(places)].append(places)
    surest = max(
        (combined(alike) for alike in by_length.values()), key=lambda places: (best_text(places)[1], len(places))
    )
    number, sure = best_text(surest)
    spoke = [field for field in clean if len(field.places) == len(surest)]
    keys = tuple(field.key for field in spoke)
    alone = combined([field.places for field in spoke]) if one.printed else ()
    return _Seen(one, surest, number, sure, None, not clean, keys, alone)


def _is_legible(place: Place) -> bool:
    return len(place) > 1 and max(place.values()) >= LEGIBLE


def _said(match: Match, number: str, names: Mapping[str, str]) -> Match:
    """Return the match of a sheet of which a person says whose it is."""
    ranked = (RankedCandidate(number, names[number], 1.0),) if number in names else ()
    if number in names:
        return replace(match, status=MatchStatus.BY_PERSON, id=number, probability=1.0, ranked=ranked)
    why = f"{NOT_LISTED.format(number)}; {SAID}"
    return replace(match, status=MatchStatus.OFF_ROSTER, id=number, probability=1.0, why=why)


def _assigned(
    seen: Sequence[_Seen], people: Sequence[Candidate], taken: set[str], asked: tuple[int, MatchRule]
) -> Iterator[tuple[Match, str]]:
    """Yield the match of each sheet of one template on which something is written, and the id it says."""
    by_length: dict[int, list[_Seen]] = defaultdict(list)
    for one in seen:
        by_length[len(one.places)].append(one)
    for length, ones in by_length.items():
        fitting = [candidate for candidate in people if len(candidate.id) == length]
        if not fitting:
            yield from ((_of_nobody(one, asked[1]), "") for one in ones)
            continue
        yield from _assigned_alike(ones, fitting, taken, asked)


def _assigned_alike(
    seen: Sequence[_Seen], people: Sequence[Candidate], taken: set[str], asked: tuple[int, MatchRule]
) -> Iterator[tuple[Match, str]]:
    sheets, rule = asked
    ids = [candidate.id for candidate in people]
    table, sizes, columns = _table(seen)
    strange = table.shape[2] - 1
    codes = np.array([[columns.get(character, strange) for character in number] for number in ids], np.int64)
    exclusive = not seen[0].sheet.is_extra
    prior = prior_of(sheets, len(people), rule.off_roster, exclusive=exclusive)
    weights = weigh(table, sizes, codes, roster_neighbours(ids), prior)
    if rule.check:
        weights = _with_checks(weights, seen, sizes, set(ids), (prior, rule))
    held = np.array([at for at, number in enumerate(ids) if number in taken], np.int64)
    assignment = assign(weights, held, exclusive=exclusive)
    alone = weights.weight[:, 0] / (weights.weight.sum(axis=1) + weights.others + weights.nobody)
    known = set(ids)
    for at, one in enumerate(seen):
        holder = int(assignment.holder[at])
        match = _proposal(one, _ranked(assignment, weights, at, people))
        person = people[holder] if holder != NOBODY else None
        if one.sheet.printed and person is not None and not _agrees(one, codes, columns, holder):
            person, match = None, replace(match, why=PRINTED_ONLY)
        claim = people[int(weights.who[at, 0])].id if alone[at] >= CLAIMED and not one.barred else ""
        yield _match(one, person, float(assignment.odds[at]), known, match, rule), claim


def _proposal(one: _Seen, ranked: tuple[RankedCandidate, ...]) -> Match:
    keys = tuple(field.key for field in one.sheet.fields)
    return Match(one.sheet.sheet, one.sheet.template, MatchStatus.UNSURE, ranked=ranked, why=NOT_SURE, keys=keys)


def _of_nobody(one: _Seen, rule: MatchRule) -> Match:
    """Say what becomes of a sheet whose number is of a length that no candidate's has."""
    return _match(one, None, 0.0, set(), _proposal(one, ()), rule)


def _table(seen: Sequence[_Seen]) -> tuple[Floats, list[int], dict[str, int]]:
    """Return ratios as an array (S, n, A + 1), the size of each position's alphabet, and the column of a character."""
    length = len(seen[0].places)
    alphabets = [sorted(set().union(*(one.places[at] for one in seen))) for at in range(length)]
    columns = {character: at for at, character in enumerate(sorted(set().union(*alphabets)))}
    table = np.zeros((len(seen), length, len(columns) + 1))
    for row, one in enumerate(seen):
        for at, place in enumerate(one.places):
            for character, ratio in place.items():
                table[row, at, columns[character]] = ratio
    return table, [len(alphabet) for alphabet in alphabets], columns


def _with_checks(
    weights: Weights, seen: Sequence[_Seen], sizes: Sequence[int], ids: set[str], asked: tuple[Prior, MatchRule]
) -> Weights:
    """Weigh nobody anew where ids have check characters: a text that fails its check is nobody's number.

    The texts that fit best are spelled out; of all others as many pass as pass by chance. What speaks for a number one
    slip away from a candidate's stays: such a number fails, but somebody may have slipped who is not on the roster.
    """
    prior, rule = asked
    numbers = math.prod(float(size) for size in sizes)
    nobody = np.empty(len(seen))
    for at, one in enumerate(seen):
        everything = math.exp(sum(math.log(sum(place.values())) for place in one.places) - weights.scale[at])
        passed = 0.0
        for text, log in spelled(one.places):
            fit = math.exp(log - weights.scale[at])
            everything -= fit
            if text not in ids and has_check(text, rule.check):
                passed += fit
        nobody[at] = prior.nobody * (1.0 - BESIDE) * (passed / PASSING + max(everything, 0.0)) / numbers
    return replace(weights, nobody=nobody + weights.beside)


def _ranked(
    assignment: Assignment, weights: Weights, at: int, people: Sequence[Candidate]
) -> tuple[RankedCandidate, ...]:
    chances = assignment.chances[at]
    order = np.argsort(-chances, kind="stable")[:SHOWN]
    return tuple(
        RankedCandidate(people[who].id, people[who].name, min(float(chances[k]), 1.0))
        for k, who in ((int(k), int(weights.who[at, k])) for k in order)
    )


def _match(  # noqa: PLR0917 - what a match is made of
    one: _Seen, holder: Candidate | None, odds: float, ids: set[str], match: Match, rule: MatchRule
) -> Match:
    """Say what becomes of one sheet, `match` being what is proposed for it."""
    if differing := contradiction(one.sheet):
        return replace(match, status=MatchStatus.CONTRADICTORY, why=DISAGREE.format(differing))
    if one.barred:
        return replace(match, why=BARRED)
    if holder is not None and odds <= rule.accept_error and not _read_otherwise(one, holder.id):
        # The odds bound the error from above, so this is the least that the match is worth.
        matched = replace(match, status=MatchStatus.MATCHED, id=holder.id, settles=one.used, why="")
        return replace(matched, probability=1.0 / (1.0 + odds))
    if one.number in ids or not _is_read(one, rule):
        return match
    if rule.check and not has_check(one.number, rule.check):
        return replace(match, why=FAILS_CHECK.format(one.number))
    why = NOT_LISTED.format(one.number)
    if match.ranked and is_slip(one.number, match.ranked[0].id):
        why = BESIDE_OF.format(why, _named(match.ranked[0]))
    return replace(match, status=MatchStatus.OFF_ROSTER, id=one.number, probability=one.sure, why=why)


def _read_otherwise(one: _Seen, number: str) -> bool:
    """Tell whether what was read contradicts a number, whatever the class list and check characters make of it."""
    return any(
        place.get(character, 0.0) < (1.0 - PLAIN) * sum(place.values())
        for character, place in zip(number, one.places, strict=True)
        if max(place.values()) >= PLAIN * sum(place.values())
    )


def _agrees(one: _Seen, codes: Indices, columns: Mapping[str, int], holder: int) -> bool:
    """Tell whether what was read by itself speaks for a candidate, whatever the printed code says."""
    if not one.alone:
        return False
    table = np.zeros((len(one.alone), len(columns) + 1))
    for at, place in enumerate(one.alone):
        for character, ratio in place.items():
            table[at, columns[character]] = ratio
    fits = table[np.arange(len(table)), codes].prod(axis=1)
    others = float(np.delete(fits, holder).max(initial=0.0))
    return bool(fits[holder] >= AGREES * max(others, 1.0))


def _is_read(one: _Seen, rule: MatchRule) -> bool:
    """Tell whether the number of a sheet is sure without any class list."""
    return one.sure >= 1.0 - rule.accept_error or any(field.value == one.number for field in one.sheet.fields)


def _named(one: RankedCandidate) -> str:
    return f"{one.id} {one.name}".strip()


# ---- all sheets of the exam ------------------------------------------------------------------------------------------


def _doubled(
    matches: Iterable[Match], claims: Mapping[str, str], extra: set[str]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the sheets that say one id, where there is more than one of a template, by (template, id)."""
    saying: dict[tuple[str, str], list[str]] = defaultdict(list)
    for match in matches:
        number = match.id or claims.get(match.sheet, "")
        if number and match.sheet not in extra and match.status is not MatchStatus.CONTRADICTORY:
            saying[match.template, number].append(match.sheet)
    return {each: tuple(sorted(sheets)) for each, sheets in sorted(saying.items()) if len(sheets) > 1}


def _told_doubled(match: Match, doubled: Mapping[tuple[str, str], tuple[str, ...]], claims: Mapping[str, str]) -> Match:
    """Return the match of a sheet, told of the others that say its id."""
    number = match.id or claims.get(match.sheet, "")
    others = [sheet for sheet in doubled.get((match.template, number), ()) if sheet != match.sheet]
    if not others or match.sheet not in doubled[match.template, number]:
        return match
    why = SAME_ID.format(number, ", ".join(others[:SHOWN]) + (", …" if len(others) > SHOWN else ""))
    if match.status is MatchStatus.OFF_ROSTER:
        why = f"{match.why}; {why}"
    elif match.status is MatchStatus.BY_PERSON:
        # What a person said stands; the other sheet is the one to look at, unless a person said that one, too.
        return replace(match, why=why)
    likely = next((one.probability for one in match.ranked if one.id == number), match.probability)
    return replace(match, status=MatchStatus.DOUBLED, id=number, probability=likely, why=why)
