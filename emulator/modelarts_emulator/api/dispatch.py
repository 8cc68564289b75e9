"""Pass each HTTP request to its operation: authenticate, decode, call, encode.

Operations do not know Flask, and routes have no code of their own. An ApiError becomes its documented error body. Any
other exception is logged and becomes the internal error of the catalogue.
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

from modelarts_emulator.api.flask_internals import FastRoutingFlask, current_request
from modelarts_emulator.api.routes import ROUTES, Route
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract import lenient_decoding, unsupported
from modelarts_emulator.contract.errors import (
    DATASET_NOT_FOUND,
    INTERNAL_ERROR,
    METHOD_NOT_ALLOWED,
    NAMES,
    NOT_FOUND,
    PARAMETER_ERROR,
    PARAMETER_INVALID,
    RETRY_AFTER_S,
    TOO_LARGE,
    UNAVAILABLE,
    VERSION_NOT_FOUND,
    ApiError,
    Error,
)
from modelarts_emulator.contract.invalid_member import invalid_member
from modelarts_emulator.iam.accounts import ANONYMOUS, Principal
from modelarts_emulator.iam.authenticator import Authenticator
from modelarts_emulator.iam.signed_request import read_signed_request
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import DoesNotExist
from modelarts_emulator.system.file_limit import OUT_OF_FILES
from modelarts_emulator.web import Reply

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 512 * 1024 * 1024
MAX_HEADER_CHARS = 1_000
MAX_CACHED_QUERIES = 1_000
ERROR_TABLE = "api-ref/source/common_parameters/error_codes.rst"
"""The page of the reference that documents errors which no operation documents."""
JSON = "application/json"

_CREDENTIALS = frozenset({"HTTP_X_AUTH_TOKEN", "HTTP_AUTHORIZATION"})

_encode = msgspec.json.Encoder().encode


def register(
    app: FastRoutingFlask, settings: Settings, service: DatasetService, access: Authenticator
) -> dict[str, OperationEndpoint]:
    """Add the routes of all operations, and handlers that give every other error a documented body.

    Returns the operations by name.
    """
    operations: dict[str, OperationEndpoint] = {}
    for routes in ROUTES.values():
        for route in routes:
            rule = route.path.replace("{", "<").replace("}", ">").replace("<label_name>", "<anything:label_name>")
            operation = operations[route.operation] = OperationEndpoint(route, settings, service, access)
            app.add_url_rule(rule, route.operation, _view(operation), methods=[route.method])
            if "<anything:" not in rule:
                app.add_fast_route(route.path, route.method, route.operation)
    app.after_request(_add_reason_header)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)
    return operations


class OperationEndpoint:
    """Answer the requests of one operation. Needs a WSGI environment, but not Flask."""

    def __init__(self, route: Route, settings: Settings, service: DatasetService, access: Authenticator) -> None:
        self.route = route
        self._service, self._access = service, access
        self._strict_input, self._strict_auth = settings.strict_input, access.strict
        self._public_url = settings.public_url
        self._query_type, self._request_type = route.query, route.request
        self._idle_query, self._idle_body = (
            unsupported.no_effect_finder(route.operation, kind) for kind in (route.query, route.request)
        )
        self.read_query = lru_cache(maxsize=MAX_CACHED_QUERIES)(self._read_query)
        """Decode query parameters, with warnings; clients send the same again and again. Do not modify the result."""

    def reply(self, environ: dict[str, Any], path: dict[str, str]) -> Reply:
        """Return the answer or the documented error. ``path`` holds the decoded parameters of the request's path."""
        route, strict = self.route, self._strict_input
        warnings: list[str] = []
        try:
            arguments: dict[str, Any] = {}
            user, body = _ANONYMOUS_USER, None
            # Most clients of an open emulator send no credentials; then nothing needs to be checked.
            if self._strict_auth or not _CREDENTIALS.isdisjoint(environ):
                body = _Body(environ).read
                user = _user(self._access.authenticate(read_signed_request(environ, body), path["project_id"]))
            base_url = self._public_url or _base_url(
                environ["wsgi.url_scheme"], environ.get("HTTP_HOST"), environ["SERVER_NAME"], environ["SERVER_PORT"]
            )
            context = RequestContext(**path, base_url=base_url, user=user, warnings=warnings)
            query = environ["QUERY_STRING"]
            if self._query_type is not None:
                arguments["query"], problems = self.read_query(query)
                warnings += problems
            elif query:
                _report_unknown(dict(parse_qsl(query)), warnings)
            if self._request_type is not None:
                arguments["request"] = read_body(body() if body else _read_body(environ), self._request_type, warnings)
                if self._idle_body is not None:
                    warnings += self._idle_body(arguments["request"])
            if warnings and strict:
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
            answer = route.handler(self._service, context, **arguments)
            if warnings and strict:  # only operations that read find further ones: nothing has been changed
                raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
        except ApiError as error:
            reply = error_reply(error, route.reference)
        except DoesNotExist as gone:  # deleted by a concurrent request after the operation found it
            row = VERSION_NOT_FOUND if gone.args[0] == path.get("version_id") else DATASET_NOT_FOUND
            reply = error_reply(ApiError(row, str(gone.args[0])), route.reference)
        else:
            encoded = b"" if answer is None else _encode(answer)
            reply = Reply(route.status, [("Content-Type", JSON), ("Content-Length", str(len(encoded)))], encoded)
        if warnings:
            reply.headers.append(("X-Emulator-Warnings", _as_header("; ".join(warnings))))
        return reply

    def refuses(self, environ: dict[str, Any], path: dict[str, str]) -> bool:
        """Return whether a request is refused whatever its body holds: too large, or by authentication."""
        if int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY_BYTES:
            return True
        if not self._strict_auth and _CREDENTIALS.isdisjoint(environ):
            return False
        try:
            self._access.authenticate(read_signed_request(environ, _require_body), path["project_id"])
        except _BodyRequired:
            return False
        except ApiError:
            return True
        return False

    def _read_query(self, text: str) -> tuple[Any, tuple[str, ...]]:
        problems: list[str] = []
        query = read_query(text, self._query_type, problems)  # type: ignore[arg-type]
        return query, (*problems, *(self._idle_query(query) if self._idle_query else ()))


class _BodyRequired(Exception):
    """A signature covers the body, so that it cannot be checked before the body is there."""


def _require_body() -> bytes:
    raise _BodyRequired


class _Body:
    """The body of a request whose bytes are needed twice: for its signature and for its content."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._data: bytes | None = None

    def read(self) -> bytes:
        """Return the bytes. Raises TOO_LARGE."""
        if self._data is None:
            self._data = _read_body(self._environ)
        return self._data


def _read_body(environ: dict[str, Any]) -> bytes:
    """Return the body of a request, which can be read once. Raises TOO_LARGE."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > MAX_BODY_BYTES:
        raise ApiError(TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} bytes")
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    return body


def _view(operation: OperationEndpoint) -> Callable[..., Response]:
    """Return the Flask view of an operation."""

    def view(**path: str) -> Response:
        reply = operation.reply(current_request().environ, path)
        return Response(reply.body, reply.status, reply.headers)

    return view


def _json_reply(body: bytes, status: int) -> Reply:
    return Reply(status, [("Content-Type", JSON), ("Content-Length", str(len(body)))], body)


def as_response(reply: Reply) -> Response:
    """Convert a reply into a Flask response."""
    return Response(reply.body, reply.status, reply.headers)


def _as_header(text: str) -> str:
    """Return a text as a header value: one line of printable ASCII of at most ``MAX_HEADER_CHARS``."""
    plain = text[:MAX_HEADER_CHARS].encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)[:MAX_HEADER_CHARS]


def _user(principal: Principal) -> str:
    """Return a caller's name as samples store it."""
    return f"human/{principal.user.domain}/{principal.user.name}"


_ANONYMOUS_USER = _user(ANONYMOUS)


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
    """Decode query parameters. Of several with one name the first counts; an empty one is absent.

    Each unknown parameter adds a warning. Raises PARAMETER_INVALID.
    """
    try:
        values = dict(reversed(parse_qsl(text, errors="strict"))) if text else {}
    except UnicodeError:
        raise ApiError(PARAMETER_INVALID, "the query is not UTF-8") from None
    if not values.keys() <= _known_names(wanted):
        _report_unknown(sorted(values.keys() - _known_names(wanted)), warnings)
        values = {name: value for name, value in values.items() if name in _known_names(wanted)}
    if wanted not in lenient_decoding.PREPARED:
        lenient_decoding.prepare(wanted)
    try:
        return msgspec.convert(values, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, str(invalid_member(error))) from None


def read_body(data: bytes, wanted: type[msgspec.Struct], warnings: list[str]) -> Any:
    """Decode a request body. An empty body counts as an empty object; each unknown member adds a warning.

    Raises PARAMETER_ERROR if the body is not JSON, PARAMETER_INVALID if a member has a wrong type or value.
    """
    try:
        return lenient_decoding.decode(
            data or b"{}", wanted, lambda name: warnings.append(f"member {name[:80]} is not known")
        )
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, str(invalid_member(error))) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ApiError(PARAMETER_ERROR, f"the body is not JSON: {error}") from None
    except RecursionError:
        raise ApiError(PARAMETER_ERROR, "the body is nested too deeply") from None


def error_response(error: ApiError, reference: str = ERROR_TABLE) -> Response:
    """Return ``error_reply`` as a Flask response."""
    return as_response(error_reply(error, reference))


def error_reply(error: ApiError, reference: str = ERROR_TABLE) -> Reply:
    """Return the documented body of an error. A header names the error and the page of the reference.

    ``reference`` is that page, relative to the repository ``opentelekomcloud-docs/modelarts``.
    """
    reply = _json_reply(_encode({"error_code": error.error.code, "error_msg": error.message}), error.error.status)
    rule = f"{NAMES.get(error.error, 'HTTP')}: {error.message}"
    reply.headers.append(("X-Emulator-Reason", f"{_as_header(rule)} (see {reference})"))
    if error.error is UNAVAILABLE:
        reply.headers.append(("Retry-After", str(RETRY_AFTER_S)))
    return reply


def _add_reason_header(response: Response) -> Response:
    """Add the reason header to an error that another endpoint answered with a body of its own."""
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
    return as_response(unexpected_reply(error, request.method, request.path))


def unexpected_reply(error: Exception, method: str, path: str) -> Reply:
    """Log an error that is not a documented one, and return the catalogue's internal error for it."""
    if isinstance(error, OSError):
        if error.errno in OUT_OF_FILES:
            log.warning("%s %s: %s", method, path, error)
            return error_reply(ApiError(UNAVAILABLE, error.strerror or ""))
        log.error("%s %s: I/O error: %s", method, path, error)
        return error_reply(ApiError(INTERNAL_ERROR, error.strerror or "I/O error"))
    log.error("%s %s: unexpected error", method, path, exc_info=error)
    return error_reply(ApiError(INTERNAL_ERROR))
