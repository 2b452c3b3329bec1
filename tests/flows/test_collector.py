"""Python's search for cycles is put off, and on again afterwards as it was."""

import gc
from weakref import ref

import pytest

from flows.collector import GROWTH, Passing, without_collector


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_off_within_and_afterwards_as_before(enabled: bool) -> None:
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ValueError, match="faulty"), without_collector():
            assert not gc.isenabled()
            raise ValueError("faulty")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_what_is_there_is_passed_over_and_still_freed() -> None:
    class Record:
        pass

    try:
        one = Record()
        gone = ref(one)
        before = gc.get_freeze_count()
        Passing().over_all()
        assert gc.get_freeze_count() > before
        del one
        assert gone() is None
    finally:
        gc.unfreeze()


def test_cycles_that_nothing_refers_to_are_freed_when_there_are_many() -> None:
    class Record:
        def __init__(self) -> None:
            self.me = self

    try:
        passing = Passing()
        passing.over_all()
        lost = [ref(Record()) for _ in range(2)]
        passing.over_all()
        assert all(one() is not None for one in lost), "a few are not worth a search"
        with without_collector():
            lost += [ref(Record()) for _ in range(int(gc.get_freeze_count() * (GROWTH - 1)))]
            passing.over_all()
        assert not any(one() is not None for one in lost)
    finally:
        gc.unfreeze()
