"""Commands for a running emulator: reset, snapshots, seeds at startup, coverage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.cli.main import main
from modelarts_emulator.config.settings import read_settings
from modelarts_emulator.control.request_log.log import OPERATIONS
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.shell import Shell

pytestmark = pytest.mark.slow

Run = Callable[..., Any]


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def api(emu: Emulator) -> Iterator[Api]:
    emu.create_bucket("bucket")
    for name in ("in", "out"):
        (emu.path("bucket/") / name).mkdir()
    (emu.path("bucket/in/") / "a.png").write_bytes(picture())
    client = Api(emu.url)
    yield client
    client.session.close()


@pytest.fixture
def run(emu: Emulator, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str, code: int = 0) -> Any:
        assert main([*words, "--json", "--url", emu.url]) == code
        out, err = capsys.readouterr()
        if code:
            assert out == "" and err.count("\n") == 1 and err.startswith("modelarts-emulator: ")
            return err
        return json.loads(out)

    return command


def test_reset_deletes_everything_or_one_project(run: Run, api: Api, emu: Emulator) -> None:
    other = Api(emu.url, "other")
    api.dataset()
    other.dataset(work_path="/bucket/other/")
    assert run("reset", "--project", "other") == {"datasets": 1, "buckets": 0}
    assert (api.call("GET")["total_number"], other.call("GET")["total_number"]) == (1, 0)
    assert run("reset", "--keep-objects") == {"datasets": 1, "buckets": 0}
    assert emu.path("bucket/in/a.png").exists()
    assert run("reset") == {"datasets": 0, "buckets": 1}
    other.session.close()


def test_snapshot_is_saved_listed_restored_and_deleted(run: Run, api: Api, emu: Emulator) -> None:
    dataset_id = api.dataset()
    kept = run("snapshot", "before")
    assert (kept["name"], kept["datasets"], kept["files"]) == ("before", 1, 1)
    assert run("snapshot")["snapshots"] == [kept]
    run("reset")
    assert run("restore", "before")["datasets"] == 1
    assert api.ready(dataset_id)["total_sample_count"] == 1
    assert run("snapshot", "before", "--delete") == {"deleted": "before"}
    assert run("snapshot")["snapshots"] == []
    assert "There is no such snapshot" in run("restore", "before", code=1)
    assert run("snapshot", "bare", "--without-objects")["objects"] is False


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_restore_file_of_another_emulator(run: Run, api: Api, tmp_path: Path, kind: str) -> None:
    dataset_id = api.dataset()
    place = tmp_path / "to share.zip"
    run("snapshot", "shared", "--to", str(place))
    if kind == "folder":
        with zipfile.ZipFile(place) as archive:
            archive.extractall(tmp_path / "unpacked")
        place = tmp_path / "unpacked"
    with Emulator() as other:
        assert main(["restore", "--quiet", "--url", other.url, str(place)]) == 0
        there = Api(other.url)
        assert there.ready(dataset_id)["total_sample_count"] == 1
        there.session.close()


def test_restore_invalid_file_changes_nothing(run: Run, api: Api, tmp_path: Path) -> None:
    dataset_id = api.dataset()
    (tmp_path / "odd.zip").write_bytes(b"PK but no archive")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", "x")
    for name in ("odd.zip", "evil.zip"):
        assert "request failed: " in run("restore", str(tmp_path / name), code=1)
    assert "No such file" in run("restore", str(tmp_path / "none.zip"), code=2)
    assert "cannot write" in run("snapshot", "kept", "--to", str(tmp_path / "no/such/folder.zip"), code=2)
    assert api.ready(dataset_id)["total_sample_count"] == 1
    assert not (tmp_path.parent / "evil").exists()


def test_control_key_from_option_or_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--memory", "--port", "0", "--auth", "strict", "--user", "ada:secret", "--control-key", "of-the-test"]
    with Emulator(read_settings(words, {})) as emu:
        command = ["reset", "--url", emu.url]
        assert main(command) == 1
        assert main([*command, "--control-key", "another-key"]) == 1
        assert "control key" in capsys.readouterr().err
        assert main([*command, "--control-key", "of-the-test"]) == 0
        monkeypatch.setenv("MODELARTS_EMULATOR_CONTROL_KEY", "of-the-test")
        assert main(command) == 0


def test_control_key_generated_is_read_from_data_directory(shell: Shell) -> None:
    shell.detached("--auth", "strict", "--user", "ada:secret")
    assert shell.json("reset") == {"datasets": 0, "buckets": 0}
    (shell.folder / "emulator-data/control-key").rename(shell.folder / "kept")
    assert "control key" in shell.run("reset", code=1)
    assert shell.run("stop", "--quiet") == ""
    url = shell.detached("--memory", "--auth", "strict", "--user", "ada:secret")["url"]
    assert shell.json("reset", "--url", url) == {"datasets": 0, "buckets": 0}
    (key,) = (shell.folder / "tmp").glob("*/control-key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert shell.run("stop", "--quiet", "--url", url) == ""
    assert list((shell.folder / "tmp").iterdir()) == []


def test_start_with_seeds_creates_them_once(shell: Shell) -> None:
    for name in ("cat/a.png", "dog/b.png"):
        (shell.folder / "pets" / name).parent.mkdir(parents=True)
        (shell.folder / "pets" / name).write_bytes(picture())
    seen = []
    for _ in range(2):
        started = shell.detached("--seed", "pets")
        if not seen:  # the requests of the seed itself are not logged
            assert " ms request " not in (shell.folder / "emulator-data/emulator.log").read_text()
            assert requests.get(f"{started['url']}/_emulator/requests", timeout=10).json()["requests"] == []
        api = Api(started["url"], "demo")
        (dataset,) = api.call("GET")["datasets"]
        seen.append((dataset["dataset_id"], dataset["annotated_sample_count"]))
        api.session.close()
        shell.run("snapshot", "seeded", "--to", "seeded.zip")
        shell.run("stop")
    assert seen[0] == seen[1] and seen[0][1] == 2
    shutil.rmtree(shell.folder / "pets")
    for _ in range(2):
        shell.detached("--data-dir", "other", MODELARTS_EMULATOR_SEED="seeded.zip")
        log = (shell.folder / "other/emulator.log").read_text()
        shell.run("stop", "--data-dir", "other")
    assert log.count("restored seeded: 1 datasets, 2 files") == 1
    assert log.count("not restored, because there are datasets already") == 1


def test_start_with_invalid_seed_exits(shell: Shell) -> None:
    (shell.folder / "seed.yaml").write_text("datasets:\n  - nam: pets\n")
    line = shell.run("start", "--port", "0", "--memory", "--seed", "seed.yaml", code=2)
    assert "seed.yaml, line 2: datasets[0]: " in line
    assert list((shell.folder / "tmp").iterdir()) == []


def test_coverage_prints_what_the_control_api_reports(
    run: Run, emu: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["coverage", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == requests.get(f"{emu.url}/_emulator/coverage", timeout=10).json()
    assert main(["coverage"]) == 0
    text = capsys.readouterr().out
    assert text.count("client-verified") + text.count("documented") == len(OPERATIONS)


def test_closed_output_pipe_exits_with_zero(shell: Shell) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "modelarts_emulator", "coverage"]
    done = subprocess.run(
        command, env=shell.environment, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
