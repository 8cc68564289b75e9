"""Any number of folders, one thread and one inotify instance: nested folders, shared ones, and random changes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from modelarts_emulator.watch.inotify import InotifySource
from tests.helpers.abilities import needs_inotify

pytestmark = needs_inotify
DEADLINE_S = 20.0
LEVELS = 1_500
# More steps are for a longer look: WATCHER_STEPS=5000.
STEPS = int(os.environ.get("WATCHER_STEPS", "400"))


class Folders:
    """A listener that knows the files of each folder from the reported paths alone."""

    def __init__(self) -> None:
        self.source = InotifySource(self)
        self.files: dict[str, set[str]] = {}
        self.is_lost: set[str] = set()
        self.condition = threading.Condition()

    def add(self, folder: Path) -> None:
        self.source.add(str(folder))
        self.changed(str(folder))

    def changed(self, folder: str, paths: Collection[str] | None = None) -> None:
        with self.condition:
            known = self.files.setdefault(folder, set())
            for path in [folder] if paths is None else paths:
                known -= {each for each in known if each == path or each.startswith(f"{path}/")}
                known |= files_of(path)
            self.condition.notify_all()

    def lost(self, folder: str) -> None:
        with self.condition:
            self.is_lost.add(folder)
            self.files[folder] = set()
            self.condition.notify_all()

    def is_recorded(self, folder: str, path: str) -> bool:
        return False

    def until(self, reached: Callable[[], bool]) -> None:
        with self.condition:
            assert self.condition.wait_for(reached, DEADLINE_S), (self.files, self.is_lost)

    def expect(self, folder: Path, *names: str) -> None:
        self.until(lambda: self.files[str(folder)] == {f"{folder}/{name}" for name in names})


def files_of(path: str) -> set[str]:
    """The files at or below a path."""
    if not Path(path).is_dir():
        return {path} if os.path.lexists(path) else set()
    return {f"{folder}/{name}" for folder, _, names in os.walk(path) for name in names}


@pytest.fixture
def folders() -> Iterator[Folders]:
    folders = Folders()
    yield folders
    folders.source.stop()


def kernel_watches() -> int:
    """The number of inotify watches of this process."""
    total = 0
    for file in Path("/proc/self/fdinfo").iterdir():
        with suppress(OSError):  # closed meanwhile
            total += file.read_text().count("inotify wd")
    return total


def test_threads_and_watches_do_not_grow_with_shared_folders(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    threads, watches = threading.active_count(), kernel_watches()
    folders.add(tmp_path / "in")
    folders.add(tmp_path / "in/sub")
    for number in range(60):
        (tmp_path / f"{number}").mkdir()
        folders.add(tmp_path / f"{number}")
    assert threading.active_count() == threads
    assert kernel_watches() == watches + 62
    for folder in ("in", "in/sub", *map(str, range(60))):
        folders.source.remove(str(tmp_path / folder))
    assert kernel_watches() == watches


def test_change_in_a_folder_within_another_is_reported_for_both(folders: Folders, tmp_path: Path) -> None:
    inner = tmp_path / "outer/inner"
    inner.mkdir(parents=True)
    folders.add(inner)
    folders.add(inner.parent)
    (inner / "a").write_bytes(b"1")
    folders.expect(inner, "a")
    folders.expect(inner.parent, "inner/a")


@pytest.mark.parametrize(("removed", "kept"), [("outer", "outer/inner"), ("outer/inner", "outer")])
def test_remove_one_of_two_nested_folders_keeps_the_other(
    folders: Folders, tmp_path: Path, removed: str, kept: str
) -> None:
    (tmp_path / "outer/inner").mkdir(parents=True)
    for folder in ("outer", "outer/inner"):
        folders.add(tmp_path / folder)
    folders.source.remove(str(tmp_path / removed))
    folders.files[str(tmp_path / removed)] = set()
    (tmp_path / "outer/inner/a").write_bytes(b"1")
    folders.expect(tmp_path / kept, os.path.relpath(tmp_path / "outer/inner/a", tmp_path / kept))
    assert folders.files[str(tmp_path / removed)] == set()


@pytest.mark.parametrize("leave", [shutil.rmtree, lambda path: path.rename(path.with_name("elsewhere"))])
def test_folder_that_is_gone_is_lost_with_the_watched_ones_in_it(
    folders: Folders, tmp_path: Path, leave: Callable[[Path], object]
) -> None:
    watches = kernel_watches()
    (tmp_path / "outer/inner/deep").mkdir(parents=True)
    for folder in ("outer", "outer/inner"):
        folders.add(tmp_path / folder)
    leave(tmp_path / "outer")
    folders.until(lambda: folders.is_lost == {str(tmp_path / "outer"), str(tmp_path / "outer/inner")})
    assert kernel_watches() == watches


def test_add_folder_that_is_missing_is_refused_and_leaves_nothing(folders: Folders, tmp_path: Path) -> None:
    watches = kernel_watches()
    with pytest.raises(FileNotFoundError):
        folders.source.add(str(tmp_path / "missing"))
    assert kernel_watches() == watches
    (tmp_path / "missing").mkdir()
    folders.add(tmp_path / "missing")
    (tmp_path / "missing/a").write_bytes(b"1")
    folders.expect(tmp_path / "missing", "a")


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[str]:
    """A folder below ``in``, deeper than Python recurses; removed by a program, as ``shutil.rmtree`` is recursive."""
    folder = f"{tmp_path}/in"
    os.mkdir(folder)  # noqa: PTH102  (strings: Path and os.makedirs recurse)
    try:
        for _ in range(LEVELS):
            folder += "/a"
            os.mkdir(folder)  # noqa: PTH102
        yield folder
    finally:
        subprocess.run(["rm", "-rf", f"{tmp_path}/in"], check=True)


def test_file_in_a_folder_below_a_thousand_others_is_reported(folders: Folders, tmp_path: Path, deep: str) -> None:
    folders.source.add(f"{tmp_path}/in")
    folders.files[f"{tmp_path}/in"] = set()
    with open(f"{deep}/x", "wb"):  # noqa: PTH123
        pass
    folders.expect(tmp_path / "in", "a/" * LEVELS + "x")


def test_random_changes_leave_every_folder_with_its_files(folders: Folders, tmp_path: Path) -> None:
    """Create, move and delete folders and files, and set the watches of nested folders again and again."""
    chance = random.Random(7)
    top = tmp_path / "top"
    outside = tmp_path / "outside"
    roots = [top, top / "a", top / "a/b", tmp_path / "side"]
    for folder in (*roots, outside):
        folder.mkdir(parents=True)
    for root in roots:
        folders.add(root)

    def places() -> list[Path]:
        found = [Path(folder) for base in (top, roots[3], outside) for folder, _, _ in os.walk(base)]
        return [each for each in found if each not in roots and each != outside] or [outside]

    def spot() -> Path:
        return chance.choice([*places(), *roots, outside]) / f"n{chance.randrange(6)}"

    def step(number: int) -> None:
        kind = chance.randrange(7)
        if kind < 2:
            spot().write_bytes(b"%d" % number)
        elif kind == 2:
            spot().mkdir()
        elif kind in (3, 4):
            chance.choice(places()).rename(spot())
        elif kind == 5:
            shutil.rmtree(chance.choice(places()))
        else:
            root = chance.choice(roots)
            folders.source.remove(str(root))
            folders.add(root)

    for number in range(STEPS):
        with suppress(OSError):  # into itself, over a file, over a folder that is not empty
            step(number)
    folders.until(lambda: all(folders.files[str(root)] == files_of(str(root)) for root in roots))
    assert not folders.is_lost
    for root in roots:
        (root / "last").write_bytes(b"1")
    folders.until(lambda: all(folders.files[str(root)] == files_of(str(root)) for root in roots))
