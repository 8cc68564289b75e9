"""The settings of an emulator. An option overrides its environment variable, which overrides a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from modelarts_emulator.config.options import CHOICES, MAX_POLL_INTERVAL_S, MIN_POLL_INTERVAL_S, Parser, add_settings
from modelarts_emulator.config.setting_sources import default_arguments
from modelarts_emulator.exceptions import InvalidValue, UsageError, did_you_mean, require_choice
from modelarts_emulator.iam.accounts import AccessKey, Accounts, User

__all__ = ["DESCRIPTION", "Settings", "UsageError", "read_options", "read_settings", "settings_from"]

DESCRIPTION = "A local, offline emulator of the ModelArts data-management API (v2), backed by files."


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of an emulator, checked and immutable.

    Only the command line uses ``ready_file``, ``demo``, ``seeds``, ``init``, ``log_level`` and ``log_format``.

    >>> from modelarts_emulator import Settings
    >>> Settings(port=0, data_dir=None).sync
    'auto'
    >>> Settings(sync="sometimes")
    Traceback (most recent call last):
        ...
    modelarts_emulator.exceptions.InvalidValue: sync 'sometimes' is not accepted; accepted are auto, manual

    Raises:
        InvalidValue: a value is not accepted.
        UsageError: users and access keys contradict each other, or ``auth`` is strict without users.
    """

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8765
    """Port to listen on; 0 chooses a free one."""
    data_dir: Path | None = Path("emulator-data")
    """Directory of all data. With None everything is in memory and in a temporary directory, deleted by ``stop``."""
    buckets: Mapping[str, Path] = field(default_factory=dict)
    """Existing directories that are mounted as buckets, by bucket name."""
    sync: str = "auto"
    """``auto`` applies changed files at once, ``manual`` only on request."""
    watch: str = "auto"
    """Detection of changed files: ``native`` by events of the system, ``poll`` by polling. ``auto`` polls
    folders whose file system does not report all changes."""
    poll_interval: float = 1.0
    """Seconds between two scans of a polled folder."""
    durability: str = "full"
    """``full`` survives power loss, ``process`` only the end of the process."""
    ready_file: Path | None = None
    demo: bool = False
    seeds: tuple[Path, ...] = ()
    init: tuple[Path, ...] = ()
    log_level: str = "info"
    log_format: str = "text"
    public_url: str | None = None
    """Base URL in answers, if clients reach the emulator by another one than that of their ``Host`` header."""
    auth: str = "open"
    """``open`` accepts every client, ``strict`` only ``users`` and ``access_keys``."""
    users: tuple[User, ...] = ()
    access_keys: tuple[AccessKey, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    """Host names that are accepted, with their subdomains; ``*`` accepts any."""
    cors: tuple[str, ...] = ()
    """Origins of web pages that may call, such as ``http://localhost:3000``."""
    strict_input: bool = False
    """Whether unknown members and parameters are an error, instead of being ignored."""
    max_loaded_samples: int = 2_000_000
    """Datasets are evicted from memory, least recently used first, above this number of samples."""
    max_open_tasks: int = 1_000
    """Further export tasks are refused with status 503 while so many are open; other tasks are one for each dataset."""
    max_deleted_samples: int = 100_000
    """Deleted samples that a dataset remembers and counts, if their files are deleted too; the oldest are forgotten."""
    request_log_bytes: int = 32 << 20
    """Memory of the request log: the oldest of its 1,000 requests are dropped above so many bytes."""
    threads: int = 8
    """Threads that serve requests."""
    control_key: str | None = field(default=None, repr=False)
    """Value of the header ``X-Emulator-Key`` that the control API requires."""
    tls: str = "off"
    """``self-signed`` serves https with a certificate that is generated with a CA of the emulator's own."""
    tls_cert: Path | None = None
    """Certificate chain in PEM; serves https, together with ``tls_key``."""
    tls_key: Path | None = None
    temporary_dir: Path | None = None
    """Parent of the temporary directory; by default the system's directory for temporary files."""

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            require_choice(getattr(self, name), choices, name)
        _require_integer("port", self.port, 0, 65535)
        _require_integer("threads", self.threads, 1, 1024)
        for name in ("max_loaded_samples", "max_open_tasks", "max_deleted_samples", "request_log_bytes"):
            _require_integer(name, getattr(self, name), 1, 1 << 62)
        if not MIN_POLL_INTERVAL_S <= self.poll_interval <= MAX_POLL_INTERVAL_S:
            raise InvalidValue(f"poll_interval must be from {MIN_POLL_INTERVAL_S} to {MAX_POLL_INTERVAL_S} seconds")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError("--tls-cert and --tls-key must be given together")
        if self.tls_cert and self.tls != "off":
            raise UsageError("--tls-cert and --tls self-signed exclude each other")
        if self.strict and not self.users:
            raise UsageError("--auth strict requires at least one --user NAME:PASSWORD")
        self.accounts()

    @property
    def strict(self) -> bool:
        """Whether only configured users and access keys are accepted."""
        return self.auth == "strict"

    def accounts(self, used_project_ids: Collection[str] = ()) -> Accounts:
        """Return the accounts that may call; ``used_project_ids`` are those of stored datasets. Raises UsageError."""
        try:
            return Accounts(self.users, self.access_keys, strict=self.strict, used_project_ids=used_project_ids)
        except ValueError as error:
            raise UsageError(str(error)) from None

    @property
    def uses_tls(self) -> bool:
        """Whether the server speaks https."""
        return self.tls_cert is not None or self.tls != "off"

    @property
    def automatic(self) -> bool:
        """Whether changed files are applied at once, instead of being recorded for ``sync-data``."""
        return self.sync == "auto"


def _require_integer(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidValue(f"{name} must be an integer from {low} to {high}, not {value!r:.80}")


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of options, environment and configuration file. Raises UsageError; exits on ``--help``."""
    parser = Parser("modelarts-emulator", DESCRIPTION)
    add_settings(parser, Settings())
    return settings_from(read_options(parser, arguments, default_arguments(arguments, environment)))


def read_options(parser: Parser, arguments: Sequence[str], defaults: Sequence[str] = ()) -> dict[str, Any]:
    """Return the values of options by name; ``defaults`` are parsed before ``arguments``.

    Raises UsageError, whose message never repeats a secret.
    """
    found, unknown = parser.parse_known_args([*defaults, *arguments])
    if unknown:
        # Only the first one and without its value: the value of a mistyped --user is a password.
        flag = unknown[0].partition("=")[0]
        flags = [each for action in parser.described() for each in action.option_strings]
        hint = did_you_mean(flag, flags)
        raise UsageError(f"unrecognized argument: {flag}" + (f"; {hint}" if hint else ""))
    return vars(found)


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Return the settings of parsed options. Of several values for one name the last one counts. Raises UsageError."""
    lists: dict[str, Any] = {
        "buckets": dict(options["bucket"] or ()),
        "users": tuple({user.name: user for user in options["users"] or ()}.values()),
        "access_keys": tuple({key.id: key for key in options["access_keys"] or ()}.values()),
        **{name: tuple(dict.fromkeys(options[name] or ())) for name in ("allowed_hosts", "cors", "seeds", "init")},
    }
    known = {each.name for each in fields(Settings)} - lists.keys()
    given = {name: options[name] for name in known if options.get(name) is not None}
    if options["memory"]:
        given["data_dir"] = None
    return Settings(**given, **lists)
