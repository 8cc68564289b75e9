"""A folder of a bucket becomes a link to a place outside while requests run: nothing there is read or changed.

The program that swaps is anyone who may write in the mounted folder. Three tests: at the exact moment between check and
use, in a tight loop, and a check of every open call, which must name files relative to an open folder.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.object_calls import begin, complete, part
from tests.helpers.pictures import picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need special rights")
WORD = b"the content outside"


class Target:
    """A running emulator whose bucket has ``in/sub``, and the folder outside that ``in/sub`` will lead to."""

    def __init__(self, emu: Emulator, bucket: Path, outside: Path) -> None:
        self.emu, self.bucket, self.outside, self.url = emu, bucket, outside, emu.url
        self.api, self.control = Api(emu.url), Control(emu.url)
        self.place, self.aside = bucket / "in/sub", bucket / "aside"
        self.dataset_id = ""
        for name in ("in/sub/deep", "out", "source"):
            (bucket / name).mkdir(parents=True, exist_ok=True)
        for name in ("a.png", "b.png", "deep/c.png"):
            (self.place / name).write_bytes(picture(8, 8))
            (outside / name).parent.mkdir(exist_ok=True)
            (outside / name).write_bytes(picture(77, 77))
        for name in ("a.txt", "deep/unlisted.txt", "unlisted.txt", "other.txt"):
            (outside / name).write_bytes(WORD)
        for name in ("empty", "work"):
            (outside / name).mkdir()
            (self.place / name).mkdir()
        (self.place / "a.txt").write_bytes(b"inside")
        (bucket / "link").symlink_to("in/sub")

    def swap(self) -> None:
        """Put a link to the outside in the place of the folder."""
        self.place.rename(self.aside)
        self.place.symlink_to(self.outside)

    def restore(self) -> None:
        """Put the folder back."""
        if self.aside.exists():
            if self.place.is_symlink():
                self.place.unlink()
            with suppress(OSError):  # an operation has created the folder again
                self.aside.rename(self.place)

    def call(self, method: str, path: str, **options: Any) -> bytes:
        return requests.request(method, self.url + path, timeout=30, **options).content

    # What is done while the folder is swapped

    def read(self) -> bytes:
        names = ("a.txt", "other.txt")
        return b"".join(self.call("GET", f"/bucket/{top}/{name}") for top in ("in/sub", "link") for name in names)

    def thumbnail(self) -> bytes:
        return self.call("GET", "/bucket/in/sub/a.png?x-image-process=image/info")

    def folder(self) -> bytes:
        return self.call("HEAD", "/bucket/in/sub/empty/")

    def list(self) -> bytes:
        queries = ("", "?list-type=2", "?delimiter=/&prefix=in/sub/", "?versions", "?prefix=link/")
        return b"".join(self.call("GET", f"/bucket{query}") for query in queries)

    def write(self) -> bytes:
        return self.call("PUT", "/bucket/in/sub/a.txt", data=b"mine") + self.call("PUT", "/bucket/in/sub/new/b.txt")

    def copy(self) -> bytes:
        header = {"x-amz-copy-source": "/bucket/in/sub/a.txt"}
        self.call("PUT", "/bucket/copied.txt", headers=header)
        return self.call("GET", "/bucket/copied.txt")

    def delete(self) -> bytes:
        return b"".join(self.call("DELETE", f"/bucket/in/sub/{name}") for name in ("b.png", "other.txt", "empty/"))

    def multipart(self) -> bytes:
        upload = begin(self, "in/sub/a.txt")
        etag = part(self, upload, 1, b"part", "in/sub/a.txt").headers.get("ETag", "")
        header = {"x-amz-copy-source": "/bucket/in/sub/a.txt"}
        self.call("PUT", f"/bucket/in/sub/a.txt?partNumber=2&uploadId={upload}", headers=header)
        return complete(self, upload, [(1, etag)], "in/sub/a.txt").content

    def synchronize(self) -> bytes:
        with suppress(AssertionError):
            self.api.session.post(f"{self.api.base}/{self.dataset_id}/sync-data", timeout=30)
            self.control.send("POST", "wait-idle")
        return self.call("GET", f"/v2/project/datasets/{self.dataset_id}/data-annotations/samples?limit=100")

    def bring_in(self) -> bytes:
        body = {"import_path": "/bucket/in/sub/", "import_type": "dir"}
        self.api.session.post(f"{self.api.base}/{self.dataset_id}/import-tasks", json=body, timeout=30)
        self.control.send("POST", "wait-idle")
        return self.call("GET", f"/v2/project/datasets/{self.dataset_id}/data-annotations/samples?limit=100")

    def publish(self) -> bytes:
        self.api.session.post(f"{self.api.base}/{self.dataset_id}/versions", json={}, timeout=30)
        self.control.send("POST", "wait-idle")
        return b""

    def snapshot(self) -> bytes:
        self.control.send("PUT", "snapshots/one?mounts=true")
        saved = self.emu.directory / "snapshots/one"
        return b"".join(path.name.encode() + path.read_bytes() for path in saved.rglob("*") if path.is_file())

    def restore_snapshot(self) -> bytes:
        return self.control.send("POST", "snapshots/one").content

    def reset(self) -> bytes:
        return self.control.send("POST", "reset?project_id=project").content


OPERATIONS = (
    Target.read,
    Target.thumbnail,
    Target.folder,
    Target.list,
    Target.write,
    Target.copy,
    Target.delete,
    Target.multipart,
    Target.synchronize,
    Target.bring_in,
    Target.publish,
    Target.snapshot,
    Target.restore_snapshot,
    Target.reset,
)


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and modification time of everything in a folder."""
    found = {}
    for path in (folder, *folder.rglob("*")):
        found[str(path)] = (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
    return found


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    bucket, outside = tmp_path / "bucket", tmp_path / "outside"
    bucket.mkdir()
    outside.mkdir()
    settings = Settings(
        port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, sync="manual", durability="process"
    )
    with Emulator(settings) as emu:
        target = Target(emu, bucket, outside)
        target.dataset_id = target.api.dataset(
            data_sources=[{"data_type": 0, "data_path": "/bucket/in/sub/deep/"}], work_path="/bucket/in/sub/work/"
        )
        target.control.call("PUT", "snapshots/one?mounts=true")
        yield target
        target.restore()
        target.api.session.close()
        target.control.session.close()


def require_nothing_outside(target: Target, before: dict[str, tuple[bytes, int]], shown: bytes) -> None:
    for each in (WORD, b"unlisted", b"[77,77", b'"width": 77', picture(77, 77)):
        assert each not in shown
    assert state(target.outside) == before


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_folder_swapped_for_a_link_between_check_and_use_is_not_followed(
    target: Target, monkeypatch: pytest.MonkeyPatch, operation: Callable[[Target], bytes], turn: int
) -> None:
    """The swap follows a resolved path: the moment at which the program has just checked where it leads."""
    resolve, resolved = os.path.realpath, 0

    def swap_after(path: Any, **options: Any) -> Any:
        nonlocal resolved
        result = resolve(path, **options)
        if str(result).startswith(str(target.place)):
            resolved += 1
            if resolved == turn + 1:
                target.swap()
        return result

    before = state(target.outside)
    with monkeypatch.context() as patched:
        patched.setattr(os.path, "realpath", swap_after)
        shown = operation(target)
    require_nothing_outside(target, before, shown)


def test_folder_swapped_for_a_link_in_a_loop_is_not_followed(target: Target) -> None:
    ended, before = threading.Event(), state(target.outside)

    def swap_for_ever() -> None:
        while not ended.is_set():
            with suppress(OSError):
                target.swap()
            with suppress(OSError):
                target.restore()

    swapping = threading.Thread(target=swap_for_ever)
    swapping.start()
    try:
        shown = [each(target) for _ in range(15) for each in OPERATIONS[:8]]
        shown += [each(target) for _ in range(3) for each in OPERATIONS[8:]]
    finally:
        ended.set()
        swapping.join()
    for each in shown:
        require_nothing_outside(target, before, each)


@contextmanager
def _opened_below(folder: Path) -> Iterator[list[tuple[str, str, str]]]:
    """Collect what threads of the server open, list, remove or rename by a path that leads into the folder."""
    found: list[tuple[str, str, str]] = []
    active, start = [True], f"{folder}/"

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if active and (event == "open" or event.startswith(("os.", "shutil."))):
            thread = threading.current_thread().name
            for path in arguments[:2]:
                if thread.startswith(("http", "task", "reader", "upload")) and str(path).startswith(start):
                    found.append((event, str(path), thread))

    sys.addaudithook(note)  # cannot be removed
    try:
        yield found
    finally:
        active.clear()


def test_every_file_of_a_bucket_is_opened_relative_to_an_open_folder(target: Target) -> None:
    with _opened_below(target.bucket) as found:
        target.api.publish(target.dataset_id)
        for each in OPERATIONS:
            each(target)
    assert found == []
