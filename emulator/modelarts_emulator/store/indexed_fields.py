"""Samples as they lie in memory and on disk: encoded documents, and what the indexes need to know of one."""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.wire import SampleStatus
from modelarts_emulator.store.id_table import ID_PREFIX
from modelarts_emulator.store.records import SampleRecord

LabelKey = tuple[str, int | None]
IndexKey = str | SampleStatus | LabelKey | None
"""What an ordered index is for: a directory, a status, a label, or None for every sample."""

NUMBER_BITS = 22
MAX_NUMBER = (1 << NUMBER_BITS) - 1
MAX_TIME = (1 << (64 - NUMBER_BITS)) - 1

_decode = msgspec.json.Decoder(SampleRecord).decode
_encode = msgspec.json.Encoder().encode


class _LabelOf(msgspec.Struct, gc=False):
    name: str | None = None
    type: int | None = None


class _MetadataOf(msgspec.Struct, gc=False, frozen=True, rename={"hard": "@modelarts:hard"}):
    hard: Any = None


class IndexedFields(msgspec.Struct, gc=False):
    """What the indexes need to know of a sample; decodes faster than all of it."""

    id: str
    path: str
    time: int
    status: SampleStatus = SampleStatus.UN_ANNOTATION
    signature: tuple[int, int] | None = None
    labels: list[_LabelOf] = []
    metadata: _MetadataOf = _MetadataOf()
    annotated_by: str | None = None
    deleted: bool = False
    aside: bool = False

    def key(self, number: int) -> int:
        """Where it stands in every ordered index."""
        return min(max(self.time, 0), MAX_TIME) << NUMBER_BITS | number

    def counts_as(self, other: IndexedFields) -> bool:
        """Whether counts by label, labeler and hardness are the same for another sample."""
        return (
            self.labels == other.labels
            and self.annotated_by == other.annotated_by
            and bool(self.metadata.hard) == bool(other.metadata.hard)
        )

    def index_keys(self) -> set[IndexKey]:
        """In which ordered indexes it stands."""
        places: set[IndexKey] = {(label.name or "", label.type) for label in self.labels}
        places |= {None, self.status, self.path[: self.path.rfind("/") + 1]}
        return places


decode_indexed_fields = msgspec.json.Decoder(IndexedFields).decode


def fingerprint(path: str, size: int, mtime_ns: int) -> int:
    """An object's name, size and modification time as one number, for a quick comparison within this process."""
    return hash((path, size, mtime_ns))


def decode_sample(document: bytes) -> SampleRecord:
    """A sample from its document."""
    return _decode(document)


def encode_sample(sample: SampleRecord) -> bytes:
    """A sample's document."""
    return _encode(sample)


def canonical(document: bytes) -> tuple[bytes, IndexedFields]:
    """A document as this release writes it, and its fields: another program may have laid it out differently."""
    fields = decode_indexed_fields(document)
    if not document.startswith(ID_PREFIX):
        document = _encode(_decode(document))
    return document, fields
