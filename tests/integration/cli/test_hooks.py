"""Init scripts: their environment, their order, and a start whose script fails."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.helpers.polling import poll
from tests.helpers.process import refused, running
from tests.helpers.shell import Shell

pytestmark = pytest.mark.slow


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


ASKS = """
import json, os, urllib.error, urllib.request
url = os.environ["MODELARTS_EMULATOR_URL"]
health = json.load(urllib.request.urlopen(url + "/_emulator/health"))
try:
    urllib.request.urlopen(url + "/_emulator/ready")
except urllib.error.HTTPError as answer:
    ready = [answer.code, json.load(answer)["ready"], health["stage"]]
known = {name: os.environ[name] for name in ("OS_AUTH_URL", "AWS_ENDPOINT_URL_S3", "MODELARTS_EMULATOR_URL")}
print(json.dumps({"ready": ready, "url": url, "cwd": os.getcwd(), **known}), file=open("found.json", "w"))
print("to be seen")
"""


SAVES = """
import subprocess, sys
subprocess.run([sys.executable, "-m", "modelarts_emulator", "snapshot", "clean"], check=True)
"""


def test_init_script_runs_before_ready_with_its_environment(shell: Shell) -> None:
    path = script(shell.folder / "hooks/ask.py", ASKS, 0o644)
    started = shell.detached("--memory", "--init", str(path), "--log-file", "log")
    found = json.loads((path.parent / "found.json").read_text())
    url = started["url"]
    assert found == {
        "ready": [503, False, "init"],
        "url": url,
        "cwd": str(path.parent),
        "OS_AUTH_URL": f"{url}/v3",
        "AWS_ENDPOINT_URL_S3": url,
        "MODELARTS_EMULATOR_URL": url,
    }
    assert "to be seen\n" in (shell.folder / "log").read_text()


def test_init_scripts_of_a_folder_run_in_order_and_may_use_commands(shell: Shell) -> None:
    for name in ("2-second", "1-first", "3-third.py"):
        text = "#!/bin/sh\n" if not name.endswith("py") else "import os\nos.system('true')\n"
        script(shell.folder / "hooks" / name, text + (f"echo {name} >> ../order\n" if text[0] == "#" else ""))
    script(shell.folder / "hooks/notes.txt", "not a script", 0o644)
    script(shell.folder / "hooks/.hidden", "#!/bin/sh\nexit 1\n")
    script(shell.folder / "last.py", SAVES)
    variables = {"MODELARTS_EMULATOR_INIT": f"{shell.folder / 'hooks'};{shell.folder / 'last.py'}"}
    shell.detached("--auth", "strict", "--user", "ada:secret", **variables)
    assert (shell.folder / "order").read_text() == "1-first\n2-second\n"
    assert [each["name"] for each in shell.json("snapshot")["snapshots"]] == ["clean"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("#!/bin/sh\nexit 3\n", "fails exited with code 3"),
        ("#!/bin/sh\nkill -9 $$\n", "fails was killed by signal 9"),
        ("#!/no/such/program\n", "fails cannot be run: No such file or directory"),
    ],
)
def test_init_script_failure_exits(shell: Shell, text: str, says: str) -> None:
    script(shell.folder / "fails", text)
    line = shell.run("start", "--port", "0", "--memory", "--ready-file", "ready", "--init", "fails", code=1)
    assert says in line
    assert not (shell.folder / "ready").exists() and list((shell.folder / "tmp").iterdir()) == []


def test_init_script_not_executable_is_refused_before_start(tmp_path: Path) -> None:
    script(tmp_path / "notes", "only text", 0o644)
    assert "is neither executable nor a .py file" in refused("--init", "notes", "--port", "0", cwd=tmp_path)
    assert not (tmp_path / "emulator-data").exists()


def test_status_and_stop_while_starting(shell: Shell) -> None:
    script(shell.folder / "waits", "#!/bin/sh\ntouch here; exec sleep 600\n")
    with running("--port", "0", "--init", "waits", cwd=shell.folder) as process:
        poll((shell.folder / "here").exists, "the script runs")
        assert shell.json("status", code=1) == {"running": True, "ready": False, "pid": process.pid}
        assert f"process {process.pid} is still starting" in shell.run("reset", code=3)
        assert shell.json("stop")["pid"] == process.pid
        assert process.wait(timeout=30) == 0


def test_init_script_is_terminated_with_the_emulator(tmp_path: Path) -> None:
    path = script(tmp_path / "waits", "#!/bin/sh\necho $$ > pid.new; mv pid.new pid; exec sleep 600\n")
    with running("--port", "0", "--memory", "--init", str(path), cwd=tmp_path) as process:
        pid = int(poll(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        poll(lambda: not Path(f"/proc/{pid}").exists(), "the script has ended")
