"""The object endpoint over plain HTTP. Real clients are tested in tests/clients."""

import errno
import hashlib
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
import requests

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import NO_SUCH_UPLOAD
from modelarts_emulator.s3.multipart_store import claim
from modelarts_emulator.system import open_folder
from tests.helpers.object_calls import S3, begin, call, code, complete, get, listed, part, put, raw
from tests.helpers.pictures import picture

KEYS = [
    "a.txt",
    "a b/ü+%41.txt",
    "tilde~/(x)!*'.txt",
    "semi;colon&and=eq?q#h",
    "weiß/日本語 😀.jpg",
    "100%.txt",
    "trailing dot./ space ",
]


# Objects are files


@pytest.mark.parametrize("key", KEYS)
def test_put_object_creates_a_file_at_once(server, key):
    etag = put(server, key, b"hello").headers["ETag"]
    assert (server.buckets / "bucket" / key).read_bytes() == b"hello"
    answer = get(server, key)
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["ETag"] == etag == f'"{hashlib.md5(b"hello").hexdigest()}"'


def test_get_object_finds_a_dropped_file_at_once(server):
    (server.buckets / "bucket" / "in").mkdir()
    (server.buckets / "bucket" / "in" / "dropped.jpg").write_bytes(b"picture")
    answer = get(server, "in/dropped.jpg")
    assert answer.content == b"picture"
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"picture").hexdigest()}"'
    assert listed(call(server, "GET", "/bucket"), "Contents", "Key") == ["in/dropped.jpg"]


def test_get_object_of_a_file_changed_on_disk_has_new_metadata(server):
    put(server, "a.txt", b"one", **{"Content-Type": "text/x-mine", "x-amz-meta-who": "me"})
    (server.buckets / "bucket" / "a.txt").write_bytes(b"three")
    answer = get(server, "a.txt")
    assert answer.content == b"three"
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"three").hexdigest()}"'
    assert "x-amz-meta-who" not in answer.headers


def test_put_object_keeps_metadata_and_headers(server):
    sent = {
        "Content-Type": "text/x-mine",
        "Cache-Control": "max-age=60",
        "Content-Disposition": "inline",
        "x-amz-meta-who": "me",
    }
    put(server, "a.bin", b"x", **sent)
    answer = call(server, "HEAD", "/bucket/a.bin")
    assert {name: answer.headers[name] for name in sent} == sent
    assert get(server, "a.bin", "?response-content-type=text%2Fhtml").headers["Content-Type"] == "text/html"
    dialect = get(server, "a.bin", **{"x-obs-date": formatdate(usegmt=True)})
    assert dialect.headers["x-obs-meta-who"] == "me"


def test_get_object_of_an_uploaded_page_cannot_run_scripts(server):
    put(server, "evil.html", b"<script>", **{"Content-Type": "text/html"})
    headers = get(server, "evil.html").headers
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=5-", 206, b"56789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-100", 206, b"0123456789"),
        ("bytes=8-100", 206, b"89"),
        ("bytes=9-9", 206, b"9"),
        ("bytes=0-0,2-3", 200, b"0123456789"),
        ("bytes=5-4", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=x", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=" + "9" * 4000 + "-", 200, b"0123456789"),
    ],
)
def test_get_object_range_returns_that_part(server, asked, status, expected):
    put(server, "digits", b"0123456789")
    answer = get(server, "digits", Range=asked)
    assert (answer.status_code, answer.content) == (status, expected)
    assert answer.headers["Content-Length"] == str(len(expected))
    assert ("Content-Range" in answer.headers) == (status == 206)
    head = call(server, "HEAD", "/bucket/digits", headers={"Range": asked})
    assert (head.status_code, head.headers["Content-Length"]) == (status, str(len(expected)))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_get_object_range_beyond_the_end_is_416(server, asked):
    put(server, "digits", b"0123456789")
    assert code(get(server, "digits", Range=asked)) == (416, "InvalidRange")


PAST, FUTURE = formatdate(0, usegmt=True), formatdate(4e9, usegmt=True)


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"If-Match": "{etag}"}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"x", {etag}'}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-None-Match": "{etag}"}, 304),
        ({"If-None-Match": "W/{etag}"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-Modified-Since": FUTURE}, 304),
        ({"If-Modified-Since": PAST}, 200),
        ({"If-Modified-Since": "nonsense"}, 200),
        ({"If-Unmodified-Since": PAST}, 412),
        ({"If-Unmodified-Since": FUTURE}, 200),
        ({"If-None-Match": '"x"', "If-Modified-Since": FUTURE}, 200),
        ({"If-Match": "{etag}", "If-Unmodified-Since": PAST}, 200),
    ],
)
def test_get_object_conditions_are_checked(server, conditions, status):
    etag = put(server, "a.txt").headers["ETag"]
    headers = {name: value.replace("{etag}", etag) for name, value in conditions.items()}
    answer = get(server, "a.txt", **headers)
    assert answer.status_code == status
    assert (answer.content == b"hello") == (status == 200)


def test_put_object_conditions_are_checked(server):
    etag = put(server, "a.txt", b"one", **{"If-None-Match": "*"}).headers["ETag"]
    again = call(server, "PUT", "/bucket/a.txt", data=b"two", headers={"If-None-Match": "*"})
    assert code(again) == (412, "PreconditionFailed")
    assert code(call(server, "PUT", "/bucket/a.txt", data=b"two", headers={"If-Match": '"x"'})) == (
        412,
        "PreconditionFailed",
    )
    assert get(server, "a.txt").content == b"one"
    put(server, "a.txt", b"two", **{"If-Match": etag})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, (400, "BadDigest")),
        ({"Content-MD5": "nonsense"}, (400, "InvalidDigest")),
        ({"Content-MD5": "AAAA"}, (400, "InvalidDigest")),
        ({"x-amz-content-sha256": "0" * 64}, (400, "XAmzContentSHA256Mismatch")),
        ({"x-amz-content-sha256": "z" * 64}, (400, "XAmzContentSHA256Mismatch")),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, (400, "BadDigest")),
        ({"x-amz-checksum-sha1": "A" * 27 + "="}, (400, "BadDigest")),
        ({"x-amz-checksum-sha256": "A" * 43 + "="}, (400, "BadDigest")),
        ({"x-amz-checksum-crc32": "AAAA"}, (400, "InvalidRequest")),
        ({"x-amz-checksum-crc32": "nonsense"}, (400, "InvalidRequest")),
        ({"Content-Encoding": "aws-chunked"}, (400, "IncompleteBody")),
    ],
)
def test_put_object_with_a_wrong_digest_changes_nothing(server, headers, expected):
    put(server, "a.txt", b"before")
    assert code(call(server, "PUT", "/bucket/a.txt", data=b"after", headers=headers)) == expected
    assert get(server, "a.txt").content == b"before"
    assert [file.name for file in (server.buckets / "bucket").iterdir()] == ["a.txt"]


def test_put_object_decodes_a_chunked_body(server):
    body = b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
    headers = {"Content-Encoding": "gzip,aws-chunked", "x-amz-decoded-content-length": "11"}
    put(server, "a.txt", body, **headers)
    answer = requests.get(f"{server.url}/bucket/a.txt", stream=True, timeout=20)
    assert answer.raw.read(decode_content=False) == b"hello world"
    assert answer.headers["Content-Encoding"] == "gzip"
    answer.close()


@pytest.mark.parametrize("name", ["x-amz-meta-who", "Content-Type"])
@pytest.mark.parametrize("key", ["a.txt", "dir/"])
def test_put_object_with_metadata_not_in_utf_8_changes_nothing(server, name, key):
    answer = call(server, "PUT", f"/bucket/{key}", headers={name: b"gr\xfcn"})
    assert code(answer) == (400, "InvalidArgument")
    assert list((server.buckets / "bucket").iterdir()) == []


@pytest.mark.parametrize("key", ["", "../x", "a//b"])
def test_delete_objects_with_an_invalid_key_reports_it(server, key):
    """An empty one is not the bucket."""
    answer = call(server, "POST", "/bucket?delete", data=f"<Delete><Object><Key>{key}</Key></Object></Delete>")
    assert (listed(answer, "Error", "Code"), listed(answer, "Deleted", "Key")) == (["InvalidURI"], [])
    assert server.tree.has_bucket("bucket")


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [(b"AAAAAA==", "BadDigest"), (b"AAAA", "InvalidRequest"), (None, "MalformedTrailerError")],
)
def test_put_object_compares_a_trailing_checksum(server, trailer, expected):
    headers = {"Content-Encoding": "aws-chunked", "x-amz-trailer": "x-amz-checksum-crc32"}
    lines = b"" if trailer is None else b"x-amz-checksum-crc32:" + trailer + b"\r\n"
    answer = call(server, "PUT", "/bucket/a.txt", data=b"5\r\nhello\r\n0\r\n" + lines + b"\r\n", headers=headers)
    assert code(answer) == (400, expected)
    assert list((server.buckets / "bucket").iterdir()) == []
    right = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert call(server, "PUT", "/bucket/a.txt", data=right, headers=headers).status_code == 200


def test_put_object_empty_with_a_content_length(server):
    """boto3 sends Expect with every file that it puts, and reads the "100 Continue" of an empty one as well."""
    headers = {"Expect": "100-continue", "Content-Length": "0"}
    assert raw(server, "PUT", "/bucket/empty", headers) == (200, b"")
    assert get(server, "empty").content == b""


def test_put_object_expect_continue_is_answered_once(server):
    """Without a body, with one that comes along, and behind requests that are still being answered."""
    head = "PUT /bucket/a.txt HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
    pair = (f"{head}0\r\n\r\n" + f"{head}5\r\n\r\nhello").encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(pair * 10 + b"GET /bucket/a.txt HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with connection.makefile("rb") as file:
            received = file.read()
    lines = [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    assert lines == [b"HTTP/1.1 100 Continue", b"HTTP/1.1 200 OK"] * 20
    assert received.endswith(b"\r\n\r\nhello")


# Directories


def test_put_object_with_a_final_slash_creates_a_folder(server):
    put(server, "dir/sub/", b"")
    assert (server.buckets / "bucket" / "dir" / "sub").is_dir()
    assert call(server, "HEAD", "/bucket/dir/sub/").headers["Content-Length"] == "0"
    assert listed(call(server, "GET", "/bucket"), "Contents", "Key") == ["dir/sub/"]
    assert call(server, "DELETE", "/bucket/dir/sub/").status_code == 204
    assert not (server.buckets / "bucket" / "dir" / "sub").exists()
    assert code(get(server, "dir/sub/")) == (404, "NoSuchKey")


def test_delete_object_of_a_directory_keeps_its_content(server):
    put(server, "dir/", b"")
    put(server, "dir/a.txt")
    call(server, "DELETE", "/bucket/dir/")
    assert listed(call(server, "GET", "/bucket"), "Contents", "Key") == ["dir/a.txt"]


def test_put_object_of_a_directory_refuses_bytes(server):
    assert code(call(server, "PUT", "/bucket/dir/", data=b"x")) == (400, "InvalidRequest")
    assert not (server.buckets / "bucket" / "dir").exists()


# Copy and delete


def test_copy_object_keeps_or_replaces_metadata(server):
    put(server, "a b/ü.txt", b"hello", **{"Content-Type": "text/x-mine", "x-amz-meta-who": "me"})
    source = {"x-amz-copy-source": "/bucket/" + quote("a b/ü.txt")}
    answer = call(server, "PUT", "/bucket/copy", headers=source)
    assert listed(answer, "ETag") == [f'"{hashlib.md5(b"hello").hexdigest()}"']
    copied = get(server, "copy")
    assert (copied.content, copied.headers["Content-Type"], copied.headers["x-amz-meta-who"]) == (
        b"hello",
        "text/x-mine",
        "me",
    )
    replaced = {**source, "x-amz-metadata-directive": "REPLACE", "Content-Type": "text/x-new"}
    call(server, "PUT", "/bucket/" + quote("a b/ü.txt"), headers=replaced)
    anew = get(server, "a b/ü.txt")
    assert (anew.content, anew.headers["Content-Type"]) == (b"hello", "text/x-new")
    assert "x-amz-meta-who" not in anew.headers


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("/bucket/missing", (404, "NoSuchKey")),
        ("/nowhere/a.txt", (404, "NoSuchBucket")),
        ("/bucket", (400, "InvalidArgument")),
        ("/bucket/../../etc/passwd", (400, "InvalidURI")),
        ("/bucket/a.txt", (400, "InvalidRequest")),
    ],
)
def test_copy_object_refuses_invalid_copies(server, source, expected):
    put(server, "a.txt", b"same")
    assert code(call(server, "PUT", "/bucket/a.txt", headers={"x-amz-copy-source": source})) == expected
    assert get(server, "a.txt").content == b"same"


def test_delete_object_twice_succeeds(server):
    put(server, "a.txt")
    assert [call(server, "DELETE", "/bucket/a.txt").status_code for _ in range(2)] == [204, 204]
    assert not (server.buckets / "bucket" / "a.txt").exists()


def delete_many(server, body):
    return call(server, "POST", "/bucket?delete", data=body.encode())


def test_delete_objects_reports_each_key(server):
    put(server, "a.txt")
    put(server, "b&c.txt")
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("a.txt", "b&amp;c.txt", "missing", "../x"))
    answer = delete_many(server, f"<Delete>{objects}</Delete>")
    assert listed(answer, "Deleted", "Key") == ["a.txt", "b&c.txt", "missing"]
    assert listed(answer, "Error", "Key") == ["../x"]
    assert list((server.buckets / "bucket").iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<Delete>",
        "<Other/>",
        "<Delete/>",
        "<Delete><Object/></Delete>",
        "<Delete>" + "<Object><Key>a</Key></Object>" * 1001 + "</Delete>",
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&e;</Key></Object></Delete>',
        "<a>" * 20000,
    ],
)
def test_delete_objects_refuses_a_malformed_list(server, body):
    assert code(delete_many(server, body)) == (400, "MalformedXML")


# Buckets


def test_bucket_is_created_listed_and_deleted(server):
    assert call(server, "PUT", "/second").status_code == 200
    assert call(server, "PUT", "/second").status_code == 200
    assert (server.buckets / "second").is_dir()
    assert call(server, "HEAD", "/second").status_code == 200
    signed = call(server, "GET", "/", headers={"Authorization": "AWS x:y"})
    assert listed(signed, "Buckets", "Bucket", "Name") == ["bucket", "second"]
    call(server, "PUT", "/second/dir/a.txt", data=b"x")
    assert code(call(server, "DELETE", "/second")) == (409, "BucketNotEmpty")
    call(server, "DELETE", "/second/dir/a.txt")
    assert call(server, "DELETE", "/second").status_code == 204
    assert not (server.buckets / "second").exists()
    assert call(server, "HEAD", "/second", headers={"x-amz-date": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["docs", "static", "console", "v22", "health", "a-1.b", "0ab", "a" * 63])
def test_bucket_may_have_the_name_of_a_page(server, name):
    assert call(server, "PUT", f"/{name}").status_code == 200
    assert call(server, "PUT", f"/{name}/a.txt", data=b"x").status_code == 200
    assert call(server, "GET", f"/{name}/a.txt").content == b"x"


@pytest.mark.parametrize(
    "name",
    ["..", "a", "ab", "-x-", "x-.", "a" * 64, "b%00b", "a..b", "a.-b", "%2e%2e", "A_B", "a_b", "Abc", "192.168.0.1"],
)
def test_create_bucket_refuses_invalid_names(server, name):
    status, body = raw(server, "PUT", f"/{name}")
    assert status == 400
    assert b"<Code>InvalidBucketName</Code>" in body


@pytest.mark.parametrize(
    "target",
    [
        "/bucket/../../../etc/passwd",
        "/bucket/%2e%2e/%2e%2e/etc/passwd",
        "/bucket//etc/passwd",
        "/bucket/a%00b",
        "/bucket/a%5c..%5cb",
        "/bucket/./a",
        "/bucket/" + "x" * 300,
        "/bucket/" + "x/" * 600,
        "/bucket/%ff%fe",
        "/bucket/%0d%0aSet-Cookie:x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_put_object_refuses_invalid_keys(server, method, target):
    status, body = raw(server, method, target, body=b"x" if method == "PUT" else None)
    assert status == 400
    assert b"<Code>InvalidURI</Code>" in body
    assert list((server.buckets / "bucket").iterdir()) == []


def test_get_object_does_not_follow_links_out_of_the_bucket(server, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (server.buckets / "bucket" / "link").symlink_to(tmp_path / "secret")
    (server.buckets / "bucket" / "dir").symlink_to(tmp_path)
    assert code(get(server, "link")) == (404, "NoSuchKey")
    assert code(get(server, "dir/secret")) == (404, "NoSuchKey")
    assert call(server, "PUT", "/bucket/dir/new", data=b"x").status_code == 400
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/bucket/missing", (404, "NoSuchKey")),
        ("GET", "/bucket/missing?x-image-process=image/info", (404, "NoSuchKey")),
        ("PUT", "/missing/a.txt", (404, "NoSuchBucket")),
        ("GET", "/bucket?lifecycle", (404, "NoSuchLifecycleConfiguration")),
        ("GET", "/bucket?policy", (404, "NoSuchBucketPolicy")),
        ("PUT", "/bucket?lifecycle", (400, "MalformedXML")),
        ("GET", "/bucket/missing?attributes", (404, "NoSuchKey")),
        ("PUT", "/bucket/new?legal-hold", (501, "NotImplemented")),
        ("PATCH", "/bucket/a.txt", (405, "MethodNotAllowed")),
        ("POST", "/bucket/a.txt", (405, "MethodNotAllowed")),
        ("GET", "/bucket?max-keys=x", (400, "InvalidArgument")),
        ("GET", "/bucket?max-keys=-1", (400, "InvalidArgument")),
        ("GET", "/bucket?list-type=2&continuation-token=%21", (400, "InvalidArgument")),
        ("GET", "/bucket?list-type=2&continuation-token=%C3%BC", (400, "InvalidArgument")),
    ],
)
def test_errors_have_the_codes_of_the_service(server, method, path, expected):
    assert code(call(server, method, path, data=b"x" if method in ("PUT", "POST") else None)) == expected


def test_bucket_setting_that_is_not_made_is_answered(server):
    put(server, "a.txt")
    assert call(server, "GET", "/bucket?location").text.endswith(">eu-de</LocationConstraint>")
    assert listed(call(server, "GET", "/bucket?acl"), "AccessControlList", "Grant", "Permission") == ["FULL_CONTROL"]
    grantee = ElementTree.fromstring(call(server, "GET", "/bucket/a.txt?acl").content).find(f".//{S3}Grantee")
    assert grantee is not None
    assert grantee.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}type": "CanonicalUser"}
    assert call(server, "PUT", "/bucket/a.txt?acl").status_code == 200
    assert call(server, "GET", "/bucket?versioning").status_code == 200
    assert call(server, "GET", "/bucket/a.txt?tagging").status_code == 200
    assert get(server, "a.txt").content == b"hello"


@pytest.mark.parametrize(
    "path", ["/", "/v2/x", "/v3/nothing", "/_emulator/x", "/v1.0/x", "/favicon.ico", "/nowhere/x", "/x"]
)
def test_request_for_another_service_is_not_answered(server, path):
    answer = call(server, "GET", path)
    assert answer.status_code == 404
    assert "x-amz-request-id" not in answer.headers


def test_bucket_in_the_host_name_is_recognized(server):
    host = {"Host": f"second.localhost:{server.port}"}
    assert raw(server, "PUT", "/", host)[0] == 200
    assert raw(server, "PUT", "/v2/a.txt", host, b"hello")[0] == 200
    assert (server.buckets / "second" / "v2" / "a.txt").read_bytes() == b"hello"
    assert raw(server, "GET", "/v2/a.txt", host) == (200, b"hello")
    assert b"<Key>v2/a.txt</Key>" in raw(server, "GET", "/?list-type=2", host)[1]


# Listing


def test_list_objects_returns_pages(server):
    for number in range(25):
        put(server, f"dir{number % 3}/{number:02d}.txt", b"")
    keys, token = [], ""
    while True:
        page = call(server, "GET", f"/bucket?list-type=2&max-keys=7{token}")
        keys += listed(page, "Contents", "Key")
        if listed(page, "IsTruncated") == ["false"]:
            break
        token = "&continuation-token=" + quote(listed(page, "NextContinuationToken")[0])
    assert keys == sorted(keys)
    assert len(keys) == 25
    rolled = call(server, "GET", "/bucket?delimiter=/&max-keys=2")
    assert listed(rolled, "CommonPrefixes", "Prefix") == ["dir0/", "dir1/"]
    assert listed(call(server, "GET", "/bucket?delimiter=/&marker=dir1/"), "CommonPrefixes", "Prefix") == ["dir2/"]
    assert listed(call(server, "GET", "/bucket?max-keys=0"), "IsTruncated") == ["false"]


def test_list_objects_encodes_keys_on_request(server):
    put(server, "a b&<ü>.txt")
    assert listed(call(server, "GET", "/bucket"), "Contents", "Key") == ["a b&<ü>.txt"]
    encoded = listed(call(server, "GET", "/bucket?encoding-type=url&prefix=a%20"), "Contents", "Key")
    assert encoded == ["a%20b%26%3C%C3%BC%3E.txt"]


def test_list_objects_of_a_bucket_with_a_common_prefix_is_separate(server):
    call(server, "PUT", "/bucket-two")
    call(server, "PUT", "/bucket-two/dir/")
    assert listed(call(server, "GET", "/bucket"), "Contents", "Key") == []


# Multipart


BIG = os.urandom(150_000)


def test_complete_upload_joins_the_parts(server):
    upload = begin(server, **{"Content-Type": "text/x-mine", "x-amz-meta-who": "me"})
    part(server, upload, 1, b"replaced")
    etags = [part(server, upload, number, data).headers["ETag"] for number, data in ((2, b"end"), (1, BIG))]
    assert listed(call(server, "GET", f"/bucket/big.bin?uploadId={upload}"), "Part", "PartNumber") == ["1", "2"]
    assert listed(call(server, "GET", "/bucket?uploads"), "Upload", "UploadId") == [upload]
    assert list((server.buckets / "bucket").iterdir()) == []
    answer = complete(server, upload, [(1, etags[1]), (2, etags[0])])
    digests = hashlib.md5(BIG).digest() + hashlib.md5(b"end").digest()
    assert listed(answer, "ETag") == [f'"{hashlib.md5(digests).hexdigest()}-2"']
    whole = get(server, "big.bin")
    assert whole.content == BIG + b"end"
    assert (whole.headers["Content-Type"], whole.headers["x-amz-meta-who"]) == ("text/x-mine", "me")
    assert whole.headers["ETag"] == listed(answer, "ETag")[0]
    assert list((server.folder / "uploads").iterdir()) == []


def test_complete_upload_checksum_is_that_of_the_object(server):
    upload = begin(server)
    etag = part(server, upload, 1, b"hello").headers["ETag"]
    answer = complete(server, upload, [(1, etag)], **{"x-amz-checksum-crc32": "NhCmhg=="})
    assert answer.status_code == 200, answer.text


def test_upload_part_copy_stores_a_range(server):
    put(server, "source", BIG)
    upload = begin(server)
    headers = {"x-amz-copy-source": "/bucket/source", "x-amz-copy-source-range": "bytes=10-120009"}
    copied = call(server, "PUT", f"/bucket/big.bin?partNumber=1&uploadId={upload}", headers=headers)
    complete(server, upload, [(1, listed(copied, "ETag")[0])])
    assert get(server, "big.bin").content == BIG[10:120_010]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], (400, "MalformedXML")),
        ([(3, "x")], (400, "InvalidPart")),
        ([(1, "0" * 32)], (400, "InvalidPart")),
        ([(2, "{2}"), (1, "{1}")], (400, "InvalidPartOrder")),
        ([(1, "{1}"), (1, "{1}")], (400, "InvalidPartOrder")),
        ([(1, "{1}"), (2, "{2}")], (400, "EntityTooSmall")),
        ([("x", "{1}")], (400, "MalformedXML")),
    ],
)
def test_complete_upload_that_fails_keeps_the_upload(server, parts, expected):
    upload = begin(server)
    etags = {f"{{{number}}}": part(server, upload, number, b"small").headers["ETag"] for number in (1, 2)}
    assert code(complete(server, upload, [(number, etags.get(etag, etag)) for number, etag in parts])) == expected
    assert code(get(server, "big.bin")) == (404, "NoSuchKey")
    assert complete(server, upload, [(1, etags["{1}"])]).status_code == 200


@pytest.mark.parametrize("upload", ["", "x", "../" * 3, "0" * 32, "..%2f..%2fobs"])
def test_upload_unknown_is_not_found(server, upload):
    for method, query in (("PUT", "partNumber=1&"), ("GET", ""), ("POST", ""), ("DELETE", "")):
        answer = call(
            server, method, f"/bucket/a?{query}uploadId={upload}", data=b"x" if method in ("PUT", "POST") else None
        )
        assert code(answer) == (404, "NoSuchUpload")


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", ""])
def test_upload_part_with_an_invalid_number_is_refused(server, number):
    assert code(part(server, begin(server), number, b"x")) == (400, "InvalidArgument")


def test_abort_upload_deletes_the_parts(server):
    upload = begin(server)
    part(server, upload, 1, BIG)
    assert call(server, "DELETE", f"/bucket/big.bin?uploadId={upload}").status_code == 204
    assert code(part(server, upload, 2, b"x")) == (404, "NoSuchUpload")
    assert list((server.folder / "uploads").iterdir()) == []


def test_complete_upload_twice_concurrently_succeeds_once(server):
    upload = begin(server)
    etag = part(server, upload, 1, BIG).headers["ETag"]
    both = threading.Barrier(2)

    def finish(_):
        both.wait(10)
        return complete(server, upload, [(1, etag)]).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(finish, range(2))) == [200, 404]
    assert get(server, "big.bin").content == BIG


def test_claim_of_an_upload_succeeds_once(tmp_path):
    (tmp_path / "upload").mkdir()
    claim(tmp_path / "upload")
    with pytest.raises(ApiError) as caught:
        claim(tmp_path / "upload")
    assert caught.value.error is NO_SUCH_UPLOAD


# Signed URLs and pictures


def test_own_signed_url_is_followed_until_it_expires(server):
    put(server, "a b/ü.jpg", picture())
    url = server.signer.sign(server.url, "bucket/a b/ü.jpg")
    assert requests.get(url, timeout=20).content == picture()
    assert code(requests.get(url.replace("ü", "u").replace("%C3%BC", "u"), timeout=20)) == (
        403,
        "SignatureDoesNotMatch",
    )
    server.clock.ahead_ms = 2 * 3600 * 1000
    assert code(requests.get(url, timeout=20)) == (403, "AccessDenied")


def test_get_object_processes_pictures(server):
    put(server, "a.png", picture(320, 200))
    url = server.signer.sign(server.url, "bucket/a.png", process="image/resize,m_lfit,h_50")
    answer = requests.get(url, timeout=20)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.content[16:24] == (80).to_bytes(4, "big") + (50).to_bytes(4, "big")
    assert code(requests.get(url.replace("h_50", "h_60"), timeout=20)) == (403, "SignatureDoesNotMatch")
    put(server, "text.png", b"no picture")
    assert code(get(server, "text.png", "?x-image-process=image/resize,h_50")) == (400, "InvalidArgument")
    assert code(get(server, "a.png", "?x-image-process=nonsense")) == (400, "InvalidArgument")


def test_get_object_processes_a_changed_picture_again(server):
    put(server, "a.png", picture(320, 200))
    first = get(server, "a.png", "?x-image-process=image/resize,h_50").content
    put(server, "a.png", picture(320, 200, (0, 0, 255)))
    assert get(server, "a.png", "?x-image-process=image/resize,h_50").content != first


def test_get_object_while_the_picture_budget_is_used_up_answers_503(server):
    put(server, "a.png", picture(320, 200))
    with server.gate.admit(server.gate.budget_bytes):
        answer = get(server, "a.png", "?x-image-process=image/resize,h_50")
        assert code(answer) == (503, "ServiceUnavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        head = call(server, "HEAD", "/bucket/a.png?x-image-process=image/resize,h_50")
        assert (head.status_code, head.headers["x-obs-error-code"]) == (503, "ServiceUnavailable")
        assert get(server, "a.png").content == picture(320, 200)
        assert get(server, "a.png", "?x-image-process=image/info").status_code == 200
    assert get(server, "a.png", "?x-image-process=image/resize,h_50").status_code == 200


def test_get_object_small_picture_padded_to_a_large_one_is_refused(server):
    put(server, "a.png", picture(8, 8))
    answer = get(server, "a.png", "?x-image-process=image/resize,m_pad,w_10000,h_10000")
    assert code(answer) == (400, "InvalidArgument")
    answer = get(server, "a.png", "?x-image-process=image/resize,m_pad,w_9999,h_9999")
    assert code(answer) == (400, "InvalidArgument")
    assert server.gate.peak_bytes == 0


# Strict


def test_strict_mode_requires_a_signature_or_a_token(start):
    strict = start(strict=True)
    strict.tree.create_bucket("bucket")
    (strict.buckets / "bucket" / "a.txt").write_bytes(b"hello")
    assert code(get(strict, "a.txt")) == (403, "AccessDenied")
    assert code(call(strict, "PUT", "/other")) == (403, "AccessDenied")
    assert call(strict, "HEAD", "/bucket/a.txt").headers["x-obs-error-code"] == "AccessDenied"
    assert not strict.tree.has_bucket("other")
    assert requests.get(strict.signer.sign(strict.url, "bucket/a.txt"), timeout=20).content == b"hello"
    body = {"methods": ["password"], "password": {"user": {"name": "alice", "password": "pw-a"}}}
    token = call(strict, "POST", "/v3/auth/tokens", json={"auth": {"identity": body}}).headers["X-Subject-Token"]
    assert get(strict, "a.txt", **{"X-Auth-Token": token}).content == b"hello"


def test_put_object_concurrently_keeps_objects_apart(server):
    def round_trip(number):
        data = str(number).encode() * 1000
        put(server, f"many/{number}.txt", data)
        return get(server, f"many/{number}.txt").content == data

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(round_trip, range(100)))
    assert len(listed(call(server, "GET", "/bucket?prefix=many/"), "Contents", "Key")) == 100


def test_put_object_of_unknown_length_is_stored(server):
    answer = call(server, "PUT", "/bucket/streamed", data=iter([b"hello", b" ", b"world"]))
    assert answer.status_code == 200
    assert get(server, "streamed").content == b"hello world"


@pytest.mark.parametrize(
    "query",
    [
        "marker=%FF",
        "prefix=%FF",
        "delimiter=%C3",
        "list-type=2&start-after=%FF",
        "versions&key-marker=%FF",
        "uploads&key-marker=%FF",
        "uploads&upload-id-marker=%FF",
        "encoding-type=%FF",
        "%FF=1",
    ],
)
def test_list_objects_with_a_parameter_not_in_utf_8_is_refused(server, query):
    status, body = raw(server, "GET", f"/bucket?{query}")
    assert status == 400
    assert b"<Code>InvalidArgument</Code>" in body


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_object_in_a_read_only_bucket_answers_403(server, monkeypatch, number):
    put(server, "in/a.txt", b"old")

    def refuse(self, *arguments, **options):
        raise OSError(number, os.strerror(number))

    for name in ("new_file", "unlink", "mkdir"):
        monkeypatch.setattr(open_folder.open_root.__self__, name, refuse)
    for method, key in (("PUT", "in/a.txt"), ("PUT", "in/b.txt"), ("DELETE", "in/a.txt"), ("PUT", "new/a.txt")):
        answer = call(server, method, f"/bucket/{key}", data=b"new")
        assert code(answer) == (403, "AccessDenied"), (method, key)
    assert call(server, "PUT", "/new-bucket").status_code == 403
    assert get(server, "in/a.txt").content == b"old"


def test_object_without_a_free_descriptor_answers_503(server, monkeypatch):
    put(server, "a.txt", b"old")

    def refuse(self, *arguments, **options):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(open_folder.open_root.__self__, "new_file", refuse)
    answer = call(server, "PUT", "/bucket/a.txt", data=b"new")
    assert code(answer) == (503, "ServiceUnavailable")
    assert answer.headers["Retry-After"] == "1"
    assert get(server, "a.txt").content == b"old"
