"""The request log: its members, its bounds, and the absence of secrets."""

from __future__ import annotations

import base64
import json
import socket
import threading
import tracemalloc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control.request_log.log import CAPACITY, MAX_BODY
from modelarts_emulator.iam.accounts import parse_access_key, parse_user
from modelarts_emulator.server import Emulator
from tests.helpers import signing
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture


def logged(control: Control, query: str = "") -> list[Any]:
    found = control.call("GET", f"requests{query}")["requests"]
    assert isinstance(found, list)
    return found


def raw(url: str, text: bytes) -> bytes:
    """Send bytes as they are, and return the beginning of the answer."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(text)
        return connection.recv(4096)


def test_log_describes_a_request_with_all_members(api: Api, control: Control, bucket: Path) -> None:
    dataset_id = api.dataset()
    control.call("DELETE", "requests", 204)
    body = {"labels": [{"name": "cat", "colour": "red"}]}
    path = f"/{dataset_id}/data-annotations/labels"
    api.call("POST", path, json=body, headers={"X-Own": "1"})
    [found] = logged(control)
    assert found["operation"] == "CreateLabels"
    assert found["service"] == "modelarts"
    assert (found["project_id"], found["dataset_id"]) == ("project", dataset_id)
    assert (found["method"], found["url"], found["status"]) == ("POST", api.base + path, 200)
    assert found["warnings"] == "member labels[0].colour is not known"
    assert found["request"]["headers"]["x-own"] == "1"
    assert json.loads(found["request"]["body"]) == body
    assert found["request"]["body_bytes"] == len(json.dumps(body))
    assert json.loads(found["response"]["body"])["success"] is True
    assert 0 < found["duration_ms"] < 60_000
    assert not {"error_code", "fault"} & set(found)


@pytest.mark.parametrize(
    ("method", "path", "service", "operation", "code"),
    [
        ("GET", "/v2/project/datasets/none", "modelarts", "DescDataset", "ModelArts.4352"),
        ("GET", "/v2/project/nothing", "modelarts", None, "ModelArts.0015"),
        ("PATCH", "/v2/project/datasets", "modelarts", None, "ModelArts.0101"),
        ("GET", "/v3/projects", "iam", None, None),
        ("GET", "/bucket/none", "obs", None, "NoSuchKey"),
    ],
)
def test_log_names_the_service_of_each_request(
    emu: Emulator, control: Control, method: str, path: str, service: str, operation: str, code: str
) -> None:
    requests.request(method, emu.url + path, timeout=10)
    [found] = logged(control)
    assert (found["service"], found.get("operation"), found.get("error_code")) == (service, operation, code)


def test_log_with_conditions_lists_matching_requests(emu: Emulator, control: Control) -> None:
    red, blue = Api(emu.url, "red"), Api(emu.url, "blue")
    for api in (red, blue, red):
        api.call("GET")
        api.call("GET", "/none", 400)
    red.session.close()
    blue.session.close()
    assert [each["number"] for each in logged(control)] == [1, 2, 3, 4, 5, 6]
    assert [each["number"] for each in logged(control, "?project_id=blue")] == [3, 4]
    assert [each["number"] for each in logged(control, "?operation=DescDataset")] == [2, 4, 6]
    assert [each["number"] for each in logged(control, "?status=200&project_id=red")] == [1, 5]
    assert [each["number"] for each in logged(control, "?after=4")] == [5, 6]
    assert [each["number"] for each in logged(control, "?limit=1")] == [6]
    assert logged(control, "?limit=0") == logged(control, "?method=PUT") == []
    assert control.call("GET", "requests?limit=0")["last"] == 6
    control.call("DELETE", "requests?project_id=red", 204)
    assert [each["project_id"] for each in logged(control)] == ["blue", "blue"]
    control.call("DELETE", "requests", 204)
    assert logged(control) == []


def test_log_cleared_for_a_project_keeps_other_projects(emu: Emulator, control: Control) -> None:
    """Also while other requests arrive."""

    def work(project: str) -> None:
        api = Api(emu.url, project)
        for _ in range(100):
            api.call("GET")
        api.session.close()

    threads = [threading.Thread(target=work, args=(project,)) for project in ("red", "blue", "green")]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        control.call("DELETE", "requests?project_id=red", 204)
    for thread in threads:
        thread.join()
    assert [len(logged(control, f"?project_id={project}")) for project in ("blue", "green")] == [100, 100]


@pytest.mark.parametrize("query", ["?projekt_id=a", "?format=xml", "?after=x", "?status=ok"])
def test_log_with_invalid_conditions_is_refused(control: Control, query: str) -> None:
    control.refused("GET", f"requests{query}")


def test_log_keeps_the_latest_requests_and_the_beginning_of_bodies(emu: Emulator, api: Api, control: Control) -> None:
    long = {"dataset_name": "x" * 200_000}
    api.refused("POST", json=long)
    [found] = logged(control)
    assert len(found["request"]["body"]) <= MAX_BODY
    assert found["request"]["body_bytes"] > 200_000
    for number in range(CAPACITY + 5):
        api.call("GET", f"?limit={number % 100 + 1}")
    for query in ("", "?limit=9999"):
        numbers = [each["number"] for each in logged(control, query)]
        assert numbers == list(range(7, CAPACITY + 7))


@pytest.mark.slow
def test_log_memory_is_bounded(api: Api, control: Control) -> None:
    """A thousand requests of 200 KB with answers of about as much leave a few MB."""
    body = json.dumps({"samples": [{"name": "a.png", "data": "A" * 200_000}]}).encode()
    headers = {"Content-Type": "application/json"}
    dataset_id = api.dataset()

    def send(times: int) -> None:
        for _ in range(times):
            api.session.post(f"{api.base}/{dataset_id}/data-annotations/samples", body, headers=headers, timeout=30)

    send(20)
    control.call("DELETE", "requests", 204)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    send(CAPACITY)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(logged(control)) == CAPACITY
    assert grown < 16_000_000


def test_log_leaves_out_bodies_that_are_not_text(emu: Emulator, control: Control) -> None:
    for headers in ({}, {"Content-Type": "image/png"}, {"Content-Type": "multipart/form-data; boundary=x"}):
        requests.put(f"{emu.url}/bucket/a.png", data=picture(), headers=headers, timeout=10)
    requests.put(f"{emu.url}/bucket/a.txt", data="täxt".encode(), timeout=10)
    requests.get(f"{emu.url}/bucket/a.png", timeout=10)
    found = logged(control)
    assert [each["request"].get("body") for each in found] == [None, None, None, "täxt", None]
    assert [each["request"]["body_bytes"] for each in found[:3]] == [len(picture())] * 3
    assert "body" not in found[4]["response"]
    assert found[4]["response"]["body_bytes"] == len(picture())


def test_log_can_show_any_request(emu: Emulator, control: Control) -> None:
    """Paths, parameters, headers and bodies that are not text can be read from the log."""
    for path in (
        b"/v2/%ff%fe/datasets?x=%ff",
        b"/b%FF/k%00",
        b"/v2/a%2Fb/datasets",
        b"//x",
        b"http://u:p@h/v2/x/datasets",
    ):
        raw(emu.url, b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Own: \xff\xe4\r\nConnection: close\r\n\r\n")
    raw(
        emu.url,
        b"POST /v2/p/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 4\r\nConnection: close\r\n\r\n\xff\xfe\x00{",
    )
    found = logged(control)
    assert len(found) == 6
    assert "u:p" not in json.dumps(found)
    for form in ("curl", "python", "pytest", "har"):
        assert control.send("GET", f"requests?format={form}").status_code == 200


def test_log_keeps_a_chunked_body(emu: Emulator, control: Control) -> None:
    requests.post(f"{emu.url}/v2/p/datasets", data=iter([b'{"dataset_', b'name": "a"}']), timeout=10)
    [found] = logged(control)
    assert found["request"]["body"] == '{"dataset_name": "a"}'
    assert found["request"]["body_bytes"] == 21


def test_log_leaves_out_control_calls(control: Control) -> None:
    for path in ("clock", "faults", "requests", "health"):
        control.send("GET", path)
    assert logged(control) == []


# Secrets

FORMS = ("json", "curl", "python", "pytest", "har")
PASSWORD, ACCESS_SECRET, KEY = "pw-8f2Ya", "sk-9c1Qz", "control-77xw"


class Strict:
    """A strict emulator, and everything that a client can prove itself with."""

    def __init__(self, emu: Emulator) -> None:
        self.emu = emu
        self.control = Control(emu.url)
        self.control.session.headers["X-Emulator-Key"] = KEY
        self.secrets = [PASSWORD, ACCESS_SECRET, KEY]
        self.token = self.log_in()

    def send(self, request: requests.Request) -> requests.Response:
        with requests.Session() as session:
            return session.send(session.prepare_request(request), timeout=30)

    def log_in(self, name: str = "alice", password: str = PASSWORD) -> str:
        user = {"name": name, "password": password, "domain": {"name": "local"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        return self._token({"auth": {"identity": identity, "scope": {"project": {"name": "red"}}}})

    def exchange(self) -> str:
        return self._token({"auth": {"identity": {"methods": ["token"], "token": {"id": self.token}}}})

    def _token(self, body: Any) -> str:
        answer = self.send(requests.Request("POST", f"{self.emu.url}/v3/auth/tokens", json=body))
        token = answer.headers.get("X-Subject-Token", "")
        if token and "project" in answer.json()["token"]:
            self.project = answer.json()["token"]["project"]["id"]
        self.secrets += [token] if token else []
        return token

    def signed(self, request: requests.Request) -> None:
        """Send a signed request; its signature is one more secret."""
        assert self.send(request).status_code < 300
        sent = " ".join([request.url, *map(str, request.headers.values())])
        self.secrets += [part.rpartition("=")[2].rpartition(":")[2] for part in sent.split("Signature=")[1:]]
        self.secrets.append(str(request.headers.get("Authorization", "")) or "none")


@pytest.fixture
def strict(tmp_path: Path) -> Any:
    settings = Settings(
        port=0,
        data_dir=tmp_path / "data",
        auth="strict",
        users=(parse_user(f"alice:{PASSWORD}:red"),),
        access_keys=(parse_access_key(f"AKA:{ACCESS_SECRET}:alice"),),
        control_key=KEY,
        durability="process",
    )
    with Emulator(settings) as emu:
        made = Strict(emu)
        yield made
        made.control.session.close()


def test_log_contains_no_secrets_in_any_format(strict: Strict) -> None:
    url, token = strict.emu.url, strict.token
    key = {"key": "AKA", "secret": ACCESS_SECRET}
    strict.exchange()
    strict.log_in(password=PASSWORD + "wrong")
    for request in (
        requests.Request("GET", f"{url}/v3/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": token}),
        requests.Request("GET", f"{url}/v2/red/datasets", headers={"X-Auth-Token": token, "X-Emulator-Key": KEY}),
        requests.Request("GET", f"{url}/v2/red/datasets", headers={"Authorization": f"Bearer {token}"}),
        requests.Request("GET", f"{url}/v2/red/datasets", headers={"Authorization": basic("alice", PASSWORD)}),
        requests.Request("GET", f"{url}/v2/red/datasets", headers={"Cookie": f"session={token}"}),
        requests.Request("GET", f"{url}/v2/red/datasets?X-Auth-Token={token}"),
        requests.Request("POST", f"{url}/v2/red/datasets", json={"password": PASSWORD, "nested": [{"sk": KEY}]}),
        requests.Request("POST", f"{url}/v3/auth/tokens", data=json.dumps({"password": PASSWORD})[:-1]),
        requests.Request("POST", f"{url}/v3/auth/tokens", data="x" * 5000 + PASSWORD),
        requests.Request("POST", f"{url}/b", data={"password": PASSWORD, "x-amz-security-token": token}),
        requests.Request("POST", f"{url}/b", files={"file": b"1", "password": PASSWORD.encode()}),
        requests.Request("DELETE", f"{url}/v3/auth/tokens", headers={"X-Auth-Token": token, "X-Subject-Token": KEY}),
    ):
        strict.send(request)
    strict.signed(signing.obs(requests.Request("PUT", f"{url}/bucket"), **key))
    strict.signed(signing.obs(requests.Request("PUT", f"{url}/bucket/in/a.png", data=picture()), **key))
    strict.token = strict.log_in()
    body = {
        "dataset_name": "a",
        "dataset_type": 0,
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
    }
    headers = {"X-Auth-Token": strict.token}
    created = strict.send(requests.Request("POST", f"{url}/v2/{strict.project}/datasets", json=body, headers=headers))
    strict.control.call("POST", "wait-idle")
    listing = f"{url}/v2/{strict.project}/datasets/{created.json()['dataset_id']}/data-annotations/samples"
    [sample] = strict.send(requests.Request("GET", listing, headers=headers)).json()["samples"]
    strict.secrets.append(sample["source"].rpartition("Signature=")[2])
    strict.send(requests.Request("GET", sample["source"]))

    shown = {form: strict.control.send("GET", f"requests?format={form}").text for form in FORMS}
    for form, text in shown.items():
        for secret in filter(None, strict.secrets):
            assert secret not in text, (form, secret)
            assert base64.b64encode(secret.encode()).decode()[:-2] not in text, form
    assert "***" in shown["json"]
    assert "AccessKeyId" in shown["json"]


def basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
