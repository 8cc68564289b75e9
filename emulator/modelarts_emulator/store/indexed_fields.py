"""Encoded samples, and the few fields of a sample that its indexes need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from modelarts_emulator.contract.wire import SampleStatus
from modelarts_emulator.store.id_table import ID_PREFIX
from modelarts_emulator.store.records import SampleRecord

LabelKey = tuple[str, int | None]
"""Name and type of a label."""
IndexKey = str | SampleStatus | LabelKey | None
"""Name of an ordered index: a directory (``bucket/dir/``), a status, a label, or None for the index of all samples."""

NUMBER_BITS = 22
MAX_NUMBER = (1 << NUMBER_BITS) - 1
"""Highest document number of a sample."""
MAX_TIME = (1 << (64 - NUMBER_BITS)) - 1
"""Latest sample time in ms since the epoch."""

_decode = msgspec.json.Decoder(SampleRecord).decode
_encode = msgspec.json.Encoder().encode


class _IndexedLabel(msgspec.Struct, gc=False):
    name: str | None = None
    type: int | None = None


class _IndexedMetadata(msgspec.Struct, gc=False, frozen=True, rename={"hard": "@modelarts:hard"}):
    hard: Any = None


class IndexedFields(msgspec.Struct, gc=False, rename={"switched_out": "aside"}):
    """The fields of a sample that its indexes need. They decode faster than the whole sample."""

    id: str
    path: str
    time: int
    status: SampleStatus = SampleStatus.UN_ANNOTATION
    signature: tuple[int, int] | None = None
    labels: list[_IndexedLabel] = []
    metadata: _IndexedMetadata = _IndexedMetadata()
    annotated_by: str | None = None
    deleted: bool = False
    switched_out: bool = False

    def sort_key(self, number: int) -> int:
        """Return the sample's key in every ordered index: its time, then its document number."""
        return min(max(self.time, 0), MAX_TIME) << NUMBER_BITS | number

    def counts_as(self, other: IndexedFields) -> bool:
        """Return whether another sample has the same labels, labeler and hard flag."""
        return (
            self.labels == other.labels
            and self.annotated_by == other.annotated_by
            and bool(self.metadata.hard) == bool(other.metadata.hard)
        )

    def index_keys(self) -> set[IndexKey]:
        """Return the names of the ordered indexes that contain the sample."""
        keys: set[IndexKey] = {None, self.status, self.path[: self.path.rfind("/") + 1]}
        for label in self.labels:
            keys.add((label.name or "", label.type))
        return keys


decode_indexed_fields = msgspec.json.Decoder(IndexedFields).decode


def fingerprint(path: str, size: int, mtime_ns: int) -> int:
    """Return a hash of an object's path, size and modification time. Only valid within this process."""
    return hash((path, size, mtime_ns))


decode_sample: Callable[[bytes], SampleRecord] = _decode
"""Decode a sample. Raises msgspec.DecodeError."""

encode_sample: Callable[[SampleRecord], bytes] = _encode
"""Encode a sample in canonical form."""


def canonical(document: bytes) -> tuple[bytes, IndexedFields]:
    """Return a document in canonical form, and its indexed fields. Another program may have used another layout."""
    fields = decode_indexed_fields(document)
    if not document.startswith(ID_PREFIX):
        document = _encode(_decode(document))
    return document, fields
