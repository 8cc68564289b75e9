"""Members of objects that several operations take: labels, labels on samples, metadata, sources, separators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.helpers.contract.project import BOX, Body, Case, Do

Wrap = Callable[[Body], Body]
"""Puts an object where the request has it."""

ATTRIBUTE = {"id": "a1", "name": "style", "type": "text", "default_value": "x", "values": [{"id": "v1", "value": "y"}]}
ENTITIES = [{"name": "old", "type": 103}, {"name": "other", "type": 103}]
RELATION = {"@modelarts:from_type": "old", "@modelarts:to_type": "other"}


def label_members(at: str, do: Do, wrap: Wrap, name: str = "new") -> dict[str, Case]:
    """The members of a Label in a triplet dataset, whose labels have two types: by default 103."""

    def case(with_it: Body, without: Body | None = None) -> Case:
        return Case(do, wrap({"name": name, **(without or {})}), wrap({"name": name, **with_it}))

    def attribute(**member: Any) -> Case:
        return case({"attributes": [{**ATTRIBUTE, **member}]}, {"attributes": [ATTRIBUTE]})

    def property_(key: str, value: str) -> Case:
        return case({"property": {**RELATION, key: value}}, {"property": RELATION})

    cases = {
        "name": case({"name": "another"}),
        "type": case({"type": 102, "property": RELATION}, {"type": 103, "property": RELATION}),
        "property": case({"property": {"own": "1"}}),
        "attributes": case({"attributes": [ATTRIBUTE]}),
        "attributes[].default_value": attribute(default_value="z"),
        "attributes[].id": attribute(id="a2"),
        "attributes[].name": attribute(name="shade"),
        "attributes[].type": attribute(type="select"),
        "attributes[].values": attribute(values=[]),
        "attributes[].values[].id": attribute(values=[{"id": "v2", "value": "y"}]),
        "attributes[].values[].value": attribute(values=[{"id": "v1", "value": "z"}]),
        "property.@modelarts:color": property_("@modelarts:color", "#123456"),
        "property.@modelarts:default_shape": property_("@modelarts:default_shape", "polygon"),
        "property.@modelarts:shortcut": property_("@modelarts:shortcut", "D"),
        "property.@modelarts:from_type": property_("@modelarts:from_type", "other"),
        "property.@modelarts:to_type": property_("@modelarts:to_type", "old"),
    }
    return {f"{at}.{path}": case for path, case in cases.items()}


def sample_label_members(at: str, do: Callable[[int], Do], wrap: Wrap) -> dict[str, Case]:
    """Return the members of a sample's label, each with a dataset type that has it, which ``do`` is called with."""

    def case(kind: int, without: Body, with_it: Body) -> Case:
        base = {} if kind == 202 else {"name": "x"}
        return Case(do(kind), wrap({"labels": [{**base, **without}]}), wrap({"labels": [{**base, **with_it}]}))

    def property_(kind: int, base: Body, **members: Any) -> Case:
        changed = {**base, **{f"@modelarts:{key.rstrip('_')}": value for key, value in members.items()}}
        return case(kind, {"property": base}, {"property": changed})

    entity = {"@modelarts:start_index": 0, "@modelarts:end_index": 2}
    segment = {"@modelarts:start_time": "00:00:01", "@modelarts:end_time": "00:00:05"}
    cases = {
        "annotated_by": case(0, {}, {"annotated_by": "auto"}),
        "id": case(102, {"property": entity}, {"property": entity, "id": "E1"}),
        "name": case(0, {}, {"name": "y"}),
        "score": case(0, {}, {"score": 0.5}),
        "type": case(0, {}, {"type": 1}),
        "property": case(0, {}, {"property": {"own": 1}}),
        "property.@modelarts:shape": property_(1, BOX, shape="line"),
        "property.@modelarts:feature": property_(1, BOX, feature=[[2, 2], [9, 9]]),
        "property.@modelarts:hard": property_(1, BOX, hard="1"),
        "property.@modelarts:hard_coefficient": property_(1, BOX, hard_coefficient="0.5"),
        "property.@modelarts:hard_reasons": property_(1, BOX, hard_reasons="1-2"),
        "property.@modelarts:start_index": property_(101, entity, start_index=1),
        "property.@modelarts:end_index": property_(101, entity, end_index=3),
        "property.@modelarts:from": Case(do(102), wrap(triplet()), wrap(triplet(from_="E2"))),
        "property.@modelarts:to": Case(do(102), wrap(triplet()), wrap(triplet(to="E1"))),
        "property.@modelarts:start_time": property_(202, segment, start_time="00:00:02"),
        "property.@modelarts:end_time": property_(202, segment, end_time="00:00:06"),
        "property.@modelarts:content": property_(202, segment, content="said"),
        "property.@modelarts:source": property_(202, segment, source="Tom"),
    }
    return {f"{at}.{path}": case for path, case in cases.items()}


def triplet(from_: str = "E1", to: str = "E2") -> Body:
    """Return two entities and a relation between them."""
    entity = {"@modelarts:start_index": 0, "@modelarts:end_index": 1}
    entities = [{"name": name, "id": name, "type": 103, "property": entity} for name in ("E1", "E2")]
    ends = {"@modelarts:from": from_, "@modelarts:to": to}
    return {"labels": [*entities, {"name": "r", "type": 102, "property": ends}]}


def metadata_members(at: str, do: Do, wrap: Wrap) -> dict[str, Case]:
    """The members of a sample's metadata."""
    hard = {"@modelarts:hard": 1}
    cases = {
        "@modelarts:hard": ({}, hard),
        "@modelarts:hard_coefficient": (hard, {**hard, "@modelarts:hard_coefficient": 0.5}),
        "@modelarts:hard_reasons": (hard, {**hard, "@modelarts:hard_reasons": [3]}),
    }
    return {
        f"{at}.{path}": Case(do, wrap({"metadata": without}), wrap({"metadata": with_it}))
        for path, (without, with_it) in cases.items()
    }


def schema_members(at: str, do: Do, wrap: Wrap) -> dict[str, Case]:
    """How the columns of a file become those of a schema ``x, y``."""

    def maps(*pairs: str) -> Body:
        return wrap({"schema_maps": [{"src_name": pair[0], "dest_name": pair[1]} for pair in pairs]})

    return {
        f"{at}.schema_maps": Case(do, wrap({}), maps("bx", "ay")),
        f"{at}.schema_maps[].src_name": Case(do, maps("ax", "by"), maps("bx", "by")),
        f"{at}.schema_maps[].dest_name": Case(do, maps("ax", "by"), maps("ay", "bx")),
        f"{at}.with_column_header": Case(
            do, wrap({"with_column_header": True}), wrap({"with_column_header": False, "schema_maps": None})
        ),
    }


def separator_members(at: str, do: Do, wrap: Wrap) -> dict[str, Case]:
    """How the label information of a line ``four;five/six`` is read."""

    def case(without: Body, with_it: Body) -> Case:
        return Case(do, wrap(without), wrap(with_it))

    semicolon = {"text_sample_separator": ";"}
    return {
        f"{at}.text_sample_separator": case({}, semicolon),
        f"{at}.text_label_separator": case(semicolon, {**semicolon, "text_label_separator": "/"}),
        f"{at}.label_type": case(semicolon, {**semicolon, "label_type": "0"}),
    }
