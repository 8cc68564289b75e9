"""The options of the command line: what each is called, what it takes, and which are also environment variables."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.iam.accounts import parse_access_key, parse_user
from modelarts_emulator.obs.paths import require_bucket_name

ENVIRONMENT_PREFIX = "MODELARTS_EMULATOR_"

Flag = tuple[str, dict[str, Any]]
"""A flag with what argparse wants to know of it."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "sync": ("auto", "manual"),
    "auth": ("open", "strict"),
    "durability": ("full", "process"),
    "log_level": ("debug", "info", "warning", "error"),
}
"""The accepted values of settings that are one of a few words."""

_COLUMNS = 80
_Read = TypeVar("_Read")


class Parser(argparse.ArgumentParser):
    """A parser whose help is the same on every screen. Raises UsageError for what cannot be used.

    ``--help`` leaves out what is ``rare``, and says so; ``--help-all`` has everything.
    """

    def __init__(self, prog: str, description: str, *, usage: str = "", epilog: str = "") -> None:
        super().__init__(
            prog=prog,
            description=description,
            usage=f"{prog} {usage}".rstrip() if usage else None,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        self._rare: dict[str, str] = {}

    def add_rare(self, flag: str, options: Mapping[str, Any]) -> None:
        """Add an option that few need."""
        if not self._rare:
            self.add_argument("--help-all", action=_HelpAll, help="show all options and exit")
        action = self.add_argument(flag, **{**options, "help": argparse.SUPPRESS})
        self._rare[action.dest] = options["help"]

    def show_all(self) -> None:
        """Let the help have everything."""
        for action in self._actions:
            action.help = self._rare.get(action.dest, action.help)

    def hide(self) -> None:
        """Leave out of the help what has been added so far."""
        for action in self._actions:
            action.help = argparse.SUPPRESS

    def described(self) -> list[argparse.Action]:
        """Everything that it takes."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message)


class _Formatter(argparse.HelpFormatter):
    """Help of one width, whose paragraphs are filled; what is indented stays as it is."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_COLUMNS - 1)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(each if each.startswith(" ") else textwrap.fill(each, width) for each in paragraphs)


class _HelpAll(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        assert isinstance(parser, Parser)
        parser.show_all()
        parser.print_help()
        parser.exit()


def option_name(flag: str) -> str:
    """What the value of a flag is called."""
    return flag.lstrip("-").replace("-", "_")


def bucket(text: str) -> tuple[str, Path]:
    """Return the name and the existing folder of ``NAME=FOLDER``."""
    name, separator, folder = text.partition("=")
    if not (separator and name and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    try:
        require_bucket_name(name)
    except ApiError as error:
        raise argparse.ArgumentTypeError(error.message) from None
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of bucket {name!r} does not exist: {folder}")
    return name, path.resolve()


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def base_url(text: str) -> str:
    """Return ``scheme://host[:port]``, perhaps with a path, without a final ``/``."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port)
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as https://modelarts.example:8765")
    return text.rstrip("/")


def _origin(text: str) -> str:
    """Return an origin as browsers send it: lower case, without a path."""
    if text in ("*", "null"):
        return text
    url = base_url(text)
    if urlsplit(url).path:
        raise argparse.ArgumentTypeError(f"{text!r} is not an origin such as http://localhost:3000")
    return url.lower()


def _control_key(text: str) -> str:
    if not 8 <= len(text) <= 200 or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("a control key is 8 to 200 printable ASCII characters")
    return text


def _secret(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """Return what reads an option that holds a secret; argparse itself would repeat it where it cannot be read."""

    def value(text: str) -> _Read:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


def seconds(text: str) -> float:
    """Return a time that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def existing(text: str) -> Path:
    """Return where an existing file or folder lies."""
    path = Path(text).expanduser()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {text!r}")
    return path.resolve()


user = _secret(parse_user)


USUAL = frozenset(
    {"--host", "--port", "--data-dir", "--bucket", "--memory", "--sync", "--ready-file", "--seed", "--init", "--auth"}
    | {"--user"}
)
"""The settings that the short help has."""


def settings_flags() -> list[Flag]:
    """Every setting once: its environment variable and its help follow from it."""
    return [
        ("--host", {"metavar": "HOST", "help": "address to listen on"}),
        ("--port", {"type": _port, "help": "port to listen on; 0 picks a free one"}),
        ("--data-dir", {"type": Path, "metavar": "DIR", "help": "where all is kept"}),
        ("--memory", {"action": "store_true", "help": "keep nothing (wins over --data-dir)"}),
        (
            "--bucket",
            {
                "type": bucket,
                "action": "append",
                "metavar": "NAME=FOLDER",
                "help": "an existing folder becomes a bucket; repeatable",
            },
        ),
        ("--sync", {"choices": CHOICES["sync"], "metavar": "WHEN", "help": "take in changed files: auto or manual"}),
        (
            "--seed",
            {
                "type": existing,
                "action": "append",
                "dest": "seeds",
                "metavar": "PATH",
                "help": "begin with what is there (see seed); repeatable",
            },
        ),
        (
            "--init",
            {
                "type": existing,
                "action": "append",
                "metavar": "SCRIPT",
                "help": "run it when ready, or a folder's; repeatable",
            },
        ),
        ("--demo", {"action": "store_true", "help": "begin with demonstration data"}),
        (
            "--auth",
            {"choices": CHOICES["auth"], "metavar": "MODE", "help": "open, or strict: only --user comes in"},
        ),
        (
            "--user",
            {
                "type": user,
                "action": "append",
                "dest": "users",
                "metavar": "NAME:PASSWORD",
                "help": "who may log in, NAME:PASSWORD[:PROJECT]; repeatable",
            },
        ),
        ("--ready-file", {"type": Path, "metavar": "FILE", "help": "gets the base URL when the server is ready"}),
        ("--log-level", {"choices": CHOICES["log_level"], "help": "how much is logged"}),
        (
            "--durability",
            {"choices": CHOICES["durability"], "help": "survive power loss, or only the end of the process"},
        ),
        (
            "--max-loaded-samples",
            {"type": _count, "metavar": "N", "help": "put datasets away, least used first, when more are in memory"},
        ),
        (
            "--strict",
            {"action": "store_true", "dest": "strict_input", "help": "refuse input that the service would ignore"},
        ),
        (
            "--public-url",
            {"type": base_url, "metavar": "URL", "help": "the base URL clients use, where it is not the Host header's"},
        ),
        (
            "--access-key",
            {
                "type": _secret(parse_access_key),
                "action": "append",
                "dest": "access_keys",
                "metavar": "AK:SK:USER",
                "help": "a key pair that signs for a user; repeatable",
            },
        ),
        CONTROL_KEY,
        (
            "--cors",
            {
                "type": _origin,
                "action": "append",
                "metavar": "ORIGIN",
                "help": "web pages of this origin may call, such as http://localhost:3000; repeatable",
            },
        ),
    ]


CONTROL_KEY: Flag = (
    "--control-key",
    {
        "type": _secret(_control_key),
        "metavar": "KEY",
        "help": "what X-Emulator-Key must be for /_emulator/ (with --auth strict and without it: drawn, and kept in the"
        " data directory as control-key)",
    },
)


def add_settings(parser: Parser, defaults: object, usual: Collection[str] = USUAL) -> None:
    """Add every setting to a parser; ``defaults`` has what holds where one is not given."""
    for flag, options in settings_flags():
        default = getattr(defaults, option_name(flag), None)
        note = f" (default {default})" if default and "action" not in options else ""
        described = {**options, "default": None, "help": options["help"] + note}
        if flag in usual:
            parser.add_argument(flag, **described)
        else:
            parser.add_rare(flag, described)


def environment_arguments(environment: Mapping[str, str] | None = None) -> list[str]:
    """The environment's settings (the process's own) as if typed before the command line's own flags."""
    environment = os.environ if environment is None else environment
    arguments: list[str] = []
    for flag, options in settings_flags():
        value = environment.get(ENVIRONMENT_PREFIX + option_name(flag).upper(), "")
        if not value:
            continue
        if options.get("action") == "store_true":
            arguments += [flag] if value.lower() in ("1", "true", "yes", "on") else []
        elif options.get("action") == "append":
            arguments += [part for item in value.split(";") if item for part in (flag, item)]
        else:
            arguments += [flag, value]
    return arguments
