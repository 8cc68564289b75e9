"""Label management: the labels that a dataset knows, with colour, shape, shortcut and attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.jobs.task_conflicts import require_labelling_allowed
from modelarts_emulator.publishing.version_lookup import require_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.dataset_labels import (
    add_label,
    delete_label_by_policy,
    entities_first,
    require_labels,
    update_label,
)
from modelarts_emulator.samples.deletion import SourceRemoval
from modelarts_emulator.store import DatasetWriter

ChangeLabel = Callable[[DatasetWriter, Label], None]


class LabelManagement:
    """List and change the labels of datasets.

    Batch methods return one entry for each label, in request order: None, or the ApiError that refused this label.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def page(
        self, project_id: str, dataset_id: str, version_id: str | None = None, *, offset: int, limit: int
    ) -> tuple[int, list[Label]]:
        """Return the number of labels of a dataset or of one of its versions, and a page; ``offset`` counts labels.

        Raises: DATASET_NOT_FOUND, VERSION_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            if not version_id:
                return dataset.page_of_labels(offset=offset, limit=limit)
            labels = require_version(dataset, version_id).labels
            return len(labels), labels[offset : offset + limit]

    def create(self, project_id: str, dataset_id: str, labels: Sequence[Label] | None) -> list[ApiError | None]:
        """Create labels; a relation may come before the entities that it names.

        A label can be refused with LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE or TRIPLET_ENTITY_NOT_FOUND.
        Raises: DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION, SWITCHING, PARAMETER_INVALID.
        """
        return self._each(project_id, dataset_id, labels, add_label, entities_first(labels or ()))

    def update(self, project_id: str, dataset_id: str, labels: Sequence[Label] | None) -> list[ApiError | None]:
        """Change labels, and with ``@modelarts:rename_to`` their names on every sample.

        A label can be refused with LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE or
        TRIPLET_ENTITY_NOT_FOUND. Raises as :meth:`create`.
        """
        return self._each(project_id, dataset_id, labels, update_label)

    def delete(
        self, project_id: str, dataset_id: str, labels: Sequence[Label] | None, policy: int
    ) -> list[ApiError | None]:
        """Delete labels as ``delete_policy`` says.

        A label can be refused with LABEL_NOT_FOUND or ENTITY_IN_USE. Raises as :meth:`create`.
        """
        removals: list[tuple[Label, SourceRemoval]] = []
        results = self._each(project_id, dataset_id, labels, self._deletion(dataset_id, policy, removals))
        for label, sources in removals:
            for error in list(sources.run().values())[:1]:
                results[next(n for n, each in enumerate(labels or ()) if each is label)] = error
        return results

    def update_one(self, project_id: str, dataset_id: str, label: Label) -> None:
        """Change one label. Raises as :meth:`update`, and the error that refuses the label."""
        self._one(project_id, dataset_id, label, update_label)

    def delete_one(self, project_id: str, dataset_id: str, label: Label, policy: int) -> None:
        """Delete one label. Raises as :meth:`delete`, and the error that refuses the label."""
        removals: list[tuple[Label, SourceRemoval]] = []
        self._one(project_id, dataset_id, label, self._deletion(dataset_id, policy, removals))
        for _, sources in removals:
            for error in list(sources.run().values())[:1]:
                raise error

    def _deletion(self, dataset_id: str, policy: int, removals: list[tuple[Label, SourceRemoval]]) -> ChangeLabel:
        """Return the change that deletes a label; the files to remove after the commit are added to ``removals``."""

        def delete(dataset: DatasetWriter, label: Label) -> None:
            sources = self._runtime.source_removal(dataset_id)
            delete_label_by_policy(dataset, label, policy, sources)
            removals.append((label, sources))

        return delete

    def _require_changeable(self, project_id: str, dataset_id: str) -> None:
        record = self._runtime.require_dataset(project_id, dataset_id)
        require_labels(record.type)
        require_labelling_allowed(self._runtime.tasks, record.id)

    def _one(self, project_id: str, dataset_id: str, label: Label, change: ChangeLabel) -> None:
        self._require_changeable(project_id, dataset_id)
        with self._runtime.store.writing(dataset_id) as dataset:
            change(dataset, label)

    def _each(
        self,
        project_id: str,
        dataset_id: str,
        labels: Sequence[Label] | None,
        change: ChangeLabel,
        order: Iterable[int] | None = None,
    ) -> list[ApiError | None]:
        """Apply a change to every label in one transaction."""
        self._require_changeable(project_id, dataset_id)
        if not labels:
            raise ApiError(PARAMETER_INVALID, "labels: at least one is needed")
        results: list[ApiError | None] = [None] * len(labels)
        with self._runtime.store.writing(dataset_id) as dataset:
            for number in range(len(labels)) if order is None else order:
                try:
                    change(dataset, labels[number])
                except ApiError as error:
                    results[number] = error
        return results
