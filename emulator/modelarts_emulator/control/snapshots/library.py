"""The folder of all snapshots: names, atomic replacement and deletion, and recovery after a crash.

Hidden names beside the snapshots are steps that a crash may leave behind:

- ``.new-*``: a snapshot that is being written. Recovery removes it.
- ``.old-<name>``: a snapshot that is being replaced. Recovery moves it back if its name is free, else removes it.
- ``.deleted-*``, ``.removed``, ``.restoring``: content that is being removed, or staged. Recovery removes it.
- ``.under-way``: the name of the snapshot that is being restored; the restore is finished at the next start.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT, SNAPSHOT_NOT_FOUND
from modelarts_emulator.system.durability import flush_file_system

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,64}")
_OLD = ".old-"
_TRANSIENT = (".new-", ".deleted-", ".removed", ".restoring")
_UNDER_WAY = ".under-way"


class SnapshotLibrary:
    """The folder of all snapshots. Not thread-safe. With ``fsync`` a saved snapshot survives power loss."""

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        self.folder, self._fsync = folder, fsync
        self.recover()

    def names(self) -> list[str]:
        """Return the names of all snapshots, sorted."""
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        return [each.name for each in folders if _NAME.fullmatch(each.name) and (each / "snapshot.json").is_file()]

    def require_name(self, name: str) -> None:
        """Check the name of a new snapshot. Raises INVALID_SNAPSHOT."""
        if not _NAME.fullmatch(name):
            rule = "a name has 1 to 64 letters, digits, '_', '-' and '.', and does not begin with '.'"
            raise ApiError(INVALID_SNAPSHOT, f"{name[:80]!r}: {rule}")

    def existing(self, name: str) -> Path:
        """Return the folder of a snapshot. Raises SNAPSHOT_NOT_FOUND."""
        folder = self.folder / name
        if not _NAME.fullmatch(name) or not (folder / "snapshot.json").is_file():
            raise ApiError(SNAPSHOT_NOT_FOUND, name[:80])
        return folder

    @contextmanager
    def replacing(self, name: str) -> Iterator[Path]:
        """Yield a new folder that becomes the snapshot ``name`` if the context succeeds; else nothing changes."""
        self.folder.mkdir(exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=self.folder))
        old = self.folder / f"{_OLD}{name}"
        try:
            yield new
            self._flush()
            with suppress(FileNotFoundError):
                (self.folder / name).replace(old)
            new.replace(self.folder / name)
            self._flush()
        finally:
            self._recover_old(old)
            shutil.rmtree(new, ignore_errors=True)

    def delete(self, name: str) -> None:
        """Delete a snapshot. Raises SNAPSHOT_NOT_FOUND."""
        hidden = self.folder / f".deleted-{name}"
        shutil.rmtree(hidden, ignore_errors=True)
        self.existing(name).replace(hidden)
        shutil.rmtree(hidden, ignore_errors=True)

    @property
    def under_way(self) -> str | None:
        """Return the name of the snapshot whose restore has begun and not ended; None if there is none."""
        try:
            name = (self.folder / _UNDER_WAY).read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return name if _NAME.fullmatch(name) else None

    def begin_restore(self, name: str) -> None:
        """Record that a restore begins to change state. Raises OSError."""
        temporary = self.folder / f".new-{_UNDER_WAY}"
        temporary.write_text(name, "ascii")
        self._flush()
        temporary.replace(self.folder / _UNDER_WAY)
        self._flush()

    def end_restore(self) -> None:
        """Record that a restore has ended. Raises OSError."""
        self._flush()
        (self.folder / _UNDER_WAY).unlink(missing_ok=True)

    def recover(self) -> None:
        """Remove what interrupted operations left behind, and move replaced snapshots back if their names are free."""
        for each in list(self.folder.iterdir()) if self.folder.is_dir() else []:
            if each.name.startswith(_OLD):
                self._recover_old(each)
            elif each.name.startswith(_TRANSIENT):
                log.info("Removing %s, which an interrupted operation left behind", each)
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each, ignore_errors=True)
                else:
                    each.unlink(missing_ok=True)

    def _recover_old(self, old: Path) -> None:
        name = old.name.removeprefix(_OLD)
        if not old.exists():
            return
        if _NAME.fullmatch(name) and not (self.folder / name).exists():
            old.replace(self.folder / name)
        else:
            shutil.rmtree(old, ignore_errors=True)

    def _flush(self) -> None:
        """Write everything on the folder's file system to the disk, with one call instead of one fsync per file."""
        if not self._fsync:
            return
        flush_file_system(self.folder)
