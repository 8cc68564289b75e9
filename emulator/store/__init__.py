"""The store: TinyDB files for rest, a journal for work, indexes in memory for speed."""

from emulator.store.directory import DataDirectoryInUse
from emulator.store.facts import decode_sample, encode_sample, fingerprint
from emulator.store.format import Damaged, FormatTooNew
from emulator.store.index import Selection
from emulator.store.reader import DatasetReader, SampleReader
from emulator.store.records import (
    Counts,
    DatasetRecord,
    FileRecord,
    Reading,
    SampleRecord,
    TaskRecord,
    VersionRecord,
)
from emulator.store.store import Durability, Entry, Store, Unknown
from emulator.store.table import DatasetDB
from emulator.store.writer import DatasetWriter

__all__ = [
    "Counts",
    "Damaged",
    "DataDirectoryInUse",
    "DatasetDB",
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
    "decode_sample",
    "encode_sample",
    "fingerprint",
]
