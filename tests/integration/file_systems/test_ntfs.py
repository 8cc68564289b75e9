"""Buckets on NTFS, with names as Windows allows them, and with and without regard to case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from modelarts_emulator import Emulator
from modelarts_emulator.contract.errors import PATH_INVALID, PATH_NOT_FOUND, ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath


@pytest.fixture
def tree(tmp_path: Path, ntfs: Path) -> ObjectTree:
    return ObjectTree(tmp_path / "obs", {"bucket": ntfs})


@pytest.fixture
def insensitive(tmp_path: Path, case_insensitive: Path) -> ObjectTree:
    return ObjectTree(tmp_path / "obs", {"bucket": case_insensitive})


@pytest.fixture
def url(tmp_path: Path, case_insensitive: Path) -> Iterator[str]:
    with Emulator(port=0, data_dir=tmp_path / "data", buckets={"bucket": case_insensitive}) as emulator:
        yield emulator.url


def path(key: str) -> ObsPath:
    return ObsPath("bucket", key)


def test_object_tree_write_read_copy_and_delete_work(tree: ObjectTree) -> None:
    written = tree.write(path("in/a.jpg"), b"123")
    assert tree.stat(path("in/a.jpg")) == written
    tree.write(path("in/a.jpg"), b"4567")
    tree.copy(path("in/a.jpg"), path("out/b.jpg"))
    assert tree.read(path("out/b.jpg")) == b"4567"
    with pytest.raises(FileExistsError):
        tree.write(path("in/a.jpg"), b"", overwrite=False)
    assert [entry.path for entry in tree.walk(path("in/"))] == ["bucket/in/a.jpg"]
    assert tree.delete(path("in/a.jpg"))
    assert tree.stat(path("in/a.jpg")) is None


@pytest.mark.parametrize(
    "name", ["a:b.jpg", "what?.jpg", "star*.jpg", "con", "aux.txt", "dot.", 'quote".jpg', "a|b", "<a>"]
)
def test_write_name_that_windows_cannot_hold_is_refused(tree: ObjectTree, ntfs: Path, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        tree.write(path(f"in/{name}"), b"1")
    assert refused.value.error is PATH_INVALID
    assert list((ntfs / "in").iterdir()) == []


@pytest.mark.parametrize(("first", "second"), [("in/A.txt", "in/a.txt"), ("in/a.txt", "in/A.txt"), ("IN/a", "in/a")])
def test_write_other_case_of_an_object_is_refused_and_keeps_it(
    insensitive: ObjectTree, first: str, second: str
) -> None:
    insensitive.write(path(first), b"first")
    with pytest.raises(ApiError) as refused:
        insensitive.write(path(second), b"second")
    assert refused.value.error is PATH_INVALID
    assert insensitive.read(path(first)) == b"first"
    insensitive.write(path(first), b"again")
    assert insensitive.read(path(first)) == b"again"


def test_delete_other_case_of_an_object_keeps_it(insensitive: ObjectTree) -> None:
    insensitive.write(path("in/a.txt"), b"1")
    assert insensitive.delete(path("in/A.txt")) is False
    assert insensitive.stat(path("in/A.txt")) is None
    assert insensitive.read(path("in/a.txt")) == b"1"


def test_require_directory_other_case_is_not_found(insensitive: ObjectTree) -> None:
    insensitive.write(path("in/a.txt"), b"1")
    with pytest.raises(ApiError) as refused:
        insensitive.require_directory(path("IN/"))
    assert refused.value.error is PATH_NOT_FOUND


def test_put_object_other_case_is_refused_and_keeps_the_first(url: str) -> None:
    assert requests.put(f"{url}/bucket/in/A.txt", data=b"first", timeout=10).status_code == 200
    refused = requests.put(f"{url}/bucket/in/a.txt", data=b"second", timeout=10)
    assert refused.status_code == 400
    assert b"takes this name for" in refused.content
    assert requests.get(f"{url}/bucket/in/A.txt", timeout=10).content == b"first"


def test_put_object_other_case_of_a_bucket_is_not_found(tmp_path: Path, case_insensitive: Path) -> None:
    tree = ObjectTree(case_insensitive / "obs")
    assert tree.create_bucket("bucket")
    assert tree.has_bucket("bucket")
    assert not tree.has_bucket("Bucket")
    with pytest.raises(ApiError):
        tree.create_bucket("Bucket")
