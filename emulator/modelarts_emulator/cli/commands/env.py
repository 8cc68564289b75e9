"""``env``: what clients need to know, printed or written into files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK, client_profiles
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import find_emulator
from modelarts_emulator.config.options import Parser, add_settings, base_url
from modelarts_emulator.config.settings import Settings, settings_from
from modelarts_emulator.exceptions import NotRunning

SETTINGS = True


def parser(prog: str) -> Parser:
    """Its options: its own, and all settings, since they tell where an emulator is and who may log in."""
    made = Parser(
        prog,
        "Print what clients need: cloud profile, shell exports, OBS and boto3 settings. The "
        "options are those with which the emulator was started; --help-all has all of them.",
        usage="[options]",
    )
    made.add_argument("--write", type=Path, metavar="DIR", help="write files into this directory instead")
    made.add_argument("--url", type=base_url, metavar="URL", help="where it is, if the other options do not say it")
    add_settings(made, Settings(), usual={"--host", "--port", "--data-dir", "--ready-file", "--user", "--auth"})
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Print or write it. Raises UsageError."""
    settings = settings_from(options)
    login = client_profiles.login(settings, options["url"] or _running(settings))
    if options["write"] is None:
        out.result(client_profiles.variables(login), client_profiles.print_all(login).rstrip("\n"))
    else:
        files = [str(file) for file in client_profiles.write_all(login, options["write"])]
        out.result({"files": files}, "\n".join(files))
    return OK


def _running(settings: Settings) -> str | None:
    """Where one is running with the data directory, unless the settings say by themselves where it is."""
    if settings.public_url or settings.ready_file or settings.data_dir is None:
        return None
    if settings.port and settings.port != Settings.port:
        return None
    with suppress(NotRunning):
        return find_emulator({"data_dir": settings.data_dir}).url or None
    return None
