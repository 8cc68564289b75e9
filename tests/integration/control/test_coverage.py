"""The coverage document: operations, parameters without effect, dataset types."""

from __future__ import annotations

import pytest
import requests

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT, no_effect_finder
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.control.pages.coverage import operations
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api

ROUTE = {route.operation: route for routes in ROUTES.values() for route in routes}


def test_coverage_lists_every_operation(emu: Emulator) -> None:
    found = requests.get(f"{emu.url}/_emulator/coverage", timeout=10).json()["operations"]
    assert [each["operation"] for each in found] == list(ROUTE)
    samples = next(each for each in found if each["operation"] == "ListSamples")
    assert samples["family"] == "Labeling Data"
    assert samples["title"] == "Querying the sample list"
    assert "search_conditions" in samples["parameters"]
    assert samples["without_effect"] == {}
    assert list(next(each for each in found if each["operation"] == "ListDatasets")["without_effect"]) == [
        "dataset_version"
    ]
    assert samples["dataset_types"] == [0, 1, 3, 100, 101, 102, 200, 201, 202, 400, 600, 900]
    export = next(each for each in found if each["operation"] == "ExportTask")
    assert export["dataset_types"] == [0, 1, 3, 900]


@pytest.mark.parametrize("operation", [*WITHOUT_EFFECT])
def test_coverage_lists_only_parameters_as_without_effect(operation: str) -> None:
    route = ROUTE[operation]
    known = {name for kind in (route.query, route.request) if kind for name in kind.__struct_encode_fields__}
    assert {path.partition(".")[0].removesuffix("[]") for path in WITHOUT_EFFECT[operation]} <= known
    assert no_effect_finder(operation, route.query) or no_effect_finder(operation, route.request)


@pytest.mark.parametrize("kind", DatasetType)
def test_coverage_lists_the_dataset_types_that_an_operation_accepts(api: Api, kind: DatasetType) -> None:
    dataset_id = api.dataset(dataset_type=kind)
    types = {each.operation: each.dataset_types for each in operations()}
    calls = {
        "ExportTask": ("POST", "/export-tasks", {}),
        "CreateLabels": ("POST", "/data-annotations/labels", {}),
        "UpdateLabels": ("PUT", "/data-annotations/labels", {}),
        "DeleteLabels": ("POST", "/data-annotations/labels/delete", {}),
        "UpdateLabel": ("PUT", "/data-annotations/labels/x", {}),
        "DeleteLabelAndSamples": ("DELETE", "/data-annotations/labels/x", None),
        "UpdateSamples": ("PUT", "/data-annotations/samples", {"samples": [{"sample_id": "x"}]}),
        "ImportTask": ("POST", "/import-tasks", {}),
        "ListSearch": ("GET", "/data-annotations/search-condition", None),
    }
    for operation, (method, path, body) in calls.items():
        answer = api.session.request(method, f"{api.base}/{dataset_id}{path}", json=body, timeout=10)
        assert (answer.status_code != 501) == (kind in types[operation]), operation
