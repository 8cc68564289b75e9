from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelarts_emulator.system.directory_lock import DataDirectoryInUse, DirectoryLock, ReadOnlyDirectoryLock


def test_directory_lock_second_owner_is_refused_and_the_first_named(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "data")
    for attempt in (lambda: DirectoryLock(tmp_path / "data"), ReadOnlyDirectoryLock(tmp_path / "data").__enter__):
        with pytest.raises(DataDirectoryInUse, match=f"in use by process {os.getpid()}") as refused:
            attempt()
        assert refused.value.owner == os.getpid()
    lock.release()
    lock.release()
    DirectoryLock(tmp_path / "data").release()


def test_directory_lock_owner_without_process_id_is_another_process(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    (tmp_path / "lock").write_text("")
    with pytest.raises(DataDirectoryInUse, match="in use by another process"):
        DirectoryLock(tmp_path)
    lock.release()


def test_read_only_lock_changes_nothing(tmp_path: Path) -> None:
    with ReadOnlyDirectoryLock(tmp_path):
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "lock").write_text("77\n")
    before = (tmp_path / "lock").stat()
    with ReadOnlyDirectoryLock(tmp_path), pytest.raises(DataDirectoryInUse, match="77"):
        DirectoryLock(tmp_path)
    after = (tmp_path / "lock").stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
