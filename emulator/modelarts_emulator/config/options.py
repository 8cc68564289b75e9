"""The options of the command line: names, values, help, and the argument parser."""

from __future__ import annotations

import argparse
import re
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
"""A flag and its arguments for ``add_argument``."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "sync": ("auto", "manual"),
    "watch": ("auto", "native", "poll"),
    "auth": ("open", "strict"),
    "durability": ("full", "process"),
    "log_level": ("debug", "info", "warning", "error"),
    "log_format": ("text", "json"),
    "tls": ("off", "self-signed"),
}
"""The accepted values of settings that are one of a few words."""

MIN_POLL_INTERVAL_S, MAX_POLL_INTERVAL_S = 0.05, 3600

_COLUMNS = 80
_Value = TypeVar("_Value")


class Parser(argparse.ArgumentParser):
    """An argument parser whose help has the same width on every terminal, and that raises UsageError.

    ``--help`` omits the options added by ``add_rare``; ``--help-all`` shows them.
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
        """Add an option that only ``--help-all`` shows."""
        if not self._rare:
            self._add_help_all()
        action = self.add_argument(flag, **{**options, "help": argparse.SUPPRESS})
        self._rare[action.dest] = options["help"]

    def show_all(self) -> None:
        """Show the rare options in the help as well."""
        for action in self._actions:
            action.help = self._rare.get(action.dest, action.help)

    def hide_all(self) -> None:
        """Leave all options added so far out of the help."""
        for action in self._actions:
            action.help = argparse.SUPPRESS

    def described(self) -> list[argparse.Action]:
        """Return all options and arguments."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message)

    def _add_help_all(self) -> None:
        """Add ``--help-all`` below ``--help``, at the start of the list."""
        added = self.add_argument("--help-all", action=_HelpAll, help="show all options and exit")
        actions = self._optionals._group_actions
        actions.insert(1, actions.pop(actions.index(added)))


class _Formatter(argparse.HelpFormatter):
    """Help of a fixed width. Paragraphs are filled; indented lines are kept."""

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
    """Return the name of a flag's value: ``data_dir`` for ``--data-dir``."""
    return flag.lstrip("-").replace("-", "_")


# Values


def bucket(text: str) -> tuple[str, Path]:
    """Return the name and the existing directory of ``NAME=FOLDER``."""
    name, separator, folder = text.partition("=")
    if not (separator and name and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    try:
        require_bucket_name(name)
    except ApiError as error:
        raise argparse.ArgumentTypeError(error.message) from None
    path = Path(folder).expanduser()
    if path.is_file():
        raise argparse.ArgumentTypeError(f"bucket {name!r} needs a folder, and this is a file: {folder}")
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
    """Return ``scheme://host[:port][/path]`` without a final ``/``."""
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


def _host_name(text: str) -> str:
    """Return a host name without a port, in lower case, or ``*``."""
    name = text.strip().lower().rstrip(".")
    if name != "*" and not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f:]+]?", name):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name such as modelarts.company.com")
    return name.strip("[]")


def _control_key(text: str) -> str:
    if not 8 <= len(text) <= 200 or not text.isascii() or not text.isprintable() or text != text.strip():
        raise ValueError("a control key is 8 to 200 printable ASCII characters")
    return text


def _secret(read: Callable[[str], _Value]) -> Callable[[str], _Value]:
    """Wrap the reader of a secret: argparse would repeat the value in the message of a ValueError."""

    def value(text: str) -> _Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return value


def seconds(text: str) -> float:
    """Return a number of seconds from 0 to one day."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _interval(text: str) -> float:
    value = seconds(text)
    if not MIN_POLL_INTERVAL_S <= value <= MAX_POLL_INTERVAL_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not from {MIN_POLL_INTERVAL_S} to {MAX_POLL_INTERVAL_S} seconds")
    return value


def existing(text: str) -> Path:
    """Return the absolute path of an existing file or directory."""
    path = Path(text).expanduser()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"{text!r} does not exist")
    return path.resolve()


user = _secret(parse_user)


# The settings


USUAL = frozenset(
    {"--host", "--port", "--data-dir", "--bucket", "--memory", "--sync", "--ready-file", "--seed", "--init", "--auth"}
    | {"--user"}
)
"""The settings that the short help shows."""

SECRETS = frozenset({"--user", "--access-key", "--control-key"})
"""The settings with secrets; a file may hold their value, named by the variable with ``_FILE`` added."""

PATHS = frozenset({"--data-dir", "--ready-file", "--seed", "--init", "--tls-cert", "--tls-key"})
"""The settings whose values are paths."""

CONTROL_KEY: Flag = (
    "--control-key",
    {
        "type": _secret(_control_key),
        "metavar": "KEY",
        "help": "header X-Emulator-Key required by /_emulator/ (default with --auth strict: generated and stored as"
        " control-key in the data directory)",
    },
)


def _repeatable(type_: Callable[[str], Any], metavar: str, help_: str, **options: Any) -> dict[str, Any]:
    return {"type": type_, "action": "append", "metavar": metavar, "help": f"{help_}; repeatable", **options}


def _choice(name: str, help_: str, **options: Any) -> dict[str, Any]:
    return {"choices": CHOICES[name], "help": help_, **options}


def settings_flags() -> list[Flag]:
    """Return every setting once; its environment variable, its key in a file and its help are derived from it."""
    secret_key = _secret(parse_access_key)
    return [
        ("--host", {"metavar": "HOST", "help": "address to listen on"}),
        ("--port", {"type": _port, "metavar": "PORT", "help": "port; 0 chooses a free one"}),
        ("--data-dir", {"type": Path, "metavar": "DIR", "help": "directory of all data"}),
        ("--memory", {"action": "store_true", "help": "do not persist anything (overrides --data-dir)"}),
        ("--bucket", _repeatable(bucket, "NAME=FOLDER", "mount an existing folder as a bucket")),
        ("--sync", _choice("sync", "apply changed files: auto or manual", metavar="WHEN")),
        ("--watch", _choice("watch", "find changed files: auto, native events, or poll", metavar="HOW")),
        (
            "--poll-interval",
            {"type": _interval, "metavar": "SECONDS", "help": "time between two scans of a polled folder"},
        ),
        ("--seed", _repeatable(existing, "PATH", "load datasets from PATH at startup", dest="seeds")),
        ("--init", _repeatable(existing, "SCRIPT", "run SCRIPT, or a folder's, at startup")),
        ("--demo", {"action": "store_true", "help": "load demonstration data at startup"}),
        ("--auth", _choice("auth", "open: no login; strict: only --user", metavar="MODE")),
        ("--user", _repeatable(user, "NAME:PASSWORD", "account, NAME:PASSWORD[:PROJECT]", dest="users")),
        ("--ready-file", {"type": Path, "metavar": "FILE", "help": "write the base URL to FILE once ready"}),
        ("--log-level", _choice("log_level", "log from this level: debug, info, warning, error", metavar="LEVEL")),
        ("--log-format", _choice("log_format", "text, or json with one object per line", metavar="FORMAT")),
        ("--durability", _choice("durability", "full: data survive power loss; process: only the end of the process")),
        (
            "--max-loaded-samples",
            {"type": _count, "metavar": "N", "help": "evict datasets from memory above N samples"},
        ),
        (
            "--max-open-tasks",
            {"type": _count, "metavar": "N", "help": "refuse further exports while N are open"},
        ),
        (
            "--max-deleted-samples",
            {"type": _count, "metavar": "N", "help": "forget samples deleted with their files above N in a dataset"},
        ),
        (
            "--request-log-bytes",
            {"type": _count, "metavar": "BYTES", "help": "memory of the request log"},
        ),
        ("--strict", {"action": "store_true", "dest": "strict_input", "help": "refuse input that the service ignores"}),
        (
            "--public-url",
            {"type": base_url, "metavar": "URL", "help": "base URL of clients, if not that of their Host"},
        ),
        (
            "--access-key",
            _repeatable(secret_key, "AK:SK:USER", "access key that signs for a user", dest="access_keys"),
        ),
        CONTROL_KEY,
        (
            "--allowed-host",
            _repeatable(
                _host_name, "NAME", "accept this host name and its subdomains; * accepts any", dest="allowed_hosts"
            ),
        ),
        ("--cors", _repeatable(_origin, "ORIGIN", "allow web pages of ORIGIN, such as http://localhost:3000")),
        ("--tls", _choice("tls", "self-signed: https with a generated certificate", metavar="MODE")),
        ("--tls-cert", {"type": Path, "metavar": "FILE", "help": "https with this certificate chain, in PEM"}),
        ("--tls-key", {"type": Path, "metavar": "FILE", "help": "private key of --tls-cert, in PEM"}),
    ]


def add_settings(parser: Parser, defaults: object, usual: Collection[str] = USUAL) -> None:
    """Add every setting to a parser; ``defaults`` has the values that the help shows as defaults."""
    for flag, options in settings_flags():
        default = getattr(defaults, option_name(flag), None)
        shown = f" (default {default})" if default and "action" not in options else ""
        described = {**options, "default": None, "help": options["help"] + shown}
        if flag in usual:
            parser.add_argument(flag, **described)
        else:
            parser.add_rare(flag, described)
    parser.add_rare(
        "--config",
        {"type": Path, "metavar": "FILE", "help": "read settings from a TOML file, such as: port = 8765"},
    )
