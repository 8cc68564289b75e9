"""Settings: a flag wins over its environment variable, which wins over the default. Each is declared once, here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from emulator.contract.errors import ApiError
from emulator.iam.users import AccessKey, Accounts, User, parse_access_key, parse_user
from emulator.obs.paths import require_bucket_name

ENVIRONMENT_PREFIX = "MODELARTS_EMULATOR_"
DESCRIPTION = "A local, offline emulator of the ModelArts data-management API (v2), backed by files."

Flag = tuple[str, dict[str, Any]]
"""A flag with what argparse wants to know of it."""

_Read = TypeVar("_Read")


class UsageError(Exception):
    """A setting cannot be used; the text is one clear line for the user."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an emulator runs. ``data_dir`` of ``None`` keeps everything in memory and a temporary object tree.

    Raises UsageError for users and access keys that contradict each other.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    data_dir: Path | None = Path("emulator-data")
    buckets: Mapping[str, Path] = field(default_factory=dict)
    sync: str = "auto"
    durability: str = "full"
    ready_file: Path | None = None
    demo: bool = False
    log_level: str = "info"
    public_url: str | None = None
    auth: str = "open"
    users: tuple[User, ...] = ()
    access_keys: tuple[AccessKey, ...] = ()
    cors: tuple[str, ...] = ()
    strict_input: bool = False
    max_loaded_samples: int = 2_000_000
    threads: int = 8
    control_key: str | None = None
    temporary_dir: Path | None = None
    """Where an emulator in memory has its buckets; without it, in the system's own directory for temporary files."""

    def __post_init__(self) -> None:
        if self.strict and not self.users:
            raise UsageError("--auth strict lets nobody in without a --user NAME:PASSWORD")
        self.accounts()

    @property
    def strict(self) -> bool:
        """Whether only configured users and access keys are let in."""
        return self.auth == "strict"

    def accounts(self) -> Accounts:
        """Return who may call. Raises UsageError."""
        try:
            return Accounts(self.users, self.access_keys, strict=self.strict)
        except ValueError as error:
            raise UsageError(str(error)) from None

    @property
    def automatic(self) -> bool:
        """Whether the watcher applies what it sees, rather than only noting it."""
        return self.sync == "auto"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


def _bucket(text: str) -> tuple[str, Path]:
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


def _flags() -> list[Flag]:
    """Every flag once: its environment variable and its help follow from it."""
    return [
        ("--host", {"help": "address to listen on"}),
        ("--port", {"type": _port, "help": "port to listen on; 0 picks a free one"}),
        ("--data-dir", {"type": Path, "metavar": "DIR", "help": "where datasets and buckets are kept"}),
        (
            "--bucket",
            {
                "type": _bucket,
                "action": "append",
                "metavar": "NAME=FOLDER",
                "help": "an existing folder becomes a bucket; repeatable (in the environment: separated by ';')",
            },
        ),
        ("--sync", {"choices": ("auto", "manual"), "help": "apply changes of files at once, or only on sync-data"}),
        (
            "--durability",
            {"choices": ("full", "process"), "help": "survive power loss, or only the end of the process"},
        ),
        ("--memory", {"action": "store_true", "help": "keep nothing: no data directory (wins over --data-dir)"}),
        (
            "--max-loaded-samples",
            {"type": _count, "metavar": "N", "help": "put datasets away, least used first, when more are in memory"},
        ),
        (
            "--strict",
            {"action": "store_true", "dest": "strict_input", "help": "refuse input that the service would ignore"},
        ),
        ("--ready-file", {"type": Path, "metavar": "FILE", "help": "gets the base URL when the server is ready"}),
        ("--demo", {"action": "store_true", "help": "seed a small real data set and print commands to try"}),
        ("--log-level", {"choices": ("debug", "info", "warning", "error"), "help": "how much is logged"}),
        (
            "--public-url",
            {"type": base_url, "metavar": "URL", "help": "the base URL clients use, where it is not the Host header's"},
        ),
        (
            "--auth",
            {"choices": ("open", "strict"), "help": "let everybody in, or only those of --user and --access-key"},
        ),
        (
            "--user",
            {
                "type": _secret(parse_user),
                "action": "append",
                "dest": "users",
                "metavar": "NAME:PASSWORD[:PROJECT]",
                "help": "who may log in, and into which project alone; repeatable (better in the environment, which"
                " other users of this machine cannot list)",
            },
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
        (
            "--control-key",
            {
                "type": _secret(_control_key),
                "metavar": "KEY",
                "help": "what X-Emulator-Key must be for /_emulator/ (with --auth strict and without it: drawn, and"
                " kept in the data directory as control-key)",
            },
        ),
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


def _parser(prog: str, description: str, epilog: str, own_flags: Sequence[Flag]) -> _Parser:
    defaults = Settings()
    parser = _Parser(
        prog=prog,
        description=description,
        epilog=f"Each option is also an environment variable: --data-dir is {ENVIRONMENT_PREFIX}DATA_DIR. {epilog}",
        allow_abbrev=False,
    )
    for flag, options in own_flags:
        parser.add_argument(flag, default=None, **options)
    for flag, options in _flags():
        default = getattr(defaults, flag.lstrip("-").replace("-", "_"), None)
        if default and "action" not in options:
            options["help"] += f" (default {default})"
        parser.add_argument(flag, default=None, **options)
    return parser


def _environment(environment: Mapping[str, str]) -> list[str]:
    """The environment as if it had been typed before the command line's own flags."""
    arguments: list[str] = []
    for flag, options in _flags():
        value = environment.get(ENVIRONMENT_PREFIX + flag.lstrip("-").replace("-", "_").upper(), "")
        if not value:
            continue
        if options.get("action") == "store_true":
            arguments += [flag] if value.lower() in ("1", "true", "yes", "on") else []
        elif options.get("action") == "append":
            arguments += [part for item in value.split(";") if item for part in (flag, item)]
        else:
            arguments += [flag, value]
    return arguments


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from flags and environment. Raises UsageError with one clear line; exits by itself on ``--help``."""
    return read_command(arguments, environment=environment)[0]


def read_command(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    prog: str = "modelarts-emulator",
    description: str = DESCRIPTION,
    epilog: str = "",
    own_flags: Sequence[Flag] = (),
) -> tuple[Settings, dict[str, Any]]:
    """Settings, and beside them the values of a command's own flags by name; None for one that is not given.

    Raises UsageError with one clear line; exits by itself on ``--help``.
    """
    parser = _parser(prog, description, epilog, own_flags)
    typed = _environment(os.environ if environment is None else environment)
    found, unknown = parser.parse_known_args([*typed, *arguments])
    if unknown:
        # Only the first, and not its value: a mistyped --user must not tell the password.
        raise UsageError(f"unrecognized argument: {unknown[0].partition('=')[0]}")
    options = vars(found)
    own = {name: options.pop(name) for name in (flag.lstrip("-").replace("-", "_") for flag, _ in own_flags)}
    return _settings(options), own


def _settings(options: dict[str, Any]) -> Settings:
    """Settings from what was typed. Of several of one name the last counts: a flag wins over the environment."""
    buckets = dict(options.pop("bucket") or ())
    users = {user.name: user for user in options.pop("users") or ()}
    keys = {key.id: key for key in options.pop("access_keys") or ()}
    cors = dict.fromkeys(options.pop("cors") or ())
    memory = options.pop("memory")
    given = {name: value for name, value in options.items() if value is not None}
    if memory:
        given["data_dir"] = None
    return Settings(
        **given, buckets=buckets, users=tuple(users.values()), access_keys=tuple(keys.values()), cors=tuple(cors)
    )
