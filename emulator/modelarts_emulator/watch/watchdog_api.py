"""Everything that is used of watchdog beyond its documented interface.

``tests/unit/watch/test_watchdog_api.py`` states what is relied on; ``setup.cfg`` limits the major version.
"""

from __future__ import annotations

import logging
from types import ModuleType

from watchdog.observers.api import BaseObserver
from watchdog.version import VERSION_MAJOR


def inotify_observer() -> BaseObserver:
    """Return a new observer on inotify. Raises OSError if no inotify instance is left.

    Before version 7, a folder that is moved in from an unwatched place is not watched, and only "full events" tell it
    from a new folder. Later versions watch it.
    """
    # Imported here: the modules cannot be loaded on other systems.
    from watchdog.observers import inotify_c  # noqa: PLC0415
    from watchdog.observers.inotify import InotifyObserver  # noqa: PLC0415

    _mute_warnings(inotify_c)
    logging.getLogger("watchdog.observers.inotify").addFilter(_is_relevant)
    return InotifyObserver(generate_full_events=VERSION_MAJOR < 7)


def native_observer() -> BaseObserver:
    """Return a new observer on the events of this operating system (macOS, Windows). Raises OSError."""
    from watchdog.observers import Observer  # noqa: PLC0415

    return Observer()


def dead_folders(observer: BaseObserver) -> list[str]:
    """Return the watched folders whose thread in watchdog has ended, for example because the folder was deleted."""
    return [str(emitter.watch.path) for emitter in observer.emitters.copy() if not emitter.is_alive()]


class _SilentWarnings:
    """Replaces the module ``warnings`` in a module of watchdog."""

    @staticmethod
    def warn(*_: object, **__: object) -> None:
        """Do nothing."""


def _mute_warnings(module: ModuleType) -> None:
    """Stop watchdog from warning about a folder that it finds twice, by its walk and by an event.

    Where warnings are errors, as in many test suites, the warning would end the thread that reads the events. A warning
    filter does not help: pytest replaces the filters for every test.
    """
    if hasattr(module, "warnings"):
        vars(module)["warnings"] = _SilentWarnings


def _is_relevant(record: logging.LogRecord) -> bool:
    """Return False for the error that watchdog logs when a watch is removed while its thread is waiting for events."""
    return not (record.levelno == logging.ERROR and record.funcName == "queue_events")
