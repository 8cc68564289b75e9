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
from werkzeug.sansio.utils import get_current_url, get_host

from modelarts_emulator.api.flask_internals import FastRoutingFlask
from modelarts_emulator.api.routes import ROUTES, Route
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
from modelarts_emulator.web import Reply

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 512 * 1024 * 1024
MAX_HEADER_CHARS = 1_000
MAX_CACHED_QUERIES = 1_000
ERROR_TABLE = "api-ref/source/common_parameters/error_codes.rst"
JSON = "application/json"

_CREDENTIALS = frozenset({"HTTP_X_AUTH_TOKEN", "HTTP_AUTHORIZATION"})

_encode = msgspec.json.Encoder().encode


def register(app: FastRoutingFlask, emu: Runtime, access: Authenticator) -> dict[str, OperationEndpoint]:
    """Add every route of the table, and the error bodies of everything that has no route.

    Returns the operations by name.
    """
    operations: dict[str, OperationEndpoint] = {}
    for routes in ROUTES.values():
        for route in routes:
            rule = route.path.replace("{", "<").replace("}", ">").replace("<label_name>", "<anything:label_name>")
            operation = operations[route.operation] = OperationEndpoint(route, emu, access)
            app.add_url_rule(rule, route.operation, _view(operation), methods=[route.method])
            if "<anything:" not in rule:
                app.add_fast_route(route.path, route.method, route.operation)
    app.after_request(_add_reason_header)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)
    return operations


class OperationEndpoint:
    """One operation behind HTTP: authenticate, parse, call, encode. It needs a WSGI environment, but not Flask."""

    def __init__(self, route: Route, emu: Runtime, access: Authenticator) -> None:
        self.route = route
        self._emu, self._access = emu, access
        self._query_type, self._request_type = route.query, route.request
        self._idle_query, self._idle_body = (
            unsupported.no_effect_finder(route.operation, kind) for kind in (route.query, route.request)
        )
        self.read_query = lru_cache(maxsize=MAX_CACHED_QUERIES)(self._read_query)
        """Decode query parameters, with warnings; clients send the same again and again. Do not modify the result."""

    def reply(self, environ: dict[str, Any], path: dict[str, str]) -> Reply:
        """Answer a request, also one that is refused; ``path`` has the decoded parameters of its path."""
        route, emu, body = self.route, self._emu, _Body(environ).read
        strict = emu.settings.strict_input
        warnings: list[str] = []
        try:
            arguments: dict[str, Any] = {}
            target = _target(environ, path, emu, self._access, body, warnings)
            query = environ["QUERY_STRING"]
            if self._query_type is not None:
                arguments["query"], problems = self.read_query(query)
                warnings += problems
            elif query:
                _report_unknown(dict(parse_qsl(query)), warnings)
            if self._request_type is not None:
                arguments["request"] = read_body(body(), self._request_type, warnings)
                if self._idle_body is not None:
                    warnings += self._idle_body(arguments["request"])
            if warnings and strict:
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
            answer = route.handler(emu, target, **arguments)
            if warnings and strict:  # only what reads finds more of them, so nothing has been changed
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
        except ApiError as error:
            reply = error_reply(error, route.reference)
        except Unknown as gone:  # deleted since it was found
            row = VERSION_NOT_FOUND if gone.args[0] == path.get("version_id") else DATASET_NOT_FOUND
            reply = error_reply(ApiError(row, str(gone.args[0])), route.reference)
        else:
            reply = _json_reply(b"" if answer is None else _encode(answer), route.status)
        if warnings:
            reply.headers.append(("X-Emulator-Warnings", _as_header("; ".join(warnings))))
        return reply

    def _read_query(self, text: str) -> tuple[Any, tuple[str, ...]]:
        problems: list[str] = []
        query = read_query(text, self._query_type, problems)  # type: ignore[arg-type]
        return query, (*problems, *(self._idle_query(query) if self._idle_query else ()))


class _Body:
    """The body of a request, read once."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._data: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes. Raises TOO_LARGE."""
        if self._data is None:
            length = int(self._environ.get("CONTENT_LENGTH") or 0)
            if length > MAX_BODY_BYTES:
                raise ApiError(TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} bytes")
            self._data = self._environ["wsgi.input"].read(length) if length else b""
        return self._data


def _view(operation: OperationEndpoint) -> Callable[..., Response]:
    return lambda **path: as_response(operation.reply(request.environ, path))


def _json_reply(body: bytes, status: int) -> Reply:
    return Reply(status, [("Content-Type", JSON), ("Content-Length", str(len(body)))], body)


def as_response(reply: Reply) -> Response:
    """Return a reply as Flask needs it."""
    return Response(reply.body, reply.status, reply.headers)


def _as_header(text: str) -> str:
    """Text as a header can carry it: printable ASCII on one line, and not without end."""
    plain = text[:MAX_HEADER_CHARS].encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)[:MAX_HEADER_CHARS]


def _target(
    environ: dict[str, Any],
    path: dict[str, str],
    emu: Runtime,
    access: Authenticator,
    body: Callable[[], bytes],
    warnings: list[str],
) -> RequestContext:
    principal = ANONYMOUS
    # Most clients of an open emulator send no credentials; then there is nothing to check.
    if access.strict or not environ.keys().isdisjoint(_CREDENTIALS):
        principal = access.authenticate(read_signed_request(environ, body), path["project_id"])
    base_url = emu.settings.public_url or _base_url(
        environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), environ["SERVER_NAME"], environ["SERVER_PORT"]
    )
    user = f"human/{principal.user.domain}/{principal.user.name}"
    return RequestContext(**path, base_url=base_url, user=user, warnings=warnings)


@lru_cache(maxsize=64)
def _base_url(scheme: str, host: str | None, name: str, port: str) -> str:
    """Return the URL of this server as the request's client knows it; cached because werkzeug takes long for it."""
    server = (name, int(port) if port.isdecimal() else None)
    return get_current_url(scheme, get_host(scheme, host, server)).rstrip("/")


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
    """Return ``error_reply`` as Flask needs it."""
    return as_response(error_reply(error, reference))


def error_reply(error: ApiError, reference: str = ERROR_TABLE) -> Reply:
    """Return the documented body of an error; a header has the rule and the page of the reference behind it."""
    reply = _json_reply(_encode({"error_code": error.error.code, "error_msg": error.message}), error.error.status)
    rule = f"{NAMES.get(error.error, 'HTTP')}: {error.message}"
    reply.headers.append(("X-Emulator-Reason", f"{_as_header(rule)} (see {reference})"))
    return reply


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
