"""A local, offline emulator of the ModelArts data-management API (v2), backed by files.

>>> from modelarts_emulator import Emulator
>>> with Emulator() as emulator:
...     emulator.url
'http://127.0.0.1:...'

The names below are the public API; everything else may change between releases.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_emulator.config.settings import Settings
    from modelarts_emulator.contract.errors import ApiError
    from modelarts_emulator.control.request_log.log import LoggedRequest
    from modelarts_emulator.exceptions import (
        CommandFailed,
        EmulatorError,
        IdleTimeout,
        InvalidValue,
        NotRunning,
        UnexpectedCalls,
        UnknownKeyword,
        UsageError,
    )
    from modelarts_emulator.iam.accounts import AccessKey, User
    from modelarts_emulator.server import Emulator

__version__ = "0.1.0"
__all__ = [
    "AccessKey",
    "ApiError",
    "CommandFailed",
    "Emulator",
    "EmulatorError",
    "IdleTimeout",
    "InvalidValue",
    "LoggedRequest",
    "NotRunning",
    "Settings",
    "UnexpectedCalls",
    "UnknownKeyword",
    "UsageError",
    "User",
    "__version__",
]

_MODULES = {
    "AccessKey": "iam.accounts",
    "ApiError": "contract.errors",
    "Emulator": "server",
    "LoggedRequest": "control.request_log.log",
    "Settings": "config.settings",
    "User": "iam.accounts",
}


def __getattr__(name: str) -> object:
    # Loaded on first use: a test run that merely has the package installed must not pay for a web server.
    if name in __all__:
        module = import_module(f"{__name__}.{_MODULES.get(name, 'exceptions')}")
        globals()[name] = value = getattr(module, name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
