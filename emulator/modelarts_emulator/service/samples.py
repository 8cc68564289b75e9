"""Sample management and manual labelling: page through, upload, label and delete samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PARAMETER_INVALID, SAMPLE_NOT_FOUND, ApiError
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.samples import Sample, SampleLabels
from modelarts_emulator.contract.sources import LabelFormat
from modelarts_emulator.contract.wire import DatasetType, SampleStatus
from modelarts_emulator.ingest.upload import FileUpload, LineUpload
from modelarts_emulator.jobs.task_conflicts import require_labelling_allowed
from modelarts_emulator.publishing.version_lookup import open_version_samples, require_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import checked_metadata, require_sample, with_labels
from modelarts_emulator.samples.dataset_labels import ensure_labels, require_matching_relations
from modelarts_emulator.samples.deletion import delete_sample
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.samples.search import in_team_group, narrowed
from modelarts_emulator.store import DatasetReader, DatasetRecord, DatasetWriter, SampleRecord, Selection
from modelarts_emulator.store.id_table import id_of
from modelarts_emulator.store.team_records import TaskMember

MAX_BATCH = 1_000
MAX_ATTRIBUTES = 100
T = TypeVar("T")


class SamplePage(NamedTuple):
    """One page of a sample list: the number of all selected samples, and the encoded records of this page."""

    total: int
    documents: list[bytes]


class SearchTerms(NamedTuple):
    """The values by which the samples of a dataset can be searched."""

    labels: list[Label]
    labelers: list[str]
    attributes: dict[str, list[str]]


class SampleManagement:
    """List, upload, label and delete the samples of datasets.

    Batch methods return one entry for each item, in request order; an ApiError is the refusal of this item alone.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def page(
        self,
        project_id: str,
        dataset_id: str,
        selection: Selection,
        *,
        offset: int,
        limit: int,
        descending: bool,
        version_id: str | None = None,
        team_group: str | None = None,
    ) -> SamplePage:
        """Return a page of the dataset's samples, or of a version's; ``offset`` counts samples.

        ``team_group`` selects the samples that are in a group of a team labelling task.

        Raises: DATASET_NOT_FOUND, VERSION_NOT_FOUND.
        """
        store = self._runtime.store
        record = self._runtime.require_dataset(project_id, dataset_id)
        with store.reading(record.id) as dataset:
            if team_group is not None:
                selection = narrowed(selection, in_team_group(dataset, team_group))
            if not version_id:
                return SamplePage(
                    *dataset.page_of_documents(selection, offset=offset, limit=limit, descending=descending)
                )
            require_version(dataset, version_id)
            with open_version_samples(store, record.id, version_id) as version:
                return SamplePage(
                    *version.page_of_documents(selection, offset=offset, limit=limit, descending=descending)
                )

    def document(self, project_id: str, dataset_id: str, sample_id: str) -> bytes:
        """Return the encoded record of one sample. Raises: DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            document = dataset.document(sample_id)
        if document is None:
            raise ApiError(SAMPLE_NOT_FOUND, sample_id[:80])
        return document

    def labelers(self, dataset_id: str, documents: Sequence[bytes]) -> dict[str, list[TaskMember]]:
        """Return the members to whom samples are allotted in team labelling tasks, by sample id."""
        record = self._runtime.store.entry(dataset_id).record
        if not record.team_tasks:
            return {}
        members = {(task.id, each.worker_id): each for task in record.team_tasks for each in task.members}
        found: dict[str, list[TaskMember]] = {}
        with self._runtime.store.reading(dataset_id) as dataset:
            for sample_id in map(id_of, documents):
                keys = ((key[0], key[2]) for key in dataset.assignments_of_sample(sample_id))
                distinct = {members[key].worker_id: members[key] for key in keys if key in members}
                if distinct:
                    found[sample_id] = list(distinct.values())
        return found

    def search_terms(self, project_id: str, dataset_id: str) -> SearchTerms:
        """Return the labels, labellers and attributes of a dataset's samples. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            return SearchTerms(dataset.labels, dataset.labelers(), _attributes(dataset))

    def upload(
        self,
        project_id: str,
        dataset_id: str,
        samples: Sequence[Sample] | None,
        *,
        user: str,
        status: SampleStatus,
        label_format: LabelFormat | None,
    ) -> list[SampleRecord | ApiError]:
        """Store files in the dataset's first input directory and label them.

        Returns the new sample of each file; for a text or table file, the sample of its first line or row. An item can
        be refused with SAMPLE_EXISTS, UPLOAD_FAILED, SIZE_UNKNOWN, FILE_TOO_LARGE, PATH_INVALID and label errors.
        Raises: DATASET_NOT_FOUND, PARAMETER_INVALID, PUBLISHING_ANNOTATION, SWITCHING.
        """
        record, samples = self._require_changeable(project_id, dataset_id, samples)
        if DATASET_TYPES[record.type].unit == "file":
            return FileUpload(self._runtime, record, user, status).run(samples)
        return LineUpload(self._runtime, record, user, status, label_format).run(samples)

    def update(
        self, project_id: str, dataset_id: str, items: Sequence[SampleLabels] | None, *, user: str
    ) -> list[ApiError | None]:
        """Replace the whole label list of each named sample.

        An item can be refused with SAMPLE_NOT_FOUND, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND or UNSUPPORTED_TYPE.
        Raises: DATASET_NOT_FOUND, PARAMETER_INVALID, PUBLISHING_ANNOTATION, SWITCHING.
        """
        record, items = self._require_changeable(project_id, dataset_id, items)
        now = self._runtime.clock.now_ms()
        results: list[ApiError | None] = []
        with self._runtime.store.writing(record.id) as dataset:
            for item in items:
                try:
                    _label(dataset, record.type, item, user, now)
                    results.append(None)
                except ApiError as error:
                    results.append(error)
        return results

    def delete(
        self, project_id: str, dataset_id: str, sample_ids: Sequence[str] | None, *, delete_source: bool
    ) -> list[ApiError | None]:
        """Delete samples, and with ``delete_source`` their files. An item can be refused with SAMPLE_NOT_FOUND.

        Raises: DATASET_NOT_FOUND, PARAMETER_INVALID, PUBLISHING_ANNOTATION, SWITCHING.
        """
        record, sample_ids = self._require_changeable(project_id, dataset_id, sample_ids)
        results: list[ApiError | None] = []
        sources = self._runtime.source_removal(record.id)
        with self._runtime.store.writing(record.id) as dataset:
            for sample_id in sample_ids:
                try:
                    delete_sample(dataset, sample_id, sources if delete_source else None)
                    results.append(None)
                except ApiError as error:
                    results.append(error)
        refused = sources.run()
        return [result or refused.get(sample_id) for sample_id, result in zip(sample_ids, results, strict=True)]

    def _require_changeable(
        self, project_id: str, dataset_id: str, items: Sequence[T] | None
    ) -> tuple[DatasetRecord, Sequence[T]]:
        """Return the dataset, and the items of a batch that changes it.

        Raises: DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, SWITCHING; PARAMETER_INVALID for no item, or too many.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        require_labelling_allowed(self._runtime.tasks, record.id)
        if not items:
            raise ApiError(PARAMETER_INVALID, "samples: at least one is needed")
        if len(items) > MAX_BATCH:
            raise ApiError(PARAMETER_INVALID, f"samples: {len(items)} are more than {MAX_BATCH} in one call")
        return record, items


def _label(dataset: DatasetWriter, dataset_type: DatasetType, item: SampleLabels, user: str, now: int) -> None:
    sample = require_sample(dataset, item.sample_id)
    labels = validate_labels(dataset_type, sample, item.labels or ())
    if dataset_type is DatasetType.TEXT_TRIPLET:
        require_matching_relations(dataset, labels)
    metadata = {**sample.metadata, **checked_metadata(item.metadata)} if item.metadata else sample.metadata
    ensure_labels(dataset, labels)
    labelled = with_labels(sample, labels, by=user, now=now)
    dataset.put_sample(
        msgspec.structs.replace(
            labelled,
            metadata=metadata,
            usage=item.sample_usage or sample.usage,
            worker_id=item.worker_id or sample.worker_id,
        )
    )


def _attributes(dataset: DatasetReader) -> dict[str, list[str]]:
    """Return the names and values of users' own metadata; at most MAX_ATTRIBUTES names, and values of each."""
    found: dict[str, dict[str, None]] = {}
    for sample in dataset.select(Selection(predicate=lambda sample: bool(sample.metadata))):
        for name, value in sample.metadata.items():
            if name.startswith("@modelarts:") or not isinstance(value, (str, int, float)):
                continue
            if name in found or len(found) < MAX_ATTRIBUTES:
                values = found.setdefault(name, {})
                if len(values) < MAX_ATTRIBUTES:
                    values[str(value)] = None
    return {name: list(values) for name, values in found.items()}
