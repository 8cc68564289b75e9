"""The registry of watched folders: which keys use which folder, and which source watches it."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from modelarts_emulator.system import features
from modelarts_emulator.system.filesystem_type import kind_without_events
from modelarts_emulator.system.folder import FolderId
from modelarts_emulator.system.real_paths import real_path
from modelarts_emulator.watch.inotify import InotifySource
from modelarts_emulator.watch.native import NativeSource
from modelarts_emulator.watch.polling import PollingSource
from modelarts_emulator.watch.protocols import WatchSource

log = logging.getLogger(__name__)

_NO_WATCH_LEFT = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS})


class WatchMode(str, Enum):
    """Methods of watching folders."""

    AUTO = "auto"
    """By events, and by polling where the file system does not report all changes."""
    NATIVE = "native"
    """By events of the operating system."""
    POLL = "poll"
    """By polling."""


class ChangeRecorder(Protocol):
    """Records changed keys. Called on any thread; must not block."""

    def record(self, key: str, paths: Collection[str] | None = None, *, at_once: bool = False) -> None:
        """Record that these paths below a directory of the key may have changed; with None, that anything may have."""

    def has_recorded(self, keys: Collection[str], path: str) -> bool:
        """Return whether a change of the path is recorded for all these keys."""

    def request_update(self) -> None:
        """Request that ``update_watches`` is called soon."""


@dataclass(slots=True)
class _Watch:
    """A watched folder: what identifies it, and the source that watches it."""

    identity: FolderId
    source: WatchSource


class WatchRegistry:
    """Maps keys and their directories to watched folders. One thread calls ``update_watches``."""

    def __init__(self, recorder: ChangeRecorder, *, mode: WatchMode, interval_s: float) -> None:
        self._recorder = recorder
        self._wanted_mode = mode
        self._interval = interval_s
        self._events: WatchSource | None = None
        self._poller: WatchSource | None = None
        self._watches: dict[str, _Watch] = {}
        self._folders: dict[str, tuple[str, ...]] = {}  # resolved folders by key
        self._keys: dict[str, frozenset[str]] = {}  # by resolved folder; read on any thread
        self._unplaced: set[str] = set()  # keys whose watches are to be set again, after an error
        self._lock = threading.Lock()
        self._lost: set[str] = set()
        self._polled: dict[str, str] = {}

    @property
    def mode(self) -> str:
        """``off``, ``polling``, the name of the system's events as ``inotify``, or both as ``inotify+polling``."""
        events, poller = self._events, self._poller
        if poller is None:
            return "off"
        if events is None:
            return poller.mode
        return f"{events.mode}+{poller.mode}" if self._polled else events.mode

    @property
    def polled(self) -> dict[str, str]:
        """The polled folders, each with the type of its file system, while other folders are watched by events."""
        return dict(self._polled)

    def needs_rescan(self) -> bool:
        """Return whether changes may have been missed, so that a check should follow soon."""
        events = self._events
        return events is not None and events.needs_rescan()

    def open(self) -> None:
        """Start the sources. Raises OSError if mode ``native`` is not possible on this system."""
        self._polled = {}
        if self._wanted_mode is not WatchMode.POLL:
            try:
                self._events = _event_source()(self)
            except OSError as error:
                if self._wanted_mode is WatchMode.NATIVE:
                    raise
                self._warn_polling(error)
        self._poller = PollingSource(self, self._interval)

    def close(self) -> None:
        """Stop the sources."""
        sources, self._events, self._poller = (self._events, self._poller), None, None
        for source in sources:
            if source is not None:
                source.stop()
        self._watches.clear()
        self._folders, self._keys = {}, {}
        self._polled = {}

    def update_watches(
        self,
        directories: Mapping[str, Collection[str]],
        keys: Collection[str],
        checked: Collection[str] = (),
        *,
        check: bool,
    ) -> None:
        """Watch the directories of some keys that exist, and no others. A key whose watch changes is recorded.

        ``directories`` has the directories of all keys. Watches are set for ``keys``, whose directories are others
        now, and for those of ``checked`` whose directories lead to other folders than before; the watches of all
        other keys stay as they are, so that the cost does not grow with them. With ``check`` the sources also do their
        periodic work.
        """
        if self._poller is None:
            return
        compared = self._unplaced.union(keys)
        compared.update(key for key in checked if self._leads_elsewhere(key, directories.get(key, ())))
        self._unplaced = set()
        try:
            if check:
                for source in (self._events, self._poller):
                    if source is not None:
                        source.check()
            self._apply(self._resolve(directories, compared))
        except OSError as error:
            # No watch is left: poll all folders from now on.
            if self._events is not None:
                self._events.stop()
            self._poller.stop()
            self._watches.clear()
            self._events, self._polled = None, {}
            self._unplaced = compared.union(directories)
            self._warn_polling(error)
            self._recorder.request_update()

    # Called by the sources, on their own threads

    def changed(self, folder: str, paths: Collection[str] | None = None) -> None:
        """Record a change for the keys of a folder."""
        for key in self._keys.get(folder, ()):
            self._recorder.record(key, paths)

    def lost(self, folder: str) -> None:
        """Record that the watch of a folder has ended and has to be set again."""
        with self._lock:
            self._lost.add(folder)
        self._recorder.request_update()

    def is_recorded(self, folder: str, path: str) -> bool:
        """Return whether a change of the path is recorded for every key of a folder."""
        return self._recorder.has_recorded(self._keys.get(folder, ()), path)

    # Inside

    def _leads_elsewhere(self, key: str, directories: Collection[str]) -> bool:
        """Return whether a directory of a key is another folder than the watched one: created, replaced or deleted.

        This takes a ``stat`` for each directory, a tenth of resolving its path.
        """
        folders = self._folders.get(key, ())
        if len(folders) != len(directories):
            return True
        for directory, folder in zip(directories, folders, strict=True):
            watch = self._watches.get(folder)
            if _identity(directory) != (watch.identity if watch is not None else None):
                return True
        return False

    def _resolve(self, directories: Mapping[str, Collection[str]], keys: Collection[str]) -> set[str]:
        """Resolve the directories of some keys again. Return the folders that they have, or had."""
        affected: set[str] = set()
        for key in keys:
            before = self._folders.pop(key, ())
            now = tuple(map(real_path, directories.get(key, ())))
            if now:
                self._folders[key] = now
            affected.update(before, now)
            for folder in {*before} - {*now}:
                self._keys[folder] = self._keys[folder] - {key}
            for folder in now:
                self._keys[folder] = self._keys.get(folder, frozenset()) | {key}
        return affected

    def _apply(self, affected: Collection[str]) -> None:
        """Set and remove watches of the affected folders, and of those that are lost."""
        with self._lock:
            lost, self._lost = self._lost, set()
        wanted = {folder: _identity(folder) if self._keys.get(folder) else None for folder in lost.union(affected)}
        # A folder that was replaced has the same path and another identity.
        for folder, identity in wanted.items():
            watch = self._watches.get(folder)
            if watch is not None and (folder in lost or identity != watch.identity):
                self._watches.pop(folder).source.remove(folder)
                self._polled.pop(folder, None)
                self._record_keys(folder)
        for folder, identity in wanted.items():
            if identity is not None and folder not in self._watches:
                self._place(folder, identity)
            if not self._keys.get(folder):
                self._keys.pop(folder, None)

    def _place(self, folder: str, identity: FolderId) -> None:
        """Set the watch of a folder. Raises OSError where no watch is left."""
        source = self._source_for(folder)
        try:
            source.add(folder)
        except OSError as error:
            if error.errno in _NO_WATCH_LEFT:
                raise
            return  # deleted again, or not readable: the next check tries again
        self._watches[folder] = _Watch(identity, source)
        self._record_keys(folder)

    def _source_for(self, folder: str) -> WatchSource:
        assert self._poller is not None
        if self._events is None:
            return self._poller
        if self._wanted_mode is WatchMode.AUTO and (kind := kind_without_events(folder)) is not None:
            if folder not in self._polled:
                log.info(
                    "Watching %s by polling every %g s: its file system (%s) does not report all changes",
                    folder,
                    self._interval,
                    kind,
                )
            self._polled = {**self._polled, folder: kind}
            return self._poller
        return self._events

    def _record_keys(self, folder: str) -> None:
        for key in self._keys.get(folder, ()):
            self._recorder.record(key, at_once=True)

    def _warn_polling(self, error: OSError) -> None:
        hint = "; raise fs.inotify.max_user_watches or max_user_instances" if features.HAS_INOTIFY else ""
        log.log(
            logging.DEBUG if features.PORTABLE else logging.WARNING,
            "Watching all folders by polling every %g s, because the system's events are not available (%s)%s",
            self._interval,
            error.strerror or error,
            hint,
        )


def _event_source() -> Callable[[WatchRegistry], WatchSource]:
    """Return the class of the source for this system's events. Raises OSError if there is none."""
    if features.PORTABLE:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return InotifySource if features.HAS_INOTIFY else NativeSource


def _identity(folder: str) -> FolderId | None:
    try:
        found = os.stat(folder)  # noqa: PTH116  (a string from real_path)
    except OSError:
        return None
    return FolderId(found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
