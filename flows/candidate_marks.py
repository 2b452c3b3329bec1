"""Pure: what each candidate of the roster has, over all of his sheets."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction

from flows.exact import shown
from flows.key import Grade, Key, Missing, Overall
from flows.marking_sums import grade_of, settled_sum
from flows.results import (
    Absent,
    CandidateResult,
    Matching,
    MatchStatus,
    SheetResult,
    Unsettled,
)
from flows.roster import Candidate
from flows.scoring import Score, as_points

NO_SHEET = "no sheet has come"
SEVERAL = "{} sheets of {}: {}"
NO_PAPER = "no sheet of {} has come"
OFF = MatchStatus.OFF_ROSTER


def candidate_results(
    results: Sequence[SheetResult], matching: Matching, roster: Sequence[Candidate], key: Key | None
) -> tuple[CandidateResult, ...]:
    """Return one result for each candidate of the roster, in its order.

    Without `[overall]` in the key a total is the sum over the papers of which he has a sheet. It is unsettled while any
    of them is, or while there are two sheets of one paper; absent where he was in one of them.
    """
    sheets: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for match in matching.matches:
        if match.id and match.status is not OFF:
            sheets[match.id][match.template].append(match.sheet)
    by_sheet = {result.sheet: result for result in results}
    return tuple(_candidate_result(candidate, sheets.get(candidate.id, {}), by_sheet, key) for candidate in roster)


def _candidate_result(
    candidate: Candidate, sheets: Mapping[str, Sequence[str]], by_sheet: Mapping[str, SheetResult], key: Key | None
) -> CandidateResult:
    own = {template: tuple(named) for template, named in sheets.items()}
    overall = key.overall if key else None
    grades: Sequence[Grade] = overall.grades if overall else ()
    worths: dict[str, tuple[Score, Fraction]] = {}
    grade = ""
    for template, named in own.items():
        found = [by_sheet[sheet] for sheet in named if sheet in by_sheet]
        if len(found) > 1:
            reason = SEVERAL.format(len(found), template, ", ".join(sheet.sheet for sheet in found))
            worths[template] = Unsettled((reason,)), _maximum(found[0])
        elif found:
            worths[template] = _score(found[0]), _maximum(found[0])
            grade = found[0].grade
    if not own:
        return CandidateResult(candidate, own, Unsettled((NO_SHEET,)), None, why=NO_SHEET)
    if not worths:
        return CandidateResult(candidate, own, None, None)
    if overall is None:
        total = settled_sum([points for points, _ in worths.values()])
        maximum = sum((most for _, most in worths.values()), Fraction(0))
        grade = grade if len(worths) == 1 else ""
    else:
        total, maximum = _weighed(overall, worths)
        grade = grade_of(grades, total, maximum)
    grade = grade if isinstance(total, Fraction) else ""
    return CandidateResult(candidate, own, as_points(total), shown(maximum), grade, _why(total, worths))


def _weighed(overall: Overall, worths: Mapping[str, tuple[Score, Fraction]]) -> tuple[Score, Fraction]:
    """Return the weighted total of several papers, and its maximum."""
    parts: list[Score] = []
    for template, weight in overall.weights.items():
        if template not in worths:
            zero = overall.missing is Missing.ZERO
            parts.append(Fraction(0) if zero else Unsettled((NO_PAPER.format(template),)))
            continue
        points, maximum = worths[template]
        if isinstance(points, Fraction):
            parts.append(points * weight / maximum if maximum else Unsettled((f"{template}: its maximum is 0",)))
        else:
            parts.append(points)
    total = settled_sum(parts)
    if isinstance(total, Fraction) and overall.rounding is not None:
        total = overall.rounding.apply(total)
    return total, sum(overall.weights.values(), Fraction(0))


def _why(total: Score, worths: Mapping[str, tuple[Score, Fraction]]) -> str:
    if isinstance(total, Unsettled):
        return "; ".join(total.reasons)
    if isinstance(total, Absent):
        absent = [template for template, (points, _) in worths.items() if isinstance(points, Absent)]
        return f"absent (AB) in {', '.join(absent)}"
    return ""


def _score(result: SheetResult) -> Score:
    """Return the total of a sheet, a third as a third: what is shown of it is cut to decimals."""
    if isinstance(result.total, Absent | Unsettled):
        return result.total
    return Fraction(result.total) if result.exact is None else result.exact


def _maximum(result: SheetResult) -> Fraction:
    return Fraction(result.maximum) if result.exact_maximum is None else result.exact_maximum
