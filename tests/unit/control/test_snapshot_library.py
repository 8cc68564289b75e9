"""Snapshots are replaced and deleted as a whole, and interrupted steps are cleaned up."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT, SNAPSHOT_NOT_FOUND
from modelarts_emulator.control.snapshots.library import SnapshotLibrary


@pytest.fixture(params=[True, False], ids=["fsync", "no fsync"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotLibrary:
    return SnapshotLibrary(tmp_path / "snapshots", fsync=request.param)


def save(library: SnapshotLibrary, name: str, content: str = "{}") -> None:
    with library.replacing(name) as folder:
        (folder / "snapshot.json").write_text(content)


def content(library: SnapshotLibrary, name: str) -> str:
    return (library.existing(name) / "snapshot.json").read_text()


def hidden(library: SnapshotLibrary) -> list[str]:
    return [each.name for each in library.folder.iterdir() if each.name.startswith(".")]


def test_replacing_a_snapshot_exchanges_its_content(library: SnapshotLibrary) -> None:
    save(library, "one", "1")
    save(library, "one", "2")
    assert (library.names(), content(library, "one"), hidden(library)) == (["one"], "2", [])


def test_replacing_a_snapshot_that_fails_keeps_the_old_one(library: SnapshotLibrary) -> None:
    save(library, "one", "1")
    with pytest.raises(ZeroDivisionError), library.replacing("one") as folder:
        (folder / "snapshot.json").write_text("2")
        raise ZeroDivisionError
    assert (content(library, "one"), hidden(library)) == ("1", [])


def test_recover_after_a_kill_between_the_renames_restores_the_old_snapshot(library: SnapshotLibrary) -> None:
    save(library, "one", "1")
    (library.folder / "one").rename(library.folder / ".old-one")
    (library.folder / ".new-abc").mkdir()
    library.recover()
    assert (content(library, "one"), hidden(library)) == ("1", [])


def test_recover_after_a_kill_behind_the_renames_keeps_the_new_snapshot(library: SnapshotLibrary) -> None:
    save(library, "one", "2")
    (library.folder / ".old-one").mkdir()
    (library.folder / ".old-one/snapshot.json").write_text("1")
    library.recover()
    assert (content(library, "one"), hidden(library)) == ("2", [])


@pytest.mark.parametrize("name", [".new-1", ".deleted-one", ".removed", ".restoring", ".old-.x"])
def test_recover_removes_leftovers(library: SnapshotLibrary, name: str) -> None:
    save(library, "one")
    (library.folder / name / "deep").mkdir(parents=True)
    library.recover()
    assert (library.names(), hidden(library)) == (["one"], [])


def test_recover_does_not_follow_links(library: SnapshotLibrary, tmp_path: Path) -> None:
    save(library, "one")
    (tmp_path / "mine").mkdir()
    (library.folder / ".new-1").symlink_to(tmp_path / "mine")
    library.recover()
    assert (tmp_path / "mine").is_dir()
    assert hidden(library) == []


def test_delete_removes_the_snapshot_and_its_folder(library: SnapshotLibrary) -> None:
    save(library, "one")
    library.delete("one")
    assert (library.names(), list(library.folder.iterdir())) == ([], [])


@pytest.mark.parametrize("name", ["..", ".hidden", "", "a/b", "x" * 65, "two words", "ä"])
def test_invalid_names_are_refused(library: SnapshotLibrary, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        library.require_name(name)
    assert refused.value.error == INVALID_SNAPSHOT
    with pytest.raises(ApiError) as refused:
        library.existing(name)
    assert refused.value.error == SNAPSHOT_NOT_FOUND


def test_restore_is_under_way_from_begin_to_end(library: SnapshotLibrary) -> None:
    save(library, "one")
    assert library.under_way is None
    library.begin_restore("one")
    assert SnapshotLibrary(library.folder, fsync=False).under_way == "one"
    library.end_restore()
    assert library.under_way is None


@pytest.mark.parametrize("damage", [b"../../etc", b"", b"\xff\xfe"])
def test_damaged_restore_record_is_ignored(library: SnapshotLibrary, damage: bytes) -> None:
    save(library, "one")
    (library.folder / ".under-way").write_bytes(damage)
    assert library.under_way is None
