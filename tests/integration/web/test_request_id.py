"""Every answer has a request id, which the request log knows."""

from __future__ import annotations

import re
import socket

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api


def request_id(answer: requests.Response) -> str:
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    return answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/project/datasets", 200),
        ("GET", "/v2/project/datasets/missing", 400),
        ("GET", "/v2/project/datasets/missing/data-annotations/samples", 400),
        ("GET", "/v3", 200),
        ("GET", "/_emulator/health", 200),
        ("GET", "/bucket/missing", 404),
        ("HEAD", "/bucket", 200),
        ("GET", "/no/such/path", 404),
        ("PUT", "/v2/project", 404),
    ],
)
def test_answer_has_a_request_id(emu: Emulator, method: str, path: str, status: int) -> None:
    answer = requests.request(method, emu.url + path, timeout=10)
    assert answer.status_code == status
    assert request_id(answer)


def test_request_ids_differ_and_are_logged(emu: Emulator, api: Api) -> None:
    answers = [api.session.get(api.base, timeout=10) for _ in range(3)]
    assert len({request_id(answer) for answer in answers}) == 3
    logged = requests.get(f"{emu.url}/_emulator/requests?operation=ListDatasets", timeout=10).json()["requests"]
    assert [each["request_id"] for each in logged] == [request_id(answer) for answer in answers]


def test_request_that_the_server_refuses_has_a_request_id(emu: Emulator) -> None:
    with socket.create_connection(("127.0.0.1", int(emu.url.rpartition(":")[2]))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        data = client.recv(4096)
    assert data.startswith(b"HTTP/1.1 400 ")
    assert re.search(rb"X-Request-Id: [0-9a-f]{32}\r\n", data)
