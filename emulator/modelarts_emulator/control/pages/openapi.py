"""Serve the OpenAPI 3.1 document of the whole surface, built from the route table and the wire types."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from flask import Flask, Response

import modelarts_emulator
from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.contract.errors import PARAMETER_INVALID, Error
from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT
from modelarts_emulator.control.endpoints import EMULATOR, ENDPOINTS, IDENTITY, Endpoint
from modelarts_emulator.control.errors import CONTROL_KEY_REQUIRED
from modelarts_emulator.control.pages.schemas import Schemas, build_schemas

_PARAMETER = re.compile(r"{(\w+)}")
_PATH_PARAMETERS = {
    "project_id": "Project that the call is for; any text in open mode",
    "dataset_id": "Identifier of the dataset",
    "sample_id": "Identifier of the sample",
    "label_name": "Name of the label, percent-encoded",
    "task_id": "Identifier of the task",
    "version_id": "Identifier of the dataset version",
    "workforce_id": "Identifier of the team",
    "worker_id": "Identifier of the team member",
    "workforce_task_id": "Identifier of the team labelling task",
    "name": "Name of the snapshot: 1 to 64 letters, digits, `_`, `-` and `.`, not starting with `.`",
    "fault_id": "Identifier of the fault",
    "kind": "Kind of task, such as `publish`",
}
_HEADER_PARAMETERS = {"X-Subject-Token": "Token that the call is about"}
_FAILURES = {"400": "Refused", "401": "Not authenticated", "403": "Forbidden", "501": "Not for this dataset type"}
_ERROR = {
    "type": "object",
    "description": "Body of every error response.",
    "properties": {
        "error_code": {"type": "string", "description": "Code such as `ModelArts.4352`"},
        "error_msg": {"type": "string", "description": "Explanation, with the parameter or id that is wrong"},
    },
    "required": ["error_code", "error_msg"],
}
_WARNINGS, _REASON = "X-Emulator-Warnings", "X-Emulator-Reason"
_HEADERS = {
    _WARNINGS: {"description": "Parameters that are unknown or have no effect", "schema": {"type": "string"}},
    _REASON: {"description": "The rule behind an error, and its page in the reference", "schema": {"type": "string"}},
}


def register(app: Flask) -> None:
    """Add ``GET /_emulator/openapi.json``."""
    cached: list[bytes] = []

    def serve_document() -> Response:
        # Built at the first request, so that it does not delay the start.
        if not cached:
            cached.append(msgspec.json.encode(document()))
        return Response(cached[0], 200, content_type="application/json")

    app.add_url_rule("/_emulator/openapi.json", "openapi", serve_document)


def document() -> dict[str, Any]:
    """Build the document."""
    rows: list[Route | Endpoint] = [*(route for routes in ROUTES.values() for route in routes), *ENDPOINTS]
    schemas = build_schemas(kind for row in rows for kind in (row.query, row.request, row.response) if kind is not None)
    paths: dict[str, dict[str, Any]] = {}
    for family, routes in ROUTES.items():
        for route in routes:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(family, route, schemas)
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _endpoint(endpoint, schemas)
    queries = {kind.__name__ for row in rows if (kind := row.query) is not None}
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
            "schemas": {n: each for n, each in schemas.components.items() if n not in queries} | {"Error": _ERROR},
            "headers": _HEADERS,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Emulator-Key"},
            },
        },
    }


def _endpoint(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": [endpoint.heading],
        "summary": endpoint.summary,
        "parameters": [
            *_path_parameters(endpoint.path),
            *_header_parameters(endpoint.headers),
            *_query_parameters(endpoint.query, {}, schemas),
        ],
        "responses": {str(endpoint.status): _endpoint_success(endpoint, schemas)},
    }
    if endpoint.handler is not None:
        described["description"] = re.sub(r"(?<=\S)[ ]*\n[ ]+(?=\S)", " ", inspect.getdoc(endpoint.handler) or "")
        described["responses"] |= _endpoint_failures((PARAMETER_INVALID, CONTROL_KEY_REQUIRED, *endpoint.errors))
        described["security"] = [{}, {"key": []}]
    if endpoint.request is not None or endpoint.example is not None:
        schema = {"type": "object"} if endpoint.request is None else schemas.by_type[endpoint.request]
        content = {"application/json": {"schema": schema, "example": endpoint.example or {}}}
        described["requestBody"] = {"content": content, "required": True}
    return described


def _endpoint_success(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    if endpoint.status == 204:
        return {"description": "Done"}
    if endpoint.handler is None:
        return {"description": "OK"}
    schema = {} if endpoint.response is None else {"schema": schemas.by_type[endpoint.response]}
    return {"description": "OK", "content": {endpoint.content_type: schema}}


def _endpoint_failures(errors: Iterable[Error]) -> dict[str, Any]:
    """Describe errors by status; one status may have several errors."""
    texts: dict[str, list[str]] = {}
    for error in errors:
        texts.setdefault(str(error.status), []).append(f"{error.message.rstrip('.')} (`{error.code}`)")
    return {status: _failure("; ".join(dict.fromkeys(described))) for status, described in texts.items()}


def _operation(family: str, route: Route, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.operation,
        "tags": [family],
        "summary": route.title,
        "description": "\n\n".join(_operation_description(route)),
        "parameters": [
            *_path_parameters(route.path),
            *_query_parameters(route.query, WITHOUT_EFFECT.get(route.operation, {}), schemas),
        ],
        "responses": {str(route.status): _operation_success(route, schemas), **_operation_failures()},
    }
    if route.request is not None:
        content = {"application/json": {"schema": schemas.by_type[route.request]}}
        described["requestBody"] = {"content": content, "required": schemas.needs_body(route.request)}
    return described


def _operation_description(route: Route) -> Iterator[str]:
    """Yield the handler's docstring, the parameters without effect, and the reference page."""
    yield re.sub(r"\s*\n\s*", " ", (route.handler.__doc__ or "").strip())
    without = WITHOUT_EFFECT.get(route.operation)
    if without:
        yield "Accepted without effect:\n" + "\n".join(f"- `{path}`: {why}" for path, why in without.items())
    yield f"Reference: {route.reference}"


def _operation_success(route: Route, schemas: Schemas) -> dict[str, Any]:
    headers = {_WARNINGS: {"$ref": f"#/components/headers/{_WARNINGS}"}}
    described: dict[str, Any] = {"description": "Done" if route.response is None else "OK", "headers": headers}
    if route.response is not None:
        described["content"] = {"application/json": {"schema": schemas.by_type[route.response]}}
    return described


def _operation_failures() -> dict[str, Any]:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
    return {status: {**_failure(why), "headers": headers} for status, why in _FAILURES.items()}


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(path):
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema, "description": _PATH_PARAMETERS[name]}


def _header_parameters(names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        described = {"schema": {"type": "string"}, "description": _HEADER_PARAMETERS[name]}
        yield {"name": name, "in": "header", "required": True, **described}


def _query_parameters(
    query: type[msgspec.Struct] | None, without: Mapping[str, str], schemas: Schemas
) -> Iterator[dict[str, Any]]:
    if query is None:
        return
    for name, member, required in schemas.properties(query):
        schema = {key: value for key, value in member.items() if key != "description"}
        parameter = {"name": name, "in": "query", "required": required, "schema": schema}
        if name in without:
            parameter["description"] = f"Accepted without effect: {without[name]}."
        elif "description" in member:
            parameter["description"] = member["description"]
        yield parameter


def _failure(why: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": why, "content": {"application/json": {"schema": schema}}}
