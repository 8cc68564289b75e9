"""Everything that is used of watchdog beyond its documented interface.

``tests/unit/watch/test_watchdog_api.py`` states what is relied on; ``setup.cfg`` limits the major version.
"""

from __future__ import annotations

from watchdog.observers.api import BaseObserver


def native_observer() -> BaseObserver:
    """Return a new observer on the events of this operating system (macOS, Windows). Raises OSError."""
    from watchdog.observers import Observer  # noqa: PLC0415

    return Observer()


def dead_folders(observer: BaseObserver) -> list[str]:
    """Return the watched folders whose thread in watchdog has ended, for example because the folder was deleted."""
    return [str(emitter.watch.path) for emitter in observer.emitters.copy() if not emitter.is_alive()]
