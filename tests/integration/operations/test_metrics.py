"""Monitoring data over HTTP, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.clocks import SetClock
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

DAY_MS = 24 * 60 * 60 * 1000
NOON = 19_000 * DAY_MS + DAY_MS // 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    moved = SetClock(NOON)
    monkeypatch.setattr("modelarts_emulator.server.Runtime", lambda settings: Runtime(settings, clock=moved))
    return moved


@pytest.fixture
def emu(clock: SetClock, settings: Settings) -> Iterator[Emulator]:
    with Emulator(settings) as emulator:
        yield emulator


def metrics(api: Api, dataset_id: str, query: str = "") -> Any:
    return api.call("GET", f"/{dataset_id}/metrics{query}")["metrics"]


def test_metrics_of_a_day_are_its_last_counts(api: Api, bucket: Path, clock: SetClock) -> None:
    (bucket / "in/1.png").write_bytes(picture())
    dataset_id = api.dataset()
    assert metrics(api, dataset_id)["total"] == {str(NOON): 1}
    clock.ms = NOON + DAY_MS  # the second day: a label, and another picture
    api.label(dataset_id, {api.ids(dataset_id)["1.png"]: [{"name": "cat"}]})
    (bucket / "in/2.png").write_bytes(picture())
    poll(lambda: api.samples(dataset_id)["sample_count"] == 2, "two samples")
    clock.ms = NOON + 3 * DAY_MS  # the fourth: nothing on the third
    midnights = [str((19_000 + n) * DAY_MS + DAY_MS - 1) for n in range(3)]
    found = metrics(api, dataset_id)
    assert found["total"] == dict(zip([*midnights, str(clock.ms)], (1, 2, 2, 2), strict=True))
    assert list(found["manual_annotation"].values()) == [0, 1, 1, 1]
    assert list(found["un_annotation"].values()) == [1, 1, 1, 1]
    assert {name for name, days in found.items() if not days} == {
        "failed",
        "failed_system",
        "failed_user",
        "queuing",
        "success",
        "unfinished",
    }
    some = metrics(api, dataset_id, f"?start_time={NOON + DAY_MS}&end_time={NOON + 2 * DAY_MS}")
    assert list(some["total"]) == midnights[1:]
    assert metrics(api, dataset_id, f"?start_time={NOON + 9 * DAY_MS}&end_time={NOON + 10 * DAY_MS}")["total"] == {}
    assert metrics(api, dataset_id, "?end_time=1")["total"] == {}


def test_metrics_with_bad_times_are_refused(api: Api) -> None:
    dataset_id = api.dataset()
    assert api.refused("GET", f"/{dataset_id}/metrics?start_time=2&end_time=1") == "ModelArts.4396"
    assert api.refused("GET", f"/{dataset_id}/metrics?start_time=x&end_time=1") == "ModelArts.4396"
    assert api.refused("GET", "/nothing/metrics?start_time=1&end_time=2") == "ModelArts.4352"
