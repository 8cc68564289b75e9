import os
from pathlib import Path

import pytest

from modelarts_emulator.obs.listing import list_keys

KEYS = ["a.txt", "a/1.jpg", "a/2.jpg", "a/b/3.jpg", "a0", "b-c/x", "b/x", "photos/2026/1.jpg", "photos/2026/2.jpg", "z"]


@pytest.fixture
def root(tmp_path):
    for key in KEYS:
        file = tmp_path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(key.encode())
    return str(tmp_path)


def keys(found):
    return [key.key for key in found.keys]


def everything(root, limit=1000, **options):
    """All pages: keys and prefixes in the order in which they came."""
    after, result = "", []
    while True:
        found = list_keys(root, after=after, limit=limit, **options)
        result += sorted(keys(found) + found.prefixes)
        if found.last is None:
            return result
        assert found.last > after
        after = found.last


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_list_keys_returns_keys_in_byte_order(root, limit):
    assert everything(root, limit) == sorted(KEYS, key=str.encode)


@pytest.mark.parametrize("limit", [1, 2, 1000])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b/", "b", "photos/2026/", "nothing", "a.txt", "a.txt/"])
@pytest.mark.parametrize("delimiter", ["", "/", "2", "/2", "."])
def test_list_keys_prefix_and_delimiter_match_the_definition(root, prefix, delimiter, limit):
    expected = set()
    for key in KEYS:
        if key.startswith(prefix):
            head, found, _ = key[len(prefix) :].partition(delimiter or "\0")
            expected.add(prefix + head + found)
    assert everything(root, limit, prefix=prefix, delimiter=delimiter) == sorted(expected)


@pytest.mark.parametrize("after", ["a", "a.txt", "a/", "a/1.jpg", "a/1.jpg0", "a/b", "b/", "y", "zz", "photos/2026/1"])
def test_list_keys_after_marker_returns_later_keys(root, after):
    assert keys(list_keys(root, after=after)) == [key for key in sorted(KEYS) if key > after]


def test_list_keys_full_last_page_has_no_marker(root):
    assert list_keys(root, limit=len(KEYS)).last is None
    assert list_keys(root, limit=len(KEYS) - 1).last == sorted(KEYS)[-2]


def test_list_keys_returns_size_and_time_of_the_file(root):
    (found,) = list_keys(root, prefix="z").keys
    stat = Path(root, "z").stat()
    assert (found.size, found.mtime_ns, found.local) == (1, stat.st_mtime_ns, root + "/z")


def test_list_keys_folder_counts_only_if_created_as_an_object(root, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty/" not in keys(list_keys(root))
    assert list_keys(root, delimiter="/").prefixes == ["a/", "b-c/", "b/", "photos/"]
    assert "empty/" in keys(list_keys(root, directories={"empty/", "gone/"}))
    assert "empty/" in list_keys(root, delimiter="/", directories={"empty/"}).prefixes
    assert keys(list_keys(root, prefix="empty/", delimiter="/", directories={"empty/"})) == ["empty/"]


def test_list_keys_hidden_files_are_listed_unfinished_ones_not(root, tmp_path):
    (tmp_path / ".keep").touch()
    (tmp_path / ".~abc").touch()
    assert keys(list_keys(root, prefix=".")) == [".keep"]


def test_list_keys_links_out_of_the_bucket_or_in_circles_are_skipped(root, tmp_path, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").touch()
    (tmp_path / "leave").symlink_to(outside)
    (tmp_path / "leave.txt").symlink_to(outside / "secret")
    (tmp_path / "a" / "circle").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "inside").symlink_to(tmp_path / "b")
    assert everything(root) == sorted([*KEYS, "inside/x"])


def test_list_keys_impossible_names_are_skipped(root):
    Path(root, os.fsdecode(b"\xff.jpg")).touch()
    assert everything(root) == sorted(KEYS)
