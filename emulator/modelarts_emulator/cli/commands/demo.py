"""``demo``: ``start`` with demonstration data."""

from __future__ import annotations

from typing import Any

from modelarts_emulator.cli.commands import start
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser

SETTINGS = True


def parser(prog: str) -> Parser:
    """Return the parser, with the options of ``start``."""
    return start.parser(prog, "Run an emulator with demonstration data: several labelled datasets.")


def run(options: dict[str, Any], out: Output) -> int:
    """Run the emulator. Raises UsageError, CommandFailed."""
    return start.run({**options, "demo": True}, out)
