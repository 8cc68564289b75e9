"""Finds the command, reads its options, and runs it."""

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
from modelarts_emulator.config.options import Parser, environment_arguments
from modelarts_emulator.config.settings import DESCRIPTION, read_options
from modelarts_emulator.exceptions import UsageError


class Command(Protocol):
    """What a command's module has. ``SETTINGS`` tells that its options are also those of the environment."""

    SETTINGS: bool

    def parser(self, prog: str) -> Parser:
        """Its options."""

    def run(self, options: dict[str, Any], out: Output) -> int:
        """Do it, and return the exit code. Raises CommandFailed, UsageError."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked, and return the exit code; what goes wrong is one line of standard error."""
    return exit_code_of(lambda: _run(list(sys.argv[1:] if arguments is None else arguments)))


def load(name: str) -> Command:
    """A command's module."""
    return cast(Command, importlib.import_module(f"modelarts_emulator.cli.commands.{name}"))


def parser_of(name: str) -> Parser:
    """A command's options, with those of its output."""
    parser = load(name).parser(f"{PROGRAM} {name}")
    add_output_options(parser)
    return parser


def overview() -> Parser:
    """What there is, without a command."""
    commands = "\n".join(f"  {name:<12}{summary}" for name, summary in COMMANDS.items())
    text = f"{DESCRIPTION}\n\n{commands}\n\nEach has its own --help; without a command it is start."
    parser = Parser(PROGRAM, text, usage="[COMMAND] [OPTIONS] [--help] [--version]", epilog=EXIT_CODES_HELP)
    parser.hide()
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
        raise UsageError(f"{name!r} is not a command; there are {', '.join(COMMANDS)}")
    command = load(name)
    options = read_options(parser_of(name), arguments, environment_arguments() if command.SETTINGS else ())
    return command.run(options, Output(json=options.pop("json"), quiet=options.pop("quiet")))
