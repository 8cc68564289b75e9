"""Server-sent events: requests as they happen, datasets as they change; bounded, and ended at the end."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


class Listener:
    """A client that listens, on a thread of its own."""

    def __init__(self, url: str, query: str = "") -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", f"/_emulator/events{query}")
        self.answer = self._connection.getresponse()
        self.events: list[tuple[str, int, Any]] = []
        self.is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with suppress(OSError, HTTPException):  # the connection was cut
            while raw := self.answer.readline():
                line = raw.decode().rstrip("\n")
                if not line and fields:
                    self.events.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
                    fields = {}
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
        self.is_over.set()

    def of(self, kind: str) -> list[Any]:
        return [data for event, _, data in list(self.events) if event == kind]

    def close(self) -> None:
        with suppress(OSError):  # the server was faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self.answer.close()
        self._connection.close()
        assert not self._thread.is_alive()


@contextmanager
def listening(url: str, query: str = "") -> Iterator[Listener]:
    made = Listener(url, query)
    try:
        yield made
    finally:
        made.close()


def test_events_report_requests_and_dataset_changes(emu: Emulator, api: Api, control: Control, bucket: Path) -> None:
    with listening(emu.url) as listener:
        assert listener.answer.getheader("Content-Type") == "text/event-stream"
        dataset_id = api.dataset()
        (bucket / "in/1.png").write_bytes(picture())
        poll(lambda: [e for e in listener.of("dataset") if e["total_sample_count"] == 1], "the new sample")
        api.call("DELETE", f"/{dataset_id}", 204)
        poll(lambda: [e for e in listener.of("dataset") if e["change"] == "deleted"], "the deletion")
        operations = poll(lambda: (o := [e["operation"] for e in listener.of("request")]) and len(o) > 2 and o)
    assert operations[0] == "CreateDataset"
    changes = listener.of("dataset")
    assert {each["dataset_id"] for each in changes} == {dataset_id}
    assert {each["project_id"] for each in changes} == {"project"}
    assert [each["change"] for each in changes][:: len(changes) - 1] == ["created", "deleted"]
    assert [each["status"] for each in changes][-1] == 1
    logged = control.call("GET", "requests")["requests"]
    assert listener.of("request")[0] == logged[0]


def test_events_do_not_report_control_calls(emu: Emulator, api: Api, control: Control) -> None:
    with listening(emu.url) as listener:
        control.call("GET", "requests")
        api.call("GET")
        poll(lambda: listener.of("request"), "a request")
        assert [each["operation"] for each in listener.of("request")] == ["ListDatasets"]


def test_events_after_a_number_begin_with_missed_requests(emu: Emulator, api: Api) -> None:
    for _ in range(3):
        api.call("GET")
    with listening(emu.url, "?after=1") as listener:
        poll(lambda: len(listener.of("request")) == 2, "two requests")
        assert [number for event, number, _ in listener.events if event == "request"][-1] == 3
        assert [each["number"] for each in listener.of("request")] == [2, 3]


def test_events_of_a_slow_listener_report_the_number_of_missed_requests(emu: Emulator, api: Api) -> None:
    for _ in range(1100):
        api.call("GET")
    with listening(emu.url, "?after=0") as listener:
        poll(lambda: len(listener.of("request")) == 1000, "what is left")
        assert listener.of("missed") == [{"missed": 100}]
        assert listener.of("request")[0]["number"] == 101


def test_events_beyond_the_limit_of_listeners_are_refused(emu: Emulator, api: Api) -> None:
    listeners = [Listener(emu.url) for _ in range(4)]
    refused = requests.get(f"{emu.url}/_emulator/events", timeout=10)
    assert (refused.status_code, refused.json()["error_code"]) == (429, "Emulator.0429")
    assert api.call("GET")["total_number"] == 0
    for each in listeners:
        each.close()

    def another() -> bool:
        api.call("GET")  # so that something is sent, and the server sees that they have gone
        with requests.get(f"{emu.url}/_emulator/events", stream=True, timeout=10) as answer:
            return answer.status_code == 200

    poll(another, "there is room again")


def test_events_of_a_client_that_reads_nothing_end_with_its_connection(emu: Emulator, api: Api) -> None:
    parts = urlsplit(emu.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(b"GET /_emulator/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        for _ in range(300):
            api.call("GET")
        assert api.call("GET")["total_number"] == 0


def test_events_end_when_the_emulator_stops(settings: Any) -> None:
    emu = Emulator(settings).start()
    listeners = [Listener(emu.url) for _ in range(2)]
    emu.stop()
    for listener in listeners:
        assert listener.is_over.wait(20)
        listener.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("http")]


@pytest.mark.parametrize("query", ["?after=x", "?from=1"])
def test_events_with_an_invalid_number_are_refused(control: Control, query: str) -> None:
    control.refused("GET", f"events{query}")
