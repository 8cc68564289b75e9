"""OBS paths: three spellings, and everything that must be refused."""

from __future__ import annotations

import pytest

from modelarts_emulator.contract.errors import PATH_INVALID, PATH_IS_BUCKET, ApiError
from modelarts_emulator.obs.paths import ObjectKey, ObsPath, is_object_name, require_new_bucket_name


@pytest.mark.parametrize("text", ["/bucket/dir/a.jpg", "obs://bucket/dir/a.jpg", "s3://bucket/dir/a.jpg"])
def test_parse_three_forms_are_equal(text: str) -> None:
    path = ObsPath.parse(text)
    assert path == ObsPath("bucket", "dir/a.jpg")
    assert (str(path), path.uri(), path.uri("s3"), path.object_name, path.name) == (
        "/bucket/dir/a.jpg",
        "obs://bucket/dir/a.jpg",
        "s3://bucket/dir/a.jpg",
        "bucket/dir/a.jpg",
        "a.jpg",
    )


@pytest.mark.parametrize("text", ["/bucket", "/bucket/", "obs://bucket", "s3://bucket/"])
def test_directory_of_a_bucket_is_path_is_bucket(text: str) -> None:
    assert ObsPath.parse(text) == ObsPath("bucket", "")
    with pytest.raises(ApiError) as refused:
        ObsPath.directory(text)
    assert refused.value.error is PATH_IS_BUCKET


@pytest.mark.parametrize("text", ["/bucket/dir", "/bucket/dir/", "obs://bucket/dir"])
def test_directory_gets_a_final_slash(text: str) -> None:
    assert str(ObsPath.directory(text)) == "/bucket/dir/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//",
        "bucket/key",
        "obs:/bucket/key",
        "http://bucket/key",
        "obs://",
        "obs:///etc/passwd",
        "obs://bucket//",
        "//bucket/key",
        "/bucket//key",
        "/bucket//etc/passwd",
        "/bucket/../other/key",
        "/bucket/a/../../other",
        "/bucket/..",
        "/bucket/.",
        "/bucket/./key",
        "/bucket/a/./",
        "/../bucket/key",
        "/./key",
        "/.hidden/key",
        "/-bucket/key",
        "/bu..cket/key",
        "/bucket/a\0b",
        "/bucket\0/key",
        "/bucket/a\nb",
        "/bucket/a\x7f",
        "/bucket/a\\b",
        "\\bucket\\key",
        "/bucket/..\\..\\etc",
        "/bucket/\udcff",
        "/ab/key",
        f"/{'b' * 64}/key",
        f"/bucket/{'x' * 256}",
        f"/bucket/{'ä' * 128}",
        f"/bucket/{'/'.join(['x' * 99] * 11)}",
        "/bucket/" + "x" * 1_000_000,
        "/bückét/key",
        "/buc ket/key",
    ],
)
@pytest.mark.parametrize("read", [ObsPath.parse, ObsPath.directory])
def test_parse_invalid_path_is_refused_in_one_short_line(read, text: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(text)
    assert refused.value.error is PATH_INVALID
    message = refused.value.message
    assert len(message) < 300
    assert message.isprintable()
    message.encode()


@pytest.mark.parametrize(
    "key",
    [
        "%2e%2e/x",
        "...",
        "a..b",
        ".hidden",
        "名前/写真.jpg",
        "a b+c&d=?#.jpg",
        "x" * 255,
        "ä" * 127,
        "-",
        "~",
        "trailing. ",
    ],
)
def test_parse_unusual_valid_names_are_unchanged(key: str) -> None:
    assert ObsPath.parse(f"/bucket/{key}").key == key


@pytest.mark.parametrize("bucket", ["abc", "docs", "v22", "My_Bucket", "a.b-c", "0" * 63])
def test_parse_lenient_bucket_names_are_accepted(bucket: str) -> None:
    assert ObsPath.parse(f"/{bucket}/key").bucket == bucket


@pytest.mark.parametrize("bucket", ["ab", "a..b", "-ab", ".ab", "v2.0", "_emulator", "robots.txt", "0" * 64])
def test_parse_bucket_names_that_none_can_have_are_invalid(bucket: str) -> None:
    with pytest.raises(ApiError) as raised:
        ObsPath.parse(f"/{bucket}/key")
    assert raised.value.error is PATH_INVALID


@pytest.mark.parametrize(
    "bucket", ["My_Bucket", "a_b", "Abc", "a.-b", "a-.b", "ab-", "10.0.0.1", "ab", "_emulator", "0" * 64]
)
def test_new_bucket_name_follows_the_rule_of_obs(bucket: str) -> None:
    with pytest.raises(ApiError) as raised:
        require_new_bucket_name(bucket)
    assert raised.value.error is PATH_INVALID


def test_path_parts_and_join_are_inverse() -> None:
    directory = ObsPath.directory("/bucket/a/b")
    assert directory / "c.jpg" == ObsPath("bucket", "a/b/c.jpg")
    assert ObsPath("bucket", "a/b") / "c/" == ObsPath("bucket", "a/b/c/")
    assert ObsPath("bucket") / "a" == ObsPath("bucket", "a")
    assert (directory / "c.jpg").parent == directory
    assert directory.parent == ObsPath("bucket", "a/")
    assert directory.parent.parent == ObsPath("bucket")
    assert ObsPath("bucket").parent == ObsPath("bucket")
    assert (directory.name, ObsPath("bucket").name) == ("b", "")


@pytest.mark.parametrize("name", ["", "..", "../x", "/etc/passwd", "a//b", "a\0", "a/../../.."])
def test_join_with_dots_is_refused(name: str) -> None:
    with pytest.raises(ApiError):
        ObsPath.directory("/bucket/dir").join(name)


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("/bucket/a/", "/bucket/a/", True),
        ("/bucket/a/", "/bucket/a/b/c.jpg", True),
        ("/bucket/a", "/bucket/a/b", True),
        ("/bucket/a/", "/bucket/a", True),
        ("/bucket", "/bucket/a", True),
        ("/bucket/a/", "/bucket/ab/", False),
        ("/bucket/a/b/", "/bucket/a/", False),
        ("/bucket/a/", "/bucket2/a/", False),
    ],
)
def test_contains_compares_whole_segments(outer: str, inner: str, expected: bool) -> None:
    assert ObsPath.parse(outer).contains(ObsPath.parse(inner)) is expected


def test_is_object_name_table() -> None:
    assert is_object_name("a b.jpg")
    assert not any(map(is_object_name, ["", ".", "..", "a\n", "a\\b", "\udcff", "x" * 256]))


@pytest.mark.parametrize("text", ["/bucket/a.jpg", "/bucket/in/sub/ä b.jpg", "/bucket/"])
def test_path_of_an_object_key_is_the_path_that_has_it(text: str) -> None:
    path = ObsPath.parse(text)
    assert ObsPath.of(path.object_name) == path


@pytest.mark.parametrize("key", ["/bucket/a", "bucket/../a", "bucket//a", "b", ""])
def test_path_of_a_malformed_object_key_is_refused(key: str) -> None:
    with pytest.raises(ApiError):
        ObsPath.of(ObjectKey(key))
