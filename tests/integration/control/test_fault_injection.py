"""Faults as clients see them: the requests that are hit, and the effects."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from requests import ConnectionError as NoConnection
from requests.exceptions import ChunkedEncodingError

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control


class Client:
    """A client that opens a new connection for each request."""

    def __init__(self, url: str) -> None:
        self.url = url

    def status(self, method: str = "GET", path: str = "/v2/project/datasets", **arguments: Any) -> int:
        """Return the status; 0 without an answer, -1 if the answer ends too early."""
        try:
            with requests.request(method, self.url + path, timeout=10, **arguments) as answer:
                return answer.status_code
        except ChunkedEncodingError:
            return -1
        except NoConnection:
            return 0

    def statuses(self, times: int, **arguments: Any) -> list[int]:
        return [self.status(**arguments) for _ in range(times)]


@pytest.fixture
def client(emu: Emulator) -> Client:
    return Client(emu.url)


@pytest.fixture
def add(control: Control) -> Any:
    return lambda **fault: control.call("POST", "faults", 201, json=fault)


# Which requests


def test_fault_without_conditions_hits_all_requests_until_removed(client: Client, control: Control, add: Any) -> None:
    added = add(status=503)
    assert client.statuses(3) == [503] * 3
    assert client.status(path="/v3/projects") == 503
    assert client.status(path="/bucket/key") == 503
    [state] = control.call("GET", "faults")["faults"]
    assert (state["id"], state["matched"], state["hits"], state["fault"]) == (added["id"], 5, 5, {"status": 503})
    control.call("DELETE", f"faults/{added['id']}", 204)
    assert client.status() == 200
    assert "fault" in control.refused("DELETE", f"faults/{added['id']}", 404)


@pytest.mark.parametrize(
    ("wanted", "hit", "passed"),
    [
        ({"operation": "ListDatasets"}, ("GET", "/v2/project/datasets"), ("POST", "/v2/project/datasets")),
        ({"service": "iam"}, ("GET", "/v3/projects"), ("GET", "/v2/project/datasets")),
        ({"service": "obs"}, ("GET", "/bucket/none"), ("GET", "/v3/projects")),
        ({"service": "modelarts"}, ("GET", "/v2/project/datasets"), ("GET", "/bucket/none")),
        ({"project_id": "red"}, ("GET", "/v2/red/datasets"), ("GET", "/v2/blue/datasets")),
        ({"method": "PUT"}, ("PUT", "/bucket/a.txt"), ("GET", "/v2/project/datasets")),
        ({"path": "/bucket/*.jpg"}, ("GET", "/bucket/in/a.jpg"), ("GET", "/bucket/in/a.png")),
        ({"path": "/v2/*", "method": "GET"}, ("GET", "/v2/x/datasets"), ("POST", "/v2/x/datasets")),
    ],
)
def test_fault_with_conditions_hits_matching_requests_only(
    client: Client, add: Any, wanted: dict[str, str], hit: tuple[str, str], passed: tuple[str, str]
) -> None:
    add(**wanted, status=507)
    assert client.status(*hit) == 507
    assert client.status(*passed) != 507


@pytest.mark.parametrize(
    ("which", "hit"),
    [
        ({"nth": 2}, [2]),
        ({"times": 2}, [1, 2]),
        ({"nth": 2, "times": 2}, [2, 3]),
        ({"nth": 3, "times": 9}, [3, 4, 5, 6]),
    ],
)
def test_fault_with_nth_and_times_hits_that_many_requests(
    client: Client, add: Any, which: dict[str, int], hit: list[int]
) -> None:
    """Every other request is none of those it is for, and does not count."""
    add(operation="ListDatasets", status=503, **which)
    seen = []
    for _ in range(6):
        seen.append(client.status())
        assert client.status(path="/v3/projects") == 200
    assert [number for number, status in enumerate(seen, 1) if status == 503] == hit


def test_fault_with_probability_and_seed_hits_the_same_requests(client: Client, control: Control, add: Any) -> None:
    drawn = []
    for seed in (1, 1, 2):
        add(operation="ListDatasets", status=503, probability=0.5, seed=seed)
        drawn.append(client.statuses(24))
        control.call("DELETE", "faults", 204)
    assert drawn[0] == drawn[1] != drawn[2]
    assert 3 < drawn[0].count(503) < 21
    add(status=503, probability=0)
    assert client.status() == 200


def test_faults_are_applied_in_the_order_of_their_addition(client: Client, control: Control, add: Any) -> None:
    """The first that strikes answers, and those behind it have not struck."""
    add(delay_ms=1)
    for status in (503, 500):
        add(operation="ListDatasets", status=status, times=1)
    assert client.statuses(3) == [503, 500, 200]
    assert [each["hits"] for each in control.call("GET", "faults")["faults"]] == [3, 1, 1]


def test_faults_do_not_hit_control_calls(control: Control, add: Any) -> None:
    add(status=500)
    add(cut="before")
    assert len(control.call("GET", "faults")["faults"]) == 2
    assert control.send("GET", "health").status_code == 200


def test_clearing_the_faults_of_a_project_keeps_others(client: Client, control: Control, add: Any) -> None:
    for project in ("red", "blue"):
        add(project_id=project, status=503)
    control.call("DELETE", "faults?project_id=red", 204)
    assert client.status(path="/v2/red/datasets") == 200
    assert client.status(path="/v2/blue/datasets") == 503


# Effects


@pytest.mark.parametrize("name", ["ModelArts.4352", "DATASET_NOT_FOUND"])
def test_fault_with_an_error_answers_as_the_catalogue(api: Api, add: Any, name: str) -> None:
    add(operation="ListDatasets", error=name)
    assert api.refused("GET", "", 400) == "ModelArts.4352"


def test_fault_with_a_status_answers_with_body_and_headers(client: Client, add: Any) -> None:
    add(status=429, body={"error_code": "APIGW.0308", "error_msg": "slow down"}, headers={"Retry-After": "1"}, times=1)
    add(status=418, body="short and stout", times=1)
    add(status=204, times=1)
    first, second, third = (requests.get(f"{client.url}/v2/project/datasets", timeout=10) for _ in range(3))
    assert (first.status_code, first.json()["error_code"], first.headers["Retry-After"]) == (429, "APIGW.0308", "1")
    assert first.headers["X-Emulator-Fault"]
    assert (second.status_code, second.text) == (418, "short and stout")
    assert (third.status_code, third.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "member"),
    [("/v2/project/datasets", "error_code"), ("/v3/projects", "error"), ("/bucket/key", "<Error>")],
)
def test_fault_answers_in_the_error_form_of_the_service(client: Client, add: Any, path: str, member: str) -> None:
    add(status=503)
    answer = requests.get(client.url + path, timeout=10)
    assert answer.status_code == 503
    assert member in answer.text


def test_fault_before_processing_prevents_the_effect(client: Client, add: Any, api: Api) -> None:
    body = {"dataset_name": "a", "work_path": "/bucket/out/", "work_path_type": 0, "data_sources": []}
    for fault in ({"status": 503}, {"cut": "before"}, {"error": "ModelArts.4352"}):
        add(**fault, operation="CreateDataset", times=1)
        client.status("POST", json={**body, "data_sources": [{"data_path": "/bucket/in/"}]})
    assert api.call("GET")["total_number"] == 0


def test_fault_after_processing_keeps_the_effect(client: Client, add: Any, api: Api) -> None:
    body = {
        "dataset_name": "a",
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        "data_sources": [{"data_path": "/bucket/in/"}],
    }
    add(operation="CreateDataset", cut="after", times=1)
    assert client.status("POST", json=body) == 0
    assert api.call("GET")["total_number"] == 1


@pytest.mark.parametrize("cut", ["before", "after"])
def test_fault_with_cut_sends_no_answer(client: Client, control: Control, add: Any, cut: str) -> None:
    add(cut=cut, times=1)
    assert client.statuses(2) == [0, 200]
    [cut_one, _] = control.call("GET", "requests")["requests"]
    assert cut_one["status"] == 0


@pytest.mark.parametrize("size", [1, 10])
def test_fault_with_truncate_ends_the_body_early(client: Client, add: Any, size: int) -> None:
    add(truncate=size, times=1, operation="ListDatasets")
    with requests.get(f"{client.url}/v2/project/datasets", timeout=10, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) > size
        got = b""
        with pytest.raises((ChunkedEncodingError, NoConnection)):
            for piece in answer.iter_content(1):
                got += piece
    assert len(got) == size
    assert client.status() == 200


def test_fault_with_truncate_ends_an_object_early(emu: Emulator, client: Client, add: Any) -> None:
    data = bytes(range(256)) * 4096
    assert client.status("PUT", "/bucket/big.bin", data=data) == 200
    add(service="obs", method="GET", truncate=300_000, times=1)
    with requests.get(f"{client.url}/bucket/big.bin", timeout=10, stream=True) as answer:
        got = b""
        with pytest.raises((ChunkedEncodingError, NoConnection)):
            for piece in answer.iter_content(10_000):
                got += piece
    assert data.startswith(got)
    assert 200_000 < len(got) <= 300_000
    assert requests.get(f"{client.url}/bucket/big.bin", timeout=10).content == data


def test_fault_with_delay_alone_and_with_an_error_delays(client: Client, add: Any) -> None:
    add(delay_ms=80, times=1)
    add(delay_ms=80, status=503, times=1)
    start = time.monotonic()
    assert client.statuses(2) == [503, 200]  # both have hit the first
    assert time.monotonic() - start >= 0.16


def test_delay_ends_when_the_emulator_stops(emu: Emulator, client: Client, control: Control, add: Any) -> None:
    add(delay_ms=600_000)
    start = time.monotonic()
    emu.runtime.release_waits()
    assert client.status() == 200
    assert time.monotonic() - start < 60


# Invalid faults


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, "an effect is missing"),
        ({"operation": "ListNothing", "status": 500}, "is not an operation"),
        ({"error": "ModelArts.99999"}, "catalogue"),
        ({"status": 500, "cut": "before"}, "only one"),
        ({"status": 99}, "status"),
        ({"status": 500, "nth": 0}, "nth"),
        ({"status": 500, "probability": 1.5}, "probability"),
        ({"delay_ms": -1, "status": 500}, "delay_ms"),
        ({"body": "x", "truncate": 3}, "body"),
        ({"status": 500, "headers": {"a": "b\r\nc: d"}}, "header"),
        ({"status": 500, "colour": "red"}, "colour"),
        ({"cut": "sometimes"}, "cut"),
    ],
)
def test_invalid_fault_is_refused(control: Control, fault: dict[str, Any], said: str) -> None:
    assert said in control.refused("POST", "faults", json=fault)
    assert control.call("GET", "faults")["faults"] == []


@pytest.mark.slow
def test_faults_beyond_the_limit_are_refused(control: Control) -> None:
    for _ in range(1000):
        control.call("POST", "faults", 201, json={"status": 500, "project_id": "nobody"})
    assert "1000" in control.refused("POST", "faults", json={"status": 500})


# Clients of the services


@pytest.fixture
def storage(emu: Emulator) -> Iterator[Any]:
    made = boto3.client(
        "s3",
        endpoint_url=emu.url,
        aws_access_key_id="AK",
        aws_secret_access_key="SK",
        region_name="eu-de",
        config=Config(retries={"max_attempts": 3, "mode": "standard"}, s3={"addressing_style": "path"}),
    )
    yield made
    made.close()


def test_object_client_retries_on_faults_and_gives_up(storage: Any, add: Any, control: Control) -> None:
    add(service="obs", status=503, times=2)
    storage.put_object(Bucket="bucket", Key="in/a.txt", Body=b"1")
    control.call("DELETE", "faults", 204)
    add(service="obs", status=503)
    with pytest.raises(ClientError) as refused:
        storage.put_object(Bucket="bucket", Key="in/a.txt", Body=b"1")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert control.call("GET", "faults")["faults"][0]["hits"] == 4  # the first, and three more
