"""How a command ends: what goes wrong is one line of standard error, and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from modelarts_emulator.cli import INTERRUPTED, OK, PROGRAM
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.exceptions import CommandFailed, UsageError


def exit_code_of(command: Callable[[], int]) -> int:
    """Run a command to its end, and return its exit code."""
    try:
        return command()
    except (UsageError, CommandFailed) as error:
        return _said(error)
    except BrokenPipeError:
        # Whoever read has seen enough; what is still in the buffer goes nowhere, without another complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except ApiError as error:
        return _said(CommandFailed(error.message))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _said(CommandFailed(f"{where}{error.strerror or error}"))
    except KeyboardInterrupt:
        return INTERRUPTED


def _said(error: UsageError | CommandFailed) -> int:
    print(f"{PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)
    return error.code
