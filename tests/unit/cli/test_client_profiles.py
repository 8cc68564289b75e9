import json
import os
import stat
import subprocess
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from modelarts_emulator.__main__ import main
from modelarts_emulator.cli import client_profiles
from modelarts_emulator.cli.client_profiles import Login
from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.iam.accounts import AccessKey, AccountProject, User

ODD = "p'w\"$ `x` %(a)s\\ :#"
ALICE = User("alice", password=ODD, project=AccountProject.named("red"))
KEY = AccessKey("AK", "s k'\"", "alice")
LOGIN = Login("http://host:1", ALICE, KEY)
KEYLESS = replace(LOGIN, key=None)


def test_clouds_yaml_has_user_and_project() -> None:
    profile = yaml.safe_load(client_profiles.clouds_yaml(LOGIN))["clouds"]["modelarts-emulator"]
    assert profile["auth"] == {
        "auth_url": "http://host:1/v3",
        "username": "alice",
        "password": ODD,
        "project_name": "red",
        "user_domain_name": "local",
        "project_domain_name": "local",
    }
    assert profile["vendor_hook"] == "otcextensions.sdk:load"


def test_shell_exports_are_read_by_a_shell(tmp_path: Path) -> None:
    script = client_profiles.shell_exports(LOGIN, tmp_path) + "env -0"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    found = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if line)
    assert (found["OS_AUTH_URL"], found["OS_PASSWORD"], found["OS_PROJECT_NAME"]) == ("http://host:1/v3", ODD, "red")
    assert (found["AWS_SECRET_ACCESS_KEY"], found["AWS_ENDPOINT_URL_S3"]) == (KEY.secret, "http://host:1")
    assert (found["OBS_SECRET_ACCESS_KEY"], found["OBS_SERVER"]) == (KEY.secret, "http://host:1")
    assert (found["AWS_CONFIG_FILE"], found["OS_CLIENT_CONFIG_FILE"]) == (
        str(tmp_path / "aws-config"),
        str(tmp_path / "clouds.yaml"),
    )


def test_object_storage_files_have_url_and_keys() -> None:
    aws = RawConfigParser()
    aws.read_string(client_profiles.aws_config(LOGIN))
    assert (aws["default"]["endpoint_url"], aws["default"]["aws_secret_access_key"]) == ("http://host:1", KEY.secret)
    assert json.loads(client_profiles.obs_json(LOGIN)) == {
        "access_key_id": "AK",
        "secret_access_key": KEY.secret,
        "server": "http://host:1",
        "path_style": True,
    }
    assert client_profiles.obsutil_config(LOGIN) == f"endpoint=http://host:1\nak=AK\nsk={KEY.secret}\n"


def test_profiles_without_access_key_say_so() -> None:
    for make in (client_profiles.shell_exports, client_profiles.aws_config, client_profiles.obsutil_config):
        assert "No --access-key is configured" in make(KEYLESS)
    assert set(json.loads(client_profiles.obs_json(KEYLESS))) == {"server", "path_style"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), Login("http://127.0.0.1:8765")),
        (Settings(host="0.0.0.0", port=1), Login("http://127.0.0.1:1")),
        (Settings(host="::", port=1), Login("http://[::1]:1")),
        (Settings(public_url="https://far.example"), Login("https://far.example")),
        (
            Settings(auth="strict", users=(ALICE,), access_keys=(AccessKey("AX", "x", "alice"), KEY)),
            Login("http://127.0.0.1:8765", ALICE, AccessKey("AX", "x", "alice")),
        ),
        (Settings(auth="strict", users=(ALICE,)), Login("http://127.0.0.1:8765", ALICE, None)),
    ],
)
def test_login_follows_settings(settings: Settings, expected: Login) -> None:
    assert client_profiles.login(settings) == expected


def test_login_reads_the_ready_file(tmp_path: Path) -> None:
    settings = Settings(port=0, ready_file=tmp_path / "ready")
    with pytest.raises(UsageError, match="ready: No such file"):
        client_profiles.login(settings)
    (tmp_path / "ready").write_text("http://127.0.0.1:4711\n")
    assert client_profiles.login(settings).url == "http://127.0.0.1:4711"
    with pytest.raises(UsageError, match="--url"):
        client_profiles.login(Settings(port=0))


def test_write_all_files_are_private(tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").touch(mode=0o666)
    files = client_profiles.write_all(LOGIN, tmp_path)
    assert {file.name for file in files} == {file.name for file in tmp_path.iterdir()}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_env_prints_formats_or_writes_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELARTS_EMULATOR_USER", "alice:pw:red")
    for arguments, wanted in {
        (): "export OS_USERNAME=alice",
        ("--format", "shell"): "export MODELARTS_EMULATOR_URL=http://127.0.0.1:4711",
        ("--format", "dotenv"): "OS_USERNAME=alice",
        ("--format", "json"): '"OS_USERNAME": "alice"',
        ("--json",): '"OS_USERNAME": "alice"',
        ("--format", "yaml"): "clouds:",
        ("--terraform",): 'provider "huaweicloud" {',
        ("--format", "aws"): "endpoint_url = http://127.0.0.1:4711",
        ("--format", "obs"): '"server"',
        ("--format", "obsutil"): "ak=demo",
    }.items():
        assert main(["env", "--port", "4711", *arguments]) == 0
        assert wanted in capsys.readouterr().out
    assert main(["env", "--url", "http://x:1/", "--write", str(tmp_path / "new/folder")]) == 0
    names = [Path(line).name for line in capsys.readouterr().out.splitlines()]
    assert names == ["clouds.yaml", "env.sh", "aws-config", "obs.json", "obsutilconfig"]
    assert '"http://x:1/v3"' in (tmp_path / "new/folder/clouds.yaml").read_text()


def test_env_unwritable_directory_prints_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["env", "--write", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"modelarts-emulator: cannot write into {tmp_path}/file: File exists\n"
    assert main(["environ"]) == 2
    assert "unknown command 'environ'; did you mean 'env'?" in capsys.readouterr().err
