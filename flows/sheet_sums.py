"""What the sums of a sheet decide: which fields count that their pictures alone left open, what is in doubt. Pure.

    FieldRow… (all sheets) ─decide_sums─► SumFinding… (new decisions by key, explanations)

A field that the reader alone left unsure is accepted when its probability given the whole sheet passes the threshold
that its own would have had to pass. Nothing else is accepted by a sum, and nothing is replaced: a value that the reader
had accepted and that the sum contradicts is flagged, and so is a total that may be added wrongly. What a person said is
certain. Cancelled, unreadable, faint and doubted fields get a proposal, and stay with people.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flows.records import FieldRow
from flows.sum_findings import SumFinding
from flows.worth import MarkRule
from recognizer.judge import percent
from recognizer.promise import NOTHING, Thresholds
from recognizer.records import Decision, Flag, RankedValue, ValueState
from recognizer.sum_layout import SumLayout, sum_layout
from recognizer.sum_model import MISADDED, SumModel, model_for
from recognizer.sum_words import explain
from recognizer.sums import UNKNOWN, Joint, PartEvidence, decode_sums
from recognizer.template import Role, SheetTemplate
from recognizer.values import ABSENT, BLANK

SUMMED_UP = (Role.MARK, Role.TOTAL)

SEEN_BY_VALUES = (None, Flag.UNSURE, Flag.BLANK_MARK, Flag.DOUBTED, Flag.SUM)
"""Of fields with one of these flags, or none, the values are what the reader believes. With any other, something was
seen that no value explains."""

CONTRADICTED = 0.99
"""Where the office's error lets nothing be accepted, a value counts as contradicted below this."""

WRONG_AT_MOST = 0.05
"""On a sheet one of whose totals is likelier wrong than this, its sums accept nothing, and that total is flagged; or,
where more totals are taken to be wrong from the start, likelier than `MORE_THAN_BEFORE` times that share."""

MORE_THAN_BEFORE = 2.0

SHOWN_RIGHT = 0.1
"""A sheet's sums agree when what was read makes a wrong total so many times less likely than it was from the start."""

LIKELY_WRONG = 0.5
"""From here on a total is likelier wrong than right."""

PROPOSED = 0.5
"""A value at least as likely as this by the whole sheet is proposed to whoever looks at a field."""

NAMED_VALUES = 3
"""Values named in a reason."""

SHOWN_PROBABILITY = 0.005
"""A value less likely than this would be shown as 0 %."""

CONTRADICTS = "the sum of the sheet speaks against {}: {}"
LEAVES_IN_DOUBT = "the sum of the sheet leaves {} in doubt: {}"
WRONG = "what is written here is likely not the sum of the marks: {}"
UNPROVEN = "this total and the marks do not clearly agree: {}"
NO_EXPLANATION = "no simple change makes marks and total agree"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One sheet: what is known of each part of its layout, and the reading behind it, if there is just one."""

    name: str
    rows: tuple[FieldRow | None, ...]
    evidence: tuple[PartEvidence, ...]


def decide_sums(
    fields: Iterable[FieldRow],
    templates: Sequence[SheetTemplate],
    rule: MarkRule,
    thresholds: Mapping[str, Thresholds],
    misadded: float = MISADDED,
) -> tuple[SumFinding, ...]:
    """Decode marks and totals of every sheet together, and decide again by what comes out.

    Sheets whose template has no total are not among the findings.

    Args:
        fields: all fields of the exam as the store has them; those of pages that do not count are passed over.
        templates: those of the exam.
        rule: what a blank, a dash and an AB are worth.
        thresholds: from which score a field is accepted, by model; fields of other models are accepted by no sum.
        misadded: the share of totals that are taken to be wrong.
    """
    rows: dict[str, dict[str, dict[str, list[FieldRow]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for row in fields:
        if row.role in SUMMED_UP and row.counts and row.sheet:
            rows[row.template][row.sheet][row.field].append(row)
    found: list[SumFinding] = []
    for template in templates:
        layout = sum_layout(template, rule.absent == "zero")
        if layout is None or template.name not in rows:
            continue
        sheets = [_sheet(name, by_field, layout) for name, by_field in rows[template.name].items()]
        model = model_for(layout.unit, misadded)
        joint = decode_sums(layout, [sheet.evidence for sheet in sheets], model)
        tops = [joint.tops(part) for part in range(len(layout.parts))]
        by = (model, rule, thresholds)
        found += [
            _Decider(sheet, joint, at, [top[at] for top in tops], by).finding() for at, sheet in enumerate(sheets)
        ]
    return tuple(found)


def _sheet(name: str, by_field: Mapping[str, Sequence[FieldRow]], layout: SumLayout) -> _Sheet:
    each = [by_field.get(part.name, ()) for part in layout.parts]
    # A page that came twice says two things of one field; until somebody decides, nothing is known of it.
    rows = tuple(found[0] if len(found) == 1 else None for found in each)
    return _Sheet(name, rows, tuple(UNKNOWN if row is None else evidence_of(row) for row in rows))


def evidence_of(row: FieldRow) -> PartEvidence:
    """Return what is known of one field by itself."""
    if row.correction is not None and not row.correction.settles:
        # What nobody could read, or two people dispute, says nothing; least of all what the machine took it for.
        return UNKNOWN
    if row.correction is not None:
        return PartEvidence(known=row.correction.value if row.correction.state is ValueState.VALUE else BLANK)
    decision = row.decision
    if decision.flag is None and (not row.values or row.values[0].value != decision.value):
        # Accepted for another reason than its own picture: that decision is what is known.
        return PartEvidence((RankedValue(decision.value, decision.confidence),))
    return PartEvidence(row.values, troubled=decision.flag not in SEEN_BY_VALUES)


class _Decider:
    """Decides about the fields of one sheet."""

    def __init__(
        self,
        sheet: _Sheet,
        joint: Joint,
        at: int,
        tops: Sequence[RankedValue],
        by: tuple[SumModel, MarkRule, Mapping[str, Thresholds]],
    ) -> None:
        self.sheet, self.joint, self.at, self.tops = sheet, joint, at, tops
        self.model, self.rule, self.thresholds = by
        self.layout = joint.layout
        self.wrong: dict[int, float] = dict(zip(self.layout.totals, joint.misadded[at].tolist(), strict=True))
        self.lost: dict[int, float] = dict(zip(self.layout.marks, joint.left_out[at].tolist(), strict=True))
        self.misadded = max(self.wrong.values())
        self.wrong_at_most = max(WRONG_AT_MOST, MORE_THAN_BEFORE * self.model.misadded)
        self.best = [self._own_best(part) for part in range(len(self.layout.parts))]
        self._whys: dict[int, str] = {}

    def finding(self) -> SumFinding:
        """Return what the sums of the sheet say."""
        if self._has_no_sum():
            return SumFinding(self.sheet.name)
        new = {
            row.key: decision
            for part, row in enumerate(self.sheet.rows)
            if row is not None and part in self.layout.root_of and (decision := self._decided(part, row)) is not None
        }
        decisions = {
            row.key: new.get(row.key, row.decision)
            for row in self.sheet.rows
            if row is not None and row.correction is None
        }
        disagrees = [at for at in self.layout.totals if self.wrong[at] > LIKELY_WRONG]
        contradicted = any(decision.flag is Flag.SUM for decision in decisions.values())
        unsettled = any(row is not None and row.correction and not row.settled_by_person for row in self.sheet.rows)
        is_open = unsettled or any(decision.flag is not None for decision in decisions.values())
        behind = [each for total in disagrees for each in (total, *self._marks_behind(total))]
        confirmed = bool(disagrees) and not is_open and None not in self.sheet.rows
        confirmed = confirmed and all(
            (row := self.sheet.rows[at]) is not None and row.settled_by_person for at in disagrees
        )
        shown_right = self.misadded <= SHOWN_RIGHT * self.model.misadded
        agrees = False if disagrees or contradicted else True if shown_right else None
        shown = disagrees or (self.layout.totals if agrees is not True else ())
        return SumFinding(
            sheet=self.sheet.name,
            decisions=new,
            agrees=agrees,
            misadded=self.misadded,
            why="; ".join(dict.fromkeys(why for at in shown if (why := self._why(at)))),
            questioned=tuple(dict.fromkeys(row.key for at in behind if (row := self.sheet.rows[at]) is not None)),
            confirmed=confirmed,
        )

    # ---- one field

    def _decided(self, part: int, row: FieldRow) -> Decision | None:
        """Return the new decision about one field; None where the old one stays."""
        if row.correction is not None:
            return None
        old, flag = row.decision, row.decision.flag
        if flag is None:
            return self._doubted_by_sum(part, row)
        if flag is Flag.UNSURE:
            return self._decided_unsure(part, row)
        if flag is Flag.BLANK_MARK:
            return self._decided_blank(part, row)
        top = self.tops[part]
        if top.probability < PROPOSED or top.probability <= old.confidence:
            return None
        why = f"{old.why}; by the sum of the sheet: {_named([top])}"
        return replace(old, guess=top.value, confidence=top.probability, why=why)

    def _doubted_by_sum(self, part: int, row: FieldRow) -> Decision | None:
        """Flag what the reader had accepted and the sum contradicts, and a total that was likely added wrongly."""
        old = row.decision
        value = old.value if old.state is ValueState.VALUE else BLANK
        probability = self.joint.of(self.at, part, value)
        limit = self._limit(row)
        if probability < (limit if limit < NOTHING else CONTRADICTED) and probability < old.confidence:
            says = LEAVES_IN_DOUBT if self.tops[part].value == value else CONTRADICTS
            why = says.format(value or "blank", self._reason(part))
        elif self.wrong.get(part, 0.0) > self.wrong_at_most:
            why = (WRONG if self.wrong[part] > LIKELY_WRONG else UNPROVEN).format(self._reason(part))
        else:
            return None
        top = self.tops[part]
        return Decision(row.field, ValueState.UNSETTLED, "", top.value, top.probability, Flag.SUM, why)

    def _decided_unsure(self, part: int, row: FieldRow) -> Decision | None:
        top = self.tops[part]
        passes = top.probability >= self._limit(row) and self._accepts(part, row)
        if passes and top.value not in (BLANK, ABSENT):
            return Decision(row.field, ValueState.VALUE, top.value, top.value, top.probability, None, "")
        if passes and top.value == BLANK and self._counts_blank(part, row):
            return Decision(row.field, ValueState.BLANK, "", "", top.probability, None, "")
        if self.wrong.get(part, 0.0) > LIKELY_WRONG:
            why = WRONG.format(self._reason(part))
            return Decision(row.field, ValueState.UNSETTLED, "", top.value, top.probability, Flag.SUM, why)
        ranked = self.joint.ranked(self.at, part, NAMED_VALUES)
        named = _named(one for one in ranked if one.probability >= SHOWN_PROBABILITY)
        why = f"unsure, by its picture and the sum: {named}"
        if reason := self._reason(part, all_is_well=""):
            why += f"; {reason}"
        return Decision(row.field, ValueState.UNSETTLED, "", top.value, top.probability, Flag.UNSURE, why)

    def _decided_blank(self, part: int, row: FieldRow) -> Decision | None:
        """A blank mark cell: nothing awarded, or forgotten? The total may tell; whether it counts, exam.toml does."""
        old = row.decision
        nothing = self.joint.of(self.at, part, BLANK) - self.lost.get(part, 0.0)
        if nothing >= self._limit(row) and self._accepts(part, row) and self._counts_blank(part, row):
            return Decision(row.field, ValueState.BLANK, "", "", nothing, None, "")
        if nothing >= 1 - WRONG_AT_MOST and self.misadded <= SHOWN_RIGHT * self.model.misadded:
            return replace(old, why=f"{old.why} The total agrees with nothing awarded")
        if reason := self._reason(part, all_is_well=""):
            return replace(old, why=f"{old.why} {reason}")
        return None

    # ---- conditions

    def _has_no_sum(self) -> bool:
        """Whether no total is written, or somebody was absent: then nothing can be said."""
        seen = [at for at in self.layout.totals if (own := self.sheet.evidence[at]).values or own.known is not None]
        totals = [at for at in seen if self.best[at] not in (BLANK, ABSENT)]
        absent = self.rule.absent != "zero" and any(self.best[at] == ABSENT for at in self.layout.root_of)
        return not totals or absent

    def _limit(self, row: FieldRow) -> float:
        return self.thresholds[row.model].of(row.kind) if row.model in self.thresholds else NOTHING

    def _accepts(self, part: int, row: FieldRow) -> bool:
        """Whether the sums of the sheet are right so surely that they may settle a field.

        A total is accepted by its sum only when that it is wrong is no likelier than that an accepted field is.
        """
        return self.misadded <= self.wrong_at_most and self.wrong.get(part, 0.0) <= 1 - min(self._limit(row), 1.0)

    def _counts_blank(self, part: int, row: FieldRow) -> bool:
        """Whether a blank may be accepted: only a mark's, and where exam.toml says what it is worth."""
        nothing = self.joint.of(self.at, part, BLANK) - self.lost.get(part, 0.0)
        return part not in self.wrong and self.rule.blank == "zero" and nothing >= self._limit(row)

    def _marks_behind(self, total: int) -> Iterator[int]:
        """Yield the parts that a total adds: whoever looks at a wrong sum has to see them all."""
        for at in self.layout.nodes[total].children:
            if self.sheet.rows[at] is not None:
                yield at

    # ---- values and words

    def _own_best(self, part: int) -> str:
        """Return what a field seems to hold by itself, or where nothing is seen, by the sheet."""
        evidence = self.sheet.evidence[part]
        if evidence.known is not None:
            return evidence.known
        return evidence.values[0].value if evidence.values else self.tops[part].value

    def _reason(self, part: int, all_is_well: str = NO_EXPLANATION) -> str:
        """Return the explanations of the totals that a part is, or is added by."""
        mine = [part] if part in self.layout.nodes else []
        mine += [total for total, node in self.layout.nodes.items() if part in node.children]
        return "; ".join(dict.fromkeys(why for total in mine if (why := self._why(total)))) or all_is_well

    def _why(self, total: int) -> str:
        if total not in self._whys:
            found = explain(self.layout, total, self.sheet.evidence, self.best, self.model)
            self._whys[total] = ", or: ".join(one.text for one in found)
        return self._whys[total]


def _named(values: Iterable[RankedValue]) -> str:
    """Name values with their probabilities, as `judge` does."""
    return ", ".join(f"{one.value or 'blank'} ({percent(one.probability)})" for one in values)
