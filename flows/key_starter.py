"""A first key.toml for the templates of an exam: it explains itself and says what holds without it."""

import re
from collections.abc import Iterator, Sequence

from flows.key_names import names_of
from flows.key_questions import STILL_OPEN
from recognizer.template import Kind, Role, SheetField, SheetTemplate
from recognizer.values import format_number

HEADER = """\
# The key of this exam: what each answer is worth, and how points become totals and grades.
#
# Every setting is explained; those behind a # show an example. After a change: tallymark key DIR --check says whether
# the key can be used, and tallymark remark DIR marks all sheets anew without reading them again.
#
# Numbers are exact: 0.25, "1/3" and "2½" are what they say. A third of a mark stays a third until a rounding below.

# What a blank mark cell means: "nothing_awarded" (0), "not_attempted" (0, and no attempt at the question) or
# "forgotten" (the sheet stays open until a person has looked). Without this line exam.toml says it ([marks] blank).
# blank = "forgotten"
"""

PAPER = """
# ---- {title}

[[paper]]
template = "{template}"

# The total is at least 0; at most the maximum; scaled to a maximum.
# minimum_zero = true
# at_most_maximum = true
# scale_to = 100
"""

DEFAULTS = """
# What holds for every question that does not say otherwise.
[paper.defaults]
# What a right answer is worth, and a wrong one (0 or less; a blank answer is always worth 0).
points = 1
wrong = 0
# What its points are multiplied by.
# weight = 1
"""

CHOICES = """
# Choices: the right answers of questions in their order. Put an answer in the place of every ?.
[[paper.question]]
questions = "{names}"
answers = "{answers}"

# Other things that a question may say, in an entry of its own (take it out of the list above):
# [[paper.question]]
# question = "7"
# answer = "A | C = 0.5"    # A is right; C earns half a point. Several options together: "A+C"
# partial = "right_minus_wrong"    # or "per_option", "all_or_nothing": where several options are to be marked
# most = 2                  # more marked options than these make the answer wrong
# minimum_zero = true       # not below 0
# void = "left_out"         # out of points and maximum; "everybody" or "nobody" gets its points
# bonus = true              # adds to the points and not to the maximum
"""

NUMBERS = """
# Numbers: a number, a fraction "1/3", a range "2.4..2.6", or several, "3 | 4 = 0.5".
# Put an answer in the place of every ?.
# At most one tolerance: within = 0.1, within_percent = 2, or significant = 3 (figures); bounds are included.
# any_sign = true takes -3 for 3.
[[paper.question]]
questions = "{names}"
answers = "{answers}"
"""

MARKS = """
# Marks that an examiner awards count as the sheet says: {names}, each up to its maximum. An entry is needed only where
# one differs:
# [[paper.question]]
# question = "{first}"
# maximum = {maximum}             # not more than the sheet allows
# weight = 2
"""

SUMS = """
# Sections; of some only the best questions count. A group of questions counts as one.
# [[paper.section]]
# name = "A"
# questions = "{names}"
# best = 3
# minimum_zero = true
# scale_to = 40
# [[paper.group]]
# name = "{first}"
# questions = "{names}"
# rule = "sum"              # or "all_needed": points only if every part is right; or "best", with best = 1

# Rounding: at which stages ("question", "section", "total"), to which step, and where the middle goes: "half_up" (2.5
# becomes 3, -2.5 becomes -3) or "half_even" (2.5 becomes 2).
# [[paper.rounding]]
# stage = "total"
# step = 0.5
# mode = "half_up"

# Printed versions: what stands where. The choice field version_field says which one a sheet is (without it
# template_versions = [1] of each version does). order: the question of the key that is printed first, second, ...
# options: the option of the key that is printed as A, B, ...; "3: B A C" is for question 3 alone.
# [[paper.version]]
# name = "B"
# order = "2 1 3"
# options = "B A C"

# Grades from the best down: from so many points, or "60%" of the maximum, on; exactly on the boundary counts.
# [[paper.grade]]
# grade = "pass"
# from = "50%"
# [[paper.grade]]
# grade = "fail"
# from = "0%"
"""

OVERALL = """
# ---- all papers together

# What each paper is worth in the total of a candidate. Without this the totals of his papers are added up.
# [overall]
# weights = {{ {weights} }}
# missing = "unsettled"       # a paper without a sheet: "unsettled" or "zero"
"""


def starter_key(templates: Sequence[SheetTemplate]) -> str:
    """Return the text of a first key.toml; it can be used once an answer stands in the place of every ?."""
    text = HEADER + "".join("".join(_paper(template)) for template in templates if names_of(template).fields)
    if len(templates) > 1:
        share = ", ".join(f"{_bare(template.name)} = 50" for template in templates if names_of(template).fields)
        text += OVERALL.format(weights=share)
    return text


def _paper(template: SheetTemplate) -> Iterator[str]:
    """Yield what a key may say of one template."""
    names = names_of(template)
    answers = [each for each in names.fields if each.role is Role.ANSWER]
    marks = [each for each in names.fields if each.role is Role.MARK]
    choices = [each for each in answers if each.kind is Kind.CHOICE and each.positions == 1]
    numbers = [each for each in answers if each.is_numeric]
    yield PAPER.format(title=_one_line(template.title or template.name), template=template.name)
    if answers:
        yield DEFAULTS
    for kind, fields in ((CHOICES, choices), (NUMBERS, numbers)):
        if fields:
            listed = _listed([_name(each, answers) for each in fields])
            yield kind.format(names=_quoted(listed), answers=" ".join([STILL_OPEN] * len(fields)))
    if marks:
        first = marks[0]
        yield MARKS.format(
            names=_one_line(", ".join(each.question for each in marks)),
            first=_quoted(first.question),
            maximum=format_number(first.maximum) if first.maximum is not None else 10,
        )
    every = [_name(each, answers) for each in answers] + [each.question for each in marks]
    yield SUMS.format(names=_quoted(", ".join(every[:4])), first=_quoted(every[0]))


def _name(field: SheetField, answers: Sequence[SheetField]) -> str:
    """Return what the key calls a question: its question where that is clear, else its field."""
    twins = [each for each in answers if each.question == field.question]
    return field.question if field.question and len(twins) == 1 and "," not in field.question else field.name


def _listed(names: Sequence[str]) -> str:
    """Write names as a list, numbers that follow each other as a range."""
    plain = all(re.fullmatch("[1-9][0-9]{0,4}", name) for name in names)
    if plain and len(names) > 2 and [int(name) for name in names] == list(range(int(names[0]), int(names[-1]) + 1)):
        return f"{names[0]}-{names[-1]}"
    return ", ".join(names)


def _quoted(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _one_line(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _bare(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else f'"{name}"'
