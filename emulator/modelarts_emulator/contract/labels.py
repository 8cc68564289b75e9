"""Requests and answers of the operations on labels."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from modelarts_emulator.contract.wire import (
    AttributeName,
    Integer,
    LabelLimit,
    LabelType,
    Offset,
    Shape,
    Wire,
    prefixed,
)

Color = Annotated[str, Meta(pattern="^(#([0-9a-fA-F]{3}){1,2})?$")]


class LabelAttributeValue(Wire, kw_only=True):
    """One option of a label attribute of type ``select``."""

    id: str | None = None
    """Identifier of the option."""
    value: str | None = None
    """Text of the option."""


class LabelAttribute(Wire, kw_only=True):
    """An attribute that every label of this name can carry, such as ``occluded``."""

    default_value: str | None = None
    """Value of labels that set none."""
    id: str | None = None
    """Identifier of the attribute."""
    name: AttributeName | None = None
    """Display name of the attribute, up to 64 characters without ``!<>=&"'``."""
    type: Literal["text", "select"] | None = None
    """Kind of value: ``text`` free text, ``select`` one of ``values``."""
    values: list[LabelAttributeValue] | LabelAttributeValue | None = None
    """Options of an attribute of type ``select``; a single one as an object if it was sent so, as by the Go client."""


class LabelProperty(Wire, kw_only=True, rename=prefixed, forbid_unknown_fields=False):
    """Properties of a label. Members without the prefix ``@modelarts:`` are the user's own and are kept as they are."""

    color: Color | None = None
    """Display color, ``#`` and three or six hexadecimal digits; may be empty."""
    default_shape: Shape | None = None
    """Shape that an object detection label is drawn with unless the sample's label says otherwise."""
    from_type: str | None = None
    """Name of the entity label at which a relation of a triplet dataset starts."""
    rename_to: str | None = None
    """New name of the label, in a request that changes it."""
    shortcut: str | None = None
    """Keyboard shortcut for this label; unique in the dataset."""
    to_type: str | None = None
    """Name of the entity label at which a relation of a triplet dataset ends."""


class Label(Wire, kw_only=True):
    """A label of a dataset, identified by name and type."""

    attributes: list[LabelAttribute] | None = None
    """Attributes that labels of this name can carry."""
    name: str | None = None
    """Display name, which samples refer to."""
    property: dict[str, Any] | None = None
    """Color, shape, shortcut and other properties; see ``LabelProperty``."""
    type: LabelType | None = None
    """Kind of label; the default of the dataset's type if absent."""


class LabelOrName(Label, kw_only=True):
    """A label in a filter. It can also be sent as its name alone, as in the newer examples."""

    TEXT_MEMBER: ClassVar[str] = "name"
    """The member that a text is the value of."""


class LabelStats(Label, kw_only=True):
    """A label with the number of times it is used."""

    count: Integer | None = None
    """Number of uses of the label; several boxes in one picture count each."""
    sample_count: Integer | None = None
    """Number of samples that have the label."""


class BatchResponse(Wire, kw_only=True):
    """Result for one item of a batch request."""

    error_code: str | None = None
    """Code of the error, such as ``ModelArts.4410``; absent after success."""
    error_msg: str | None = None
    """Text of the error; absent after success."""
    success: bool | None = None
    """Whether the item was processed."""


class ListLabelsQuery(Wire, kw_only=True):
    """Select the labels of a dataset or of one of its versions.

    Reference: ``label_management/querying_the_dataset_label_list``.
    """

    limit: LabelLimit = 100_000
    """Page size, 1 to 100,000; 100,000 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    version_id: str | None = None
    """Dataset version to read; the dataset itself if absent."""


class ListLabelsResponse(Wire, kw_only=True):
    """A page of the labels of a dataset or version.

    Reference: ``label_management/querying_the_dataset_label_list``.
    """

    labels: list[Label] | None = None
    """Labels on this page, in their display order."""
    total_number: Integer | None = None
    """Labels on all pages."""


class CreateLabelsRequest(Wire, kw_only=True):
    """Add labels to a dataset.

    Reference: ``label_management/creating_a_dataset_label``.
    """

    labels: list[Label] | None = None
    """Labels to add, with names that the dataset does not have yet; at least one."""


class CreateLabelsResponse(BatchResponse, kw_only=True):
    """Result of adding labels; ``success`` is true if every label was added.

    Reference: ``label_management/creating_a_dataset_label``.
    """

    results: list[BatchResponse] | None = None
    """Result of each label, in the order of the request."""


class UpdateLabelsRequest(Wire, kw_only=True):
    """Change labels of a dataset.

    Reference: ``label_management/modifying_labels_in_batches``.
    """

    labels: list[Label] | None = None
    """Labels to change, found by name and type, with their new properties and attributes; at least one."""


class UpdateLabelsResponse(BatchResponse, kw_only=True):
    """Result of changing labels; ``success`` is true if every label was changed.

    Reference: ``label_management/modifying_labels_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result of each label, in the order of the request."""


class DeleteLabelsQuery(Wire, kw_only=True):
    """Select whether samples of deleted labels are deleted too.

    Reference: ``label_management/deleting_labels_in_batches``.
    """

    delete_policy: Literal[0, 1, 2] | None = None
    """Extent of the deletion: 0 the label (default), 1 also samples with no other label, 2 also their files."""


class DeleteLabelsRequest(Wire, kw_only=True):
    """Delete labels of a dataset.

    Reference: ``label_management/deleting_labels_in_batches``.
    """

    labels: list[Label] | None = None
    """Labels to delete, found by name and type; at least one."""


class DeleteLabelsResponse(BatchResponse, kw_only=True):
    """Result of deleting labels; ``success`` is true if every label was deleted.

    Reference: ``label_management/deleting_labels_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result of each label, in the order of the request."""


class DeleteLabelAndSamplesQuery(Wire, kw_only=True):
    """Say which label of this name is meant, and whether files are deleted.

    Reference: ``label_management/deleting_a_label_and_the_files_that_only_contain_the_label``.
    """

    delete_source: bool = False
    """Whether the files of the deleted samples are deleted too; false by default."""
    label_type: LabelType | None = None
    """Kind of label; the default of the dataset's type if absent."""


class UpdateLabelQuery(Wire, kw_only=True):
    """Say which label of this name is meant.

    Reference: ``label_management/updating_a_label_by_label_names``.
    """

    label_type: LabelType | None = None
    """Kind of label; the default of the dataset's type if absent."""


class UpdateLabelRequest(LabelProperty, kw_only=True, rename=prefixed):
    """New properties of a label.

    Reference: ``label_management/updating_a_label_by_label_names``.
    """
