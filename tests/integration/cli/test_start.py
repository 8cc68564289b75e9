"""Messages of a process at its start."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from tests.helpers.polling import poll
from tests.helpers.process import COMMANDS as PROGRAMS
from tests.helpers.process import environment, refused, running

pytestmark = pytest.mark.slow

KEY = ["--control-key", "of-the-test"]


def test_start_is_the_default_command(tmp_path: Path) -> None:
    with running("start", "--port", "0", "--memory", cwd=tmp_path) as process:
        assert requests.get(f"{process.url}/_emulator/ready", timeout=10).status_code == 200
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["--host", "0.0.0.0"], {}, "with --auth open: everyone who reaches this address"),
        (["--user", "alice:secret"], {}, "have no effect with --auth open"),
        (["--auth", "strict", *KEY], {"MODELARTS_EMULATOR_USER": "alice:secret"}, ""),
        (["--host", "0.0.0.0", "--auth", "strict", "--user", "alice:secret", *KEY], {}, ""),
    ],
)
def test_start_risky_settings_print_one_warning(
    tmp_path: Path, arguments: list[str], variables: dict[str, str], says: str
) -> None:
    with running("--port", "0", "--memory", *arguments, cwd=tmp_path, **variables) as process:
        process.terminate()
        assert process.wait(timeout=30) == 0
        lines = process.stderr.read().splitlines()
        assert len(lines) == (1 if says else 0)
        assert all(says in line and "WARNING" in line and "secret" not in line for line in lines)


def test_unknown_command_prints_one_line(tmp_path: Path) -> None:
    assert "unknown command 'begin'" in refused("begin", "--port", "0", cwd=tmp_path)


def test_env_reads_the_ready_file(tmp_path: Path) -> None:
    with running("--port", "0", "--memory", "--ready-file", "ready", cwd=tmp_path) as process:
        poll((tmp_path / "ready").exists)
        command = [*PROGRAMS[0], "env", "--format", "yaml", "--ready-file", "ready"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=True
        )
        assert f'auth_url: "{process.url}/v3"' in done.stdout
