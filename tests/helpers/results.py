"""What hand-made rows are worth, as `exam_results` would work it out without an exam folder."""

from collections.abc import Mapping, Sequence

from flows.deciding import Grounds, decide
from flows.exam_results import ExamResults
from flows.key import Key
from flows.marking import candidate_results, mark_sheets
from flows.records import FieldRow, PageRow
from flows.roster import Candidate
from flows.worth import MarkRule
from recognizer.template import SheetTemplate
from tests.helpers.exam_rows import marks_template
from tests.helpers.id_ink import characters_by_key


def results_of(
    fields: Sequence[FieldRow],
    pages: Sequence[PageRow],
    templates: Sequence[SheetTemplate] = (),
    rule: MarkRule | None = None,
    *,
    names: Mapping[str, str] | None = None,
    key: Key | None = None,
) -> ExamResults:
    """Mark rows of pages; `names` make the roster."""
    templates, rule = templates or (marks_template(),), rule or MarkRule()
    roster = tuple(Candidate(id, name, line) for line, (id, name) in enumerate((names or {}).items(), start=2))
    decided = decide(fields, pages, Grounds(templates, rule, roster, characters=characters_by_key(fields)))
    matched = {match.sheet: match.id for match in decided.matching.matches if match.id}
    sheets = mark_sheets(decided.sheets, key, rule, matched, templates)
    return ExamResults(decided, sheets, candidate_results(sheets, decided.matching, roster, key), key)
