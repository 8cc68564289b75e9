"""Each client logs in with the settings that ``modelarts-emulator env --write`` wrote, also in strict mode."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.helpers.cloud import REMOTE, environment, started, unique_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client warns of its own use of Python
    from obs import ObsClient

pytestmark = [
    pytest.mark.skipif(bool(REMOTE), reason="needs a server with settings of its own"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

USERS = {"AUTH": "strict", "USER": 'alice:p\'w "$x":red', "ACCESS_KEY": "AKA:s'k $x:alice"}


@pytest.fixture(scope="module", params=["open", "strict"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("written")
    users = USERS if request.param == "strict" else {}
    with started("--memory", cwd=folder, **users) as server:
        command = [sys.executable, "-m", "modelarts_emulator", "env", "--url", server.url, "--write", str(folder)]
        settings = {f"MODELARTS_EMULATOR_{name}": value for name, value in users.items()}
        subprocess.run(command, env=environment(**settings), check=True, stdout=subprocess.DEVNULL, timeout=60)
        yield folder


def test_sdk_logs_in_with_the_written_profile(written: Path) -> None:
    config = OpenStackConfig(config_files=[str(written / "clouds.yaml")], load_envvars=False)
    with Connection(config=config.get_one("modelarts-emulator")) as cloud:
        assert list(cloud.modelartsv2.datasets()) == []


def test_boto3_reads_the_written_settings(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(written / "aws-config"))
    client = boto3.Session().client("s3")
    name = unique_name()
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-de"})
    client.put_object(Bucket=name, Key="a.txt", Body=b"hello")
    assert client.get_object(Bucket=name, Key="a.txt")["Body"].read() == b"hello"
    client.close()


def test_obs_client_takes_the_written_arguments(written: Path) -> None:
    client = ObsClient(**json.loads((written / "obs.json").read_text()))
    name = unique_name()
    assert client.createBucket(name).status == 200
    assert client.putContent(name, "a.txt", content="hello").status == 200
    client.close()


def test_clients_read_the_written_exports(written: Path) -> None:
    program = """
import os, boto3, openstack, warnings
warnings.simplefilter("ignore")
from obs import ObsClient
assert ObsClient(server=os.environ["OBS_SERVER"], security_provider_policy="ENV").listBuckets().status == 200
assert boto3.client("s3").list_buckets()["Buckets"] is not None
cloud = openstack.connect(vendor_hook="otcextensions.sdk:load")
assert list(cloud.modelartsv2.datasets()) == []
"""
    script = f'. {written}/env.sh && exec {sys.executable} -W ignore -c "$PROGRAM"'
    done = subprocess.run(
        ["sh", "-c", script],
        env=environment(PROGRAM=program),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
