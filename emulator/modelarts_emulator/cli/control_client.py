"""The control API of the emulator that is meant: where it is, and what opens it."""

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
    """Add the options that say which emulator is meant, and what opens its control API."""
    add_emulator_options(parser)
    flag, options = CONTROL_KEY
    text = "opens it where --auth is strict (or MODELARTS_EMULATOR_CONTROL_KEY; read from its data directory)"
    parser.add_argument(flag, **{**options, "help": text})


def connect(options: dict[str, Any]) -> Client:
    """Return a client of the control API of the emulator that is meant. Raises NotRunning, UsageError."""
    place = find_emulator(options)
    if not place.url:
        raise NotRunning(f"the emulator of process {place.found.pid if place.found else 0} is still starting")
    key = options["control_key"] or os.environ.get(ENVIRONMENT_PREFIX + "CONTROL_KEY") or _kept_key(place)
    return Client(place.url, {KEY_HEADER: key} if key else {})


def _kept_key(place: RunningEmulator) -> str | None:
    """The key that a strict emulator has drawn, for those who may read it."""
    if place.data_dir is None:
        return None
    with suppress(OSError, UnicodeError):
        return (place.data_dir / "control-key").read_text("ascii").strip()
    return None
