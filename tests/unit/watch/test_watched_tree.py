"""Watches and their paths, without a kernel."""

from __future__ import annotations

from modelarts_emulator.watch.watched_tree import WatchedTree


def tree(*paths: str) -> WatchedTree:
    made = WatchedTree()
    for number, path in enumerate(paths, 1):
        made.add(path, number)
    return made


def test_below_yields_a_folder_and_all_in_it() -> None:
    assert sorted(tree("/a", "/a/b", "/a/b/c", "/a/d", "/ab").below("/a")) == ["/a", "/a/b", "/a/b/c", "/a/d"]


def test_below_deep_tree_needs_no_recursion() -> None:
    paths = ["/a" * depth for depth in range(1, 3_000)]
    assert list(tree(*paths).below("/a")) == paths


def test_below_stop_leaves_out_a_folder_with_its_content() -> None:
    assert list(tree("/a", "/a/b", "/a/b/c").below("/a", stop=["/a/b"])) == ["/a"]
    assert list(tree("/a", "/a/b", "/a/b/c").below("/a/b", stop=["/a/b"])) == ["/a/b", "/a/b/c"]


def test_add_folder_above_a_known_one_includes_it() -> None:
    made = tree("/a/b")
    made.add("/a", 2)
    assert list(made.below("/a")) == ["/a"]  # until its own listing finds it
    made.add("/a/b", 1)
    assert list(made.below("/a")) == ["/a", "/a/b"]


def test_discard_returns_the_watch_after_its_last_path() -> None:
    made = tree("/a")
    made.add("/mounted", 1)
    assert made.paths(1) == ("/a", "/mounted")
    assert made.discard("/a") is None
    assert made.discard("/mounted") == 1
    assert (made.discard("/mounted"), made.paths(1), len(made)) == (None, (), 0)


def test_add_known_path_with_another_watch_replaces_it() -> None:
    made = tree("/a")
    made.add("/a", 2)
    assert (made.paths(1), made.paths(2), "/a" in made, len(made)) == ((), ("/a",), True, 1)


def test_discard_while_listing_leaves_nothing() -> None:
    made = tree("/a", "/a/b", "/a/b/c", "/a/d")
    for path in made.below("/a"):
        made.discard(path)
    assert (len(made), list(made.below("/a"))) == (0, ["/a"])
