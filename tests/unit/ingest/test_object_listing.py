"""Listings: a directory is walked when its entries are needed, as far as needed, and once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.contract.errors import PATH_NOT_FOUND, ApiError
from modelarts_emulator.ingest import object_listing
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store.work_paths import WorkPaths

IN, OTHER = ObsPath.directory("/bucket/in/"), ObsPath.directory("/bucket/other/")


class CountingTree(ObjectTree):
    """An object tree that counts its walks, and the entries that were read from them."""

    walks = entries = 0

    def walk(self, directory: ObsPath, **members: Any) -> Iterator[ObjectEntry]:
        found = super().walk(directory, **members)
        self.walks += 1
        return self._counted(found)

    def _counted(self, found: Iterator[ObjectEntry]) -> Iterator[ObjectEntry]:
        for entry in found:
            self.entries += 1
            yield entry


@pytest.fixture
def tree(tmp_path: Path) -> CountingTree:
    """Return a tree with 250 objects in the input, one of them in a dataset's work path, and one beside it."""
    tree = CountingTree(tmp_path / "obs", fsync=False)
    tree.create_bucket("bucket")
    for number in range(249):
        tree.write(ObsPath.parse(f"/bucket/in/{number:03d}"), b"x")
    tree.write(ObsPath.parse("/bucket/in/work/250"), b"x")
    tree.write(ObsPath.parse("/bucket/other/1"), b"x")
    return tree


def names(entries: Iterator[ObjectEntry]) -> list[str]:
    return [entry.path for entry in entries]


def test_entries_read_twice_walk_once(tree: CountingTree) -> None:
    listing = Listing(tree, [IN, OTHER], WorkPaths())
    assert tree.walks == 0
    first = names(listing.entries(IN))
    assert len(first) == 250
    assert names(listing.entries(IN)) == first
    assert names(listing.entries(OTHER)) == ["bucket/other/1"]
    assert (tree.walks, tree.entries) == (2, 251)


def test_entries_read_in_part_are_continued(tree: CountingTree) -> None:
    listing = Listing(tree, [IN], WorkPaths())
    start = names(islice(listing.entries(IN), 3))
    assert (len(start), tree.entries) == (3, 100)
    everything = names(listing.entries(IN))
    assert everything[:3] == start
    assert (len(everything), tree.walks, tree.entries) == (250, 1, 250)


def test_entries_read_by_two_iterators_in_turn_are_the_same(tree: CountingTree) -> None:
    listing = Listing(tree, [IN], WorkPaths())
    one, other = listing.entries(IN), listing.entries(IN)
    pairs = list(zip(one, other, strict=True))
    assert len(pairs) == 250
    assert all(a == b for a, b in pairs)
    assert tree.walks == 1


def test_entries_without_keep_are_streamed(tree: CountingTree) -> None:
    listing = Listing(tree, [IN], WorkPaths(), keep=False)
    assert len(names(islice(listing.entries(IN), 3))) == 3
    assert tree.entries == 3


def test_entries_leave_out_work_paths_but_not_around_the_directory(tree: CountingTree) -> None:
    work_paths = WorkPaths(["/bucket/in/work/", "/bucket/in/"])
    assert "bucket/in/work/250" not in names(Listing(tree, [IN], work_paths).entries(IN))
    assert len(names(Listing(tree, [IN], work_paths).entries(IN))) == 249


def test_entries_of_a_missing_directory_raise_at_once(tree: CountingTree) -> None:
    missing = ObsPath.directory("/bucket/missing/")
    with pytest.raises(ApiError) as raised:
        Listing(tree, [missing], WorkPaths()).entries(missing)
    assert raised.value.error is PATH_NOT_FOUND


def test_refresh_of_an_old_listing_walks_again(tree: CountingTree, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(tree, [IN], WorkPaths())
    next(listing.entries(IN))
    listing.refresh()
    next(listing.entries(IN))
    assert tree.walks == 1
    monkeypatch.setattr(object_listing, "MAX_AGE_S", -1.0)
    tree.write(ObsPath.parse("/bucket/in/new"), b"x")
    listing.refresh()
    assert "bucket/in/new" in names(listing.entries(IN))
    assert tree.walks == 2


def test_has_links_after_a_link_was_walked(tree: CountingTree) -> None:
    listing = Listing(tree, [IN], WorkPaths())
    (tree.local(IN) / "link").symlink_to(tree.local(IN) / "000")
    assert not listing.has_links
    assert "bucket/in/link" in names(listing.entries(IN))
    assert listing.has_links
