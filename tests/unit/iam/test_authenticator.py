"""Strict mode: every variant of a wrong token, signature, date, project or URL is refused, and the right ones pass.

The signers here are written from the documents, apart from the code that verifies.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timezone
from email.utils import formatdate
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from modelarts_emulator.contract.errors import INVALID_SIGNATURE, INVALID_TOKEN, PROJECT_MISMATCH, ApiError
from modelarts_emulator.contract.storage_errors import (
    ACCESS_DENIED,
    EXPIRED,
    INVALID_ARGUMENT,
    SIGNATURE_MALFORMED,
    SIGNATURE_MISMATCH,
    TIME_SKEWED,
    UNKNOWN_ACCESS_KEY,
)
from modelarts_emulator.iam.accounts import AccessKey, AccountProject, Accounts, User
from modelarts_emulator.iam.authenticator import Authenticator, url_signing_key
from modelarts_emulator.iam.signatures.url import UrlSigner
from modelarts_emulator.iam.signed_request import read_signed_request
from modelarts_emulator.iam.tokens import LIFETIME_MS, Tokens
from modelarts_emulator.util.clock import SystemClock
from modelarts_emulator.util.ids import Ids
from tests.helpers.clocks import MovingClock

RED, BLUE = AccountProject.named("red"), AccountProject.named("blue")
ALICE, BOB = User("alice", password="pw-a", project=RED), User("bob", password="pw-b")
KEYS = [AccessKey("AKA", "sk-a", "alice"), AccessKey("AKB", "sk-b", "bob")]
HOST = "127.0.0.1:8765"
PATH = f"/v2/{RED.id}/datasets"


class Doorway:
    def __init__(self, *, strict):
        self.clock = MovingClock()
        self.tokens = Tokens(self.clock, Ids(seed=1))
        accounts = Accounts([ALICE, BOB], KEYS, strict=strict)
        self.access = Authenticator(accounts, self.tokens, url_signing_key("OWN", "own-secret"), self.clock)
        self.signer = UrlSigner("OWN", "own-secret", self.clock)


@pytest.fixture
def strict():
    return Doorway(strict=True)


@pytest.fixture
def open_():
    return Doorway(strict=False)


def environ(method="GET", uri=PATH, headers=None):
    result = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "HTTP_HOST": HOST}
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        result[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    return result


def refused(call, *arguments):
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    assert not any(key.secret in str(caught.value) for key in KEYS)
    return caught.value.error


# Tokens


def test_token_of_the_project_is_accepted(strict):
    token = strict.tokens.issue(ALICE, project=RED)
    request = read_signed_request(environ(headers={"X-Auth-Token": token.id}))
    assert strict.access.authenticate(request, RED.id).user is ALICE


@pytest.mark.parametrize("token", ["", "x", "f" * 64, "ü", " "])
def test_token_not_issued_here_is_401(strict, token):
    request = read_signed_request(environ(headers={"X-Auth-Token": token}))
    assert refused(strict.access.authenticate, request, RED.id) is INVALID_TOKEN


def test_token_expired_or_revoked_is_401(strict):
    first, second = strict.tokens.issue(ALICE, project=RED), strict.tokens.issue(ALICE, project=RED)
    strict.tokens.revoke(first.id)
    assert (
        refused(strict.access.authenticate, read_signed_request(environ(headers={"X-Auth-Token": first.id})))
        is INVALID_TOKEN
    )
    strict.clock.ahead_ms = LIFETIME_MS
    assert (
        refused(strict.access.authenticate, read_signed_request(environ(headers={"X-Auth-Token": second.id})))
        is INVALID_TOKEN
    )


@pytest.mark.parametrize("project", [None, BLUE])
def test_token_of_another_project_or_none_is_403(strict, project):
    token = strict.tokens.issue(BOB, project=project)
    request = read_signed_request(environ(headers={"X-Auth-Token": token.id}))
    assert refused(strict.access.authenticate, request, RED.id) is PROJECT_MISMATCH


# SDK-HMAC-SHA256


def sdk_signed(
    method="GET",
    path=PATH,
    query="",
    body=b"",
    *,
    key="AKA",
    secret="sk-a",
    when=None,
    headers=None,
    name="Access",
    scheme="SDK-HMAC-SHA256",
):
    """Sign as the gateway's own signers do: every header, the path with a final slash, the body's digest."""
    when = when or datetime.now(timezone.utc)
    headers = {"Host": HOST, "X-Sdk-Date": f"{when:%Y%m%dT%H%M%SZ}", **(headers or {})}
    names = ";".join(sorted(header.lower() for header in headers))
    lines = "".join(
        f"{header.lower()}:{value.strip()}\n" for header, value in sorted(headers.items(), key=lambda i: i[0].lower())
    )
    pairs = sorted(part.partition("=")[::2] for part in query.split("&") if part)
    canonical_query = "&".join(f"{left}={right}" for left, right in pairs)
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, path.rstrip("/") + "/", canonical_query, lines, names, digest])
    text = "\n".join(["SDK-HMAC-SHA256", headers["X-Sdk-Date"], hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    del headers["Host"]
    headers["Authorization"] = f"{scheme} {name}={key}, SignedHeaders={names}, Signature={signature}"
    return environ(method, f"{path}?{query}" if query else path, headers)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"query": "limit=10&offset=2&name=a%20b%2F%C3%BC"},
        {"query": "flag&z=1&a=2"},
        {"method": "POST", "body": b'{"a": 1}', "headers": {"Content-Type": "application/json"}},
        {"method": "DELETE", "path": PATH + "/abc/"},
        {"path": PATH + "/%C3%BC%20x"},
        {"headers": {"X-Project-Id": RED.id}},
        {"name": "Credential"},
        {"key": "AKB", "secret": "sk-b"},
    ],
)
def test_sdk_signature_valid_is_accepted(strict, arguments):
    body = arguments.get("body", b"")
    request = read_signed_request(sdk_signed(**arguments), lambda: body)
    assert strict.access.authenticate(request, RED.id).name in ("alice", "bob")


def test_sdk_signature_over_announced_digest_is_compared_with_the_body(strict):
    signed = sdk_signed("POST", body=b"right", headers={"X-Sdk-Content-Sha256": hashlib.sha256(b"right").hexdigest()})
    assert strict.access.authenticate(read_signed_request(signed, lambda: b"right")).user is ALICE
    assert refused(strict.access.authenticate, read_signed_request(signed, lambda: b"wrong")) is INVALID_SIGNATURE


def test_sdk_signature_project_is_that_of_the_keys_user(strict):
    assert refused(strict.access.authenticate, read_signed_request(sdk_signed()), BLUE.id) is PROJECT_MISMATCH
    request = read_signed_request(sdk_signed(key="AKB", secret="sk-b"))
    assert strict.access.authenticate(request, BLUE.id).user is BOB


def changed(signed, **changes):
    return {**signed, **changes}


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(lambda: sdk_signed(secret="sk-b"), id="another's secret"),
        pytest.param(lambda: sdk_signed(key="AKX"), id="unknown key"),
        pytest.param(lambda: sdk_signed(key=""), id="no key"),
        pytest.param(lambda: sdk_signed(when=datetime.fromtimestamp(0, timezone.utc)), id="1970"),
        pytest.param(lambda: sdk_signed(when=datetime(2099, 1, 1, tzinfo=timezone.utc)), id="2099"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_X_SDK_DATE="20260101T000000Z"), id="changed date"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_X_SDK_DATE="yesterday"), id="date of another form"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_X_SDK_DATE=""), id="no date"),
        pytest.param(lambda: changed(sdk_signed(), REQUEST_METHOD="DELETE"), id="another method"),
        pytest.param(lambda: changed(sdk_signed(), REQUEST_URI=PATH + "/x"), id="another path"),
        pytest.param(lambda: changed(sdk_signed(), REQUEST_URI=PATH + "?limit=1"), id="an added parameter"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_HOST="elsewhere"), id="another host"),
        pytest.param(lambda: changed(sdk_signed(headers={"X-A": "1"}), HTTP_X_A="2"), id="a changed header"),
        pytest.param(lambda: sdk_signed("POST", body=b"other"), id="another body"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_AUTHORIZATION="SDK-HMAC-SHA256"), id="no parts"),
        pytest.param(lambda: changed(sdk_signed(), HTTP_AUTHORIZATION="SDK-HMAC-SHA256 a b c"), id="nonsense"),
        pytest.param(
            lambda: changed(
                sdk_signed(), HTTP_AUTHORIZATION=f"SDK-HMAC-SHA256 Access=AKA, SignedHeaders=host, Signature={'0' * 64}"
            ),
            id="date not signed",
        ),
    ],
)
def test_sdk_signature_wrong_is_403(strict, signed):
    assert refused(strict.access.authenticate, read_signed_request(signed(), lambda: b""), RED.id) is INVALID_SIGNATURE


@pytest.mark.parametrize("header", ["", "Bearer x", "Basic eDp5", "SDK-HMAC-SHA1 Access=AKA", "AWS AKA:x"])
def test_sdk_signature_of_no_known_kind_is_401(strict, header):
    request = read_signed_request(environ(headers={"Authorization": header}))
    assert refused(strict.access.authenticate, request, RED.id) is INVALID_TOKEN


def test_sdk_signature_time_window_is_fifteen_minutes(strict):
    signed = sdk_signed()
    strict.clock.ahead_ms = 14 * 60_000
    strict.access.authenticate(read_signed_request(signed))
    strict.clock.ahead_ms = 15 * 60_000 + 1000
    assert refused(strict.access.authenticate, read_signed_request(signed)) is INVALID_SIGNATURE
    strict.clock.ahead_ms = -15 * 60_000 - 1000
    assert refused(strict.access.authenticate, read_signed_request(signed)) is INVALID_SIGNATURE


# Object storage, older signatures


def sha1(secret, text):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), "sha1").digest()).decode()


def v2_signed(dialect="OBS", *, key="AKA", secret="sk-a", date=None, path="/bucket/a%20b.txt", own_date=False):
    prefix = "x-obs-" if dialect == "OBS" else "x-amz-"
    date = date or formatdate(usegmt=True)
    headers = {f"{prefix}meta-who": "me", "Content-Type": "text/plain", f"{prefix}date" if own_date else "Date": date}
    own = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith(prefix))
    text = f"PUT\n\ntext/plain\n{'' if own_date else date}\n{own}{path}?acl"
    headers["Authorization"] = f"{dialect} {key}:{sha1(secret, text)}"
    return environ("PUT", f"{path}?acl", headers)


@pytest.mark.parametrize("dialect", ["OBS", "AWS"])
@pytest.mark.parametrize("own_date", [False, True])
def test_v2_signature_valid_is_accepted(strict, dialect, own_date):
    assert (
        strict.access.authenticate_object(read_signed_request(v2_signed(dialect, own_date=own_date))).principal.user
        is ALICE
    )


@pytest.mark.parametrize("dialect", ["OBS", "AWS"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"REQUEST_METHOD": "DELETE"}, SIGNATURE_MISMATCH),
        ({"REQUEST_URI": "/bucket/c.txt?acl"}, SIGNATURE_MISMATCH),
        ({"REQUEST_URI": "/bucket/a%20b.txt"}, SIGNATURE_MISMATCH),
        ({"REQUEST_URI": "/bucket/a%20b.txt?acl&uploads"}, SIGNATURE_MISMATCH),
        ({"CONTENT_TYPE": "text/html"}, SIGNATURE_MISMATCH),
        ({"HTTP_X_OBS_META_WHO": "you", "HTTP_X_AMZ_META_WHO": "you"}, SIGNATURE_MISMATCH),
        ({"HTTP_X_OBS_COPY_SOURCE": "/bucket/s", "HTTP_X_AMZ_COPY_SOURCE": "/bucket/s"}, SIGNATURE_MISMATCH),
        ({"HTTP_CONTENT_MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, SIGNATURE_MISMATCH),
        ({"HTTP_DATE": "Thu, 01 Jan 1970 00:00:00 GMT"}, TIME_SKEWED),
        ({"HTTP_DATE": "now"}, SIGNATURE_MALFORMED),
        ({"HTTP_DATE": ""}, SIGNATURE_MALFORMED),
        ({"HTTP_AUTHORIZATION": "OBS AKA:AAAA"}, SIGNATURE_MISMATCH),
        ({"HTTP_AUTHORIZATION": "OBS AKX:AAAA"}, UNKNOWN_ACCESS_KEY),
        ({"HTTP_AUTHORIZATION": "OBS AKA"}, SIGNATURE_MALFORMED),
        ({"HTTP_AUTHORIZATION": "OBS :x"}, SIGNATURE_MALFORMED),
        ({"HTTP_AUTHORIZATION": ""}, ACCESS_DENIED),
    ],
)
def test_v2_signature_wrong_is_refused(strict, dialect, change, expected):
    assert refused(strict.access.authenticate_object, read_signed_request({**v2_signed(dialect), **change})) is expected


@pytest.mark.parametrize(("dialect", "other"), [("OBS", "HTTP_X_AMZ_"), ("AWS", "HTTP_X_OBS_")])
@pytest.mark.parametrize("name", ["COPY_SOURCE", "META_WHO", "METADATA_DIRECTIVE"])
def test_v2_signature_refuses_unsigned_headers_of_the_other_dialect(strict, dialect, other, name):
    added = {**v2_signed(dialect), other + name: "/bucket/secret"}
    assert refused(strict.access.authenticate_object, read_signed_request(added)) is ACCESS_DENIED


def test_v2_signature_accepts_unsigned_headers_without_effect(strict):
    """s3cmd sends back every header that it was answered."""
    for signed in (v2_signed("AWS"), v4_signed()):
        strict.access.authenticate_object(read_signed_request({**signed, "HTTP_X_OBS_ID_2": "x"}))


def test_v2_signature_with_another_secret_is_a_mismatch(strict):
    assert (
        refused(strict.access.authenticate_object, read_signed_request(v2_signed(secret="sk-b"))) is SIGNATURE_MISMATCH
    )


def v2_url(parameter="AccessKeyId", key="AKA", secret="sk-a", expires=None, method="GET"):
    expires = expires or SystemClock().now_ms() // 1000 + 600
    signature = quote(sha1(secret, f"{method}\n\n\n{expires}\n/bucket/a.txt"), safe="")
    return f"/bucket/a.txt?{parameter}={key}&Expires={expires}&Signature={signature}"


@pytest.mark.parametrize("parameter", ["AccessKeyId", "AWSAccessKeyId"])
@pytest.mark.parametrize("mode", ["strict", "open_"])
def test_v2_signed_url_is_accepted_until_it_expires(parameter, mode, request):
    access = request.getfixturevalue(mode)
    signed = read_signed_request(environ(uri=v2_url(parameter)))
    assert access.access.authenticate_object(signed).principal.user is ALICE
    access.clock.ahead_ms = 600_000
    assert refused(access.access.authenticate_object, signed) is EXPIRED


@pytest.mark.parametrize("mode", ["strict", "open_"])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a.txt", "b.txt", SIGNATURE_MISMATCH),
        ("Signature=", "x-image-process=image%2Finfo&Signature=", SIGNATURE_MISMATCH),
        ("Signature=", "acl&Signature=", SIGNATURE_MISMATCH),
        ("Expires=", "Expires=9", SIGNATURE_MISMATCH),
        ("Expires=", "Expires=1&x=", EXPIRED),
        ("Expires=", "Expire=", ACCESS_DENIED),
        ("&Signature=", "&Signatur=", ACCESS_DENIED),
        ("AKA", "", ACCESS_DENIED),
        ("AKA", "AKB", SIGNATURE_MISMATCH),
    ],
)
def test_v2_signed_url_changed_is_refused_also_in_open_mode(mode, old, new, expected, request):
    uri = v2_url().replace(old, new, 1)
    assert (
        refused(request.getfixturevalue(mode).access.authenticate_object, read_signed_request(environ(uri=uri)))
        is expected
    )


def test_own_signed_url_is_accepted_only_unchanged(strict, open_):
    for mode in (strict, open_):
        uri = mode.signer.sign("", "bucket/a.jpg", process="image/resize,m_lfit,h_200")
        mode.access.authenticate_object(read_signed_request(environ(uri=uri)))
        wrong = read_signed_request(environ(uri=uri.replace("h_200", "h_900")))
        assert refused(mode.access.authenticate_object, wrong) is SIGNATURE_MISMATCH
        assert refused(mode.access.authenticate_object, read_signed_request(environ("PUT", uri))) is SIGNATURE_MISMATCH


# Object storage, newer signature, signed by botocore


class Digesting(S3SigV4Auth):
    """Signs whatever digest it is given."""

    digest = ""

    def payload(self, request):
        return self.digest or super().payload(request)


def v4_signed(
    *,
    query=False,
    secret="sk-a",
    key="AKA",
    uri="/bucket/a%20b.txt",
    headers=None,
    method="GET",
    service="s3",
    digest="",
):
    request = AWSRequest(method, f"http://{HOST}{uri}", headers=headers or {}, data=b"")
    credentials = Credentials(key, secret)
    if query:
        S3SigV4QueryAuth(credentials, service, "eu-de", expires=600).add_auth(request)
        return environ(method, request.url.removeprefix(f"http://{HOST}"))
    signer = Digesting(credentials, service, "eu-de")
    signer.digest = digest
    signer.add_auth(request)
    return environ(method, uri, dict(request.headers.items()))


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("uri", ["/", "/bucket?list-type=2&prefix=a%2Fb&delimiter=%2F", "/bucket/%C3%BC%2B%20x~.txt"])
def test_v4_signature_valid_is_accepted(strict, query, uri):
    granted = strict.access.authenticate_object(read_signed_request(v4_signed(query=query, uri=uri)))
    assert granted.principal.user is ALICE
    assert granted.chunk_check is not None


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        (lambda: v4_signed(secret="sk-b"), SIGNATURE_MISMATCH),
        (lambda: v4_signed(key="AKX"), UNKNOWN_ACCESS_KEY),
        (lambda: changed(v4_signed(), REQUEST_METHOD="DELETE"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(), REQUEST_URI="/bucket/c.txt"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(), REQUEST_URI="/bucket/a%20b.txt?acl"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(), HTTP_HOST="elsewhere"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(), HTTP_X_AMZ_CONTENT_SHA256="UNSIGNED-PAYLOAD"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(), HTTP_X_AMZ_DATE="19700101T000000Z"), TIME_SKEWED),
        (lambda: changed(v4_signed(), HTTP_X_AMZ_DATE="x"), SIGNATURE_MALFORMED),
        (lambda: changed(v4_signed(), HTTP_AUTHORIZATION="AWS4-HMAC-SHA256 nonsense"), SIGNATURE_MALFORMED),
        (lambda: changed(v4_signed(), HTTP_AUTHORIZATION="AWS4-HMAC-SHA256 Credential=AKA"), SIGNATURE_MALFORMED),
        (lambda: v4_signed(service="ec2"), SIGNATURE_MALFORMED),
        (lambda: v4_signed(digest="x"), INVALID_ARGUMENT),
        (lambda: changed(v4_signed(), HTTP_X_AMZ_COPY_SOURCE="/bucket/s"), ACCESS_DENIED),
        (lambda: changed(v4_signed(), HTTP_X_OBS_COPY_SOURCE="/bucket/s"), ACCESS_DENIED),
        (lambda: changed(v4_signed(), HTTP_X_OBS_CONTENT_SHA256="0" * 64), ACCESS_DENIED),
        (lambda: changed(v4_signed(query=True), HTTP_X_AMZ_COPY_SOURCE="/bucket/s"), ACCESS_DENIED),
        (lambda: v4_signed(query=True, secret="sk-b"), SIGNATURE_MISMATCH),
        (lambda: changed(v4_signed(query=True), REQUEST_METHOD="PUT"), SIGNATURE_MISMATCH),
    ],
)
def test_v4_signature_wrong_is_refused(strict, signed, expected):
    assert refused(strict.access.authenticate_object, read_signed_request(signed())) is expected


@pytest.mark.parametrize("mode", ["strict", "open_"])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("/a%20b", "/c", SIGNATURE_MISMATCH),
        ("X-Amz-Expires=600", "X-Amz-Expires=601", SIGNATURE_MISMATCH),
        ("X-Amz-Expires=600", "X-Amz-Expires=9999999", SIGNATURE_MALFORMED),
        ("X-Amz-Expires=600", "X-Amz-Expires=", SIGNATURE_MALFORMED),
        ("X-Amz-Signature=", "response-content-type=text%2Fhtml&X-Amz-Signature=", SIGNATURE_MISMATCH),
    ],
)
def test_v4_signed_url_changed_is_refused(mode, old, new, expected, request):
    signed = v4_signed(query=True)
    wrong = changed(signed, REQUEST_URI=signed["REQUEST_URI"].replace(old, new, 1))
    assert wrong != signed
    assert refused(request.getfixturevalue(mode).access.authenticate_object, read_signed_request(wrong)) is expected


def test_v4_signed_url_expires(strict, open_):
    for mode in (strict, open_):
        signed = read_signed_request(v4_signed(query=True))
        mode.access.authenticate_object(signed)
        mode.clock.ahead_ms = 601_000
        assert refused(mode.access.authenticate_object, signed) is EXPIRED


# Open


@pytest.mark.parametrize("token", ["", "anything"])
@pytest.mark.parametrize("authorization", ["", "Bearer x", "SDK-HMAC-SHA256 nonsense", "OBS x", "AWS4-HMAC-SHA256 x"])
def test_open_mode_accepts_any_authorization_header(open_, token, authorization):
    request = read_signed_request(environ(headers={"X-Auth-Token": token, "Authorization": authorization}))
    assert open_.access.authenticate(request, "any-project").may_use("any-project")
    assert open_.access.authenticate_object(request).principal.may_use("any-project")


def test_open_mode_refuses_expired_tokens(open_):
    token = open_.tokens.issue(User("carol", "acme"), expires_ms=1)
    request = read_signed_request(environ(headers={"X-Auth-Token": token.id}))
    assert refused(open_.access.authenticate, request) is INVALID_TOKEN
    assert refused(open_.access.authenticate_object, request) is ACCESS_DENIED


def test_open_mode_recognizes_the_caller(open_):
    token = open_.tokens.issue(User("carol", "acme"), project=RED)
    request = read_signed_request(environ(headers={"X-Auth-Token": token.id}))
    assert (open_.access.authenticate(request).name, open_.access.authenticate(request).domain) == ("carol", "acme")
    assert open_.access.authenticate(read_signed_request(sdk_signed(secret="wrong"))).name == "alice"


def test_open_mode_accepts_urls_of_unknown_keys_until_they_expire(open_):
    open_.access.authenticate_object(read_signed_request(environ(uri=v2_url(key="SOMEBODY", secret="?"))))
    expired = read_signed_request(environ(uri=v2_url(key="SOMEBODY", secret="?", expires=1)))
    assert refused(open_.access.authenticate_object, expired) is EXPIRED


def test_chunk_check_requires_signatures_in_order(strict):
    signed = v4_signed(method="PUT")
    granted = strict.access.authenticate_object(read_signed_request(signed))
    date = signed["HTTP_X_AMZ_DATE"]
    scope = f"{date[:8]}/eu-de/s3/aws4_request"
    key = b"AWS4sk-a"
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    previous = signed["HTTP_AUTHORIZATION"].rpartition("Signature=")[2]
    empty = hashlib.sha256(b"").hexdigest()
    for chunk in (b"first", b"second", b""):
        digest = hashlib.sha256(chunk).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, empty, digest])
        previous = hmac.new(key, text.encode(), "sha256").hexdigest()
        granted.chunk_check.chunk(previous, chunk)
    assert refused(granted.chunk_check.chunk, previous, b"again") is SIGNATURE_MISMATCH
    lines = b"x-amz-checksum-crc32:AAAAAA==\n"
    text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", date, scope, previous, hashlib.sha256(lines).hexdigest()])
    assert refused(granted.chunk_check.trailer, previous, lines) is SIGNATURE_MISMATCH
    granted.chunk_check.trailer(hmac.new(key, text.encode(), "sha256").hexdigest(), lines)


def test_v4_signature_body_digest_is_that_of_the_header(strict):
    def digest(**arguments):
        return strict.access.authenticate_object(read_signed_request(v4_signed(method="PUT", **arguments))).body_digest

    assert digest() == hashlib.sha256(b"").hexdigest()
    assert digest(digest="UNSIGNED-PAYLOAD") == digest(query=True) == "UNSIGNED-PAYLOAD"


def test_v4_signature_without_a_digest_covers_an_empty_body(strict):
    request = AWSRequest("PUT", f"http://{HOST}/bucket/a.txt", data=b"")
    SigV4Auth(Credentials("AKA", "sk-a"), "s3", "eu-de").add_auth(request)
    signed = environ("PUT", "/bucket/a.txt", dict(request.headers.items()))
    assert "HTTP_X_AMZ_CONTENT_SHA256" not in signed
    granted = strict.access.authenticate_object(read_signed_request(signed))
    assert granted.body_digest == hashlib.sha256(b"").hexdigest()
