"""Wire types of the labels family."""

from __future__ import annotations

from typing import Any, Literal

from modelarts_emulator.contract.wire import Integer, LabelType, Shape, Wire, prefixed


class LabelAttributeValue(Wire, kw_only=True):
    """LabelAttributeValue."""

    id: str | None = None
    value: str | None = None


class LabelAttribute(Wire, kw_only=True):
    """LabelAttribute."""

    default_value: str | None = None
    id: str | None = None
    name: str | None = None
    type: Literal["text", "select"] | None = None
    values: list[LabelAttributeValue] | None = None


class LabelProperty(Wire, kw_only=True, rename=prefixed, forbid_unknown_fields=False):
    """LabelProperty."""

    color: str | None = None
    default_shape: Shape | None = None
    from_type: str | None = None
    rename_to: str | None = None
    shortcut: str | None = None
    to_type: str | None = None


class Label(Wire, kw_only=True):
    """Label."""

    attributes: list[LabelAttribute] | None = None
    name: str | None = None
    property: dict[str, Any] | None = None
    type: LabelType | None = None


class LabelStats(Wire, kw_only=True):
    """LabelStats."""

    attributes: list[LabelAttribute] | None = None
    count: Integer | None = None
    name: str | None = None
    property: dict[str, Any] | None = None
    sample_count: Integer | None = None
    type: LabelType | None = None


class BatchResponse(Wire, kw_only=True):
    """BatchResponse."""

    error_code: str | None = None
    error_msg: str | None = None
    success: bool | None = None


class ListLabelsQuery(Wire, kw_only=True):
    """Querying the Dataset Label List."""

    version_id: str | None = None


class ListLabelsResponse(Wire, kw_only=True):
    """Querying the Dataset Label List."""

    labels: list[Label] | None = None


class CreateLabelsRequest(Wire, kw_only=True):
    """Creating a Dataset Label."""

    labels: list[Label] | None = None


class CreateLabelsResponse(Wire, kw_only=True):
    """Creating a Dataset Label."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[BatchResponse] | None = None
    success: bool | None = None


class UpdateLabelsRequest(Wire, kw_only=True):
    """Modifying Labels in Batches."""

    labels: list[Label] | None = None


class UpdateLabelsResponse(Wire, kw_only=True):
    """Modifying Labels in Batches."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[BatchResponse] | None = None
    success: bool | None = None


class DeleteLabelsQuery(Wire, kw_only=True):
    """Deleting Labels in Batches."""

    delete_policy: Literal[0, 1, 2] | None = None


class DeleteLabelsRequest(Wire, kw_only=True):
    """Deleting Labels in Batches."""

    labels: list[Label] | None = None


class DeleteLabelsResponse(Wire, kw_only=True):
    """Deleting Labels in Batches."""

    error_code: str | None = None
    error_msg: str | None = None
    results: list[BatchResponse] | None = None
    success: bool | None = None


class DeleteLabelAndSamplesQuery(Wire, kw_only=True):
    """Deleting a Label and the Files that Only Contain the Label."""

    delete_source: bool = False
    label_type: LabelType | None = None


class DeleteLabelAndSamplesResponse(Wire, kw_only=True):
    """Deleting a Label and the Files that Only Contain the Label."""

    error_code: str | None = None
    error_msg: str | None = None
    success: bool | None = None


class UpdateLabelQuery(Wire, kw_only=True):
    """Updating a Label by Label Names."""

    label_type: LabelType | None = None


class UpdateLabelRequest(LabelProperty, kw_only=True, rename=prefixed):
    """Updating a Label by Label Names."""


class UpdateLabelResponse(Wire, kw_only=True):
    """Updating a Label by Label Names."""

    error_code: str | None = None
    error_msg: str | None = None
    success: bool | None = None
