"""Files opened in one system call: the same as opening folder after folder, and nothing through a link."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from modelarts_emulator.contract.errors import PATH_INVALID, ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.system import openat2
from modelarts_emulator.system.openat2 import open_beneath

pytestmark = pytest.mark.skipif(openat2._openat2() is None, reason="the kernel has no openat2 or a sandbox refuses it")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/caf\u00e9").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    (folder / "link").symlink_to("deep")
    (folder / "deep/last").symlink_to("er/caf\u00e9")
    (folder / "out").symlink_to(tmp_path)
    return folder


def read(folder: Path, path: str) -> bytes | None:
    descriptor = open_beneath(str(folder), path, os.O_RDONLY | os.O_NONBLOCK)
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_openat2_opens_a_file_in_folders(folder: Path) -> None:
    assert read(folder, "deep/er/caf\u00e9") == b"inside"


@pytest.mark.parametrize(
    "path", ["link/er/caf\u00e9", "deep/last", "out/secret", "../secret", "/etc/hostname", "deep/no"]
)
def test_links_and_places_outside_are_left_to_the_caller(folder: Path, path: str) -> None:
    assert read(folder, path) is None


def test_openat2_refuses_a_bucket_that_is_a_link(folder: Path) -> None:
    other = folder.parent / "other"
    other.symlink_to(folder)
    assert read(other, "deep/er/caf\u00e9") is None


def test_openat2_recognizes_another_file_of_the_same_name(tmp_path: Path) -> None:
    """Once a name has been opened, a link or a socket that takes its place is judged as at the first time."""
    tree = ObjectTree(tmp_path / "tree", fsync=False)
    tree.create_bucket("bucket")
    path, place = ObsPath("bucket", "a.txt"), tmp_path / "tree/bucket/a.txt"
    (tmp_path / "secret").write_bytes(b"outside")
    tree.write(path, b"first")
    for data in (b"first", b"first"):
        with tree.open_with_stat(path)[0] as file:
            assert file.read() == data
    place.write_bytes(b"second")
    with tree.open_with_stat(path)[0] as file:
        assert file.read() == b"second"
    place.unlink()
    place.symlink_to(tmp_path / "secret")
    with pytest.raises(ApiError) as refusal:
        tree.open_with_stat(path)
    assert refusal.value.error is PATH_INVALID
    place.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        with pytest.raises(ApiError) as refusal:
            tree.open_with_stat(path)
    assert refusal.value.error is PATH_INVALID
