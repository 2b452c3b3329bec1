"""Python's search for cycles is put off, and on again afterwards as it was."""

import gc

import pytest

from flows.collector import without_collector


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
