"""Wire types of the samples family."""

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
    """SampleMetadata."""

    hard: float | None = None
    hard_coefficient: float | None = None
    hard_reasons: list[Integer] | None = None
    size: list[int] | None = None


class SampleLabelProperty(Wire, kw_only=True, rename=prefixed, forbid_unknown_fields=False):
    """SampleLabelProperty."""

    content: str | None = None
    end_index: Integer | None = None
    end_time: str | None = None
    feature: Any | None = None
    from_: str | None = None
    hard: str | None = None
    hard_coefficient: str | None = None
    hard_reasons: str | None = None
    shape: Shape | None = None
    source: str | None = None
    start_index: Integer | None = None
    start_time: str | None = None
    to: str | None = None


class SampleLabel(Wire, kw_only=True):
    """SampleLabel."""

    annotated_by: str | None = None
    id: str | None = None
    name: str | None = None
    property: dict[str, Any] | None = None
    score: float | None = None
    type: LabelType | None = None


class HardDetail(Wire, kw_only=True):
    """HardDetail."""

    alo_name: str | None = None
    id: Integer | None = None
    reason: str | None = None
    suggestion: str | None = None


class DescribeSampleResp(Wire, kw_only=True):
    """DescribeSampleResp."""

    annotated_by: str | None = None
    check_accept: bool | None = None
    check_comment: str | None = None
    check_score: str | None = None
    deletion_reasons: list[str] | None = None
    hard_details: dict[str, HardDetail] | None = None
    labelers: list[Worker] | None = None
    labels: list[SampleLabel] | None = None
    metadata: dict[str, Any] | None = None
    preview: str | None = None
    review_accept: bool | None = None
    review_comment: str | None = None
    review_score: str | None = None
    sample_data: list[str] | None = None
    sample_dir: str | None = None
    sample_id: str | None = None
    sample_name: str | None = None
    sample_size: Long | None = None
    sample_status: SampleStatus | None = None
    sample_time: Long | None = None
    sample_type: SampleType | None = None
    score: str | None = None
    source: str | None = None
    sub_sample_url: str | None = None
    worker_id: str | None = None


class Sample(Wire, kw_only=True):
    """Sample."""

    data: Any | None = None
    data_source: DataSource | None = None
    encoding: str = "UTF-8"
    labels: list[SampleLabel] | None = None
    metadata: dict[str, Any] | None = None
    name: SampleName | None = None
    sample_type: SampleType | None = None


class SampleLabels(Wire, kw_only=True):
    """SampleLabels."""

    labels: list[SampleLabel] | None = None
    metadata: dict[str, Any] | None = None
    sample_id: str | None = None
    sample_type: SampleType | None = None
    sample_usage: Usage | None = None
    source: str | None = None
    worker_id: str | None = None


class UploadSampleResp(Wire, kw_only=True):
    """UploadSampleResp."""

    error_code: str | None = None
    error_msg: str | None = None
    info: str | None = None
    name: str | None = None
    success: bool | None = None


class SearchProp(Wire, kw_only=True):
    """SearchProp."""

    op: Operator | None = None
    props: dict[str, list[str]] | None = None


class SearchLabel(Wire, kw_only=True):
    """SearchLabel."""

    name: str | None = None
    op: Operator | None = None
    property: dict[str, list[str] | None] | None = None
    """Values by attribute; ``null`` for any value."""
    type: LabelType | None = None


class SearchLabels(Wire, kw_only=True):
    """SearchLabels."""

    labels: list[SearchLabel] | None = None
    op: Operator | None = None


class SearchCondition(Wire, kw_only=True):
    """SearchCondition."""

    coefficient: str | None = None
    frame_in_video: Integer | None = None
    hard: str | None = None
    import_origin: str | None = None
    kvp: str | None = None
    label_list: SearchLabels | None = None
    labeler: str | None = None
    metadata: SearchProp | None = None
    parent_sample_id: str | None = None
    sample_dir: str | None = None
    sample_name: str | None = None
    sample_time: str | None = None
    score: str | None = None
    slice_thickness: str | None = None
    study_date: str | None = None
    time_in_video: str | None = None


class ListSamplesQuery(Wire, kw_only=True):
    """Querying the Sample List."""

    email: str | None = None
    high_score: str = "1"
    label_name: str | None = None
    label_type: DatasetType | None = None
    limit: Limit = 10
    locale: Locale = Locale.EN
    low_score: str = "0"
    offset: Offset = 0
    order: Order = Order.DESC
    preview: bool | None = None
    process_parameter: str | None = None
    sample_state: SampleState | None = None
    sample_type: SampleType = SampleType.FREE_FORMAT
    search_conditions: str | None = None
    version_id: str | None = None


class ListSamplesResponse(Wire, kw_only=True):
    """Querying the Sample List."""

    sample_count: Integer | None = None
    samples: list[DescribeSampleResp] | None = None


class UploadSamplesJsonRequest(Wire, kw_only=True):
    """Adding Samples in Batches."""

    final_annotation: bool = True
    label_format: LabelFormat | None = None
    samples: list[Sample] | None = None


class UploadSamplesJsonResponse(Wire, kw_only=True):
    """Adding Samples in Batches."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[UploadSampleResp] | None = None
    success: bool | None = None


class UpdateSamplesRequest(Wire, kw_only=True):
    """Updating Sample Labels in Batches."""

    email: str | None = None
    samples: list[SampleLabels] | None = None


class UpdateSamplesResponse(Wire, kw_only=True):
    """Updating Sample Labels in Batches."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[BatchResponse] | None = None
    success: bool | None = None


class DeleteSamplesRequest(Wire, kw_only=True):
    """Deleting Samples in Batches."""

    delete_source: bool = False
    samples: list[str] | None = None


class DeleteSamplesResponse(Wire, kw_only=True):
    """Deleting Samples in Batches."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[BatchResponse] | None = None
    success: bool | None = None


class DescribeSampleQuery(Wire, kw_only=True):
    """Querying Details About a Sample."""

    locale: Locale = Locale.EN
    sample_state: SampleState | None = None
    worker_id: str | None = None


class ListSearchResponse(Wire, kw_only=True):
    """Obtaining Sample Search Condition."""

    labelers: list[str] | None = None
    labels: list[Label] | None = None
    metadata: dict[str, list[str]] | None = None
