"""The merge policies, called without a store and without HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, LABEL_INCOMPATIBLE, SAMPLE_EXISTS, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, SampleStatus, SampleType, Usage
from modelarts_emulator.ingest.merge import Candidate, IncomingLabels, merge_import, merge_sync, merge_upload
from modelarts_emulator.store import SampleRecord

OLD, NEW = (10, 1_000_000_000), (20, 2_000_000_000)
CAT, DOG = SampleLabel(name="cat"), SampleLabel(name="dog")


def sample(signature: tuple[int, int] | None = OLD, **members: Any) -> SampleRecord:
    size, mtime_ns = signature or (0, 0)
    return SampleRecord(
        id="1",
        path="bucket/in/1.png",
        type=SampleType.IMAGE,
        time=mtime_ns // 1_000_000,
        size=size,
        signature=signature,
        **members,
    )


def labelled(signature: tuple[int, int] = OLD) -> SampleRecord:
    return sample(
        signature,
        labels=[DOG],
        status=SampleStatus.MANUAL_ANNOTATION,
        annotated_by="human/a/b",
        annotated_time=7,
        metadata={"colour": "red"},
        usage=Usage.EVAL,
    )


def labelling(*labels: SampleLabel, **members: Any) -> IncomingLabels:
    return IncomingLabels(labels, "human/c/d", 99, **members)


SYNC_CASES = {
    "new_object_is_added": (None, sample(), True, sample()),
    "unchanged_object_is_left": (labelled(), sample(), True, None),
    "changed_object_keeps_its_labels": (labelled(), sample(NEW), True, labelled(NEW)),
    "deleted_sample_stays_deleted": (sample().tombstone(), sample(), True, None),
    "deleted_sample_returns_with_a_changed_object": (sample().tombstone(), sample(NEW), True, sample(NEW)),
    "deleted_sample_stays_if_the_object_was_deleted_too": (sample().tombstone(), sample(NEW), False, None),
    "switched_out_sample_stays_out": (sample().tombstone(switched_out=True), sample(), True, None),
    "deleted_line_stays_deleted": (sample(None).tombstone(), sample(None, text="a"), True, None),
    "read_line_is_left": (sample(None, text="a", labels=[DOG]), sample(None, text="a"), True, None),
}


@pytest.mark.parametrize(("stored", "found", "is_current", "merged"), SYNC_CASES.values(), ids=SYNC_CASES.keys())
def test_merge_sync_by_stored_sample_and_object(
    stored: SampleRecord | None, found: SampleRecord, is_current: bool, merged: SampleRecord | None
) -> None:
    before = msgspec.structs.replace(stored) if stored else None
    assert merge_sync(stored, Candidate("1", found), lambda each: is_current) == merged
    assert stored == before


def test_merge_sync_without_a_read_object_returns_none() -> None:
    assert merge_sync(labelled(), Candidate("1"), lambda each: True) is None


IMPORTED = {
    "labels": [CAT],
    "status": SampleStatus.MANUAL_ANNOTATION,
    "annotated_by": "human/c/d",
    "annotated_time": 99,
}
IMPORT_CASES = {
    "new_object_is_added_with_labels": (None, sample(), labelling(CAT), sample(**IMPORTED)),
    "new_object_is_added_without_labels": (None, sample(), labelling(), sample()),
    "labels_replace_the_stored_ones": (
        labelled(),
        None,
        labelling(CAT),
        sample(**IMPORTED, metadata={"colour": "red"}, usage=Usage.EVAL),
    ),
    "stored_labels_stay_without_imported_ones": (labelled(), None, labelling(), labelled()),
    "deleted_sample_returns": (sample().tombstone(), sample(), labelling(CAT), sample(**IMPORTED)),
    "labels_can_be_unconfirmed": (
        sample(),
        None,
        labelling(CAT, status=SampleStatus.AUTO_ANNOTATION),
        sample(**{**IMPORTED, "status": SampleStatus.AUTO_ANNOTATION}),
    ),
    "metadata_are_added": (
        sample(metadata={"a": 1, "b": 1}),
        None,
        labelling(metadata={"b": 2}),
        sample(metadata={"a": 1, "b": 2}),
    ),
    "usage_is_replaced": (
        labelled(),
        None,
        labelling(usage=Usage.TRAIN),
        msgspec.structs.replace(labelled(), usage=Usage.TRAIN),
    ),
}


@pytest.mark.parametrize(("stored", "found", "brought", "merged"), IMPORT_CASES.values(), ids=IMPORT_CASES.keys())
def test_merge_import_by_stored_sample_and_labels(
    stored: SampleRecord | None, found: SampleRecord | None, brought: IncomingLabels, merged: SampleRecord
) -> None:
    result = merge_import(stored, Candidate("1", found, brought), DatasetType.IMAGE_CLASSIFICATION)
    assert result is not None
    for label in result.labels:  # the rules fill in type and properties
        label.type, label.property = None, None
    assert result == merged


@pytest.mark.parametrize("stored", [None, sample().tombstone()])
def test_merge_import_without_any_sample_is_refused(stored: SampleRecord | None) -> None:
    with pytest.raises(ApiError) as raised:
        merge_import(stored, Candidate("1", None, labelling(CAT)), DatasetType.IMAGE_CLASSIFICATION)
    assert raised.value.error is FILE_NOT_FOUND


def test_merge_import_with_a_label_of_another_type_is_refused() -> None:
    label = SampleLabel(name="x", type=1)  # type: ignore[arg-type]
    with pytest.raises(ApiError) as raised:
        merge_import(sample(), Candidate("1", None, labelling(label)), DatasetType.IMAGE_CLASSIFICATION)
    assert raised.value.error is LABEL_INCOMPATIBLE


UPLOAD_CASES = {
    "new_object_is_added": (None, sample(NEW), labelling(CAT), sample(NEW, **IMPORTED)),
    "sample_that_the_watcher_added_first_gets_the_labels": (
        sample(NEW),
        sample(NEW),
        labelling(CAT),
        sample(NEW, **IMPORTED),
    ),
    "deleted_sample_is_replaced": (sample().tombstone(), sample(NEW), labelling(), sample(NEW)),
    "line_gets_its_labels": (sample(None, text="a"), None, labelling(CAT), sample(None, text="a", **IMPORTED)),
    "line_that_is_gone_again_is_left": (None, None, labelling(CAT), None),
}


@pytest.mark.parametrize(("stored", "found", "brought", "merged"), UPLOAD_CASES.values(), ids=UPLOAD_CASES.keys())
def test_merge_upload_of_a_created_object(
    stored: SampleRecord | None, found: SampleRecord | None, brought: IncomingLabels, merged: SampleRecord | None
) -> None:
    assert merge_upload(stored, Candidate("1", found, brought, is_created=True)) == merged


@pytest.mark.parametrize("stored", [None, sample(), labelled(), sample().tombstone()])
def test_merge_upload_of_an_existing_object_is_refused(stored: SampleRecord | None) -> None:
    with pytest.raises(ApiError) as raised:
        merge_upload(stored, Candidate("1", None, name="/bucket/in/1.png"))
    assert (raised.value.error, raised.value.detail) == (SAMPLE_EXISTS, "/bucket/in/1.png")


def test_merge_import_without_labelling_keeps_the_stored_sample() -> None:
    assert merge_import(labelled(), Candidate("1"), DatasetType.IMAGE_CLASSIFICATION) == labelled()


def test_merge_upload_without_labelling_adds_the_new_sample() -> None:
    assert merge_upload(None, Candidate("1", sample(NEW), is_created=True)) == sample(NEW)


def test_candidate_and_labelling_cannot_be_changed() -> None:
    """A policy must not change its input, because the pipeline reads it again afterwards."""
    for value, member in ((Candidate("1"), "id"), (labelling(CAT), "by")):
        with pytest.raises(AttributeError):
            setattr(value, member, "x")


def test_candidate_defaults_to_a_found_object_without_name() -> None:
    candidate = Candidate("1")
    assert (candidate.sample, candidate.labelling, candidate.is_created, candidate.name) == (None, None, False, "")
