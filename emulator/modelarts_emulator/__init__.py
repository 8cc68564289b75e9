"""A local, offline emulator of the ModelArts data-management API (v2), backed by files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator

__version__ = "0.1.0"
__all__ = ["Emulator", "__version__"]


def __getattr__(name: str) -> object:
    # Only when it is asked for: a test run that merely has the package installed must not pay for a web server.
    if name == "Emulator":
        from modelarts_emulator.server import Emulator  # noqa: PLC0415

        return Emulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
