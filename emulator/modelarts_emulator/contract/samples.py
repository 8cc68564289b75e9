"""Requests and answers of the operations on samples."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.contract.labels import BatchResponse, Label
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.wire import (
    DatasetType,
    Integer,
    LabelType,
    Limit,
    Locale,
    Long,
    Offset,
    Operator,
    Order,
    SampleName,
    SampleState,
    SampleStatus,
    SampleType,
    Shape,
    Usage,
    Wire,
    prefixed,
)
from modelarts_emulator.contract.workforce import Worker


class SampleMetadata(Wire, kw_only=True, rename=prefixed, forbid_unknown_fields=False):
    """Metadata of a sample. Members without the prefix ``@modelarts:`` are the user's own and are kept as they are."""

    hard: float | None = None
    """Hard example mark: 1 for a hard example, 0 otherwise."""
    hard_coefficient: float | None = None
    """Difficulty of a hard example, 0 to 1."""
    hard_reasons: list[Integer] | None = None
    """Codes 0 to 30 of the reasons why it is a hard example."""
    import_origin: Integer | None = None
    """Kind of source that the sample was imported from: 0 OBS, as in the data type of a source."""
    size: list[int] | None = None
    """Width and height of a picture in pixels, and its number of channels."""


class SampleLabelProperty(Wire, kw_only=True, rename=prefixed, forbid_unknown_fields=False):
    """Properties of a sample's label. Members without the prefix ``@modelarts:`` are attribute values."""

    content: str | None = None
    """Text of a speech label."""
    end_index: Integer | None = None
    """Index of the character after the end of an entity, counted from 0."""
    end_time: str | None = None
    """End of a speech segment as ``hh:mm:ss.SSS``."""
    feature: Any | None = None
    """Points of the shape as ``[[x, y], …]`` in pixels from the upper left corner; for a circle center and radius."""
    from_: str | None = None
    """Id of the entity label at which a relation starts."""
    hard: str | None = None
    """Hard example mark: ``1`` or ``true`` for a hard example, ``0`` or ``false`` otherwise."""
    hard_coefficient: str | None = None
    """Difficulty of a hard example, ``0`` to ``1`` as decimal text."""
    hard_reasons: str | None = None
    """Codes 0 to 30 of the reasons why it is a hard example, joined by ``-``."""
    shape: Shape | None = None
    """Shape of an object detection label."""
    source: str | None = None
    """Speaker or other origin of a speech segment."""
    start_index: Integer | None = None
    """Index of the first character of an entity, counted from 0."""
    start_time: str | None = None
    """Start of a speech segment as ``hh:mm:ss.SSS``."""
    to: str | None = None
    """Id of the entity label at which a relation ends."""


class SampleLabel(Wire, kw_only=True):
    """A label that a sample has."""

    annotated_by: str | None = None
    """Labeler: ``human`` with an optional ``/<email>``, or ``auto``."""
    id: str | None = None
    """Identifier within the sample, which relations refer to."""
    name: str | None = None
    """Name of a label of the dataset."""
    property: dict[str, Any] | None = None
    """Shape, text position and attribute values; see ``SampleLabelProperty``."""
    score: float | None = None
    """Confidence, 0 to 1."""
    type: LabelType | None = None
    """Kind of label; the default of the dataset's type if absent."""


class HardDetail(Wire, kw_only=True):
    """One reason why a sample is a hard example."""

    alo_name: str | None = None
    """Algorithm that found the reason."""
    id: Integer | None = None
    """Code of the reason, 0 to 30."""
    reason: str | None = None
    """Explanation in the language of the request."""
    suggestion: str | None = None
    """Advice on how to deal with such samples."""


class DescribeSampleResp(Wire, kw_only=True):
    """A sample of a dataset or version.

    Reference: ``sample_management/querying_details_about_a_sample``.
    """

    annotated_by: str | None = None
    """Latest labeler: ``human`` with an optional ``/<email>``, or ``auto``."""
    check_accept: bool | None = None
    """Whether acceptance of a team task passed."""
    check_comment: str | None = None
    """Remark of the acceptance check."""
    check_score: str | None = None
    """Points of the acceptance check."""
    deletion_reasons: list[str] | None = None
    """Reasons for which the sample was deleted."""
    hard_details: dict[str, HardDetail] | None = None
    """Reasons why the sample is a hard example, by code."""
    labelers: list[Worker] | None = None
    """Team members who label the sample."""
    labels: list[SampleLabel] | None = None
    """Labels of the sample."""
    metadata: dict[str, Any] | None = None
    """Picture size, hard example mark and the user's own members; see ``SampleMetadata``."""
    preview: str | None = None
    """URL of a thumbnail; only if the request asks for it."""
    review_accept: bool | None = None
    """Whether the review of a team task passed."""
    review_comment: str | None = None
    """Remark of the team's reviewer."""
    review_score: str | None = None
    """Points that the team's reviewer gave."""
    sample_data: list[str | None] | None = None
    """Values of a row, for a table sample; null for a value that does not fit its column."""
    sample_dir: str | None = None
    """OBS folder of the sample's file."""
    sample_id: str | None = None
    """Identifier of the sample."""
    sample_name: str | None = None
    """File name without its folder."""
    sample_size: Long | None = None
    """Size of the sample's file or text, in bytes."""
    sample_status: SampleStatus | None = None
    """Whether the sample is labelled, and whether the labels are confirmed."""
    sample_time: Long | None = None
    """Time at which the sample's file was last changed, in ms since the epoch."""
    sample_type: SampleType | None = None
    """Kind of data."""
    score: str | None = None
    """Combined score of the sample in a team task."""
    source: str | None = None
    """Signed URL of the file, valid for a limited time; ``content://`` and the text for a text sample."""
    sub_sample_url: str | None = None
    """URL of the part of a larger sample, such as a frame."""
    worker_id: str | None = None
    """Team member that the sample is assigned to."""


class Sample(Wire, kw_only=True):
    """A sample to be uploaded."""

    data: Any | None = None
    """Base64 of the file's bytes, also for a text."""
    data_source: DataSource | None = None
    """OBS path of an existing object, instead of ``data``."""
    encoding: str = "UTF-8"
    """Encoding of a text, such as ``UTF-8`` (default) or ``GBK``."""
    labels: list[SampleLabel] | None = None
    """Labels of the new sample."""
    metadata: dict[str, Any] | None = None
    """Hard example mark, size of an unreadable picture, and the user's own members; see ``SampleMetadata``."""
    name: SampleName | None = None
    """File name, up to 1,024 characters without ``!<>=&"'``; one that does not exist yet."""
    sample_type: SampleType | None = None
    """Kind of data, which must be that of the dataset's samples."""


class SampleLabels(Wire, kw_only=True):
    """A change of one sample."""

    labels: list[SampleLabel] | None = None
    """New labels, which replace all existing ones; an empty list removes them."""
    metadata: dict[str, Any] | None = None
    """Members to set in the sample's metadata; see ``SampleMetadata``."""
    sample_id: str | None = None
    """Sample to change."""
    sample_type: SampleType | None = None
    """Ignored: the dataset's type determines the kind of its samples."""
    sample_usage: Usage | None = None
    """Assign the sample to training, evaluation, test or inference."""
    source: str | None = None
    """Ignored: a sample's file cannot be replaced."""
    worker_id: str | None = None
    """Team member who labelled the sample."""


class UploadSampleResp(BatchResponse, kw_only=True):
    """Result for one uploaded sample."""

    info: str | None = None
    """Id of the new sample."""
    name: str | None = None
    """File name as the request gave it."""


class SearchProp(Wire, kw_only=True):
    """A condition on a sample's metadata."""

    op: Operator | None = None
    """Combination of several members: ``AND`` by default."""
    props: dict[str, list[str]] | None = None
    """Accepted values by metadata member; one of the values has to match."""


class SearchLabel(Wire, kw_only=True):
    """A condition on one label of a sample."""

    name: str | None = None
    """Name that the label has."""
    op: Operator | None = None
    """Combination of several attributes."""
    property: dict[str, list[str] | None] | None = None
    """Accepted values by attribute; ``null`` for any value."""
    type: LabelType | None = None
    """Kind that the label has."""


class SearchLabels(Wire, kw_only=True):
    """A condition on several labels of a sample."""

    labels: list[SearchLabel] | None = None
    """Conditions on single labels."""
    op: Operator | None = None
    """Combination of the conditions: ``OR`` by default."""


class SearchCondition(Wire, kw_only=True):
    """A search condition on samples; all members that are given have to match."""

    coefficient: str | None = None
    """Range of the hard example coefficient, such as ``0.1-0.9``; both ends count."""
    frame_in_video: Integer | None = None
    """Number of a frame in a video."""
    hard: str | None = None
    """Hard example mark: ``1`` or ``true``, ``0`` or ``false``."""
    import_origin: str | None = None
    """Kind of source that the sample was imported from, such as ``0`` for OBS."""
    kvp: str | None = None
    """Tube voltage of a CT picture, in kV."""
    label_list: SearchLabels | None = None
    """Conditions on the sample's labels."""
    labeler: str | None = None
    """Labeler, as in ``annotated_by``."""
    metadata: SearchProp | None = None
    """Conditions on the sample's metadata."""
    parent_sample_id: str | None = None
    """Id of the video that frames belong to."""
    sample_dir: str | None = None
    """OBS folder of the sample's file, without folders below it."""
    sample_name: str | None = None
    """Part of the file name; upper and lower case differ."""
    sample_time: str | None = None
    """Time of the file's latest change: ``month``, ``day``, or UTC dates as ``yyyyMMdd-yyyyMMdd``."""
    score: str | None = None
    """Range of a label's confidence, such as ``0.1-0.9``; both ends count."""
    slice_thickness: str | None = None
    """Slice thickness of a CT picture, in mm."""
    study_date: str | None = None
    """Date of the examination in a CT picture."""
    time_in_video: str | None = None
    """Time of a frame in a video."""


class ListSamplesQuery(Wire, kw_only=True):
    """Select a page of samples. All conditions that are given have to match.

    Reference: ``sample_management/querying_the_sample_list``.
    """

    email: str | None = None
    """List only samples that this person has labelled."""
    high_score: str = "1"
    """Highest confidence of a label, ``0`` to ``1`` as decimal text; ``1`` by default."""
    label_name: str | None = None
    """Only samples that have a label of this name; ``__none__`` selects samples without a label."""
    label_type: DatasetType | None = None
    """Only samples that have a label of this kind."""
    limit: Limit = 10
    """Page size, 1 to 100; 10 by default."""
    locale: Locale = Locale.EN
    """Language of explanations in the answer; English by default."""
    low_score: str = "0"
    """Lowest confidence of a label, ``0`` to ``1`` as decimal text; ``0`` by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Order by time of the file's latest change; latest first by default."""
    preview: bool | None = None
    """Whether the answer has URLs of thumbnails."""
    process_parameter: str | None = None
    """Processing of thumbnails, as in OBS's ``x-image-process``."""
    sample_state: SampleState | None = None
    """Only samples in this state."""
    sample_type: SampleType = SampleType.FREE_FORMAT
    """Only samples of this kind; 9 (default) selects all."""
    search_conditions: str | None = None
    """JSON of one ``SearchCondition`` or a list of them, URL-encoded."""
    version_id: str | None = None
    """Dataset version to read; the current samples if absent."""


class ListSamplesResponse(Wire, kw_only=True):
    """A page of samples.

    Reference: ``sample_management/querying_the_sample_list``.
    """

    sample_count: Integer | None = None
    """Samples on all pages."""
    samples: list[DescribeSampleResp] | None = None
    """Samples on this page."""


class UploadSamplesJsonRequest(Wire, kw_only=True):
    """Upload samples.

    Reference: ``sample_management/adding_samples_in_batches``.
    """

    final_annotation: bool = True
    """Whether the labels are final (default); otherwise they still have to be confirmed."""
    label_format: LabelFormat | None = None
    """Layout of labels in text samples."""
    samples: list[Sample] | None = None
    """Samples to add; at least one."""


class UploadSamplesJsonResponse(BatchResponse, kw_only=True):
    """Result of an upload; ``success`` is true if every sample was added.

    Reference: ``sample_management/adding_samples_in_batches``.
    """

    results: list[UploadSampleResp] | None = None
    """Result of each sample, in the order of the request."""


class UpdateSamplesRequest(Wire, kw_only=True):
    """Change labels of samples.

    Reference: ``manual_labeling/updating_sample_labels_in_batches``.
    """

    email: str | None = None
    """Person who labels, by email address; without it the authenticated user."""
    samples: list[SampleLabels] | None = None
    """Changes, one for each sample; at least one."""


class UpdateSamplesResponse(BatchResponse, kw_only=True):
    """Result of changing labels; ``success`` is true if every sample was changed.

    Reference: ``manual_labeling/updating_sample_labels_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result of each sample, in the order of the request."""


class DeleteSamplesRequest(Wire, kw_only=True):
    """Delete samples.

    Reference: ``sample_management/deleting_samples_in_batches``.
    """

    delete_source: bool = False
    """Whether the samples' files are deleted too; false by default."""
    samples: list[str] | None = None
    """Ids of the samples to delete; at least one."""


class DeleteSamplesResponse(BatchResponse, kw_only=True):
    """Result of deleting samples; ``success`` is true if every sample was deleted.

    Reference: ``sample_management/deleting_samples_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result of each sample, in the order of the request."""


class DescribeSampleQuery(Wire, kw_only=True):
    """Say how a sample is described.

    Reference: ``sample_management/querying_details_about_a_sample``.
    """

    locale: Locale = Locale.EN
    """Language of explanations in the answer; English by default."""
    sample_state: SampleState | None = None
    """State of the sample; accepted without effect."""
    worker_id: str | None = None
    """Team member; accepted without effect."""


class ListSearchResponse(Wire, kw_only=True):
    """Values that samples can be searched by.

    Reference: ``sample_management/obtaining_sample_search_condition``.
    """

    labelers: list[str] | None = None
    """Labelers of the dataset's samples, as in ``annotated_by``."""
    labels: list[Label] | None = None
    """Labels of the dataset."""
    metadata: dict[str, list[str]] | None = None
    """Values in use, by metadata member."""
