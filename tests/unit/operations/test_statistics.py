"""Statistics of a dataset: samples by state, labels by use, hard examples by reason."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from modelarts_emulator.contract.datasets import ListStatsQuery
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.versions import CreateDatasetVersionRequest
from modelarts_emulator.contract.wire import DatasetType, LabelType, Locale, SampleState, SampleStatus
from modelarts_emulator.operations.datasets import list_stats
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.versions import create_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.service.dataset_service import DatasetService
from tests.helpers.stores import sample

MANUAL, AUTO, NONE = SampleStatus.MANUAL_ANNOTATION, SampleStatus.AUTO_ANNOTATION, SampleStatus.UN_ANNOTATION


def hard(*reasons: int, value: int = 1) -> dict[str, Any]:
    """Return the metadata of a hard example."""
    return {"@modelarts:hard": value, "@modelarts:hard_reasons": list(reasons)}


def labels(*names: str) -> list[SampleLabel]:
    return [SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in names]


@pytest.fixture
def filled(runtime: Runtime, context: RequestContext) -> RequestContext:
    """Fill the dataset: 3 labelled by hand, 2 labelled automatically, 1 unlabelled, 4 deleted; 2 of them hard."""
    with runtime.store.writing(context.dataset_id) as dataset:
        for name in ("cat", "dog", "unused"):
            dataset.put_label(
                Label(name=name, type=LabelType.IMAGE_CLASSIFICATION, property={"@modelarts:color": name})
            )
        dataset.put_samples(
            [
                sample(1, labels=labels("cat"), status=MANUAL),
                sample(2, labels=labels("cat", "dog"), status=MANUAL),
                sample(3, labels=labels("cat", "cat"), status=MANUAL, metadata=hard(1, 5)),
                sample(4, labels=labels("dog", "dog", "dog"), status=AUTO),
                sample(
                    5,
                    labels=labels("cat"),
                    status=AUTO,
                    metadata=hard(2, value=0),
                ),
                sample(6, status=NONE, metadata=hard(5, 99)),
                *[sample(number, deleted=True) for number in range(10, 14)],
            ]
        )
    return context


def by_name(runtime: Runtime, context: RequestContext, **query: Any) -> dict[str, tuple[int, int]]:
    """Return how many labels are on how many samples, by label."""
    found = list_stats(DatasetService(runtime), context, ListStatsQuery(**query)).label_stats or []
    return {str(row.name): (row.count or 0, row.sample_count or 0) for row in found}


def test_samples_are_counted_by_state(runtime: Runtime, filled: RequestContext) -> None:
    assert list_stats(DatasetService(runtime), filled, ListStatsQuery()).sample_stats == {
        "un_annotation": 1,
        "manual_annotation": 3,
        "auto_annotation": 2,
        "all": 6,
        "total": 10,
        "deleted": 4,
        "lefted": 6,
    }


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, {"cat": (5, 4), "dog": (4, 2), "unused": (0, 0)}),
        (SampleState.ALL, {"cat": (4, 3), "dog": (1, 1), "unused": (0, 0)}),
        (SampleState.AUTO_ANNOTATION, {"cat": (1, 1), "dog": (3, 1), "unused": (0, 0)}),
        (SampleState.NONE, {"cat": (0, 0), "dog": (0, 0), "unused": (0, 0)}),
        (SampleState.ACCEPTED, {"cat": (0, 0), "dog": (0, 0), "unused": (0, 0)}),
    ],
)
def test_labels_are_counted_on_samples_of_the_state(
    runtime: Runtime, filled: RequestContext, state: SampleState | None, expected: dict[str, tuple[int, int]]
) -> None:
    assert by_name(runtime, filled, sample_state=state) == expected


def test_label_row_has_its_type_and_property(runtime: Runtime, filled: RequestContext) -> None:
    (cat, *_) = list_stats(DatasetService(runtime), filled, ListStatsQuery()).label_stats or []
    assert (cat.name, cat.type, cat.property) == ("cat", LabelType.IMAGE_CLASSIFICATION, {"@modelarts:color": "cat"})


def test_hard_samples_are_counted_by_reason(runtime: Runtime, filled: RequestContext) -> None:
    answer = list_stats(DatasetService(runtime), filled, ListStatsQuery())
    assert answer.key_sample_stats == {"total": 6, "key_sample": 2, "non_key_sample": 4}
    details = answer.hard_detail_stats or {}
    assert [(reason, pair.key) for reason, pair in details.items()] == [("1", 1), ("5", 2)]
    assert details["1"].value is not None and details["1"].value.reason == "The confidence is low"
    chinese = list_stats(DatasetService(runtime), filled, ListStatsQuery(locale=Locale.ZH)).hard_detail_stats or {}
    assert chinese["1"].value is not None and chinese["1"].value.reason == "置信度偏低"


def test_empty_dataset_has_zeros(runtime: Runtime, context: RequestContext) -> None:
    answer = list_stats(DatasetService(runtime), context, ListStatsQuery())
    assert set((answer.sample_stats or {}).values()) == {0}
    assert answer.key_sample_stats == {"total": 0, "key_sample": 0, "non_key_sample": 0}
    assert (answer.label_stats, answer.hard_detail_stats) == ([], {})


@pytest.mark.parametrize(
    ("dataset_type", "label_type", "splits"),
    [
        (DatasetType.IMAGE_CLASSIFICATION, LabelType.IMAGE_CLASSIFICATION, True),
        (DatasetType.NAMED_ENTITY, LabelType.NAMED_ENTITY, False),
    ],
)
def test_splitting_depends_on_the_dataset_type(
    runtime: Runtime, create: Any, dataset_type: DatasetType, label_type: LabelType, splits: bool
) -> None:
    context = create(dataset_type)
    label = SampleLabel(name="x", type=label_type)
    with runtime.store.writing(context.dataset_id) as dataset:
        dataset.put_samples(sample(number, labels=[label], status=MANUAL) for number in range(2))
    assert list_stats(DatasetService(runtime), context, ListStatsQuery()).data_spliting_enable is splits


@pytest.mark.parametrize(
    ("names", "splits"), [((), False), (("x",), False), (("x", "x"), True), (("x", "x", "y"), False)]
)
def test_splitting_needs_two_samples_of_each_label_as_publishing_does(
    runtime: Runtime, context: RequestContext, names: tuple[str, ...], splits: bool
) -> None:
    with runtime.store.writing(context.dataset_id) as dataset:
        dataset.put_samples(sample(number, labels=labels(name), status=MANUAL) for number, name in enumerate(names))
    service = DatasetService(runtime)
    assert list_stats(service, context, ListStatsQuery()).data_spliting_enable is splits
    request = CreateDatasetVersionRequest(train_evaluate_sample_ratio="0.5")
    with nullcontext() if splits else pytest.raises(ApiError):
        create_version(service, context, request)


def test_label_counts_are_grouped_by_label_type(runtime: Runtime, filled: RequestContext) -> None:
    answer = list_stats(DatasetService(runtime), filled, ListStatsQuery())
    assert answer.grouped_label_stats == {"0": answer.label_stats}


def test_email_restricts_label_counts_to_samples_of_this_labeler(runtime: Runtime, context: RequestContext) -> None:
    with runtime.store.writing(context.dataset_id) as dataset:
        dataset.put_label(Label(name="cat", type=LabelType.IMAGE_CLASSIFICATION, property={}))
        dataset.put_samples(
            [
                sample(1, labels=labels("cat"), status=MANUAL, annotated_by="human/a@b"),
                sample(2, labels=labels("cat", "cat"), status=MANUAL, annotated_by="human/c@d"),
                sample(
                    3,
                    labels=[SampleLabel(name="cat", type=LabelType.IMAGE_CLASSIFICATION, annotated_by="human/a@b")],
                    status=MANUAL,
                ),
            ]
        )
    assert by_name(runtime, context, email="a@b") == {"cat": (2, 2)}
    assert by_name(runtime, context, email="c@d") == {"cat": (2, 1)}
    assert by_name(runtime, context, email="nobody@b") == {"cat": (0, 0)}
