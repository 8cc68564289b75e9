"""esdk-obs-python, OBS's own client, as it comes from PyPI, against a running emulator."""

import io
import os
import socket
import warnings
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client warns of its own use of Python
    from obs import (
        CompleteMultipartUploadRequest,
        CompletePart,
        DeleteObjectsRequest,
        GetObjectRequest,
        Object,
        ObsClient,
        PutObjectHeader,
    )

from tests.helpers.cloud import unique_name
from tests.helpers.pictures import picture

KEYS = ["plain.txt", "a b/ü+%41.txt", "tilde~/(x)!*'.txt", "semi;colon&and=eq?q#h", "weiß/日本語 😀.jpg"]


pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def ok(answer):
    assert answer.status < 300, (answer.status, answer.errorCode, answer.errorMessage)
    return answer


@pytest.fixture(params=["path", "host"])
def obs(request, url, monkeypatch):
    """The client with its default signature, naming buckets in the path or in the host name."""
    if request.param == "host":
        _resolve_localhost(monkeypatch)
        url = f"http://localhost:{urlsplit(url).port}"
    client = ObsClient(
        access_key_id="AKA", secret_access_key="sk-a", server=url, path_style=request.param == "path", max_retry_count=0
    )
    yield client
    client.close()


def _resolve_localhost(monkeypatch):
    """Not every machine resolves ``bucket.localhost``, which is its own address by definition."""
    original = socket.getaddrinfo

    def resolve(host, *arguments, **options):
        return original("127.0.0.1" if str(host).endswith("localhost") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.fixture
def own(obs):
    """A bucket of the test's own, gone afterwards."""
    name = unique_name()
    ok(obs.createBucket(name))
    yield name
    for found in ok(obs.listObjects(name)).body.contents:
        ok(obs.deleteObject(name, found.key))
    ok(obs.deleteBucket(name))


def test_esdk_buckets(obs, own):
    assert own in [bucket.name for bucket in ok(obs.listBuckets()).body.buckets]
    assert ok(obs.getBucketLocation(own)).body.location == "eu-de"
    ok(obs.headBucket(own))
    assert obs.headBucket(own + "-missing").status == 404


@pytest.mark.parametrize("key", KEYS)
def test_esdk_object_is_uploaded_and_downloaded(obs, own, key):
    headers = PutObjectHeader(contentType="text/x-mine")
    etag = ok(obs.putContent(own, key, content="hello", metadata={"who": "me"}, headers=headers)).body.etag
    found = ok(obs.getObject(own, key, loadStreamInMemory=True)).body
    assert (found.buffer, found.etag, found.contentType) == (b"hello", etag, "text/x-mine")
    assert ("who", "me") in ok(obs.getObjectMetadata(own, key)).header
    ok(obs.copyObject(own, key, own, "copy/" + key))
    assert ok(obs.getObject(own, "copy/" + key, loadStreamInMemory=True)).body.buffer == b"hello"
    missing = obs.getObject(own, key + ".missing", loadStreamInMemory=True)
    assert (missing.status, missing.errorCode) == (404, "NoSuchKey")


@pytest.mark.parametrize("key", KEYS)
def test_esdk_signed_urls_are_followed(obs, own, key):
    upload = obs.createSignedUrl("PUT", own, key, expires=60)
    assert (
        requests.put(upload.signedUrl, b"hello", headers=upload.actualSignedRequestHeaders, timeout=20).status_code
        == 200
    )
    download = obs.createSignedUrl("GET", own, key, expires=60)
    assert requests.get(download.signedUrl, headers=download.actualSignedRequestHeaders, timeout=20).content == b"hello"


def test_esdk_file_is_uploaded_in_parts(obs, own, tmp_path):
    data = os.urandom(700_000)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    ok(obs.putFile(own, "whole.bin", str(source)))
    ok(obs.uploadFile(own, "parts.bin", str(source), partSize=200 * 1024, taskNum=2))
    ok(obs.downloadFile(own, "parts.bin", str(target), partSize=150 * 1024, taskNum=2))
    assert target.read_bytes() == data
    assert ok(obs.getObject(own, "whole.bin", loadStreamInMemory=True)).body.buffer == data
    assert ok(obs.getBucketStorageInfo(own)).body.size == 2 * len(data)


def test_esdk_upload_step_by_step(obs, own):
    upload = ok(obs.initiateMultipartUpload(own, "steps")).body.uploadId
    first = ok(obs.uploadPart(own, "steps", 1, upload, content="x" * 102_400)).body.etag
    last = ok(obs.uploadPart(own, "steps", 2, upload, content="end")).body.etag
    assert [part.partNumber for part in ok(obs.listParts(own, "steps", upload)).body.parts] == [1, 2]
    assert [each.key for each in ok(obs.listMultipartUploads(own)).body.upload] == ["steps"]
    parts = CompleteMultipartUploadRequest([CompletePart(1, first), CompletePart(2, last)])
    ok(obs.completeMultipartUpload(own, "steps", upload, parts))
    assert ok(obs.getObject(own, "steps", loadStreamInMemory=True)).body.buffer == b"x" * 102_400 + b"end"
    other = ok(obs.initiateMultipartUpload(own, "other")).body.uploadId
    ok(obs.abortMultipartUpload(own, "other", other))
    assert ok(obs.listMultipartUploads(own)).body.upload == []


def test_esdk_lists_and_deletes_many(obs, own):
    for number in range(25):
        ok(obs.putContent(own, f"{number % 2}/{number:02d}", content=""))
    keys, marker = [], None
    while True:
        page = ok(obs.listObjects(own, max_keys=10, marker=marker)).body
        keys += [found.key for found in page.contents]
        if not page.is_truncated:
            break
        marker = page.next_marker
    assert keys == sorted(f"{number % 2}/{number:02d}" for number in range(25))
    assert [prefix.prefix for prefix in ok(obs.listObjects(own, delimiter="/")).body.commonPrefixs] == ["0/", "1/"]
    request = DeleteObjectsRequest(quiet=False, objects=[Object(key) for key in keys])
    assert len(ok(obs.deleteObjects(own, request)).body.deleted) == 25


def test_esdk_lists_2500_keys_in_pages(obs, full_bucket):
    name, expected = full_bucket
    sizes, keys, marker = [], [], None
    while True:
        page = ok(obs.listObjects(name, marker=marker)).body
        sizes.append(len(page.contents))
        keys += [found.key for found in page.contents]
        if not page.is_truncated:
            break
        marker = page.next_marker
    assert (sizes, keys) == ([1000, 1000, 500], expected)


def test_esdk_processes_pictures(obs, own):
    ok(obs.putContent(own, "a.png", content=picture(40, 30)))
    wanted = GetObjectRequest(imageProcess="image/resize,m_lfit,h_15")
    found = ok(obs.getObject(own, "a.png", getObjectRequest=wanted, loadStreamInMemory=True)).body.buffer
    with Image.open(io.BytesIO(found)) as resized:
        assert resized.size == (20, 15)
    parameters = {"x-image-process": "image/info"}
    signed = obs.createSignedUrl("GET", own, "a.png", expires=60, queryParams=parameters)
    answer = requests.get(signed.signedUrl, headers=signed.actualSignedRequestHeaders, timeout=20)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"format": "PNG", "height": 30, "size": len(picture(40, 30)), "width": 40}


def test_esdk_directory(obs, own):
    ok(obs.putContent(own, "dir/", content=None))
    assert ok(obs.headObject(own, "dir/")).status == 200
    assert [found.key for found in ok(obs.listObjects(own)).body.contents] == ["dir/"]
