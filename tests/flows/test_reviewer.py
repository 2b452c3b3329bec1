"""Names of people: what is kept of them, and which are one person's."""

from unicodedata import normalize

import pytest

from flows.records import Act
from flows.reviewer import is_same_person
from flows.trail import Turn, waits_for
from tests.helpers.trails import said, trail

NAME = "Zoë Ångström"


@pytest.mark.parametrize(
    "other", [normalize("NFD", NAME), NAME.upper(), normalize("NFD", NAME.upper()), f" {NAME} ", "Zoë\u00a0 Ångström"]
)
def test_one_person_is_one_however_the_name_is_spelled(other: str) -> None:
    assert is_same_person(NAME, other)
    assert waits_for(trail(said("8", NAME)), other, 1.0) is Turn.NOTHING
    assert waits_for(trail(said("8"), said("9", NAME, Act.SECOND)), other, 1.0) is Turn.NOTHING


@pytest.mark.parametrize("other", ["Zoe Ångström", "Zoë Ångstrom", "Zoë", "", "Zoë-Ångström"])
def test_other_names_are_other_people(other: str) -> None:
    assert not is_same_person(NAME, other)
