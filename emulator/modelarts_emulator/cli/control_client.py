"""A client of the control API of the selected emulator."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from modelarts_emulator.cli.process.discovery import RunningEmulator, add_emulator_options, find_emulator
from modelarts_emulator.config.options import CONTROL_KEY, ENVIRONMENT_PREFIX, Parser
from modelarts_emulator.exceptions import NotRunning
from modelarts_emulator.util.http_client import Client

CONTROL = "/_emulator"
KEY_HEADER = "X-Emulator-Key"


def add_client_options(parser: Parser) -> None:
    """Add the options that select an emulator, and the option for its control key."""
    add_emulator_options(parser)
    flag, options = CONTROL_KEY
    text = "control key; default: MODELARTS_EMULATOR_CONTROL_KEY, or the key in the data directory"
    parser.add_argument(flag, **{**options, "help": text})


def connect(options: dict[str, Any]) -> Client:
    """Return a client of the selected emulator's control API. Raises NotRunning, UsageError."""
    found = require_started(find_emulator(options))
    key = options["control_key"] or os.environ.get(ENVIRONMENT_PREFIX + "CONTROL_KEY") or _stored_key(found)
    return found.client({KEY_HEADER: key} if key else {})


def require_started(found: RunningEmulator) -> RunningEmulator:
    """Return an emulator whose URL is known. Raises NotRunning while it is starting."""
    if not found.url:
        raise NotRunning(f"the emulator of process {found.pid} is still starting")
    return found


def _stored_key(found: RunningEmulator) -> str | None:
    """Return the generated control key, which only the owner of the data directory can read."""
    if found.data_dir is None:
        return None
    with suppress(OSError, UnicodeError):
        return (found.data_dir / "control-key").read_text("ascii").strip()
    return None
