"""The store: TinyDB files for rest, a journal for work, indexes in memory for speed."""

from emulator.store.dataset import DatasetReader, DatasetWriter, SampleReader
from emulator.store.files import Damaged, FormatTooNew
from emulator.store.index import Selection, fingerprint
from emulator.store.records import (
    Counts,
    DatasetRecord,
    FileRecord,
    Reading,
    SampleRecord,
    TaskRecord,
    VersionRecord,
)
from emulator.store.store import DataDirectoryInUse, Durability, Entry, Store, Unknown

__all__ = [
    "Counts",
    "Damaged",
    "DataDirectoryInUse",
    "DatasetReader",
    "DatasetRecord",
    "DatasetWriter",
    "Durability",
    "Entry",
    "FileRecord",
    "FormatTooNew",
    "Reading",
    "SampleReader",
    "SampleRecord",
    "Selection",
    "Store",
    "TaskRecord",
    "Unknown",
    "VersionRecord",
    "fingerprint",
]
