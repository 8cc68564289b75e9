"""The one way from HTTP to an operation and back: authenticate, parse, call, encode.

No operation knows Flask, and no route has code of its own. A documented refusal becomes its error body; anything else
that goes wrong is logged and becomes the catalogue's internal error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.api.routing import FastRoutingFlask
from modelarts_emulator.contract import lenient_decoding, unsupported
from modelarts_emulator.contract.errors import (
    DATASET_NOT_FOUND,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NAMES,
    NOT_FOUND,
    PARAMETER_ERROR,
    PARAMETER_INVALID,
    TOO_LARGE,
    VERSION_NOT_FOUND,
    ApiError,
    Error,
)
from modelarts_emulator.iam.accounts import ANONYMOUS
from modelarts_emulator.iam.authenticator import Authenticator
from modelarts_emulator.iam.signed_request import read_signed_request
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import Unknown

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 512 * 1024 * 1024
MAX_HEADER_CHARS = 1_000
MAX_CACHED_QUERIES = 1_000
ERROR_TABLE = "api-ref/source/common_parameters/error_codes.rst"
JSON = "application/json"

_CREDENTIALS = frozenset({"HTTP_X_AUTH_TOKEN", "HTTP_AUTHORIZATION"})

_encode = msgspec.json.Encoder().encode


def register(app: FastRoutingFlask, emu: Runtime, access: Authenticator) -> None:
    """Add every route of the table, and the error bodies of everything that has no route."""
    for routes in ROUTES.values():
        for route in routes:
            rule = route.path.replace("{", "<").replace("}", ">").replace("<label_name>", "<anything:label_name>")
            app.add_url_rule(rule, route.operation, _view(route, emu, access), methods=[route.method])
            if "<anything:" not in rule:
                app.add_fast_route(route.path, route.method, route.operation)
    app.after_request(_add_reason_header)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def _view(route: Route, emu: Runtime, access: Authenticator) -> Callable[..., Response]:
    query_type, request_type = route.query, route.request
    idle_query, idle_body = (unsupported.no_effect_finder(route.operation, kind) for kind in (query_type, request_type))
    strict = emu.settings.strict_input

    @lru_cache(maxsize=MAX_CACHED_QUERIES)
    def query_of(text: str) -> tuple[Any, tuple[str, ...]]:
        """Query parameters and what is to be told of them; clients ask the same again and again. Nobody changes it."""
        problems: list[str] = []
        query = read_query(text, query_type, problems)  # type: ignore[arg-type]
        return query, (*problems, *(idle_query(query) if idle_query else ()))

    def view(**path: str) -> Response:
        warnings: list[str] = []
        try:
            arguments: dict[str, Any] = {}
            target = _target(path, emu, access, warnings)
            query = request.environ["QUERY_STRING"]
            if query_type is not None:
                arguments["query"], problems = query_of(query)
                warnings += problems
            elif query:
                _report_unknown(dict(parse_qsl(query)), warnings)
            if request_type is not None:
                arguments["request"] = read_body(_body(), request_type, warnings)
                if idle_body is not None:
                    warnings += idle_body(arguments["request"])
            if warnings and strict:
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
            answer = route.handler(emu, target, **arguments)
            if warnings and strict:  # only what reads finds more of them, so nothing has been changed
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
        except ApiError as error:
            response = error_response(error, route.reference)
        except Unknown as gone:  # somebody else has deleted it since it was looked for
            row = VERSION_NOT_FOUND if gone.args[0] == path.get("version_id") else DATASET_NOT_FOUND
            response = error_response(ApiError(row, str(gone.args[0])), route.reference)
        else:
            response = Response(b"" if answer is None else _encode(answer), route.status, content_type=JSON)
        if warnings:
            response.headers["X-Emulator-Warnings"] = _as_header("; ".join(warnings))
        return response

    return view


def _as_header(text: str) -> str:
    """Text as a header can carry it: printable ASCII on one line, and not without end."""
    plain = text[:MAX_HEADER_CHARS].encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)[:MAX_HEADER_CHARS]


def _target(path: dict[str, str], emu: Runtime, access: Authenticator, warnings: list[str]) -> RequestContext:
    principal = ANONYMOUS
    # Most clients of an open emulator say nothing of themselves; then there is nothing to judge either.
    if access.strict or not request.environ.keys().isdisjoint(_CREDENTIALS):
        principal = access.authenticate(read_signed_request(request.environ, _body), path["project_id"])
    environ = request.environ
    base_url = emu.settings.public_url or _base_url(environ["wsgi.url_scheme"], environ.get("HTTP_HOST"))
    user = f"human/{principal.user.domain}/{principal.user.name}"
    return RequestContext(**path, base_url=base_url, user=user, warnings=warnings)


@lru_cache(maxsize=64)
def _base_url(scheme: str, host: str | None) -> str:
    """This server as the current request's client sees it; werkzeug takes its time to tell."""
    return request.host_url.rstrip("/")


def _body() -> bytes:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise ApiError(TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} bytes")
    return request.get_data(cache=True)


@cache
def _known_names(wanted: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(wanted.__struct_encode_fields__)


def _report_unknown(names: Iterable[str], warnings: list[str]) -> None:
    warnings += [f"query parameter {name[:80]} is not known" for name in names]


def read_query(text: str, wanted: type[msgspec.Struct], warnings: list[str]) -> Any:
    """Decode query parameters; the first of a name counts, an empty one is absent, an unknown one is a warning.

    Raises PARAMETER_INVALID.
    """
    values = dict(reversed(parse_qsl(text))) if text else {}
    if not values.keys() <= _known_names(wanted):
        _report_unknown(sorted(values.keys() - _known_names(wanted)), warnings)
        values = {name: value for name, value in values.items() if name in _known_names(wanted)}
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, describe_validation_error(error)) from None


def read_body(data: bytes, wanted: type[msgspec.Struct], warnings: list[str]) -> Any:
    """Decode a request body; no body is an empty object, an unknown member is a warning.

    Raises PARAMETER_ERROR (no JSON), PARAMETER_INVALID.
    """
    try:
        return lenient_decoding.decode(
            data or b"{}", wanted, lambda name: warnings.append(f"member {name[:80]} is not known")
        )
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, describe_validation_error(error)) from None
    except msgspec.DecodeError as error:
        raise ApiError(PARAMETER_ERROR, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise ApiError(PARAMETER_ERROR, "the body is nested too deeply") from None


def describe_validation_error(error: msgspec.ValidationError) -> str:
    """Which field, and why: ``labels[0].name: Expected `str`, got `int```."""
    why, _, where = str(error).partition(" - at `")
    field = where.rstrip("`").removeprefix("$").removeprefix(".")
    return f"{field}: {why}" if field else why


def error_response(error: ApiError, reference: str = ERROR_TABLE) -> Response:
    """The documented body of an error; a header says which rule and which page of the reference are behind it."""
    body = {"error_code": error.error.code, "error_msg": error.message}
    response = Response(_encode(body), error.error.status, content_type=JSON)
    rule = f"{NAMES.get(error.error, 'HTTP')}: {error.message}"
    response.headers["X-Emulator-Reason"] = f"{_as_header(rule)} (see {reference})"
    return response


def _add_reason_header(response: Response) -> Response:
    """Errors of the other endpoints have bodies of their own; they name the table of errors at least."""
    if response.status_code >= 400 and "X-Emulator-Reason" not in response.headers:
        response.headers["X-Emulator-Reason"] = f"HTTP {response.status} (see {ERROR_TABLE})"
    return response


def _http_error(error: HTTPException) -> Response:
    row: Error = NOT_FOUND
    if isinstance(error, MethodNotAllowed):
        row = METHOD_NOT_ALLOWED
    elif isinstance(error, RequestEntityTooLarge):
        row = TOO_LARGE
    elif error.code != 404:
        row = Error(error.code or 400, PARAMETER_ERROR.code, PARAMETER_ERROR.message)
    return error_response(ApiError(row, f"{request.method} {unquote(request.path)[:200]}"))


def _unexpected_error(error: Exception) -> Response:
    if isinstance(error, OSError):
        log.error("%s %s: the disk refused: %s", request.method, request.path, error)
        return error_response(ApiError(INTERNAL_ERROR, error.strerror or "the disk refused"))
    log.error("%s %s failed unexpectedly", request.method, request.path, exc_info=error)
    return error_response(ApiError(INTERNAL_ERROR))
