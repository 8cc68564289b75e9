"""python-openstackclient with the commands of otcextensions, as subprocesses, with nothing but the written profile.

Nine of its commands go through the SDK's calls that build a wrong URL by themselves (``test_otcextensions`` has their
working form): they end before a request is sent, whatever the server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.cloud import Bucket, connect, environment, unique_name
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning", "ignore::DeprecationWarning")

Done = subprocess.CompletedProcess


class Openstack:
    """The command line with a written profile, and the SDK for calls without a command."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "modelarts_emulator", "env", "--url", url, "--write", str(folder)]
        subprocess.run(command, env=environment(), check=True, timeout=60, stdout=subprocess.DEVNULL)
        self.environment = environment(
            OS_CLIENT_CONFIG_FILE=str(folder / "clouds.yaml"), OS_CLOUD="modelarts-emulator", COLUMNS="1000"
        )
        self.bucket = Bucket(url, unique_name())
        self.cloud = connect(url)
        self.api = self.cloud.modelartsv2

    def close(self) -> None:
        self.cloud.close()
        self.bucket.remove()

    def run(self, *arguments: str, given: str | None = None) -> Done[str]:
        """Run ``openstack …``."""
        return subprocess.run(
            [sys.executable, "-m", "openstackclient.shell", *arguments],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def all(self, *commands: Sequence[str]) -> list[Any]:
        """Run several ``ma dataset …`` at once, and return what each prints, read as JSON.

        Most of the time each only loads its modules.
        """
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda command: self.run("ma", "dataset", *command, "-f", "json"), commands))
        assert [each.returncode for each in done] == [0] * len(done), [each.stderr for each in done]
        return [json.loads(each.stdout) for each in done]

    def dataset(self) -> Any:
        """Make a dataset over two pictures of its own, without the command line."""
        name = unique_name("dataset")
        place = self.pictures(name)
        made = self.api.create_dataset(
            dataset_name=name,
            dataset_type=0,
            description="two of them",
            data_sources=[{"data_type": 0, "data_path": place}],
            work_path=f"/{self.bucket.name}/out/",
            work_path_type=0,
        )
        return self.settled(made.id)

    def pictures(self, name: str) -> str:
        """Put two pictures into a directory, and return its path."""
        for picture_name in ("a.png", "b.png"):
            self.bucket.put(f"{name}/{picture_name}", picture())
        return f"/{self.bucket.name}/{name}/"

    def settled(self, dataset_id: str) -> Any:
        return poll(lambda: (d := self.api.get_dataset(dataset_id)).status == 1 and d, "status 1")

    def samples(self, dataset_id: str) -> dict[str, str]:
        rows = self.api.get(f"/datasets/{dataset_id}/data-annotations/samples?limit=100").json()["samples"]
        return {row["sample_name"]: row["sample_id"] for row in rows}

    def imported(self, dataset_id: str) -> str:
        self.bucket.put("more/c.png", picture())
        place = f"/{self.bucket.name}/more/"
        task = self.api.create_dataset_import_task(dataset_id, import_path=place, import_type=0).task_id
        poll(lambda: self.api.get_dataset_import_task(dataset_id, task).status == "COMPLETED", "imported")
        return str(task)

    def exported(self, dataset_id: str) -> str:
        place = f"/{self.bucket.name}/export/"
        task = self.api.create_dataset_export_task(dataset_id, path=place, export_type=2, export_format=2).task_id
        poll(lambda: self.api.get_dataset_export_task(dataset_id, task).progress == 100, "exported")
        return str(task)


@pytest.fixture(scope="module")
def openstack(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openstack]:
    made = Openstack(url, tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


SHOWN = ["list", "show", "sync status", "import task list", "import task show", "export task list", "export task show"]
CHANGES = ["create", "update", "sync", "sample delete", "delete"]
BROKEN = [
    "label list",
    "sample add",
    "sample list",
    "sample show",
    "statistics",
    "version create",
    "version delete",
    "version list",
    "version show",
]


def test_every_command_is_tested() -> None:
    there = entry_points(group="openstack.modelartsv2.v2").names
    assert {name.removeprefix("ma_dataset_").replace("_", " ") for name in there} == {*SHOWN, *CHANGES, *BROKEN}


def test_dataset_create_and_find(openstack: Openstack) -> None:
    name, bucket = unique_name("dataset"), openstack.bucket.name
    place = f"data_type=0,data_path={openstack.pictures(name)}"
    options = ["--dataset-type", "0", "--data-source", place, "--work-path", f"/{bucket}/out/", "--import-annotations"]
    (created,) = openstack.all(["create", name, "--description", "good", *options])
    assert (created["dataset_name"], created["description"], created["work_path"]) == (name, "good", f"/{bucket}/out/")
    openstack.settled(created["dataset_id"])
    listed, shown = openstack.all(["list", "--search-content", name, "--with-labels"], ["show", name])
    assert [(row["Dataset Id"], row["Dataset Name"], row["Total Sample Count"]) for row in listed] == [
        (created["dataset_id"], name, 2)
    ]
    assert (shown["dataset_id"], shown["description"], shown["status"]) == (created["dataset_id"], "good", 1)


def test_tasks_list_and_show(openstack: Openstack) -> None:
    dataset = openstack.dataset()
    task, export = openstack.imported(dataset.id), openstack.exported(dataset.id)
    imports, an_import, exports, an_export = openstack.all(
        ["import", "task", "list", dataset.id],
        ["import", "task", "show", dataset.id, task],
        ["export", "task", "list", dataset.id],
        ["export", "task", "show", dataset.id, export],
    )
    assert task in [row["Task Id"] for row in imports]
    assert (an_import["status"], an_import["imported_sample_count"]) == ("COMPLETED", 1)
    assert [row["Task Id"] for row in exports] == [export]
    assert (an_export["total_sample_count"], an_export["finished_sample_count"]) == (3, 3)


def test_dataset_change_and_synchronize(openstack: Openstack) -> None:
    dataset = openstack.dataset()
    sample = openstack.samples(dataset.id)["a.png"]
    assert openstack.run("ma", "dataset", "sync", dataset.name).returncode == 0
    status, updated, deleted = openstack.all(
        ["sync", "status", dataset.name],
        ["update", dataset.name, "--description", "one left"],
        ["sample", "delete", dataset.name, sample],
    )
    assert (status["dataset_id"], status["total_sample_count"]) == (dataset.id, 2)
    assert updated["description"] == "one left"
    assert deleted["success"] is True
    details = openstack.api.get_dataset(dataset.id)
    assert (details.description, details.total_sample_count) == ("one left", 1)


def test_dataset_delete(openstack: Openstack) -> None:
    dataset = openstack.dataset()
    done = openstack.run("ma", "dataset", "delete", dataset.name)
    assert (done.returncode, done.stderr) == (0, "")
    assert openstack.api.find_dataset(dataset.name) is None
    assert f"{dataset.name}/b.png" in openstack.bucket.keys(f"{dataset.name}/")
    again = openstack.run("ma", "dataset", "show", dataset.name)
    assert (again.returncode, again.stderr.strip()) == (1, f"No Dataset found for {dataset.name}")


def test_written_exports_configure_the_client(openstack: Openstack) -> None:
    dataset = openstack.dataset()
    script = f". {openstack.folder}/env.sh && {sys.executable} -m openstackclient.shell ma dataset list -f value"
    done = subprocess.run(
        ["sh", "-c", script], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert dataset.id in done.stdout, done.stderr


@pytest.fixture(scope="module")
def tried(openstack: Openstack) -> dict[str, str]:
    """Return the output of each of the nine, in one session of the command line."""
    (openstack.folder / "new.png").write_bytes(picture())
    dataset = openstack.dataset()
    rest = {
        "sample add": f"--file-path {openstack.folder}/new.png",
        "sample show": openstack.samples(dataset.id)["b.png"],
        "version delete": "0" * 19,
        "version show": "0" * 19,
    }
    session = "".join(f"ma dataset {name} {dataset.id} {rest.get(name, '')}\n" for name in BROKEN)
    done = openstack.run(given=session + "exit\n")
    lines = done.stderr.splitlines()
    assert len(lines) == len(BROKEN), (done.stdout, done.stderr)
    return dict(zip(BROKEN, lines, strict=True))


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="the SDK below the command builds a wrong URL by itself")
@pytest.mark.parametrize("name", BROKEN)
def test_commands_that_fail_before_a_request(tried: dict[str, str], name: str) -> None:
    assert tried[name] != "'dataset_id'"
