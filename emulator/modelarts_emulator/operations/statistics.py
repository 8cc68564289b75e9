"""Statistics of a dataset: labels and samples by state.

Reference: ``api-ref/source/data_management/dataset_management/querying_dataset_statistics.rst``.
"""

from __future__ import annotations

from collections import Counter

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.datasets import ListStatsQuery, ListStatsResponse, PairOfintAndHardDetail
from modelarts_emulator.contract.wire import Locale
from modelarts_emulator.operations.labels import label_stats
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.search import statuses_of
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.hard_examples import HARD, HARD_REASONS, REASONS, hard_detail
from modelarts_emulator.store import DatasetReader, Selection


def list_stats(runtime: Runtime, context: RequestContext, query: ListStatsQuery) -> ListStatsResponse:
    """Counts by state, by label and by hard example; with ``sample_state``, labels of samples in that state only.

    Raises DATASET_NOT_FOUND.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        counts = dataset.counts
        labels = label_stats(dataset.labels, _label_counts(dataset, query))
        return ListStatsResponse(
            label_stats=labels,
            grouped_label_stats={},
            sample_stats={
                "un_annotation": counts.total - counts.annotated - counts.unconfirmed,
                "manual_annotation": counts.annotated,
                "auto_annotation": counts.unconfirmed,
                "all": counts.total,
                "total": counts.total + counts.deleted,
                "deleted": counts.deleted,
                "lefted": counts.total,
            },
            key_sample_stats={
                "total": counts.total,
                "key_sample": counts.hard,
                "non_key_sample": counts.total - counts.hard,
            },
            hard_detail_stats=_hard_details(dataset, query.locale) if counts.hard else {},
            deletion_stats={},
            metadata_stats={},
            data_spliting_enable=DATASET_TYPES[record.type].splits,
        )


def _label_counts(dataset: DatasetReader, query: ListStatsQuery) -> dict[tuple[str, int | None], tuple[int, int]]:
    statuses = statuses_of(query.sample_state)
    if statuses is None:
        return dataset.label_stats()
    labels: Counter[tuple[str, int | None]] = Counter()
    samples: Counter[tuple[str, int | None]] = Counter()
    for sample in dataset.select(Selection(statuses=statuses)):
        keys = [(str(label.name), label.type) for label in sample.labels]
        labels.update(keys)
        samples.update(set(keys))
    return {key: (count, samples[key]) for key, count in labels.items()}


def _hard_details(dataset: DatasetReader, locale: Locale) -> dict[str, PairOfintAndHardDetail]:
    """How many samples are hard for which reason."""
    reasons: Counter[int] = Counter()
    for sample in dataset.select(Selection(predicate=lambda sample: bool(sample.metadata.get(HARD)))):
        reasons.update(reason for reason in sample.metadata.get(HARD_REASONS) or () if reason in REASONS)
    return {
        str(reason): PairOfintAndHardDetail(key=count, value=hard_detail(reason, locale))
        for reason, count in sorted(reasons.items())
    }
