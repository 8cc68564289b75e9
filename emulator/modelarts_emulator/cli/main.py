"""The entry point of the command line: select the command, parse its options, run it."""

from __future__ import annotations

import importlib
import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from typing import Any, Protocol, cast

import modelarts_emulator
from modelarts_emulator.cli import COMMANDS, EXIT_CODES_HELP, PROGRAM
from modelarts_emulator.cli.exit_codes import exit_code_of
from modelarts_emulator.cli.output import Output, add_output_options
from modelarts_emulator.config.options import Parser
from modelarts_emulator.config.setting_sources import default_arguments
from modelarts_emulator.config.settings import DESCRIPTION, read_options
from modelarts_emulator.exceptions import UsageError, did_you_mean
from modelarts_emulator.system.locale_encoding import use_unicode_names


class Command(Protocol):
    """The contents of a command's module. With ``SETTINGS``, environment variables set its options as well."""

    SETTINGS: bool

    def parser(self, prog: str) -> Parser:
        """Return the parser of the command's options."""

    def run(self, options: dict[str, Any], out: Output) -> int:
        """Run the command and return the exit code. Raises CommandFailed, UsageError."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; an error is one line on standard error.

    >>> main(["status", "--quiet", "--data-dir", "no-such-directory"])
    3
    """
    if arguments is None:
        use_unicode_names()
    return exit_code_of(lambda: _run(list(sys.argv[1:] if arguments is None else arguments)))


def load(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, importlib.import_module(f"modelarts_emulator.cli.commands.{name}"))


def parser_of(name: str) -> Parser:
    """Return the parser of a command, with the options for its output."""
    parser = load(name).parser(f"{PROGRAM} {name}")
    add_output_options(parser)
    return parser


def overview() -> Parser:
    """Return the parser whose help lists the commands."""
    commands = "\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items())
    text = f"{DESCRIPTION} Each command has its own --help.\n\n{commands}"
    parser = Parser(PROGRAM, text, usage="[COMMAND] [OPTIONS] [--help] [--version]", epilog=EXIT_CODES_HELP)
    parser.hide_all()
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {modelarts_emulator.__version__}", help=SUPPRESS
    )
    return parser


def _run(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        overview().parse_args(arguments[:1])
    name = "start"
    if arguments and not arguments[0].startswith("-"):
        name = arguments.pop(0)
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
        raise UsageError(f"unknown command {name!r}; {hint}")
    command = load(name)
    options = read_options(parser_of(name), arguments, default_arguments(arguments) if command.SETTINGS else ())
    return command.run(options, Output(json=options.pop("json"), quiet=options.pop("quiet")))
