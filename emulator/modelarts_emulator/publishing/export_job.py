"""The export task: select samples, copy their objects with their labels, and optionally make a dataset of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from tempfile import SpooledTemporaryFile

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import EXPORT_FILE_ERROR
from modelarts_emulator.contract.exports import ExportParams, ExportTaskRequest
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, ExportStatus, SampleStatus, Usage
from modelarts_emulator.formats import coco, directory_layouts, manifest
from modelarts_emulator.formats.masks import MASK_SCHEME, MaskFiles
from modelarts_emulator.ingest.pipeline import in_batches
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate, updated_task
from modelarts_emulator.jobs.undo_log import OutputTransaction
from modelarts_emulator.media.picture_gate import PROCESS_GATE
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.publishing.version_files import CHUNK, IN_MEMORY
from modelarts_emulator.publishing.version_lookup import open_version_samples
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import without_hard_attributes
from modelarts_emulator.samples.search import any_of, in_team_group, matcher, narrowed, statuses_of, team_group_of
from modelarts_emulator.samples.train_eval_split import split_by_label
from modelarts_emulator.store import DatasetRecord, DatasetWriter, SampleReader, SampleRecord, Selection, TaskRecord
from modelarts_emulator.util.ids import sample_id

BATCH = 1_000
TREE, TILE = 1, 2
"""The values of ``export_format``: a folder for each label, or all files in one folder."""
COCO_FILE = "annotations.json"
WATCH_TIMEOUT_S = 2.0

_STATUSES = {0: frozenset({SampleStatus.MANUAL_ANNOTATION}), 1: frozenset({SampleStatus.UN_ANNOTATION})}
"""The statuses that an ``export_type`` selects; the types 2 and 3 select every status."""
_ALL_TYPES = 2

CreateDataset = Callable[[ObsPath], DatasetRecord]
"""Creates the new dataset of a NEW_DATASET export over the exported files, without reading them."""
Publish = Callable[[DatasetRecord, str], None]
"""Publishes a version of a dataset under a name before it returns."""


class ExportJob:
    """One export task. If it fails, everything that it has written is removed."""

    def __init__(
        self, runtime: Runtime, record: DatasetRecord, task: TaskRecord, create_dataset: CreateDataset, publish: Publish
    ) -> None:
        self._runtime, self._record, self._task = runtime, record, task
        self._create_dataset, self._publish = create_dataset, publish
        self._request = msgspec.convert(task.request, ExportTaskRequest)
        self._params = task.export_params or ExportParams()
        self._path = ObsPath.directory(str(self._request.path))
        self._is_new_dataset = self._params.export_dest == "NEW_DATASET"
        self._is_coco = record.type is DatasetType.OBJECT_DETECTION and self._request.annotation_format == "COCO"
        self._scheme = self._request.source_type_header.removesuffix("://")
        self._copies: list[tuple[str, str]] = []
        """For a new dataset: the sample id of each exported sample, and its copy as ``bucket/key``."""
        self._coco_samples: list[SampleRecord] = []
        """The samples of the COCO document, which is written as a whole."""
        self._run: TaskRun

    @property
    def _manifest(self) -> str:
        return f"{self._record.name}.manifest"

    def start(self) -> None:
        """Record the task and run it in the background. Raises SWITCHING."""

        def begin(dataset: DatasetWriter) -> None:
            dataset.put_task(self._task)
            record = dataset.record
            dataset.put_record(msgspec.structs.replace(record, open_exports=record.open_exports + 1))

        with self._runtime.runner.claim(self._record.id, "export", EXPORT_FILE_ERROR) as self._run:
            self._run.start(begin, self._work, self._write)

    def _work(self) -> None:
        self._record = self._runtime.store.entry(self._record.id).record
        self._run.enter(ExportStatus.RUNNING.value)
        with self._samples() as samples:
            selection = self._selection(samples)
            total = sum(1 for _ in samples.select(selection))
            self._report(total, 0)
            usages = self._usages(samples, selection)
            with OutputTransaction(self._runtime.tree, self._record, self._task.id) as output:
                self._write_objects(output, self._as_exported(samples.select(selection), usages), total)
                self._run.enter(ExportStatus.SUCCESSED.value)
                if self._is_new_dataset:
                    self._make_dataset(samples, usages, output)
                output.flush()
                self._report(total, total)
                self._run.finish(ExportStatus.SUCCESSED.value)

    def _report(self, total: int, finished: int) -> None:
        counts = {"total_sample_count": total, "finished_sample_count": finished}
        self._run.progress(ExportStatus.RUNNING.value, counts)

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        dataset.put_task(updated_task(self._task, update))
        if update.has_ended:
            record = dataset.record
            dataset.put_record(msgspec.structs.replace(record, open_exports=record.open_exports - 1))

    def _samples(self) -> AbstractContextManager[SampleReader]:
        if self._task.version_id:
            return open_version_samples(self._runtime.store, self._record.id, self._task.version_id)
        return self._runtime.store.reading(self._record.id)

    def _selection(self, samples: SampleReader) -> Selection:
        export_type = self._request.export_type
        statuses = _STATUSES.get(_ALL_TYPES if export_type is None else export_type)
        state = self._params.sample_state or self._request.sample_state
        of_state = statuses_of(state)
        if of_state is not None:
            statuses = of_state if statuses is None else statuses & of_state
        now = self._runtime.clock.now_ms()
        conditions = any_of([matcher(condition, now) for condition in self._params.search_conditions or ()])
        ids = frozenset(self._params.samples or ())
        selection = Selection(
            statuses=statuses,
            predicate=lambda sample: (not ids or sample.id in ids) and (conditions is None or conditions(sample)),
        )
        group = team_group_of(state)
        return selection if group is None else narrowed(selection, in_team_group(samples, group))

    def _usages(self, samples: SampleReader, selection: Selection) -> dict[str, Usage] | None:
        """Return the usage of each exported sample; None if the export does not split."""
        if not self._params.ratio_sample_usage:
            return None
        labelled = (s for s in samples.select(selection) if s.status is SampleStatus.MANUAL_ANNOTATION)
        pairs = ((sample.id, {str(label.name) for label in sample.labels}) for sample in labelled)
        return split_by_label(pairs, float(self._params.train_sample_ratio or 1))

    def _as_exported(self, samples: Iterator[SampleRecord], usages: dict[str, Usage] | None) -> Iterator[SampleRecord]:
        """Return samples as they are exported. Takes ownership of each."""
        for sample in samples:
            if sample.status is SampleStatus.AUTO_ANNOTATION:
                sample.labels = []  # not confirmed
            if usages is not None:
                sample.usage = usages.get(sample.id)
            yield without_hard_attributes(sample) if self._params.clear_hard_property else sample

    def _write_objects(self, output: OutputTransaction, samples: Iterator[SampleRecord], total: int) -> None:
        """Copy the objects, and write label files and manifest."""
        with SpooledTemporaryFile(IN_MEMORY) as lines:
            finished = 0

            def copy(sample: SampleRecord, name: str) -> None:
                nonlocal finished
                target = self._path.join(name)
                output.copy(ObsPath.of(sample.path), target)
                self._add_copy(lines, sample, target)
                finished += 1
                if finished % BATCH == 0:
                    self._report(total, finished)

            directory_layouts.write_directory(
                self._record.type,
                samples,
                tree=self._request.export_format == TREE,
                annotation_files=not self._is_coco,
                reserved=[self._manifest],
                mask_files=self._mask_files(),
                put=lambda name, data: output.write(self._path.join(name), data),
                copy=copy,
            )
            if self._is_coco:
                document = BytesIO()
                coco.write(self._coco_samples, document)
                output.write(self._path.join(COCO_FILE), document.getvalue())
            if not self._is_new_dataset:
                lines.seek(0)
                output.write(self._path.join(self._manifest), iter(lambda: lines.read(CHUNK), b""))

    def _mask_files(self) -> MaskFiles | None:
        """Return the masks of the export; a new dataset over the exported files has none among its pictures."""
        if self._record.type is not DatasetType.IMAGE_SEGMENTATION or self._is_new_dataset:
            return None
        with self._runtime.store.reading(self._record.id) as dataset:
            labels = dataset.labels
        return MaskFiles(labels, PROCESS_GATE, lambda name: self._path.join(name).uri(MASK_SCHEME))

    def _add_copy(self, lines: SpooledTemporaryFile[bytes], sample: SampleRecord, target: ObsPath) -> None:
        """Record the copy of a sample: for the manifest, the COCO document, and the new dataset."""
        moved = msgspec.structs.replace(sample, path=target.object_name)
        if self._is_coco:
            self._coco_samples.append(moved)
        if self._is_new_dataset:
            self._copies.append((sample.id, target.object_name))
            return
        location = None
        if DATASET_TYPES[self._record.type].drawn and sample.labels and not self._is_coco:
            stem = target.name.rpartition(".")[0] or target.name
            location = target.parent.join(f"{stem}.xml").uri(self._scheme)
        manifest.write([moved], lines, scheme=self._scheme, annotation_loc=lambda sample: location)  # type: ignore[arg-type]

    def _make_dataset(self, samples: SampleReader, usages: dict[str, Usage] | None, output: OutputTransaction) -> None:
        """Create a dataset over the exported objects, with their labels."""
        self._runtime.tree.make_directory(self._path)  # missing if no sample was selected
        record = self._create_dataset(self._path)
        output.record_dataset(record.id)
        try:
            self._fill_dataset(record, samples, usages)
        except BaseException:
            self._runtime.delete_dataset(record.id)
            raise

    def _fill_dataset(self, record: DatasetRecord, samples: SampleReader, usages: dict[str, Usage] | None) -> None:
        runtime = self._runtime
        runtime.watch(record, compare=False)
        runtime.wait_watched(record.id, WATCH_TIMEOUT_S)
        runtime.synchronizer.synchronize(record.id)
        for batch in in_batches(self._copies, BATCH):
            with runtime.store.writing(record.id) as dataset:
                for identity, path in batch:
                    sample, copy = samples.get(identity), dataset.get(sample_id(record.id, path))
                    if sample is not None and copy is not None:
                        (exported,) = self._as_exported(iter([sample]), usages)
                        dataset.put_sample(_annotated_like(copy, exported))
        with runtime.store.writing(record.id) as dataset:
            dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.NORMAL))
        if self._params.export_dataset_version_name:
            self._publish(record, self._params.export_dataset_version_name)


def _annotated_like(copy: SampleRecord, sample: SampleRecord) -> SampleRecord:
    """Return the copy with labels and metadata of the original sample."""
    has_labels = bool(sample.labels)
    return msgspec.structs.replace(
        copy,
        labels=sample.labels,
        status=SampleStatus.MANUAL_ANNOTATION if has_labels else SampleStatus.UN_ANNOTATION,
        annotated_by=sample.annotated_by if has_labels else None,
        annotated_time=sample.annotated_time if has_labels else None,
        metadata=sample.metadata,
        usage=sample.usage,
    )
