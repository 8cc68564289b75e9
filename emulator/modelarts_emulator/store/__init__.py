"""The store: datasets as TinyDB files, with a journal for fast durable changes and indexes in memory for reading.

``Store`` is the entry point. ``Store.reading`` gives a :class:`DatasetReader`, ``Store.writing`` a
:class:`DatasetWriter`.
"""

from modelarts_emulator.store.dataset_entries import EntryPage, IndexEntry
from modelarts_emulator.store.expected_files import ExpectedFiles
from modelarts_emulator.store.format import Damaged, FormatTooNew
from modelarts_emulator.store.index import Selection
from modelarts_emulator.store.indexed_fields import decode_sample, encode_sample, fingerprint
from modelarts_emulator.store.reader import DatasetReader, SampleReader
from modelarts_emulator.store.records import (
    Counts,
    DatasetRecord,
    FileRecord,
    PendingFile,
    ReadOptions,
    SampleRecord,
    TaskRecord,
    VersionRecord,
)
from modelarts_emulator.store.store import DoesNotExist, Durability, Store
from modelarts_emulator.store.team_store import TEAMS_FILE, TeamStore
from modelarts_emulator.store.tinydb_table import DatasetDB
from modelarts_emulator.store.writer import DatasetWriter
from modelarts_emulator.system.directory_lock import DataDirectoryInUse

__all__ = [
    "TEAMS_FILE",
    "Counts",
    "Damaged",
    "DataDirectoryInUse",
    "DatasetDB",
    "DatasetReader",
    "DatasetRecord",
    "DatasetWriter",
    "DoesNotExist",
    "Durability",
    "EntryPage",
    "ExpectedFiles",
    "FileRecord",
    "FormatTooNew",
    "IndexEntry",
    "PendingFile",
    "ReadOptions",
    "SampleReader",
    "SampleRecord",
    "Selection",
    "Store",
    "TaskRecord",
    "TeamStore",
    "VersionRecord",
    "decode_sample",
    "encode_sample",
    "fingerprint",
]
