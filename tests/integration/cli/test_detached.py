"""An emulator in the background: started, found and stopped by other processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.api import Api
from tests.helpers.polling import poll
from tests.helpers.shell import Shell

pytestmark = pytest.mark.slow


def is_alive(pid: int) -> bool:
    """Return True if a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_detached_emulator_is_found_and_stopped_by_data_directory(shell: Shell) -> None:
    assert "no emulator is running with the data directory emulator-data" in shell.run("status", code=3)
    started = shell.detached()
    assert requests.get(f"{started['url']}/_emulator/ready", timeout=10).status_code == 200
    assert os.getsid(started["pid"]) == started["pid"]
    assert Path(started["log_file"]) == Path("emulator-data/emulator.log")
    state = shell.json("status")
    assert state["running"] is state["ready"] is True
    assert (state["url"], state["pid"]) == (started["url"], started["pid"])
    assert f"ready at {started['url']} (process {started['pid']})\n" in shell.run("status")
    assert f'auth_url: "{started["url"]}/v3"' in shell.run("env", "--format", "yaml")
    assert shell.json("stop") == {"stopped": True, "pid": started["pid"], "url": started["url"]}
    assert not is_alive(started["pid"])
    assert not (shell.folder / "emulator-data/running").exists()
    assert shell.json("status", code=3)["running"] is False
    assert "no emulator is running" in shell.run("stop", code=3)
    # At once again: nothing of the first is in the way.
    assert shell.detached()["pid"] != started["pid"]
    assert shell.run("stop", "--quiet") == ""


def test_detach_quotes_the_data_directory_and_closes_files(shell: Shell) -> None:
    command = [sys.executable, "-W", "error", "-m", "modelarts_emulator", "start", "--detach", "--port", "0"]
    options: dict[str, Any] = {"cwd": shell.folder, "env": shell.environment, "timeout": 60, "capture_output": True}
    done = subprocess.run([*command, "--data-dir", "my dätä"], text=True, check=True, **options)
    assert done.stderr == ""
    assert done.stdout.endswith("stop it with: modelarts-emulator stop --data-dir 'my dätä'\n")
    shell.run("stop", "--data-dir", "my dätä")


def test_detach_failure_prints_the_error_without_the_log(shell: Shell) -> None:
    (shell.folder / "seed.yaml").write_text("datasets: [{name: pets, type: no-such-type}]")
    printed = shell.run("start", "--detach", "--port", "0", "--seed", "seed.yaml", code=2)
    assert printed.startswith("modelarts-emulator: ") and "seed.yaml, line 1: datasets[0].type" in printed
    assert "listening on" not in printed and " | " not in printed


def test_detached_process_closes_inherited_files(shell: Shell) -> None:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "modelarts_emulator", "start", "--detach", "--port", "0", "--memory"]
    options: dict[str, Any] = {"cwd": shell.folder, "env": shell.environment, "pass_fds": [writing]}
    # That this returns is half of the test: the output is read to its end.
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, **options)
    os.close(writing)
    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""  # the end, rather than nothing yet
    os.close(reading)
    assert "listening on http://127.0.0.1:" in done.stdout and done.stderr == ""
    shell.run("stop", "--url", shell.json("status")["url"])


def test_status_finds_the_only_emulator_in_memory(shell: Shell) -> None:
    first = shell.detached("--memory")
    assert first["log_file"] is None
    assert shell.json("status")["url"] == first["url"]
    second = shell.detached("--memory")
    line = shell.run("status", code=2)
    assert "several emulators are running" in line and first["url"] in line and second["url"] in line
    assert shell.json("stop", "--url", first["url"])["pid"] == first["pid"]
    assert shell.json("stop", "--url", second["url"])["pid"] == second["pid"]
    assert list((shell.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize("command", ["stop", "reset", "snapshot"])
def test_command_that_changes_something_never_chooses_an_emulator_in_memory(shell: Shell, command: str) -> None:
    started = shell.detached("--memory")
    assert f"in memory: {started['url']}" in shell.run(command, code=3)
    assert shell.json("status")["pid"] == started["pid"]
    assert f"stopped process {started['pid']} at {started['url']}" in shell.run("stop", "--url", started["url"])


def test_stop_of_a_url_without_an_emulator_is_not_running(shell: Shell) -> None:
    assert "no response from http://127.0.0.1:1" in shell.run("stop", "--url", "http://127.0.0.1:1", code=3)


def test_ready_file_selects_the_emulator(shell: Shell) -> None:
    started = shell.detached("--memory", "--ready-file", str(shell.folder / "ready"))
    assert (shell.folder / "ready").read_text() == f"{started['url']}\n"
    assert "belongs to a running emulator" in shell.run("--port", "0", "--memory", "--ready-file", "ready", code=2)
    (shell.folder / "elsewhere").mkdir()
    path = str(shell.folder / "ready")
    variables = {"MODELARTS_EMULATOR_READY_FILE": path, "TMPDIR": str(shell.folder / "elsewhere")}
    assert shell.json("status", **variables)["pid"] == started["pid"]
    # Options take precedence over the environment.
    assert "data directory other" in shell.run("status", "--data-dir", "other", code=3, **variables)
    assert shell.json("stop", "--ready-file", path)["pid"] == started["pid"]
    assert not (shell.folder / "ready").exists()


def test_ready_file_in_a_bucket_survives_reads(shell: Shell) -> None:
    (shell.folder / "bucket").mkdir()
    started = shell.detached("--bucket", "bkt=bucket", "--ready-file", "bucket/ready")
    assert requests.get(f"{started['url']}/bkt/ready", timeout=10).text == f"{started['url']}\n"
    assert shell.json("stop", "--ready-file", "bucket/ready")["pid"] == started["pid"]


def test_files_of_a_killed_process_are_ignored(shell: Shell) -> None:
    started = shell.detached("--ready-file", "ready")
    os.kill(started["pid"], signal.SIGKILL)
    poll(lambda: not is_alive(started["pid"]), "killed")
    assert (shell.folder / "ready").exists() and (shell.folder / "emulator-data/running").exists()
    assert "the process that wrote ready has exited" in shell.run("status", "--ready-file", "ready", code=3)
    assert "no emulator is running" in shell.run("stop", code=3)
    again = shell.detached("--ready-file", "ready")
    assert (shell.folder / "ready").read_text() == f"{again['url']}\n"
    assert shell.json("stop")["pid"] == again["pid"]


def test_stop_never_signals_a_pid_from_a_file(shell: Shell) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (shell.folder / "emulator-data").mkdir()
        for name in ("running", "lock"):
            (shell.folder / "emulator-data" / name).write_text(f"{bystander.pid}\n")
        assert "no emulator is running" in shell.run("stop", code=3)
        assert bystander.poll() is None
    finally:
        bystander.communicate(b"\n", timeout=30)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--host", "no.such.host.invalid"], 2, "cannot listen on no.such.host.invalid"),
        (["--data-dir", "file"], 2, "cannot write the log file file/emulator.log"),
        (["--memory", "--ready-file", "no/such/ready"], 2, "cannot write the ready file no/such/ready"),
        (["--seed", "file"], 2, "file is not a seed"),
        (["--init", "fails"], 1, "fails exited with code 7"),
    ],
)
def test_detach_failure_prints_its_reason(shell: Shell, arguments: list[str], code: int, says: str) -> None:
    (shell.folder / "file").write_text("")
    (shell.folder / "fails").write_text("#!/bin/sh\nexit 7\n")
    (shell.folder / "fails").chmod(0o755)
    assert says in shell.run("start", "--detach", "--port", "0", *arguments, code=code)
    assert not list(shell.folder.rglob("running")) and not list((shell.folder / "tmp").iterdir())


def test_detach_port_or_directory_in_use_prints_one_line(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port}" in shell.run("start", "--detach", "--memory", "--port", port, code=2)
    started = shell.detached()
    assert f"in use by process {started['pid']}" in shell.run("start", "--detach", "--port", "0", code=2)
    assert shell.json("status")["ready"] is True


def test_stop_waits_for_open_requests(shell: Shell) -> None:
    started = shell.detached()
    api = Api(started["url"])
    latency = {"delay_ms": 1500, "operation": "ListDatasets"}
    requests.post(f"{started['url']}/_emulator/faults", json=latency, timeout=10).raise_for_status()
    command = [sys.executable, "-c", f"import requests; print(requests.get('{api.base}').status_code)"]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = f"{started['url']}/_emulator/faults"
    poll(lambda: requests.get(seen, timeout=10).json()["faults"][0]["hits"], "asked")
    assert shell.json("stop")["pid"] == started["pid"]
    assert not is_alive(started["pid"])
    asking.communicate(timeout=30)
    api.session.close()


def test_stop_with_kill_ends_a_stuck_process(shell: Shell) -> None:
    started = shell.detached()
    os.kill(started["pid"], signal.SIGSTOP)
    try:
        assert "has not exited within 0.2 s; use --kill" in shell.run("stop", "--timeout", "0.2", code=1)
        assert shell.json("stop", "--timeout", "0.2", "--kill")["pid"] == started["pid"]
    finally:
        if is_alive(started["pid"]):
            os.kill(started["pid"], signal.SIGKILL)
    assert not is_alive(started["pid"])
    assert "no emulator is running" in shell.run("status", code=3)


def test_status_by_url_works_and_stop_by_url_is_refused(shell: Shell) -> None:
    started = shell.detached("--data-dir", "data")
    assert shell.json("status", "--url", started["url"])["ready"] is True
    assert shell.json("status", MODELARTS_EMULATOR_URL=started["url"])["ready"] is True
    assert "can only be stopped with its" in shell.run("stop", "--url", started["url"], code=2)
    assert "is not a URL" in shell.run("status", code=2, MODELARTS_EMULATOR_URL="here")
    both = {"MODELARTS_EMULATOR_URL": started["url"], "MODELARTS_EMULATOR_DATA_DIR": "data"}
    assert shell.json("status", **both)["pid"] == started["pid"]
    assert shell.json("stop", "--data-dir", "data")["pid"] == started["pid"]


def test_status_of_a_closed_port_exits_with_three(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert f"no response from http://127.0.0.1:{port}" in shell.run(
        "status", "--url", f"http://127.0.0.1:{port}", code=3
    )


def test_detach_log_file_receives_the_log(shell: Shell) -> None:
    started = shell.detached("--host", "0.0.0.0", "--memory", "--log-file", "logs.txt")
    assert started["log_file"] == "logs.txt"
    assert "with --auth open: everyone who reaches this address" in (shell.folder / "logs.txt").read_text()
    assert shell.json("status")["url"].startswith("http://127.0.0.1:")
    shell.run("stop", "--url", shell.json("status")["url"])
