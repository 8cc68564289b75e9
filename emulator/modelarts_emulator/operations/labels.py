"""Label management: the labels a dataset knows, with colour, shape, shortcut and attributes.

Reference: ``api-ref/source/data_management/label_management/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import (
    ENTITY_IN_USE,
    LABEL_EXISTS,
    LABEL_INCOMPATIBLE,
    LABEL_NOT_FOUND,
    PARAMETER_INVALID,
    SHORTCUT_EXISTS,
    TRIPLET_ENTITY_NOT_FOUND,
    UNSUPPORTED_TYPE,
    ApiError,
)
from modelarts_emulator.contract.labels import (
    BatchResponse,
    CreateLabelsRequest,
    CreateLabelsResponse,
    DeleteLabelAndSamplesQuery,
    DeleteLabelsQuery,
    DeleteLabelsRequest,
    DeleteLabelsResponse,
    Label,
    LabelProperty,
    LabelStats,
    ListLabelsQuery,
    ListLabelsResponse,
    UpdateLabelQuery,
    UpdateLabelRequest,
    UpdateLabelsRequest,
    UpdateLabelsResponse,
)
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.task_rules import require_annotation_allowed
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import delete_sample, with_remaining_labels
from modelarts_emulator.samples.label_rules import require_label_name, without_dangling_relations
from modelarts_emulator.store import DatasetReader, DatasetWriter

MAX_LABELS = 10_000
SHORTCUT = "@modelarts:shortcut"
ENDS = ("@modelarts:from_type", "@modelarts:to_type")


def list_labels(runtime: Runtime, context: RequestContext, query: ListLabelsQuery) -> ListLabelsResponse:
    """All labels of a dataset, or of one of its versions. Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        if query.version_id:
            return ListLabelsResponse(labels=context.version(dataset, query.version_id).labels)
        return ListLabelsResponse(labels=dataset.labels)


def create_labels(runtime: Runtime, context: RequestContext, request: CreateLabelsRequest) -> CreateLabelsResponse:
    """Create labels one by one; one that is refused fails alone.

    Items fail with LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND. Raises
    DATASET_NOT_FOUND, UNSUPPORTED_TYPE.
    """
    results = _each(runtime, context, request.labels, add_label, order=entities_first)
    return CreateLabelsResponse(success=all(result.success for result in results), results=results)


def update_labels(runtime: Runtime, context: RequestContext, request: UpdateLabelsRequest) -> UpdateLabelsResponse:
    """Change labels one by one, ``@modelarts:rename_to`` on every sample too; one that is refused fails alone.

    Items fail with LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND. Raises
    DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    results = _each(runtime, context, request.labels, update_label)
    return UpdateLabelsResponse(success=all(result.success for result in results), results=results)


def delete_labels(
    runtime: Runtime, context: RequestContext, query: DeleteLabelsQuery, request: DeleteLabelsRequest
) -> DeleteLabelsResponse:
    """Delete labels one by one; ``delete_policy`` 1 also the samples with only this label, 2 their files as well.

    Items fail with LABEL_NOT_FOUND, ENTITY_IN_USE. Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION,
    PARAMETER_INVALID.
    """
    policy = query.delete_policy or 0
    results = _each(runtime, context, request.labels, lambda dataset, label: _delete(runtime, dataset, label, policy))
    return DeleteLabelsResponse(success=all(result.success for result in results), results=results)


def update_named_label(
    runtime: Runtime, context: RequestContext, query: UpdateLabelQuery, request: UpdateLabelRequest
) -> None:
    """Change the label that the path names. Raises as an item of ``update_labels`` fails, and DATASET_NOT_FOUND."""
    label = Label(name=context.label_name, type=query.label_type, property=msgspec.to_builtins(request))
    _each(runtime, context, [label], update_label, alone=True)


def delete_label_and_samples(runtime: Runtime, context: RequestContext, query: DeleteLabelAndSamplesQuery) -> None:
    """Delete the label that the path names and the samples with only this label, with ``delete_source`` their files.

    Raises LABEL_NOT_FOUND, ENTITY_IN_USE, DATASET_NOT_FOUND.
    """
    label = Label(name=context.label_name, type=query.label_type)
    policy = 2 if query.delete_source else 1
    _each(runtime, context, [label], lambda dataset, item: _delete(runtime, dataset, item, policy), alone=True)


def _each(
    runtime: Runtime,
    context: RequestContext,
    labels: list[Label] | None,
    action: Callable[[DatasetWriter, Label], None],
    *,
    order: Callable[[Sequence[Label]], list[int]] = lambda labels: list(range(len(labels))),
    alone: bool = False,
) -> list[BatchResponse]:
    """Do the same with every label, in one atomic group. ``alone``: there is one, and its error is the answer."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    require_labels(record.type)
    require_annotation_allowed(runtime, record)
    if not labels:
        raise ApiError(PARAMETER_INVALID, "labels: at least one is needed")
    with runtime.store.writing(record.id) as dataset:
        if alone:
            action(dataset, labels[0])
            return []
        results = {number: outcome(lambda n=number: action(dataset, labels[n])) for number in order(labels)}
    return [results[number] for number in range(len(labels))]


def _delete(runtime: Runtime, dataset: DatasetWriter, label: Label, policy: int) -> None:
    known = _require_label(dataset, label)
    if known.type == LabelType.TRIPLET_ENTITY:
        _require_unused_entity(dataset, known)
    if policy:
        for sample in list(dataset.labelled(str(known.name), known.type)):
            if all((item.name, item.type) == (known.name, known.type) for item in sample.labels):
                delete_sample(runtime, dataset, delete_source=policy == 2, identity=sample.id)
    delete_label(dataset, known)


def _require_unused_entity(dataset: DatasetWriter, entity: Label) -> None:
    """Raise ENTITY_IN_USE where relations need such entities: by their definition, or on a sample."""
    for label in dataset.labels:
        if entity.name in [(label.property or {}).get(end) for end in ENDS]:
            raise ApiError(ENTITY_IN_USE, f"{entity.name}: by {label.name}")
    for sample in dataset.labelled(str(entity.name), entity.type):
        left = [item for item in sample.labels if (item.name, item.type) != (entity.name, entity.type)]
        if len(without_dangling_relations(left)) < len(left):
            raise ApiError(ENTITY_IN_USE, f"{entity.name}: on sample {sample.id}")


def outcome(action: Callable[..., None], *arguments: Any) -> BatchResponse:
    """Call an action on one item of a batch and return its result; an ApiError becomes a failed one."""
    try:
        action(*arguments)
    except ApiError as error:
        return BatchResponse(success=False, error_code=error.error.code, error_msg=error.message)
    return BatchResponse(success=True)


def require_labels(dataset_type: DatasetType) -> None:
    """Raise UNSUPPORTED_TYPE where a dataset of this type cannot be labelled."""
    if not DATASET_TYPES[dataset_type].labels:
        raise ApiError(UNSUPPORTED_TYPE, f"a dataset of type {int(dataset_type)} has no labels")


def entities_first(labels: Sequence[Label]) -> list[int]:
    """In which order labels of one request are added: a relation that stands before its entities comes last."""
    places = {label.name: number for number, label in enumerate(labels)}
    return sorted(
        range(len(labels)), key=lambda number: any(places.get(end, -1) > number for end in _ends(labels[number]))
    )


def _ends(label: Label) -> set[str]:
    """The entities that a relation names."""
    named = ((label.property or {}).get(end) for end in ENDS)
    return {end for end in named if isinstance(end, str) and end}


def _require_entities(dataset: DatasetWriter, relation: Label) -> None:
    if relation.type != LabelType.TRIPLET_RELATION:
        return
    for name in sorted(_ends(relation)):
        if dataset.label(name, LabelType.TRIPLET_ENTITY) is None:
            raise ApiError(TRIPLET_ENTITY_NOT_FOUND, f"{relation.name}: {name}")


def add_label(dataset: DatasetWriter, label: Label) -> None:
    """Add a label.

    Raises LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND, PARAMETER_INVALID (too many).
    """
    new = complete(label, dataset.record.type)
    if dataset.label(str(new.name), new.type) is not None:
        raise ApiError(LABEL_EXISTS, str(new.name))
    if len(dataset.labels) >= MAX_LABELS:
        raise ApiError(PARAMETER_INVALID, f"labels: a dataset has at most {MAX_LABELS}")
    _require_free_shortcut(dataset, new)
    _require_entities(dataset, new)
    dataset.put_label(new)


def update_label(dataset: DatasetWriter, label: Label) -> None:
    """Change a label's properties and, by ``rename_to``, its name on every sample.

    Raises LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND.
    """
    known = _require_label(dataset, label)
    property_ = {**(known.property or {}), **_checked_property(label)}
    renamed = property_.pop("@modelarts:rename_to", None)
    new = msgspec.structs.replace(
        known,
        name=require_label_name(renamed) if renamed else known.name,
        property=property_,
        attributes=known.attributes if label.attributes is None else label.attributes,
    )
    _require_free_shortcut(dataset, new, besides=known)
    if _ends(new) != _ends(known):
        _require_entities(dataset, new)
    if new.name == known.name:
        dataset.put_label(new)
        return
    if dataset.label(str(new.name), new.type) is not None:
        raise ApiError(LABEL_EXISTS, str(new.name))
    dataset.remove_label(str(known.name), known.type)
    dataset.put_label(new)
    relabel_samples(dataset, known, str(new.name))
    if known.type == LabelType.TRIPLET_ENTITY:
        _rename_ends(dataset, str(known.name), str(new.name))


def _rename_ends(dataset: DatasetWriter, old: str, new: str) -> None:
    """Let relations name an entity by its new name."""
    for label in list(dataset.labels):
        property_ = label.property or {}
        ends = {end: new for end in ENDS if property_.get(end) == old}
        if ends:
            dataset.put_label(msgspec.structs.replace(label, property={**property_, **ends}))


def delete_label(dataset: DatasetWriter, label: Label) -> None:
    """Delete a label, and take it off every sample. Raises LABEL_NOT_FOUND."""
    known = _require_label(dataset, label)
    dataset.remove_label(str(known.name), known.type)
    relabel_samples(dataset, known, None)


def relabel_samples(dataset: DatasetWriter, label: Label, name: str | None) -> None:
    """Give a label another name on every sample that has it, or take it off where ``name`` is None.

    Relations between entities that are taken off go with them.
    """
    for sample in list(dataset.labelled(str(label.name), label.type)):
        labels: list[SampleLabel] = []
        for item in sample.labels:
            if (item.name, item.type) != (label.name, label.type):
                labels.append(item)
            elif name is not None:
                labels.append(msgspec.structs.replace(item, name=name))
        dataset.put_sample(with_remaining_labels(sample, without_dangling_relations(labels)))


def ensure_labels(dataset: DatasetWriter, labels: Iterable[SampleLabel]) -> None:
    """Create the labels of a sample that the dataset does not know yet."""
    for label in labels:
        if label.name is not None and dataset.label(label.name, label.type) is None:
            add_label(dataset, Label(name=label.name, type=label.type, property={}))


def complete(label: Label, dataset_type: DatasetType) -> Label:
    """A label as it is kept: type filled in, properties checked. Raises LABEL_INCOMPATIBLE, UNSUPPORTED_TYPE."""
    require_labels(dataset_type)
    types = DATASET_TYPES[dataset_type].labels
    name = require_label_name(label.name)
    property_ = _checked_property(label)
    property_.pop("@modelarts:rename_to", None)
    label_type = label.type
    if label_type is None:
        relation = "@modelarts:from_type" in property_ and LabelType.TRIPLET_RELATION in types
        label_type = LabelType.TRIPLET_RELATION if relation else types[0]
    if label_type not in types:
        raise ApiError(LABEL_INCOMPATIBLE, f"{name[:80]}: type {int(label_type)} does not belong to this dataset")
    return msgspec.structs.replace(label, name=name, type=label_type, property=property_)


def label_stats(labels: Sequence[Label], stats: dict[tuple[str, int | None], tuple[int, int]]) -> list[LabelStats]:
    """How often each label is used: ``count`` labels on ``sample_count`` samples."""
    rows = []
    for label in labels:
        count, samples = stats.get((str(label.name), label.type), (0, 0))
        rows.append(
            LabelStats(
                name=label.name,
                type=label.type,
                property=label.property,
                attributes=label.attributes,
                count=count,
                sample_count=samples,
            )
        )
    return rows


def _require_label(dataset: DatasetReader, label: Label) -> Label:
    known = dataset.label(require_label_name(label.name), label.type)
    if known is None:
        raise ApiError(LABEL_NOT_FOUND, str(label.name))
    return known


def _checked_property(label: Label) -> dict[str, Any]:
    raw = {key: value for key, value in (label.property or {}).items() if value is not None}
    try:
        known = msgspec.convert(raw, LabelProperty, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(LABEL_INCOMPATIBLE, f"{str(label.name)[:80]}: property: {error}") from None
    return {**raw, **msgspec.to_builtins(known)}


def _require_free_shortcut(dataset: DatasetReader, label: Label, besides: Label | None = None) -> None:
    shortcut = (label.property or {}).get(SHORTCUT)
    if not shortcut:
        return
    for other in dataset.labels:
        if other != besides and (other.property or {}).get(SHORTCUT) == shortcut:
            raise ApiError(SHORTCUT_EXISTS, f"{shortcut!r} belongs to {other.name}")
