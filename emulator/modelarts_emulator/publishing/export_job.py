"""What an export does: choose samples, copy their objects with their annotations, and maybe make a dataset of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from tempfile import SpooledTemporaryFile

import msgspec

from modelarts_emulator.contract.datasets import CreateDatasetRequest
from modelarts_emulator.contract.exports import ExportParams, ExportTaskRequest
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, ExportStatus, SampleStatus, Usage
from modelarts_emulator.formats import coco, directory_layouts, manifest
from modelarts_emulator.ingest.import_files import in_batches
from modelarts_emulator.jobs.undo_log import OutputTransaction
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.operations.datasets import new_dataset
from modelarts_emulator.operations.request_context import RequestContext, version_samples
from modelarts_emulator.operations.search import any_of, matcher, statuses_of
from modelarts_emulator.operations.versions import publish_now
from modelarts_emulator.publishing.version_files import CHUNK, IN_MEMORY
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import without_hard_attributes
from modelarts_emulator.samples.train_eval_split import split_by_label
from modelarts_emulator.store import DatasetRecord, SampleReader, SampleRecord, Selection, TaskRecord
from modelarts_emulator.util.ids import sample_id

BATCH = 1_000
TREE = 1
COCO_FILE = "annotations.json"
# What ``export_type`` selects; all and conditional search select by other means.
STATUSES = {0: frozenset({SampleStatus.MANUAL_ANNOTATION}), 1: frozenset({SampleStatus.UN_ANNOTATION})}

Note = Callable[[int, int], None]


class Export:
    """One export of one dataset.

    ``note`` is told how many samples there are, and how many are done; ``succeeded`` tells that all went well.
    """

    def __init__(
        self,
        runtime: Runtime,
        record: DatasetRecord,
        task: TaskRecord,
        target: RequestContext,
        note: Note,
        succeeded: Callable[[], None],
    ) -> None:
        self.runtime, self.record, self.task, self.target = runtime, record, task, target
        self.note, self.succeeded = note, succeeded
        self.request = msgspec.convert(task.request, ExportTaskRequest)
        self.params = task.export_params or ExportParams()
        self.path = ObsPath.directory(str(self.request.path))
        self.is_new_dataset = self.params.export_dest == "NEW_DATASET"
        self.exported: list[tuple[str, str]] = []
        """Of a new dataset: which sample went where, as sample id and ``bucket/key``."""
        self.drawn: list[SampleRecord] = []
        """What a COCO document is made of, which is written as a whole."""

    def run(self) -> None:
        """Export. Raises ApiError, OSError; then nothing that was written stays."""
        self.runtime.transitions.enter("export", self.record.id, ExportStatus.RUNNING.value)
        with self._samples() as samples:
            selection = self._selection()
            total = sum(1 for _ in samples.select(selection))
            self.note(total, 0)
            usages = self._usages(samples, selection)
            with OutputTransaction(self.runtime.tree, self.record, self.task.id) as written:
                self._write(written, self._as_exported(samples.select(selection), usages), total)
                self.runtime.transitions.enter("export", self.record.id, ExportStatus.SUCCESSED.value)
                if self.is_new_dataset:
                    self._make_dataset(samples, usages, written)
                written.flush()
                self.note(total, total)
                self.succeeded()

    def _samples(self) -> AbstractContextManager[SampleReader]:
        if self.task.version_id:
            return version_samples(self.runtime, self.record.id, self.task.version_id)
        return self.runtime.store.reading(self.record.id)

    def _selection(self) -> Selection:
        state = statuses_of(self.params.sample_state or self.request.sample_state)
        statuses = STATUSES.get(self.request.export_type if self.request.export_type is not None else 2)
        if state is not None:
            statuses = state if statuses is None else statuses & state
        now = self.runtime.clock.now_ms()
        conditions = any_of([matcher(condition, now) for condition in self.params.search_conditions or ()])
        ids = frozenset(self.params.samples or ())
        return Selection(
            statuses=statuses,
            predicate=lambda sample: (not ids or sample.id in ids) and (conditions is None or conditions(sample)),
        )

    def _usages(self, samples: SampleReader, selection: Selection) -> dict[str, Usage] | None:
        if not self.params.ratio_sample_usage:
            return None
        labelled = (s for s in samples.select(selection) if s.status is SampleStatus.MANUAL_ANNOTATION)
        pairs = ((sample.id, {str(label.name) for label in sample.labels}) for sample in labelled)
        return split_by_label(pairs, float(self.params.train_sample_ratio or 1))

    def _as_exported(self, samples: Iterator[SampleRecord], usages: dict[str, Usage] | None) -> Iterator[SampleRecord]:
        for sample in samples:
            if sample.status is SampleStatus.AUTO_ANNOTATION:
                sample.labels = []  # nobody has confirmed them
            if usages is not None:
                sample.usage = usages.get(sample.id)
            yield without_hard_attributes(sample) if self.params.clear_hard_property else sample

    def _write(self, written: OutputTransaction, samples: Iterator[SampleRecord], total: int) -> None:
        with SpooledTemporaryFile(IN_MEMORY) as lines:
            finished = 0

            def copy(sample: SampleRecord, name: str) -> None:
                nonlocal finished
                target = self.path.join(name)
                written.copy(ObsPath.parse(f"/{sample.path}"), target)
                self._keep(lines, sample, target)
                finished += 1
                if finished % BATCH == 0:
                    self.note(total, finished)

            directory_layouts.write_directory(
                self.record.type,
                samples,
                tree=self.request.export_format == TREE,
                annotation_files=not self._is_coco,
                reserved=[self._manifest],
                put=lambda name, data: written.write(self.path.join(name), data),
                copy=copy,
            )
            if self._is_coco:
                document = BytesIO()
                coco.write(self.drawn, document)
                written.write(self.path.join(COCO_FILE), document.getvalue())
            if not self.is_new_dataset:
                lines.seek(0)
                written.write(self.path.join(self._manifest), iter(lambda: lines.read(CHUNK), b""))

    def _keep(self, lines: SpooledTemporaryFile[bytes], sample: SampleRecord, target: ObsPath) -> None:
        """Remember where a sample went: as a line of the manifest, for the COCO document, for the new dataset."""
        moved = msgspec.structs.replace(sample, path=target.object_name)
        if self._is_coco:
            self.drawn.append(moved)
        if self.is_new_dataset:
            self.exported.append((sample.id, target.object_name))
            return
        location = None
        if self.record.type is DatasetType.OBJECT_DETECTION and sample.labels and not self._is_coco:
            stem = target.name.rpartition(".")[0] or target.name
            location = target.parent.join(f"{stem}.xml").uri(self._scheme)
        manifest.write([moved], lines, scheme=self._scheme, annotation_loc=lambda sample: location)  # type: ignore[arg-type]

    @property
    def _is_coco(self) -> bool:
        return self.record.type is DatasetType.OBJECT_DETECTION and self.request.annotation_format == "COCO"

    @property
    def _manifest(self) -> str:
        return f"{self.record.name}.manifest"

    @property
    def _scheme(self) -> str:
        return self.request.source_type_header.removesuffix("://")

    def _make_dataset(self, samples: SampleReader, usages: dict[str, Usage] | None, written: OutputTransaction) -> None:
        """A dataset over what has been exported, with its annotations."""
        with self.runtime.store.reading(self.record.id) as dataset:
            labels = dataset.labels
        self.runtime.tree.make_directory(self.path)  # where nothing was chosen, it may not be there
        record = new_dataset(
            self.runtime,
            self.target,
            CreateDatasetRequest(
                dataset_name=str(self.params.export_new_dataset_name),
                dataset_type=self.record.type,
                data_sources=[DataSource(data_path=str(self.path), data_type=0)],
                work_path=str(self.params.export_new_dataset_work_path),
                work_path_type=0,
                labels=labels,
                import_annotations=False,
            ),
        )
        written.made(record.id)
        try:
            self._fill(record, samples, usages)
        except BaseException:
            self.runtime.unwatch(record.id)
            self.runtime.store.delete(record.id)
            raise

    def _fill(self, record: DatasetRecord, samples: SampleReader, usages: dict[str, Usage] | None) -> None:
        self.runtime.watch(record)
        self.runtime.reconcile(record.id)
        for batch in in_batches(self.exported, BATCH):
            with self.runtime.store.writing(record.id) as dataset:
                for identity, path in batch:
                    sample, copy = samples.get(identity), dataset.get(sample_id(record.id, path))
                    if sample is not None and copy is not None:
                        (exported,) = self._as_exported(iter([sample]), usages)
                        dataset.put_sample(_like(copy, exported))
        with self.runtime.store.writing(record.id) as dataset:
            dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.NORMAL))
        if self.params.export_dataset_version_name:
            publish_now(self.runtime, record, self.params.export_dataset_version_name)


def _like(copy: SampleRecord, sample: SampleRecord) -> SampleRecord:
    """The copy with what is known of the sample."""
    annotated = bool(sample.labels)
    return msgspec.structs.replace(
        copy,
        labels=sample.labels,
        status=SampleStatus.MANUAL_ANNOTATION if annotated else SampleStatus.UN_ANNOTATION,
        annotated_by=sample.annotated_by if annotated else None,
        annotated_time=sample.annotated_time if annotated else None,
        metadata=sample.metadata,
        usage=sample.usage,
    )
