"""Lists of unfinished uploads and of their parts."""

from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from tests.helpers.object_calls import S3, begin, call, listed, part


def pages(server, query, *, limit):
    """The pages of a list: keys and rolled-up prefixes of each."""
    found, markers = [], ""
    while True:
        answer = call(server, "GET", f"/bucket?uploads&max-uploads={limit}{query}{markers}")
        prefixes = listed(answer, "CommonPrefixes", "Prefix")
        found.append(listed(answer, "Upload", "Key") + prefixes)
        assert len(found[-1]) <= limit
        root = ElementTree.fromstring(answer.content)
        if root.findtext(S3 + "IsTruncated") == "false":
            return found
        markers = "".join(
            f"&{name}={quote(value, safe='')}"
            for name, element in (("key-marker", "NextKeyMarker"), ("upload-id-marker", "NextUploadIdMarker"))
            if (value := root.findtext(S3 + element))
        )


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_list_uploads_returns_pages(server, limit):
    ids = {begin(server, key) for key in ("b", "a/2", "a/1", "c", "b", "b")}
    found = [key for page in pages(server, "", limit=limit) for key in page]
    assert found == ["a/1", "a/2", "b", "b", "b", "c"]
    assert set(listed(call(server, "GET", "/bucket?uploads"), "Upload", "UploadId")) == ids
    rolled = [key for page in pages(server, "&delimiter=/", limit=limit) for key in page]
    assert sorted(rolled) == ["a/", "b", "b", "b", "c"]
    assert pages(server, "&prefix=a/", limit=100) == [["a/1", "a/2"]]


def test_list_parts_marks_the_last_part_of_a_page(server):
    upload = begin(server)
    for number in (1, 4, 7):
        part(server, upload, number, b"x")
    answer = call(server, "GET", f"/bucket/big.bin?uploadId={upload}&max-parts=2")
    assert (listed(answer, "NextPartNumberMarker"), listed(answer, "IsTruncated")) == (["4"], ["true"])
    answer = call(server, "GET", f"/bucket/big.bin?uploadId={upload}&part-number-marker=4")
    assert (listed(answer, "Part", "PartNumber"), listed(answer, "NextPartNumberMarker")) == (["7"], ["7"])
