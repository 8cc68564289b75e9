"""Settings: a flag wins over its environment variable, which wins over the default. Each is declared once, here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from modelarts_emulator.config.options import Parser, add_settings, environment_arguments
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.iam.accounts import AccessKey, Accounts, User

__all__ = ["DESCRIPTION", "Settings", "UsageError", "read_options", "read_settings", "settings_from"]

DESCRIPTION = "A local, offline emulator of the ModelArts data-management API (v2), backed by files."


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an emulator runs. ``data_dir`` of ``None`` keeps everything in memory and a temporary object tree.

    ``ready_file``, ``demo``, ``seeds``, ``init`` and ``log_level`` are what the command line does around it.
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
    seeds: tuple[Path, ...] = ()
    init: tuple[Path, ...] = ()
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


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from flags and environment. Raises UsageError with one clear line; exits by itself on ``--help``."""
    parser = Parser("modelarts-emulator", DESCRIPTION)
    add_settings(parser, Settings())
    return settings_from(read_options(parser, arguments, environment_arguments(environment)))


def read_options(parser: Parser, arguments: Sequence[str], defaults: Sequence[str] = ()) -> dict[str, Any]:
    """What was typed, by name; ``defaults`` as if typed before. Raises UsageError, which tells no secret."""
    found, unknown = parser.parse_known_args([*defaults, *arguments])
    if unknown:
        # Only the first, and not its value: a mistyped --user must not tell the password.
        raise UsageError(f"unrecognized argument: {unknown[0].partition('=')[0]}")
    return vars(found)


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Settings from what was typed. Of several of one name the last counts: a flag wins over the environment."""
    lists: dict[str, Any] = {
        "buckets": dict(options["bucket"] or ()),
        "users": tuple({user.name: user for user in options["users"] or ()}.values()),
        "access_keys": tuple({key.id: key for key in options["access_keys"] or ()}.values()),
        **{name: tuple(dict.fromkeys(options[name] or ())) for name in ("cors", "seeds", "init")},
    }
    known = {each.name for each in fields(Settings)} - lists.keys()
    given = {name: options[name] for name in known if options.get(name) is not None}
    if options["memory"]:
        given["data_dir"] = None
    return Settings(**given, **lists)
