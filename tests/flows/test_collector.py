"""Python's search for cycles is put off, and on again afterwards as it was."""

import gc
from weakref import ref

import pytest

from flows.collector import pass_over, without_collector


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
        pass_over()
        assert gc.get_freeze_count() > before
        del one
        assert gone() is None
    finally:
        gc.unfreeze()
