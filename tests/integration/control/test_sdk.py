"""The control API's effects on an unmodified client of the Python SDK."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1.exceptions import ConnectFailure, InternalServerError
from openstack import exceptions
from openstack.utils import iterate_timeout
from otcextensions.sdk.modelartsv2.v2.dataset_label import DatasetLabel
from otcextensions.sdk.modelartsv2.v2.dataset_sample import DatasetSample
from otcextensions.sdk.modelartsv2.v2.dataset_version import DatasetVersion

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.iam.accounts import parse_user
from modelarts_emulator.server import Emulator
from tests.helpers.cloud import connect
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

# The SDK and its dependencies emit warnings about themselves.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]
HOLD = {"mode": "hold"}
HOUR_MS = 3600 * 1000


class SdkSession:
    """The SDK, logged in to an emulator over a folder with three pictures."""

    def __init__(self, emu: Emulator, control: Control, project: str = "demo") -> None:
        self.control = control
        self.cloud = connect(emu.url, project, username="alice", password="pw-a")
        self.api: Any = self.cloud.modelartsv2
        self.api.status_code_retry_delay = self.api.connect_retry_delay = 0.01

    def create(self, name: str = "cats") -> str:
        created = self.api.create_dataset(
            dataset_name=name,
            dataset_type=0,
            data_sources=[{"data_type": 0, "data_path": "/bucket/in/"}],
            work_path="/bucket/out/",
            work_path_type=0,
        )
        return str(created.dataset_id)

    def settled(self, dataset_id: str) -> Any:
        for _ in iterate_timeout(20, "status 1", wait=0.01):
            dataset = self.api.get_dataset(dataset_id)
            if dataset.status == 1:
                return dataset
        return None

    def dataset(self, name: str = "cats") -> str:
        dataset_id = self.create(name)
        self.settled(dataset_id)
        return dataset_id

    def publish(self, dataset_id: str) -> str:
        return str(DatasetVersion.new(dataset_id=dataset_id).create(self.api).version_id)

    def version(self, dataset_id: str, version_id: str) -> Any:
        return DatasetVersion.new(dataset_id=dataset_id, id=version_id).fetch(self.api)

    def samples(self, dataset_id: str) -> dict[str, str]:
        found = DatasetSample.list(self.api, dataset_id=dataset_id, limit=100, paginated=False)
        return {sample.sample_name: sample.sample_id for sample in found}

    def label(self, dataset_id: str, name: str) -> None:
        rows = [{"sample_id": each, "labels": [{"name": name}]} for each in self.samples(dataset_id).values()]
        self.api.put(f"/datasets/{dataset_id}/data-annotations/samples", json={"samples": rows})

    def labels(self, dataset_id: str) -> list[str]:
        return [label.name for label in DatasetLabel.list(self.api, dataset_id=dataset_id)]

    def fault(self, **fault: Any) -> None:
        self.control.call("POST", "faults", 201, json=fault)

    def statuses(self, query: str = "") -> list[int]:
        return [each["status"] for each in self.control.call("GET", f"requests{query}")["requests"]]


@pytest.fixture(params=["open", "strict"])
def settings(request: pytest.FixtureRequest, settings: Settings, pictures: Path) -> Settings:
    if request.param == "open":
        return settings
    users = (parse_user("alice:pw-a:demo"),)
    return Settings(port=0, data_dir=settings.data_dir, buckets=settings.buckets, auth="strict", users=users)


@pytest.fixture
def sdk(emu: Emulator, control: Control, settings: Settings) -> Iterator[SdkSession]:
    if settings.strict:
        assert settings.data_dir
        control.session.headers["X-Emulator-Key"] = (settings.data_dir / "control-key").read_text().strip()
    made = SdkSession(emu, control)
    yield made
    made.cloud.close()


# Faults


def test_sdk_retries_when_the_service_is_unavailable(sdk: SdkSession) -> None:
    sdk.api.status_code_retries = 3
    sdk.fault(operation="ListDatasets", status=503, times=2)
    assert list(sdk.api.datasets()) == []
    assert sdk.statuses("?operation=ListDatasets") == [503, 503, 200]


def test_sdk_gives_up_after_its_retries(sdk: SdkSession) -> None:
    sdk.api.status_code_retries = 2
    sdk.fault(operation="ListDatasets", status=503)
    with pytest.raises(exceptions.HttpException) as failure:
        list(sdk.api.datasets())
    assert failure.value.status_code == 503
    assert sdk.statuses("?operation=ListDatasets") == [503] * 3


def test_sdk_retries_when_the_connection_is_closed(sdk: SdkSession) -> None:
    dataset_id = sdk.dataset()
    sdk.fault(operation="DescDataset", cut="before", times=2)
    sdk.api.connect_retries = 3
    assert sdk.api.get_dataset(dataset_id).id == dataset_id
    assert sdk.statuses("?operation=DescDataset")[-3:] == [0, 0, 200]
    sdk.fault(operation="DescDataset", cut="after")
    sdk.api.connect_retries = 0
    with pytest.raises(ConnectFailure):
        sdk.api.get_dataset(dataset_id)


def test_sdk_reports_an_injected_error_as_one_of_the_service(sdk: SdkSession) -> None:
    dataset_id = sdk.dataset()
    sdk.fault(operation="DescDataset", error="DATASET_NOT_FOUND")
    with pytest.raises(exceptions.BadRequestException, match=r"4352|not exist"):
        sdk.api.get_dataset(dataset_id)


def test_sdk_reports_a_failed_login(sdk: SdkSession) -> None:
    sdk.fault(service="iam", method="POST", status=500, times=1)
    sdk.cloud.session.invalidate()
    with pytest.raises(InternalServerError):
        list(sdk.api.datasets())
    assert list(sdk.api.datasets()) == []


# Transitions


def test_sdk_waits_until_a_held_version_is_released(sdk: SdkSession) -> None:
    dataset_id = sdk.dataset()
    project = sdk.control.call("GET", "requests?operation=CreateDataset")["requests"][0]["project_id"]
    sdk.control.call("PUT", f"transitions?project_id={project}", json={"publish": HOLD})
    version_id = sdk.publish(dataset_id)
    poll(lambda: sdk.control.call("GET", "transitions")["held"], "held")
    assert [sdk.version(dataset_id, version_id).status for _ in range(3)] == [0, 0, 0]
    assert sdk.api.get_dataset(dataset_id).status == 6
    sdk.control.call("PUT", f"transitions?project_id={project}", json={})
    assert poll(lambda: (v := sdk.version(dataset_id, version_id)).status == 1 and v).manifest_path


def test_sdk_waits_for_the_number_of_polls(sdk: SdkSession) -> None:
    sdk.control.call("PUT", "transitions", json={"sync": {"mode": "polls", "polls": 2, "before": "COMPLETED"}})
    dataset_id = sdk.create()
    poll(lambda: sdk.control.call("GET", "transitions")["held"], "held")
    seen = []
    for _ in iterate_timeout(20, "status 1", wait=0.01):
        seen.append(sdk.api.get_dataset(dataset_id).status)
        if seen[-1] == 1:
            break
    assert seen[:2] == [5, 5]


def test_sdk_reports_a_version_that_fails(sdk: SdkSession) -> None:
    dataset_id = sdk.dataset()
    sdk.control.call("PUT", "transitions", json={"publish": {"mode": "fail", "code": "ModelArts.4712"}})
    version_id = sdk.publish(dataset_id)
    version = poll(lambda: (v := sdk.version(dataset_id, version_id)).status != 0 and v, "failed")
    assert version.status == 4
    assert sdk.settled(dataset_id)


# Clock


def test_sdk_logs_in_again_when_its_token_expires(sdk: SdkSession) -> None:
    assert list(sdk.api.datasets()) == []
    sdk.control.call("DELETE", "requests", 204)
    sdk.control.call("PUT", "clock", json={"advance_ms": 23 * HOUR_MS})
    assert list(sdk.api.datasets()) == []
    assert sdk.statuses() == [200]
    sdk.control.call("PUT", "clock", json={"advance_ms": HOUR_MS})
    assert list(sdk.api.datasets()) == []
    assert sdk.statuses() == [200, 401, 201, 200]


def test_sdk_reads_time_stamps_of_the_clock(sdk: SdkSession) -> None:
    sdk.control.call("PUT", "clock", json={"at": "2031-01-01T00:00:00Z", "freeze": True})
    sdk.cloud.session.invalidate()  # the token of before is not valid for so long
    dataset = sdk.settled(sdk.create())
    assert dataset.create_time == 1_924_992_000_000


# Ids


def test_sdk_gets_the_same_ids_after_the_same_seed(sdk: SdkSession) -> None:
    seen = []
    for _ in range(2):
        sdk.control.call("POST", "reset")
        sdk.control.call("PUT", "ids", json={"seed": "again"})
        dataset_id = sdk.dataset()
        seen.append((dataset_id, sdk.samples(dataset_id), sdk.publish(dataset_id)))
        sdk.settled(dataset_id)
    assert seen[0] == seen[1]


# Snapshots


def test_sdk_finds_the_state_of_a_restored_snapshot(sdk: SdkSession) -> None:
    dataset_id = sdk.dataset()
    sdk.label(dataset_id, "cat")
    version_id = sdk.publish(dataset_id)
    sdk.control.call("PUT", "snapshots/labelled")
    before = sdk.settled(dataset_id).to_dict()
    sdk.label(dataset_id, "dog")
    sdk.api.delete_dataset(dataset_id)
    sdk.dataset("others")
    sdk.control.call("POST", "snapshots/labelled")
    assert [dataset.id for dataset in sdk.api.datasets()] == [dataset_id]
    assert sdk.labels(dataset_id) == ["cat"]
    assert len(sdk.samples(dataset_id)) == 3
    assert sdk.version(dataset_id, version_id).status == 1
    after = sdk.api.get_dataset(dataset_id).to_dict()
    assert {name: value for name, value in after.items() if before[name] != value} == {}


# The log


def test_sdk_requests_are_logged_without_secrets(sdk: SdkSession) -> None:
    sdk.dataset()
    found = sdk.control.call("GET", "requests?operation=CreateDataset")["requests"]
    assert found[0]["request"]["headers"]["x-auth-token"] == "***"
    assert "openstacksdk" in found[0]["request"]["headers"]["user-agent"]
    text = sdk.control.send("GET", "requests").text
    assert "pw-a" not in text
    token = sdk.cloud.session.get_token()
    assert token
    assert token not in text


def test_sdk_finds_files_that_were_added(sdk: SdkSession, bucket: Path) -> None:
    dataset_id = sdk.dataset()
    (bucket / "in/late.png").write_bytes(picture())
    sdk.control.call("POST", "wait-idle")
    assert sorted(sdk.samples(dataset_id)) == ["0.png", "1.png", "2.png", "late.png"]
