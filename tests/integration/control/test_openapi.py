"""The OpenAPI document is valid and speaks of everything; the page that shows it needs nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.app import create_app
from modelarts_emulator.contract.errors import Error
from modelarts_emulator.control import errors
from modelarts_emulator.control.endpoints import ENDPOINTS, Endpoint
from modelarts_emulator.control.pages.openapi import document
from modelarts_emulator.server import Emulator
from tests.helpers.contract.answers import ALL_OPERATIONS
from tests.helpers.contract.deviations import TYPES

pytestmark = pytest.mark.slow

CONTRACT = list(ALL_OPERATIONS.values())


def is_listed(fault: str) -> bool:
    return any(re.search(pattern, fault) for pattern in TYPES)


ASSETS = ("/_emulator/docs/", "/_emulator/ui/")


@pytest.fixture
def openapi(emu: Emulator) -> Any:
    return requests.get(f"{emu.url}/_emulator/openapi.json", timeout=10).json()


def test_openapi_is_valid_and_complete(openapi: Any) -> None:
    validate(openapi)
    described = {
        operation["operationId"]: (method.upper(), path)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if "operationId" in operation
    }
    wanted = {
        each["operation"]: (each["method"], each["path"].replace("resource_id", "dataset_id")) for each in CONTRACT
    }
    assert described == wanted


@pytest.mark.parametrize("operation", CONTRACT, ids=lambda operation: operation["operation"])
def test_openapi_parameters_and_bodies_are_those_of_the_contract(operation: Any) -> None:
    openapi = document()
    path = operation["path"].replace("resource_id", "dataset_id")
    described = openapi["paths"][path][operation["method"].lower()]
    queries = {each["name"] for each in described["parameters"] if each["in"] == "query"}
    known = {each["name"] for each in operation["query"] or ()}
    assert {
        name for name in queries - known if not is_listed(f"{operation['operation']} ?{name}: not in the contract")
    } == set()
    assert known <= queries
    members = set()
    if "requestBody" in described:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        members = set(openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"])
    assert members >= {each["name"] for each in operation["request_body"] or ()}


def test_routes_are_the_operations_of_the_contract() -> None:
    assert {route.operation for routes in ROUTES.values() for route in routes} == {o["operation"] for o in CONTRACT}
    assert list(ROUTES) == list(dict.fromkeys(operation["family"] for operation in CONTRACT))


def test_openapi_describes_every_endpoint(emu: Emulator, openapi: Any) -> None:
    rules = {
        (method, str(rule).replace("<", "{").replace(">", "}"))
        for rule in create_app(emu.runtime).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    own = {
        (method, path)
        for method, path in rules
        if path.startswith(("/_emulator/", "/v3")) and path != "/v3/" and not path.startswith(ASSETS)
    }
    assert own == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}
    described = {(method.upper(), path) for path, methods in openapi["paths"].items() for method in methods}
    assert own < described


CONTROL = [endpoint for endpoint in ENDPOINTS if endpoint.handler is not None]


@pytest.mark.parametrize("endpoint", CONTROL, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_openapi_describes_the_control_api(endpoint: Endpoint) -> None:
    described = document()["paths"][endpoint.path][endpoint.method.lower()]
    assert described["description"]
    assert described["security"] == [{}, {"key": []}]
    assert {str(endpoint.status), "400", "401"} <= set(described["responses"])
    queries = {each["name"] for each in described["parameters"] if each["in"] == "query"}
    assert queries == set(endpoint.query.__struct_encode_fields__ if endpoint.query else ())
    assert ("requestBody" in described) == (endpoint.request is not None)


def test_openapi_lists_the_errors_of_the_control_api() -> None:
    told = {
        (endpoint.method, endpoint.path.removeprefix("/_emulator/"), status)
        for endpoint in CONTROL
        for status in document()["paths"][endpoint.path][endpoint.method.lower()]["responses"]
        if status in ("404", "429", "504")
    }
    snapshot = {(method, "snapshots/{name}", "404") for method in ("GET", "POST", "DELETE")}
    assert told == snapshot | {
        ("GET", "snapshots/{name}/archive", "404"),
        ("PUT", "snapshots/{name}", "504"),
        ("DELETE", "faults/{fault_id}", "404"),
        ("POST", "wait-idle", "504"),
        ("GET", "events", "429"),
    }


@pytest.mark.parametrize("endpoint", [each for each in CONTROL if each.example is not None], ids=lambda each: each.name)
def test_openapi_examples_of_the_control_api_work(emu: Emulator, endpoint: Endpoint) -> None:
    answer = requests.request(endpoint.method, emu.url + endpoint.path, json=endpoint.example, timeout=10)
    assert answer.status_code == endpoint.status, answer.text


def test_openapi_example_of_a_login_works(emu: Emulator, openapi: Any) -> None:
    content = openapi["paths"]["/v3/auth/tokens"]["post"]["requestBody"]["content"]["application/json"]
    answer = requests.post(f"{emu.url}/v3/auth/tokens", json=content["example"], timeout=10)
    assert answer.status_code == 201
    assert answer.headers["X-Subject-Token"]


def test_openapi_lists_parameters_without_effect(openapi: Any) -> None:
    operation = openapi["paths"]["/v2/{project_id}/datasets/{dataset_id}/data-annotations/samples"]
    assert "- `samples[].source`: a sample's object cannot be replaced" in operation["put"]["description"]
    operation = openapi["paths"]["/v2/{project_id}/datasets/{dataset_id}/data-annotations/samples/{sample_id}"]
    (worker,) = [each for each in operation["get"]["parameters"] if each["name"] == "worker_id"]
    assert worker["description"].startswith("Accepted without effect: the dataset has one set of labels")


def test_openapi_explains_codes(openapi: Any) -> None:
    schemas = openapi["components"]["schemas"]
    for name, schema in schemas.items():
        if "enum" in schema and isinstance(schema["enum"][0], int):
            assert all(re.search(rf"\b{code} [a-z]", schema["description"]) for code in schema["enum"]), name
    assert "0 image classification, 1 object detection," in schemas["DatasetType"]["description"]


def test_swagger_page_is_served_with_all_assets(emu: Emulator) -> None:
    page = requests.get(f"{emu.url}/_emulator/docs/", timeout=10)
    assert page.url == f"{emu.url}/_emulator/docs"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    for reference in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert not reference.startswith(("http", "//"))
        asset = requests.get(f"{emu.url}/_emulator/{reference}", timeout=10)
        assert asset.status_code == 200, reference
        assert asset.content


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property in a schema, nested ones included."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for value in schema.values():
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def words(text: str) -> set[str]:
    return set(re.findall("[a-z]+", text.lower())) - {"a", "an", "of", "the"}


def test_openapi_every_property_has_a_description_that_adds_to_its_name(openapi: Any) -> None:
    found = [
        (schema, name, member.get("description", ""))
        for schema, content in openapi["components"]["schemas"].items()
        for name, member in properties(content)
    ]
    assert len(found) > 400
    assert [each for each in found if words(each[2]) <= words(each[1])] == []


def test_openapi_every_schema_has_a_description_that_adds_to_its_name(openapi: Any) -> None:
    for name, schema in openapi["components"]["schemas"].items():
        assert words(schema.get("description", "")) - {name.lower()}, name


def test_openapi_every_parameter_has_a_description(openapi: Any) -> None:
    missing = [
        (path, method, parameter["name"])
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        for parameter in operation["parameters"]
        if not parameter.get("description")
    ]
    assert missing == []


def test_openapi_every_error_of_the_control_api_is_declared_by_an_endpoint(openapi: Any) -> None:
    declared = {error for endpoint in CONTROL for error in endpoint.errors}
    own = {error for error in vars(errors).values() if isinstance(error, Error)}
    assert declared == own - {errors.CONTROL_KEY_REQUIRED}
    for endpoint in CONTROL:
        responses = openapi["paths"][endpoint.path][endpoint.method.lower()]["responses"]
        for error in endpoint.errors:
            assert f"{error.message} (`{error.code}`)" in responses[str(error.status)]["description"]
