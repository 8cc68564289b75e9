"""The part of Keystone v3 that clients need to log in: tokens, projects, domains, the service catalogue.

Reference: IAM API reference, "Token Management". An error body has Keystone's form and that of the other services.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import msgspec
import orjson
from flask import Flask, Response, request

from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.errors import INVALID_TOKEN, PARAMETER_ERROR, ApiError, Error
from modelarts_emulator.iam.accounts import (
    ANONYMOUS,
    DEFAULT_DOMAIN,
    AccountProject,
    Accounts,
    Principal,
    User,
    derived_id,
)
from modelarts_emulator.iam.authenticator import Authenticator
from modelarts_emulator.iam.service_catalog import service_catalog
from modelarts_emulator.iam.signed_request import read_signed_request
from modelarts_emulator.iam.token import Token
from modelarts_emulator.iam.tokens import Tokens

NO_SUCH_THING = Error(404, "Not Found", "Could not find it.")
UNKNOWN_METHOD = Error(401, "Unauthorized", "Attempted to authenticate with an unsupported method.")
_TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class _Named(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class _ProjectScope(_Named):
    domain: _Named | None = None


class _Scope(msgspec.Struct):
    project: _ProjectScope | None = None
    domain: _Named | None = None


class _PasswordUser(_Named):
    password: str = ""
    domain: _Named | None = None


class _Password(msgspec.Struct):
    user: _PasswordUser


class _TokenMethod(msgspec.Struct):
    id: str = ""


class _AssumeRole(msgspec.Struct):
    domain_name: str | None = None
    domain_id: str | None = None
    agency_name: str | None = None
    xrole_name: str | None = None


class _Identity(msgspec.Struct):
    methods: list[str]
    password: _Password | None = None
    token: _TokenMethod | None = None
    assume_role: _AssumeRole | None = None


class _Auth(msgspec.Struct):
    identity: _Identity
    scope: _Scope | str | None = None


class _LogIn(msgspec.Struct):
    auth: _Auth


def base_url(public_url: str | None = None) -> str:
    """Return this server's URL as the client of the current request sees it, without a final ``/``."""
    return (public_url or request.host_url).rstrip("/")


def register(
    app: Flask,
    *,
    accounts: Accounts,
    tokens: Tokens,
    access: Authenticator | None = None,
    public_url: str | None = None,
) -> None:
    """Add the ``/v3`` routes to an application. With ``access``, callers may sign requests."""
    identity = _Keystone(accounts, tokens, access, public_url)
    for path, methods, view in (
        ("/v3", ["GET"], identity.version),
        ("/v3/", ["GET"], identity.version),
        ("/v3/auth/tokens", ["POST"], identity.log_in),
        ("/v3/auth/tokens", ["GET"], identity.validate),  # Flask uses this view for HEAD as well
        ("/v3/auth/tokens", ["DELETE"], identity.revoke),
        ("/v3/auth/catalog", ["GET"], identity.catalog),
        ("/v3/auth/projects", ["GET"], identity.projects),
        ("/v3/auth/domains", ["GET"], identity.domains),
        ("/v3/projects", ["GET"], identity.projects),
        ("/v3/projects/<project_id>", ["GET"], identity.project),
        ("/v3/users", ["GET"], identity.users),
    ):
        endpoint = f"identity.{view.__name__}.{path}"
        app.add_url_rule(path, endpoint, _answering(view), methods=methods, strict_slashes=True)


class _Keystone:
    """The views of Keystone."""

    def __init__(
        self, accounts: Accounts, tokens: Tokens, access: Authenticator | None, public_url: str | None
    ) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._access = access
        self._public_url = public_url

    def version(self) -> Response:
        """Return the version document, which identifies the service as Keystone v3."""
        media = {"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}
        links = [{"rel": "self", "href": self._base() + "/v3/"}]
        version = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z", "links": links}
        return _json(200, {"version": {**version, "media-types": [media]}})

    def log_in(self) -> Response:
        """Issue a token for a password or for another token.

        Raises WRONG_PASSWORD, UNKNOWN_METHOD, INVALID_TOKEN, PARAMETER_ERROR, NO_SUCH_PROJECT.
        """
        auth = _log_in_request(request.get_data()).auth
        if self._accounts.strict and (unknown := set(auth.identity.methods) - {"password", "token", "assume_role"}):
            raise ApiError(UNKNOWN_METHOD, ", ".join(sorted(unknown)))
        earlier = self._earlier_token(auth.identity)
        user = earlier.user if earlier else self._user(auth.identity)
        project, domain = self._scope(auth.scope, user)
        token = self._tokens.issue(
            user,
            project=project,
            domain=domain,
            methods=tuple(dict.fromkeys(auth.identity.methods)),
            expires_ms=earlier.expires_ms if earlier else None,
        )
        return self._token_answer(201, token)

    def validate(self) -> Response:
        """Describe the token in ``X-Subject-Token``. Raises NO_SUCH_THING, and INVALID_TOKEN for the caller's."""
        self._caller()
        return self._token_answer(200, self._subject())

    def revoke(self) -> Response:
        """Revoke the token in ``X-Subject-Token``. Raises NO_SUCH_THING, and INVALID_TOKEN for the caller's."""
        self._caller()
        self._tokens.revoke(self._subject().id)
        return Response(status=204)

    def catalog(self) -> Response:
        """List the services. Raises INVALID_TOKEN."""
        links = {"self": f"{self._base()}/v3/auth/catalog"}
        return _json(200, {"catalog": service_catalog(self._base(), self._project(self._caller())), "links": links})

    def projects(self) -> Response:
        """List the caller's projects, or those with the name in ``?name=``. Raises INVALID_TOKEN."""
        user, name = self._caller().user, request.args.get("name")
        if name and not user.project:  # a user without a project of their own may use any, also one that is new
            self._accounts.project(user, name=name)
        known = self._accounts.projects(user)
        shown = [self._project_row(project) for project in known if name is None or project.name == name]
        return _json(200, {"projects": shown, "links": self._page_links()})

    def project(self, project_id: str) -> Response:
        """Describe one of the caller's projects that was used before. Raises INVALID_TOKEN or NO_SUCH_THING."""
        for project in self._accounts.projects(self._caller().user):
            if project.id == project_id:
                return _json(200, {"project": self._project_row(project)})
        raise ApiError(NO_SUCH_THING, f"project {project_id}")

    def domains(self) -> Response:
        """List the caller's domain. An open emulator lists the one in ``?name=``. Raises INVALID_TOKEN."""
        own, name = self._caller().domain, request.args.get("name")
        shown = [own] if name in (None, own) or self._accounts.strict else [name or own]
        rows = [{**_domain(domain), "enabled": True, "links": {}} for domain in shown]
        return _json(200, {"domains": rows, "links": self._page_links()})

    def users(self) -> Response:
        """List the caller, or in strict mode all users; ``?name=`` selects one. Raises INVALID_TOKEN."""
        own, name = self._caller().user, request.args.get("name")
        known = self._accounts.users() if self._accounts.strict else [User(name, own.domain) if name else own]
        shown = [user for user in known if name in (None, user.name)]
        rows = [
            {
                "id": user.id,
                "name": user.name,
                "domain_id": derived_id("domain", user.domain),
                "enabled": True,
                "pwd_status": True,
                "links": {"self": f"{self._base()}/v3/users/{user.id}"},
            }
            for user in shown
        ]
        return _json(200, {"users": rows, "links": self._page_links()})

    def _base(self) -> str:
        return base_url(self._public_url)

    def _page_links(self) -> dict[str, str | None]:
        return {"self": self._base() + request.path, "previous": None, "next": None}

    def _caller(self) -> Principal:
        """Return the caller; anonymous in open mode. Raises INVALID_TOKEN or INVALID_SIGNATURE."""
        if self._access:
            return self._access.authenticate(read_signed_request(request.environ, request.get_data))
        token_id = request.headers.get("X-Auth-Token", "")
        if self._accounts.strict:
            return self._tokens.require(token_id).principal
        found = self._tokens.find(token_id)
        return found.principal if found else ANONYMOUS

    def _project(self, caller: Principal) -> AccountProject | None:
        """Return the project of the caller's token or, for a signed request, the one its header names."""
        named = request.headers.get("X-Project-Id")
        if caller.project or not named:
            return caller.project
        return self._accounts.project(caller.user, id=named)

    def _subject(self) -> Token:
        token = self._tokens.find(request.headers.get("X-Subject-Token", ""))
        # In strict mode, the tokens of other users are hidden.
        if token is None or (self._accounts.strict and self._caller().user != token.user):
            raise ApiError(NO_SUCH_THING, "the token in X-Subject-Token")
        return token

    def _earlier_token(self, identity: _Identity) -> Token | None:
        """Return the token that a client logs in with. Raises INVALID_TOKEN in strict mode."""
        if "password" in identity.methods or identity.token is None:
            return None
        found = self._tokens.find(identity.token.id)
        return found if found or not self._accounts.strict else self._tokens.require(identity.token.id)

    def _user(self, identity: _Identity) -> User:
        if "assume_role" in identity.methods and identity.assume_role is not None:
            return self._role_user(identity.assume_role)
        if identity.password is None:
            return self._unknown_token_user(identity)
        given = identity.password.user
        name = given.name or self._accounts.user_name_of_id(given.id or "")
        if not name:
            raise ApiError(PARAMETER_ERROR, "auth.identity.password.user needs a name or an id")
        domain = given.domain
        return self._accounts.log_in(name, given.password, (domain.name or domain.id) if domain else None)

    def _role_user(self, role: _AssumeRole) -> User:
        """Return the caller, who takes over an agency of another domain. Raises INVALID_TOKEN, PARAMETER_ERROR."""
        if not (role.agency_name or role.xrole_name) or not (role.domain_name or role.domain_id):
            raise ApiError(PARAMETER_ERROR, "auth.identity.assume_role needs a domain and an agency_name")
        return self._caller().user

    def _unknown_token_user(self, identity: _Identity) -> User:
        if self._accounts.strict:
            raise ApiError(INVALID_TOKEN)
        if "token" in identity.methods and identity.token:
            return ANONYMOUS.user
        raise ApiError(PARAMETER_ERROR, "auth.identity needs the method password or token, with its data")

    def _scope(self, scope: _Scope | str | None, user: User) -> tuple[AccountProject | None, str | None]:
        """Return the project and the domain that a token is scoped to; at most one is set. Raises NO_SUCH_PROJECT."""
        if scope is None:
            return user.project, None
        if isinstance(scope, str):
            return None, None
        if scope.project and (scope.project.id or scope.project.name):
            return self._accounts.project(user, id=scope.project.id, name=scope.project.name), None
        return None, (scope.domain.name or scope.domain.id) if scope.domain else None

    def _token_answer(self, status: int, token: Token) -> Response:
        body: dict[str, Any] = {
            "methods": list(token.methods),
            "issued_at": _time(token.issued_ms),
            "expires_at": _time(token.expires_ms),
            "user": {
                "id": token.user.id,
                "name": token.user.name,
                "domain": _domain(token.user.domain),
                "password_expires_at": "",
            },
        }
        if token.project:
            row = {"id": token.project.id, "name": token.project.name, "domain": _domain(token.user.domain)}
            body["project"] = row
        if token.domain:
            body["domain"] = _domain(token.domain)
        if token.project or token.domain:
            body["roles"] = [{"id": derived_id("role", name), "name": name} for name in ("te_admin", "modelarts_admin")]
            if "nocatalog" not in request.args:
                body["catalog"] = service_catalog(self._base(), token.project)
        answer = _json(status, {"token": body})
        answer.headers["X-Subject-Token"] = token.id
        answer.headers["Vary"] = "X-Auth-Token"
        return answer

    def _project_row(self, project: AccountProject) -> dict[str, Any]:
        domain = derived_id("domain", DEFAULT_DOMAIN)
        links = {"self": f"{self._base()}/v3/projects/{project.id}"}
        row = {"id": project.id, "name": project.name, "domain_id": domain, "parent_id": domain}
        return {**row, "description": "", "enabled": True, "is_domain": False, "links": links}


def _log_in_request(body: bytes) -> _LogIn:
    if _LogIn not in lenient_decoding.PREPARED:
        lenient_decoding.prepare(_LogIn)
    try:
        return msgspec.json.decode(body, type=_LogIn, strict=False)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise ApiError(PARAMETER_ERROR, f"the body is not a login: {error}") from None


def _answering(view: Callable[..., Response]) -> Callable[..., Response]:
    """Convert the ApiError of a view into Keystone's form of error."""

    def answer(**arguments: str) -> Response:
        try:
            return view(**arguments)
        except ApiError as refusal:
            status = refusal.error.status
            error = {"code": status, "title": _TITLES.get(status, "Error"), "message": refusal.message}
            code = refusal.error.code if refusal.error.code.startswith("ModelArts.") else f"IAM.{status}"
            return _json(status, {"error": error, "error_code": code, "error_msg": refusal.message})

    return answer


def _json(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")


def _domain(name: str) -> dict[str, str]:
    return {"id": derived_id("domain", name), "name": name}


def _time(ms: int) -> str:
    """Format ms since the epoch as ``2026-01-01T00:00:00.000000Z``."""
    moment = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
