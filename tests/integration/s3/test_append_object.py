"""Append to objects over HTTP, as OBS clients do."""

import hashlib
from types import SimpleNamespace

import pytest
import requests

from tests.helpers.object_calls import call, code, get, put


def append(server: SimpleNamespace, key: str, position: int | str, body: bytes, **headers: str) -> requests.Response:
    path = f"/bucket/{key}?append&position={position}"
    return call(server, "POST", path, data=body, headers={"x-obs-date": "x", **headers})


def test_append_object_creates_then_extends_an_object(server: SimpleNamespace) -> None:
    first = append(server, "log.txt", 0, b"one,", **{"Content-Type": "text/x-log", "x-obs-meta-who": "me"})
    assert (first.status_code, first.headers["x-obs-next-append-position"]) == (200, "4")
    second = append(server, "log.txt", 4, b"two")
    assert (second.status_code, second.headers["x-obs-next-append-position"]) == (200, "7")
    assert second.headers["ETag"] == f'"{hashlib.md5(b"two").hexdigest()}"'
    read = call(server, "GET", "/bucket/log.txt", headers={"x-obs-date": "x"})
    assert read.content == b"one,two"
    assert read.headers["x-obs-object-type"] == "Appendable"
    assert read.headers["x-obs-next-append-position"] == "7"
    assert (read.headers["Content-Type"], read.headers["x-obs-meta-who"]) == ("text/x-log", "me")
    assert (server.buckets / "bucket" / "log.txt").read_bytes() == b"one,two"


@pytest.mark.parametrize(
    ("key", "position", "status", "expected"),
    [
        ("log.txt", 3, 409, "PositionNotEqualToLength"),
        ("log.txt", 0, 409, "PositionNotEqualToLength"),
        ("new.txt", 1, 409, "PositionNotEqualToLength"),
        ("normal.txt", 6, 409, "ObjectNotAppendable"),
        ("log.txt", "x", 400, "InvalidArgument"),
        ("log.txt", "", 400, "InvalidArgument"),
        ("log.txt", -1, 400, "InvalidArgument"),
        ("folder/", 0, 400, "InvalidArgument"),
    ],
)
def test_append_object_refused_changes_nothing(
    server: SimpleNamespace, key: str, position: int | str, status: int, expected: str
) -> None:
    append(server, "log.txt", 0, b"four")
    put(server, "normal.txt", b"normal")
    answer = append(server, key, position, b"more")
    assert code(answer) == (status, expected)
    assert get(server, "log.txt").content == b"four"
    assert get(server, "normal.txt").content == b"normal"
    assert get(server, "new.txt").status_code == 404


def test_append_object_with_a_wrong_digest_leaves_the_object_as_it_was(server: SimpleNamespace) -> None:
    append(server, "log.txt", 0, b"four")
    wrong = append(server, "log.txt", 4, b"more", **{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert code(wrong) == (400, "BadDigest")
    assert get(server, "log.txt").content == b"four"
    assert append(server, "log.txt", 4, b"more").status_code == 200


def test_copy_of_an_appendable_object_is_not_appendable(server: SimpleNamespace) -> None:
    append(server, "log.txt", 0, b"four")
    call(server, "PUT", "/bucket/copy.txt", headers={"x-obs-copy-source": "/bucket/log.txt"})
    assert code(append(server, "copy.txt", 4, b"more")) == (409, "ObjectNotAppendable")


@pytest.mark.parametrize(
    ("subresource", "obs", "status", "expected"),
    [
        ("encryption", True, 404, b"<Code>NoSuchEncryptionConfiguration</Code>"),
        ("encryption", False, 404, b"<Code>ServerSideEncryptionConfigurationNotFoundError</Code>"),
        ("customdomain", True, 200, b"<ListBucketCustomDomainsResult"),
        ("storageClass", True, 200, b">STANDARD</StorageClass>"),
        ("storagePolicy", True, 200, b"<DefaultStorageClass>STANDARD</DefaultStorageClass>"),
    ],
)
def test_bucket_setting_that_terraform_reads_is_answered(
    server: SimpleNamespace, subresource: str, obs: bool, status: int, expected: bytes
) -> None:
    answer = call(server, "GET", f"/bucket?{subresource}", headers={"x-obs-date" if obs else "x-amz-date": "x"})
    assert answer.status_code == status
    assert expected in answer.content
