"""The labels of a dataset: their limit, names, shortcuts, relations, and what a change does to samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

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
    Error,
)
from modelarts_emulator.contract.labels import (
    CreateLabelsRequest,
    DeleteLabelsQuery,
    DeleteLabelsRequest,
    Label,
    LabelAttribute,
    ListLabelsQuery,
    UpdateLabelsRequest,
)
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleStatus
from modelarts_emulator.operations.labels import (
    create_labels,
    delete_labels,
    list_labels,
    update_labels,
)
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.dataset_labels import (
    LABEL_ONLY,
    MAX_LABELS,
    WITH_SAMPLES,
    WITH_SOURCES,
    add_label,
    add_labels,
    ensure_labels,
    entities_first,
    label_stats,
    update_label,
)
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import DatasetReader, DatasetWriter, SampleRecord, Selection
from tests.helpers.stores import sample

ENTITY, RELATION = LabelType.TRIPLET_ENTITY, LabelType.TRIPLET_RELATION


def label(name: str | None, label_type: LabelType | None = None, **property: Any) -> Label:
    members = {f"@modelarts:{key}": value for key, value in property.items()}
    return Label(name=name, type=label_type, property=members or None)


def codes(response: Any) -> list[str | None]:
    """Return the error code of each item; None where it succeeded."""
    assert response.success is all(result.success for result in response.results)
    return [result.error_code for result in response.results]


class Labels:
    """The label operations on one dataset; each returns the error codes of its items."""

    def __init__(self, runtime: Runtime, context: RequestContext) -> None:
        self.runtime, self.context = runtime, context

    def create(self, *labels: Label) -> list[str | None]:
        return codes(
            create_labels(DatasetService(self.runtime), self.context, CreateLabelsRequest(labels=list(labels)))
        )

    def update(self, *labels: Label) -> list[str | None]:
        return codes(
            update_labels(DatasetService(self.runtime), self.context, UpdateLabelsRequest(labels=list(labels)))
        )

    def delete(self, *labels: Label, policy: int | None = None) -> list[str | None]:
        query: Any = DeleteLabelsQuery(delete_policy=policy)  # type: ignore[arg-type]
        return codes(
            delete_labels(DatasetService(self.runtime), self.context, query, DeleteLabelsRequest(labels=list(labels)))
        )

    def known(self) -> dict[str, tuple[LabelType | None, dict[str, Any]]]:
        found = list_labels(DatasetService(self.runtime), self.context, ListLabelsQuery()).labels or []
        return {str(each.name): (each.type, each.property or {}) for each in found}

    def put(self, number: int, *labels: SampleLabel) -> None:
        status = SampleStatus.MANUAL_ANNOTATION if labels else SampleStatus.UN_ANNOTATION
        with self.runtime.store.writing(self.context.dataset_id) as dataset:
            dataset.put_sample(sample(number, labels=list(labels), status=status, annotated_by="me"))

    def samples(self) -> dict[int, list[str | None]]:
        return {int(each.id, 16): [label.name for label in each.labels] for each in self.records()}

    def records(self) -> list[SampleRecord]:
        with self.runtime.store.reading(self.context.dataset_id) as dataset:
            return list(dataset.select(Selection()))


@pytest.fixture
def labels(runtime: Runtime, context: RequestContext) -> Labels:
    return Labels(runtime, context)


@pytest.fixture
def triplets(runtime: Runtime, create: Callable[..., RequestContext]) -> Labels:
    return Labels(runtime, create(DatasetType.TEXT_TRIPLET))


def code(error: Error) -> str:
    return error.code


def on(name: str, label_type: LabelType = LabelType.IMAGE_CLASSIFICATION, **members: Any) -> SampleLabel:
    return SampleLabel(name=name, type=label_type, **members)


class TestCreating:
    def test_dataset_holds_ten_thousand_labels_and_no_more(self, labels: Labels) -> None:
        assert MAX_LABELS == 10_000
        with labels.runtime.store.writing(labels.context.dataset_id) as dataset:
            for number in range(MAX_LABELS - 1):
                dataset.put_label(Label(name=f"{number}", type=LabelType.IMAGE_CLASSIFICATION, property={}))
        assert labels.create(label("last"), label("one too many")) == [None, code(PARAMETER_INVALID)]
        assert len(labels.known()) == MAX_LABELS
        assert labels.delete(label("last")) == [None]
        assert labels.create(label("again")) == [None]

    def test_create_and_list_labels_copy_no_table_of_labels(
        self, labels: Labels, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def copied(_: DatasetReader, table: str) -> list[Any]:
            raise AssertionError(f"{table} is copied")

        assert labels.create(label("a"), label("b")) == [None, None]
        monkeypatch.setattr(DatasetReader, "_rows", copied)
        monkeypatch.setattr(DatasetWriter, "_rows", copied)
        assert labels.create(label("c"), label("a"), label("d")) == [None, code(LABEL_EXISTS), None]
        page = list_labels(DatasetService(labels.runtime), labels.context, ListLabelsQuery(offset=1, limit=3))
        assert (page.total_number, [each.name for each in page.labels or []]) == (4, ["d"])

    def test_name_is_unique_by_type(self, labels: Labels, triplets: Labels) -> None:
        assert labels.create(label("a"), label("a"), label("A")) == [None, code(LABEL_EXISTS), None]
        relation = label("x", RELATION, from_type="x", to_type="x")
        given = [label("x", ENTITY), relation, label("x", ENTITY)]
        assert triplets.create(*given) == [None, None, code(LABEL_EXISTS)]

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            (label(None), LABEL_INCOMPATIBLE),
            (label(""), LABEL_INCOMPATIBLE),
            (label("n" * 1025), LABEL_INCOMPATIBLE),
            (label("n" * 1024), None),
            (label("x", LabelType.VIDEO), LABEL_INCOMPATIBLE),
            (label("x", LabelType.IMAGE_CLASSIFICATION), None),
            (label("x", default_shape="heart"), LABEL_INCOMPATIBLE),
        ],
    )
    def test_label_must_fit_the_dataset(self, labels: Labels, given: Label, error: Error | None) -> None:
        assert labels.create(given) == [error and error.code]
        assert len(labels.known()) == (error is None)

    def test_label_is_kept_with_its_type_and_given_properties(self, labels: Labels) -> None:
        labels.create(Label(name="x", property={"@modelarts:color": "#ff0000", "own": 1, "none": None}))
        labels.create(label("y", rename_to="z"))
        assert labels.known() == {
            "x": (LabelType.IMAGE_CLASSIFICATION, {"@modelarts:color": "#ff0000", "own": 1}),
            "y": (LabelType.IMAGE_CLASSIFICATION, {}),
        }

    def test_shortcut_belongs_to_one_label(self, labels: Labels) -> None:
        assert labels.create(label("a", shortcut="k"), label("b", shortcut="k"), label("c", shortcut="l")) == [
            None,
            code(SHORTCUT_EXISTS),
            None,
        ]
        assert labels.create(label("d", shortcut=""), label("e", shortcut="")) == [None, None]

    def test_no_label_at_all_is_refused(self, labels: Labels) -> None:
        with pytest.raises(ApiError) as raised:
            labels.create()
        assert raised.value.error is PARAMETER_INVALID

    @pytest.mark.parametrize("dataset_type", [DatasetType.TABLE, DatasetType.FREE_FORMAT])
    def test_dataset_type_without_labels_refuses_them(
        self, runtime: Runtime, create: Callable[..., RequestContext], dataset_type: DatasetType
    ) -> None:
        with pytest.raises(ApiError) as raised:
            Labels(runtime, create(dataset_type)).create(label("x"))
        assert raised.value.error is UNSUPPORTED_TYPE


class TestRelations:
    def test_relation_needs_the_entities_that_it_names(self, triplets: Labels) -> None:
        wrote = label("wrote", from_type="person", to_type="book")
        assert triplets.create(wrote) == [code(TRIPLET_ENTITY_NOT_FOUND)]
        assert triplets.create(label("person")) == [None]
        assert triplets.create(wrote) == [code(TRIPLET_ENTITY_NOT_FOUND)]
        assert triplets.create(label("book")) == [None]
        assert triplets.create(wrote) == [None]
        assert {name: kind for name, (kind, _) in triplets.known().items()} == {
            "person": ENTITY,
            "book": ENTITY,
            "wrote": RELATION,
        }

    @pytest.mark.parametrize(
        "ends", [{}, {"from_type": "person"}, {"to_type": "person"}, {"from_type": "", "to_type": ""}]
    )
    def test_relation_without_both_ends_is_refused(self, triplets: Labels, ends: dict[str, str]) -> None:
        triplets.create(label("person"))
        assert triplets.create(label("knows", RELATION, **ends)) == [code(TRIPLET_ENTITY_NOT_FOUND)]
        assert set(triplets.known()) == {"person"}

    def test_relation_may_come_before_its_entities_in_one_request(self, triplets: Labels) -> None:
        given = [label("wrote", RELATION, from_type="person", to_type="book"), label("person"), label("book")]
        assert triplets.create(*given) == [None, None, None]

    @pytest.mark.parametrize(
        ("names", "order"),
        [
            (["r:a:b", "a", "b"], [1, 2, 0]),
            (["a", "r:a:b", "b"], [0, 2, 1]),
            (["a", "b", "r:a:b"], [0, 1, 2]),
            (["r:x:y", "a"], [0, 1]),
            (["r:r:r", "a"], [0, 1]),
            ([], []),
        ],
    )
    def test_order_of_adding_puts_relations_behind_their_entities(self, names: list[str], order: list[int]) -> None:
        given = []
        for text in names:
            name, *ends = text.split(":")
            given.append(label(name, from_type=ends[0], to_type=ends[1]) if ends else label(name))
        assert entities_first(given) == order

    def test_entity_that_a_relation_names_is_not_deleted(self, triplets: Labels) -> None:
        triplets.create(
            label("person"), label("book"), label("free"), label("wrote", from_type="person", to_type="book")
        )
        assert triplets.delete(label("person", ENTITY), label("book", ENTITY), label("free", ENTITY)) == [
            code(ENTITY_IN_USE),
            code(ENTITY_IN_USE),
            None,
        ]
        assert triplets.delete(label("wrote", RELATION), label("person", ENTITY)) == [None, None]

    def test_entity_that_a_relation_on_a_sample_needs_is_not_deleted(self, triplets: Labels) -> None:
        knows = label("knows", RELATION, from_type="friend", to_type="friend")
        assert triplets.create(label("person"), label("other"), label("friend"), knows) == [None] * 4
        ends = {"@modelarts:from": "E1", "@modelarts:to": "E2"}
        triplets.put(
            1, on("person", ENTITY, id="E1"), on("person", ENTITY, id="E2"), on("knows", RELATION, property=ends)
        )
        triplets.put(2, on("other", ENTITY, id="E3"))
        assert triplets.delete(label("person", ENTITY), label("other", ENTITY)) == [code(ENTITY_IN_USE), None]
        assert triplets.samples() == {1: ["person", "person", "knows"], 2: []}

    def test_renamed_entity_is_renamed_in_relations(self, triplets: Labels) -> None:
        triplets.create(label("person"), label("book"), label("wrote", from_type="person", to_type="book"))
        assert triplets.update(label("person", ENTITY, rename_to="author")) == [None]
        assert triplets.known()["wrote"] == (RELATION, {"@modelarts:from_type": "author", "@modelarts:to_type": "book"})

    def test_changed_relation_needs_its_new_entities(self, triplets: Labels) -> None:
        triplets.create(label("person"), label("book"), label("wrote", from_type="person", to_type="book"))
        assert triplets.update(label("wrote", RELATION, to_type="song")) == [code(TRIPLET_ENTITY_NOT_FOUND)]
        assert triplets.update(label("wrote", RELATION, to_type="person")) == [None]
        assert triplets.update(label("wrote", RELATION, color="#ff0000")) == [None]


class TestUpdating:
    def test_properties_are_merged_and_attributes_stay(self, labels: Labels) -> None:
        labels.create(label("x", color="#ff0000", shortcut="k"))
        assert labels.update(label("x", LabelType.IMAGE_CLASSIFICATION, color="#0000ff")) == [None]
        assert labels.known()["x"][1] == {"@modelarts:color": "#0000ff", "@modelarts:shortcut": "k"}

    def test_new_name_reaches_every_sample(self, labels: Labels) -> None:
        labels.create(label("x"), label("y"))
        labels.put(1, on("x"), on("y"))
        labels.put(2, on("y"))
        labels.put(3)
        assert labels.update(label("x", LabelType.IMAGE_CLASSIFICATION, rename_to="z")) == [None]
        assert labels.samples() == {1: ["z", "y"], 2: ["y"], 3: []}
        assert set(labels.known()) == {"y", "z"}

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            (label("absent", LabelType.IMAGE_CLASSIFICATION), LABEL_NOT_FOUND),
            (label("x", LabelType.VIDEO), LABEL_NOT_FOUND),
            (label("x", LabelType.IMAGE_CLASSIFICATION, rename_to="y"), LABEL_EXISTS),
            (label("x", LabelType.IMAGE_CLASSIFICATION, rename_to="n" * 1025), LABEL_INCOMPATIBLE),
            (label("x", LabelType.IMAGE_CLASSIFICATION, shortcut="b"), SHORTCUT_EXISTS),
            (label("x", LabelType.IMAGE_CLASSIFICATION, shortcut="a"), None),  # its own
            (label("x", LabelType.IMAGE_CLASSIFICATION, rename_to="x"), None),
        ],
    )
    def test_change_that_conflicts_is_refused(self, labels: Labels, given: Label, error: Error | None) -> None:
        labels.create(label("x", shortcut="a"), label("y", shortcut="b"))
        before = labels.known()
        assert labels.update(given) == [error and error.code]
        assert labels.known() == before


class TestDeleting:
    @pytest.mark.parametrize(
        ("policy", "left"),
        [
            (None, {1: ["y"], 2: [], 3: [], 4: []}),
            (0, {1: ["y"], 2: [], 3: [], 4: []}),
            (1, {1: ["y"], 4: []}),
        ],
    )
    def test_policy_decides_about_samples_with_only_this_label(
        self, labels: Labels, policy: int | None, left: dict[int, list[str]]
    ) -> None:
        labels.create(label("x"), label("y"))
        labels.put(1, on("x"), on("y"))
        labels.put(2, on("x"))
        labels.put(3, on("x"), on("x"))
        labels.put(4)
        assert labels.delete(label("x"), policy=policy) == [None]
        assert labels.samples() == left
        assert set(labels.known()) == {"y"}

    def test_sample_without_labels_left_is_unlabelled_again(self, labels: Labels) -> None:
        labels.create(label("x"), label("y"))
        labels.put(1, on("x"))
        labels.put(2, on("x"), on("y"))
        labels.delete(label("x"))
        found = {int(each.id, 16): (each.status, each.annotated_by) for each in labels.records()}
        assert found == {1: (SampleStatus.UN_ANNOTATION, None), 2: (SampleStatus.MANUAL_ANNOTATION, "me")}

    def test_unknown_label_fails_alone(self, labels: Labels) -> None:
        labels.create(label("x"))
        assert labels.delete(label("absent"), label("x"), label("x")) == [
            code(LABEL_NOT_FOUND),
            None,
            code(LABEL_NOT_FOUND),
        ]


class TestRules:
    """The functions that other operations use, within one transaction."""

    def test_delete_policies_have_their_documented_values(self) -> None:
        assert (LABEL_ONLY, WITH_SAMPLES, WITH_SOURCES) == (0, 1, 2)

    def test_unknown_labels_of_a_sample_are_added_and_known_ones_stay(self, labels: Labels) -> None:
        labels.create(label("a", color="#112233"))
        with labels.runtime.store.writing(labels.context.dataset_id) as dataset:
            ensure_labels(dataset, [on("a"), on("b"), on("b"), SampleLabel(name=None)])
        known = labels.known()
        assert set(known) == {"a", "b"}
        assert known["a"][1] == {"@modelarts:color": "#112233"}
        assert known["b"] == (LabelType.IMAGE_CLASSIFICATION, {})

    def test_unknown_relation_of_a_sample_is_added_between_the_types_of_its_entities(self, triplets: Labels) -> None:
        ends = {"@modelarts:from": "E1", "@modelarts:to": "E2"}
        found = [on("wrote", RELATION, property=ends), on("person", ENTITY, id="E1"), on("book", ENTITY, id="E2")]
        with triplets.runtime.store.writing(triplets.context.dataset_id) as dataset:
            ensure_labels(dataset, found)
        assert triplets.known()["wrote"] == (RELATION, {"@modelarts:from_type": "person", "@modelarts:to_type": "book"})

    def test_labels_of_one_request_are_added_entities_first(self, triplets: Labels) -> None:
        relation = label("r", RELATION, from_type="a", to_type="b")
        with triplets.runtime.store.writing(triplets.context.dataset_id) as dataset:
            add_labels(dataset, [relation, label("a", ENTITY), label("b", ENTITY)])
        assert set(triplets.known()) == {"a", "b", "r"}

    def test_label_named_by_its_ends_becomes_a_relation(self, triplets: Labels) -> None:
        with triplets.runtime.store.writing(triplets.context.dataset_id) as dataset:
            add_labels(dataset, [label("a"), label("b"), label("r", from_type="a", to_type="b")])
        assert {name: kind for name, (kind, _) in triplets.known().items()} == {"a": ENTITY, "b": ENTITY, "r": RELATION}

    @pytest.mark.parametrize("end", [3, "", None])
    def test_end_that_is_no_name_names_no_entity(self, triplets: Labels, end: Any) -> None:
        relation = Label(name="r", type=RELATION, property={"@modelarts:to_type": end})
        assert entities_first([relation, label("a", ENTITY)]) == [0, 1]

    def test_dataset_without_labels_takes_none(self, runtime: Runtime, create: Callable[..., RequestContext]) -> None:
        context = create(DatasetType.TABLE)
        with (
            runtime.store.writing(context.dataset_id) as dataset,
            pytest.raises(ApiError) as raised,
        ):
            add_label(dataset, label("a"))
        assert raised.value.error is UNSUPPORTED_TYPE

    def test_attributes_are_replaced_where_given_and_stay_otherwise(self, labels: Labels) -> None:
        given = LabelAttribute(id="1", name="size", type="text")
        labels.create(label("a"))
        for attributes, left in (([given], [given]), (None, [given]), ([], [])):
            with labels.runtime.store.writing(labels.context.dataset_id) as dataset:
                update_label(dataset, Label(name="a", attributes=attributes))
                known = dataset.label("a", LabelType.IMAGE_CLASSIFICATION)
            assert known is not None and known.attributes == left

    def test_statistics_count_uses_and_samples_of_each_label(self) -> None:
        named = [
            Label(name="a", type=ENTITY, property={"p": 1}),
            Label(name="a", type=RELATION),
            Label(name="b", type=ENTITY),
        ]
        rows = label_stats(named, {("a", ENTITY): (5, 3), ("b", ENTITY): (1, 1)})
        assert [(row.name, row.type, row.count, row.sample_count) for row in rows] == [
            ("a", ENTITY, 5, 3),
            ("a", RELATION, 0, 0),
            ("b", ENTITY, 1, 1),
        ]
        assert rows[0].property == {"p": 1}

    def test_property_of_a_wrong_type_is_refused_and_numbers_are_read_from_text(self, labels: Labels) -> None:
        given = Label(name="a", property={"@modelarts:color": ["red"]})
        assert labels.create(given) == [code(LABEL_INCOMPATIBLE)]
