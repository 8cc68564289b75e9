"""``exec``: run a command with an emulator that is started before it and stopped after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import INTERRUPTED, PROGRAM
from modelarts_emulator.cli.logs import log_to
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.init_scripts import run_command
from modelarts_emulator.cli.process.serve import child_environment, handle_signals, started_emulator
from modelarts_emulator.config.options import Parser, add_settings
from modelarts_emulator.config.settings import Settings, settings_from
from modelarts_emulator.exceptions import UsageError

SETTINGS = True
_SIGNAL_BASE = 128


def parser(prog: str) -> Parser:
    """Return the parser: all settings, and the command."""
    made = Parser(
        prog,
        "Start an emulator, run COMMAND when it is ready, with the variables of env in its environment, stop the"
        " emulator, and exit with the exit code of COMMAND. Without --port it listens on a free port; without"
        " --data-dir it is in memory.",
        usage="[options] -- COMMAND...",
    )
    made.add_argument("command", nargs="*", metavar="COMMAND", help="the command and its arguments")
    add_settings(
        made,
        Settings(port=0, data_dir=None),
        usual={"--bucket", "--seed", "--init", "--demo", "--auth", "--user", "--data-dir"},
    )
    made.add_rare("--log-file", {"type": Path, "metavar": "FILE", "help": "write the log to FILE, not to stderr"})
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Run the command and return its exit code. Raises UsageError, CommandFailed."""
    settings = settings_from(options)
    if not options["command"]:
        raise UsageError(f"a command is needed, as in: {PROGRAM} exec -- pytest -q")
    if options["port"] is None:
        settings = replace(settings, port=0)
    if options["data_dir"] is None:
        settings = replace(settings, data_dir=None)
    log_to(options["log_file"], settings.log_level, settings.log_format)
    handle_signals()
    # The standard output belongs to the command.
    quiet = Output(quiet=True)
    try:
        with started_emulator(settings, quiet) as emulator:
            code = run_command(options["command"], child_environment(emulator))
    except KeyboardInterrupt:
        return INTERRUPTED
    return code if code >= 0 else _SIGNAL_BASE - code
