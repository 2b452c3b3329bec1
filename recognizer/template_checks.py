"""Whether everything printed on a page has a place of its own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recognizer.geometry import Rect
from recognizer.template_source import Key, Problem

MAX_OVERLAPS = 200
"""Overlaps counted before the search ends: a template with more is wrong as a whole."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Something printed on the page. A box needs paper of its own; texts and panels may lie on one another."""

    rect: Rect
    name: str
    where: Key
    is_box: bool


def layout_problems(printed: Iterable[Placed], area: Rect) -> Iterator[Problem]:
    """Yield, once for each entry, what leaves `area`, and what lies on a box."""
    placed = list(printed)
    outside: set[Key] = set()
    for item in placed:
        if not area.contains(item.rect) and item.where not in outside:
            outside.add(item.where)
            yield Problem(
                item.where, f"{item.name} at {_extent(item.rect)} leaves the printable area ({_extent(area)})"
            )
    yield from _overlaps(placed)


def _overlaps(placed: list[Placed]) -> Iterator[Problem]:
    """Yield one problem for every two entries that lie on one another (a sweep down the page)."""
    said: set[tuple[Key, Key]] = set()
    ordered = sorted(placed, key=lambda item: item.rect.y)
    for index, item in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.rect.y >= item.rect.bottom or len(said) > MAX_OVERLAPS:
                break
            if (item.is_box or other.is_box) and item.rect.overlaps(other.rect, tolerance=1e-6):
                first, second = sorted((item, other), key=lambda one: (not one.is_box, one.where))
                if (first.where, second.where) not in said:
                    said.add((first.where, second.where))
                    yield Problem(second.where, f"{second.name} at {_extent(second.rect)} lies on {_bare(first)}")


def _bare(item: Placed) -> str:
    return item.name.rstrip(",")


def _extent(rect: Rect) -> str:
    return f"x {rect.x:g} to {rect.right:g}, y {rect.y:g} to {rect.bottom:g} mm"
