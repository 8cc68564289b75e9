"""Which samples a file holds: itself, one a line, or one a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emulator.ids import sample_id
from emulator.kinds import Kind
from emulator.obs.scan import Entry
from emulator.store import DatasetRecord, FileRecord, SampleRecord


@dataclass(slots=True)
class SampleSource:
    """A sample as its file shows it, without what only reading a picture tells."""

    id: str
    local: str
    sample: SampleRecord


def read_samples(
    record: DatasetRecord, kind: Kind, entry: Entry, files: Mapping[str, FileRecord]
) -> Iterator[SampleSource]:
    """The samples of one file. Datasets of lines and rows come with the operations that need them."""
    if kind.unit == "file":
        identity = sample_id(record.id, entry.path)
        yield SampleSource(identity, entry.local, file_sample(identity, kind, entry.path, entry.size, entry.mtime_ns))


def file_sample(identity: str, kind: Kind, path: str, size: int, mtime_ns: int) -> SampleRecord:
    """A sample that is a whole file; ``path`` is ``bucket/key``."""
    return SampleRecord(
        id=identity,
        path=path,
        type=kind.sample_type,
        time=mtime_ns // 1_000_000,
        size=size,
        signature=(size, mtime_ns),
    )
