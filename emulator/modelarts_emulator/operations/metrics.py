"""Monitoring data: how many samples a dataset had on each day, and how many of them were labelled.

Reference: ``api-ref/source/data_management/dataset_management/querying_the_monitoring_data_of_a_dataset.rst``.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelarts_emulator.contract.datasets import GetDatasetMetricsQuery, GetDatasetMetricsResponse
from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetReader
from modelarts_emulator.store.daily_counts import DAY_MS, counts_of_day

# What the service counts besides samples: team tasks and processing tasks, which never run here.
_EMPTY = ("failed", "failed_system", "failed_user", "queuing", "success", "unfinished")
MAX_DAYS = 3_660


def get_dataset_metrics(
    runtime: Runtime, context: RequestContext, query: GetDatasetMetricsQuery
) -> GetDatasetMetricsResponse:
    """Counts by day (UTC) between ``start_time`` and ``end_time``, keyed by the moment in ms that they are of.

    A day's moment is its end, or now while it lasts. Raises DATASET_NOT_FOUND, PARAMETER_INVALID.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    now = runtime.clock.now_ms()
    start = max(record.create_time, query.start_time if query.start_time is not None else 0)
    end = min(now, query.end_time if query.end_time is not None else now)
    if query.start_time is not None and query.end_time is not None and query.start_time > query.end_time:
        raise ApiError(PARAMETER_INVALID, "start_time: lies after end_time")
    metrics: dict[str, dict[str, int]] = {name: {} for name in ("un_annotation", "manual_annotation", "total", *_EMPTY)}
    with runtime.store.reading(record.id) as dataset:
        for moment, (total, annotated, unconfirmed) in _days(dataset, start, end, now):
            metrics["total"][str(moment)] = total
            metrics["manual_annotation"][str(moment)] = annotated
            metrics["un_annotation"][str(moment)] = total - annotated - unconfirmed
    return GetDatasetMetricsResponse(metrics=metrics)


def _days(dataset: DatasetReader, start: int, end: int, now: int) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """The days that ``start`` to ``end`` touches, the last ten years of them at most."""
    first, last = start // DAY_MS, end // DAY_MS
    counts = dataset.counts
    current = (counts.total, counts.annotated, counts.unconfirmed)
    for day in range(max(first, last - MAX_DAYS), last + 1):
        yield min((day + 1) * DAY_MS - 1, now), counts_of_day(dataset.record.history, day, current)
