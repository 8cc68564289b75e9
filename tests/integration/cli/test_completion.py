"""Completion scripts: shells complete commands, options and their values."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from modelarts_emulator.cli import COMMANDS
from modelarts_emulator.cli.commands import completion
from modelarts_emulator.cli.main import main
from modelarts_emulator.config.options import settings_flags
from tests.helpers.tools import tool


def completed(*words: str) -> list[str]:
    """Return the completions of bash for the last word."""
    quoted = " ".join(f"'{word}'" for word in words)
    script = f"""
{completion.bash()}
COMP_WORDS=(modelarts-emulator {quoted}); COMP_CWORD={len(words)}
_modelarts_emulator 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sta"], ["start", "status"]),
        ([""], list(COMMANDS)),
        (["start", "--me"], ["--memory"]),
        (["--mem"], ["--memory"]),
        (["start", "--sync", ""], ["auto", "manual"]),
        (["start", "--log-level", "w"], ["warning"]),
        (["start", "--host", ""], []),
        (["snapshot", "--wi"], ["--without-objects"]),
        (["snapshot", "x", "--dur"], []),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes_commands_options_and_values(words: list[str], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_bash_completes_files() -> None:
    assert completed("start", "--ready-file", "/etc/host") and completed("seed", "/etc/host")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sta", ["start", "status"]),
        ("start --mem", ["--memory"]),
        ("start --sync ", ["auto", "manual"]),
        ("completion ", ["bash", "fish", "zsh"]),
        ("snapshot --wi", ["--without-objects"]),
    ],
)
def test_fish_completes_commands_options_and_values(line: str, expected: list[str], tmp_path: Path) -> None:
    asked = f"{completion.fish()}\ncomplete -C 'modelarts-emulator {line}'\n"
    done = subprocess.run(
        [tool("fish"), "--private", "-c", asked],
        env={**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert [each.partition("\t")[0] for each in done.stdout.splitlines()] == expected


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_scripts_have_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for flag, _ in settings_flags():
        assert (f"-l {flag[2:]} " if shell == "fish" else flag) in script, flag
    assert all(name in script and summary in script for name, summary in COMMANDS.items() if shell != "bash")


@pytest.mark.parametrize(("shell", "check"), [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")])
def test_completion_script_is_valid_for_its_shell(shell: str, check: str) -> None:
    script = {"bash": completion.bash, "zsh": completion.zsh, "fish": completion.fish}[shell]()
    done = subprocess.run(
        [tool(shell), check, "/dev/stdin"], input=script, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
