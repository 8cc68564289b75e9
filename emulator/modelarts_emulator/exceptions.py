"""The exceptions that users of the package meet.

They have one base class::

    EmulatorError
    ├── UsageError           arguments, settings or files that cannot be used (exit code 2)
    │   ├── UnknownKeyword   a keyword that does not exist; also a TypeError
    │   └── InvalidValue     a value that is not accepted; also a ValueError
    ├── CommandFailed        an action that was tried and failed (exit code 1)
    │   └── NotRunning       no emulator was found, or none answers (exit code 3)
    ├── IdleTimeout          work was still open at the deadline; also a TimeoutError
    ├── UnexpectedCalls      requests differ from those asserted; also an AssertionError
    ├── ApiError             an error of the API's catalogue (modelarts_emulator.contract.errors)
    └── RequestRefused       a fixture's call was answered with an error; also an AssertionError
                             (modelarts_emulator.testing)
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EmulatorError(Exception):
    """The base class of every error that this package raises for its users.

    >>> from modelarts_emulator import Emulator
    >>> try:
    ...     Emulator(prot=8765)
    ... except EmulatorError as error:
    ...     print(error)
    unknown keyword 'prot' for Emulator(); did you mean 'port'?
    """


class UsageError(EmulatorError):
    """Arguments, settings or files that cannot be used. Nothing has been changed."""

    code = 2


class UnknownKeyword(UsageError, TypeError):
    """A keyword argument that does not exist, or two that exclude each other."""


class InvalidValue(UsageError, ValueError):
    """A value outside the accepted ones; the message names them."""


class CommandFailed(EmulatorError):
    """An action that was tried and failed."""

    code = 1


class NotRunning(CommandFailed):
    """No emulator was found, or none answers at its URL."""

    code = 3


class IdleTimeout(EmulatorError, TimeoutError):
    """Tasks or changed files were still open at the deadline; the message names them."""


class UnexpectedCalls(EmulatorError, AssertionError):
    """Clients have not sent the requests that ``assert_called`` expects; the message lists those that came."""


def require_keywords(given: Iterable[str], known: Iterable[str], callable_name: str) -> None:
    """Raise UnknownKeyword, with the closest known keyword, for a keyword that does not exist."""
    names = sorted(known)
    for name in given:
        if name not in names:
            raise UnknownKeyword(f"unknown keyword {name!r} for {callable_name}; {_hint(name, names)}")


def require_choice(value: str, choices: Iterable[str], name: str) -> None:
    """Raise InvalidValue, with the closest accepted value, for a value that is not accepted."""
    accepted = list(choices)
    if value not in accepted:
        raise InvalidValue(f"{name} {str(value)[:80]!r} is not accepted; {_hint(str(value), accepted)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a question after the known name that is spelled most like ``name``; empty if none is alike.

    >>> did_you_mean("xstart", ["start", "stop"])
    "did you mean 'start'?"
    """
    close = get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""


def _hint(name: str, known: list[str]) -> str:
    return did_you_mean(name, known) or f"accepted are {', '.join(known)}"
