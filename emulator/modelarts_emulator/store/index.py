"""Samples in memory: each as its encoded document, with the indexes that make a page cost the page.

The service's default order is by time, then by arrival. The key of a sample in every ordered index is one integer of
64 bits, ``time << 22 | number``.
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

# From here on numbers of removed documents are given out again; before that it is not worth the search for them.
REUSE_FROM = 1 << (NUMBER_BITS - 1)
_MAX_COMBINED = 8

UNKNOWN_FINGERPRINT = -1  # no hash is
_ANY_STATUS = frozenset(SampleStatus)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which samples are wanted. The indexes serve the first three members, the predicate what they leave."""

    statuses: frozenset[SampleStatus] | None = None
    label: LabelKey | None = None
    """Name and type of a label; the type may be None for any."""
    directory: str | None = None
    """``bucket/dir/``: just this level."""
    predicate: Callable[[SampleRecord], bool] | None = None


class SampleIndex:
    """One table of samples. Not locked: its owner sees to that."""

    def __init__(self) -> None:
        self._documents: list[bytes | None] = [None]  # by number; TinyDB numbers from 1
        self._fingerprints = array("q", [UNKNOWN_FINGERPRINT])
        self._ids = IdTable()
        self._size = 0
        self._lists: dict[IndexKey, SortedKeys] = {None: SortedKeys()}
        self._combined: dict[tuple[Any, ...], SortedKeys] = {}
        self._label_counts: dict[LabelKey, int] = {}
        self._labelers: dict[str, int] = {}
        self._hard = 0
        self._aside = 0

    def __len__(self) -> int:
        return self._size

    @property
    def counts(self) -> Counts:
        """Counts of samples, kept, not recomputed."""
        live = len(self._lists[None])
        return Counts(
            total=live,
            annotated=len(self._lists.get(SampleStatus.MANUAL_ANNOTATION, ())),
            unconfirmed=len(self._lists.get(SampleStatus.AUTO_ANNOTATION, ())),
            deleted=self._size - live - self._aside,
            hard=self._hard,
        )

    def label_stats(self) -> dict[LabelKey, tuple[int, int]]:
        """How many labels on how many samples, by name and type of label."""
        return {key: (count, len(self._lists[key])) for key, count in self._label_counts.items()}

    def labelers(self) -> list[str]:
        """Everybody who has labelled a sample, as ``annotated_by`` names them."""
        return sorted(self._labelers)

    def directories(self) -> list[str]:
        """Every directory that holds a sample, as ``bucket/dir/``."""
        return [place for place in self._lists if type(place) is str]

    def number(self, sample_id: str) -> int | None:
        """The document number of a sample, tombstones included."""
        return self._ids.find(sample_id, self._documents)

    def free_numbers(self) -> Iterator[int]:
        """The numbers that new documents get, one after another. Raises OSError when there are no more."""
        fresh = len(self._documents)
        yield from range(fresh, REUSE_FROM)
        if self._size + 1 < len(self._documents):
            yield from (number for number in range(1, fresh) if self._documents[number] is None)
        yield from range(max(fresh, REUSE_FROM), MAX_NUMBER + 1)
        raise OSError(errno.EFBIG, f"a dataset holds at most {MAX_NUMBER:,} samples, deleted ones included")

    def document(self, number: int) -> bytes | None:
        """An encoded document."""
        return self._documents[number]

    def documents(self) -> list[bytes | None]:
        """All documents by number, None where there is none: references, so this is quick."""
        return self._documents.copy()

    def signature(self, sample_id: str) -> int | None:
        """The fingerprint of a sample's object, tombstones included; None where the sample is not known."""
        number = self.number(sample_id)
        return None if number is None else self._fingerprints[number]

    def fingerprints(self) -> array[int]:
        """The fingerprints of all objects, tombstones' included, by number: a copy."""
        return self._fingerprints[:]

    def load(self, numbers: Sequence[int], documents: Sequence[bytes]) -> None:
        """Take in many documents at once, into an empty index. Raises msgspec.DecodeError, ValueError."""
        highest = max(numbers, default=0)
        if highest > MAX_NUMBER or min(numbers, default=1) < 1:
            raise ValueError(f"document number {highest} is not one from 1 to {MAX_NUMBER}")
        self._reach(highest)
        self._ids = IdTable(len(documents))
        self._size = len(documents)
        with collector_off():
            groups = self._take_in(numbers, documents)
            self._lists = {place: SortedKeys(sorted(keys)) for place, keys in groups.items()}

    def put(self, number: int, document: bytes) -> None:
        """Write a document, new or known."""
        self._reach(number)
        before = self._documents[number]
        document, after = canonical(document)
        known = None
        if before is None:
            self._size += 1
            self._add_id(after.id, number)
        else:
            known = decode_indexed_fields(before)
            if known == after:  # it stands and counts as before
                self._place(number, document, after)
                return
            if known.id != after.id:  # only a journal that has been tampered with
                self._ids.remove(known.id, number)
                self._add_id(after.id, number)
        self._combined.clear()
        self._aside += after.aside - (known.aside if known else False)
        self._place(number, document, after)
        self._move(number, known, after)

    def remove(self, number: int) -> None:
        """Forget a document. Raises KeyError where there is none."""
        document = self._documents[number] if number < len(self._documents) else None
        if document is None:
            raise KeyError(number)
        self._combined.clear()
        fields = decode_indexed_fields(document)
        self._move(number, fields, None)
        self._aside -= fields.aside
        self._ids.remove(fields.id, number)
        self._documents[number] = None
        self._fingerprints[number] = UNKNOWN_FINGERPRINT
        self._size -= 1

    def keys(self, selection: Selection) -> SortedKeys:
        """The keys of what the first three members select. What several indexes must tell is kept until a change."""
        groups = [group for group in self._groups(selection) if group is not None]
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
        """How many there are, and a page; the predicate does not count here."""
        keys = self.keys(selection)
        total = len(keys)
        if descending:
            chosen = keys.slice(total - offset - limit, total - offset)
            chosen.reverse()
        else:
            chosen = keys.slice(offset, offset + limit)
        documents = [document for key in chosen if (document := self._documents[key & MAX_NUMBER]) is not None]
        return total, documents

    def _groups(self, selection: Selection) -> Iterator[list[SortedKeys] | None]:
        """For each member the indexes whose union it selects; None where it selects everything."""
        statuses, label = selection.statuses, selection.label
        yield None if statuses is None or statuses == _ANY_STATUS else self._known(statuses)
        yield (
            None
            if label is None
            else self._known([label] if label[1] is not None else [(label[0], kind) for kind in (None, *LabelType)])
        )
        yield None if selection.directory is None else self._known([selection.directory])

    def _known(self, places: Iterable[IndexKey]) -> list[SortedKeys]:
        return [self._lists[place] for place in places if place in self._lists]

    def _reach(self, number: int) -> None:
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

    def _take_in(self, numbers: Iterable[int], documents: Iterable[bytes]) -> dict[IndexKey, list[int]]:
        """IndexKey documents and count them; return which keys stand where. A hot loop: everything is in one place."""
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
                self._aside += fields.aside
                continue
            time, path = fields.time, fields.path
            key = time << NUMBER_BITS | number if 0 <= time <= MAX_TIME else fields.key(number)
            live.append(key)
            groups[fields.status].append(key)
            groups[path[: path.rfind("/") + 1]].append(key)
            for label in fields.labels:
                group = groups[name := (label.name or "", label.type)]
                if group and group[-1] == key:
                    twice.append(name)
                else:
                    group.append(key)
            if who := fields.annotated_by:
                labelers[who] = labelers.get(who, 0) + 1
            if fields.metadata.hard:
                self._hard += 1
        self._label_counts = {place: len(keys) for place, keys in groups.items() if isinstance(place, tuple)}
        for name in twice:
            self._label_counts[name] += 1
        return groups

    def _place(self, number: int, document: bytes, fields: IndexedFields) -> None:
        self._documents[number] = document
        signature = fields.signature
        self._fingerprints[number] = fingerprint(fields.path, *signature) if signature else UNKNOWN_FINGERPRINT

    def _move(self, number: int, before: IndexedFields | None, after: IndexedFields | None) -> None:
        """Bring a sample from where it stood to where it stands now; what is the same is not touched."""
        old = before.index_keys() if before and not before.deleted else set()
        new = after.index_keys() if after and not after.deleted else set()
        if before and after and old and new and before.time == after.time:
            gone, come = old - new, new - old
        else:
            gone, come = old, new
        if before and gone:
            self._take_out(gone, before.key(number))
        if after and come:
            self._put_in(come, after.key(number))
        if before and after and old and new and before.counts_as(after):
            return
        if before and old:
            self._count(before, -1)
        if after and new:
            self._count(after, 1)

    def _take_out(self, places: Iterable[IndexKey], key: int) -> None:
        for place in places:
            keys = self._lists[place]
            keys.remove(key)
            if not keys and place is not None:
                del self._lists[place]

    def _put_in(self, places: Iterable[IndexKey], key: int) -> None:
        for place in places:
            keys = self._lists.get(place)
            if keys is None:
                keys = self._lists[_lasting(place)] = SortedKeys()
            keys.add(key)

    def _count(self, fields: IndexedFields, sign: int) -> None:
        for label in fields.labels:
            _add(self._label_counts, (label.name or "", label.type), sign)
        if fields.annotated_by:
            _add(self._labelers, fields.annotated_by, sign)
        if fields.metadata.hard:
            self._hard += sign


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector from looking again and again at what is being loaded, none of which is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def paged(samples: Iterable[SampleRecord], offset: int, limit: int) -> tuple[int, list[SampleRecord]]:
    """Count all, keep one page."""
    iterator = iter(samples)
    skipped = sum(1 for _ in islice(iterator, offset))
    page = list(islice(iterator, limit))
    return skipped + len(page) + sum(1 for _ in iterator), page


def _lasting(place: IndexKey) -> IndexKey:
    """A place as it is kept: equal strings only once."""
    if isinstance(place, tuple):
        return intern(place[0]), place[1]
    return intern(place) if type(place) is str else place


def _add(counts: dict[Any, int], key: Any, number: int) -> None:
    left = counts.get(key, 0) + number
    if left:
        counts[key] = left
    else:
        del counts[key]


def _intersection(groups: list[list[SortedKeys]]) -> SortedKeys:
    """What stands in one index of every group."""
    groups = sorted(groups, key=lambda lists: sum(map(len, lists)))
    found = {key for keys in groups[0] for key in keys}
    for lists in groups[1:]:
        found = found.intersection(*lists) if len(lists) == 1 else {k for keys in lists for k in keys if k in found}
    return SortedKeys(sorted(found))
