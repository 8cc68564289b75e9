"""The console's own requests meet no fault, and the log of requests leaves them out."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api

MARKS = [
    {"X-Emulator-Console": "1"},
    {"Referer": "http://localhost:1/_emulator/ui"},
    {"Referer": "http://localhost:1/behind/a/proxy/_emulator/ui"},
]
OTHERS = [{}, {"Referer": "http://localhost:1/_emulator/docs"}, {"Referer": "http://[bad/_emulator/ui"}]


def logged(emu: Emulator) -> list[str]:
    found = requests.get(f"{emu.url}/_emulator/requests", timeout=10).json()["requests"]
    return [each["operation"] for each in found]


@pytest.mark.parametrize("headers", MARKS)
def test_console_call_is_neither_hit_by_faults_nor_logged(emu: Emulator, headers: dict[str, str]) -> None:
    fault = {"operation": "ListDatasets", "status": 503, "times": 1}
    requests.post(f"{emu.url}/_emulator/faults", json=fault, timeout=10).raise_for_status()
    url = f"{emu.url}/v2/project/datasets"
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    state = requests.get(f"{emu.url}/_emulator/faults", timeout=10).json()["faults"][0]
    assert (state["matched"], state["hits"]) == (0, 0)
    assert logged(emu) == []
    assert requests.get(url, timeout=10).status_code == 503


@pytest.mark.parametrize("headers", OTHERS)
def test_other_call_is_hit_by_faults_and_logged(emu: Emulator, headers: dict[str, str]) -> None:
    fault = {"operation": "ListDatasets", "status": 503, "times": 1}
    requests.post(f"{emu.url}/_emulator/faults", json=fault, timeout=10).raise_for_status()
    assert requests.get(f"{emu.url}/v2/project/datasets", headers=headers, timeout=10).status_code == 503
    assert logged(emu) == ["ListDatasets"]


def test_console_call_that_asks_for_it_is_logged(emu: Emulator) -> None:
    fault = {"operation": "ListDatasets", "status": 503}
    requests.post(f"{emu.url}/_emulator/faults", json=fault, timeout=10).raise_for_status()
    headers = {"X-Emulator-Console": "logged"}
    assert requests.get(f"{emu.url}/v2/project/datasets", headers=headers, timeout=10).status_code == 200
    assert logged(emu) == ["ListDatasets"]


def test_console_call_does_not_count_as_a_poll(emu: Emulator, api: Api, bucket: Path) -> None:
    dataset = api.dataset()
    rules = {"publish": {"mode": "polls", "polls": 2, "before": "RUNNING"}}
    requests.put(f"{emu.url}/_emulator/transitions", json=rules, timeout=10).raise_for_status()
    version = api.call("POST", f"/{dataset}/versions", 201, json={})["version_id"]
    url = f"{emu.url}/v2/project/datasets/{dataset}/versions/{version}"
    for _ in range(5):
        answer = requests.get(url, headers={"X-Emulator-Console": "1"}, timeout=10)
        assert answer.json()["status"] == 0
