"""The filters of samples: query parameters, search conditions, and the ranges they are written in."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.samples import ListSamplesQuery, SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleState, SampleStatus, SampleType
from modelarts_emulator.samples.search import (
    STATUSES,
    all_of,
    any_of,
    as_selection,
    matcher,
    ratio_range,
    read_conditions,
    statuses_of,
    team_group_of,
)
from modelarts_emulator.store import SampleRecord

DAY_MS = 24 * 60 * 60 * 1000
NOW = int(datetime(2026, 3, 15, 12, tzinfo=timezone.utc).timestamp() * 1000)


def midnight(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=timezone.utc).timestamp() * 1000)


def label(name: str = "x", label_type: int = 0, score: float | None = None, **property: Any) -> SampleLabel:
    return SampleLabel(name=name, type=LabelType(label_type), score=score, property=property or None)


def sample(*labels: SampleLabel, metadata: dict[str, Any] | None = None, **members: Any) -> SampleRecord:
    own = {f"@modelarts:{key}": value for key, value in (metadata or {}).items()}
    given = {"path": "b/in/a.png", "type": SampleType.IMAGE, "time": NOW, **members}
    return SampleRecord(id="1", labels=list(labels), metadata=own, **given)


def matches(condition: dict[str, Any], *given: SampleRecord) -> list[bool]:
    (read,) = read_conditions(json.dumps(condition))
    test = matcher(read, NOW)
    return [test(each) for each in given]


def selected(given: SampleRecord, **query: Any) -> bool:
    """Return whether a list with these query parameters shows the sample, apart from what the indexes select."""
    selection = as_selection(msgspec.convert(query, ListSamplesQuery, strict=False), NOW)
    return selection.predicate is None or selection.predicate(given)


def refused(text: str) -> str:
    """Return why a search condition is refused."""
    with pytest.raises(ApiError) as raised:
        [matcher(condition, NOW) for condition in read_conditions(text)]
    assert raised.value.error is PARAMETER_INVALID
    return raised.value.detail


class TestStatuses:
    @pytest.mark.parametrize(
        ("state", "statuses"),
        [
            (None, None),
            (SampleState.ANY, None),
            (SampleState.ALL, {SampleStatus.MANUAL_ANNOTATION}),
            (SampleState.NONE, {SampleStatus.UN_ANNOTATION}),
            (SampleState.AUTO_ANNOTATION, {SampleStatus.AUTO_ANNOTATION}),
        ],
    )
    def test_state_selects_its_statuses(self, state: SampleState | None, statuses: set[SampleStatus] | None) -> None:
        assert statuses_of(state) == statuses
        assert team_group_of(state) is None

    @pytest.mark.parametrize("state", sorted(set(SampleState) - set(STATUSES) - {SampleState.ANY}))
    def test_state_of_team_tasks_selects_a_group_of_assignments(self, state: SampleState) -> None:
        assert statuses_of(state) is None
        assert team_group_of(state) == state.name


class TestQuery:
    def test_no_parameter_filters_nothing(self) -> None:
        selection = as_selection(ListSamplesQuery(), NOW)
        assert (selection.statuses, selection.label, selection.predicate) == (None, None, None)

    def test_label_name_and_type_and_state_are_left_to_the_indexes(self) -> None:
        query = ListSamplesQuery(
            label_name="cat", label_type=DatasetType.OBJECT_DETECTION, sample_state=SampleState.NONE
        )
        selection = as_selection(query, NOW)
        assert selection.label == ("cat", 1)
        assert selection.statuses == {SampleStatus.UN_ANNOTATION}
        assert selection.predicate is None

    @pytest.mark.parametrize(("label_type", "shown"), [(0, True), (1, False), (100, False)])
    def test_label_type_alone_selects_samples_with_such_a_label(self, label_type: int, shown: bool) -> None:
        assert selected(sample(label("a"), label("b", 600)), label_type=label_type) is shown

    def test_label_without_type_matches_no_label_type(self) -> None:
        assert not selected(sample(SampleLabel(name="a")), label_type=0)

    @pytest.mark.parametrize(("sample_type", "shown"), [(0, True), (1, False), (9, True), (None, True)])
    def test_sample_type_nine_selects_every_type(self, sample_type: int | None, shown: bool) -> None:
        assert selected(sample(), **({} if sample_type is None else {"sample_type": sample_type})) is shown

    @pytest.mark.parametrize(
        ("low", "high", "scores", "shown"),
        [
            ("0", "1", [None], True),  # the default range filters nothing
            ("0", "0.5", [None], False),
            ("0", "0.5", [], False),
            ("0", "0.5", [0.5], True),
            ("0", "0.5", [0.51], False),
            ("0.5", "1", [0.5], True),
            ("0.5", "1", [0.49], False),
            ("0.5", "1", [0.49, 0.9], True),
            ("0.5", "0.4", [0.45], False),
            ("-1", "1", [0.0], True),
            ("0", "2", [None], False),
            ("0.2", "1", [None, 0.1], False),
        ],
    )
    def test_score_range_includes_both_ends(self, low: str, high: str, scores: list[Any], shown: bool) -> None:
        given = sample(*[label(score=score) for score in scores])
        assert selected(given, low_score=low, high_score=high) is shown

    @pytest.mark.parametrize("text", ["x", "", "nan", "inf", "-inf", "0,5"])
    @pytest.mark.parametrize("member", ["low_score", "high_score"])
    def test_score_that_is_not_a_finite_number_is_refused(self, member: str, text: str) -> None:
        with pytest.raises(ApiError) as raised:
            selected(sample(), **{member: text})
        assert raised.value.error is PARAMETER_INVALID
        assert raised.value.detail.startswith(f"{member}: ")

    def test_every_parameter_must_hold(self) -> None:
        given = sample(label(score=0.4))
        conditions = json.dumps([{"sample_name": "a"}, {"hard": "0"}])
        assert selected(given, high_score="0.5", sample_type=0, search_conditions=conditions)
        assert not selected(given, high_score="0.3", sample_type=0, search_conditions=conditions)
        assert not selected(given, high_score="0.5", sample_type=1, search_conditions=conditions)
        assert not selected(given, high_score="0.5", search_conditions='[{"sample_name": "a"}, {"hard": "1"}]')


class TestReading:
    @pytest.mark.parametrize("text", [None, "", "[]"])
    def test_no_text_is_no_condition(self, text: str | None) -> None:
        assert read_conditions(text) == []

    @pytest.mark.parametrize("encode", [str, quote, lambda text: "  " + quote(text, safe="")])
    def test_one_condition_or_a_list_may_be_url_encoded(self, encode: Any) -> None:
        for text, count in (('{"hard": "1"}', 1), ('[{"hard": "1"}, {"hard": "0"}]', 2)):
            assert [each.hard for each in read_conditions(encode(text))] == ["1", "0"][:count]

    def test_percent_inside_of_json_is_not_decoded(self) -> None:
        assert read_conditions('{"sample_name": "50%25"}')[0].sample_name == "50%25"

    def test_unknown_members_are_reported_by_their_path(self) -> None:
        warnings: list[str] = []
        read_conditions('{"colour": "red", "label_list": {"labels": [{"nam": "x"}]}}', warnings)
        assert sorted(warnings) == [
            "search_conditions.colour is not known",
            "search_conditions.label_list.labels[0].nam is not known",
        ]

    @pytest.mark.parametrize("text", ["{", "1", '"x"', '{"frame_in_video": "x"}', "[1]", "[" * 100_000])
    def test_text_that_is_not_a_condition_is_refused(self, text: str) -> None:
        assert refused(text).startswith("search_conditions: ")


class TestCombining:
    def test_all_of_needs_every_test(self) -> None:
        yes, no = (lambda _: True), (lambda _: False)
        assert all_of([]) is None and any_of([]) is None
        for tests, every, some in (
            ([yes], True, True),
            ([no], False, False),
            ([yes, yes], True, True),
            ([yes, no], False, True),
            ([no, no], False, False),
        ):
            both, either = all_of(tests), any_of(tests)
            assert both is not None and either is not None
            assert (both(sample()), either(sample())) == (every, some)

    def test_every_member_of_a_condition_must_hold(self) -> None:
        given = sample(annotated_by="me")
        assert matches({"sample_name": "a", "labeler": "me"}, given) == [True]
        assert matches({"sample_name": "a", "labeler": "you"}, given) == [False]

    def test_condition_without_members_holds_for_every_sample(self) -> None:
        assert matches({}, sample()) == [True]
        assert matches({"sample_name": "", "label_list": {}}, sample()) == [True]


CAT = label("cat", color="red", size="1")
DOG = label("dog", 1, color="blue")


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"labels": [{"name": "cat"}]}, True),
        ({"labels": [{"name": "bird"}]}, False),
        ({"labels": [{"name": "bird"}, {"name": "dog"}]}, True),  # OR unless stated
        ({"labels": [{"name": "bird"}, {"name": "dog"}], "op": "OR"}, True),
        ({"labels": [{"name": "bird"}, {"name": "dog"}], "op": "AND"}, False),
        ({"labels": [{"name": "cat"}, {"name": "dog"}], "op": "AND"}, True),
        ({"labels": []}, True),
        ({"labels": [], "op": "AND"}, True),
        ({"labels": [{}]}, True),
        ({"labels": [{"type": 1}]}, True),
        ({"labels": [{"type": 100}]}, False),
        ({"labels": [{"name": "cat", "type": 1}]}, False),  # one label must have both
        ({"labels": [{"property": {"color": ["red"]}}]}, True),
        ({"labels": [{"property": {"color": ["green", "blue"]}}]}, True),
        ({"labels": [{"property": {"color": ["green"]}}]}, False),
        ({"labels": [{"property": {"color": None}}]}, True),
        ({"labels": [{"property": {"shade": None}}]}, False),
        ({"labels": [{"property": {}}]}, True),
        ({"labels": [{"name": "cat", "property": {"color": ["blue"]}}]}, False),
        ({"labels": [{"property": {"color": ["red"], "size": ["2"]}}]}, False),  # AND unless stated
        ({"labels": [{"property": {"color": ["red"], "size": ["2"]}, "op": "AND"}]}, False),
        ({"labels": [{"property": {"color": ["red"], "size": ["2"]}, "op": "OR"}]}, True),
        ({"labels": [{"property": {"color": ["green"], "size": ["2"]}, "op": "OR"}]}, False),
        ({"labels": [{"property": {"size": ["1"]}}]}, True),
    ],
)
def test_label_list_matches_labels(wanted: dict[str, Any], shown: bool) -> None:
    assert matches({"label_list": wanted}, sample(CAT, DOG)) == [shown]


def test_label_list_matches_no_unlabelled_sample() -> None:
    assert matches({"label_list": {"labels": [{}]}}, sample()) == [False]


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [
        ({"props": {"city": ["Bonn"]}}, True),
        ({"props": {"city": ["Rome", "Bonn"]}}, True),
        ({"props": {"city": ["Rome"]}}, False),
        ({"props": {"city": []}}, False),
        ({"props": {"town": ["Bonn"]}}, False),
        ({"props": {"size": ["3"]}}, True),
        ({"props": {"size": ["3.0"]}}, True),
        ({"props": {"size": ["4"]}}, False),
        ({"props": {"size": ["three"]}}, False),
        ({"props": {"tags": ["b"]}}, True),
        ({"props": {"tags": ["c"]}}, False),
        ({"props": {"city": ["Bonn"], "size": ["4"]}}, False),
        ({"props": {"city": ["Bonn"], "size": ["4"]}, "op": "AND"}, False),
        ({"props": {"city": ["Bonn"], "size": ["4"]}, "op": "OR"}, True),
        ({"props": {"city": ["Rome"], "size": ["4"]}, "op": "OR"}, False),
        ({"props": {}}, True),
        ({}, True),
    ],
)
def test_metadata_matches_attributes(wanted: dict[str, Any], shown: bool) -> None:
    given = sample()
    given.metadata = {"city": "Bonn", "size": 3, "tags": ["a", "b"]}
    assert matches({"metadata": wanted}, given) == [shown]


@pytest.mark.parametrize(
    ("name", "shown"), [("a.png", True), ("a", True), (".p", True), ("b", False), ("in", False), ("A", False)]
)
def test_sample_name_matches_a_part_of_the_file_name(name: str, shown: bool) -> None:
    assert matches({"sample_name": name}, sample(path="b/in/a.png")) == [shown]


@pytest.mark.parametrize(
    ("directory", "shown"),
    [
        ("/box/in/", True),
        ("/box/in", True),
        ("obs://box/in/", True),
        ("/box/", False),
        ("/box/in/deep/", False),
        ("/box/i", False),
    ],
)
def test_sample_dir_matches_the_directory_itself(directory: str, shown: bool) -> None:
    assert matches({"sample_dir": directory}, sample(path="box/in/a.png")) == [shown]


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        # Ends are inclusive, in ms.
        ("month", NOW - 30 * DAY_MS, NOW + DAY_MS - 1),
        ("day", NOW - DAY_MS, NOW + DAY_MS - 1),
        ("20260301-20260301", midnight(2026, 3, 1), midnight(2026, 3, 2) - 1),
        ("20260228-20260302", midnight(2026, 2, 28), midnight(2026, 3, 3) - 1),
        ("20240228-20240229", midnight(2024, 2, 28), midnight(2024, 3, 1) - 1),
        ("20251231-20251231", midnight(2025, 12, 31), midnight(2026, 1, 1) - 1),
    ],
)
def test_sample_time_includes_both_ends(wanted: str, first: int, last: int) -> None:
    given = [sample(time=time) for time in (first - 1, first, last, last + 1)]
    assert matches({"sample_time": wanted}, *given) == [False, True, True, False]


@pytest.mark.parametrize(
    "wanted", ["year", "20260301", "20260230-20260301", "20260301-", "20260301-20260302-20260303", "99991231-99991231"]
)
def test_sample_time_of_another_form_is_refused(wanted: str) -> None:
    assert refused(json.dumps({"sample_time": wanted})).startswith("sample_time: ")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("1", [True, False, False]),
        ("TRUE", [True, False, False]),
        ("0", [False, True, True]),
        ("False", [False, True, True]),
    ],
)
def test_hard_matches_hard_samples(wanted: str, expected: list[bool]) -> None:
    given = [sample(metadata=metadata) for metadata in ({"hard": 1}, {"hard": 0}, {})]
    assert matches({"hard": wanted}, *given) == expected


@pytest.mark.parametrize("wanted", ["2", "yes", "-1"])
def test_hard_of_another_form_is_refused(wanted: str) -> None:
    assert refused(json.dumps({"hard": wanted})).startswith("hard: ")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("0.2-0.5", [False, True, True, False, False]),
        ("0-1", [True, True, True, True, False]),
        ("0.2-0.2", [False, True, False, False, False]),
    ],
)
def test_coefficient_range_includes_both_ends(wanted: str, expected: list[bool]) -> None:
    given = [sample(metadata={"hard_coefficient": value}) for value in (0.1, 0.2, "0.5", 0.6)]
    assert matches({"coefficient": wanted}, *given, sample()) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"), [("0.2-0.5", [False, True, True, False]), ("0.1-0.1", [True, False, False, False])]
)
def test_score_condition_includes_both_ends(wanted: str, expected: list[bool]) -> None:
    given = [sample(label(score=score)) for score in (0.1, 0.2, 0.5)]
    assert matches({"score": wanted}, *given, sample(label())) == expected


@pytest.mark.parametrize("member", ["coefficient", "score"])
@pytest.mark.parametrize("wanted", ["0.5", "a-b", "0.1-", "-0.1", "0-nan"])
def test_range_of_another_form_is_refused(member: str, wanted: str) -> None:
    assert refused(json.dumps({member: wanted})).startswith(f"{member}: ")


@pytest.mark.parametrize(
    ("condition", "hit", "miss"),
    [
        ({"labeler": "me"}, {"annotated_by": "me"}, {"annotated_by": "me too"}),
        ({"parent_sample_id": "v1"}, {"parent": "v1"}, {}),
        ({"import_origin": "1"}, {"metadata": {"import_origin": 1}}, {}),
        ({"import_origin": "0"}, {}, {"metadata": {"import_origin": 1}}),
        ({"frame_in_video": 7}, {"metadata": {"frame_in_video": 7}}, {"metadata": {"frame_in_video": 8}}),
        ({"frame_in_video": 0}, {"metadata": {"frame_in_video": 0}}, {}),
        ({"time_in_video": "1.5"}, {"metadata": {"time_in_video": 1.5}}, {"metadata": {"time_in_video": 2}}),
        ({"kvp": "120"}, {"metadata": {"kvp": "120"}}, {"metadata": {"kvp": "12"}}),
        ({"slice_thickness": "2"}, {"metadata": {"slice_thickness": "2"}}, {}),
        ({"study_date": "20260101"}, {"metadata": {"study_date": "20260101"}}, {"metadata": {"study_date": ""}}),
    ],
)
def test_other_members_match_their_own_value(
    condition: dict[str, Any], hit: dict[str, Any], miss: dict[str, Any]
) -> None:
    assert matches(condition, sample(**hit), sample(**miss)) == [True, False]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        (None, ("0", "1")),
        ("", ("0", "1")),
        ("0.0,1.0", ("0", "1")),
        (" 0.25 , 0.75 ", ("0.25", "0.75")),
        ("0.9,0.1", ("0.9", "0.1")),
    ],
)
def test_ratio_range_has_two_ends(text: str | None, ends: tuple[str, str]) -> None:
    assert ratio_range(text) == (Decimal(ends[0]), Decimal(ends[1]))


@pytest.mark.parametrize("text", ["0.5", "0.1,0.2,0.3", "a,b", "nan,1", "0,inf", ",", "0.1-0.9"])
def test_ratio_range_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as raised:
        ratio_range(text)
    assert raised.value.error is PARAMETER_INVALID
    assert raised.value.detail.startswith("train_evaluate_ratio: ")
