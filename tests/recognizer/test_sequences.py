from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.records import SYMBOLS
from recognizer.sequences import NONE, Steps, Texts, best_path, likely_texts, places_of, text_probabilities


def steps_of(*places: dict[str, float]) -> Steps:
    """One place each: how likely symbols begin there; the rest is none."""
    found = np.zeros((len(places), 1 + len(SYMBOLS)))
    for row, place in zip(found, places, strict=True):
        for symbol, chance in place.items():
            row[1 + SYMBOLS.index(symbol)] = chance
        row[NONE] = 1.0 - sum(place.values())
    return found


def collapsed(path: tuple[int, ...], columns: str) -> str:
    """What a path says: repeats are one symbol, NONE (-1) is no symbol."""
    kept = [at for index, at in enumerate(path) if index == 0 or path[index - 1] != at]
    return "".join(columns[at] for at in kept if at >= 0)


def by_brute_force(steps: Steps, symbols: str) -> dict[str, float]:
    """Add up every path over a few symbols: what `text_probabilities` must give."""
    found: dict[str, float] = {}
    for path in product(range(-1, len(symbols)), repeat=len(steps)):
        columns = [NONE if at < 0 else 1 + SYMBOLS.index(symbols[at]) for at in path]
        text = collapsed(path, symbols)
        found[text] = found.get(text, 0.0) + float(np.prod(steps[np.arange(len(steps)), columns]))
    return found


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=6))
def test_probabilities_are_the_sum_over_all_paths(chances: list[tuple[float, float]]) -> None:
    steps = steps_of(*({"1": one, "½": half} for one, half in chances))
    expected = by_brute_force(steps, "1½")
    texts = list(expected)
    found = text_probabilities(steps, Texts.of(texts))
    assert found == pytest.approx([expected[text] for text in texts], abs=1e-9)
    assert found.sum() == pytest.approx(1.0)


def test_the_same_symbol_twice_needs_nothing_between() -> None:
    apart = steps_of({"7": 1.0}, {}, {"7": 1.0})
    assert text_probabilities(apart, Texts.of(["77", "7"])).tolist() == [1.0, 0.0]
    together = steps_of({"7": 1.0}, {"7": 1.0})
    assert text_probabilities(together, Texts.of(["77", "7"])).tolist() == [0.0, 1.0]


def test_symbols_that_are_seen_nowhere_cost_nothing_and_give_nothing() -> None:
    steps = steps_of({"1": 0.9}, {}, {"2": 0.8})
    found = text_probabilities(steps, Texts.of(["12", "13", "", "1", "21"]))
    assert found == pytest.approx([0.72, 0.0, 0.02, 0.18, 0.0])
    assert text_probabilities(steps, Texts.of([])).shape == (0,)


def test_no_text_but_the_empty_one() -> None:
    assert text_probabilities(steps_of({}, {}), Texts.of([""])).tolist() == [1.0]


def test_the_best_path_is_read_without_knowing_the_field() -> None:
    assert best_path(steps_of({"2": 0.9}, {"2": 0.8}, {}, {"½": 0.7})) == "2½"
    assert best_path(steps_of({}, {})) == ""


def test_likely_texts_are_found_where_none_can_be_listed() -> None:
    steps = steps_of({"1": 0.6, "7": 0.4}, {}, {"2": 0.9}, {"2": 0.5})
    found = likely_texts(steps)
    assert {"12", "72", "1", "7"} <= set(found)
    chances = dict(zip(found, text_probabilities(steps, Texts.of(found)), strict=True))
    assert max(chances, key=lambda text: chances[text]) == "12"
    assert sum(chances.values()) > 0.99


def test_every_symbol_has_its_place_in_order() -> None:
    steps = steps_of({}, {"1": 0.9}, {}, {"1": 0.3}, {"1": 0.8}, {}, {"½": 0.9})
    assert places_of(steps, "11½") == [1, 4, 6]
    assert places_of(steps, "") == []
