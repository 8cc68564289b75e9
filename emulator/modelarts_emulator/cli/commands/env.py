"""``env``: print the settings that clients need, or write them into files."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelarts_emulator.cli import OK, PROGRAM, client_profiles
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import RunningEmulator, find_emulator
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, add_settings, base_url
from modelarts_emulator.config.settings import Settings, settings_from
from modelarts_emulator.exceptions import NotRunning

SETTINGS = True
_CONNECT_S = 1.0
_SELECTING = ("host", "port", "public_url", "data_dir", "ready_file")
"""Options that determine the URL; without one of them, MODELARTS_EMULATOR_URL does while an emulator listens there."""


def parser(prog: str) -> Parser:
    """Return the parser: its own options, and all settings, which determine the URL and the accounts."""
    made = Parser(
        prog,
        f'Print the settings that clients need: eval "$({PROGRAM} env)". Pass the options with which the emulator was'
        " started; --help-all lists them.",
        usage="[options]",
    )
    made.add_argument(
        "--format",
        choices=tuple(client_profiles.FORMATS),
        default="shell",
        metavar="FORMAT",
        help=f"{', '.join(client_profiles.FORMATS)} (default shell)",
    )
    made.add_argument("--terraform", dest="format", action="store_const", const="terraform", help="a provider block")
    made.add_argument("--write", type=Path, metavar="DIR", help="write all files into this directory instead")
    made.add_argument(
        "--url",
        type=base_url,
        metavar="URL",
        help="its URL, if no other option determines it (default: MODELARTS_EMULATOR_URL while it listens)",
    )
    add_settings(made, Settings(), usual={"--host", "--port", "--data-dir", "--ready-file", "--user", "--auth"})
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Print or write the settings. Raises UsageError."""
    settings = settings_from(options)
    running = None if options["url"] else _of_variable(options) or _running(settings)
    login = client_profiles.login(
        settings, options["url"] or (running and running.url), running.ca_file if running else None
    )
    if options["write"] is None:
        text = client_profiles.FORMATS[options["format"]](login)
        out.result(client_profiles.environment_variables(login), text.rstrip("\n"))
    else:
        files = [str(file) for file in client_profiles.write_all(login, options["write"])]
        out.result({"files": files}, "\n".join(files))
    if not _is_listening(login.url):
        out.note(f"nothing listens at {login.url} yet; start an emulator with: {PROGRAM} start")
    return OK


def _is_listening(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 443), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def _of_variable(options: dict[str, Any]) -> RunningEmulator | None:
    """Return the emulator of MODELARTS_EMULATOR_URL; None if options select one, or if none listens there any more."""
    if not os.environ.get(f"{ENVIRONMENT_PREFIX}URL") or any(options[name] is not None for name in _SELECTING):
        return None
    found = find_emulator({})
    return found if _is_listening(found.url) else None


def _running(settings: Settings) -> RunningEmulator | None:
    """Return the emulator running on the data directory; None if the settings determine the URL."""
    if settings.public_url or settings.ready_file or settings.data_dir is None:
        return None
    if settings.port and settings.port != Settings.port:
        return None
    with suppress(NotRunning):
        return find_emulator({"data_dir": settings.data_dir})
    return None
