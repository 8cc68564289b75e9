"""Calls of object storage over plain HTTP, and what is read from the answers."""

import http.client
from urllib.parse import quote
from xml.etree import ElementTree

import requests

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def call(server, method, path, **options):
    return requests.request(method, server.url + path, timeout=20, **options)


def put(server, key, data=b"hello", **headers):
    answer = call(server, "PUT", "/bucket/" + quote(key), data=data, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def get(server, key, query="", **headers):
    return call(server, "GET", f"/bucket/{quote(key)}{query}", headers=headers)


def code(answer):
    """The status and code of an error answer."""
    assert answer.headers["Content-Type"].startswith("application/xml")
    return answer.status_code, ElementTree.fromstring(answer.content).findtext("Code")


def listed(answer, *names):
    root = ElementTree.fromstring(answer.content)
    return [element.text for element in root.iterfind("/".join(S3 + name for name in names))]


def raw(server, method, target, headers=None, body=None):
    """A request whose target is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def begin(server, key="big.bin", **headers):
    answer = call(server, "POST", f"/bucket/{key}?uploads", headers=headers)
    return listed(answer, "UploadId")[0]


def part(server, upload, number, data, key="big.bin"):
    return call(server, "PUT", f"/bucket/{key}?partNumber={number}&uploadId={upload}", data=data)


def complete(server, upload, parts, key="big.bin", **headers):
    rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in parts)
    body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>"
    return call(server, "POST", f"/bucket/{key}?uploadId={upload}", data=body, headers=headers)
