"""``exec``: a command with an emulator around it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.polling import poll
from tests.helpers.shell import Shell

pytestmark = pytest.mark.slow

REPORT = """
import json, os, sys, urllib.request
url = os.environ["MODELARTS_EMULATOR_URL"]
with urllib.request.urlopen(url + "/_emulator/ready") as answer:
    ready = json.load(answer)
with urllib.request.urlopen(url + "/v2/demo/datasets") as answer:
    names = [each["dataset_name"] for each in json.load(answer)["datasets"]]
print(json.dumps({"argv": sys.argv[1:], "stage": ready["stage"], "names": names, "env": dict(os.environ)}))
"""


def test_exec_runs_the_command_when_ready_with_the_environment(shell: Shell) -> None:
    (shell.folder / "seed.yaml").write_text(
        "datasets: [{name: notes, samples: [{text: one}], type: text_classification}]"
    )
    command = [sys.executable, "-c", REPORT, "--json", "--", "x y", ""]
    found = json.loads(shell.run("exec", "--seed", "seed.yaml", "--", *command, http_proxy="http://127.0.0.1:9"))
    assert found["argv"] == ["--json", "--", "x y", ""]
    assert (found["stage"], found["names"]) == ("ready", ["notes"])
    environment = found["env"]
    url = environment["MODELARTS_EMULATOR_URL"]
    assert environment["OS_AUTH_URL"] == f"{url}/v3" and environment["AWS_ENDPOINT_URL_S3"] == url
    assert "127.0.0.1" in environment["NO_PROXY"].split(",")
    # In memory, on a free port, and gone afterwards.
    assert not url.endswith(":8765")
    assert {path.name for path in shell.folder.iterdir()} == {"tmp", "seed.yaml"}
    assert list((shell.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exec_returns_the_exit_code_of_the_command(shell: Shell, script: str, code: int) -> None:
    assert shell.run("exec", "--", "sh", "-c", script, code=code) == ""


def test_exec_commands_find_the_emulator(shell: Shell) -> None:
    program = f"{sys.executable} -m modelarts_emulator"
    script = f"{program} snapshot clean --quiet && {program} snapshot --json && {program} status --quiet"
    found = shell.run("exec", "--auth", "strict", "--user", "ada:secret", "--", "sh", "-c", script)
    assert [each["name"] for each in json.loads(found)["snapshots"]] == ["clean"]


def test_env_inside_exec_describes_that_emulator(shell: Shell) -> None:
    script = f'before=$MODELARTS_EMULATOR_URL; eval "$({sys.executable} -m modelarts_emulator env)"; '
    script += 'echo "$before $MODELARTS_EMULATOR_URL"'
    before, after = shell.run("exec", "--", "sh", "-c", script).split()
    assert before == after


def test_env_ignores_the_url_of_an_emulator_that_has_ended(shell: Shell) -> None:
    found = shell.run("env", "--json", MODELARTS_EMULATOR_URL="http://127.0.0.1:9")
    assert json.loads(found)["MODELARTS_EMULATOR_URL"] == "http://127.0.0.1:8765"


def test_exec_keeps_a_data_directory(shell: Shell) -> None:
    shell.run("exec", "--data-dir", "kept", "--", "true")
    assert (shell.folder / "kept/index.json").exists()
    assert not (shell.folder / "kept/running").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "a command is needed, as in: modelarts-emulator exec -- pytest -q"),
        (["--", "no-such-program"], 1, "no-such-program cannot be run: No such file"),
        (["--seed", "nowhere", "--", "true"], 2, "'nowhere' does not exist"),
    ],
)
def test_exec_failure_prints_one_line(shell: Shell, arguments: list[str], code: int, message: str) -> None:
    assert message in shell.run("exec", *arguments, code=code)
    assert list((shell.folder / "tmp").iterdir()) == []


def test_exec_interrupted_ends_the_command(shell: Shell) -> None:
    script = "echo $$ > pid.new; mv pid.new pid; exec sleep 600"
    command = [sys.executable, "-m", "modelarts_emulator", "exec", "--", "sh", "-c", script]
    process = subprocess.Popen(command, cwd=shell.folder, env=shell.environment, stderr=subprocess.PIPE, text=True)
    try:
        pid = int(poll(lambda: (shell.folder / "pid").exists() and (shell.folder / "pid").read_text()))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, "Traceback" in errors) == (130, False)
        poll(lambda: not Path(f"/proc/{pid}").exists(), "the command has ended")
    finally:
        process.kill()
        process.communicate(timeout=30)
    assert list((shell.folder / "tmp").iterdir()) == []
