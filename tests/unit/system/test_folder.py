"""Both kinds of open folders: by descriptor, and by path as on Windows."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelarts_emulator.system import folder as folder_module
from modelarts_emulator.system.folder import CREATE, READ, Folder
from modelarts_emulator.system.path_folder import PathFolder

TIME_NS = 1_500_000_000_000_000_123
Opened = Callable[[Path], Folder]


def _by_descriptor(path: Path) -> Folder:
    if sys.platform == "win32":
        pytest.skip("Windows has no descriptors of folders")
    from modelarts_emulator.system.descriptor_folder import DescriptorFolder

    return DescriptorFolder.open(str(path))


@pytest.fixture(params=["descriptor", "path"])
def opened(request: pytest.FixtureRequest) -> Opened:
    return _by_descriptor if request.param == "descriptor" else lambda path: PathFolder.open(str(path))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path.resolve() / "place"
    place.mkdir()
    return place


def test_open_link_or_file_raises_not_a_directory(opened: Opened, place: Path) -> None:
    (place / "file").touch()
    (place / "link").symlink_to(place)
    for name in ("file", "link"):
        with pytest.raises(NotADirectoryError):
            opened(place / name)
        with opened(place) as folder, pytest.raises(NotADirectoryError):
            folder.enter(name)
    with opened(place) as folder, pytest.raises(FileNotFoundError):
        folder.enter("missing")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("overwrite", [True, False])
def test_new_file_published_has_content_and_time(opened: Opened, place: Path, named: bool, overwrite: bool) -> None:
    with opened(place) as folder, folder.new_file(named=named) as file:
        file.write(b"12")
        file.write(b"3")
        written = file.finish(TIME_NS, None)
        file.publish("a", overwrite=overwrite)
    found = (place / "a").stat()
    assert (
        (written.st_size, written.st_mtime_ns) == (found.st_size, found.st_mtime_ns) == (3, 1_500_000_000_000_000_123)
    )
    assert (place / "a").read_bytes() == b"123"
    assert names(place) == ["a"]


@pytest.mark.parametrize("named", [True, False])
def test_new_file_taken_name_is_replaced_only_with_overwrite(opened: Opened, place: Path, named: bool) -> None:
    (place / "a").write_bytes(b"old")
    with opened(place) as folder, folder.new_file(named=named) as file:
        file.write(b"new")
        file.finish(0, None)
        with pytest.raises(FileExistsError):
            file.publish("a", overwrite=False)
        assert (place / "a").read_bytes() == b"old"
        file.publish("a", overwrite=True)
    assert (place / "a").read_bytes() == b"new"
    assert names(place) == ["a"]


def test_new_file_unpublished_leaves_nothing(opened: Opened, place: Path) -> None:
    with opened(place) as folder, pytest.raises(ValueError, match="stop"), folder.new_file() as file:
        file.write(b"1")
        raise ValueError("stop")
    assert names(place) == []


def test_publish_without_hard_links_reserves_the_name_and_cleans_up_after_an_error(
    opened: Opened, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links")

    with opened(place) as folder, folder.new_file() as file:
        monkeypatch.setattr(folder, "link", no_links)
        file.finish(0, None)

        def refuse(source: str, target: str) -> None:
            assert (place / target).exists()
            raise OSError(errno.EIO, "the disk is broken")

        with monkeypatch.context() as patched, pytest.raises(OSError, match="broken"):
            patched.setattr(folder, "rename", refuse)
            file.publish("a", overwrite=False)
        assert not (place / "a").exists()
        file.publish("a", overwrite=False)
    assert names(place) == ["a"]


def test_open_file_link_is_refused(opened: Opened, place: Path) -> None:
    (place / "target").write_bytes(b"1")
    (place / "link").symlink_to("target")
    with opened(place) as folder, pytest.raises(OSError) as refused:
        folder.open_file("link", READ)
    assert refused.value.errno in folder_module.PATH_FAULTS


def test_open_file_new_file_is_created_once(opened: Opened, place: Path) -> None:
    with opened(place) as folder:
        os.close(folder.open_file("a", CREATE))
        with pytest.raises(FileExistsError):
            folder.open_file("a", CREATE)
        assert (folder.names(), folder.lists("a"), folder.lists("A")) == (["a"], True, False)
        folder.unlink("a")
        folder.flush()
    assert names(place) == []


@pytest.mark.parametrize("swapped", ["itself", "a folder above"])
@pytest.mark.parametrize("use", ["open", "create", "mkdir", "rename", "unlink", "enter", "scan"])
def test_path_folder_swapped_for_a_link_is_refused(place: Path, tmp_path: Path, swapped: str, use: str) -> None:
    inner = place / "inner"
    inner.mkdir()
    (inner / "a").write_bytes(b"inside")
    folder = PathFolder.open(str(inner))
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "a").write_bytes(b"secret")
    if swapped == "itself":
        inner.rename(place / "moved")
        inner.symlink_to(outside / "inner")
    else:
        place.rename(tmp_path / "moved")
        place.symlink_to(outside)
    uses: dict[str, Callable[[], object]] = {
        "open": lambda: folder.open_file("a", READ),
        "create": lambda: folder.open_file("new", CREATE),
        "mkdir": lambda: folder.mkdir("new"),
        "rename": lambda: folder.rename("a", "b"),
        "unlink": lambda: folder.unlink("a"),
        "enter": lambda: folder.enter("x"),
        "scan": folder.scan,
    }
    with pytest.raises(NotADirectoryError):
        uses[use]()
    assert names(outside / "inner") == ["a"]
    assert (outside / "inner" / "a").read_bytes() == b"secret"
