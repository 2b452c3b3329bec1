"""What stands in a cell, from left to right: exact probabilities of texts, and where their symbols lie. Pure.

A network says for each of thirty places which symbol begins there, or none. A text is the sum over all ways to lay
its symbols over the places (connectionist temporal classification, Graves et al. 2006, section 4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.records import SYMBOLS

Steps = NDArray[np.floating]
"""(T, 1 + S): for T places from left to right how likely each of `SYMBOLS` begins there, "none" first; rows sum to 1"""

NONE = 0
"""The column that says that no symbol begins here."""

SEEN = 1e-5
"""A symbol that is likelier than this at no place stands in no text: such a text could not change any decision."""

BEAM = 24
"""Texts followed at once where nobody can list all that a field may hold."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts made ready for `text_probabilities`.

    `symbols` (K, L) holds columns of `Steps`, filled up with NONE; `lengths` (K,); `masks` (K,) has bit s set where
    symbol s occurs.
    """

    symbols: NDArray[np.int64]
    lengths: NDArray[np.int64]
    masks: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Return texts over `SYMBOLS` made ready; a text may be empty."""
        lengths = np.array([len(text) for text in texts], np.int64)
        symbols = np.full((len(texts), int(lengths.max(initial=0))), NONE, np.int64)
        for row, text in enumerate(texts):
            symbols[row, : len(text)] = [1 + SYMBOLS.index(symbol) for symbol in text]
        bits = np.where(symbols > NONE, np.int64(1) << symbols, 0)
        return cls(symbols, lengths, np.bitwise_or.reduce(bits, axis=1) if symbols.size else np.zeros(len(texts), int))


def text_probabilities(steps: Steps, texts: Texts) -> NDArray[np.float64]:
    """Return how likely each text is, (K,) from 0 to 1; those of all texts over `SYMBOLS` would sum to 1.

    >>> steps = np.zeros((4, 1 + len(SYMBOLS)))
    >>> steps[:, NONE], steps[1, NONE], steps[1, 1 + 7] = 1.0, 0.1, 0.9
    >>> text_probabilities(steps, Texts.of(["7", "", "77"])).round(3).tolist()
    [0.9, 0.1, 0.0]
    """
    found = np.zeros(len(texts.lengths))
    seen = np.flatnonzero(steps.max(axis=0) > SEEN)
    unseen = ~np.bitwise_or.reduce(np.int64(1) << seen[seen > NONE], initial=np.int64(0))
    possible = np.flatnonzero((texts.masks & unseen) == 0)
    if not len(possible):
        return found
    longest = int(texts.lengths[possible].max(initial=0))
    found[possible] = _forward(
        np.asarray(steps, np.float64), texts.symbols[possible, :longest], texts.lengths[possible]
    )
    return found


def _forward(steps: NDArray[np.float64], symbols: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over all ways to lay texts over the places; states are none, first symbol, none, second symbol, and so on."""
    count, longest = symbols.shape
    states = np.full((2 * longest + 1, count), NONE, np.int64)
    states[1::2] = symbols.T
    # From one symbol straight to the next, unless it is the same one again.
    skips = (symbols[:, 1:] != symbols[:, :-1]).T.astype(np.float64)
    emitted = steps[:, states]
    alpha = np.zeros(states.shape)
    alpha[:2] = emitted[0, :2]
    for place in emitted[1:]:
        moved = alpha.copy()
        moved[1:] += alpha[:-1]
        moved[3::2] += alpha[1:-2:2] * skips
        moved *= place
        alpha = moved
    columns = np.arange(count)
    ends = alpha[2 * lengths, columns]
    return np.where(lengths > 0, ends + alpha[np.maximum(2 * lengths - 1, 0), columns], ends)


def best_path(steps: Steps) -> str:
    """Return the symbols along the likeliest choice at each place: what is read when nothing is known of the field."""
    best = np.asarray(steps).argmax(axis=1)
    starts = np.flatnonzero(np.diff(best, prepend=NONE))
    return "".join(SYMBOLS[best[at] - 1] for at in starts if best[at] != NONE)


def likely_texts(steps: Steps) -> list[str]:
    """Return the likeliest texts, at most BEAM of them, in no order (prefix search, Graves et al. 2006, 3.2)."""
    beam: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    for place in np.asarray(steps, np.float64):
        grown: dict[str, tuple[float, float]] = {}
        for text, (paused, ended) in beam.items():
            _add(grown, text, (paused + ended) * place[NONE], 0.0)
            for column in np.flatnonzero(place > SEEN).tolist():
                if column == NONE:
                    continue
                symbol = SYMBOLS[column - 1]
                repeated = text.endswith(symbol)
                if repeated:
                    _add(grown, text, 0.0, ended * place[column])
                _add(grown, text + symbol, 0.0, (paused if repeated else paused + ended) * place[column])
        best = sorted(grown, key=lambda text: -sum(grown[text]))[:BEAM]
        beam = {text: grown[text] for text in best}
    return list(beam)


def _add(grown: dict[str, tuple[float, float]], text: str, paused: float, ended: float) -> None:
    before = grown.get(text, (0.0, 0.0))
    grown[text] = (before[0] + paused, before[1] + ended)


def places_of(steps: Steps, text: str) -> list[int]:
    """Return the place at which each symbol of a text is likeliest seen, along the text's likeliest path."""
    columns = [NONE]
    for symbol in text:
        columns += [1 + SYMBOLS.index(symbol), NONE]
    with np.errstate(divide="ignore"):
        logs = np.log(np.asarray(steps, np.float64)[:, columns]).tolist()
    # A dozen states: lists are faster here than arrays.
    skips = [at > 1 and column not in (NONE, columns[at - 2]) for at, column in enumerate(columns)]
    score = [gain if state < 2 else -np.inf for state, gain in enumerate(logs[0])]
    came: list[list[int]] = [[]]
    for gains in logs[1:]:
        moved, back = [], []
        for state, gain in enumerate(gains):
            best, step = score[state], 0
            if state and score[state - 1] > best:
                best, step = score[state - 1], 1
            if skips[state] and score[state - 2] > best:
                best, step = score[state - 2], 2
            moved.append(best + gain)
            back.append(step)
        score = moved
        came.append(back)
    state = len(columns) - 1
    if len(columns) > 1 and score[-2] > score[-1]:
        state -= 1
    path = [state]
    for place in range(len(logs) - 1, 0, -1):
        state -= came[place][state]
        path.append(state)
    path.reverse()
    return [
        max((at for at, visited in enumerate(path) if visited == 2 * index + 1), key=lambda at: steps[at][column])
        for index, column in enumerate(columns[1::2])
    ]
