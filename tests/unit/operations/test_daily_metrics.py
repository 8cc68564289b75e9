"""Monitoring data: the counts of days, at their ends, between two times."""

from __future__ import annotations

from typing import Any

import pytest

from modelarts_emulator.contract.datasets import GetDatasetMetricsQuery
from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, SampleStatus
from modelarts_emulator.operations.datasets import get_dataset_metrics
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.service.dataset_service import DatasetService
from tests.helpers.clocks import START_MS, SetClock
from tests.helpers.stores import sample

DAY_MS = 24 * 60 * 60 * 1000
LABEL = SampleLabel(name="x", type=LabelType.IMAGE_CLASSIFICATION)
EMPTY = {"failed", "failed_system", "failed_user", "queuing", "success", "unfinished"}


def put(runtime: Runtime, context: RequestContext, number: int, status: SampleStatus) -> None:
    labels = [] if status is SampleStatus.UN_ANNOTATION else [LABEL]
    with runtime.store.writing(context.dataset_id) as dataset:
        dataset.put_sample(sample(number, labels=labels, status=status))


def total(runtime: Runtime, context: RequestContext, start: Any = None, end: Any = None) -> dict[int, int]:
    """Return the number of samples by time, in days since the start."""
    query = GetDatasetMetricsQuery(start_time=start, end_time=end)
    metrics = get_dataset_metrics(DatasetService(runtime), context, query).metrics or {}
    return {int(moment) - START_MS: count for moment, count in metrics["total"].items()}


@pytest.fixture
def grown(runtime: Runtime, context: RequestContext, clock: SetClock) -> RequestContext:
    """Add a sample on day 0, two on day 2, and none since; it is now noon of day 4."""
    put(runtime, context, 1, SampleStatus.MANUAL_ANNOTATION)
    clock.ms = START_MS + 2 * DAY_MS
    put(runtime, context, 2, SampleStatus.UN_ANNOTATION)
    put(runtime, context, 3, SampleStatus.AUTO_ANNOTATION)
    clock.ms = START_MS + 4 * DAY_MS + DAY_MS // 2
    return context


LAST = [(day + 1) * DAY_MS - 1 for day in range(4)]
NOON = 4 * DAY_MS + DAY_MS // 2


def test_every_day_has_its_counts_and_the_current_one_those_of_now(runtime: Runtime, grown: RequestContext) -> None:
    assert total(runtime, grown) == {LAST[0]: 1, LAST[1]: 1, LAST[2]: 3, LAST[3]: 3, NOON: 3}
    metrics = get_dataset_metrics(DatasetService(runtime), grown, GetDatasetMetricsQuery()).metrics or {}
    assert list(metrics["manual_annotation"].values()) == [1, 1, 1, 1, 1]
    assert list(metrics["un_annotation"].values()) == [0, 0, 1, 1, 1]
    assert metrics.keys() == {"un_annotation", "manual_annotation", "total", *EMPTY}
    assert all(metrics[name] == {} for name in EMPTY)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        (0, None, [*LAST, NOON]),  # long before the dataset
        (START_MS + DAY_MS, None, [*LAST[1:], NOON]),
        (START_MS + DAY_MS - 1, None, [*LAST, NOON]),
        (None, START_MS, LAST[:1]),
        (None, START_MS + DAY_MS - 1, LAST[:1]),
        (None, START_MS + DAY_MS, LAST[:2]),
        (START_MS + DAY_MS, START_MS + DAY_MS, LAST[1:2]),
        (None, START_MS + 100 * DAY_MS, [*LAST, NOON]),  # the future
        (START_MS + 100 * DAY_MS, None, []),
        (None, 0, []),
    ],
)
def test_days_between_two_times_include_both_ends(
    runtime: Runtime, grown: RequestContext, start: int | None, end: int | None, days: list[int]
) -> None:
    assert list(total(runtime, grown, start, end)) == days


def test_start_after_the_end_is_refused(runtime: Runtime, grown: RequestContext) -> None:
    with pytest.raises(ApiError) as raised:
        total(runtime, grown, START_MS + 1, START_MS)
    assert raised.value.error is PARAMETER_INVALID


def test_answer_has_the_last_ten_years_at_most(runtime: Runtime, grown: RequestContext, clock: SetClock) -> None:
    clock.ms = START_MS + 5_000 * DAY_MS
    days = list(total(runtime, grown))
    assert len(days) == 3_661
    assert days[0] == (5_000 - 3_660 + 1) * DAY_MS - 1
