"""Real file systems that differ from Linux's own: NTFS without regard to case, and a FUSE mount without events.

They need root, ``/dev/fuse`` and Debian's packages ``ntfs-3g`` and ``bindfs``; ``.ci/run`` installs those.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.mounts import Bound, SmallDisk


def _require(*programs: str) -> None:
    if os.name != "posix" or os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("mounting needs root and /dev/fuse")
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@contextmanager
def _mounted_ntfs(tmp_path: Path, options: str) -> Iterator[Path]:
    _require("mkfs.ntfs", "lowntfs-3g")
    image, folder = tmp_path / "ntfs.img", tmp_path / "ntfs"
    with image.open("wb") as file:
        file.truncate(256 << 20)  # sparse
    subprocess.run(["mkfs.ntfs", "-F", "-Q", "-q", str(image)], check=True, capture_output=True)
    folder.mkdir()
    subprocess.run(["lowntfs-3g", "-o", options, str(image), str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        _unmount(folder)


@pytest.fixture(params=["ignore_case,windows_names", "windows_names"])
def ntfs(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Mount an empty NTFS image that accepts the names of Windows only."""
    with _mounted_ntfs(tmp_path, request.param) as folder:
        yield folder


@pytest.fixture
def case_insensitive(tmp_path: Path) -> Iterator[Path]:
    """Mount an empty NTFS image that finds names in any case, and lists them in lower case."""
    with _mounted_ntfs(tmp_path, "ignore_case,windows_names") as folder:
        yield folder


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Bound]:
    _require("bindfs")
    original, mounted = tmp_path / "original", tmp_path / "mounted"
    for folder in (original, mounted):
        folder.mkdir()
    subprocess.run(["bindfs", str(original), str(mounted)], check=True, capture_output=True)
    yield Bound(original, mounted)
    _unmount(mounted)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Mount a disk of 2 MB in memory."""
    _require()
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True, capture_output=True)
    yield SmallDisk(folder)
    _unmount(folder)
