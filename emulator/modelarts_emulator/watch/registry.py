"""The folders that are watched: which stand, which have been lost, and polling where inotify cannot be had."""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from collections.abc import Collection, Mapping
from typing import Protocol

from modelarts_emulator.watch.inotify import InotifySource
from modelarts_emulator.watch.polling import PollingSource
from modelarts_emulator.watch.protocols import WatchSource

log = logging.getLogger(__name__)

_NO_WATCH_LEFT = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSYS})

Identity = tuple[int, int]
"""Device and inode of a folder: another folder under the same name has another."""


class ChangeRecorder(Protocol):
    """Who takes notes of changed keys. Called on any thread; must not block."""

    def record(self, key: str, paths: Collection[str] | None = None, *, at_once: bool = False) -> None:
        """Something below a directory of the key is different, or may be: these paths, or anything."""

    def has_recorded(self, keys: Collection[str], path: str) -> bool:
        """Whether a change of the path is noted already for all these keys."""

    def request_update(self) -> None:
        """The places must be settled again."""


class WatchRegistry:
    """Maps keys and their directories to folders and their watches. One thread calls ``update_watches``."""

    def __init__(self, notes: ChangeRecorder, *, polling: bool, interval_s: float) -> None:
        self._recorder = notes
        self._polling = polling
        self._interval = interval_s
        self._source: WatchSource | None = None
        self._watched: dict[str, Identity] = {}
        self._keys: dict[str, set[str]] = {}  # by resolved folder; replaced, never changed
        self._lock = threading.Lock()
        self._lost: set[str] = set()

    @property
    def mode(self) -> str:
        """``inotify``, ``polling``, or ``off`` while closed."""
        source = self._source
        return source.mode if source is not None else "off"

    def needs_rescan(self) -> bool:
        """Whether hints may have been missed, so that a check is wanted soon."""
        source = self._source
        return source is not None and source.needs_rescan()

    def open(self) -> None:
        """Choose the source of hints."""
        if self._polling:
            self._source = PollingSource(self, self._interval)
            return
        try:
            self._source = InotifySource(self)
        except OSError as error:
            self._source = self._polling_instead(error)

    def close(self) -> None:
        """End every watch and thread."""
        source, self._source = self._source, None
        if source is not None:
            source.stop()
        self._watched.clear()
        self._keys = {}

    def update_watches(self, directories: Mapping[str, Collection[str]], *, check: bool) -> None:
        """Watch each key's directories where they are there, and no others; a key whose watch changes is noted."""
        if self._source is None:
            return
        try:
            if check:
                self._source.check()
            self._apply(self._source, self._wanted(directories))
        except OSError as error:
            self._source.stop()
            self._watched.clear()
            self._source = self._polling_instead(error)
            self._recorder.request_update()

    # What the source calls, on its own threads

    def changed(self, folder: str, paths: Collection[str] | None = None) -> None:
        """Note a change for the keys of a folder: of these paths, or of anything."""
        for key in self._keys.get(folder, ()):
            self._recorder.record(key, paths)

    def lost(self, folder: str) -> None:
        """Note that a folder's watch is gone and has to be set anew."""
        with self._lock:
            self._lost.add(folder)
        self._recorder.request_update()

    def is_recorded(self, folder: str, path: str) -> bool:
        """Whether the path is noted already for every key of a folder."""
        return self._recorder.has_recorded(self._keys.get(folder, ()), path)

    # Inside

    def _wanted(self, directories: Mapping[str, Collection[str]]) -> dict[str, Identity]:
        """Return the folders that are wanted and there, and remember whose they are."""
        wanted: dict[str, Identity] = {}
        keys: dict[str, set[str]] = {}
        for key, paths in directories.items():
            for folder in map(os.path.realpath, paths):
                keys.setdefault(folder, set()).add(key)
                if folder not in wanted and (identity := _identity(folder)) is not None:
                    wanted[folder] = identity
        gone = self._watched.keys() - keys.keys()
        self._keys = keys | {folder: self._keys[folder] for folder in gone & self._keys.keys()}
        return wanted

    def _apply(self, source: WatchSource, wanted: Mapping[str, Identity]) -> None:
        with self._lock:
            lost, self._lost = self._lost, set()
        for folder in [each for each in self._watched if each in lost or wanted.get(each) != self._watched[each]]:
            source.remove(folder)
            del self._watched[folder]
            self._record_keys(folder)
        for folder in wanted.keys() - self._watched.keys():
            try:
                source.add(folder)
            except OSError as error:
                if error.errno in _NO_WATCH_LEFT:
                    raise
                continue  # gone again, or not readable: the next check tries anew
            self._watched[folder] = wanted[folder]
            self._record_keys(folder)

    def _record_keys(self, folder: str) -> None:
        for key in self._keys.get(folder, ()):
            self._recorder.record(key, at_once=True)

    def _polling_instead(self, error: OSError) -> WatchSource:
        log.warning(
            "folders are watched by polling every %g s, since inotify cannot be had (%s); raise "
            "fs.inotify.max_user_watches or fs.inotify.max_user_instances to hear of changes at once",
            self._interval,
            error.strerror or error,
        )
        return PollingSource(self, self._interval)


def _identity(folder: str) -> Identity | None:
    try:
        found = os.stat(folder)  # noqa: PTH116  (a string from os.path.realpath)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
