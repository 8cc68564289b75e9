"""Samples in memory: each as its encoded document, with the indexes that make a page cost the page.

The service's default order is by time, then by arrival. The key of a sample in every ordered index is one integer,
``time << 32 | number``, and the same integer object stands in all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from sys import intern
from typing import Any

import msgspec
from sortedcontainers import SortedList

from emulator.contract.wire import SampleStatus
from emulator.store.records import Counts, SampleRecord

LabelKey = tuple[str, int | None]

_decode = msgspec.json.Decoder(SampleRecord).decode
_encode = msgspec.json.Encoder().encode
_NUMBER = (1 << 32) - 1
_UNKNOWN_FINGERPRINT = -1


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which samples are wanted. The indexes serve the first three members, the predicate what they leave."""

    statuses: frozenset[SampleStatus] | None = None
    label: LabelKey | None = None
    """Name and type of a label; the type may be None for any."""
    directory: str | None = None
    """``bucket/dir/``: just this level."""
    predicate: Callable[[SampleRecord], bool] | None = None


class _LabelOf(msgspec.Struct, gc=False):
    name: str | None = None
    type: int | None = None


class _Facts(msgspec.Struct, gc=False):
    """What the indexes need to know of a sample; decodes faster than all of it."""

    id: str
    path: str
    time: int
    status: SampleStatus = SampleStatus.UN_ANNOTATION
    signature: tuple[int, int] | None = None
    labels: list[_LabelOf] = []
    metadata: dict[str, Any] = {}
    annotated_by: str | None = None
    deleted: bool = False

    @property
    def directory(self) -> str:
        return self.path[: self.path.rfind("/") + 1]

    def label_keys(self) -> set[LabelKey]:
        return {(intern(label.name or ""), label.type) for label in self.labels}


_facts = msgspec.json.Decoder(_Facts).decode


def fingerprint(signature: tuple[int, int]) -> int:
    """Size and modification time as one number of 63 bits, for a quick comparison."""
    size, mtime_ns = signature
    return (mtime_ns * 0x9E3779B97F4A7C15 + size * 0xC2B2AE3D27D4EB4F) & (2**63 - 1)


class SampleIndex:
    """One table of samples. Not locked: its owner sees to that."""

    def __init__(self) -> None:
        self._documents: list[bytes | None] = [None]  # by number; TinyDB numbers from 1
        self._fingerprints = array("q", [_UNKNOWN_FINGERPRINT])
        self._numbers: dict[int, int] = {}
        self._live: SortedList = SortedList()
        self._by_status: dict[SampleStatus, SortedList] = {status: SortedList() for status in SampleStatus}
        self._by_label: dict[LabelKey, SortedList] = {}
        self._by_directory: dict[str, SortedList] = {}
        self._label_counts: dict[LabelKey, int] = {}
        self._labelers: dict[str, int] = {}
        self._hard = 0

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def counts(self) -> Counts:
        """Counts of samples, kept, not recomputed."""
        live = len(self._live)
        return Counts(
            total=live,
            annotated=len(self._by_status[SampleStatus.MANUAL_ANNOTATION]),
            unconfirmed=len(self._by_status[SampleStatus.AUTO_ANNOTATION]),
            deleted=len(self._numbers) - live,
            hard=self._hard,
        )

    def label_stats(self) -> dict[LabelKey, tuple[int, int]]:
        """How many labels on how many samples, by name and type of label."""
        return {key: (self._label_counts[key], len(keys)) for key, keys in self._by_label.items() if keys}

    def labelers(self) -> list[str]:
        """Everybody who has labelled a sample, as ``annotated_by`` names them."""
        return sorted(self._labelers)

    def number(self, sample_id: str) -> int | None:
        """The document number of a sample, tombstones included."""
        try:
            return self._numbers.get(int(sample_id, 16))
        except ValueError:
            return None

    def next_number(self) -> int:
        """The number that the next new document gets."""
        return len(self._documents)

    def document(self, number: int) -> bytes | None:
        """An encoded document."""
        return self._documents[number]

    def documents(self) -> list[tuple[int, bytes]]:
        """All documents by number: references, so this is quick."""
        return [(number, document) for number, document in enumerate(self._documents) if document is not None]

    def ids(self) -> list[str]:
        """Every sample's id, tombstones included."""
        return [f"{identity:032x}" for identity in self._numbers]

    def signature(self, sample_id: str) -> int | None:
        """The fingerprint of a sample's object, tombstones included; None where the sample is not known."""
        number = self.number(sample_id)
        return None if number is None else self._fingerprints[number]

    def load(self, documents: Iterable[tuple[int, bytes]]) -> None:
        """Take in many documents at once, into an empty index. Raises msgspec.DecodeError."""
        live: list[int] = []
        groups: dict[int, list[int]] = {}
        lists: list[SortedList] = []
        places: dict[int, int] = {}
        for number, document in documents:
            facts = _facts(document)
            self._place(number, document, facts)
            if facts.deleted:
                continue
            key = facts.time << 32 | number
            live.append(key)
            for ordered in self._lists(facts):
                place = places.get(id(ordered))
                if place is None:
                    place = places[id(ordered)] = len(lists)
                    lists.append(ordered)
                    groups[place] = []
                groups[place].append(key)
            self._count(facts, 1)
        self._live.update(live)
        for place, keys in groups.items():
            lists[place].update(keys)

    def put(self, number: int, document: bytes) -> None:
        """Write a document, new or known."""
        if number < len(self._documents) and self._documents[number] is not None:
            self._take_out(number)
        facts = _facts(document)
        self._place(number, document, facts)
        if facts.deleted:
            return
        key = facts.time << 32 | number
        self._live.add(key)
        for ordered in self._lists(facts):
            ordered.add(key)
        self._count(facts, 1)

    def remove(self, number: int) -> None:
        """Forget a document."""
        facts = self._take_out(number)
        self._documents[number] = None
        self._numbers.pop(int(facts.id, 16), None)

    def keys(self, selection: Selection) -> tuple[list[SortedList], Callable[[SampleRecord], bool] | None]:
        """The ordered indexes whose union holds the selection, and the test that what they hold must still pass."""
        choices: list[tuple[int, list[SortedList], Callable[[SampleRecord], bool]]] = []
        if selection.statuses is not None:
            statuses = selection.statuses
            lists = [self._by_status[status] for status in statuses]
            choices.append((sum(map(len, lists)), lists, lambda sample: sample.status in statuses))
        if selection.label is not None:
            name, label_type = selection.label
            lists = [
                keys
                for key, keys in self._by_label.items()
                if key[0] == name and (label_type is None or key[1] == label_type)
            ]
            choices.append((sum(map(len, lists)), lists, lambda sample: _has_label(sample, name, label_type)))
        if selection.directory is not None:
            wanted = selection.directory
            lists = [self._by_directory[wanted]] if wanted in self._by_directory else []
            choices.append((sum(map(len, lists)), lists, lambda s: s.path[: s.path.rfind("/") + 1] == wanted))
        if not choices:
            return [self._live], selection.predicate
        choices.sort(key=lambda choice: choice[0])
        tests = [test for _, _, test in choices[1:]]
        tests += [selection.predicate] if selection.predicate else []
        return choices[0][1], _all_of(tests)

    def ordered(self, selection: Selection) -> tuple[list[int], Callable[[SampleRecord], bool] | None]:
        """All keys of a selection, ascending, and the test they must still pass."""
        lists, test = self.keys(selection)
        if len(lists) == 1:
            return list(lists[0]), test
        return sorted({key for keys in lists for key in keys}), test

    def page(self, selection: Selection, offset: int, limit: int, descending: bool) -> tuple[int, list[bytes]] | None:
        """A page straight from an index, or None where documents must be read to know what belongs to it."""
        lists, test = self.keys(selection)
        lists = [keys for keys in lists if keys] if len(lists) > 1 else lists
        if test is not None or len(lists) > 1:
            return None
        if not lists:
            return 0, []
        keys = lists[0]
        total = len(keys)
        chosen = (
            keys[max(0, total - offset - limit) : max(0, total - offset)]
            if descending
            else keys[offset : offset + limit]
        )
        documents = [document for key in chosen if (document := self._documents[key & _NUMBER]) is not None]
        return total, documents[::-1] if descending else documents

    def _place(self, number: int, document: bytes, facts: _Facts) -> None:
        missing = number + 1 - len(self._documents)
        if missing > 0:
            self._documents.extend([None] * missing)
            self._fingerprints.extend([_UNKNOWN_FINGERPRINT] * missing)
        self._documents[number] = document
        self._fingerprints[number] = fingerprint(facts.signature) if facts.signature else _UNKNOWN_FINGERPRINT
        self._numbers[int(facts.id, 16)] = number

    def _take_out(self, number: int) -> _Facts:
        document = self._documents[number]
        assert document is not None
        facts = _facts(document)
        if not facts.deleted:
            key = facts.time << 32 | number
            self._live.remove(key)
            for ordered in self._lists(facts):
                ordered.remove(key)
            self._count(facts, -1)
        return facts

    def _lists(self, facts: _Facts) -> Iterator[SortedList]:
        yield self._by_status[facts.status]
        yield self._ordered(self._by_directory, intern(facts.directory))
        for key in facts.label_keys():
            yield self._ordered(self._by_label, key)

    @staticmethod
    def _ordered(indexes: dict[Any, SortedList], key: Any) -> SortedList:
        found = indexes.get(key)
        if found is None:
            found = indexes[key] = SortedList()
        return found

    def _count(self, facts: _Facts, sign: int) -> None:
        for label in facts.labels:
            key = (label.name or "", label.type)
            self._label_counts[key] = self._label_counts.get(key, 0) + sign
        if facts.annotated_by:
            left = self._labelers.get(facts.annotated_by, 0) + sign
            self._labelers[facts.annotated_by] = left
            if not left:
                del self._labelers[facts.annotated_by]
        if facts.metadata.get("@modelarts:hard"):
            self._hard += sign


def decode_sample(document: bytes) -> SampleRecord:
    """A sample from its document."""
    return _decode(document)


def encode_sample(sample: SampleRecord) -> bytes:
    """A sample's document."""
    return _encode(sample)


def paged(samples: Iterable[SampleRecord], offset: int, limit: int) -> tuple[int, list[SampleRecord]]:
    """Count all, keep one page."""
    iterator = iter(samples)
    skipped = sum(1 for _ in islice(iterator, offset))
    page = list(islice(iterator, limit))
    return skipped + len(page) + sum(1 for _ in iterator), page


def _has_label(sample: SampleRecord, name: str, label_type: int | None) -> bool:
    return any(label.name == name and (label_type is None or label.type == label_type) for label in sample.labels)


def _all_of(tests: list[Callable[[SampleRecord], bool]]) -> Callable[[SampleRecord], bool] | None:
    if len(tests) <= 1:
        return tests[0] if tests else None
    return lambda sample: all(test(sample) for test in tests)
