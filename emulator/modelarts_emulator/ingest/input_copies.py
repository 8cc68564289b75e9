"""Copy imported objects into the input directory of a dataset; objects that are there already stay in place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from modelarts_emulator.contract.errors import SAMPLE_EXISTS, ApiError
from modelarts_emulator.ingest.pending_files import PendingFiles
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObjectKey, ObsPath

_CHUNK = 1 << 20


class InputCopier:
    """Copies objects below a folder of the first input directory. The same content is stored once for each name.

    ``folder`` is a relative path; an empty one is the input directory itself. Each copy is announced in ``pending``
    before it is made. Raises PATH_INVALID.
    """

    def __init__(
        self, tree: ObjectTree, inputs: Sequence[ObsPath], folder: str = "", pending: PendingFiles | None = None
    ) -> None:
        self._tree, self._pending = tree, pending
        self._inputs = tuple(path.object_name for path in inputs)
        folder = folder.strip("/")
        self.folder = inputs[0].join(f"{folder}/") if folder else inputs[0]
        self._unflushed: set[ObsPath] = set()

    def is_in_input(self, path: ObjectKey) -> bool:
        """Return whether an object (``bucket/key``) is stored in the dataset's input already."""
        return path.startswith(self._inputs)

    def target(self, path: ObjectKey, relative: str) -> ObjectKey:
        """Return where an object belongs, without copying it."""
        return path if self.is_in_input(path) else self.folder.join(relative).object_name

    def announce(self, paths: Iterable[tuple[ObjectKey, str]]) -> None:
        """Announce copies of (path, relative path) pairs with one write to the journal, rather than one for each."""
        targets = []
        for path, relative in paths:
            if not self.is_in_input(path):
                with suppress(ApiError):  # `copy` raises it
                    targets.append(self.folder.join(relative))
        if self._pending and targets:
            self._pending.announce(targets)

    def copy(self, path: ObjectKey, relative: str) -> ObjectKey:
        """Copy an object unless it is in the input, and return where it is stored then.

        If the name is taken by other content, the copy gets a name with a digest of its content, the same one each
        time. Raises ApiError as ``ObjectTree.copy``.
        """
        if self.is_in_input(path):
            return path
        source, target = ObsPath.of(path), self.folder.join(relative)
        if not self._copy_or_compare(source, target):
            target = _renamed(target, self._digest(source))
            if not self._copy_or_compare(source, target):
                raise ApiError(SAMPLE_EXISTS, str(target))
        return target.object_name

    def write(self, relative: str, chunks: Iterator[bytes]) -> ObsPath:
        """Write a new object, under a numbered name if its own is taken. Raises ApiError as ``ObjectTree.write``."""
        target = self.folder.join(relative)
        number = 0
        while self._tree.stat(target) is not None:
            number += 1
            target = _renamed(self.folder.join(relative), str(number))
        self._require_announced(target)
        self._tree.write(target, chunks, at_ms=self._at_ms)
        return target

    def flush(self) -> None:
        """Make the copies survive power loss (fsync of their directories)."""
        for directory in self._unflushed:
            self._tree.flush(directory)
        self._unflushed.clear()

    def _copy_or_compare(self, source: ObsPath, target: ObsPath) -> bool:
        """Copy ``source`` unless ``target`` exists. Return False if ``target`` exists with other content."""
        if self._tree.stat(target) is not None:
            return self._is_same(source, target)
        self._require_announced(target)
        try:
            self._tree.copy(source, target, overwrite=False, flush=False, at_ms=self._at_ms)
        except FileExistsError:
            return self._is_same(source, target)
        self._unflushed.add(target.parent)
        return True

    @property
    def _at_ms(self) -> int | None:
        return self._pending.time_ms if self._pending else None

    def _require_announced(self, target: ObsPath) -> None:
        if self._pending and not self._pending.is_announced(target):
            self._pending.announce([target])

    def _is_same(self, source: ObsPath, target: ObsPath) -> bool:
        one, other = self._tree.stat(source), self._tree.stat(target)
        return bool(one and other and one.size == other.size) and self._digest(source) == self._digest(target)

    def _digest(self, path: ObsPath) -> str:
        digest = hashlib.blake2b(digest_size=8)
        with self._tree.open(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def _renamed(path: ObsPath, addition: str) -> ObsPath:
    stem, dot, ending = path.name.rpartition(".")
    return path.parent.join(f"{stem}-{addition}.{ending}" if dot else f"{ending}-{addition}")
