"""The command line as a process: how it starts, refuses, and stops."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll
from tests.helpers.process import COMMANDS, environment, refused, running

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("command", COMMANDS, ids=["run_emulator.py", "-m emulator"])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_start_and_signal_exit_with_zero(command: list[str], ending: signal.Signals, tmp_path: Path) -> None:
    with running("--port", "0", "--ready-file", "ready", cwd=tmp_path, command=command) as process:
        assert poll(lambda: (tmp_path / "ready").exists() and (tmp_path / "ready").read_text()).strip() == process.url
        assert requests.get(f"{process.url}/_emulator/ready", timeout=10).status_code == 200
        health = requests.get(f"{process.url}/_emulator/health", timeout=10).json()
        assert (health["status"], health["pending_events"], health["open_tasks"]) == ("alive", 0, 0)
        for _ in range(3):  # an impatient user, or a supervisor that signals the whole group
            process.send_signal(ending)
        assert process.wait(timeout=30) == 0
        assert "Traceback" not in process.stderr.read()
    assert not (tmp_path / "ready").exists()
    assert (tmp_path / "emulator-data/index.json").exists()


def test_memory_mode_writes_only_into_buckets(tmp_path: Path, bucket: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (bucket / "in/a.png").write_bytes(picture())
    before = {path for path in tmp_path.rglob("*") if "bucket" not in path.parts}
    options = ("--port", "0", "--memory", "--bucket", f"bucket={bucket}")
    with running(*options, cwd=tmp_path, TMPDIR=str(temporary)) as process:
        api = Api(process.url)
        dataset_id = api.dataset()
        assert api.publish(dataset_id)["status"] == 1
        api.session.close()
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert {path for path in tmp_path.rglob("*") if "bucket" not in path.parts} == before


def test_environment_variables_set_options(tmp_path: Path) -> None:
    variables = {
        "MODELARTS_EMULATOR_PORT": "1",
        "MODELARTS_EMULATOR_MEMORY": "true",
        "MODELARTS_EMULATOR_SYNC": "manual",
    }
    variables["TMPDIR"] = str(tmp_path)
    with running("--port", "0", cwd=tmp_path, **variables) as process:
        assert requests.get(f"{process.url}/_emulator/health", timeout=10).json()["sync"] == "manual"
    assert not (tmp_path / "emulator-data").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nonsense"], "--nonsense"),
        (["--port", "x"], "'x' is not a port"),
        (["--port", "70000"], "'70000' is not a port"),
        (["--bucket", "name"], "'name' is not NAME=FOLDER"),
        (["--bucket", "name=/does/not/exist"], "does not exist: /does/not/exist"),
        (["--bucket", "UP/=."], "UP/"),
        (["--sync", "often"], "often"),
        (["--data-dir", "file"], "file"),
        (["--host", "no.such.host.invalid"], "no.such.host.invalid"),
    ],
)
def test_invalid_option_prints_one_line(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    assert says in refused("--port", "0", *arguments, cwd=tmp_path)


def test_invalid_environment_variable_prints_one_line(tmp_path: Path) -> None:
    assert "'x' is not a port" in refused(cwd=tmp_path, MODELARTS_EMULATOR_PORT="x")


def test_unwritable_ready_file_prints_one_line(tmp_path: Path) -> None:
    command = [*COMMANDS[0], "--port", "0", "--memory", "--ready-file", "no/such/folder/file"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert (
        done.stderr
        == "modelarts-emulator: cannot write the ready file no/such/folder/file: No such file or directory\n"
    )


def test_port_in_use_prints_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused("--port", str(port), "--memory", cwd=tmp_path)


def test_data_directory_in_use_prints_one_line(tmp_path: Path) -> None:
    with running("--port", "0", cwd=tmp_path) as process:
        assert f"in use by process {process.pid}" in refused("--port", "0", cwd=tmp_path)


def test_start_after_kill_has_all_data(tmp_path: Path, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    options = ("--port", "0", "--bucket", f"bucket={bucket}")
    with running(*options, cwd=tmp_path) as process:
        api = Api(process.url)
        dataset_id = api.dataset()
        sample_id = api.ids(dataset_id)["a.png"]
        api.label(dataset_id, {sample_id: [{"name": "kept"}]})
        api.session.close()
        process.kill()
        process.wait(timeout=30)
    with running(*options, cwd=tmp_path) as process:
        api = Api(process.url)
        assert api.samples(dataset_id)["samples"][0]["labels"][0]["name"] == "kept"
        assert api.call("GET", f"/{dataset_id}")["annotated_sample_count"] == 1
        api.session.close()


def test_demo_prints_working_commands(tmp_path: Path) -> None:
    for _ in range(2):  # a second start finds it as it was
        with running("--port", "0", "--demo", cwd=tmp_path) as process:
            assert process.stdout.readline() == f"console: {process.url}/_emulator/ui\n"
            assert "handwritten digits and photographs of" in process.stdout.readline()
            commands = [process.stdout.readline() for _ in range(3)]
            assert all(command.startswith("try: curl -s '") for command in commands)
            answers = [requests.get(command.split("'")[1], timeout=30).json() for command in commands]
            found = {d["dataset_name"]: d["total_sample_count"] for d in answers[0]["datasets"]}
            assert (answers[0]["total_number"], found["digits"], found["scenes"]) == (8, 1797, 12)
            assert answers[1]["sample_count"] == 1
            assert answers[2]["sample_count"] == 12
            process.terminate()
            assert process.wait(timeout=60) == 0
