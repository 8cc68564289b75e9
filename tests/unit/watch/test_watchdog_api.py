"""The parts of watchdog beyond its documented interface that the watcher relies on."""

from __future__ import annotations

import inspect
import logging
import sys
from pathlib import Path

import pytest
from watchdog.version import VERSION_MAJOR

from modelarts_emulator.watch import watchdog_api

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify exists on Linux only")


def test_watchdog_version_is_one_of_those_tested() -> None:
    assert VERSION_MAJOR in (6, 7)


def test_inotify_observer_accepts_full_events_and_event_filters() -> None:
    from watchdog.observers.inotify import InotifyObserver

    assert "generate_full_events" in inspect.signature(InotifyObserver).parameters
    assert "event_filter" in inspect.signature(InotifyObserver.schedule).parameters


def test_inotify_observer_module_warnings_are_silent() -> None:
    from watchdog.observers import inotify_c

    watchdog_api.inotify_observer()
    if hasattr(inotify_c, "warnings"):
        inotify_c.warnings.warn("anything", RuntimeWarning, stacklevel=1)  # raises where warnings are errors


def test_dead_folders_ended_emitter_is_listed(tmp_path: Path) -> None:
    from watchdog.events import FileSystemEventHandler

    observer = watchdog_api.inotify_observer()
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


@pytest.mark.parametrize(
    ("level", "function", "is_kept"),
    [(logging.ERROR, "queue_events", False), (logging.ERROR, "run", True), (logging.WARNING, "queue_events", True)],
)
def test_log_filter_drops_only_the_error_of_an_ended_watch(level: int, function: str, is_kept: bool) -> None:
    record = logging.LogRecord("watchdog", level, "", 1, "text", (), None, function)
    assert watchdog_api._is_relevant(record) is is_kept
