"""What speaks for whom: the weights are probabilities of a model, so that they have to add up."""

from itertools import product

import numpy as np
import pytest

from flows.match_weights import Prior, roster_neighbours, weigh

ALPHABET, LENGTH = "012", 3
TEXTS = ["".join(text) for text in product(ALPHABET, repeat=LENGTH)]


@pytest.mark.parametrize("listed", [1, 12, 24, 27])
def test_whoever_is_not_on_the_roster_writes_some_number_however_dense_the_roster_is(listed: int) -> None:
    """Over all that can be read, what speaks for nobody adds up to his share: no probability is lost on neighbours."""
    ids = TEXTS[:listed]
    columns = {character: at for at, character in enumerate(ALPHABET)}
    codes = np.array([[columns[character] for character in number] for number in ids], np.int64)
    table = np.full((len(TEXTS), LENGTH, len(ALPHABET) + 1), 0.15)
    table[:, :, -1] = 0.0
    for row, text in enumerate(TEXTS):
        table[row, np.arange(LENGTH), [columns[character] for character in text]] = 2.7
    prior = Prior(each=5.0, nobody=0.25)
    weights = weigh(table, [len(ALPHABET)] * LENGTH, codes, roster_neighbours(ids), prior)
    expected = prior.nobody * len(TEXTS) if listed < len(TEXTS) else 0.0
    assert float((weights.nobody * np.exp(weights.scale)).sum()) == pytest.approx(expected, abs=1e-9)
