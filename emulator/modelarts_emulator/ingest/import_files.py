"""Imports into a dataset: bring samples and labels from a directory or a manifest.

Objects outside the dataset's input directories are copied there first. The samples then go through the ingest pipeline
with the IMPORT policy. An item that cannot be imported is counted and reported, and the others are imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import FILE_NOT_FOUND, TYPE_MISMATCH, ApiError
from modelarts_emulator.contract.wire import DatasetType, SampleStatus, SampleType
from modelarts_emulator.formats import directory_layouts, manifest
from modelarts_emulator.formats.encodings import as_json_lines
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.ingest.import_plan import ImportPlan, ImportProgress
from modelarts_emulator.ingest.input_copies import InputCopier
from modelarts_emulator.ingest.merge import Candidate, IncomingLabels, Merge, merge_import
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.pending_files import PendingFiles
from modelarts_emulator.ingest.pipeline import Outcome, run_pipeline
from modelarts_emulator.media.images import read_header_of
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import IMPORT_ORIGIN
from modelarts_emulator.samples.factory import file_sample, input_directories
from modelarts_emulator.samples.label_rules import has_shapes, usable_labels, validate_labels
from modelarts_emulator.store import DatasetReader, DatasetRecord, DatasetWriter, SampleRecord
from modelarts_emulator.util.ids import sample_id

PARENT_SOURCE = "@modelarts:parent_source"


class Import:
    """One import into one dataset. Subclasses resolve items of the source: files, lines or rows.

    ``progress`` is updated all the time; ``on_progress`` is called whenever a client should see it. ``listing`` is the
    listing of the source directory; a manifest needs none.
    """

    def __init__(
        self,
        runtime: Runtime,
        record: DatasetRecord,
        plan: ImportPlan,
        listing: Listing | None,
        progress: ImportProgress,
        on_progress: Callable[[], None],
    ) -> None:
        self.runtime, self.record, self.plan, self.listing = runtime, record, plan, listing
        self.progress, self.on_progress = progress, on_progress
        self.traits = DATASET_TYPES[record.type]
        self.source = plan.source if plan.is_manifest else plan.source.as_directory()
        self.pending = PendingFiles(runtime.store, runtime.tree, record.id, runtime.clock)
        self.copier = InputCopier(runtime.tree, input_directories(record), plan.folder, self.pending)
        self.now = runtime.clock.now_ms()
        self.stored: DatasetReader

    def run(self) -> None:
        """Import everything. Raises ApiError, OSError; the batches committed before that stay."""
        with self.pending:
            self.prepare()
            run_pipeline(
                self.runtime.store,
                self.record.id,
                self.accepted_items(),
                self._resolve_batch,
                self.merge,
                self._count_batch,
                self.complete_batch,
            )

    @property
    def merge(self) -> Merge:
        """The merge policy of the pipeline."""
        return partial(merge_import, dataset_type=self.record.type)

    def prepare(self) -> None:
        """Prepare the import before its first item is resolved. Subclasses override it; here it does nothing."""

    def complete_batch(self, dataset: DatasetWriter) -> None:
        """Add to the change of a batch: the files that were copied for it are no longer pending."""
        self.pending.drop_all(dataset)

    def resolve(self, item: SampleRecord) -> Candidate | None:
        """Return the candidate of an item; None if the import is not to add its sample. Raises ApiError."""
        raise NotImplementedError

    def items(self) -> Iterator[SampleRecord | Problem]:
        """Return all items of the source, with their labels."""
        tree = self.runtime.tree
        if self.listing is None:
            with tree.open(self.source) as file:
                yield from manifest.read(as_json_lines(file), self.record.type, self._open, self._directory())
        else:
            yield from directory_layouts.read_directory(
                self.record.type,
                self.source.object_name,
                list(self.listing.entries(self.source)),
                self.plan.options,
                lambda path: tree.open(ObsPath.of(ObjectKey(path))),
            )

    def accepted_items(self) -> Iterator[SampleRecord]:
        """Return the items that pass the filters; unusable ones are reported."""
        for item in self.items():
            if isinstance(item, Problem):
                self.progress.report(item)
            elif self.plan.accepts(item):
                yield item

    def copy_to_input(self, path: ObjectKey) -> ObjectKey:
        """Copy an object to the input directory, if samples are imported; return its path there. Raises ApiError."""
        relative = self.relative(path)
        return self.copier.copy(path, relative) if self.plan.samples else self.copier.target(path, relative)

    def relative(self, path: ObjectKey) -> str:
        """Return an object's path below the source directory; from a manifest, only its name."""
        start = self.source.object_name
        if self.listing is not None and path.startswith(start):
            return path[len(start) :]
        return path.rpartition("/")[2]

    def require_valid_labels(self, item: SampleRecord, shape: tuple[int, int, int] | None = None) -> None:
        """Raise ApiError for labels that do not fit the item, before its object is copied."""
        if item.labels and self.plan.annotations:
            validate_labels(self.record.type, msgspec.structs.replace(item, shape=shape), item.labels)

    def labelling(self, item: SampleRecord) -> IncomingLabels:
        """Return the labels and metadata that an item brings."""
        plan = self.plan
        metadata = dict(item.metadata) if plan.annotations else {}
        if plan.origin:
            metadata[IMPORT_ORIGIN] = plan.origin
        return IncomingLabels(
            labels=item.labels if plan.annotations else (),
            by=item.annotated_by if item.annotated_by and "/" in item.annotated_by else plan.user,
            time=item.annotated_time or self.now,
            status=SampleStatus.MANUAL_ANNOTATION if plan.final else SampleStatus.AUTO_ANNOTATION,
            metadata=metadata,
            usage=item.usage,
        )

    def count(self, candidate: Candidate, merged: SampleRecord) -> None:
        """Count an imported sample."""
        progress = self.progress
        progress.imported_sample_count += 1
        if candidate.labelling is not None and candidate.labelling.labels:
            if self.plan.final:
                progress.annotated_sample_count += 1
            else:
                progress.unconfirmed_sample_count += 1

    def _count_batch(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.error is not None:
                self.refuse(outcome.candidate.name, outcome.error)
            elif outcome.merged is not None:
                self.count(outcome.candidate, outcome.merged)
        self.on_progress()

    def refuse(self, name: str, error: ApiError) -> None:
        """Report an item that is refused."""
        self.progress.report(Problem(name, error.message[:300]))

    def _resolve_batch(self, items: Sequence[SampleRecord]) -> list[Candidate]:
        """Resolve items; those that are refused are reported. Copied objects are durable when this returns."""
        candidates = []
        if self.plan.samples:
            self.copier.announce((item.path, self.relative(item.path)) for item in items if item.path)
        with self.runtime.store.reading(self.record.id) as self.stored:
            for item in items:
                try:
                    if (candidate := self.resolve(item)) is not None:
                        candidates.append(candidate)
                except ApiError as error:
                    self.refuse(name_of(item), error)
        self.copier.flush()
        return candidates

    def _directory(self) -> str:
        """Return the directory of the manifest as ``bucket/key/``."""
        return self.source.object_name.rpartition("/")[0] + "/"

    def _open(self, uri: str) -> BinaryIO:
        return self.runtime.tree.open(ObsPath.parse(uri))


class FileImport(Import):
    """An import into a dataset whose samples are whole files."""

    def prepare(self) -> None:
        """Count the files of the source, so that the progress has a total."""
        progress = self.progress
        if self.listing is None:
            with self.runtime.tree.open(self.source) as file:
                lines = manifest.count_lines(as_json_lines(file))
            progress.total_sample_count += lines
            progress.total_file_count += lines
        else:
            files = [entry for entry in self.listing.entries(self.source) if self.traits.holds(entry.path)]
            progress.total_sample_count += len(files)
            progress.total_file_count += len(files)
            progress.total_file_size += sum(entry.size for entry in files)
        self.on_progress()

    def resolve(self, item: SampleRecord) -> Candidate | None:
        """Copy the file to the input; for a frame of a video, the video as well. Raises ApiError."""
        if not item.path:
            raise ApiError(TYPE_MISMATCH, f"{item.text or ''!r:.40}: a sample of this dataset is a file")
        is_frame = self.record.type is DatasetType.VIDEO and item.type is SampleType.IMAGE
        if not is_frame and not self.traits.holds(item.path):
            raise ApiError(TYPE_MISMATCH, f"a file must end in {', '.join(self.traits.extensions)}")
        is_image = is_frame or self.traits.sample_type is SampleType.IMAGE
        shape = self._shape_at(item.path) if item.labels and is_image and self.plan.samples else None
        if item.labels and is_image and self.plan.annotations and has_shapes(self.record.type):
            item = self._with_usable_labels(item, shape)
        elif self.plan.samples and not self.copier.is_in_input(item.path):
            self.require_valid_labels(item, shape)
        parent = self._import_parent(item) if is_frame else None
        path = self.copy_to_input(item.path)
        identity = sample_id(self.record.id, path)
        is_stored = self.stored.document(identity) is not None
        if not is_stored and not self.plan.samples:
            return None
        sample = None
        if not is_stored:
            sample = self._read(identity, path, item.type if is_frame else self.traits.sample_type, parent, shape)
        self.progress.finished_file_count += 1
        return Candidate(identity, sample, self.labelling(item), name=path)

    def count(self, candidate: Candidate, merged: SampleRecord) -> None:
        """Count an imported sample and its file."""
        super().count(candidate, merged)
        self.progress.imported_sub_sample_count += merged.parent is not None
        self.progress.finished_file_size += merged.size
        if self.listing is None:
            self.progress.total_file_size += merged.size

    def _shape_at(self, path: ObjectKey) -> tuple[int, int, int] | None:
        """Read width, height and channels of an image where it is stored now. Raises FILE_NOT_FOUND."""
        place = ObsPath.of(path)
        if self.runtime.tree.stat(place) is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        return self._header_at(place)

    def _header_at(self, place: ObsPath) -> tuple[int, int, int] | None:
        with self.runtime.tree.open(place) as file:
            return read_header_of(file)

    def _with_usable_labels(self, item: SampleRecord, shape: tuple[int, int, int] | None) -> SampleRecord:
        """Return the item with the labels that fit its picture. The other labels are reported."""
        labels, errors = usable_labels(self.record.type, msgspec.structs.replace(item, shape=shape), item.labels)
        for error in errors:
            self.refuse(item.path, error)
        return msgspec.structs.replace(item, labels=labels)

    def _read(
        self,
        identity: str,
        path: ObjectKey,
        sample_type: SampleType,
        parent: str | None,
        shape: tuple[int, int, int] | None = None,
    ) -> SampleRecord:
        """Return the new sample of an object in the input. ``shape`` is its size, if known. Raises FILE_NOT_FOUND."""
        place = ObsPath.of(path)
        stat = self.runtime.tree.stat(place)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        sample = file_sample(identity, self.traits, path, stat.size, stat.mtime_ns)
        sample.type, sample.parent = sample_type, parent
        if sample_type is SampleType.IMAGE:
            sample.shape = shape or self._header_at(place)
        return sample

    def _import_parent(self, item: SampleRecord) -> str | None:
        """Make the video that a frame was taken from a sample, too; return its sample id."""
        source = item.metadata.get(PARENT_SOURCE)
        if not isinstance(source, str):
            return None
        path = self.copy_to_input(ObsPath.parse(source).object_name)
        identity = sample_id(self.record.id, path)
        if self.stored.get(identity) is None and self.plan.samples:
            video = self._read(identity, path, self.traits.sample_type, None)
            with self.runtime.store.writing(self.record.id) as dataset:
                dataset.put_sample(video)
        item.metadata[PARENT_SOURCE] = f"obs://{path}"
        self.progress.total_sub_sample_count += 1
        return identity


def name_of(item: SampleRecord) -> str:
    """Return how messages name an item: its object, or the beginning of its text."""
    return item.path or f"text {(item.text or '')[:40]!r}"
