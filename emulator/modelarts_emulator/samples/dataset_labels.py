"""The labels that a dataset knows: add, change, rename and delete them, and count their use.

Every function works within an open transaction of the dataset. The rules for labels of a single sample are in
:mod:`modelarts_emulator.samples.label_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import (
    ENTITY_IN_USE,
    LABEL_EXISTS,
    LABEL_INCOMPATIBLE,
    LABEL_NOT_FOUND,
    MASK_GRAY_VALUE_DIFFERS,
    MASK_GRAY_VALUE_EXISTS,
    PARAMETER_INVALID,
    SHORTCUT_EXISTS,
    TRIPLET_ENTITY_NOT_FOUND,
    UNSUPPORTED_TYPE,
    ApiError,
)
from modelarts_emulator.contract.labels import (
    Label,
    LabelAttribute,
    LabelProperty,
    LabelStats,
)
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType
from modelarts_emulator.formats.masks import COLOR, GRAY_VALUE, MAX_GRAY_VALUE, color_as_hex
from modelarts_emulator.formats.voc import MASK_COLOR
from modelarts_emulator.samples.changes import with_remaining_labels
from modelarts_emulator.samples.deletion import SourceRemoval, delete_sample
from modelarts_emulator.samples.label_rules import require_label_name, without_dangling_relations
from modelarts_emulator.store import DatasetReader, DatasetWriter
from modelarts_emulator.util.ids import sample_id as derived_id

MAX_LABELS = 10_000
SHORTCUT = "@modelarts:shortcut"
RENAME_TO = "@modelarts:rename_to"
RELATION_ENDS = ("@modelarts:from_type", "@modelarts:to_type")
"""The properties of a relation label that name its two entity labels."""

SAMPLE_ENDS = ("@modelarts:from", "@modelarts:to")
"""The properties of a relation on a sample that name the ids of its two entities."""

LABEL_ONLY, WITH_SAMPLES, WITH_SOURCES = 0, 1, 2
"""The values of ``delete_policy``."""

LabelCounts = dict[tuple[str, int | None], tuple[int, int]]
"""By name and type of a label: the number of its uses, and of samples that have it."""


def require_labels(dataset_type: DatasetType) -> None:
    """Raise UNSUPPORTED_TYPE if a dataset of this type cannot have labels."""
    if not DATASET_TYPES[dataset_type].labels:
        raise ApiError(UNSUPPORTED_TYPE, f"a dataset of type {int(dataset_type)} has no labels")


def entities_first(labels: Sequence[Label]) -> list[int]:
    """Return the order in which to add labels of one request: a relation comes after the entities that it names."""
    positions = {label.name: number for number, label in enumerate(labels)}
    return sorted(
        range(len(labels)), key=lambda number: any(positions.get(end, -1) > number for end in _ends(labels[number]))
    )


def complete(label: Label, dataset_type: DatasetType) -> Label:
    """Return a label as it is stored: type filled in, properties validated.

    Raises: LABEL_INCOMPATIBLE, UNSUPPORTED_TYPE.
    """
    require_labels(dataset_type)
    types = DATASET_TYPES[dataset_type].labels
    name = require_label_name(label.name)
    property_ = _checked_property(label)
    property_.pop(RENAME_TO, None)
    label_type = label.type
    if label_type is None:
        is_relation = RELATION_ENDS[0] in property_ and LabelType.TRIPLET_RELATION in types
        label_type = LabelType.TRIPLET_RELATION if is_relation else types[0]
    if label_type not in types:
        raise ApiError(LABEL_INCOMPATIBLE, f"{name[:80]}: type {int(label_type)} does not belong to this dataset")
    return msgspec.structs.replace(label, name=name, type=label_type, property=property_)


def with_attribute_ids(label: Label, dataset_id: str, known: Sequence[LabelAttribute] = ()) -> Label:
    """Return a label whose attributes all have ids.

    An id in the request is kept; an attribute without one gets that of the ``known`` attribute with its name, or else
    one derived from the names, so that a repeated request gives the same id.
    """
    if label.attributes is None:
        return label
    ids = {attribute.name: attribute.id for attribute in known}
    place = f"{label.type}/{label.name}"
    completed = []
    for number, attribute in enumerate(label.attributes):
        derived = derived_id(dataset_id, f"{place}/{attribute.name}", occurrence=number)
        identity = attribute.id or ids.get(attribute.name) or derived
        completed.append(msgspec.structs.replace(attribute, id=identity))
    return msgspec.structs.replace(label, attributes=completed)


def add_label(dataset: DatasetWriter, label: Label) -> None:
    """Add a label.

    Raises: LABEL_EXISTS, SHORTCUT_EXISTS, MASK_GRAY_VALUE_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND,
    UNSUPPORTED_TYPE, and PARAMETER_INVALID if the dataset already has MAX_LABELS labels, or as many for segmentation
    as there are gray values.
    """
    new = with_attribute_ids(complete(label, dataset.record.type), dataset.record.id)
    if dataset.label(str(new.name), new.type) is not None:
        raise ApiError(LABEL_EXISTS, str(new.name))
    limit = MAX_GRAY_VALUE if new.type is LabelType.IMAGE_SEGMENTATION else MAX_LABELS
    if dataset.label_count >= limit:
        raise ApiError(PARAMETER_INVALID, f"labels: a dataset of type {int(dataset.record.type)} has at most {limit}")
    _require_free_shortcut(dataset, new)
    _require_free_gray_value(dataset, new)
    _require_entities(dataset, new)
    dataset.put_label(new)


def add_labels(dataset: DatasetWriter, labels: Sequence[Label]) -> None:
    """Add several labels, entities before the relations that name them. Raises as :func:`add_label`."""
    for number in entities_first(labels):
        add_label(dataset, labels[number])


def ensure_labels(dataset: DatasetWriter, labels: Sequence[SampleLabel]) -> None:
    """Add the labels of a sample that the dataset does not know yet, entities before the relations between them.

    Raises as :func:`add_label`.
    """
    relations = []
    for label in labels:
        if label.name is None or dataset.label(label.name, label.type) is not None:
            continue
        if label.type == LabelType.TRIPLET_RELATION:
            relations.append(label)
        else:
            _add_found(dataset, label, labels)
    for label in relations:
        if dataset.label(str(label.name), label.type) is None:  # unless the sample has it twice
            _add_found(dataset, label, labels)


def _add_found(dataset: DatasetWriter, label: SampleLabel, labels: Sequence[SampleLabel]) -> None:
    add_label(dataset, Label(name=label.name, type=label.type, property=_found_property(label, labels)))


def _found_property(label: SampleLabel, labels: Sequence[SampleLabel]) -> dict[str, Any]:
    """Return the properties of a label that a sample brings: the colour of its mask, the entities of a relation."""
    given = label.property or {}
    if label.type is LabelType.IMAGE_SEGMENTATION:
        color = color_as_hex(given.get(MASK_COLOR))
        return {COLOR: color} if color else {}
    if label.type is LabelType.TRIPLET_RELATION:
        entities = _entities_by_id(labels)
        return {
            label_end: entities.get(given.get(sample_end))
            for sample_end, label_end in zip(SAMPLE_ENDS, RELATION_ENDS, strict=True)
        }
    return {}


def _entities_by_id(labels: Sequence[SampleLabel]) -> dict[str | None, str | None]:
    """Return the name of each entity on a sample by its id there."""
    return {label.id: label.name for label in labels if label.type == LabelType.TRIPLET_ENTITY}


def delete_labels(dataset: DatasetWriter, labels: Iterable[Label]) -> None:
    """Delete several labels, relations before the entities that they name. Raises as :func:`delete_label`."""
    for label in sorted(labels, key=lambda label: _require_label(dataset, label).type != LabelType.TRIPLET_RELATION):
        delete_label(dataset, label)


def require_matching_relations(dataset: DatasetReader, labels: Sequence[SampleLabel]) -> None:
    """Check that the relations on a sample connect entities of the types that their labels name.

    A relation that the dataset does not know yet may connect any entities. Raises LABEL_INCOMPATIBLE.
    """
    entities = _entities_by_id(labels)
    for relation in labels:
        known = None
        if relation.type == LabelType.TRIPLET_RELATION:
            known = dataset.label(str(relation.name), LabelType.TRIPLET_RELATION)
        for sample_end, label_end in zip(SAMPLE_ENDS, RELATION_ENDS, strict=True) if known else ():
            wanted = (known.property or {}).get(label_end) if known else None
            found = entities.get((relation.property or {}).get(sample_end))
            if wanted and found != wanted:
                raise ApiError(LABEL_INCOMPATIBLE, f"{relation.name}: {sample_end} must be a {wanted}, not a {found}")


def update_label(dataset: DatasetWriter, label: Label) -> None:
    """Change the properties of a label and, with ``@modelarts:rename_to``, its name on every sample.

    Raises: LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND,
    MASK_GRAY_VALUE_EXISTS, MASK_GRAY_VALUE_DIFFERS.
    """
    known = _require_label(dataset, label)
    property_ = {**(known.property or {}), **_checked_property(label)}
    new_name = property_.pop(RENAME_TO, None)
    new = msgspec.structs.replace(
        known,
        name=require_label_name(new_name) if new_name else known.name,
        property=property_,
        attributes=known.attributes if label.attributes is None else label.attributes,
    )
    new = with_attribute_ids(new, dataset.record.id, known.attributes or ())
    _require_free_shortcut(dataset, new, besides=known)
    _require_same_gray_value(known, new)
    _require_free_gray_value(dataset, new, besides=known)
    if _ends(new) != _ends(known):
        _require_entities(dataset, new)
    if new.name == known.name:
        dataset.put_label(new)
        return
    if dataset.label(str(new.name), new.type) is not None:
        raise ApiError(LABEL_EXISTS, str(new.name))
    dataset.replace_labels([new if label == known else label for label in dataset.labels])
    _relabel_samples(dataset, known, str(new.name))
    if known.type == LabelType.TRIPLET_ENTITY:
        _rename_ends(dataset, str(known.name), str(new.name))


def delete_label(dataset: DatasetWriter, label: Label) -> None:
    """Delete a label that no relation needs, and remove it from every sample. Raises LABEL_NOT_FOUND, ENTITY_IN_USE."""
    known = _require_label(dataset, label)
    if known.type == LabelType.TRIPLET_ENTITY:
        _require_unused_entity(dataset, known)
    dataset.remove_label(str(known.name), known.type)
    _relabel_samples(dataset, known, None)


def delete_label_by_policy(dataset: DatasetWriter, label: Label, policy: int, sources: SourceRemoval) -> None:
    """Delete a label that no relation needs, as ``delete_policy`` says.

    ``policy`` is LABEL_ONLY, WITH_SAMPLES (also the samples that have only this label) or WITH_SOURCES (also their
    files, which ``sources`` removes after the commit). Raises: LABEL_NOT_FOUND, ENTITY_IN_USE.
    """
    known = _require_label(dataset, label)
    if known.type == LabelType.TRIPLET_ENTITY:
        _require_unused_entity(dataset, known)  # before a sample is deleted
    if policy != LABEL_ONLY:
        for sample in list(dataset.labelled(str(known.name), known.type)):
            if all((item.name, item.type) == (known.name, known.type) for item in sample.labels):
                delete_sample(dataset, sample.id, sources if policy == WITH_SOURCES else None)
    delete_label(dataset, known)


def label_stats(labels: Sequence[Label], counts: LabelCounts) -> list[LabelStats]:
    """Return for each label how often it is used: ``count`` uses on ``sample_count`` samples."""
    rows = []
    for label in labels:
        count, samples = counts.get((str(label.name), label.type), (0, 0))
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


def _ends(label: Label) -> set[str]:
    """Return the names of the entities that a relation connects."""
    named = ((label.property or {}).get(end) for end in RELATION_ENDS)
    return {end for end in named if isinstance(end, str) and end}


def _require_entities(dataset: DatasetWriter, relation: Label) -> None:
    """Raise TRIPLET_ENTITY_NOT_FOUND unless both ends of a relation are entities that the dataset knows."""
    if relation.type != LabelType.TRIPLET_RELATION:
        return
    for end in RELATION_ENDS:
        name = (relation.property or {}).get(end)
        if not name or dataset.label(name, LabelType.TRIPLET_ENTITY) is None:
            raise ApiError(TRIPLET_ENTITY_NOT_FOUND, f"{relation.name}: {end}: {name or 'missing'}")


def _require_unused_entity(dataset: DatasetWriter, entity: Label) -> None:
    """Raise ENTITY_IN_USE if a relation label names the entity, or a relation on a sample connects one."""
    for label in dataset.labels:
        if entity.name in [(label.property or {}).get(end) for end in RELATION_ENDS]:
            raise ApiError(ENTITY_IN_USE, f"{entity.name}: by {label.name}")
    for sample in dataset.labelled(str(entity.name), entity.type):
        left = [item for item in sample.labels if (item.name, item.type) != (entity.name, entity.type)]
        if len(without_dangling_relations(left)) < len(left):
            raise ApiError(ENTITY_IN_USE, f"{entity.name}: on sample {sample.id}")


def _rename_ends(dataset: DatasetWriter, old: str, new: str) -> None:
    """Make the relation labels that name an entity follow its new name."""
    for label in list(dataset.labels):
        property_ = label.property or {}
        ends = {end: new for end in RELATION_ENDS if property_.get(end) == old}
        if ends:
            dataset.put_label(msgspec.structs.replace(label, property={**property_, **ends}))


def _relabel_samples(dataset: DatasetWriter, label: Label, name: str | None) -> None:
    """Rename a label on every sample that has it, or remove it if ``name`` is None.

    Relations between removed entities are removed as well.
    """
    for sample in list(dataset.labelled(str(label.name), label.type)):
        labels: list[SampleLabel] = []
        for item in sample.labels:
            if (item.name, item.type) != (label.name, label.type):
                labels.append(item)
            elif name is not None:
                labels.append(msgspec.structs.replace(item, name=name))
        dataset.put_sample(with_remaining_labels(sample, without_dangling_relations(labels)))


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
    gray = raw.get(GRAY_VALUE, 1)
    if type(gray) is not int or not 0 < gray <= MAX_GRAY_VALUE:
        raise ApiError(LABEL_INCOMPATIBLE, f"{str(label.name)[:80]}: {GRAY_VALUE} is from 1 to {MAX_GRAY_VALUE}")
    return {**raw, **msgspec.to_builtins(known)}


def _require_free_shortcut(dataset: DatasetReader, label: Label, besides: Label | None = None) -> None:
    shortcut = (label.property or {}).get(SHORTCUT)
    if not shortcut:
        return
    for other in dataset.labels:
        if other != besides and (other.property or {}).get(SHORTCUT) == shortcut:
            raise ApiError(SHORTCUT_EXISTS, f"{shortcut!r} belongs to {other.name}")


def _require_free_gray_value(dataset: DatasetReader, label: Label, besides: Label | None = None) -> None:
    gray = _gray_value(label)
    if gray is None:
        return
    for other in dataset.labels:
        if other != besides and _gray_value(other) == gray:
            raise ApiError(MASK_GRAY_VALUE_EXISTS, f"{gray} belongs to {other.name}")


def _require_same_gray_value(known: Label, new: Label) -> None:
    """Raise MASK_GRAY_VALUE_DIFFERS if a label that has a gray value gets another: masks with it may be published."""
    if _gray_value(known) not in (None, _gray_value(new)):
        raise ApiError(MASK_GRAY_VALUE_DIFFERS, f"{new.name}: {_gray_value(new)}")


def _gray_value(label: Label) -> int | None:
    """Return the gray value of a segmentation label; None without one."""
    return (label.property or {}).get(GRAY_VALUE) if label.type is LabelType.IMAGE_SEGMENTATION else None
