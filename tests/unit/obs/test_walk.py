"""The walk: what counts as an object, and what it does about links, odd names and things that vanish."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from modelarts_emulator.obs import walk as walk_module
from modelarts_emulator.obs.walk import ObjectEntry, WarnOnce, is_ignored, walk
from modelarts_emulator.system.folder import Folder
from modelarts_emulator.system.open_folder import open_below


def paths(folder: Path, **options) -> list[str]:
    return [entry.path for entry in walk(str(folder), "bucket/", within=str(folder), **options)]


def put(folder: Path, *keys: str) -> None:
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_text(key)


def test_walk_order_is_files_by_name_then_directories(tmp_path: Path) -> None:
    put(tmp_path, "b/2", "b/1", "a/x/1", "a/1", "z", "c", "a-b/1")
    assert paths(tmp_path) == [
        "bucket/c",
        "bucket/z",
        "bucket/a-b/1",
        "bucket/a/1",
        "bucket/a/x/1",
        "bucket/b/1",
        "bucket/b/2",
    ]


@pytest.mark.parametrize("name", [".hidden", ".~tmp", "~$a.docx", "a.jpg.part", "a.tmp", "a.jpg.crdownload"])
def test_walk_hidden_and_unfinished_files_are_skipped(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, f"{name}.d/../a.jpg", f"folder/{name}")
    (tmp_path / "dir").mkdir()
    assert is_ignored(name)
    assert [path for path in paths(tmp_path) if not path.startswith(f"bucket/{name}.d")] == ["bucket/a.jpg"]


def test_walk_hidden_folders_are_skipped(tmp_path: Path) -> None:
    put(tmp_path, ".git/a.jpg", "a.jpg")
    assert paths(tmp_path) == ["bucket/a.jpg"]


def test_walk_entries_have_size_time_and_path(tmp_path: Path) -> None:
    put(tmp_path, "dir/a.jpg")
    os.utime(tmp_path / "dir" / "a.jpg", ns=(1, 1_600_000_000_123_456_789))
    assert list(walk(str(tmp_path), "bucket/", within=str(tmp_path))) == [
        ObjectEntry("bucket/dir/a.jpg", 9, 1_600_000_000_123_456_789, str(tmp_path / "dir" / "a.jpg"))
    ]


def test_walk_links_within_are_followed_others_not(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    put(tmp_path, "outside/secret.jpg", "bucket/dir/a.jpg", "bucket-2/b.jpg")
    (bucket / "link").symlink_to("dir")
    (bucket / "one.jpg").symlink_to("dir/a.jpg")
    (bucket / "out").symlink_to(tmp_path / "outside")
    (bucket / "out.jpg").symlink_to("../outside/secret.jpg")
    (bucket / "beside").symlink_to("../bucket-2")
    (bucket / "dangling").symlink_to("nowhere")
    assert paths(bucket) == ["bucket/one.jpg", "bucket/dir/a.jpg", "bucket/link/a.jpg"]


def test_walk_link_to_a_parent_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "a/b/1", "a/2")
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    (tmp_path / "a" / "b" / "top").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "self").symlink_to(".")
    assert paths(tmp_path) == ["bucket/a/2", "bucket/a/b/1"]


def test_walk_link_circles_end(tmp_path: Path) -> None:
    put(tmp_path, "a/1", "b/2", "c/3")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "a" / "self").symlink_to(".")
    (tmp_path / "loop").symlink_to("loop")
    for folder in "abc":
        for other in "abc":
            (tmp_path / folder / f"to-{other}").symlink_to(f"../{other}")
    found = paths(tmp_path)
    assert {"bucket/a/1", "bucket/b/2", "bucket/c/3"} <= set(found)
    assert len(found) < 10


def test_walk_impossible_names_are_skipped_and_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "a.jpg", "日本.jpg", "new\nline", "back\\slash")
    (tmp_path / os.fsdecode(b"\xff\xfe.jpg")).write_text("")
    reported = WarnOnce()
    with caplog.at_level(logging.WARNING, "modelarts_emulator"):
        for _ in range(3):
            assert paths(tmp_path, warnings=reported) == ["bucket/a.jpg", "bucket/日本.jpg"]
    assert len(caplog.records) == 3
    caplog.text.encode()


def test_walk_too_long_keys_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path
    for _ in range(5):
        folder /= "d" * 230
        folder.mkdir()
        (folder / "a.jpg").write_text("")
    found = paths(tmp_path)
    assert [len(path) for path in found] == [243, 474, 705, 936]


def test_walk_file_deleted_during_the_walk_is_skipped(tmp_path: Path) -> None:
    put(tmp_path, *(f"a/{n}" for n in range(9)), "b/1", "c/1")
    walked = walk(str(tmp_path), "", within=str(tmp_path))
    first = next(walked)
    for entry in (tmp_path / "a").iterdir():
        entry.unlink()
    (tmp_path / "b" / "1").unlink()
    (tmp_path / "b").rmdir()
    assert first.path == "a/0"
    assert [entry.path for entry in walked] == ["c/1"]
    assert paths(tmp_path / "nowhere") == []


def test_walk_pipes_and_sockets_are_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert paths(tmp_path) == []


def test_walk_skipped_folder_yields_nothing(tmp_path: Path) -> None:
    put(tmp_path, "in/1", "work/2", "workshop/3")
    assert paths(tmp_path, skip=[str(tmp_path / "work")]) == ["bucket/in/1", "bucket/workshop/3"]
    assert paths(tmp_path, skip=[str(tmp_path)]) == []


def test_walk_failing_disk_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/1")

    def failing(root: str, path: str) -> Folder:
        if path.endswith("/a"):
            raise OSError(5, "Input/output error")
        return open_below(root, path)

    monkeypatch.setattr(walk_module, "open_below", failing)
    with pytest.raises(OSError, match="Input/output"):
        paths(tmp_path)


def test_walk_unreadable_folder_is_skipped_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "a/1", "b/2")

    def refusing(root: str, path: str) -> Folder:
        if path.endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return open_below(root, path)

    monkeypatch.setattr(walk_module, "open_below", refusing)
    assert paths(tmp_path) == ["bucket/b/2"]
    assert "no permission to read it" in caplog.text


def test_walk_abandoned_iterator_closes_its_folder(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    walked = walk(str(tmp_path), "", within=str(tmp_path))
    next(walked)
    walked.close()  # type: ignore[attr-defined]
    assert not before or len(list(Path("/proc/self/fd").iterdir())) == before
