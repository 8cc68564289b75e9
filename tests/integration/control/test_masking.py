"""Secrets are masked in every part of a request, and everything else is unchanged."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from modelarts_emulator.control.request_log.masking import MASK, is_secret, masked_body, masked_headers, masked_url

SECRET = "hunter2-Zm9v"


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "adminPass", "original_password", "passwd", "pwd", "passcode", "sk", "SK"),
        *("secret", "secret_access_key", "secretKey", "client_secret", "AWS_SECRET_ACCESS_KEY", "private-key"),
        *("token", "X-Auth-Token", "X-Subject-Token", "x-security-token", "access_token", "refresh_token", "id_token"),
        *("X-Amz-Security-Token", "x-obs-security-token", "securitytoken", "Signature", "X-Amz-Signature", "api_key"),
        *("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Emulator-Key", "X-Api-Key"),
        *("x-amz-server-side-encryption-customer-key", "x-obs-copy-source-server-side-encryption-customer-key"),
    ],
)
def test_is_secret_of_secret_names_is_true(name: str) -> None:
    assert is_secret(name)
    assert masked_headers({name: SECRET}) == {name: MASK}


@pytest.mark.parametrize(
    "name",
    [
        *("continuation-token", "NextContinuationToken", "SignatureVersion", "AccessKeyId", "X-Amz-Credential"),
        *("Expires", "sample_id", "task_id", "skip", "passed", "X-Project-Id", "ETag", "key", "key_sample", "desk"),
    ],
)
def test_is_secret_of_other_names_is_false(name: str) -> None:
    assert not is_secret(name)
    assert masked_url(f"http://h/b?{name}=value&x=1") == f"http://h/b?{name}=value&x=1"


@pytest.mark.parametrize(
    "url",
    [
        "http://h/b/k?AccessKeyId=AK&Expires=1&Signature={}",
        "http://h/b/k?Signature={}&AccessKeyId=AK",
        "http://h/b/k?X-Amz-Algorithm=A&X-Amz-Security-Token={}&X-Amz-Signature={}",
        "http://h/b/k?x-obs-security-token={}",
        "http://h/b/k?%53ignature={}",
        "http://h/b/k?X-Auth-Token={}",
        "/b/k?signature={}#top",
        "http://user:{}@h/b/k",
        "http://h/go?to=http%3A%2F%2Fh%2Fb%3FSignature%3D{}%26x%3D1",
        "password={}&user=me",
    ],
)
def test_masked_url_hides_secrets_in_urls_and_forms(url: str) -> None:
    shown = masked_url(url.format(*[quote(SECRET + "/+=", safe="")] * 2))
    assert "hunter2" not in shown
    assert MASK in shown
    assert shown.count("&") == url.count("&")


BODIES: list[Any] = [
    {"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": "me", "password": SECRET}}}}},
    {"auth": {"identity": {"methods": ["token"], "token": {"id": SECRET, "duration": 1}}}},
    {"auth": {"identity": {"methods": ["totp"], "totp": {"user": {"passcode": SECRET}}}}},
    {"auth": {"identity": {"hw_assume_role": {}, "token": {"id": SECRET, "more": 1}}}},
    {"credential": {"access": "AK", "secret": SECRET, "securitytoken": SECRET}},
    {"secret": {"value": SECRET}},
    {"secrets": [SECRET, {"a": SECRET}]},
    {"a": [{"b": {"Access_Token": SECRET}}]},
    {"source": f"http://h/b/k?AccessKeyId=A&Expires=1&Signature={SECRET}"},
    {"text": json.dumps({"password": SECRET})},
    {"text": json.dumps([{"x": json.dumps({"password": SECRET})}])},
    {"text": f"see http://me:{SECRET}@h/"},
    {"password": 'with "quotes" and \\ ' + SECRET},
    {"sk": SECRET, "ak": "AK"},
]


@pytest.mark.parametrize("body", BODIES, ids=[json.dumps(body)[:40] for body in BODIES])
def test_masked_body_hides_secrets_wherever_the_body_is_cut(body: Any) -> None:
    """A truncated body is not JSON, and the rest of its secret is masked too."""
    text = json.dumps(body, indent=1)
    assert "hunter2" not in masked_body(text, "/v2/p/datasets")
    assert MASK in masked_body(text, "/v2/p/datasets")
    escaped = text.replace("&", "\\u0026").replace("password", "pa\\u0073sword").replace("/", "\\/")
    assert "hunter2" not in masked_body(escaped, "/")
    for end in range(len(text)):
        shown = masked_body(text[:end], "/v2/p/datasets", is_cut=True)
        assert "hunt" not in shown, text[:end]
        assert len(shown) <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        f"<Credentials><AccessKeyId>AK</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey></Credentials>",
        f"<SessionToken>\n{SECRET}",
        f"user=me&password={SECRET}",
        f"{{'password': '{SECRET}'}}",
        f'{{"pin": 1, "password": {SECRET}',
    ],
)
def test_masked_body_hides_secrets_in_other_texts(text: str) -> None:
    assert "hunter2" not in masked_body(text, "/bucket/key")


@pytest.mark.parametrize("path", ["/v3/auth/tokens", "/v3/%61uth/tokens", "//v3/auth/tokens", "/v2.0/tokens"])
@pytest.mark.parametrize("text", ["password hunter2", '{"user": hunter2'])
def test_masked_body_of_an_unreadable_login_is_masked_as_a_whole(text: str, path: str) -> None:
    assert masked_body(text, path) == MASK


@pytest.mark.parametrize(
    "text",
    [
        '{"dataset_name":"token","labels":[{"name":"secret"}],"work_path":"/b/out/"}',
        '{ "a" : 1.50, "b": [1e3, "x=y", "a: b"] }',
        '{"token":{"methods":["password"],"project":{"id":"p","name":"n"},"catalog":[{"id":"c"}]}}',
        '{"password":"","token":null}',
        "<Key>a.png</Key>",
        "content://one = two; a: b",
        "",
    ],
)
def test_masked_body_without_secrets_is_unchanged(text: str) -> None:
    assert masked_body(text, "/v2/p/datasets") == text


@pytest.mark.parametrize("text", ['"' * 4096, "\\" * 4096, '"a":' * 1024, "a=" * 2048, '{"a":"' * 680, "'\\\"" * 1365])
def test_masked_body_of_hostile_text_ends_soon(text: str) -> None:
    start = time.monotonic()
    masked_body(text, "/")
    assert time.monotonic() - start < 2
