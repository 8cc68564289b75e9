"""Labelling, listing and deleting samples: limits of a call, pages, metadata, and search values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from modelarts_emulator.contract.errors import PARAMETER_INVALID, SAMPLE_NOT_FOUND, VERSION_NOT_FOUND, ApiError
from modelarts_emulator.contract.samples import (
    DeleteSamplesRequest,
    ListSamplesQuery,
    SampleLabel,
    SampleLabels,
    UpdateSamplesRequest,
)
from modelarts_emulator.contract.wire import DatasetType, LabelType, Order, SampleState, SampleStatus
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.samples import (
    delete_samples,
    list_samples,
    list_search,
    update_samples,
)
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import (
    checked_metadata,
    with_labels,
    with_remaining_labels,
    without_hard_attributes,
)
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.service.samples import MAX_BATCH
from modelarts_emulator.store import SampleRecord
from tests.helpers.stores import sample

LABEL = SampleLabel(name="x", type=LabelType.IMAGE_CLASSIFICATION)


def put(runtime: Runtime, context: RequestContext, *samples: SampleRecord) -> None:
    with runtime.store.writing(context.dataset_id) as dataset:
        dataset.put_samples(samples)


def get(runtime: Runtime, context: RequestContext, number: int) -> SampleRecord | None:
    with runtime.store.reading(context.dataset_id) as dataset:
        return dataset.get(sample(number).id)


def label(runtime: Runtime, context: RequestContext, *items: SampleLabels) -> list[str | None]:
    """Label samples; return the error code of each item."""
    results = update_samples(DatasetService(runtime), context, UpdateSamplesRequest(samples=list(items))).results or []
    return [result.error_code for result in results]


def page(runtime: Runtime, context: RequestContext, **query: Any) -> tuple[int | None, list[int]]:
    """Return the total and the numbers of the samples on a page."""
    answer = msgspec.json.decode(
        msgspec.json.encode(list_samples(DatasetService(runtime), context, ListSamplesQuery(**query)))
    )
    return answer["sample_count"], [int(each["sample_id"], 16) for each in answer.get("samples", [])]


class TestBatches:
    @pytest.mark.parametrize("count", [1, MAX_BATCH])
    def test_call_takes_up_to_a_thousand_samples(self, runtime: Runtime, context: RequestContext, count: int) -> None:
        assert MAX_BATCH == 1_000
        put(runtime, context, *[sample(number) for number in range(count)])
        items = [SampleLabels(sample_id=sample(number).id, labels=[LABEL]) for number in range(count)]
        assert label(runtime, context, *items) == [None] * count
        results = delete_samples(
            DatasetService(runtime),
            context,
            DeleteSamplesRequest(samples=[sample(number).id for number in range(count)]),
        ).results
        assert [result.success for result in results or []] == [True] * count

    @pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
    def test_call_with_none_or_more_is_refused_as_a_whole(
        self, runtime: Runtime, context: RequestContext, count: int
    ) -> None:
        put(runtime, context, sample(0))
        identities = [sample(0).id] * count
        for call in (
            lambda: update_samples(
                DatasetService(runtime),
                context,
                UpdateSamplesRequest(samples=[SampleLabels(sample_id=each) for each in identities]),
            ),
            lambda: delete_samples(DatasetService(runtime), context, DeleteSamplesRequest(samples=identities)),
        ):
            with pytest.raises(ApiError) as raised:
                call()
            assert raised.value.error is PARAMETER_INVALID
        assert get(runtime, context, 0) == sample(0)

    def test_sample_that_is_not_known_fails_alone(self, runtime: Runtime, context: RequestContext) -> None:
        put(runtime, context, sample(1), sample(2, deleted=True))
        items = [SampleLabels(sample_id=each, labels=[LABEL]) for each in (sample(1).id, "f" * 32, sample(2).id, None)]
        assert label(runtime, context, *items) == [None, *[SAMPLE_NOT_FOUND.code] * 3]


class TestDeleting:
    @pytest.mark.parametrize(
        ("dataset_type", "delete_source", "is_left"),
        [
            (DatasetType.IMAGE_CLASSIFICATION, False, True),
            (DatasetType.IMAGE_CLASSIFICATION, True, False),
            (DatasetType.TEXT_CLASSIFICATION, True, True),  # a line of a file that holds other samples
            (DatasetType.TABLE, True, True),
        ],
    )
    def test_source_is_deleted_on_request_if_it_is_the_whole_sample(
        self,
        runtime: Runtime,
        create: Callable[..., RequestContext],
        dataset_type: DatasetType,
        delete_source: bool,
        is_left: bool,
    ) -> None:
        context = create(dataset_type)
        (runtime.root / "obs/bucket/in").mkdir()
        file = runtime.root / "obs/bucket/in/1.png"
        file.write_bytes(b"content")
        put(runtime, context, sample(1, path="bucket/in/1.png"))
        delete_samples(
            DatasetService(runtime), context, DeleteSamplesRequest(samples=[sample(1).id], delete_source=delete_source)
        )
        assert file.exists() is is_left
        with runtime.store.reading(context.dataset_id) as dataset:
            tombstone = dataset.get(sample(1).id, deleted=True)
        assert tombstone is not None and tombstone.deleted
        # With its file, the signature goes too: a file that comes back under this name is a new one.
        assert (tombstone.signature is None) is not is_left
        assert page(runtime, context) == (0, [])

    def test_sample_that_is_not_known_fails_alone(self, runtime: Runtime, context: RequestContext) -> None:
        put(runtime, context, sample(1), sample(2))
        request = DeleteSamplesRequest(samples=[sample(1).id, "f" * 32, sample(2).id])
        results = delete_samples(DatasetService(runtime), context, request).results or []
        assert [result.error_code for result in results] == [None, SAMPLE_NOT_FOUND.code, None]


class TestPages:
    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ({}, [7, 6, 5, 4, 3, 2, 1, 0]),
            ({"limit": 3}, [7, 6, 5]),
            ({"limit": 3, "offset": 1}, [4, 3, 2]),
            ({"limit": 3, "offset": 2}, [1, 0]),
            ({"limit": 3, "offset": 3}, []),
            ({"limit": 3, "order": Order.ASC}, [0, 1, 2]),
        ],
    )
    def test_offset_counts_pages(
        self, runtime: Runtime, context: RequestContext, query: dict[str, Any], numbers: list[int]
    ) -> None:
        put(runtime, context, *[sample(number) for number in range(8)], sample(9, deleted=True))
        assert page(runtime, context, **query) == (8, numbers)

    def test_page_of_an_unknown_version_is_refused(self, runtime: Runtime, context: RequestContext) -> None:
        put(runtime, context, sample(1))
        with pytest.raises(ApiError) as raised:
            page(runtime, context, version_id="0" * 20)
        assert raised.value.error is VERSION_NOT_FOUND

    def test_sample_count_counts_the_samples_of_the_state(self, runtime: Runtime, context: RequestContext) -> None:
        auto = SampleStatus.AUTO_ANNOTATION
        put(runtime, context, *[sample(number) for number in range(3)], sample(3, "x"), sample(4, "x"), sample(5, "x"))
        put(runtime, context, sample(6, "x", status=auto), sample(7, "x", status=auto), sample(8, "y"))
        for state, label_name, numbers in (
            (SampleState.NONE, None, [2, 1, 0]),
            (SampleState.ALL, None, [8, 5, 4, 3]),
            (SampleState.AUTO_ANNOTATION, None, [7, 6]),
            (SampleState.ACCEPTED, None, []),
            (SampleState.ALL, "x", [5, 4, 3]),
            (SampleState.AUTO_ANNOTATION, "x", [7, 6]),
            (SampleState.NONE, "x", []),
            (None, "x", [7, 6, 5, 4, 3]),
        ):
            found = page(runtime, context, sample_state=state, label_name=label_name, limit=2)
            assert found == (len(numbers), numbers[:2]), (state, label_name)


class TestSearchValues:
    def test_attributes_have_their_distinct_values(self, runtime: Runtime, context: RequestContext) -> None:
        put(
            runtime,
            context,
            sample(1, metadata={"city": "Bonn", "size": 3, "@modelarts:hard": 1, "tags": ["a"], "none": None}),
            sample(2, metadata={"city": "Rome", "size": 3.5}),
            sample(3, metadata={"city": "Bonn"}),
            sample(4),
        )
        found = list_search(DatasetService(runtime), context).metadata or {}
        assert {name: set(values) for name, values in found.items()} == {"city": {"Bonn", "Rome"}, "size": {"3", "3.5"}}

    def test_answer_has_a_hundred_attributes_and_values_at_most(
        self, runtime: Runtime, context: RequestContext
    ) -> None:
        put(runtime, context, *[sample(number, metadata={"many": number, f"own-{number}": 1}) for number in range(150)])
        found = list_search(DatasetService(runtime), context).metadata or {}
        assert len(found) == 100
        assert len(found["many"]) == 100

    def test_labelers_are_listed(self, runtime: Runtime, context: RequestContext) -> None:
        put(runtime, context, sample(1, "x", annotated_by="me"), sample(2, "x", annotated_by="auto"))
        assert sorted(list_search(DatasetService(runtime), context).labelers or []) == ["auto", "me"]


class TestRecords:
    def test_labels_make_a_sample_labelled_by_a_user_at_a_time(self) -> None:
        done = with_labels(sample(1), [LABEL], by="me", now=5)
        assert (done.labels, done.status, done.annotated_by, done.annotated_time) == (
            [LABEL],
            SampleStatus.MANUAL_ANNOTATION,
            "me",
            5,
        )
        auto = with_labels(sample(1), [LABEL], by="me", now=5, status=SampleStatus.AUTO_ANNOTATION)
        assert auto.status is SampleStatus.AUTO_ANNOTATION

    @pytest.mark.parametrize("status", [SampleStatus.MANUAL_ANNOTATION, SampleStatus.AUTO_ANNOTATION])
    def test_no_labels_make_it_unlabelled(self, status: SampleStatus) -> None:
        labelled = with_labels(sample(1), [LABEL], by="me", now=5)
        assert with_labels(labelled, [], by="me", now=6, status=status) == sample(1)
        assert with_remaining_labels(labelled, []) == sample(1)

    def test_remaining_labels_keep_labeler_and_time(self) -> None:
        labelled = with_labels(sample(1), [LABEL, LABEL], by="me", now=5)
        left = with_remaining_labels(labelled, [LABEL])
        assert (left.labels, left.annotated_by, left.annotated_time) == ([LABEL], "me", 5)

    def test_hard_attributes_are_dropped_and_others_stay(self) -> None:
        hard = {"@modelarts:hard": 1, "@modelarts:hard_coefficient": 0.5, "@modelarts:hard_reasons": [1]}
        assert without_hard_attributes(sample(1, metadata={**hard, "own": 1})).metadata == {"own": 1}

    def test_hard_attributes_of_labels_are_dropped_and_others_stay(self) -> None:
        hard = msgspec.structs.replace(LABEL, property={"@modelarts:hard": True, "own": 1})
        plain = msgspec.structs.replace(LABEL, property=None)
        found = without_hard_attributes(sample(1, labels=[plain, hard]))
        assert [label.property for label in found.labels] == [{}, {"own": 1}]
        assert hard.property == {"@modelarts:hard": True, "own": 1}

    def test_labels_without_hard_attributes_stay_the_same(self) -> None:
        plain = [msgspec.structs.replace(LABEL, property=each) for each in (None, {"own": 1})]
        assert without_hard_attributes(sample(1, labels=plain)).labels == plain

    def test_sample_without_remaining_labels_has_neither_labeler_nor_time(self) -> None:
        left = with_remaining_labels(with_labels(sample(1), [LABEL], by="me", now=5), [])
        assert (left.annotated_by, left.annotated_time, left.labels) == (None, None, [])

    @pytest.mark.parametrize(
        ("raw", "kept"),
        [
            (None, {}),
            ({}, {}),
            ({"own": [1]}, {"own": [1]}),
            ({"@modelarts:hard": "1"}, {"@modelarts:hard": 1.0}),
            (
                {"@modelarts:hard": "true", "@modelarts:hard_reasons": "3-20"},
                {"@modelarts:hard": 1.0, "@modelarts:hard_reasons": [3, 20]},
            ),
            (
                {"@modelarts:hard": False, "@modelarts:hard_coefficient": "0.5"},
                {"@modelarts:hard": 0.0, "@modelarts:hard_coefficient": 0.5},
            ),
            ({"@modelarts:hard_reasons": 30}, {"@modelarts:hard_reasons": [30]}),
            ({"@modelarts:hard": None, "@modelarts:hard_coefficient": "", "@modelarts:hard_reasons": ""}, {}),
            ({"own": None}, {}),
            ({"@modelarts:size": [1, 2, 3], "@modelarts:import_origin": 1, "own": 1}, {"own": 1}),
        ],
    )
    def test_size_and_origin_cannot_be_set(self, raw: dict[str, Any] | None, kept: dict[str, Any]) -> None:
        assert checked_metadata(raw) == kept

    @pytest.mark.parametrize(
        "raw",
        [
            {"@modelarts:hard_coefficient": "high"},
            {"@modelarts:hard_coefficient": 1.01},
            {"@modelarts:hard_coefficient": -0.01},
            {"@modelarts:hard_reasons": [31]},
            {"@modelarts:hard_reasons": [-1]},
            {"@modelarts:hard_reasons": "a"},
        ],
    )
    def test_metadata_of_a_wrong_type_or_range_is_refused(self, raw: dict[str, Any]) -> None:
        with pytest.raises(ApiError) as raised:
            checked_metadata(raw)
        assert raised.value.error is PARAMETER_INVALID
