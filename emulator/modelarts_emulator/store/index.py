"""The samples of a dataset in memory: encoded documents, and ordered indexes that make a page cheap at any offset.

The default order of the service is by time, then by arrival. The key of a sample in every ordered index is one 64-bit
integer, ``time << 22 | document number``.
"""

from __future__ import annotations

import errno
import gc
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from sys import intern
from typing import Any

import msgspec

from modelarts_emulator.contract.wire import LabelType, SampleStatus
from modelarts_emulator.store.id_table import ID_PREFIX, IdTable, id_of
from modelarts_emulator.store.indexed_fields import (
    MAX_NUMBER,
    MAX_TIME,
    NUMBER_BITS,
    IndexedFields,
    IndexKey,
    LabelKey,
    canonical,
    decode_indexed_fields,
    decode_sample,
    fingerprint,
)
from modelarts_emulator.store.records import Counts, SampleRecord
from modelarts_emulator.store.sorted_keys import SortedKeys

__all__ = ["SampleIndex", "Selection", "collector_off", "decode_sample", "paged"]

REUSE_FROM = 1 << (NUMBER_BITS - 1)
"""From this document number on, the numbers of removed documents are reused. Searching them earlier is not worth it."""
_MAX_COMBINED = 8
"""Maximum number of kept results of combined selections."""

UNKNOWN_FINGERPRINT = -1
"""Fingerprint of an object whose state is unknown. Python's ``hash`` never returns -1."""
_ANY_STATUS = frozenset(SampleStatus)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """A selection of samples. The first three fields use indexes; the predicate is called for the remaining samples."""

    statuses: frozenset[SampleStatus] | None = None
    label: LabelKey | None = None
    """Name and type of a label; a type of None selects every type."""
    directory: str | None = None
    """``bucket/dir/``: selects the samples of this directory, not those of its subdirectories."""
    predicate: Callable[[SampleRecord], bool] | None = None


class SampleIndex:
    """A table of samples with its indexes. Not thread-safe: the owner holds a lock during each call."""

    def __init__(self) -> None:
        self._documents: list[bytes | None] = [None]  # by document number; TinyDB starts at 1
        self._fingerprints = array("q", [UNKNOWN_FINGERPRINT])
        self._ids = IdTable()
        self._size = 0
        self._lists: dict[IndexKey, SortedKeys] = {None: SortedKeys()}
        self._combined: dict[tuple[Any, ...], SortedKeys] = {}
        self._label_counts: dict[LabelKey, int] = {}
        self._labelers: dict[str, int] = {}
        self._hard = 0
        self._switched_out = 0

    def __len__(self) -> int:
        return self._size

    @property
    def counts(self) -> Counts:
        """Counts of samples; they are maintained with every change, not recomputed."""
        lists = self._lists
        live = lists[None].size
        return Counts(
            total=live,
            annotated=lists[SampleStatus.MANUAL_ANNOTATION].size if SampleStatus.MANUAL_ANNOTATION in lists else 0,
            unconfirmed=lists[SampleStatus.AUTO_ANNOTATION].size if SampleStatus.AUTO_ANNOTATION in lists else 0,
            deleted=self._size - live - self._switched_out,
            hard=self._hard,
        )

    def label_stats(self) -> dict[LabelKey, tuple[int, int]]:
        """Return the number of labels and the number of samples that have them, by name and type of label."""
        return {key: (count, len(self._lists[key])) for key, count in self._label_counts.items()}

    def labelers(self) -> list[str]:
        """Return all values of ``annotated_by``, sorted."""
        return sorted(self._labelers)

    def directories(self) -> list[str]:
        """Return every directory that contains a sample, as ``bucket/dir/``."""
        return [name for name in self._lists if type(name) is str]

    def number(self, sample_id: str) -> int | None:
        """Return the document number of a sample or tombstone; None if the id is unknown."""
        return self._ids.find(sample_id, self._documents)

    def free_numbers(self) -> Iterator[int]:
        """Yield the numbers of new documents. Raises OSError (EFBIG) when there are no more."""
        fresh = len(self._documents)
        yield from range(fresh, REUSE_FROM)
        if self._size + 1 < len(self._documents):
            yield from (number for number in range(1, fresh) if self._documents[number] is None)
        yield from range(max(fresh, REUSE_FROM), MAX_NUMBER + 1)
        raise OSError(errno.EFBIG, f"a dataset holds at most {MAX_NUMBER:,} samples, deleted ones included")

    def document(self, number: int) -> bytes | None:
        """Return an encoded document."""
        return self._documents[number]

    def documents(self) -> list[bytes | None]:
        """Return all documents by number, None for unused numbers. Copies references only, so it is fast."""
        return self._documents.copy()

    def signature(self, sample_id: str) -> int | None:
        """Return the fingerprint of the object of a sample or tombstone; None if the id is unknown."""
        number = self.number(sample_id)
        return None if number is None else self._fingerprints[number]

    def fingerprints(self) -> array[int]:
        """Return a copy of all fingerprints by document number, tombstones included."""
        return self._fingerprints[:]

    def load(self, numbers: Sequence[int], documents: Sequence[bytes]) -> None:
        """Add many documents to an empty index.

        Raises:
            msgspec.DecodeError: a document is not valid.
            ValueError: a number is out of range.
        """
        highest = max(numbers, default=0)
        if highest > MAX_NUMBER or min(numbers, default=1) < 1:
            raise ValueError(f"document number {highest} is not from 1 to {MAX_NUMBER}")
        self._grow_to(highest)
        self._ids = IdTable(len(documents))
        self._size = len(documents)
        with collector_off():
            groups = self._add_documents(numbers, documents)
            self._lists = {name: SortedKeys(sorted(keys)) for name, keys in groups.items()}

    def put(self, number: int, document: bytes) -> None:
        """Add a document, or replace the one with this number."""
        if number >= len(self._documents):
            self._grow_to(number)
        before = self._documents[number]
        if document.startswith(ID_PREFIX):
            after = decode_indexed_fields(document)
        else:
            document, after = canonical(document)
        known = None
        if before is None:
            self._size += 1
            self._add_id(after.id, number)
        else:
            known = decode_indexed_fields(before)
            if known == after:  # same indexes and same counts
                self._store(number, document, after)
                return
            if known.id != after.id:  # only after a manual edit of the journal
                self._ids.remove(known.id, number)
                self._add_id(after.id, number)
        self._combined.clear()
        self._switched_out += after.switched_out - (known.switched_out if known else False)
        self._store(number, document, after)
        self._move(number, known, after)

    def remove(self, number: int) -> None:
        """Remove a document. Raises KeyError if it does not exist."""
        document = self._documents[number] if number < len(self._documents) else None
        if document is None:
            raise KeyError(number)
        self._combined.clear()
        fields = decode_indexed_fields(document)
        self._move(number, fields, None)
        self._switched_out -= fields.switched_out
        self._ids.remove(fields.id, number)
        self._documents[number] = None
        self._fingerprints[number] = UNKNOWN_FINGERPRINT
        self._size -= 1

    def keys(self, selection: Selection) -> SortedKeys:
        """Return the keys that the first three fields select. A combination of indexes is kept until a change."""
        groups = self._groups(selection)
        if not groups:
            return self._lists[None]
        if len(groups) == 1 and len(groups[0]) <= 1:
            return groups[0][0] if groups[0] else SortedKeys()
        name = (selection.statuses, selection.label, selection.directory)
        found = self._combined.get(name)
        if found is None:
            if len(self._combined) >= _MAX_COMBINED:
                self._combined.clear()
            found = self._combined[name] = _intersection(groups)
        return found

    def page(self, selection: Selection, offset: int, limit: int, descending: bool) -> tuple[int, list[bytes]]:
        """Return the number of selected samples and one page of documents; the predicate is ignored."""
        keys = self.keys(selection)
        total = len(keys)
        if descending:
            chosen = keys.slice(total - offset - limit, total - offset)
            chosen.reverse()
        else:
            chosen = keys.slice(offset, offset + limit)
        documents = [document for key in chosen if (document := self._documents[key & MAX_NUMBER]) is not None]
        return total, documents

    def _groups(self, selection: Selection) -> list[list[SortedKeys]]:
        """Return for each field that restricts the selection the indexes whose union it selects."""
        groups = []
        statuses, label = selection.statuses, selection.label
        if statuses is not None and statuses != _ANY_STATUS:
            groups.append(self._known(statuses))
        if label is not None:
            kinds = [label] if label[1] is not None else [(label[0], kind) for kind in (None, *LabelType)]
            groups.append(self._known(kinds))
        if selection.directory is not None:
            groups.append(self._known([selection.directory]))
        return groups

    def _known(self, names: Iterable[IndexKey]) -> list[SortedKeys]:
        return [self._lists[name] for name in names if name in self._lists]

    def _grow_to(self, number: int) -> None:
        missing = number + 1 - len(self._documents)
        if missing > 0:
            self._documents.extend([None] * missing)
            self._fingerprints.extend([UNKNOWN_FINGERPRINT] * missing)

    def _add_id(self, sample_id: str, number: int) -> None:
        if self._ids.add(sample_id, number):
            return
        self._ids = IdTable(self._size * 2)
        for each, document in enumerate(self._documents):
            if document is not None:
                self._ids.add(id_of(document), each)
        self._ids.add(sample_id, number)

    def _add_documents(self, numbers: Iterable[int], documents: Iterable[bytes]) -> dict[IndexKey, list[int]]:
        """Store and count documents; return the keys of each index. A hot loop, so it calls few functions."""
        known, prints, ids, labelers = self._documents, self._fingerprints, self._ids, self._labelers
        live: list[int] = []
        groups: defaultdict[IndexKey, list[int]] = defaultdict(list)
        groups[None] = live
        twice: list[LabelKey] = []
        for number, raw in zip(numbers, documents, strict=True):
            document, fields = (raw, decode_indexed_fields(raw)) if raw.startswith(ID_PREFIX) else canonical(raw)
            known[number] = document
            if fields.signature:
                prints[number] = fingerprint(fields.path, *fields.signature)
            ids.add(fields.id, number)
            if fields.deleted:
                self._switched_out += fields.switched_out
                continue
            time, path = fields.time, fields.path
            key = time << NUMBER_BITS | number if 0 <= time <= MAX_TIME else fields.sort_key(number)
            live.append(key)
            groups[fields.status].append(key)
            groups[path[: path.rfind("/") + 1]].append(key)
            for label in fields.labels:
                group = groups[name := (label.name or "", label.type)]
                if group and group[-1] == key:
                    twice.append(name)
                else:
                    group.append(key)
            if labeler := fields.annotated_by:
                labelers[labeler] = labelers.get(labeler, 0) + 1
            if fields.metadata.hard:
                self._hard += 1
        self._label_counts = {name: len(keys) for name, keys in groups.items() if isinstance(name, tuple)}
        for name in twice:
            self._label_counts[name] += 1
        return groups

    def _store(self, number: int, document: bytes, fields: IndexedFields) -> None:
        self._documents[number] = document
        signature = fields.signature
        self._fingerprints[number] = fingerprint(fields.path, *signature) if signature else UNKNOWN_FINGERPRINT

    def _move(self, number: int, before: IndexedFields | None, after: IndexedFields | None) -> None:
        """Move a sample between indexes and adjust the counts; indexes that contain it before and after are skipped."""
        old = before.index_keys() if before and not before.deleted else set()
        new = after.index_keys() if after and not after.deleted else set()
        if before and after and old and new and before.time == after.time:
            gone, come = old - new, new - old
        else:
            gone, come = old, new
        if before and gone:
            self._remove_key(gone, before.sort_key(number))
        if after and come:
            self._add_key(come, after.sort_key(number))
        if before and after and old and new and before.counts_as(after):
            return
        if before and old:
            self._count(before, -1)
        if after and new:
            self._count(after, 1)

    def _remove_key(self, names: Iterable[IndexKey], key: int) -> None:
        for name in names:
            keys = self._lists[name]
            keys.remove(key)
            if not keys.size and name is not None:
                del self._lists[name]

    def _add_key(self, names: Iterable[IndexKey], key: int) -> None:
        for name in names:
            keys = self._lists.get(name)
            if keys is None:
                keys = self._lists[_interned(name)] = SortedKeys()
            keys.add(key)

    def _count(self, fields: IndexedFields, sign: int) -> None:
        counts = self._label_counts
        for label in fields.labels:
            name = (label.name or "", label.type)
            if left := counts.get(name, 0) + sign:
                counts[name] = left
            else:
                del counts[name]
        if labeler := fields.annotated_by:
            if left := self._labelers.get(labeler, 0) + sign:
                self._labelers[labeler] = left
            else:
                del self._labelers[labeler]
        if fields.metadata.hard:
            self._hard += sign


@contextmanager
def collector_off() -> Iterator[None]:
    """Disable the garbage collector: while samples are loaded it would traverse all of them repeatedly."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def paged(samples: Iterable[SampleRecord], offset: int, limit: int) -> tuple[int, list[SampleRecord]]:
    """Return the number of samples, and one page of them."""
    iterator = iter(samples)
    skipped = sum(1 for _ in islice(iterator, offset))
    page = list(islice(iterator, limit))
    return skipped + len(page) + sum(1 for _ in iterator), page


def _interned(name: IndexKey) -> IndexKey:
    """Return the name of an index with interned strings, so that equal strings are stored once."""
    if isinstance(name, tuple):
        return intern(name[0]), name[1]
    return intern(name) if type(name) is str else name


def _intersection(groups: list[list[SortedKeys]]) -> SortedKeys:
    """Return the keys that are in at least one index of every group."""
    groups = sorted(groups, key=lambda lists: sum(map(len, lists)))
    found = {key for keys in groups[0] for key in keys}
    for lists in groups[1:]:
        found = found.intersection(*lists) if len(lists) == 1 else {k for keys in lists for k in keys if k in found}
    return SortedKeys(sorted(found))
