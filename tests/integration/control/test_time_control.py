"""The emulator's clock: it is frozen, set and moved; time stamps, expiry and order follow it."""

from __future__ import annotations

import base64
import time
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.control.time_control import ClockChange, ClockControl
from modelarts_emulator.server import Emulator
from modelarts_emulator.util.clock import AdjustableClock
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
AT = "2030-05-17T12:00:00Z"
AT_MS = int(datetime(2030, 5, 17, 12, tzinfo=timezone.utc).timestamp() * 1000)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def log_in(url: str) -> str:
    user = {"name": "me", "password": "secret", "domain": {"name": "local"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": "project"}}}}
    answer = requests.post(f"{url}/v3/auth/tokens", json=body, timeout=10)
    assert answer.status_code == 201
    return answer.headers["X-Subject-Token"]


def test_clock_begins_with_the_machine_time(control: Control) -> None:
    before = now_ms()
    state = control.call("GET", "clock")
    assert before <= state["now_ms"] <= now_ms()
    assert (state["frozen"], state["offset_ms"]) == (False, 0)
    assert datetime.fromisoformat(state["now"].replace("Z", "+00:00")).timestamp() * 1000 == state["now_ms"]


def test_frozen_clock_stands_until_it_is_moved(control: Control) -> None:
    state = control.call("PUT", "clock", json={"at": AT, "freeze": True})
    assert (state["now_ms"], state["now"], state["frozen"]) == (AT_MS, "2030-05-17T12:00:00.000Z", True)
    assert control.call("GET", "clock")["now_ms"] == AT_MS
    assert control.call("PUT", "clock", json={"advance_ms": DAY_MS})["now_ms"] == AT_MS + DAY_MS
    assert control.call("PUT", "clock", json={"advance_ms": -DAY_MS})["now_ms"] == AT_MS
    state = control.call("PUT", "clock", json={"freeze": False})
    assert (state["frozen"], AT_MS <= state["now_ms"] < AT_MS + HOUR_MS) == (False, True)
    poll(lambda: control.call("GET", "clock")["now_ms"] > AT_MS, "it goes on")
    assert abs(control.call("PUT", "clock", json={"real": True})["now_ms"] - now_ms()) < HOUR_MS


def test_clock_set_and_frozen_in_one_call_shows_that_time() -> None:
    class Hurried:
        """Time that goes on whenever it is asked for."""

        def __init__(self) -> None:
            self.ms = 0

        def now_ms(self) -> int:
            self.ms += 10
            return self.ms

    state = ClockControl(AdjustableClock(Hurried())).change_clock(ClockChange(at=AT, advance_ms=5, freeze=True))
    assert state.now_ms == AT_MS + 5


@pytest.mark.parametrize("at", [AT, AT_MS, "2030-05-17T14:00:00+02:00", "2030-05-17T12:00:00"])
def test_clock_accepts_milliseconds_and_iso_8601(control: Control, at: Any) -> None:
    assert control.call("PUT", "clock", json={"at": at, "freeze": True})["now_ms"] == AT_MS


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "one of real"),
        ({"at": "tomorrow"}, "tomorrow"),
        ({"at": -1}, "1970"),
        ({"at": 10**16}, "1970"),
        ({"at": "9999-12-31T00:00:00Z"}, "8999"),
        ({"advance_ms": 10**18}, "8999"),
        ({"real": True, "advance_ms": -(10**14)}, "1970"),
        ({"advance_ms": "1"}, "advance_ms"),
        ({"frozen": True}, "frozen"),
        ([], "object"),
    ],
)
def test_invalid_time_is_refused_and_changes_nothing(control: Control, body: Any, said: str) -> None:
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    assert said in control.refused("PUT", "clock", json=body)
    assert control.call("GET", "clock")["now_ms"] == AT_MS


def test_time_stamps_follow_the_clock(api: Api, control: Control, pictures: Path) -> None:
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    dataset_id = api.dataset()
    control.call("POST", "wait-idle")
    control.call("PUT", "clock", json={"advance_ms": HOUR_MS})
    sample_id = api.ids(dataset_id)["0.png"]
    api.label(dataset_id, {sample_id: [{"name": "cat"}]})
    control.call("PUT", "clock", json={"advance_ms": HOUR_MS})
    version = api.publish(dataset_id)
    details = api.call("GET", f"/{dataset_id}")
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")
    assert details["create_time"] == AT_MS
    assert details["data_update_time"] == AT_MS
    assert version["create_time"] == version["update_time"] == AT_MS + 2 * HOUR_MS
    assert sample["annotated_by"]
    assert sample["sample_time"] < AT_MS  # the file's own
    [logged] = control.call("GET", "requests?operation=CreateDatasetVersion")["requests"]
    assert logged["time_ms"] == AT_MS + 2 * HOUR_MS
    task = api.call("POST", f"/{dataset_id}/sync-data")
    assert task is None
    control.call("POST", "wait-idle")
    status = api.call("GET", f"/{dataset_id}/sync-data/status")
    assert (status["create_time"], status["duration_time"]) == (AT_MS + 2 * HOUR_MS, 0)


def test_object_times_follow_the_clock(emu: Emulator, api: Api, control: Control, pictures: Path) -> None:
    """Objects and samples that the emulator writes have the clock's time; other files keep their own."""
    dataset_id = api.dataset()
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    data = base64.b64encode(picture()).decode()
    body = {"samples": [{"name": "new.png", "data": data}]}
    uploaded = api.call("POST", f"/{dataset_id}/data-annotations/samples", json=body)["results"][0]["info"]
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{uploaded}")
    assert sample["sample_time"] == AT_MS
    control.call("PUT", "clock", json={"advance_ms": -2 * DAY_MS})
    for name in ("b.png", "c.png"):
        requests.put(f"{emu.url}/bucket/in/{name}", data=picture(50, 50), timeout=10).raise_for_status()
    control.call("POST", "wait-idle")
    answer = requests.head(f"{emu.url}/bucket/in/b.png", timeout=10)
    assert parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp() * 1000 == AT_MS - 2 * DAY_MS
    listed = {each["sample_name"]: each["sample_time"] for each in api.samples(dataset_id)["samples"]}
    assert listed["b.png"] == listed["c.png"] == AT_MS - 2 * DAY_MS
    assert next(iter(listed)) == "new.png"


def test_changed_object_is_noticed_while_the_clock_is_frozen(
    emu: Emulator, api: Api, control: Control, bucket: Path
) -> None:
    dataset_id = api.dataset()
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    sizes = []
    for size in ((50, 40), (40, 50)):
        data = picture(*size) + b"\0" * 10
        data += b"\0" * (1000 - len(data))
        requests.put(f"{emu.url}/bucket/in/a.png", data=data, timeout=10).raise_for_status()
        control.call("POST", "wait-idle")
        [sample] = api.samples(dataset_id)["samples"]
        sizes.append(sample["metadata"]["@modelarts:size"][:2])
    assert sizes == [[50, 40], [40, 50]]


def test_order_of_lists_follows_the_clock(api: Api, control: Control, bucket: Path) -> None:
    """Datasets are ordered by the clock's time of creation, and at the same time by their order of creation."""
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    made = {}
    for name, ahead in (("b", 0), ("c", DAY_MS), ("a", -2 * DAY_MS), ("a2", 0)):
        control.call("PUT", "clock", json={"advance_ms": ahead})
        made[name] = api.create(dataset_name=name, work_path=f"/bucket/{name}/")
    listed = [each["dataset_name"] for each in api.call("GET", "?sort_by=create_time&order=asc")["datasets"]]
    assert listed == ["a", "a2", "b", "c"]
    assert [each["dataset_name"] for each in api.call("GET")["datasets"]] == ["c", "b", "a2", "a"]
    for number in range(5):
        api.create(dataset_name=f"same-{number}", work_path=f"/bucket/{number}/")
    listed = [each["dataset_name"] for each in api.call("GET", "?sort_by=create_time&order=asc")["datasets"]]
    assert [name for name in listed if name.startswith("same")] == [f"same-{number}" for number in range(5)]


def test_tokens_expire_by_the_clock(emu: Emulator, control: Control) -> None:
    control.call("PUT", "clock", json={"freeze": True})
    headers = {"X-Auth-Token": log_in(emu.url)}

    def status() -> int:
        return requests.get(f"{emu.url}/v2/project/datasets", headers=headers, timeout=10).status_code

    control.call("PUT", "clock", json={"advance_ms": DAY_MS - 1})
    assert status() == 200
    control.call("PUT", "clock", json={"advance_ms": 1})
    assert status() == 401
    control.call("PUT", "clock", json={"real": True})
    assert status() == 200


def test_signed_urls_expire_by_the_clock(api: Api, control: Control, pictures: Path) -> None:
    dataset_id = api.dataset()

    def source() -> str:
        return str(api.samples(dataset_id)["samples"][0]["source"])

    def status(url: str) -> int:
        return requests.get(url, timeout=10).status_code

    old = source()
    assert status(old) == 200
    control.call("PUT", "clock", json={"advance_ms": 8 * DAY_MS})
    assert status(old) == 403
    assert status(source()) == 200
    control.call("PUT", "clock", json={"at": "2100-01-01T00:00:00Z", "freeze": True})
    assert status(source()) == 200
    control.call("PUT", "clock", json={"real": True})
    assert status(old) == 200


def test_daily_statistics_follow_the_clock(api: Api, control: Control, bucket: Path) -> None:
    control.call("PUT", "clock", json={"at": AT, "freeze": True})
    dataset_id = api.dataset()
    control.call("PUT", "clock", json={"advance_ms": DAY_MS})
    (bucket / "in/new.png").write_bytes(picture())
    control.call("POST", "wait-idle")
    control.call("PUT", "clock", json={"advance_ms": DAY_MS})
    midnight = AT_MS + DAY_MS // 2 - 1
    total = api.call("GET", f"/{dataset_id}/metrics")["metrics"]["total"]
    assert total == {str(midnight): 0, str(midnight + DAY_MS): 1, str(AT_MS + 2 * DAY_MS): 1}


def test_uptime_does_not_follow_the_clock(control: Control) -> None:
    for at in ("1980-01-01T00:00:00Z", "2080-01-01T00:00:00Z"):
        control.call("PUT", "clock", json={"at": at, "freeze": True})
        assert 0 <= control.call("GET", "health")["uptime_ms"] < HOUR_MS


def test_clock_accepts_the_first_and_the_last_time(emu: Emulator, api: Api, control: Control, pictures: Path) -> None:
    for number, at in enumerate(("1970-01-01T00:00:00Z", "8999-12-31T23:59:59Z")):
        control.call("PUT", "clock", json={"at": at, "freeze": True})
        assert log_in(emu.url)
        dataset_id = api.dataset(dataset_name=f"d{number}", work_path=f"/bucket/{number}/")
        assert requests.get(api.samples(dataset_id)["samples"][0]["source"], timeout=10).status_code == 200
        assert api.publish(dataset_id)["status"] == 1
