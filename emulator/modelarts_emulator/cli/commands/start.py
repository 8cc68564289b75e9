"""``start``: run an emulator until it is interrupted, in the foreground or in the background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.daemonize import detach
from modelarts_emulator.cli.process.serve import serve
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, add_settings
from modelarts_emulator.config.settings import Settings, settings_from

SETTINGS = True
_TEXT = "Run an emulator until it is interrupted."
_EPILOG = f"Each option is also an environment variable: --data-dir is {ENVIRONMENT_PREFIX}DATA_DIR."


def parser(prog: str, text: str = _TEXT) -> Parser:
    """Return the parser: all settings, and the options for the process."""
    made = Parser(prog, text, usage="[options]", epilog=_EPILOG)
    add_settings(made, Settings())
    made.add_argument("--detach", action="store_true", help="run in the background; returns when it is ready")
    made.add_rare("--log-file", {"type": Path, "metavar": "FILE", "help": "write the log to FILE, not to stderr"})
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Run the emulator, or start it in the background. Raises UsageError, CommandFailed."""
    settings = settings_from(options)
    if options["detach"]:
        return detach(settings, options["log_file"], out)
    return serve(settings, out, options["log_file"])
