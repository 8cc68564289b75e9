"""A strict server as a process: each wrong request is refused, and the same request made right passes.

What a clock would have to be moved for, as the end of a token, stands in ``tests/iam`` and ``tests/api``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import pytest
import requests
from requests import Request, Response, Session

from modelarts_emulator.iam.accounts import AccountProject
from tests.helpers import signing
from tests.helpers.cloud import REMOTE, Server, started, unique_name
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

# The id of the project "red" in earlier versions.
HASHED_RED = AccountProject.hashed("red").id

pytestmark = pytest.mark.skipif(bool(REMOTE), reason="needs a server with settings of its own")

USERS = {"USER": "alice:pw-a:red;bob:pw-b", "ACCESS_KEY": "AKA:sk-a:alice;AKB:sk-b:bob", "AUTH": "strict"}
SECRETS = ("pw-a", "pw-b", "sk-a", "sk-b")


class Strict:
    """A strict server with what there is to ask for."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.url
        self.session = Session()
        self.session.trust_env = False
        self.token, self.red = self.log_in("alice", "pw-a", "red")
        self.blue_token, self.blue = self.log_in("bob", "pw-b", "blue")
        self.unscoped, _ = self.log_in("bob", "pw-b")
        self.datasets = f"{self.url}/v2/{self.red}/datasets"
        self.object = f"{self.url}/bucket/a.png"
        for request in (Request("PUT", f"{self.url}/bucket"), Request("PUT", self.object, data=picture())):
            assert self.send(signing.obs(request)).status_code == 200
        self.source = self._source()

    def log_in(self, name: str, password: str, project: str | None = None) -> tuple[str, str]:
        answer = self.send(login(self, name, password, project))
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"], answer.json()["token"].get("project", {}).get("id", "")

    def send(self, request: Request) -> Response:
        return self.session.send(self.session.prepare_request(request), timeout=30)

    def get(self, url: str | None = None, **headers: str) -> Request:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Request("GET", url or self.datasets, headers=named)

    def create(self) -> Request:
        body = {
            "dataset_name": unique_name("dataset"),
            "dataset_type": 0,
            "data_sources": [{"data_type": 0, "data_path": "/bucket/in/"}],
            "work_path": "/bucket/out/",
            "work_path_type": 0,
        }
        return Request(
            "POST", self.datasets, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )

    def _source(self) -> str:
        """A URL that the server itself has signed."""
        assert self.send(signing.obs(Request("PUT", f"{self.url}/bucket/in/b.png", data=picture()))).ok
        dataset = self.send(signing.sdk(self.create())).json()["dataset_id"]
        listing = self.get(
            f"{self.datasets}/{dataset}/data-annotations/samples?process_parameter=image%2Fresize%2Ch_12",
            X_Auth_Token=self.token,
        )
        (sample,) = poll(lambda: self.send(listing).json()["samples"])
        return str(sample["source"])


def login(
    strict: Strict, name: str, password: str, project: str | None = None, methods: Sequence[str] = ("password",)
) -> Request:
    user = {"name": name, "password": password, "domain": {"name": "local"}}
    auth: dict[str, Any] = {"identity": {"methods": methods, "password": {"user": user}}}
    if project:
        auth["scope"] = {"project": {"name": project, "domain": {"name": "local"}}}
    return Request("POST", f"{strict.url}/v3/auth/tokens", json={"auth": auth})


def renewal(strict: Strict, token: str) -> Request:
    auth = {"identity": {"methods": ["token"], "token": {"id": token}}}
    return Request("POST", f"{strict.url}/v3/auth/tokens", json={"auth": auth})


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    with started("--memory", cwd=tmp_path_factory.mktemp("strict"), **USERS) as server:
        made = Strict(server)
        yield made
        made.session.close()


def revoked(strict: Strict) -> str:
    token, _ = strict.log_in("alice", "pw-a", "red")
    ending = Request(
        "DELETE", f"{strict.url}/v3/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}
    )
    assert strict.send(ending).status_code == 204
    return token


def foreign(strict: Strict) -> str:
    """A token of the same user, issued by an emulator with the same settings."""
    with started("--memory", cwd=strict.server.errors.parent, **USERS) as elsewhere:
        answer = requests.request(**_sendable(login(strict, "alice", "pw-a", "red"), strict.url, elsewhere.url))
        return answer.headers["X-Subject-Token"]


def _sendable(request: Request, old: str, new: str) -> dict[str, Any]:
    return {"method": request.method, "url": request.url.replace(old, new), "json": request.json, "timeout": 30}


def changed(request: Request, *, method: str = "", url: tuple[str, str] = ("", ""), **headers: str | None) -> Request:
    """Change a request after it was signed; a header of None is taken away."""
    request.method = method or request.method
    assert url[0] in request.url
    request.url = request.url.replace(*url) if url[0] else request.url
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request.headers = {name: value for name, value in {**request.headers, **named}.items() if value is not None}
    return request


def body(request: Request, data: bytes) -> Request:
    request.data = data
    return request


Make = Callable[[Strict], Request]
get = Strict.get


def token(value: Callable[[Strict], str], url: Callable[[Strict], str | None] = lambda s: None) -> Make:
    return lambda s: s.get(url(s), X_Auth_Token=value(s))


def signed(sign: Callable[..., Request], **arguments: Any) -> Make:
    """A signed request for a list of datasets or, of object storage, an object."""
    if sign is signing.sdk:
        return lambda s: sign(s.get(s.datasets + "?limit=5", X_Extra="1"), **arguments)
    return lambda s: sign(s.get(s.object), **arguments)


def put(sign: Callable[..., Request], **arguments: Any) -> Make:
    return lambda s: sign(
        Request("PUT", s.object, data=picture(), headers={"x-obs-meta-who": "me", "Content-Type": "image/png"}),
        **arguments,
    )


def old_signed(request: Request, **arguments: Any) -> Request:
    return signing.s3(request, version=2, **arguments)


# What is right, and what is wrong with it: the request, its status, its code.
RIGHT_TOKEN = token(lambda s: s.token)
RIGHT_SDK = signed(signing.sdk)
TOKEN, PROJECT, SIGNATURE = (401, "ModelArts.6620"), (403, "ModelArts.0210"), (403, "ModelArts.0206")
OTHER = picture(10, 10)
DENIED, MISMATCH = (403, "AccessDenied"), (403, "SignatureDoesNotMatch")
UNKNOWN_KEY, SKEWED = (403, "InvalidAccessKeyId"), (403, "RequestTimeTooSkewed")

Case = tuple[Make, Make, tuple[int, str]]
CASES: dict[str, Case] = {
    # Tokens
    "no token": (RIGHT_TOKEN, lambda s: s.get(), TOKEN),
    "an empty token": (RIGHT_TOKEN, token(lambda s: ""), TOKEN),
    "a token that nobody has issued": (RIGHT_TOKEN, token(lambda s: "f" * 64), TOKEN),
    "half a token": (RIGHT_TOKEN, token(lambda s: s.token[:32]), TOKEN),
    "a token in capitals": (RIGHT_TOKEN, token(lambda s: s.token.upper()), TOKEN),
    "a token and more": (RIGHT_TOKEN, token(lambda s: s.token + "0"), TOKEN),
    "a revoked token": (RIGHT_TOKEN, token(revoked), TOKEN),
    "another server's token": (RIGHT_TOKEN, token(foreign), TOKEN),
    "a token as a bearer": (RIGHT_TOKEN, lambda s: s.get(Authorization=f"Bearer {s.token}"), TOKEN),
    "name and password": (RIGHT_TOKEN, lambda s: s.get(Authorization="Basic YWxpY2U6cHctYQ=="), TOKEN),
    # Projects
    "another's project": (RIGHT_TOKEN, token(lambda s: s.token, lambda s: s.datasets.replace(s.red, s.blue)), PROJECT),
    "a token of another project": (RIGHT_TOKEN, token(lambda s: s.blue_token), PROJECT),
    "a token of no project": (RIGHT_TOKEN, token(lambda s: s.unscoped), PROJECT),
    "a project's hashed id": (
        RIGHT_TOKEN,
        token(lambda s: s.token, lambda s: s.datasets.replace(s.red, HASHED_RED)),
        PROJECT,
    ),
    "a key's other project": (
        RIGHT_SDK,
        lambda s: signing.sdk(s.get(s.datasets.replace(s.red, s.blue))),
        PROJECT,
    ),
    # Signed calls
    "another secret": (RIGHT_SDK, signed(signing.sdk, secret="sk-b"), SIGNATURE),
    "an unknown key": (RIGHT_SDK, signed(signing.sdk, key="AKX"), SIGNATURE),
    "another's key": (RIGHT_SDK, signed(signing.sdk, key="AKB"), SIGNATURE),
    "an old date": (RIGHT_SDK, signed(signing.sdk, when=signing.now(-16)), SIGNATURE),
    "a date to come": (RIGHT_SDK, signed(signing.sdk, when=signing.now(60)), SIGNATURE),
    "a changed date": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), X_Sdk_Date="20260101T000000Z"), SIGNATURE),
    "a date that is none": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), X_Sdk_Date="today"), SIGNATURE),
    "no date": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), X_Sdk_Date=None), SIGNATURE),
    "a changed header": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), X_Extra="2"), SIGNATURE),
    "a changed path": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), url=("/datasets", "/datasets/x")), SIGNATURE),
    "a changed parameter": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), url=("limit=5", "limit=6")), SIGNATURE),
    "an added parameter": (RIGHT_SDK, lambda s: changed(RIGHT_SDK(s), url=("limit=5", "limit=5&offset=1")), SIGNATURE),
    "a changed method": (lambda s: signing.sdk(s.create()), lambda s: changed(RIGHT_SDK(s), method="POST"), SIGNATURE),
    "a changed body": (
        lambda s: signing.sdk(s.create()),
        lambda s: body(signing.sdk(s.create()), s.create().data),
        SIGNATURE,
    ),
    "no signature in it": (
        RIGHT_SDK,
        lambda s: changed(RIGHT_SDK(s), Authorization="SDK-HMAC-SHA256 Access=AKA"),
        SIGNATURE,
    ),
    # Logging in
    "a wrong password": (
        lambda s: login(s, "alice", "pw-a", "red"),
        lambda s: login(s, "alice", "pw-b", "red"),
        (401, "IAM.401"),
    ),
    "a user that there is none of": (
        lambda s: login(s, "alice", "pw-a"),
        lambda s: login(s, "carol", "pw-a"),
        (401, "IAM.401"),
    ),
    "logging in to another's project": (
        lambda s: login(s, "alice", "pw-a", "red"),
        lambda s: login(s, "alice", "pw-a", "blue"),
        (401, "IAM.401"),
    ),
    "another way to log in": (
        lambda s: login(s, "alice", "pw-a"),
        lambda s: login(s, "alice", "pw-a", methods=["password", "totp"]),
        (401, "IAM.401"),
    ),
    "logging in with no token": (lambda s: renewal(s, s.token), lambda s: renewal(s, "0" * 64), TOKEN),
    "the catalogue without a token": (
        lambda s: s.get(s.url + "/v3/auth/catalog", X_Auth_Token=s.token),
        lambda s: s.get(s.url + "/v3/auth/catalog"),
        TOKEN,
    ),
    # Object storage
    "no signature": (signed(signing.obs), lambda s: s.get(s.object), DENIED),
    "a token that is none": (
        lambda s: s.get(s.object, X_Auth_Token=s.token),
        lambda s: s.get(s.object, X_Auth_Token="f" * 64),
        DENIED,
    ),
    "a signed header after 16 minutes": (signed(signing.obs), signed(signing.obs, when=signing.now(-16)), SKEWED),
    "a signed header with another's meta": (
        put(signing.obs),
        lambda s: changed(put(signing.obs)(s), x_obs_meta_who="you"),
        MISMATCH,
    ),
    "another body than its digest": (
        put(signing.s3),
        lambda s: body(put(signing.s3)(s), picture(10, 10)),
        (400, "XAmzContentSHA256Mismatch"),
    ),
    "another body and its digest, which is not signed": (
        put(signing.s3),
        lambda s: changed(body(put(signing.s3)(s), OTHER), x_obs_content_sha256=sha256(OTHER).hexdigest()),
        DENIED,
    ),
    "a checksum that is not the body's": (
        put(signing.s3),
        lambda s: signing.s3(Request("PUT", s.object, data=OTHER, headers={"x-amz-checksum-crc32": "AAAAAA=="})),
        (400, "BadDigest"),
    ),
    "an object behind a question": (
        lambda s: Request("HEAD", f"{s.url}/bucket?apiversion"),
        lambda s: Request("HEAD", s.object + "?apiversion"),
        DENIED,
    ),
}
for _name, _sign in {"OBS": signing.obs, "AWS4": signing.s3}.items():
    _right = put(_sign)
    CASES[f"{_name}: another object to copy"] = (
        _right,
        lambda s, r=_right: changed(r(s), x_amz_copy_source="/bucket/in/b.png"),
        DENIED,
    )
for _name, _sign in {"OBS": signing.obs, "AWS": old_signed, "AWS4": signing.s3}.items():
    _right = signed(_sign)
    CASES |= {
        f"{_name}: another secret": (_right, signed(_sign, secret="sk-b"), MISMATCH),
        f"{_name}: an unknown key": (_right, signed(_sign, key="AKX"), UNKNOWN_KEY),
        f"{_name}: another key": (_right, lambda s, r=_right: changed(r(s), url=("a.png", "in/b.png")), MISMATCH),
        f"{_name}: another method": (_right, lambda s, r=_right: changed(r(s), method="DELETE"), MISMATCH),
    }
OBS_URL = lambda s: s.get(signing.obs_url(s.object))  # noqa: E731
S3_URL = lambda s: s.get(signing.s3_url(s.object))  # noqa: E731
OWN_URL = lambda s: s.get(s.source)  # noqa: E731
for _name, _right, _key, _lifetime in (
    ("OBS", OBS_URL, ("a.png", "b.png"), ("Expires=", "Expires=9")),
    ("AWS4", S3_URL, ("a.png", "b.png"), ("X-Amz-Expires=600", "X-Amz-Expires=601")),
    ("own", OWN_URL, ("b.png", "c.png"), ("Expires=", "Expires=9")),
):
    CASES |= {
        f"{_name} URL: another key": (_right, lambda s, r=_right, k=_key: changed(r(s), url=k), MISMATCH),
        f"{_name} URL: a longer life": (_right, lambda s, r=_right, e=_lifetime: changed(r(s), url=e), MISMATCH),
        f"{_name} URL: processed": (_right, lambda s, r=_right: s.get(processed(r(s).url)), MISMATCH),
        f"{_name} URL: to write with": (_right, lambda s, r=_right: changed(r(s), method="PUT"), MISMATCH),
    }
CASES["OBS URL: expired"] = (OBS_URL, lambda s: s.get(signing.obs_url(s.object, minutes=-1)), DENIED)
CASES["OBS URL: an unknown key's"] = (OBS_URL, lambda s: s.get(signing.obs_url(s.object, key="AKX")), UNKNOWN_KEY)


def processed(url: str) -> str:
    """The same picture, but smaller, or larger than the URL is for."""
    return url.replace("h_12", "h_24") if "h_12" in url else f"{url}&x-image-process=image/resize,h_12"


@pytest.mark.parametrize("name", CASES)
def test_wrong_request_is_refused_and_right_one_accepted(strict: Strict, name: str) -> None:
    right, wrong, (status, code) = CASES[name]
    answer = strict.send(wrong(strict))
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
    assert not any(secret in answer.text + str(answer.headers) for secret in SECRETS)
    answer = strict.send(right(strict))
    assert answer.status_code < 300, answer.text


def code_of(answer: Response) -> str:
    if answer.request.method == "HEAD":
        return answer.headers["x-obs-error-code"]
    if answer.text.startswith("<"):
        return ElementTree.fromstring(answer.text).findtext("{*}Code") or ""
    return str(answer.json()["error_code"])


def test_cases_are_at_least_thirty() -> None:
    assert len(CASES) >= 30


def test_log_contains_no_secrets(strict: Strict) -> None:
    strict.send(login(strict, "alice", "pw-wrong", "red"))
    log = strict.server.log()
    assert not any(secret in log for secret in (*SECRETS, "pw-wrong", strict.token))
