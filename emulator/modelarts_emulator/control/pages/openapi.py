"""The OpenAPI 3.1 document of the whole surface, made of the route table and the wire types."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any

import msgspec
from flask import Flask, Response

import modelarts_emulator
from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.contract import wire
from modelarts_emulator.contract.errors import Error
from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT
from modelarts_emulator.control import errors
from modelarts_emulator.control.endpoints import EMULATOR, ENDPOINTS, IDENTITY, Endpoint

_REF = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")
_REFUSALS = {"400": "Refused", "401": "Not authenticated", "403": "Forbidden", "501": "Not for this dataset type"}
_ERROR = {
    "type": "object",
    "properties": {"error_code": {"type": "string"}, "error_msg": {"type": "string"}},
    "required": ["error_code", "error_msg"],
}
_WARNINGS, _REASON = "X-Emulator-Warnings", "X-Emulator-Reason"
_HEADERS = {
    _WARNINGS: {"description": "Input that nobody knows or that has no effect", "schema": {"type": "string"}},
    _REASON: {"description": "The rule behind an error, and its page of the reference", "schema": {"type": "string"}},
}


def register(app: Flask) -> None:
    """Add ``GET /_emulator/openapi.json``."""
    made: list[bytes] = []

    def answer() -> Response:
        # Made when it is first asked for: a start-up need not wait for it.
        if not made:
            made.append(msgspec.json.encode(document()))
        return Response(made[0], 200, content_type="application/json")

    app.add_url_rule("/_emulator/openapi.json", "openapi", answer)


def document() -> dict[str, Any]:
    """The document."""
    schemas, components = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for family, routes in ROUTES.items():
        for route in routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(family, route, schemas, components)
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _endpoint(endpoint, schemas, components)
    described: list[Route | Endpoint] = [*(route for routes in ROUTES.values() for route in routes), *ENDPOINTS]
    queries = {kind.__name__ for each in described if (kind := each.query) is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ModelArts emulator",
            "version": modelarts_emulator.__version__,
            "description": "Data management API (v2). Times are milliseconds since the epoch; offsets count pages.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": heading} for heading in (*ROUTES, IDENTITY, EMULATOR)],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in queries} | {"Error": _ERROR},
            "headers": _HEADERS,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Emulator-Key"},
            },
        },
    }


def _schemas() -> tuple[dict[type, dict[str, Any]], dict[str, Any]]:
    """The schemas of all wire types, by type, and what they refer to, by name."""
    rows: list[Route | Endpoint] = [*(route for each in ROUTES.values() for route in each), *ENDPOINTS]
    kinds = {kind for row in rows for kind in (row.query, row.request, row.response) if kind is not None}
    ordered = sorted(kinds, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    _open(components)
    for codes in (each for each in vars(wire).values() if isinstance(each, type) and issubclass(each, IntEnum)):
        if codes.__name__ in components:
            components[codes.__name__]["description"] += f" {_named(codes)}."
    return dict(zip(ordered, schemas, strict=True)), components


def _named(codes: type[IntEnum]) -> str:
    """What numbers stand for: ``0 image classification, 1 object detection, …``."""
    return ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in codes)


def _endpoint(endpoint: Endpoint, schemas: dict[Any, dict[str, Any]], components: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": [endpoint.heading],
        "summary": endpoint.summary,
        "parameters": [
            *_path_parameters(endpoint.path),
            *_header_parameters(endpoint.headers),
            *_query_parameters(endpoint.query, {}, components),
        ],
        "responses": {str(endpoint.status): _answer(endpoint, schemas)},
    }
    if endpoint.handler is not None:
        described["description"] = re.sub(r"(?<=\S)[ ]*\n[ ]+(?=\S)", " ", inspect.getdoc(endpoint.handler) or "")
        described["responses"] |= {"400": _refusal("Refused"), "401": _refusal("The control key is missing")}
        described["responses"] |= {str(row.status): _refusal(row.message) for row in _raised(described["description"])}
        described["security"] = [{}, {"key": []}]
    if endpoint.request is not None or endpoint.example is not None:
        schema = {"type": "object"} if endpoint.request is None else schemas[endpoint.request]
        content = {"application/json": {"schema": schema, "example": endpoint.example or {}}}
        described["requestBody"] = {"content": content, "required": True}
    return described


def _raised(description: str) -> Iterator[Error]:
    """The refusals of the control API that a description names."""
    for name, row in vars(errors).items():
        if isinstance(row, Error) and re.search(rf"\b{name}\b", description):
            yield row


def _answer(endpoint: Endpoint, schemas: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    if endpoint.status == 204:
        return {"description": "Done"}
    if endpoint.handler is None:
        return {"description": "OK"}
    schema = {} if endpoint.response is None else {"schema": schemas[endpoint.response]}
    return {"description": "OK", "content": {endpoint.content_type: schema}}


def _operation(
    family: str, route: Route, schemas: dict[type, dict[str, Any]], components: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [family],
        "summary": route.title,
        "description": "\n\n".join(_description(route)),
        "parameters": [
            *_path_parameters(route.path),
            *_query_parameters(route.query, WITHOUT_EFFECT.get(route.operation, {}), components),
        ],
        "responses": {str(route.status): _success(route, schemas), **_refusals()},
    }
    if route.request is not None:
        content = {"application/json": {"schema": schemas[route.request]}}
        required = bool(components[route.request.__name__].get("required"))
        described["requestBody"] = {"content": content, "required": required}
    return described


def _description(route: Route) -> Iterator[str]:
    """What the operation does, what it takes without effect, and where it is described."""
    yield re.sub(r"\s*\n\s*", " ", (route.handler.__doc__ or "").strip())
    without = WITHOUT_EFFECT.get(route.operation)
    if without:
        yield "Accepted without effect:\n" + "\n".join(f"- `{path}`: {why}" for path, why in without.items())
    yield f"Reference: {route.reference}"


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _header_parameters(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        yield {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}


def _query_parameters(
    query: type[msgspec.Struct] | None, without: Mapping[str, str], components: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if query is None:
        return
    schema = components[query.__name__]
    for name, member in schema["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": member}
        if name in without:
            parameter["description"] = f"Accepted without effect: {without[name]}."
        yield parameter


def _success(route: Route, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    headers = {_WARNINGS: {"$ref": f"#/components/headers/{_WARNINGS}"}}
    described: dict[str, Any] = {"description": "Done" if route.response is None else "OK", "headers": headers}
    if route.response is not None:
        described["content"] = {"application/json": {"schema": schemas[route.response]}}
    return described


def _refusals() -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    return {status: {**_refusal(why), "headers": headers} for status, why in _REFUSALS.items()}


def _refusal(why: str) -> dict[str, Any]:
    return {
        "description": why,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _open(schema: Any) -> None:
    """Make schemas say what is accepted: unknown members are; and write patterns as other languages do."""
    if isinstance(schema, dict):
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace(r"\Z", "$")
        for value in schema.values():
            _open(value)
    elif isinstance(schema, list):
        for value in schema:
            _open(value)
