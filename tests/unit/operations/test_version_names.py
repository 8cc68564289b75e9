"""Versions: automatic names, split ratios and the samples that a split needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from modelarts_emulator.contract.errors import (
    PARAMETER_INVALID,
    SPLIT_RULES,
    UNSUPPORTED_TYPE,
    VERSION_EXISTS,
    ApiError,
    Error,
)
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.versions import (
    CreateDatasetVersionRequest,
    DatasetVersion,
    ListDatasetVersionsQuery,
)
from modelarts_emulator.contract.wire import (
    DatasetType,
    LabelType,
    SampleStatus,
    Usage,
    VersionFormat,
    VersionStatus,
)
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.versions import (
    create_version,
    delete_version,
    describe_dataset_version,
    list_versions,
)
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import Selection
from tests.helpers.polling import poll
from tests.helpers.stores import sample


def publish(runtime: Runtime, context: RequestContext, name: str | None = None, **members: Any) -> DatasetVersion:
    """Publish a version and wait for its end."""
    request = CreateDatasetVersionRequest(version_name=name, **members)
    identity = create_version(DatasetService(runtime), context, request).version_id
    version = RequestContext(project_id=context.project_id, dataset_id=context.dataset_id, version_id=str(identity))

    def ended() -> DatasetVersion | None:
        found = describe_dataset_version(DatasetService(runtime), version)
        return None if found.status == VersionStatus.CREATING else found

    found: DatasetVersion = poll(ended, "published")
    assert found.status == VersionStatus.RUNNING, found.message
    return found


def refused(runtime: Runtime, context: RequestContext, error: Error, **members: Any) -> str:
    """Return why a version is refused; nothing has changed."""
    before = names(runtime, context)
    with pytest.raises(ApiError) as raised:
        create_version(DatasetService(runtime), context, CreateDatasetVersionRequest(**members))
    assert raised.value.error is error
    assert names(runtime, context) == before
    return raised.value.detail


def names(runtime: Runtime, context: RequestContext, **query: Any) -> list[str]:
    """Return the names of the versions, newest first."""
    listed = list_versions(DatasetService(runtime), context, ListDatasetVersionsQuery(**query)).versions or []
    return [str(version.version_name) for version in listed]


def labelled(runtime: Runtime, context: RequestContext, *groups: tuple[str, int], status: Any = None) -> None:
    """Put samples with one label each, as many of each label as the groups say."""
    with runtime.store.writing(context.dataset_id) as dataset:
        number = dataset.counts.total
        for name, count in groups:
            for _ in range(count):
                label = SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION)
                dataset.put_sample(
                    sample(
                        number,
                        path=f"bucket/in/{number}.png",
                        labels=[label],
                        status=status or SampleStatus.MANUAL_ANNOTATION,
                    )
                )
                number += 1


class TestNames:
    def test_automatic_names_count_from_one(self, runtime: Runtime, context: RequestContext) -> None:
        assert [publish(runtime, context).version_name for _ in range(3)] == ["V001", "V002", "V003"]

    def test_automatic_name_skips_names_that_are_taken(self, runtime: Runtime, context: RequestContext) -> None:
        publish(runtime, context, "V001")
        publish(runtime, context, "V003")
        publish(runtime, context, "V004")
        # Three versions so far: the next number is 4, which is taken.
        assert publish(runtime, context).version_name == "V005"

    def test_given_name_counts_as_a_number(self, runtime: Runtime, context: RequestContext) -> None:
        publish(runtime, context, "mine")
        assert publish(runtime, context).version_name == "V002"

    def test_number_of_a_deleted_version_is_not_given_again(self, runtime: Runtime, context: RequestContext) -> None:
        first = publish(runtime, context)
        place = RequestContext(
            project_id=context.project_id, dataset_id=context.dataset_id, version_id=str(first.version_id)
        )
        delete_version(DatasetService(runtime), place)
        assert publish(runtime, context).version_name == "V002"

    def test_name_that_is_taken_is_refused(self, runtime: Runtime, context: RequestContext) -> None:
        publish(runtime, context, "mine")
        assert refused(runtime, context, VERSION_EXISTS, version_name="mine") == "mine"
        publish(runtime, context, "Mine")

    def test_numbers_above_999_are_written_out(self, runtime: Runtime, create: Callable[..., RequestContext]) -> None:
        context = create(next_version_num=999)
        assert [publish(runtime, context).version_name for _ in range(2)] == ["V999", "V1000"]

    def test_files_are_in_a_folder_of_the_name(self, runtime: Runtime, context: RequestContext) -> None:
        version = publish(runtime, context, "mine")
        assert version.manifest_path == f"/bucket/out/{context.dataset_id}/annotation/mine/mine.manifest"
        assert version.data_path == f"/bucket/out/{context.dataset_id}/annotation/mine/data/"


class TestRatio:
    @pytest.mark.parametrize("ratio", ["0", "-0.1", "1.01", "x", "", "nan", "inf", "0,5"])
    def test_ratio_outside_zero_to_one_is_refused(self, runtime: Runtime, context: RequestContext, ratio: str) -> None:
        labelled(runtime, context, ("cat", 2))
        detail = refused(runtime, context, PARAMETER_INVALID, train_evaluate_sample_ratio=ratio)
        assert detail.startswith("train_evaluate_sample_ratio: ")

    @pytest.mark.parametrize(("ratio", "train"), [("0.01", 1), ("0.5", 2), ("0.99", 3), ("1", 4), ("1.00", 4)])
    def test_version_is_split_by_its_ratio(
        self, runtime: Runtime, context: RequestContext, ratio: str, train: int
    ) -> None:
        labelled(runtime, context, ("cat", 4))
        version = publish(runtime, context, train_evaluate_sample_ratio=ratio)
        with runtime.store.version(context.dataset_id, str(version.version_id)) as samples:
            usages = [each.usage for each in samples.select(Selection())]
        assert (usages.count(Usage.TRAIN), usages.count(Usage.EVAL)) == (train, 4 - train)

    def test_every_label_needs_two_samples_for_a_split(self, runtime: Runtime, context: RequestContext) -> None:
        assert "no sample" in refused(runtime, context, SPLIT_RULES, train_evaluate_sample_ratio="0.5")
        labelled(runtime, context, ("cat", 2), ("dog", 1))
        assert "dog" in refused(runtime, context, SPLIT_RULES, train_evaluate_sample_ratio="0.5")
        labelled(runtime, context, ("dog", 1))
        assert publish(runtime, context, train_evaluate_sample_ratio="0.5").version_name == "V001"

    def test_without_a_split_no_label_is_needed(self, runtime: Runtime, create: Callable[..., RequestContext]) -> None:
        publish(runtime, create(), train_evaluate_sample_ratio="1.0")
        publish(runtime, create(DatasetType.NAMED_ENTITY), train_evaluate_sample_ratio="0.5")


class TestFormat:
    @pytest.mark.parametrize("version_format", [VersionFormat.CSV, VersionFormat.CARBON_DATA])
    def test_table_formats_are_for_tables(
        self, runtime: Runtime, context: RequestContext, version_format: VersionFormat
    ) -> None:
        assert version_format.value in refused(runtime, context, UNSUPPORTED_TYPE, version_format=version_format)

    def test_list_is_filtered_by_format_status_and_ratio(
        self, runtime: Runtime, create: Callable[..., RequestContext]
    ) -> None:
        context = create(DatasetType.TABLE)
        publish(runtime, context, "plain")
        publish(runtime, context, "csv", version_format=VersionFormat.CSV, train_evaluate_sample_ratio="0.5")
        assert names(runtime, context) == ["csv", "plain"]
        assert names(runtime, context, version_format=2) == ["csv"]
        assert names(runtime, context, version_format=0) == ["plain"]
        assert names(runtime, context, version_format=1) == []
        assert names(runtime, context, status=VersionStatus.RUNNING) == ["csv", "plain"]
        assert names(runtime, context, status=VersionStatus.ERROR) == []
        for text, expected in (
            ("0.5,0.5", ["csv"]),
            ("0.5,1.0", ["csv", "plain"]),
            ("0.51,1", ["plain"]),
            ("0,0.99", ["csv"]),
        ):
            assert names(runtime, context, train_evaluate_ratio=text) == expected


class TestCounts:
    def test_version_counts_its_samples_and_differences(self, runtime: Runtime, context: RequestContext) -> None:
        labelled(runtime, context, ("cat", 3))
        first = publish(runtime, context)
        assert (first.total_sample_count, first.annotated_sample_count, first.add_sample_count) == (3, 3, 3)
        assert (first.previous_total_sample_count, first.previous_annotated_sample_count) == (0, 0)
        with runtime.store.writing(context.dataset_id) as dataset:
            dataset.put_sample(sample(50, path="bucket/in/50.png"))
            dataset.put_sample(sample(0, deleted=True))
            label = SampleLabel(name="dog", type=LabelType.IMAGE_CLASSIFICATION)
            dataset.put_sample(
                sample(1, path="bucket/in/1.png", labels=[label, label], status=SampleStatus.MANUAL_ANNOTATION)
            )
        second = publish(runtime, context)
        assert (second.total_sample_count, second.annotated_sample_count) == (3, 2)
        assert (second.add_sample_count, second.deleted_sample_count, second.modified_sample_count) == (1, 1, 1)
        assert (second.previous_total_sample_count, second.previous_annotated_sample_count) == (3, 3)
        assert second.previous_version_id == first.version_id
        assert (first.label_type, second.label_type) == ("single", "multi")
        assert (first.is_current, second.is_current) == (True, True)  # each when it was published
        assert names(runtime, context) == ["V002", "V001"]
