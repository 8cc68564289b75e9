"""What ends a command: each is one clear line for the user, and an exit code."""

from __future__ import annotations


class UsageError(Exception):
    """It cannot be done as it was asked."""

    code = 2


class CommandFailed(Exception):
    """It has been tried, and did not work."""

    code = 1


class NotRunning(CommandFailed):
    """There is no emulator to talk to."""

    code = 3
