"""The adaptive pool: results in order, and several threads only if reading waits for the disk."""

from __future__ import annotations

import threading

import pytest

from modelarts_emulator.ingest.adaptive_pool import AdaptivePool


def waiting(number: int) -> int:
    threading.Event().wait(0.0005)
    return number


def test_map_starts_with_one_thread() -> None:
    with AdaptivePool() as readers:
        assert readers.map(lambda _: threading.current_thread(), range(10)) == [threading.current_thread()] * 10
        assert readers.threads == 1


def test_map_that_waits_for_the_disk_starts_threads() -> None:
    with AdaptivePool() as readers:
        for size in (50, 120, 1000, 7, 1, 0):
            assert readers.map(waiting, range(size)) == list(range(size))
        assert readers.threads > 1
        names = set(readers.map(lambda number: waiting(number) and threading.current_thread().name, range(1, 101)))
        assert all(str(name).startswith("reader") for name in names)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reader")]


@pytest.mark.parametrize("batches", [1, 3])
def test_map_raises_the_first_exception(batches: int) -> None:
    def failing(number: int) -> int:
        if number == 150:
            raise OSError("broken")
        return waiting(number)

    with AdaptivePool() as readers:
        for _ in range(batches - 1):
            readers.map(waiting, range(120))
        with pytest.raises(OSError, match="broken"):
            readers.map(failing, range(200))
