"""Requests that are refused whatever their body holds get their documented error before the body is received."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.server import Emulator

HUGE = 3_000_000_000
FRAMINGS = ("Content-Length: {size}", "Transfer-Encoding: chunked", "Content-Length: 9\r\nExpect: 100-continue")


@pytest.fixture(scope="module")
def strict() -> Iterator[Emulator]:
    users = (User("alice", password="pw-a"),)
    with Emulator(Settings(port=0, data_dir=None, auth="strict", users=users)) as emulator:
        emulator.create_bucket("pictures")
        yield emulator


@pytest.fixture(scope="module")
def lenient() -> Iterator[Emulator]:
    with Emulator(Settings(port=0, data_dir=None)) as emulator:
        emulator.create_bucket("pictures")
        yield emulator


def answer(emulator: Emulator, request: str, *lines: str) -> tuple[int, str]:
    """Send a head without its body; return status and content of the answer."""
    place = urlsplit(emulator.url)
    head = "\r\n".join((f"{request} HTTP/1.1", f"Host: {place.netloc}", *lines, "", ""))
    with closing(socket.create_connection((place.hostname, place.port), timeout=20)) as connection:
        connection.sendall(head.encode())
        with connection.makefile("rb") as file:
            received = file.read().decode()
    _, _, content = received.partition("\r\n\r\n")
    return int(received.split(" ")[1]), content


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(
    ("request_line", "status", "word"),
    [
        ("PUT /pictures/a.png", 403, "AccessDenied"),
        ("POST /pictures/a.png?uploads", 403, "AccessDenied"),
        ("POST /v2/project/datasets", 401, "ModelArts"),
        ("POST /v2/project/datasets/d/data-annotations/samples", 401, "ModelArts"),
        ("PUT /_emulator/snapshots/a", 401, "key"),
        ("POST /_emulator/reset", 401, "key"),
        ("POST /nowhere/at/all", 404, "ModelArts"),
    ],
)
def test_stranger_is_refused_before_the_body(
    strict: Emulator, request_line: str, status: int, word: str, framing: str
) -> None:
    got, content = answer(strict, request_line, framing.format(size=HUGE))
    assert (got, word in content) == (status, True), content


def test_object_of_a_missing_bucket_is_refused_before_the_body(lenient: Emulator) -> None:
    status, content = answer(lenient, "PUT /missing/a.png", f"Content-Length: {HUGE}", "x-obs-acl: private")
    assert status == 404
    assert "NoSuchBucket" in content


def test_large_request_of_the_dataset_api_is_refused_before_the_body(lenient: Emulator) -> None:
    status, content = answer(lenient, "POST /v2/project/datasets", f"Content-Length: {HUGE}")
    assert status == 413
    assert "larger than" in json.loads(content)["error_msg"]
