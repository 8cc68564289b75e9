"""Conditional requests: copy, read, write and complete only if an object has, or has not, an ETag."""

from email.utils import formatdate

import pytest

from tests.helpers.object_calls import begin, call, code, complete, get, listed, part, put

YESTERDAY, TOMORROW = formatdate(1_000_000_000, usegmt=True), formatdate(4_000_000_000, usegmt=True)
OTHER = '"00000000000000000000000000000000"'


@pytest.mark.parametrize("dialect", ["x-amz-", "x-obs-"])
@pytest.mark.parametrize(
    ("condition", "value", "met"),
    [
        ("if-match", "own", True),
        ("if-match", OTHER, False),
        ("if-none-match", OTHER, True),
        ("if-none-match", "own", False),
        ("if-modified-since", YESTERDAY, True),
        ("if-modified-since", TOMORROW, False),
        ("if-unmodified-since", TOMORROW, True),
        ("if-unmodified-since", YESTERDAY, False),
    ],
)
def test_copy_object_checks_conditions_on_the_source(server, dialect, condition, value, met):
    etag = put(server, "source", b"copied").headers["ETag"]
    put(server, "target", b"before")
    headers = {
        dialect + "copy-source": "/bucket/source",
        f"{dialect}copy-source-{condition}": etag if value == "own" else value,
    }
    upload = begin(server, "big")
    for path in ("target", f"big?partNumber=1&uploadId={upload}"):
        answer = call(server, "PUT", f"/bucket/{path}", headers=headers)
        assert answer.status_code == 200 if met else code(answer) == (412, "PreconditionFailed")
    assert get(server, "target").content == (b"copied" if met else b"before")


def test_get_object_if_range_resumes_only_the_same_object(server):
    answer = put(server, "a.txt", b"hello")
    etag, date = answer.headers["ETag"], get(server, "a.txt").headers["Last-Modified"]
    for same, status, content in ((etag, 206, b"llo"), (date, 206, b"llo"), (OTHER, 200, b"hello")):
        answer = get(server, "a.txt", Range="bytes=2-", **{"If-Range": same})
        assert (answer.status_code, answer.content) == (status, content)
    assert get(server, "a.txt", Range="bytes=2-", **{"If-Range": YESTERDAY}).status_code == 200


def test_complete_upload_checks_conditions(server):
    put(server, "big.bin", b"before")
    upload = begin(server)
    etag = part(server, upload, 1, b"after").headers["ETag"]
    for condition in ({"If-None-Match": "*"}, {"If-Match": OTHER}):
        assert code(complete(server, upload, [(1, etag)], **condition)) == (412, "PreconditionFailed")
        assert get(server, "big.bin").content == b"before"
    known = get(server, "big.bin").headers["ETag"]
    assert complete(server, upload, [(1, etag)], **{"If-Match": known}).status_code == 200
    assert get(server, "big.bin").content == b"after"


def test_put_object_if_none_match_accepts_only_a_wildcard(server):
    answer = call(server, "PUT", "/bucket/a.txt", data=b"x", headers={"If-None-Match": OTHER})
    assert code(answer) == (501, "NotImplemented")
    assert code(get(server, "a.txt")) == (404, "NoSuchKey")


# Directories are objects like others


def test_directory_supports_conditions_and_ranges(server):
    etag = put(server, "dir/", b"").headers["ETag"]
    assert get(server, "dir/", **{"If-None-Match": etag}).status_code == 304
    assert code(get(server, "dir/", **{"If-Match": OTHER})) == (412, "PreconditionFailed")
    assert code(get(server, "dir/", Range="bytes=0-")) == (416, "InvalidRange")
    again = call(server, "PUT", "/bucket/dir/", headers={"If-None-Match": "*"})
    assert code(again) == (412, "PreconditionFailed")
    assert get(server, "dir/", "?acl").status_code == 200


def test_directory_keeps_its_content_type(server):
    put(server, "dir/", b"", **{"Content-Type": "application/x-mine"})
    assert get(server, "dir/").headers["Content-Type"] == "application/x-mine"
    put(server, "other/", b"")
    assert get(server, "other/").headers["Content-Type"] == "application/x-directory"


def test_folder_not_put_as_an_object_is_not_found(server):
    put(server, "dir/a.txt")
    assert code(get(server, "dir/")) == (404, "NoSuchKey")
    copied = call(server, "PUT", "/bucket/new/", headers={"x-amz-copy-source": "/bucket/dir/"})
    assert code(copied) == (404, "NoSuchKey")
    assert not (server.buckets / "bucket" / "new").exists()


def test_copy_object_copies_directories(server):
    put(server, "dir/", b"", **{"x-amz-meta-who": "me"})
    put(server, "full", b"bytes")
    for target in ("dir2/", "file"):
        assert (
            call(server, "PUT", f"/bucket/{target}", headers={"x-amz-copy-source": "/bucket/dir/"}).status_code == 200
        )
        assert get(server, target).headers["x-amz-meta-who"] == "me"
    assert (server.buckets / "bucket" / "dir2").is_dir()
    assert (server.buckets / "bucket" / "file").is_file()
    refused = call(server, "PUT", "/bucket/dir3/", headers={"x-amz-copy-source": "/bucket/full"})
    assert code(refused) == (400, "InvalidRequest")
    assert "dir3/" not in listed(call(server, "GET", "/bucket"), "Contents", "Key")
