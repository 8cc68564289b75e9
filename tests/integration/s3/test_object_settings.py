"""Versions, tags, storage classes, parts and checksums of objects, and settings of buckets: boto3 and raw requests."""

import base64

import boto3
import pytest
import requests
from awscrt import checksums
from botocore.config import Config
from botocore.exceptions import ClientError

CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["https://example.com"]}]}
LIFECYCLE = {"Rules": [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 3}}]}
UNKNOWN_VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"
MIB = 1 << 20


@pytest.fixture
def s3(server):
    """A client of S3 on a server with an object ``a.txt`` in the bucket ``bucket``."""
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id="AKA",
        aws_secret_access_key="sk-a",
        region_name="eu-de",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    client.put_object(Bucket="bucket", Key="a.txt", Body=b"hello")
    yield client
    client.close()


def refusal(function, **arguments):
    with pytest.raises(ClientError) as caught:
        function(Bucket="bucket", **arguments)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


def content(s3, key="a.txt"):
    return s3.get_object(Bucket="bucket", Key=key)["Body"].read()


def send(server, method, path, body=b"", **headers):
    return requests.request(method, f"{server.url}{path}", data=body, headers=headers, timeout=20)


# Versions


@pytest.mark.parametrize(
    ("version", "expected"),
    [(UNKNOWN_VERSION, (404, "NoSuchVersion")), ("1", (400, "InvalidArgument")), ("NULL", (400, "InvalidArgument"))],
)
@pytest.mark.parametrize(
    "name", ["get_object", "delete_object", "get_object_tagging", "delete_object_tagging", "get_object_acl"]
)
def test_another_version_than_null_is_refused_and_nothing_changes(s3, name, version, expected):
    assert refusal(getattr(s3, name), Key="a.txt", VersionId=version) == expected
    assert content(s3) == b"hello"


def test_head_of_another_version_is_not_found(s3):
    assert refusal(s3.head_object, Key="a.txt", VersionId=UNKNOWN_VERSION)[0] == 404


def test_empty_version_is_refused(server, s3):
    assert send(server, "DELETE", "/bucket/a.txt?versionId=").status_code == 400
    assert send(server, "GET", "/bucket/a.txt?versionId").status_code == 400
    assert content(s3) == b"hello"


def test_copy_of_another_version_is_refused(s3):
    source = {"Bucket": "bucket", "Key": "a.txt", "VersionId": UNKNOWN_VERSION}
    assert refusal(s3.copy_object, Key="b.txt", CopySource=source) == (404, "NoSuchVersion")
    s3.copy_object(Bucket="bucket", Key="b.txt", CopySource={**source, "VersionId": "null"})
    assert content(s3, "b.txt") == b"hello"


def test_multi_delete_judges_each_version(s3):
    s3.put_object(Bucket="bucket", Key="b.txt", Body=b"b")
    objects = [{"Key": "a.txt", "VersionId": UNKNOWN_VERSION}, {"Key": "b.txt", "VersionId": "null"}]
    answer = s3.delete_objects(Bucket="bucket", Delete={"Objects": objects})
    assert [(each["Key"], each["VersionId"]) for each in answer["Deleted"]] == [("b.txt", "null")]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("a.txt", "NoSuchVersion")]
    assert content(s3) == b"hello"


def test_version_null_is_the_object(s3):
    assert s3.get_object(Bucket="bucket", Key="a.txt", VersionId="null")["Body"].read() == b"hello"
    assert s3.delete_object(Bucket="bucket", Key="a.txt", VersionId="null")["VersionId"] == "null"
    assert refusal(s3.get_object, Key="a.txt") == (404, "NoSuchKey")


# Tags


def test_tags_of_an_upload_are_kept(s3):
    s3.put_object(Bucket="bucket", Key="a.txt", Body=b"x", Tagging="team=red%20one&empty=")
    tags = s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"]
    assert tags == [{"Key": "team", "Value": "red one"}, {"Key": "empty", "Value": ""}]
    assert s3.head_object(Bucket="bucket", Key="a.txt")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"


def test_tags_are_replaced_and_deleted(s3):
    before = s3.head_object(Bucket="bucket", Key="a.txt")
    tags = [{"Key": "größe", "Value": "a&b=c"}]
    s3.put_object_tagging(Bucket="bucket", Key="a.txt", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"] == tags
    s3.delete_object_tagging(Bucket="bucket", Key="a.txt")
    assert s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"] == []
    after = s3.head_object(Bucket="bucket", Key="a.txt")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([("a", "1"), ("a", "2")], (400, "InvalidTag")),
        ([("k" * 129, "")], (400, "InvalidTag")),
        ([("", "v")], (400, "InvalidTag")),
        ([("k", "v" * 257)], (400, "InvalidTag")),
        ([(f"k{number}", "") for number in range(11)], (400, "BadRequest")),
    ],
)
def test_invalid_tags_are_refused_and_nothing_changes(s3, tags, expected):
    s3.put_object_tagging(Bucket="bucket", Key="a.txt", Tagging={"TagSet": [{"Key": "old", "Value": "1"}]})
    rows = [{"Key": key, "Value": value} for key, value in tags]
    if len(tags[0][0]):  # boto3 checks the least length by itself
        assert refusal(s3.put_object_tagging, Key="a.txt", Tagging={"TagSet": rows}) == expected
    text = "&".join(f"{key}={value}" for key, value in tags)
    assert refusal(s3.put_object, Key="a.txt", Body=b"new", Tagging=text) == expected
    assert s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"] == [{"Key": "old", "Value": "1"}]
    assert content(s3) == b"hello"


def test_ten_tags_of_the_longest_texts_are_kept(s3):
    tags = [{"Key": f"{number}" + "k" * 127, "Value": "v" * 256} for number in range(10)]
    s3.put_object_tagging(Bucket="bucket", Key="a.txt", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"] == tags


@pytest.mark.parametrize("text", ["novalue", "a=%ff", "a=1&&b"])
def test_malformed_tagging_header_is_refused(s3, text):
    assert refusal(s3.put_object, Key="a.txt", Body=b"new", Tagging=text) == (400, "InvalidArgument")


def test_copy_keeps_tags_unless_they_are_replaced(s3):
    s3.put_object(Bucket="bucket", Key="a.txt", Body=b"x", Tagging="a=1", Metadata={"who": "me"})
    s3.copy_object(Bucket="bucket", Key="b.txt", CopySource="bucket/a.txt")
    s3.copy_object(Bucket="bucket", Key="c.txt", CopySource="bucket/a.txt", Tagging="c=3", TaggingDirective="REPLACE")
    assert s3.get_object_tagging(Bucket="bucket", Key="b.txt")["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert s3.get_object_tagging(Bucket="bucket", Key="c.txt")["TagSet"] == [{"Key": "c", "Value": "3"}]
    assert s3.head_object(Bucket="bucket", Key="c.txt")["Metadata"] == {"who": "me"}


def test_setting_of_a_missing_object_is_not_found(s3):
    tags = {"TagSet": []}
    assert refusal(s3.put_object_tagging, Key="missing", Tagging=tags) == (404, "NoSuchKey")
    assert refusal(s3.delete_object_tagging, Key="missing") == (404, "NoSuchKey")
    assert refusal(s3.put_object_acl, Key="missing", ACL="private") == (404, "NoSuchKey")


def test_overwritten_object_has_no_tags(s3):
    s3.put_object(Bucket="bucket", Key="a.txt", Body=b"x", Tagging="a=1")
    s3.put_object(Bucket="bucket", Key="a.txt", Body=b"y")
    assert s3.get_object_tagging(Bucket="bucket", Key="a.txt")["TagSet"] == []


# Storage class


def test_storage_class_is_kept_and_listed(s3):
    s3.put_object(Bucket="bucket", Key="b.txt", Body=b"x", StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket="bucket", Key="b.txt")["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3.head_object(Bucket="bucket", Key="a.txt")
    listed = {each["Key"]: each["StorageClass"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]}
    assert listed == {"a.txt": "STANDARD", "b.txt": "STANDARD_IA"}
    found = s3.get_object_attributes(Bucket="bucket", Key="b.txt", ObjectAttributes=["StorageClass"])
    assert found["StorageClass"] == "STANDARD_IA"


def test_copy_changes_the_storage_class_of_an_object(s3):
    s3.put_object(Bucket="bucket", Key="a.txt", Body=b"hello", Metadata={"who": "me"})
    s3.copy_object(Bucket="bucket", Key="a.txt", CopySource="bucket/a.txt", StorageClass="GLACIER")
    found = s3.head_object(Bucket="bucket", Key="a.txt")
    assert (found["StorageClass"], found["Metadata"]) == ("GLACIER", {"who": "me"})
    s3.copy_object(Bucket="bucket", Key="b.txt", CopySource="bucket/a.txt")
    assert "StorageClass" not in s3.head_object(Bucket="bucket", Key="b.txt")


def test_unknown_storage_class_is_refused_and_nothing_changes(s3):
    assert refusal(s3.put_object, Key="a.txt", Body=b"new", StorageClass="CHEAP") == (400, "InvalidStorageClass")
    assert refusal(s3.create_multipart_upload, Key="a.txt", StorageClass="CHEAP") == (400, "InvalidStorageClass")
    assert content(s3) == b"hello"


def test_storage_class_of_obs_has_its_header(server):
    assert send(server, "PUT", "/bucket/b.txt", b"x", **{"x-obs-storage-class": "WARM"}).status_code == 200
    answer = send(server, "HEAD", "/bucket/b.txt", **{"x-obs-date": "now"})
    assert answer.headers["x-obs-storage-class"] == "WARM"


# Parts


@pytest.fixture
def parted(s3):
    """The key of an object of two parts, 5 MiB and 3 bytes, with a class and a tag."""
    begun = s3.create_multipart_upload(Bucket="bucket", Key="big", StorageClass="GLACIER", Tagging="a=1")
    upload = {"Bucket": "bucket", "Key": "big", "UploadId": begun["UploadId"]}
    assert s3.list_multipart_uploads(Bucket="bucket")["Uploads"][0]["StorageClass"] == "GLACIER"
    parts = []
    for number, body in enumerate([b"a" * (5 * MIB), b"end"], 1):
        part = s3.upload_part(**upload, PartNumber=number, Body=body)
        parts.append({"ETag": part["ETag"], "PartNumber": number})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    return "big"


def test_part_is_read_by_its_number(s3, parted):
    answer = s3.get_object(Bucket="bucket", Key=parted, PartNumber=2)
    assert answer["Body"].read() == b"end"
    assert (answer["PartsCount"], answer["ContentRange"]) == (2, f"bytes {5 * MIB}-{5 * MIB + 2}/{5 * MIB + 3}")
    assert s3.head_object(Bucket="bucket", Key=parted, PartNumber=1)["ContentLength"] == 5 * MIB
    found = s3.head_object(Bucket="bucket", Key=parted)
    assert (found["StorageClass"], "PartsCount" in found) == ("GLACIER", False)
    assert s3.get_object_tagging(Bucket="bucket", Key=parted)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_part_that_does_not_exist_is_refused(server, s3, parted):
    assert refusal(s3.get_object, Key=parted, PartNumber=3) == (416, "InvalidPartNumber")
    assert refusal(s3.get_object, Key="a.txt", PartNumber=2) == (416, "InvalidPartNumber")
    assert refusal(s3.get_object, Key=parted, PartNumber=1, Range="bytes=0-1") == (400, "InvalidRequest")
    for number in ("0", "10001", "x", "", "9" * 30):
        assert send(server, "GET", f"/bucket/{parted}?partNumber={number}").status_code == 400


def test_object_written_at_once_is_its_own_only_part(s3):
    answer = s3.get_object(Bucket="bucket", Key="a.txt", PartNumber=1)
    assert (answer["Body"].read(), "PartsCount" in answer) == (b"hello", False)


def test_attributes_list_the_parts(s3, parted):
    found = s3.get_object_attributes(Bucket="bucket", Key=parted, ObjectAttributes=["ObjectParts"], MaxParts=1)
    parts = found["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"], parts["NextPartNumberMarker"]) == (2, True, 1)
    assert [(each["PartNumber"], each["Size"]) for each in parts["Parts"]] == [(1, 5 * MIB)]


def test_overwritten_or_copied_object_has_no_parts(s3, parted):
    s3.copy_object(Bucket="bucket", Key="copy", CopySource=f"bucket/{parted}")
    s3.put_object(Bucket="bucket", Key=parted, Body=b"small")
    for key in ("copy", parted):
        assert refusal(s3.get_object, Key=key, PartNumber=2) == (416, "InvalidPartNumber")


# Checksums


def crc(name, body):
    size = {"crc32": 4, "crc32c": 4, "crc64nvme": 8}[name]
    return base64.b64encode(getattr(checksums, name)(body).to_bytes(size, "big")).decode()


def test_checksums_match_their_published_examples():
    assert crc("crc32c", b"123456789") == base64.b64encode(bytes.fromhex("e3069283")).decode()
    assert crc("crc64nvme", b"123456789") == base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()


@pytest.mark.parametrize("name", ["crc32", "crc32c", "crc64nvme"])
def test_right_checksum_is_kept_and_answered(server, s3, name):
    header = f"x-amz-checksum-{name}"
    given = crc(name, b"new")
    assert send(server, "PUT", "/bucket/a.txt", b"new", **{header: given}).headers[header] == given
    assert send(server, "GET", "/bucket/a.txt", **{"x-amz-checksum-mode": "ENABLED"}).headers[header] == given
    assert header not in send(server, "GET", "/bucket/a.txt").headers
    part = send(server, "GET", "/bucket/a.txt", **{"x-amz-checksum-mode": "ENABLED", "Range": "bytes=0-1"})
    assert (part.content, header in part.headers) == (b"ne", False)
    found = s3.get_object_attributes(Bucket="bucket", Key="a.txt", ObjectAttributes=["Checksum"])["Checksum"]
    assert found[f"Checksum{name.upper()}"] == given


@pytest.mark.parametrize("name", ["crc32c", "crc64nvme"])
def test_wrong_checksum_changes_nothing(server, s3, name):
    header = f"x-amz-checksum-{name}"
    assert send(server, "PUT", "/bucket/a.txt", b"new", **{header: crc(name, b"old")}).status_code == 400
    assert send(server, "PUT", "/bucket/a.txt", b"new", **{header: "AAAA"}).status_code == 400
    body = f"3\r\nnew\r\n0\r\n{header}:{crc(name, b'old')}\r\n\r\n".encode()
    trailer = {"Content-Encoding": "aws-chunked", "x-amz-trailer": header, "x-amz-decoded-content-length": "3"}
    trailer["x-amz-content-sha256"] = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert send(server, "PUT", "/bucket/a.txt", body, **trailer).status_code == 400
    assert content(s3) == b"hello"


def test_checksum_of_the_whole_object_is_compared_when_an_upload_is_completed(server, s3):
    upload = s3.create_multipart_upload(Bucket="bucket", Key="whole")["UploadId"]
    etag = send(server, "PUT", f"/bucket/whole?uploadId={upload}&partNumber=1", b"abc").headers["ETag"]
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    headers = {"x-amz-checksum-type": "FULL_OBJECT", "x-amz-checksum-crc64nvme": crc("crc64nvme", b"other")}
    assert send(server, "POST", f"/bucket/whole?uploadId={upload}", body, **headers).status_code == 400
    assert refusal(s3.get_object, Key="whole") == (404, "NoSuchKey")
    headers["x-amz-checksum-crc64nvme"] = crc("crc64nvme", b"abc")
    assert send(server, "POST", f"/bucket/whole?uploadId={upload}", body, **headers).status_code == 200
    assert s3.head_object(Bucket="bucket", Key="whole", ChecksumMode="ENABLED")["ChecksumCRC64NVME"] == crc(
        "crc64nvme", b"abc"
    )


# Settings of buckets


@pytest.mark.parametrize(
    ("setting", "arguments", "missing"),
    [
        ("cors", {"CORSConfiguration": CORS}, "NoSuchCORSConfiguration"),
        ("lifecycle_configuration", {"LifecycleConfiguration": LIFECYCLE}, "NoSuchLifecycleConfiguration"),
        ("tagging", {"Tagging": {"TagSet": [{"Key": "team", "Value": "red"}]}}, "NoSuchTagSet"),
        ("policy", {"Policy": '{"a": 1}'}, "NoSuchBucketPolicy"),
    ],
)
def test_setting_of_a_bucket_is_kept_until_it_is_deleted(s3, setting, arguments, missing):
    get = f"get_bucket_{setting}"
    assert refusal(getattr(s3, get)) == (404, missing)
    getattr(s3, f"put_bucket_{setting}")(Bucket="bucket", **arguments)
    answer = getattr(s3, get)(Bucket="bucket")
    answer.pop("ResponseMetadata")
    (given,) = arguments.values()
    assert answer == (given if isinstance(given, dict) else arguments)
    getattr(s3, f"delete_bucket_{setting.removesuffix('_configuration')}")(Bucket="bucket")
    assert refusal(getattr(s3, get)) == (404, missing)


def test_settings_are_of_one_bucket_and_end_with_it(s3):
    s3.create_bucket(Bucket="other")
    s3.put_bucket_cors(Bucket="other", CORSConfiguration=CORS)
    s3.put_bucket_policy(Bucket="other", Policy="{}")
    assert refusal(s3.get_bucket_cors) == (404, "NoSuchCORSConfiguration")
    s3.delete_bucket_cors(Bucket="other")
    assert s3.get_bucket_policy(Bucket="other")["Policy"] == "{}"
    s3.delete_bucket(Bucket="other")
    s3.create_bucket(Bucket="other")
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="other")


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("cors", b"<WebsiteConfiguration/>", 400),
        ("policy", b"[]", 400),
        ("policy", b"{", 400),
        ("quota", b"<Quota><StorageQuota>-1</StorageQuota></Quota>", 400),
        ("storageClass", b"<StorageClass>CHEAP</StorageClass>", 400),
        ("tagging", b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>", 400),
        ("cors", b"<CORSConfiguration>" + b" " * (1 << 16) + b"</CORSConfiguration>", 400),
        ("object-lock", b"<ObjectLockConfiguration/>", 501),
        ("versioning", b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", 501),
    ],
)
def test_invalid_setting_is_refused(server, name, body, expected):
    assert send(server, "PUT", f"/bucket?{name}", body).status_code == expected
    assert send(server, "GET", f"/bucket?{name}").content.find(b"CHEAP") < 0


def test_kept_setting_cannot_run_scripts(server):
    script = b'<CORSConfiguration><script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script></CORSConfiguration>'
    assert send(server, "PUT", "/bucket?cors", script).status_code == 200
    assert send(server, "GET", "/bucket?cors").headers["Content-Security-Policy"] == "sandbox"


def test_suspended_versioning_is_accepted_because_nothing_is_versioned(s3):
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Suspended"})
    assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")


def test_storage_class_of_a_bucket_is_kept(server):
    headers = {"x-obs-storage-class": "COLD"}
    assert send(server, "PUT", "/cold-bucket", **headers).status_code == 200
    answer = send(server, "GET", "/cold-bucket?storageClass", **{"x-obs-date": "now"})
    assert b">COLD</StorageClass>" in answer.content
    assert send(server, "HEAD", "/cold-bucket", **{"x-obs-date": "now"}).headers["x-obs-storage-class"] == "COLD"


def test_tags_of_a_bucket_have_the_limits_of_the_dialect(server):
    def put(count, **headers):
        tags = "".join(f"<Tag><Key>k{number}</Key><Value/></Tag>" for number in range(count))
        return send(server, "PUT", "/bucket?tagging", f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode(), **headers)

    of_obs = {"x-obs-date": "now"}
    assert [put(20, **of_obs).status_code, put(21, **of_obs).status_code] == [200, 400]
    assert [put(50).status_code, put(51).status_code] == [200, 400]
