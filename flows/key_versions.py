"""The printed versions of a paper: shuffle maps of questions and options, checked to be permutations."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flows.key import Question, Version
from flows.key_names import Names
from flows.key_source import Entry, as_text
from recognizer.template import Kind, SheetField


def read_versions(paper: Entry, names: Names, questions: Sequence[Question]) -> tuple[tuple[Version, ...], str]:
    """Return the printed versions and the field that says which of them a sheet is ("" for none)."""
    field = _version_field(paper, names)
    versions: list[Version] = []
    for entry in paper.entries("version"):
        name = entry.text("name") or ""
        if not name:
            entry.problem("", 'a printed version has a name: name = "B"')
        elif any(version.name == name for version in versions):
            entry.problem("name", f"there is a version {name} already")
        elif field is not None and name not in field.options:
            entry.problem("name", f"{name} is no option of {field.name}, which has {', '.join(field.options)}")
        fields = _order(entry, names, questions)
        options = _options(entry, names, questions)
        versions.append(Version(name, fields, options, _template_versions(entry, names)))
        entry.done()
    _check_known_apart(paper, field, versions)
    return tuple(versions), field.name if field else ""


def _version_field(paper: Entry, names: Names) -> SheetField | None:
    name = paper.text("version_field")
    if name is None:
        return None
    field = names.any_field(name)
    if field is None:
        paper.problem("version_field", f"the template {names.template.name} has no field '{name[:60]}'")
    elif field.kind is not Kind.CHOICE or field.positions > 1 or field.multiple:
        paper.problem("version_field", f"{name} does not choose one of several; a version is marked in a choice field")
        return None
    return field


def _check_known_apart(paper: Entry, field: SheetField | None, versions: Sequence[Version]) -> None:
    """Note what would leave the version of a sheet unknown."""
    if field is not None:
        have = {version.name for version in versions}
        if missing := [option for option in field.options if option not in have]:
            paper.problem("version_field", f"no [[paper.version]] is named {', '.join(missing)}, which may be marked")
        return
    if len(versions) > 1 and not all(version.template_versions for version in versions):
        paper.problem(
            "version",
            "nothing tells the versions apart: name the field that says it (version_field), or give each its "
            "template_versions",
        )
    numbers = [number for version in versions for number in version.template_versions]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        paper.problem("version", f"version {twice[0]} of the template belongs to two printed versions")


def _template_versions(entry: Entry, names: Names) -> tuple[int, ...]:
    value = entry.raw("template_versions")
    if value is None:
        return ()
    each = value if isinstance(value, list) else str(as_text(value) or value).split(",")
    found = [int(text) for one in each if (text := str(as_text(one) or "").strip()).isdecimal() and len(text) <= 4]
    if len(found) != len(each):
        entry.problem("template_versions", "is no list of whole numbers, such as [1, 2]")
    for number in found:
        if not names.template.reads(number):
            entry.problem("template_versions", f"{names.template.name} reads no sheets of its version {number}")
    return tuple(found)


def _order(entry: Entry, names: Names, questions: Sequence[Question]) -> dict[str, str]:
    """Return the field in which each question of the key stands in this version, where it is not its own."""
    value = entry.raw("order")
    if value is None:
        return {}
    by_name = {question.name: question for question in questions}
    if isinstance(value, dict):
        pairs = [(str(printed), as_text(each) or "") for printed, each in value.items()]
        expected: Iterable[str] = [printed for printed, _ in pairs]
    else:
        listed = [as_text(each) or "" for each in value] if isinstance(value, list) else str(value).split()
        expected = [question.name for question in questions]
        pairs = list(zip(expected, listed, strict=False))
        if len(listed) != len(by_name):
            entry.problem("order", f"{len(listed)} questions are named, the paper has {len(by_name)}")
            return {}
    if trouble := _no_permutation(list(expected), [each for _, each in pairs], by_name):
        entry.problem("order", trouble)
        return {}
    fields = {}
    for printed, name in pairs:
        place, question = by_name[printed], by_name[name]
        if printed != name:
            if not _alike(names.any_field(place.field), names.any_field(question.field)):
                entry.problem(
                    "order", f"question {name} cannot stand where {printed} is printed: their boxes are not alike"
                )
            fields[name] = place.field
    return fields


def _no_permutation(expected: list[str], listed: list[str], known: Mapping[str, Any]) -> str:
    """Say why a list is no order of the expected names, "" when it is one."""
    if strange := [name for name in (*expected, *listed) if name not in known]:
        return f"there is no question '{strange[0][:60]}'"
    twice = sorted({name for name in listed if listed.count(name) > 1})
    missing = [name for name in expected if name not in listed]
    if not twice and not missing and len(expected) == len(listed):
        return ""
    said = [f"{', '.join(twice[:5])} stands there twice"] if twice else []
    said += [f"{', '.join(missing[:5])} is missing"] if missing else []
    said = said or ["it does not come back to the questions that it begins with"]
    return f"is no permutation: {'; '.join(said)}"


def _alike(one: SheetField | None, other: SheetField | None) -> bool:
    if one is None or other is None:
        return False
    same = (one.kind, one.role, one.options, one.multiple, one.positions, one.maximum, one.minimum, one.step)
    return same == (
        other.kind,
        other.role,
        other.options,
        other.multiple,
        other.positions,
        other.maximum,
        other.minimum,
        other.step,
    )


def _options(entry: Entry, names: Names, questions: Sequence[Question]) -> dict[str, dict[str, str]]:
    """Return what each printed option is in the key, by question.

    "C A B" goes for every choice question; "3: C A B; 5: B A C", or a table, for those that are named.
    """
    value = entry.raw("options")
    if value is None:
        return {}
    choices = {each.name: field for each in questions if (field := _choice_field(names, each)) is not None}
    if isinstance(value, str) and ":" in value:
        pieces = (piece.partition(":") for piece in value.split(";") if piece.strip())
        value = {name.strip(): order for name, _, order in pieces}
    given = value if isinstance(value, dict) else dict.fromkeys(choices, value)
    found = {}
    for name, order in given.items():
        field = choices.get(name)
        if field is None:
            entry.problem("options", f"there is no choice question '{str(name)[:60]}'")
            continue
        listed = [str(each) for each in order] if isinstance(order, list) else str(order).split()
        if sorted(listed) != sorted(field.options):
            entry.problem(
                "options",
                f"question {name}: {' '.join(listed)[:60]} is no permutation of its options {' '.join(field.options)}",
            )
        else:
            found[name] = dict(zip(field.options, listed, strict=True))
    return found


def _choice_field(names: Names, question: Question) -> SheetField | None:
    field = names.any_field(question.field)
    return field if field is not None and field.kind is Kind.CHOICE and field.positions == 1 else None
