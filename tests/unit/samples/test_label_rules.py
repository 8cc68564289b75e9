"""The rules of labels on samples, by dataset type: accepted labels, refused labels, and their edges."""

from __future__ import annotations

from typing import Any

import pytest

from modelarts_emulator.contract.errors import (
    LABEL_INCOMPATIBLE,
    TRIPLET_ENTITY_NOT_FOUND,
    UNSUPPORTED_TYPE,
    ApiError,
    Error,
)
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType
from modelarts_emulator.samples.label_rules import (
    has_shapes,
    require_label_name,
    usable_labels,
    validate_labels,
    without_dangling_relations,
)
from modelarts_emulator.store import SampleRecord

IMAGE = DatasetType.IMAGE_CLASSIFICATION
BOXES = DatasetType.OBJECT_DETECTION
ENTITIES = DatasetType.NAMED_ENTITY
TRIPLETS = DatasetType.TEXT_TRIPLET
CONTENT = DatasetType.SPEECH_CONTENT
SEGMENTS = DatasetType.SPEECH_PARAGRAPH
VIDEO = DatasetType.VIDEO

WIDTH, HEIGHT = 64, 48
TEXT = "ten chars."
SAMPLE = SampleRecord(id="", path="b/a", type=SampleType.IMAGE, time=0, shape=(WIDTH, HEIGHT, 3), text=TEXT)
UNREAD = SampleRecord(id="", path="b/a", type=SampleType.IMAGE, time=0)
"""A sample whose size and text are not known."""


def label(name: str | None = "x", *, id: str | None = None, score: float | None = None, **property: Any) -> SampleLabel:
    """Return a label; ``type`` is its own member, all others are properties, as ``start_index`` or ``from_``."""
    label_type = property.pop("type", None)
    members = {f"@modelarts:{key.rstrip('_')}": value for key, value in property.items()}
    return SampleLabel(name=name, type=label_type, id=id, score=score, property=members or None)


def shape(kind: str, *points: Any, **more: Any) -> SampleLabel:
    return label(shape=kind, feature=list(points), **more)


def entity(start: Any, end: Any, **more: Any) -> SampleLabel:
    return label(start_index=start, end_index=end, **more)


def segment(start: Any, end: Any) -> SampleLabel:
    return label(None, start_time=start, end_time=end)


def grid(count: int) -> list[list[int]]:
    """Return points inside the picture."""
    return [[number % WIDTH, number % HEIGHT] for number in range(count)]


ACCEPTED = [
    (IMAGE, label()),
    (IMAGE, label(score=0)),
    (IMAGE, label(score=1)),
    (IMAGE, label(score=0.5)),
    (IMAGE, label("n" * 1024)),
    (IMAGE, label(type=LabelType.IMAGE_CLASSIFICATION)),
    (BOXES, shape("bndbox", [0, 0], [WIDTH, HEIGHT])),
    (BOXES, shape("bndbox", [1.5, 2], [1.75, 2.25])),
    (BOXES, shape("polygon", *grid(3))),
    (BOXES, shape("polygon", *grid(10_000))),
    (BOXES, shape("circle", [0, HEIGHT], [0.5])),
    (BOXES, shape("circle", [WIDTH, 0], [1_000])),
    (BOXES, shape("line", [1, 1], [0, 0])),
    (BOXES, shape("dashed", [5, 5], [5, 5])),
    (BOXES, shape("point", [WIDTH, HEIGHT])),
    (BOXES, shape("polyline", *grid(2))),
    (BOXES, shape("polyline", *grid(10_000))),
    (ENTITIES, entity(0, len(TEXT))),
    (ENTITIES, entity(0, 1)),
    (ENTITIES, entity(len(TEXT) - 1, len(TEXT))),
    (ENTITIES, entity("2", "4")),
    (CONTENT, label(None, content="spoken")),
    (CONTENT, label(None, content="")),
    (CONTENT, label("a name is enough")),
    (SEGMENTS, segment("00:00:00", "00:00:00.001")),
    (SEGMENTS, segment("00:59:59.999", "01:00:00")),
    (SEGMENTS, segment("00:00:59", "00:01:00")),
    (SEGMENTS, segment("99:59:59", "100:00:00")),
    (SEGMENTS, segment("09:00:00.5", "10:00:00.25")),
    (VIDEO, label()),
    (VIDEO, shape("bndbox", [0, 0], [1, 1])),
]

REFUSED = [
    (IMAGE, label(score=-0.001), "score"),
    (IMAGE, label(score=1.001), "score"),
    (IMAGE, label(score=float("nan")), "score"),
    (IMAGE, label(None), "name"),
    (IMAGE, label(""), "name"),
    (IMAGE, label("n" * 1025), "name"),
    (IMAGE, label(type=LabelType.VIDEO), "type 600"),
    (TRIPLETS, label(type=LabelType.NAMED_ENTITY), "type 101"),
    (BOXES, label(), "needs @modelarts:shape"),
    (BOXES, label(shape="bndbox"), "needs @modelarts:shape"),
    (BOXES, label(feature=[[1, 1], [2, 2]]), "needs @modelarts:shape"),
    (BOXES, label(shape="heart", feature=[[1, 1]]), "property"),
    (BOXES, label(shape="bndbox", feature="12"), "list of 2"),
    (BOXES, shape("bndbox", [1, 1]), "list of 2"),
    (BOXES, shape("bndbox", [1, 1], [2, 2], [3, 3]), "list of 2"),
    (BOXES, shape("bndbox", [5, 1], [5, 9]), "upper left"),
    (BOXES, shape("bndbox", [6, 1], [5, 9]), "upper left"),
    (BOXES, shape("bndbox", [1, 9], [5, 9]), "upper left"),
    (BOXES, shape("bndbox", [1, 9.5], [5, 9]), "upper left"),
    (BOXES, shape("bndbox", [-1, 0], [5, 9]), "outside"),
    (BOXES, shape("bndbox", [0, -0.5], [5, 9]), "outside"),
    (BOXES, shape("bndbox", [0, 0], [WIDTH + 1, 9]), "outside"),
    (BOXES, shape("bndbox", [0, 0], [5, HEIGHT + 0.5]), "outside"),
    (BOXES, shape("polygon", *grid(2)), "list of 3"),
    (BOXES, shape("polygon", *grid(10_001)), "list of 3"),
    (BOXES, shape("polygon", *grid(3), [1, HEIGHT + 1]), "outside"),
    (BOXES, shape("circle", [1, 1]), "list of 2"),
    (BOXES, shape("circle", [1, 1], [2], [3]), "list of 2"),
    (BOXES, shape("circle", [1, 1], [0]), "radius"),
    (BOXES, shape("circle", [1, 1], [-1]), "radius"),
    (BOXES, shape("circle", [1, 1], [1, 2]), "radius"),
    (BOXES, shape("circle", [1, 1], ["1"]), "radius"),
    (BOXES, shape("circle", [1, HEIGHT + 1], [1]), "outside"),
    (BOXES, shape("line", [1, 1]), "list of 2"),
    (BOXES, shape("line", *grid(3)), "list of 2"),
    (BOXES, shape("dashed", [1, 1]), "list of 2"),
    (BOXES, shape("dashed", *grid(3)), "list of 2"),
    (BOXES, shape("point"), "list of 1"),
    (BOXES, shape("point", *grid(2)), "list of 1"),
    (BOXES, shape("polyline", [1, 1]), "list of 2"),
    (BOXES, shape("polyline", *grid(10_001)), "list of 2"),
    (BOXES, shape("point", [1]), "[x, y]"),
    (BOXES, shape("point", [1, 2, 3]), "[x, y]"),
    (BOXES, shape("point", "12"), "[x, y]"),
    (BOXES, shape("point", ["1", 2]), "[x, y]"),
    (BOXES, shape("point", [1, None]), "[x, y]"),
    (BOXES, shape("point", [True, 1]), "[x, y]"),
    (BOXES, shape("point", [1, float("nan")]), "[x, y]"),
    (BOXES, shape("point", [float("inf"), 1]), "[x, y]"),
    (VIDEO, shape("bndbox", [0, 0], [0, 1]), "upper left"),
    (VIDEO, label(shape="bndbox"), "needs @modelarts:shape"),
    (ENTITIES, label(), "start_index"),
    (ENTITIES, label(start_index=0), "start_index"),
    (ENTITIES, label(end_index=1), "start_index"),
    (ENTITIES, entity(3, 3), "inside the text"),
    (ENTITIES, entity(4, 3), "inside the text"),
    (ENTITIES, entity(-1, 3), "inside the text"),
    (ENTITIES, entity(0, len(TEXT) + 1), "inside the text"),
    (ENTITIES, entity(0, "x"), "property"),
    (TRIPLETS, entity(3, 3, type=LabelType.TRIPLET_ENTITY), "inside the text"),
    (TRIPLETS, label(from_="a"), "needs @modelarts:from"),
    (TRIPLETS, label(from_="a", to=""), "needs @modelarts:from"),
    (TRIPLETS, label(type=LabelType.TRIPLET_RELATION), "needs @modelarts:from"),
    (TRIPLETS, label(type=LabelType.TRIPLET_RELATION, to="a"), "needs @modelarts:from"),
    (CONTENT, label(None), "content"),
    (SEGMENTS, label(None), "start_time"),
    (SEGMENTS, label(None, start_time="00:00:00"), "start_time"),
    (SEGMENTS, label(None, end_time="00:00:01"), "start_time"),
    (SEGMENTS, segment("00:00:01", "00:00:01"), "end after it starts"),
    (SEGMENTS, segment("00:00:02", "00:00:01"), "end after it starts"),
    (SEGMENTS, segment("00:01:00", "00:00:59"), "end after it starts"),
    (SEGMENTS, segment("01:00:00", "00:59:59"), "end after it starts"),
    (SEGMENTS, segment("0:00:00", "00:00:01"), "start_time"),
    (SEGMENTS, segment("00:00:00", "00:60:00"), "start_time"),
    (SEGMENTS, segment("00:00:00", "00:00:60"), "start_time"),
    (SEGMENTS, segment("00:00:00", "00:00:01.0000"), "start_time"),
    (SEGMENTS, segment("00:00:00", "00:00:01\n"), "start_time"),
    (SEGMENTS, segment("", "00:00:01"), "start_time"),
]


def validated(dataset_type: DatasetType, *labels: SampleLabel, sample: SampleRecord = SAMPLE) -> list[SampleLabel]:
    return validate_labels(dataset_type, sample, labels)


def refusal(dataset_type: DatasetType, *labels: SampleLabel, error: Error = LABEL_INCOMPATIBLE) -> str:
    with pytest.raises(ApiError) as refused:
        validate_labels(dataset_type, SAMPLE, labels)
    assert refused.value.error is error
    return refused.value.detail


@pytest.mark.parametrize(("dataset_type", "given"), ACCEPTED)
def test_label_that_fits_is_accepted(dataset_type: DatasetType, given: SampleLabel) -> None:
    (accepted,) = validated(dataset_type, given)
    assert (accepted.name, accepted.score) == (given.name, given.score)


@pytest.mark.parametrize(("dataset_type", "given", "reason"), REFUSED)
def test_label_that_does_not_fit_is_refused_with_reason(
    dataset_type: DatasetType, given: SampleLabel, reason: str
) -> None:
    assert reason in refusal(dataset_type, given)


@pytest.mark.parametrize(
    ("dataset_type", "given", "label_type"),
    [
        (IMAGE, label(), LabelType.IMAGE_CLASSIFICATION),
        (BOXES, shape("point", [1, 1]), LabelType.OBJECT_DETECTION),
        (DatasetType.TEXT_CLASSIFICATION, label(), LabelType.TEXT_CLASSIFICATION),
        (DatasetType.SOUND_CLASSIFICATION, label(), LabelType.SOUND_CLASSIFICATION),
        (TRIPLETS, entity(0, 1), LabelType.TRIPLET_ENTITY),
        # Ends imply a relation only where the dataset type has relations.
        (IMAGE, label(from_="a", to="b"), LabelType.IMAGE_CLASSIFICATION),
        (CONTENT, label("x"), LabelType.SPEECH_CONTENT),
        (SEGMENTS, segment("00:00:00", "00:00:01"), LabelType.SPEECH_PARAGRAPH),
        (VIDEO, label(), LabelType.VIDEO),
    ],
)
def test_missing_label_type_is_filled_in(dataset_type: DatasetType, given: SampleLabel, label_type: LabelType) -> None:
    assert validated(dataset_type, given)[0].type is label_type


def test_explicit_label_type_stays() -> None:
    marked = entity(0, 1, type=LabelType.TRIPLET_ENTITY, from_="a")
    assert validated(TRIPLETS, marked)[0].type is LabelType.TRIPLET_ENTITY


@pytest.mark.parametrize("dataset_type", [DatasetType.TABLE, DatasetType.FREE_FORMAT])
def test_dataset_type_without_labels_refuses_any_label_and_accepts_none(dataset_type: DatasetType) -> None:
    assert validated(dataset_type) == []
    assert str(int(dataset_type)) in refusal(dataset_type, label(), error=UNSUPPORTED_TYPE)


def test_known_properties_get_their_documented_types_and_others_stay() -> None:
    (kept,) = validated(ENTITIES, label(start_index="0", end_index="3", own=[1, {"a": None}]))
    assert kept.property == {"@modelarts:start_index": 0, "@modelarts:end_index": 3, "@modelarts:own": [1, {"a": None}]}


def test_sample_of_unknown_size_and_text_takes_points_and_entities_anywhere_but_below_zero() -> None:
    assert validated(BOXES, shape("point", [10**6, 10**6]), sample=UNREAD)
    assert validated(ENTITIES, entity(10**6, 10**6 + 1), sample=UNREAD)
    for dataset_type, given in ((BOXES, shape("point", [-1, 0])), (ENTITIES, entity(-1, 1))):
        with pytest.raises(ApiError):
            validated(dataset_type, given, sample=UNREAD)


def test_empty_text_takes_no_entity() -> None:
    empty = SampleRecord(id="", path="b/a", type=SampleType.TEXT, time=0, text="")
    with pytest.raises(ApiError):
        validated(ENTITIES, entity(0, 1), sample=empty)


def test_labels_keep_their_order_and_the_given_ones_do_not_change() -> None:
    given = [label("b", start_index="1", end_index="2"), label("a", start_index="0", end_index="1")]
    assert [each.name for each in validated(ENTITIES, *given)] == ["b", "a"]
    assert given[0].type is None and given[0].property == {"@modelarts:start_index": "1", "@modelarts:end_index": "2"}


def test_one_label_that_does_not_fit_refuses_all_of_them() -> None:
    assert refusal(IMAGE, label("good"), label("bad", score=2)).startswith("bad: ")


def test_long_name_is_cut_in_the_reason() -> None:
    assert refusal(IMAGE, label("n" * 100, score=2)).startswith("n" * 80 + ": ")
    assert refusal(IMAGE, label("n" * 1025)).endswith(": " + "n" * 40 + "…")


@pytest.mark.parametrize(
    ("name", "is_valid"), [("x", True), ("n" * 1024, True), ("n" * 1025, False), ("", False), (None, False)]
)
def test_label_name_has_one_to_1024_characters(name: str | None, is_valid: bool) -> None:
    if is_valid:
        assert require_label_name(name) == name
    else:
        with pytest.raises(ApiError) as refused:
            require_label_name(name)
        assert refused.value.error is LABEL_INCOMPATIBLE


PERSON = entity(0, 3, id="E1")
BOOK = entity(4, 9, id="E2")


@pytest.mark.parametrize(
    ("ends", "missing"),
    [
        (("E1", "E2"), None),
        (("E2", "E1"), None),
        (("E1", "E1"), None),
        (("E3", "E2"), "@modelarts:from 'E3'"),
        (("E1", "E3"), "@modelarts:to 'E3'"),
    ],
)
def test_relation_needs_both_entities_on_the_sample(ends: tuple[str, str], missing: str | None) -> None:
    relation = label("wrote", from_=ends[0], to=ends[1])
    for order in ([PERSON, BOOK, relation], [relation, PERSON, BOOK]):
        if missing is None:
            assert [each.type for each in validated(TRIPLETS, *order)].count(LabelType.TRIPLET_RELATION) == 1
        else:
            assert missing in refusal(TRIPLETS, *order, error=TRIPLET_ENTITY_NOT_FOUND)


def test_relation_does_not_count_as_an_entity() -> None:
    loop = label("loop", id="R1", from_="R1", to="R1")
    assert "R1" in refusal(TRIPLETS, loop, error=TRIPLET_ENTITY_NOT_FOUND)


def test_only_relations_that_lost_an_entity_are_dropped() -> None:
    person, book = (
        SampleLabel(name="p", type=LabelType.TRIPLET_ENTITY, id="E1"),
        SampleLabel(name="b", type=LabelType.TRIPLET_ENTITY, id="E2"),
    )

    def relation(name: str, start: str, end: str) -> SampleLabel:
        ends = {"@modelarts:from": start, "@modelarts:to": end}
        return SampleLabel(name=name, type=LabelType.TRIPLET_RELATION, property=ends)

    whole, headless, tailless = relation("w", "E1", "E2"), relation("h", "E9", "E2"), relation("t", "E1", "E9")
    bare = SampleLabel(name="bare", type=LabelType.TRIPLET_RELATION)
    unnamed = SampleLabel(name="u", type=LabelType.TRIPLET_ENTITY)
    assert without_dangling_relations([whole, headless, person, tailless, bare, book, unnamed]) == [
        whole,
        person,
        book,
        unnamed,
    ]
    assert without_dangling_relations([]) == []


@pytest.mark.parametrize(
    ("dataset_type", "expected"), [(IMAGE, False), (BOXES, True), (VIDEO, True), (ENTITIES, False), (SEGMENTS, False)]
)
def test_has_shapes_by_dataset_type(dataset_type: DatasetType, expected: bool) -> None:
    assert has_shapes(dataset_type) is expected


@pytest.mark.parametrize(
    ("feature", "stored"),
    [
        ([[0, 0], [64.4, 48.4]], [[0, 0], [64, 48]]),
        ([[-0.4, -0.4], [10, 10]], [[0, 0], [10, 10]]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
    ],
)
def test_usable_labels_moves_points_to_the_edge_of_the_picture(feature: Any, stored: Any) -> None:
    given = shape("bndbox", *feature, hard="1", own="kept")
    [found], errors = usable_labels(BOXES, SAMPLE, [given])
    assert errors == []
    assert found.property is not None and found.property["@modelarts:feature"] == stored
    assert found.property["@modelarts:own"] == "kept"
    assert given.property is not None and given.property["@modelarts:feature"] == feature


@pytest.mark.parametrize(
    "feature",
    [
        [[0, 0], [66, 48]],
        [[0, 0], [1, 2, 3]],
        [[0, 0], [1]],
        [[0, 0], "x"],
        [["a", 0], [1, 1]],
        [[float("nan"), 0], [1, 1]],
        "text",
        None,
    ],
)
def test_usable_labels_reports_a_shape_that_does_not_fit_and_returns_the_others(feature: Any) -> None:
    good = shape("bndbox", [0, 0], [5, 5])
    found, errors = usable_labels(BOXES, SAMPLE, [good, label("bad", shape="bndbox", feature=feature), good])
    assert [each.name for each in found] == ["x", "x"]
    assert [error.error for error in errors] == [LABEL_INCOMPATIBLE]
    assert errors[0].detail.startswith("bad: ")


def test_usable_labels_of_a_sample_of_unknown_size_stay_where_they_are() -> None:
    [found], errors = usable_labels(BOXES, UNREAD, [shape("bndbox", [0, 0], [64.4, 48.4])])
    assert errors == [] and found.property is not None
    assert found.property["@modelarts:feature"] == [[0, 0], [64.4, 48.4]]


def test_usable_labels_without_properties_are_checked_as_they_are() -> None:
    [found], errors = usable_labels(IMAGE, SAMPLE, [label()])
    assert (found.name, errors) == ("x", [])


@pytest.mark.parametrize(
    ("start", "end", "fits"),
    [("00:59:59", "01:00:00", True), ("01:00:00", "00:59:59.999", False), ("01:00:00", "00:60:01", False)],
)
def test_segment_across_a_full_hour_ends_after_it_starts(start: str, end: str, fits: bool) -> None:
    found, errors = usable_labels(SEGMENTS, UNREAD, [segment(start, end)])
    assert (len(found), len(errors)) == ((1, 0) if fits else (0, 1))


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (
            {"hard": True, "hard_coefficient": 0.5, "hard_reasons": [3, 20]},
            {"hard": "true", "hard_coefficient": "0.5", "hard_reasons": "3-20"},
        ),
        ({"hard": 1, "hard_reasons": 3}, {"hard": "1", "hard_reasons": "3"}),
        ({"hard": 0.0, "hard_coefficient": 1}, {"hard": "0", "hard_coefficient": "1"}),
        ({"hard": "TRUE", "hard_reasons": "0-30"}, {"hard": "TRUE", "hard_reasons": "0-30"}),
        ({"hard": None, "hard_coefficient": "", "hard_reasons": [], "own": None}, {}),
    ],
)
def test_hard_members_of_a_label_are_read_in_any_form(given: dict[str, Any], stored: dict[str, Any]) -> None:
    [found] = validate_labels(IMAGE, SAMPLE, [label(**given)])
    assert found.property == {f"@modelarts:{key}": value for key, value in stored.items()}


@pytest.mark.parametrize(
    "given",
    [
        {"hard": "yes"},
        {"hard": 2},
        {"hard_coefficient": 1.1},
        {"hard_coefficient": "-0.1"},
        {"hard_coefficient": "high"},
        {"hard_coefficient": "nan"},
        {"hard_reasons": [31]},
        {"hard_reasons": "-1"},
        {"hard_reasons": "1-x"},
    ],
)
def test_hard_members_of_a_label_outside_their_documented_values_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as raised:
        validate_labels(IMAGE, SAMPLE, [label(**given)])
    assert raised.value.error is LABEL_INCOMPATIBLE
