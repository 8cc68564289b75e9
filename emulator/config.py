"""Settings: a flag wins over its environment variable, which wins over the default. Each is declared once, here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from emulator.contract.errors import ApiError
from emulator.obs.paths import require_bucket_name

ENVIRONMENT_PREFIX = "MODELARTS_EMULATOR_"


class UsageError(Exception):
    """A setting cannot be used; the text is one clear line for the user."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an emulator runs. ``data_dir`` of ``None`` keeps everything in memory and a temporary object tree."""

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
    threads: int = 8

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


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _flags() -> list[tuple[str, dict[str, Any]]]:
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
        ("--ready-file", {"type": Path, "metavar": "FILE", "help": "gets the base URL when the server is ready"}),
        ("--demo", {"action": "store_true", "help": "seed a small real data set and print commands to try"}),
        ("--log-level", {"choices": ("debug", "info", "warning", "error"), "help": "how much is logged"}),
        ("--public-url", {"metavar": "URL", "help": "the base URL clients use, where it is not the Host header's"}),
    ]


def _parser() -> _Parser:
    defaults = Settings()
    parser = _Parser(
        prog="modelarts-emulator",
        description="A local, offline emulator of the ModelArts data-management API (v2), backed by files.",
        epilog=f"Each option is also an environment variable: --data-dir is {ENVIRONMENT_PREFIX}DATA_DIR.",
    )
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
    parser = _parser()
    typed = _environment(os.environ if environment is None else environment)
    try:
        options = vars(parser.parse_args([*typed, *arguments]))
    except argparse.ArgumentError as error:  # pragma: no cover - argparse reports through error()
        raise UsageError(str(error)) from None
    buckets = dict(options.pop("bucket") or ())
    memory = options.pop("memory")
    given = {name: value for name, value in options.items() if value is not None}
    if memory:
        given["data_dir"] = None
    return Settings(**given, buckets=buckets)
