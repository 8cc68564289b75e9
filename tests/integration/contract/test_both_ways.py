"""The comparison of answers before Flask and through Flask sees every kind of answer."""

from __future__ import annotations

from typing import Any

from tests.helpers.api import Api


def test_both_ways_compare_pages_other_reads_and_refusals(both_ways: Any, api: Api) -> None:
    dataset_id = api.dataset()
    samples = f"/{dataset_id}/data-annotations/samples"
    before = dict(both_ways.compared)
    api.call("GET", f"{samples}?limit=10")
    api.call("GET", f"/{dataset_id}/versions")
    api.refused("PUT", samples, json={"samples": []})
    grown = {kind for kind, count in both_ways.compared.items() if count > before[kind]}
    assert grown == {"at once", "read", "refused"}
