"""boto3 as it comes from PyPI, against a running emulator."""

import io
import os

import boto3
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.helpers.cloud import unique_name

KEYS = ["plain.txt", "a b/ü+%41.txt", "tilde~/(x)!*'.txt", "semi;colon&and=eq?q#h", "weiß/日本語 😀.jpg"]


@pytest.fixture(params=["s3v4", "s3"])
def s3(request, url):
    settings = Config(signature_version=request.param, retries={"total_max_attempts": 1})
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="AKA",
        aws_secret_access_key="sk-a",
        region_name="eu-de",
        config=settings,
    )
    yield client
    client.close()


@pytest.fixture
def own(s3):
    """A bucket of the test's own, gone afterwards."""
    name = unique_name()
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-de"})
    yield name
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
    for page in pages:
        if "Contents" in page:
            keys = [{"Key": found["Key"]} for found in page["Contents"]]
            assert "Errors" not in s3.delete_objects(Bucket=name, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=name)


def test_boto3_buckets(s3, own):
    assert own in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=own)["LocationConstraint"] == "eu-de"
    s3.head_bucket(Bucket=own)
    s3.put_object(Bucket=own, Key="a.txt", Body=b"x")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=own)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket=own + "-missing")


def test_boto3_versions_of_a_bucket_are_listed_and_deleted_as_by_teardown_code(s3, own):
    for key in KEYS:
        s3.put_object(Bucket=own, Key=key, Body=b"x")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=own, PaginationConfig={"PageSize": 2})
    versions = [version for page in pages for version in page["Versions"]]
    assert [(each["Key"], each["VersionId"], each["IsLatest"], each["Size"]) for each in versions] == [
        (key, "null", True, 1) for key in sorted(KEYS, key=str.encode)
    ]
    first, *others = versions
    s3.delete_object(Bucket=own, Key=first["Key"], VersionId=first["VersionId"])
    objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in others]
    assert "Errors" not in s3.delete_objects(Bucket=own, Delete={"Objects": objects})
    assert "Versions" not in s3.list_object_versions(Bucket=own)


def test_boto3_attributes_of_an_object_are_those_asked_for(s3, own):
    etag = s3.put_object(Bucket=own, Key="a.txt", Body=b"hello")["ETag"]
    ask = {"Bucket": own, "Key": "a.txt"}
    found = s3.get_object_attributes(**ask, ObjectAttributes=["ETag", "ObjectSize", "StorageClass", "Checksum"])
    assert (found["ETag"], found["ObjectSize"], found["StorageClass"]) == (etag.strip('"'), 5, "STANDARD")
    assert "ETag" not in s3.get_object_attributes(**ask, ObjectAttributes=["ObjectSize"])
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.get_object_attributes(**ask, ObjectAttributes=["Colour"])


@pytest.mark.parametrize("key", KEYS)
def test_boto3_object_is_uploaded_and_downloaded(s3, own, key):
    etag = s3.put_object(Bucket=own, Key=key, Body=b"hello", ContentType="text/x-mine", Metadata={"who": "me"})["ETag"]
    found = s3.get_object(Bucket=own, Key=key)
    assert found["Body"].read() == b"hello"
    assert (found["ETag"], found["ContentType"], found["Metadata"]) == (etag, "text/x-mine", {"who": "me"})
    head = s3.head_object(Bucket=own, Key=key)
    assert (head["ContentLength"], head["LastModified"]) == (5, found["LastModified"])
    assert s3.get_object(Bucket=own, Key=key, Range="bytes=1-3")["Body"].read() == b"ell"
    s3.copy_object(Bucket=own, Key="copy/" + key, CopySource={"Bucket": own, "Key": key})
    assert s3.get_object(Bucket=own, Key="copy/" + key)["Body"].read() == b"hello"
    s3.delete_object(Bucket=own, Key=key)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=own, Key=key)


@pytest.mark.parametrize("key", KEYS)
def test_boto3_presigned_urls_are_followed(s3, own, key):
    place = {"Bucket": own, "Key": key}
    upload = s3.generate_presigned_url("put_object", Params=place)
    assert requests.put(upload, data=b"hello", timeout=20).status_code == 200
    download = s3.generate_presigned_url("get_object", Params={**place, "ResponseContentType": "text/x-other"})
    answer = requests.get(download, timeout=20)
    assert (answer.content, answer.headers["Content-Type"]) == (b"hello", "text/x-other")


def test_boto3_empty_object_and_directory(s3, own):
    s3.put_object(Bucket=own, Key="empty", Body=b"")
    s3.put_object(Bucket=own, Key="dir/")
    found = s3.list_objects_v2(Bucket=own, Delimiter="/")
    assert [item["Key"] for item in found["Contents"]] == ["empty"]
    assert found["CommonPrefixes"] == [{"Prefix": "dir/"}]


def test_boto3_file_is_uploaded_over_an_empty_object(s3, own):
    """On one connection: boto3 asks, for every file, whether to go on, and is confused for ever by no answer."""
    for key in ("empty", "file", "empty", "file"):
        s3.put_object(Bucket=own, Key=key, Body=io.BytesIO(b"hello" if key == "file" else b""))
    assert s3.get_object(Bucket=own, Key="file")["Body"].read() == b"hello"


def test_boto3_large_file_is_uploaded_in_parts(s3, own):
    data = os.urandom(11 << 20)
    settings = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(data), own, "large.bin", Config=settings, ExtraArgs={"Metadata": {"who": "me"}})
    head = s3.head_object(Bucket=own, Key="large.bin")
    assert head["ETag"].endswith('-3"')
    assert head["Metadata"] == {"who": "me"}
    out = io.BytesIO()
    s3.download_fileobj(own, "large.bin", out, Config=settings)
    assert out.getvalue() == data


def test_boto3_lists_2500_keys_in_pages(s3, full_bucket):
    name, expected = full_bucket
    for operation in ("list_objects", "list_objects_v2"):
        pages = list(s3.get_paginator(operation).paginate(Bucket=name))
        assert [len(page["Contents"]) for page in pages] == [1000, 1000, 500]
        assert [item["Key"] for page in pages for item in page["Contents"]] == expected
    rolled = s3.list_objects_v2(Bucket=name, Delimiter="/")
    assert [prefix["Prefix"] for prefix in rolled["CommonPrefixes"]] == ["0/", "1/", "2/", "3/", "4/"]
