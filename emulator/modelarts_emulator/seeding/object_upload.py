"""Where the files of a seed go: into the tree of an emulator of this process, or to a running one over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.util.http_client import Client, error_text

_PIECE = 1 << 20
_ONLY_NEW = {"If-None-Match": "*"}


class ObjectUploader(Protocol):
    """The object tree as a seed needs it. Each raises CommandFailed."""

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there is kept."""

    def has(self, path: ObsPath) -> bool:
        """Whether there is an object."""

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object; one that is there stays as it is."""


class TreeUploader:
    """A tree on this machine. Copies are not synced one by one: what a seed has, it can bring again."""

    def __init__(self, tree: ObjectTree) -> None:
        self._tree = tree

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there is kept."""
        try:
            self._tree.create_bucket(name)
        except (ApiError, OSError) as error:
            raise CommandFailed(f"the bucket {name} cannot be made: {error}") from None

    def has(self, path: ObsPath) -> bool:
        """Whether there is an object."""
        with suppress(ApiError):
            return self._tree.stat(path) is not None
        return False

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object; one that is there stays as it is."""
        try:
            pieces = content if isinstance(content, bytes) else _pieces(content)
            with suppress(FileExistsError):
                self._tree.write(path, pieces, overwrite=False, flush=False)
        except ApiError as error:
            raise CommandFailed(f"{path} cannot be written: {error.message}") from None
        except OSError as error:
            raise CommandFailed(
                f"{content if isinstance(content, Path) else path}: {error.strerror or error}"
            ) from None


class HttpUploader:
    """The object storage of a running emulator."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there is kept."""
        self._send("PUT", f"/{quote(name)}")

    def has(self, path: ObsPath) -> bool:
        """Whether there is an object."""
        return self._client.send("HEAD", quote(str(path))).status == 200

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object; one that is there stays as it is."""
        if isinstance(content, bytes):
            self._send("PUT", quote(str(path)), content, _ONLY_NEW)
            return
        try:
            with content.open("rb") as file:
                headers = {**_ONLY_NEW, "Content-Length": str(content.stat().st_size)}
                self._send("PUT", quote(str(path)), file, headers)
        except OSError as error:
            raise CommandFailed(f"cannot read {content}: {error.strerror}") from None

    def _send(
        self, method: str, path: str, body: bytes | BinaryIO | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        answer = self._client.send(method, path, body, headers)
        if answer.status >= 400 and not (answer.status == 412 and headers):
            raise CommandFailed(f"{path} cannot be written: {error_text(answer)}")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
