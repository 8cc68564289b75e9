"""Help: it fits a terminal, loads fast, and lists the exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import modelarts_emulator
from modelarts_emulator.cli import COMMANDS
from modelarts_emulator.cli.main import main, parser_of
from modelarts_emulator.config.options import settings_flags

LINES, COLUMNS = 24, 80


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = printed(capsys, *([command] if command else []), "--help")
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= COLUMNS
    assert lines[0].startswith(f"usage: modelarts-emulator {command}".rstrip())


def test_help_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\n".join(printed(capsys, "-h"))
    assert all(f"\n  {name} " in text and summary in text for name, summary in COMMANDS.items())
    assert "Exit codes: 0 success; 1 " in text and "3 no emulator is running" in text


def test_every_command_has_json_and_quiet() -> None:
    for name in COMMANDS:
        flags = {flag for action in parser_of(name).described() for flag in action.option_strings}
        assert {"--json", "--quiet"} <= flags


def test_help_all_lists_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "start", "--help-all")
    assert max(map(len, lines)) <= COLUMNS
    for flag, _ in settings_flags():
        assert any(line.strip().startswith(f"{flag} ") or line.strip() == flag for line in lines), flag


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "--version") == [f"modelarts-emulator {modelarts_emulator.__version__}"]


def test_help_imports_no_heavy_package() -> None:
    script = (
        "import sys; sys.argv = ['x', 'start', '--help']\nfrom modelarts_emulator.cli.main import main\ntry: main()\n"
    )
    script += "except SystemExit: pass\nprint('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.rpartition("LOADED")[2].split()
    assert not {"flask", "PIL", "waitress", "tinydb", "watchdog", "yaml"} & set(loaded)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["begin"], "unknown command 'begin'; commands: start, demo, exec, status"),
        (["xstart"], "unknown command 'xstart'; did you mean 'start'?"),
        (["start", "--prot", "1"], "unrecognized argument: --prot; did you mean '--port'?"),
        (["exec"], "a command is needed, as in: modelarts-emulator exec -- pytest -q"),
        (["start", "--bucket", "abc=file"], "bucket 'abc' needs a folder, and this is a file: file"),
        (["status", "--nonsense"], "unrecognized argument: --nonsense"),
        (["status", "here"], "unrecognized argument: here"),
        (["stop", "--timeout", "soon"], "'soon' is not a number of seconds"),
        (["stop", "--timeout", "nan"], "'nan' is not a number of seconds"),
        (["status", "--url", "nowhere"], "'nowhere' is not a URL"),
        (["snapshot", "--to", "x.zip"], "the NAME of the snapshot is missing"),
        (["completion", "cmd"], "'cmd'"),
        (["start", "--seed", "/does/not/exist"], "'/does/not/exist' does not exist"),
    ],
)
def test_usage_error_prints_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err.startswith("modelarts-emulator: ")) == ("", 1, True)
    assert says in err
