"""Turn the exceptions of a command into one line on standard error and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from modelarts_emulator.cli import INTERRUPTED, OK, PROGRAM
from modelarts_emulator.exceptions import CommandFailed, EmulatorError, UsageError

OnError = Callable[[UsageError | CommandFailed], None]


def print_error(error: UsageError | CommandFailed) -> None:
    """Print an error as one line on standard error."""
    print(f"{PROGRAM}: {' '.join(str(error).split())}", file=sys.stderr)


def exit_code_of(command: Callable[[], int], on_error: OnError = print_error) -> int:
    """Run a command and return its exit code; ``on_error`` receives the error that ended it."""
    try:
        return command()
    except (UsageError, CommandFailed) as error:
        return _reported(error, on_error)
    except BrokenPipeError:
        # The reader has closed the pipe. Buffered output goes to the null device, so that exit does not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except EmulatorError as error:
        return _reported(CommandFailed(getattr(error, "message", str(error))), on_error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _reported(CommandFailed(f"{where}{error.strerror or error}"), on_error)
    except KeyboardInterrupt:
        return INTERRUPTED


def _reported(error: UsageError | CommandFailed, on_error: OnError) -> int:
    on_error(error)
    return error.code
