"""The parts of watchdog beyond its documented interface that the watcher relies on."""

from __future__ import annotations

from pathlib import Path

from watchdog.events import FileSystemEventHandler
from watchdog.observers.polling import PollingObserver
from watchdog.version import VERSION_MAJOR

from modelarts_emulator.watch import watchdog_api


def test_watchdog_version_is_one_of_those_tested() -> None:
    assert VERSION_MAJOR in (6, 7)


def test_dead_folders_ended_emitter_is_listed(tmp_path: Path) -> None:
    observer = PollingObserver()
    observer.start()
    try:
        observer.schedule(FileSystemEventHandler(), str(tmp_path), recursive=True)
        assert watchdog_api.dead_folders(observer) == []
        (emitter,) = observer.emitters
        emitter.stop()
        emitter.join(10)
        assert watchdog_api.dead_folders(observer) == [str(tmp_path)]
    finally:
        observer.stop()
        observer.join(10)
