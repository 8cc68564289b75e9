"""The control API answers while every worker thread, or every client, waits for something."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.polling import poll

WAITING = 24
"""Three times as many requests as the web server has threads."""


@contextmanager
def waiting_requests(url: str, method: str, ended: list[requests.Response]) -> Iterator[list[threading.Thread]]:
    def send() -> None:
        ended.append(requests.request(method, url, timeout=60))

    threads = [threading.Thread(target=send) for _ in range(WAITING)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(60)


def in_flight(emu: Emulator) -> int:
    """Return how many requests wait without a thread."""
    return len(emu._server._postponed)


def test_control_api_answers_while_many_wait_idle_calls_are_open(emu: Emulator, api: Api, control: Control) -> None:
    dataset_id = api.dataset()
    control.call("PUT", "transitions", json={"sync": {"mode": "hold"}})
    api.call("POST", f"/{dataset_id}/sync-data")
    poll(lambda: control.call("GET", "transitions")["held"], "held")
    ended: list[requests.Response] = []
    with waiting_requests(f"{emu.url}/_emulator/wait-idle?timeout_ms=60000", "POST", ended):
        poll(lambda: in_flight(emu) >= WAITING - 1, "waits")
        assert api.call("GET", f"/{dataset_id}")["status"] is not None
        assert ended == []
        control.call("PUT", "transitions", json={})
    assert [each.status_code for each in ended] == [200] * WAITING
    assert all(each.json()["idle"] for each in ended)


def test_control_api_answers_while_many_requests_are_delayed(emu: Emulator, api: Api, control: Control) -> None:
    control.call("POST", "faults", 201, json={"operation": "ListDatasets", "delay_ms": 600_000})
    ended: list[requests.Response] = []
    with waiting_requests(emu.url + "/v2/p/datasets", "GET", ended):
        poll(lambda: in_flight(emu) == WAITING, "delays")
        api.dataset()
        control.call("PUT", "transitions", json={})
        assert ended == []
        emu.stop()
    assert {each.status_code for each in ended} == {200}


def test_delayed_request_is_counted_once_and_then_meets_the_other_effect(emu: Emulator, control: Control) -> None:
    fault = {"operation": "ListDatasets", "delay_ms": 150, "status": 503}
    control.call("POST", "faults", 201, json=fault)
    start = time.monotonic()
    answer = requests.get(f"{emu.url}/v2/p/datasets", timeout=30)
    assert time.monotonic() - start >= 0.15
    assert answer.status_code == 503
    [state] = control.call("GET", "faults")["faults"]
    assert (state["matched"], state["hits"]) == (1, 1)
    assert len(control.call("GET", "requests?operation=ListDatasets")["requests"]) == 1


def test_delayed_request_keeps_its_body(emu: Emulator, api: Api, control: Control) -> None:
    control.call("POST", "faults", 201, json={"operation": "CreateDataset", "delay_ms": 50})
    api.dataset(dataset_name="delayed")
    assert api.call("GET")["datasets"][0]["dataset_name"] == "delayed"


def test_delayed_request_meets_its_fault_although_faults_were_cleared_meanwhile(
    emu: Emulator, control: Control
) -> None:
    control.call("POST", "faults", 201, json={"operation": "ListDatasets", "delay_ms": 500, "status": 503})
    ended: list[requests.Response] = []
    with waiting_requests(emu.url + "/v2/p/datasets", "GET", ended):
        poll(lambda: in_flight(emu) > 0, "delays")
        control.call("DELETE", "faults", 204)
    assert 503 in {each.status_code for each in ended}


def test_wait_idle_that_waits_without_a_thread_ends_at_its_timeout(emu: Emulator, api: Api, control: Control) -> None:
    dataset_id = api.dataset()
    control.call("PUT", "transitions", json={"sync": {"mode": "hold"}})
    api.call("POST", f"/{dataset_id}/sync-data")
    answer = control.call("POST", "wait-idle?timeout_ms=200", 504)
    assert [task["kind"] for task in answer["open"]["tasks"]] == ["sync"]


@pytest.mark.parametrize("path", ["requests", "faults", "clock", "transitions"])
def test_short_control_calls_have_threads_of_their_own(emu: Emulator, control: Control, path: str) -> None:
    """They are answered while every other thread of the web server is inside a request."""
    gate = emu.control.gate
    ended: list[requests.Response] = []
    with gate.exclusive(), waiting_requests(f"{emu.url}/v2/p/datasets/none", "DELETE", ended):
        control.call("GET", path)
        assert ended == []
        gate._is_closed = False
        gate._opened.set()
    assert len(ended) == WAITING
