"""Pure: what the id fields of a sheet say together, as texts with probabilities; no class list is known here."""

import math
from collections.abc import Sequence
from itertools import combinations

from flows.id_evidence import Place, SheetEvidence
from flows.match_weights import FLOOR

SURE = 0.95
"""From this probability on a character is read clearly: two fields that clearly differ contradict one another."""

FOLLOWED = 1e-4
"""Characters less likely than this beside the best one are not followed when numbers are spelled out."""

SPELLED = 16
"""Numbers that are spelled out for a sheet, likeliest first."""


def combined(fields: Sequence[Sequence[Place]]) -> tuple[Place, ...]:
    """Return how much more each character fits, position by position, than one at random would: by all fields together.

    Every probability is kept away from zero (FLOOR) before it is multiplied: no network is as sure as it says.
    """
    combined = []
    for places in zip(*fields, strict=True):
        alphabet = sorted(set().union(*places))
        ratios = dict.fromkeys(alphabet, 1.0)
        for place in places:
            size = len(alphabet)
            for character in alphabet:
                ratios[character] *= ((1 - FLOOR) * place.get(character, 0.0) + FLOOR / size) * size
        combined.append(ratios)
    return tuple(combined)


def best_text(places: Sequence[Place]) -> tuple[str, float]:
    """Return the likeliest text and how likely it is."""
    best = [max(place.items(), key=lambda pair: pair[1]) for place in places]
    total = math.prod(ratio / sum(place.values()) for (_, ratio), place in zip(best, places, strict=True))
    return "".join(character for character, _ in best), total


def spelled(places: Sequence[Place]) -> list[tuple[str, float]]:
    """Return the likeliest texts with the logarithms of their ratios, SPELLED of them at most."""
    texts = [("", 0.0)]
    for place in places:
        least = max(place.values()) * FOLLOWED
        options = [(character, math.log(ratio)) for character, ratio in place.items() if ratio >= least]
        grown = [(text + character, log + more) for text, log in texts for character, more in options]
        texts = sorted(grown, key=lambda pair: (-pair[1], pair[0]))[:SPELLED]
    return texts


def contradiction(one: SheetEvidence) -> str:
    """Return what the id fields of a sheet clearly say where they differ, "" where none clearly differs."""
    said: dict[str, str] = {}
    clear: list[tuple[Place, ...]] = []
    for field in one.fields:
        if field.speaks and not field.is_barred:
            clear.append(field.places)
            said[field.label] = "".join(_clear(place) or "?" for place in field.places)
    if one.printed:
        clear.append(tuple({character: 1.0} for character in one.printed))
        said["the printed code"] = one.printed
    for first, second in combinations(clear, 2):
        if _contradict(first, second):
            return ", ".join(f"{label} says {text}" for label, text in said.items())
    return ""


def _contradict(first: Sequence[Place], second: Sequence[Place]) -> bool:
    """Tell whether two texts clearly differ at a position, or are clear altogether and of different length."""
    if len(first) != len(second):
        return all(_clear(place) for place in (*first, *second))
    return any(
        (a := _clear(one_place)) and (b := _clear(other_place)) and a != b
        for one_place, other_place in zip(first, second, strict=True)
    )


def _clear(place: Place) -> str:
    """Return the character that clearly stands at a position, "" where none does."""
    character, probability = max(place.items(), key=lambda pair: pair[1])
    return character if probability >= SURE else ""


def is_slip(written: str, number: str) -> bool:
    """Tell whether two numbers differ in one character, or by two neighbours swapped."""
    if len(written) != len(number):
        return False
    differ = [at for at, (a, b) in enumerate(zip(written, number, strict=True)) if a != b]
    if len(differ) == 2:
        first, second = differ
        return second == first + 1 and (written[first], written[second]) == (number[second], number[first])
    return len(differ) == 1
