"""The budget for decoding pictures: never exceeded, refused when too much waits, given back."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import SERVICE_UNAVAILABLE
from modelarts_emulator.media.picture_gate import PictureGate
from tests.helpers.pictures import picture, process_file

# Six threads resize a picture one after the other; prints by how much the process grew, and the peak of the gate.
RESIZING = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from modelarts_emulator.media.images import process
from modelarts_emulator.media.picture_gate import PictureGate

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

def work(number):
    together.wait()
    process(open(sys.argv[1], "rb"), f"image/resize,h_{10 + number}", gate)

process(open(sys.argv[2], "rb"), "image/resize,h_20")
gate, together, before = PictureGate(40_000_000, max_waiting=8, wait_s=60), Barrier(6), peak()
with ThreadPoolExecutor(6) as pool:
    list(pool.map(work, range(6)))
print(peak() - before, gate.peak_bytes)
"""


class ObservedGate(PictureGate):
    """A gate that reports each request which has to wait."""

    def __init__(self, budget_bytes: int) -> None:
        super().__init__(budget_bytes, max_waiting=8, wait_s=60)
        self.arrived = threading.Semaphore(0)

    def _wait(self, needed_bytes: int) -> None:
        self.arrived.release()
        super()._wait(needed_bytes)


def in_parallel(gate: ObservedGate, count: int, work: Callable[[int], object]) -> list[object]:
    """Run some calls that all begin while the budget is used up."""
    with ThreadPoolExecutor(count) as pool:
        with gate.admit(gate.budget_bytes):
            calls = [pool.submit(work, number) for number in range(count)]
            for _ in calls:
                assert gate.arrived.acquire(timeout=60)
        return [call.result() for call in calls]


def test_eight_resizes_of_a_compressed_picture_stay_within_the_budget(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture(3000, 3000))
    assert (tmp_path / "a.png").stat().st_size < 100_000
    alone = PictureGate()
    expected = process_file(tmp_path / "a.png", "image/resize,h_20", alone)
    gate = ObservedGate(alone.peak_bytes * 5 // 2)
    results = in_parallel(gate, 8, lambda _: process_file(tmp_path / "a.png", "image/resize,h_20", gate))
    assert results == [expected] * 8
    assert alone.peak_bytes >= 3000 * 3000 * 4
    assert gate.peak_bytes <= gate.budget_bytes
    assert (gate.used_bytes, gate.waiting) == (0, 0)


def test_admit_without_room_and_with_enough_waiting_is_refused() -> None:
    gate = PictureGate(100, max_waiting=0)
    with gate.admit(60):
        with gate.admit(40):
            pass
        with pytest.raises(ApiError) as refusal, gate.admit(41):
            pass
    assert refusal.value.error is SERVICE_UNAVAILABLE
    with gate.admit(100):
        assert gate.used_bytes == gate.peak_bytes == 100


def test_admit_without_room_in_time_is_refused_and_no_longer_waits() -> None:
    gate = PictureGate(100, wait_s=0)
    with gate.admit(60), pytest.raises(ApiError) as refusal, gate.admit(41):
        pass
    assert refusal.value.error is SERVICE_UNAVAILABLE
    assert (gate.used_bytes, gate.waiting) == (0, 0)


def test_admit_failed_work_gives_its_bytes_back(tmp_path: Path) -> None:
    gate = PictureGate(100)
    with pytest.raises(ZeroDivisionError), gate.admit(100):
        raise ZeroDivisionError
    (tmp_path / "broken.png").write_bytes(picture(300, 300)[:200])
    broken = PictureGate()
    with pytest.raises(ApiError):
        process_file(tmp_path / "broken.png", "image/resize,h_20", broken)
    assert (gate.used_bytes, broken.used_bytes) == (0, 0)
    assert broken.peak_bytes


def test_process_in_several_threads_grows_by_the_budget_only(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(picture(3000, 3000))
    (tmp_path / "small.png").write_bytes(picture())
    command = [sys.executable, "-c", RESIZING, str(tmp_path / "large.png"), str(tmp_path / "small.png")]
    growth, peak = map(int, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert 36_000_000 <= peak <= 40_000_000
    assert growth < 2 * peak
