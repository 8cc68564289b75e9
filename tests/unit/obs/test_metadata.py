import io

import pytest

from modelarts_emulator.obs.metadata import Metadata, MetadataStore, etag_of_parts, guess_type
from modelarts_emulator.obs.object_tree import ObjectStat

STAT = ObjectStat(5, 1_000)
KNOWN = Metadata("0" * 32, "image/jpeg", {"meta-owner": "jürgen", "cache-control": "no-store"})


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = MetadataStore(tmp_path / "new" / "objects.sqlite" if request.param == "file" else None)
    yield made
    made.close()


def test_what_was_put_is_there(store):
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert store.get("bucket/a.jpg", STAT) == KNOWN


@pytest.mark.parametrize("stat", [ObjectStat(6, 1_000), ObjectStat(5, 1_001)])
def test_it_does_not_count_for_another_file_of_the_name(store, stat):
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert store.get("bucket/a.jpg", stat) is None


def test_a_dropped_file_gets_its_md5_once(store):
    first = store.get_or_compute("bucket/a.jpg", STAT, io.BytesIO(b"hello"))
    assert first == Metadata("5d41402abc4b2a76b9719d911017c592", "image/jpeg")
    assert store.get_or_compute("bucket/a.jpg", STAT, io.BytesIO(b"not read")) == first


def test_removed_is_forgotten(store):
    store.put("bucket/a.jpg", STAT, KNOWN)
    store.remove("bucket/a.jpg")
    assert store.get("bucket/a.jpg", STAT) is None


def test_directories_of_one_bucket(store):
    for path in ("one/a/", "one/a/b/", "one/file", "one-more/x/", "two/y/"):
        store.put(path, ObjectStat(0, 0), KNOWN)
    assert store.directories("one") == {"a/", "a/b/"}


def test_a_file_outlives_the_process(tmp_path):
    file = tmp_path / "objects.sqlite"
    first = MetadataStore(file)
    first.put("bucket/a.jpg", STAT, KNOWN)
    first.close()
    second = MetadataStore(file)
    assert second.get("bucket/a.jpg", STAT) == KNOWN
    second.close()


def test_etag_of_parts():
    assert etag_of_parts(["5d41402abc4b2a76b9719d911017c592"]) == "62109206880d38a4010a98e11243924a-1"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("x/V001.manifest", "application/x-ndjson"),
        ("noname", "application/octet-stream"),
        ("a.txt", "text/plain"),
    ],
)
def test_types_follow_names(name, expected):
    assert guess_type(name) == expected
