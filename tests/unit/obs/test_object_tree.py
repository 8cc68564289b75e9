"""The object tree with real files, and every way out of a bucket that we could think of."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from modelarts_emulator.contract.errors import (
    BUCKET_NOT_FOUND,
    FILE_NOT_FOUND,
    OBS_ERROR,
    PATH_INVALID,
    PATH_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.obs import object_tree
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.system import descriptor_folder, features
from modelarts_emulator.system.folder import Folder
from tests.helpers.abilities import needs_unnamed_files

DIRECTORY = ObsPath("bucket", "dir/")
OBJECT = ObsPath("bucket", "dir/a.jpg")


@pytest.fixture(params=["synced", "unsynced"])
def tree(tmp_path: Path, request: pytest.FixtureRequest) -> ObjectTree:
    tree = ObjectTree(tmp_path / "obs", fsync=request.param == "synced")
    tree.create_bucket("bucket")
    tree.create_bucket("other")
    return tree


@pytest.fixture
def bucket(tree: ObjectTree) -> Path:
    return tree.local(ObsPath("bucket"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    return outside


def refusal(action, *arguments, **options):
    with pytest.raises(ApiError) as refused:
        action(*arguments, **options)
    return refused.value.error


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


# Buckets


def test_buckets_are_the_folders_with_valid_names(tree: ObjectTree, tmp_path: Path) -> None:
    (tmp_path / "obs" / "by-hand").mkdir()
    (tmp_path / "obs" / ".hidden").mkdir()
    (tmp_path / "obs" / "file").write_text("no bucket")
    assert tree.buckets() == ["bucket", "by-hand", "other"]
    assert [tree.has_bucket(name) for name in ("by-hand", "file", "none", "..", "", "a/b")] == [True] + 5 * [False]


def test_bucket_is_created_once_and_deleted_when_empty(tree: ObjectTree) -> None:
    assert [tree.create_bucket("new"), tree.create_bucket("new")] == [True, False]
    tree.write(ObsPath("new", "a"), b"")
    assert refusal(tree.delete_bucket, "new") is OBS_ERROR
    tree.delete(ObsPath("new", "a"))
    tree.delete_bucket("new")
    assert not tree.has_bucket("new")
    assert refusal(tree.delete_bucket, "new") is BUCKET_NOT_FOUND
    assert refusal(tree.create_bucket, "../x") is PATH_INVALID


def test_mount_existing_folder_is_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(b"a")
    tree = ObjectTree(tmp_path / "obs", {"Mine_1": tmp_path / "pictures"})
    assert tree.buckets() == ["Mine_1"]
    assert tree.read(ObsPath("Mine_1", "a.jpg")) == b"a"
    assert tree.create_bucket("Mine_1") is False
    assert refusal(tree.delete_bucket, "Mine_1") is OBS_ERROR
    assert tree.locate(tmp_path / "pictures" / "a.jpg") == ObsPath("Mine_1", "a.jpg")


def test_mount_missing_folder_or_invalid_name_raises(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="missing"):
        ObjectTree(tmp_path / "obs", {"bucket": tmp_path / "missing"})
    assert refusal(ObjectTree, tmp_path / "obs", {"a/b": tmp_path}) is PATH_INVALID


def test_has_bucket_linked_folder_counts_only_if_mounted(tmp_path: Path, secret: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(secret)
    tree = ObjectTree(tmp_path / "obs", {"mounted": link})
    (tmp_path / "obs" / "linked").symlink_to(secret)
    assert tree.buckets() == ["mounted"]
    assert refusal(tree.read, ObsPath("linked", "secret.txt")) is BUCKET_NOT_FOUND
    assert tree.read(ObsPath("mounted", "secret.txt")) == b"secret"


# Objects


def test_write_object_is_read_back_with_its_stat(tree: ObjectTree, bucket: Path) -> None:
    written = tree.write(OBJECT, b"12345")
    assert tree.stat(OBJECT) == written
    found = (bucket / "dir" / "a.jpg").stat()
    assert written == (5, found.st_mtime_ns)
    assert (tree.read(OBJECT), tree.read(OBJECT, limit=2)) == (b"12345", b"12")
    with tree.open(OBJECT) as file:
        assert file.read(1) == b"1"
    assert names(bucket / "dir") == ["a.jpg"]


def test_write_chunks_replace_the_object_in_one_step(tree: ObjectTree) -> None:
    tree.write(OBJECT, b"old")
    seen = []

    def chunks() -> Iterator[bytes]:
        yield b"ne"
        seen.append(tree.read(OBJECT))
        yield b"w"

    tree.write(OBJECT, chunks())
    assert (seen, tree.read(OBJECT)) == ([b"old"], b"new")


def test_write_failing_source_keeps_the_old_object(tree: ObjectTree, bucket: Path) -> None:
    tree.write(OBJECT, b"old")

    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("the client went away")

    with pytest.raises(ValueError, match="went away"):
        tree.write(OBJECT, chunks())
    assert tree.read(OBJECT) == b"old"
    assert names(bucket / "dir") == ["a.jpg"]


@pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed", "named"])
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_write_without_overwrite_keeps_the_existing_object(
    tree: ObjectTree, bucket: Path, monkeypatch: pytest.MonkeyPatch, links: bool, unnamed: bool
) -> None:
    monkeypatch.setattr(features, "HAS_UNNAMED_FILES", unnamed and features.HAS_UNNAMED_FILES)
    if not links:
        monkeypatch.setattr(os, "link", lambda *a, **k: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
    written = tree.write(OBJECT, b"first", overwrite=False)
    assert written == tree.stat(OBJECT)
    assert written.size == 5
    with pytest.raises(FileExistsError):
        tree.write(OBJECT, b"second", overwrite=False)
    assert tree.read(OBJECT) == b"first"
    assert names(bucket / "dir") == ["a.jpg"]


@pytest.mark.parametrize("way", ["refused", "no /proc"])
def test_write_without_unnamed_files_uses_a_hidden_name(
    tree: ObjectTree, bucket: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "refused":
        monkeypatch.setattr(
            descriptor_folder, "_TMPFILE", os.O_DIRECTORY
        )  # opening a folder for writing is EISDIR, as there
    else:
        monkeypatch.setattr(descriptor_folder, "_DESCRIPTORS", "/proc/no/such")

    def chunks() -> Iterator[bytes]:
        assert [name[:2] for name in names(bucket / "dir")] == [".~"]
        yield b"whole"

    tree.write(OBJECT, chunks(), overwrite=False)
    assert tree.read(OBJECT) == b"whole"
    assert names(bucket / "dir") == ["a.jpg"]


@needs_unnamed_files
def test_write_new_object_has_no_name_before_it_is_complete(tree: ObjectTree, bucket: Path) -> None:
    """And not even hidden: who is killed leaves nothing."""

    def chunks() -> Iterator[bytes]:
        assert names(bucket / "dir") == []
        yield b"whole"

    tree.write(OBJECT, chunks(), overwrite=False)
    assert stat.S_IMODE((bucket / "dir/a.jpg").stat().st_mode) & 0o600 == 0o600


def test_write_concurrent_without_overwrite_has_one_winner(tree: ObjectTree) -> None:
    barrier = threading.Barrier(8)

    def attempt(number: int) -> int | None:
        barrier.wait(10)
        try:
            tree.write(OBJECT, bytes([number]) * 1000, overwrite=False)
        except FileExistsError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(8)) if number is not None]
    assert len(winners) == 1
    assert tree.read(OBJECT) == bytes(winners) * 1000


@pytest.mark.slow
def test_read_concurrent_with_overwrites_returns_complete_objects(tree: ObjectTree) -> None:
    tree.write(OBJECT, b"\0" * 50_000)
    done = threading.Event()

    def overwrite() -> None:
        for number in range(60):
            tree.write(OBJECT, bytes([number]) * 50_000)
        done.set()

    writer = threading.Thread(target=overwrite)
    writer.start()
    contents = []
    while not done.is_set():
        contents.append(tree.read(OBJECT))
    writer.join()
    assert contents
    assert all(len(each) == 50_000 and len(set(each)) == 1 for each in contents)


def test_copy_and_delete_objects(tree: ObjectTree) -> None:
    tree.write(OBJECT, b"x" * 3_000_000)
    copied = tree.copy(OBJECT, ObsPath("other", "new/b.jpg"))
    assert copied.size == 3_000_000
    assert [tree.delete(OBJECT), tree.delete(OBJECT)] == [True, False]
    assert tree.delete(ObsPath("bucket", "no/such/dir/x")) is False
    assert tree.read(ObsPath("other", "new/b.jpg"), 2) == b"xx"


def test_missing_object_directory_and_bucket_have_their_errors(tree: ObjectTree) -> None:
    assert tree.stat(OBJECT) is None
    assert tree.stat(ObsPath("bucket")) is None
    assert refusal(tree.read, OBJECT) is FILE_NOT_FOUND
    assert refusal(tree.require_directory, DIRECTORY) is PATH_NOT_FOUND
    assert refusal(tree.walk, DIRECTORY) is PATH_NOT_FOUND
    for action in (tree.stat, tree.read, tree.local, tree.delete, tree.require_directory, tree.make_directory):
        assert refusal(action, ObsPath("nowhere", "x")) is BUCKET_NOT_FOUND
    assert refusal(tree.write, ObsPath("nowhere", "x"), b"") is BUCKET_NOT_FOUND


def test_file_in_place_of_a_directory_is_path_invalid(tree: ObjectTree, bucket: Path) -> None:
    tree.write(OBJECT, b"file")
    below = ObsPath("bucket", "dir/a.jpg/b.jpg")
    assert refusal(tree.require_directory, OBJECT) is PATH_INVALID
    assert refusal(tree.make_directory, OBJECT.as_directory()) is PATH_INVALID
    assert refusal(tree.make_directory, below) is PATH_INVALID
    assert refusal(tree.write, below, b"") is PATH_INVALID
    assert refusal(tree.read, below) is PATH_INVALID
    assert tree.stat(below) is None
    assert refusal(tree.read, DIRECTORY) is PATH_INVALID
    assert refusal(tree.read, ObsPath("bucket", "dir")) is PATH_INVALID
    assert refusal(tree.write, ObsPath("bucket", "dir"), b"") is PATH_INVALID
    assert refusal(tree.write, DIRECTORY, b"") is PATH_INVALID
    assert refusal(tree.delete, ObsPath("bucket", "dir")) is PATH_INVALID
    assert names(bucket) == ["dir"]
    assert names(bucket / "dir") == ["a.jpg"]


def test_make_directory_creates_parents(tree: ObjectTree, bucket: Path) -> None:
    path = ObsPath("bucket", "a/b/c/")
    assert tree.make_directory(path) == bucket / "a" / "b" / "c" == tree.require_directory(path)
    tree.make_directory(path)
    assert tree.locate(bucket / "a" / "b") == ObsPath("bucket", "a/b")
    assert tree.locate(bucket) == ObsPath("bucket")


def test_write_full_disk_is_obs_error_and_keeps_the_old_object(
    tree: ObjectTree, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write(OBJECT, b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ApiError, match="No space left") as refused:
        tree.write(OBJECT, b"new")
    assert refused.value.error is OBS_ERROR
    monkeypatch.undo()
    assert tree.read(OBJECT) == b"old"
    assert names(bucket / "dir") == ["a.jpg"]


# Ways out


@pytest.mark.parametrize("target", ["/etc", "/", "..", "../other", "../../outside", "sub/../../../outside"])
def test_link_out_of_the_bucket_is_path_invalid(tree: ObjectTree, bucket: Path, secret: Path, target: str) -> None:
    tree.write(ObsPath("other", "secret.txt"), b"secret")
    (bucket / "sub").mkdir()
    (bucket / "link").symlink_to(target)
    inside = ObsPath("bucket", "link/secret.txt")
    for action in (tree.read, tree.open, tree.stat, tree.local, tree.delete, tree.require_directory):
        assert refusal(action, inside) is PATH_INVALID
    assert refusal(tree.write, inside, b"mine") is PATH_INVALID
    assert refusal(tree.make_directory, ObsPath("bucket", "link/new/")) is PATH_INVALID
    assert refusal(tree.require_directory, ObsPath("bucket", "link/")) is PATH_INVALID
    assert refusal(tree.copy, inside, OBJECT) is PATH_INVALID
    assert list(tree.walk(ObsPath("bucket"))) == []
    assert (secret / "secret.txt").read_text() == "secret"
    assert names(secret) == ["secret.txt"]


def test_linked_file_outside_is_neither_read_nor_changed(tree: ObjectTree, bucket: Path, secret: Path) -> None:
    (bucket / "a.jpg").symlink_to(secret / "secret.txt")
    (bucket / "dangling").symlink_to(secret / "new.txt")
    path = ObsPath("bucket", "a.jpg")
    assert refusal(tree.read, path) is PATH_INVALID
    assert refusal(tree.stat, path) is PATH_INVALID
    assert refusal(tree.read, ObsPath("bucket", "dangling")) is PATH_INVALID
    # Writing and deleting mean the name in the bucket, not what it leads to.
    tree.write(ObsPath("bucket", "dangling"), b"mine")
    tree.write(path, b"mine")
    assert tree.read(path) == b"mine"
    (bucket / "b.jpg").symlink_to(secret / "secret.txt")
    assert tree.delete(ObsPath("bucket", "b.jpg")) is True
    assert names(secret) == ["secret.txt"]
    assert (secret / "secret.txt").read_text() == "secret"


def test_link_inside_the_bucket_is_followed(tree: ObjectTree, bucket: Path) -> None:
    tree.write(OBJECT, b"data")
    (bucket / "link").symlink_to("dir")
    (bucket / "b.jpg").symlink_to(bucket / "dir" / "a.jpg")
    assert tree.read(ObsPath("bucket", "link/a.jpg")) == b"data"
    assert tree.read(ObsPath("bucket", "b.jpg")) == b"data"
    assert tree.require_directory(ObsPath("bucket", "link/")) == bucket / "dir"
    tree.write(ObsPath("bucket", "link/c.jpg"), b"c")
    assert names(bucket / "dir") == ["a.jpg", "c.jpg"]


def test_link_circle_is_path_invalid(tree: ObjectTree, bucket: Path) -> None:
    (bucket / "one").symlink_to("two")
    (bucket / "two").symlink_to("one")
    for action in (tree.read, tree.stat, tree.local, tree.require_directory):
        assert refusal(action, ObsPath("bucket", "one")) is PATH_INVALID
        assert refusal(action, ObsPath("bucket", "one/x")) is PATH_INVALID
    assert refusal(tree.write, ObsPath("bucket", "one/x"), b"") is PATH_INVALID


def test_folder_swapped_for_a_link_after_the_check_is_refused(
    tree: ObjectTree, bucket: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was judged while it was one; when it is opened it has become a link to somewhere else."""
    tree.write(ObsPath("bucket", "dir/secret.txt"), b"public")
    (bucket / "link").symlink_to("dir")
    path = ObsPath("bucket", "link/secret.txt")
    assert tree.read(path) == b"public"
    judged = ObjectTree.local

    def swap_after(self: ObjectTree, path: ObsPath) -> Path:
        place = judged(self, path)
        (bucket / "dir").rename(bucket / "moved")
        (bucket / "dir").symlink_to(secret)
        return place

    monkeypatch.setattr(ObjectTree, "local", swap_after)
    assert refusal(tree.read, path) is PATH_INVALID
    (bucket / "dir").unlink()
    (bucket / "moved").rename(bucket / "dir")
    assert refusal(tree.write, path, b"mine") is PATH_INVALID
    assert (secret / "secret.txt").read_text() == "secret"


def test_file_swapped_for_a_link_after_the_check_is_refused(
    tree: ObjectTree, bucket: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write(OBJECT, b"public")

    def swap_after(folder: Folder, name: str) -> bool:
        (bucket / "dir" / "a.jpg").unlink()
        (bucket / "dir" / "a.jpg").symlink_to(secret / "secret.txt")
        return False

    monkeypatch.setattr(object_tree, "_is_link", swap_after)
    assert refusal(tree.read, OBJECT) is PATH_INVALID
    assert tree.stat(OBJECT) is None


def test_write_batch_flushes_the_directory_once(
    tree: ObjectTree, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.make_directory(DIRECTORY)
    synced: list[bool] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)), fsync(fd)))
    for number in range(10):
        tree.write(DIRECTORY / f"{number}.jpg", b"x", flush=False)
    tree.flush(DIRECTORY)
    assert synced in ([], 10 * [False] + [True])


def test_object_tree_leaves_no_descriptor_open(tree: ObjectTree, bucket: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("this system does not list them")
    tree.write(OBJECT, b"x")
    (bucket / "link").symlink_to("dir")
    (bucket / "loop").symlink_to("loop")
    before = len(list(descriptors.iterdir()))
    for key in ("dir/a.jpg", "link/a.jpg", "loop/a.jpg", "dir/none", "none/none", "dir/a.jpg/b", "dir"):
        for action in (tree.read, tree.stat, tree.require_directory, tree.delete, lambda path: tree.write(path, b"x")):
            with suppress(ApiError):
                action(ObsPath("bucket", key))
    assert len(list(descriptors.iterdir())) == before


def test_open_named_pipe_is_refused_without_waiting(tree: ObjectTree, bucket: Path) -> None:
    os.mkfifo(bucket / "pipe")
    assert refusal(tree.read, ObsPath("bucket", "pipe")) is PATH_INVALID
    assert tree.stat(ObsPath("bucket", "pipe")) is None


def test_locate_outside_or_impossible_name_returns_none(tree: ObjectTree, bucket: Path, secret: Path) -> None:
    assert tree.locate(secret) is None
    assert tree.locate(Path("/")) is None
    assert tree.locate(bucket / "a\nb") is None
    assert tree.locate(bucket / ".." / ".." / "outside") is None


# Walking


def test_walk_returns_objects_with_size_and_time(tree: ObjectTree, bucket: Path) -> None:
    for key in ("dir/b.jpg", "dir/a.jpg", "dir/sub/c.jpg", "elsewhere/d.jpg"):
        tree.write(ObsPath("bucket", key), key.encode())
    entries = list(tree.walk(DIRECTORY))
    assert [entry.path for entry in entries] == ["bucket/dir/a.jpg", "bucket/dir/b.jpg", "bucket/dir/sub/c.jpg"]
    for entry in entries:
        assert (entry.size, entry.mtime_ns) == tree.stat(ObsPath.parse(f"/{entry.path}"))
        assert Path(entry.local).read_bytes().decode() == entry.path.removeprefix("bucket/")


def test_walk_skip_leaves_directories_out(tree: ObjectTree, bucket: Path) -> None:
    for key in ("dir/a.jpg", "dir/work/b.jpg", "dir/working/c.jpg"):
        tree.write(ObsPath("bucket", key), b"")
    (bucket / "dir" / "zlink").symlink_to("work")
    found = tree.walk(DIRECTORY, skip=[ObsPath("bucket", "dir/work/"), ObsPath("nowhere", "x/")])
    assert [entry.path for entry in found] == ["bucket/dir/a.jpg", "bucket/dir/working/c.jpg"]


def test_walk_skip_applies_through_links(tree: ObjectTree, bucket: Path) -> None:
    for key in ("dir/a.jpg", "out/work/b.jpg", "out/work/deep/c.jpg", "out/d.jpg"):
        tree.write(ObsPath("bucket", key), b"")
    (bucket / "dir" / "work").symlink_to("../out/work")
    (bucket / "dir" / "deep").symlink_to("../out/work/deep")
    (bucket / "dir" / "out").symlink_to("../out")
    (bucket / "own").symlink_to("dir")
    skip = [ObsPath("bucket", "out/work/"), ObsPath("bucket", "not/yet/")]
    assert [entry.path for entry in tree.walk(DIRECTORY, skip=skip)] == [
        "bucket/dir/a.jpg",
        "bucket/dir/deep/c.jpg",
        "bucket/dir/out/d.jpg",
    ]
    # Under another name it is the same folder.
    assert list(tree.walk(DIRECTORY, skip=[ObsPath("bucket", "own/")])) == []


def test_walk_at_path_in_a_skipped_directory_is_left_out(tree: ObjectTree, bucket: Path) -> None:
    for key in ("dir/a/b/c.jpg", "dir/d.jpg"):
        tree.write(ObsPath("bucket", key), b"")
    (bucket / "link").symlink_to("dir/a")
    inner = ["a/b/c.jpg", "a/b", "a", "d.jpg"]
    for skip in ([ObsPath("bucket", "dir/a/")], [ObsPath("bucket", "link/")]):
        found = tree.walk_at(DIRECTORY, inner, skip=skip)
        assert found is not None
        assert [entry.path for entry in found] == ["bucket/dir/d.jpg"]
