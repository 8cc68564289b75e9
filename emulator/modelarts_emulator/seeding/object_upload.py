"""Upload the files of a seed: into the object tree of this process, or to a running emulator over HTTP."""

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

_CHUNK_BYTES = 1 << 20
_ONLY_NEW = {"If-None-Match": "*"}


class ObjectUploader(Protocol):
    """Creates buckets and objects for a seed. Every method raises CommandFailed."""

    def make_bucket(self, name: str) -> None:
        """Create a bucket, unless it exists."""

    def has(self, path: ObsPath) -> bool:
        """Return True if an object exists."""

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object, unless it exists."""


class TreeUploader:
    """Writes into an object tree on this machine, without fsync for each file, since a seed can be repeated."""

    def __init__(self, tree: ObjectTree) -> None:
        self._tree = tree

    def make_bucket(self, name: str) -> None:
        """Create a bucket, unless it exists."""
        try:
            self._tree.create_bucket(name)
        except (ApiError, OSError) as error:
            raise CommandFailed(f"cannot create the bucket {name}: {error}") from None

    def has(self, path: ObsPath) -> bool:
        """Return True if an object exists."""
        with suppress(ApiError):
            return self._tree.stat(path) is not None
        return False

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object, unless it exists."""
        try:
            chunks = content if isinstance(content, bytes) else _chunks(content)
            with suppress(FileExistsError):
                self._tree.write(path, chunks, overwrite=False, flush=False)
        except ApiError as error:
            raise CommandFailed(f"cannot write {path}: {error.message}") from None
        except OSError as error:
            raise CommandFailed(
                f"{content if isinstance(content, Path) else path}: {error.strerror or error}"
            ) from None


class HttpUploader:
    """Writes into the object storage of a running emulator."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def make_bucket(self, name: str) -> None:
        """Create a bucket, unless it exists."""
        self._send("PUT", f"/{quote(name)}")

    def has(self, path: ObsPath) -> bool:
        """Return True if an object exists."""
        return self._client.send("HEAD", quote(str(path))).status == 200

    def put(self, path: ObsPath, content: Path | bytes) -> None:
        """Write an object, unless it exists."""
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
            raise CommandFailed(f"cannot write {path}: {error_text(answer)}")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
