"""Push datasets from one emulator to a second one in strict mode, as to the real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator import AccessKey, Emulator, User
from modelarts_emulator.cli.main import main
from tests.helpers.api import Api
from tests.helpers.pictures import picture

USER = User("me", password="my-password")


@pytest.fixture
def source() -> Iterator[Emulator]:
    """An emulator with pictures and texts, some of them labelled."""
    with Emulator() as emulator:
        for folder in ("in", "out", "texts", "texts-out"):
            (emulator.create_bucket("bucket") / folder).mkdir()
        for number in range(3):
            (emulator.path("bucket") / f"in/a {number}.png").write_bytes(picture(16 + number))
        (emulator.path("bucket") / "texts/t.txt").write_text("first\nsecond\n", "utf-8")
        api = Api(emulator.url, "demo")
        pictures = api.dataset(dataset_name="pictures", dataset_type=1)
        box = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [9, 9]]}
        api.label(pictures, {api.ids(pictures)["a 1.png"]: [{"name": "cat", "type": 1, "property": box}]})
        texts = api.dataset(
            dataset_name="texts",
            dataset_type=100,
            data_sources=[{"data_type": 0, "data_path": "/bucket/texts/"}],
            work_path="/bucket/texts-out/",
        )
        second = next(each for each in api.samples(texts)["samples"] if each["source"].endswith("second"))
        api.label(texts, {second["sample_id"]: [{"name": "ordinal", "type": 100}]})
        api.session.close()
        yield emulator


@pytest.fixture
def service() -> Iterator[Emulator]:
    """A strict emulator with an empty bucket of another name, in place of the real service."""
    keys = (AccessKey("MYACCESSKEY", "my-secret-key", "me"),)
    with Emulator(auth="strict", users=(USER,), access_keys=keys, control_key="control-key") as emulator:
        emulator.create_bucket("real-bucket")
        for folder in ("in", "out", "texts", "texts-out"):
            (emulator.path("real-bucket") / folder).mkdir()
        yield emulator


@pytest.fixture
def clouds(tmp_path: Path, service: Emulator) -> Path:
    """A ``clouds.yaml`` with two profiles: with an access key, and with a password alone."""
    auth = f"""
      auth_url: {service.url}/v3
      username: me
      password: my-password
      project_name: my-project
      user_domain_name: local"""
    file = tmp_path / "clouds.yaml"
    file.write_text(
        f"clouds:\n  real:\n    auth:{auth}\n    ak: MYACCESSKEY\n    sk: my-secret-key\n    region_name: eu-de\n"
        f"  by-token:\n    auth:{auth}\n    region_name: eu-de\n"
    )
    return file


class Service:
    """The data-management API of the strict emulator, with a login."""

    def __init__(self, url: str) -> None:
        user = {"name": "me", "password": "my-password", "domain": {"name": "local"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": {"project": {"name": "my-project"}}}}
        answer = requests.post(f"{url}/v3/auth/tokens", json=body, timeout=30)
        self.api = Api(url, answer.json()["token"]["project"]["id"])
        self.api.session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]

    def dataset(self, name: str) -> dict[str, Any]:
        [found] = [each for each in self.api.call("GET")["datasets"] if each["dataset_name"] == name]
        return dict(found)

    def labels(self, name: str) -> dict[str, list[str]]:
        samples = self.api.samples(self.dataset(name)["dataset_id"])["samples"]
        return {
            each["source"] if each["source"].startswith("content://") else each["sample_name"]: [
                label["name"] for label in each.get("labels", [])
            ]
            for each in samples
        }


@pytest.fixture
def answers(service: Emulator) -> Iterator[Service]:
    made = Service(service.url)
    yield made
    made.api.session.close()


@pytest.mark.parametrize("profile", ["real", "by-token"])
def test_push_to_a_strict_service_repeats_files_labels_and_annotations(
    source: Emulator, service: Emulator, clouds: Path, answers: Service, profile: str
) -> None:
    command = ["push", "--cloud", profile, "--clouds-file", str(clouds), "--url", source.url]
    assert main([*command, "--rename-bucket", "bucket=real-bucket"]) == 0
    assert answers.labels("pictures") == {"a 0.png": [], "a 1.png": ["cat"], "a 2.png": []}
    assert answers.labels("texts") == {"content://first": [], "content://second": ["ordinal"]}
    assert (service.path("real-bucket") / "in/a 2.png").read_bytes() == picture(18)
    assert answers.dataset("pictures")["work_path"] == "/real-bucket/out/"


def test_second_push_changes_nothing(
    source: Emulator, clouds: Path, answers: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["push", "--cloud", "real", "--clouds-file", str(clouds), "--url", source.url, "pictures"]
    command += ["--rename-bucket", "bucket=real-bucket"]
    assert main(command) == 0
    before = answers.dataset("pictures")
    capsys.readouterr()
    assert main(command) == 0
    assert "pictures: exists, left as it is" in capsys.readouterr().out
    assert answers.dataset("pictures") == before


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--cloud", "no-such"], 2, "has no cloud 'no-such'"),
        (["--cloud", "real"], 1, "bucket bucket does not exist"),
        (["--cloud", "real", "no-such-dataset"], 1, "there is no dataset 'no-such-dataset'"),
    ],
)
def test_push_that_cannot_work_says_why_and_changes_nothing(
    source: Emulator,
    clouds: Path,
    answers: Service,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    text: str,
) -> None:
    assert main(["push", "--clouds-file", str(clouds), "--url", source.url, *arguments]) == code
    assert text in capsys.readouterr().err
    assert answers.api.call("GET")["total_number"] == 0


def test_push_with_a_wrong_password_is_refused(
    source: Emulator, clouds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clouds.write_text(clouds.read_text().replace("my-password", "wrong"))
    assert main(["push", "--cloud", "real", "--clouds-file", str(clouds), "--url", source.url]) == 1
    assert "me cannot log in" in capsys.readouterr().err


def test_push_of_a_table_imports_its_rows(source: Emulator, service: Emulator, clouds: Path, answers: Service) -> None:
    for emulator, bucket in ((source, "bucket"), (service, "real-bucket")):
        for folder in ("table", "table-out"):
            (emulator.path(bucket) / folder).mkdir()
    (source.path("bucket") / "table/sub").mkdir()
    (source.path("bucket") / "table/sub/t.csv").write_text("a,b\n1,2\n", "utf-8")
    api = Api(source.url, "demo")
    api.dataset(
        dataset_name="table",
        dataset_type=400,
        data_sources=[{"data_type": 0, "data_path": "/bucket/table/"}],
        work_path="/bucket/table-out/",
    )
    api.session.close()
    command = ["push", "--cloud", "real", "--clouds-file", str(clouds), "--url", source.url]
    assert main([*command, "--rename-bucket", "bucket=real-bucket", "table"]) == 0
    (sample,) = answers.api.samples(answers.dataset("table")["dataset_id"])["samples"]
    assert sample["sample_data"] == ["1", "2"]
    assert (service.path("real-bucket") / "table/sub/t.csv").read_text("utf-8") == "a,b\n1,2\n"
