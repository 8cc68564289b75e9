"""What an import does: bring samples and annotations from elsewhere into a dataset.

Objects outside the dataset's input are copied there first. Annotations are merged onto the samples batch by batch,
each batch one atomic group. An item that is wrong fails alone: it is counted, and the first few are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import BinaryIO, TypeVar

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import FILE_NOT_FOUND, TYPE_MISMATCH, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import SampleStatus, SampleType
from modelarts_emulator.formats import directory_layouts, manifest
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.ingest.input_copies import InputCopier
from modelarts_emulator.media.images import read_header
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.operations.labels import ensure_labels
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.samples.changes import IMPORT_ORIGIN, with_labels
from modelarts_emulator.samples.factory import file_sample
from modelarts_emulator.samples.hard_examples import HARD
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.store import DatasetRecord, DatasetWriter, SampleRecord
from modelarts_emulator.util.ids import sample_id

BATCH = 1_000
TOLD = 5
PARENT_SOURCE = "@modelarts:parent_source"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ImportOrder:
    """What is imported, and how. ``source`` is a directory, or a manifest where ``is_manifest``."""

    source: ObsPath
    is_manifest: bool
    user: str
    annotations: bool = True
    samples: bool = True
    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    difficult_only: bool = False
    final: bool = True
    folder: str = ""
    origin: int = 0
    options: directory_layouts.DirectoryOptions = field(default_factory=directory_layouts.DirectoryOptions)


@dataclass
class ImportProgress:
    """How far an import is: counts under the names of the task's answer, and what went wrong."""

    total_sample_count: int = 0
    imported_sample_count: int = 0
    annotated_sample_count: int = 0
    unconfirmed_sample_count: int = 0
    total_sub_sample_count: int = 0
    imported_sub_sample_count: int = 0
    total_file_count: int = 0
    finished_file_count: int = 0
    total_file_size: int = 0
    finished_file_size: int = 0
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0

    def fail(self, problem: Problem) -> None:
        """Count an item that is wrong; the first few are kept to be told."""
        self.problem_count += 1
        if len(self.problems) < TOLD:
            self.problems.append(problem)

    def plus(self, other: ImportProgress) -> ImportProgress:
        """How far both are together."""
        both = ImportProgress(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        )
        both.problems = both.problems[:TOLD]
        return both

    def counts(self) -> dict[str, int]:
        """The counts that a task answers with."""
        return {name: value for name, value in vars(self).items() if name.endswith(("_count", "_size"))} | {
            "problem_count": self.problem_count
        }

    def told(self) -> str:
        """What went wrong, in one line; empty where nothing did."""
        if not self.problem_count:
            return ""
        more = f" and {self.problem_count - len(self.problems)} more" if self.problem_count > len(self.problems) else ""
        return f"{self.problem_count} left out: {'; '.join(map(str, self.problems))}{more}"


Note = Callable[[ImportProgress], None]


class Import:
    """One import into one dataset. ``run`` does it all; subclasses say how items become samples."""

    def __init__(self, runtime: Runtime, record: DatasetRecord, wanted: ImportOrder, note: Note) -> None:
        self.runtime, self.record, self.wanted, self.note = runtime, record, wanted, note
        self.kind = DATASET_TYPES[record.type]
        self.placement = InputCopier(runtime.tree, input_directories(record), wanted.folder)
        self.tally = ImportProgress()
        self.now = runtime.clock.now_ms()

    def run(self) -> ImportProgress:
        """Import. Raises ApiError, OSError; what has been imported by then stays."""
        self.prepare()
        for batch in in_batches(self.wanted_items(), BATCH):
            with self.runtime.store.reading(self.record.id) as self.known:
                ready = [each for item in batch if (each := self._attempt(item, self.prepared)) is not None]
            self.placement.flush()
            with self.runtime.store.writing(self.record.id) as dataset:
                for sample, fresh in ready:
                    self._attempt(sample, lambda item, fresh=fresh: self._merge(dataset, item, fresh))  # type: ignore[misc]
            self.note(self.tally)
        return self.tally

    def prepare(self) -> None:
        """What must be there before the first item."""

    def prepared(self, item: SampleRecord) -> tuple[SampleRecord, SampleRecord | None] | None:
        """An item with the id of its sample, and the sample itself where the dataset does not know it yet."""
        raise NotImplementedError

    def items(self) -> Iterator[SampleRecord | Problem]:
        """Everything that the source holds."""
        if self.wanted.is_manifest:
            with self.runtime.tree.open(self.wanted.source) as file:
                yield from manifest.read(file, self.record.type, self._open)
        else:
            directory = self.wanted.source.as_directory()
            yield from directory_layouts.read_directory(
                self.record.type,
                directory.object_name,
                self.entries(),
                self.wanted.options,
                lambda path: self.runtime.tree.open(ObsPath.parse(f"/{path}")),
            )

    def entries(self) -> Sequence[ObjectEntry]:
        """The objects of the directory; never what datasets have written."""
        directory = self.wanted.source.as_directory()
        skip = [output for output in self.runtime.outputs() if not output.contains(directory)]
        return list(self.runtime.tree.walk(directory, skip=skip))

    def wanted_items(self) -> Iterator[SampleRecord]:
        """The items that pass the filters; problems are counted."""
        for item in self.items():
            if isinstance(item, Problem):
                self.tally.fail(item)
            elif self.is_wanted(item):
                yield item

    def relative(self, path: str) -> str:
        """An object's name below the folder that it is copied to: as in its directory, or just its name."""
        if not self.wanted.is_manifest:
            start = self.wanted.source.as_directory().object_name
            if path.startswith(start):
                return path[len(start) :]
        return path.rpartition("/")[2]

    def place(self, path: str) -> str:
        """Copy an object to where it belongs, and count it. Raises ApiError."""
        relative = self.relative(path)
        return self.placement.place(path, relative) if self.wanted.samples else self.placement.target(path, relative)

    def _open(self, uri: str) -> BinaryIO:
        return self.runtime.tree.open(ObsPath.parse(uri))

    def is_wanted(self, item: SampleRecord) -> bool:
        """Whether an item passes the filters."""
        wanted = self.wanted
        names = {label.name for label in item.labels}
        if wanted.excluded & names or (wanted.included and not wanted.included & names):
            return False
        return not wanted.difficult_only or _is_difficult(item)

    def require_fitting(self, item: SampleRecord, shape: tuple[int, int, int] | None = None) -> None:
        """Raise ApiError for labels that cannot be its own: before what would be a sample without them is there."""
        if item.labels and self.wanted.annotations:
            validate_labels(self.record.type, msgspec.structs.replace(item, shape=shape), item.labels)

    def _attempt(self, item: SampleRecord, action: Callable[[SampleRecord], T]) -> T | None:
        """Do something with one item; a documented refusal is its problem."""
        try:
            return action(item)
        except ApiError as error:
            self.tally.fail(Problem(item.path or f"text {(item.text or '')[:40]!r}", error.message[:300]))
        return None

    def _merge(self, dataset: DatasetWriter, item: SampleRecord, fresh: SampleRecord | None) -> None:
        """Put what an item says onto its sample. Raises ApiError; then the sample is as it was."""
        known = dataset.get(item.id)
        base = known or fresh
        if base is None:
            raise ApiError(FILE_NOT_FOUND, "it went away during the import")
        labels: list[SampleLabel] = item.labels if self.wanted.annotations else []
        if labels:
            labels = validate_labels(self.record.type, base, labels)
            ensure_labels(dataset, labels)
        merged = self._merged(base, item, labels)
        if merged != known:
            dataset.put_sample(merged)
        self._count(base, item, labels)

    def _merged(self, base: SampleRecord, item: SampleRecord, labels: Sequence[SampleLabel]) -> SampleRecord:
        status = SampleStatus.MANUAL_ANNOTATION if self.wanted.final else SampleStatus.AUTO_ANNOTATION
        if labels:
            by = item.annotated_by if item.annotated_by and "/" in item.annotated_by else self.wanted.user
            base = with_labels(base, labels, by=by, now=item.annotated_time or self.now, status=status)
        metadata = {**base.metadata, **(item.metadata if self.wanted.annotations else {})}
        if self.wanted.origin:
            metadata[IMPORT_ORIGIN] = self.wanted.origin
        return msgspec.structs.replace(base, metadata=metadata, usage=item.usage or base.usage)

    def _count(self, base: SampleRecord, item: SampleRecord, labels: Sequence[SampleLabel]) -> None:
        tally = self.tally
        tally.imported_sample_count += 1
        tally.imported_sub_sample_count += item.parent is not None
        if labels and self.wanted.final:
            tally.annotated_sample_count += 1
        elif labels:
            tally.unconfirmed_sample_count += 1


class FileImport(Import):
    """An import into a dataset whose samples are whole files."""

    def prepare(self) -> None:
        """Count what is to come, so that progress means something."""
        tally = self.tally
        if self.wanted.is_manifest:
            tally.total_sample_count = tally.total_file_count = self._count_lines()
        else:
            files = [entry for entry in self.entries() if self.kind.holds(entry.path)]
            tally.total_sample_count = tally.total_file_count = len(files)
            tally.total_file_size = sum(entry.size for entry in files)
        self.note(tally)

    def prepared(self, item: SampleRecord) -> tuple[SampleRecord, SampleRecord | None] | None:
        """Place the file; of a video's frame, the video as well. Raises ApiError."""
        if not item.path:
            raise ApiError(TYPE_MISMATCH, f"{item.text or ''!r:.40}: a sample of this dataset is a file")
        is_frame = self.record.type == 600 and item.type is SampleType.IMAGE
        if not is_frame and not self.kind.holds(item.path):
            raise ApiError(TYPE_MISMATCH, f"a file must end in {', '.join(self.kind.extensions)}")
        if self.wanted.samples and not self.placement.is_placed(item.path):
            is_picture = is_frame or self.kind.sample_type is SampleType.IMAGE
            self.require_fitting(item, self._shape_at(item.path) if item.labels and is_picture else None)
        parent = self._parent(item) if is_frame else None
        path = self.place(item.path)
        identity = sample_id(self.record.id, path)
        is_known = self.known.document(identity) is not None
        if not is_known and not self.wanted.samples:
            return None
        sample_type = item.type if is_frame else self.kind.sample_type
        fresh = None if is_known else self._fresh(identity, path, sample_type, parent)
        self.tally.finished_file_count += 1
        return msgspec.structs.replace(item, id=identity, path=path, parent=parent), fresh

    def _count(self, base: SampleRecord, item: SampleRecord, labels: Sequence[SampleLabel]) -> None:
        super()._count(base, item, labels)
        self.tally.finished_file_size += base.size
        if self.wanted.is_manifest:
            self.tally.total_file_size += base.size

    def _shape_at(self, path: str) -> tuple[int, int, int] | None:
        """The size of a picture where it lies now. Raises ApiError."""
        place = ObsPath.parse(f"/{path}")
        if self.runtime.tree.stat(place) is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        return read_header(self.runtime.tree.local(place))

    def _fresh(self, identity: str, path: str, sample_type: SampleType, parent: str | None) -> SampleRecord:
        place = ObsPath.parse(f"/{path}")
        stat = self.runtime.tree.stat(place)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        sample = file_sample(identity, self.kind, path, stat.size, stat.mtime_ns)
        sample.type, sample.parent = sample_type, parent
        if sample_type is SampleType.IMAGE:
            sample.shape = read_header(self.runtime.tree.local(place))
        return sample

    def _parent(self, item: SampleRecord) -> str | None:
        """The id of the video that a frame was taken from; the video becomes a sample too."""
        source = item.metadata.get(PARENT_SOURCE)
        if not isinstance(source, str):
            return None
        path = self.place(ObsPath.parse(source).object_name)
        identity = sample_id(self.record.id, path)
        known = self.known.get(identity)
        if known is None and self.wanted.samples:
            video = self._fresh(identity, path, self.kind.sample_type, None)
            with self.runtime.store.writing(self.record.id) as dataset:
                dataset.put_sample(video)
        item.metadata[PARENT_SOURCE] = f"obs://{path}"
        self.tally.total_sub_sample_count += 1
        return identity

    def _count_lines(self) -> int:
        with self.runtime.tree.open(self.wanted.source) as file:
            return manifest.count_lines(file)


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` items, the last one shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _is_difficult(item: SampleRecord) -> bool:
    flags = ("difficult", HARD)
    return bool(item.metadata.get(HARD)) or any(
        str((label.property or {}).get(flag, "0")).lower() in ("1", "true") for label in item.labels for flag in flags
    )
