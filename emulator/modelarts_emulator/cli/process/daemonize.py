"""Start an emulator in the background: a process in its own session, which outlives the shell."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from modelarts_emulator.cli import OK, PROGRAM
from modelarts_emulator.cli.exit_codes import exit_code_of, print_error
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.serve import serve
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.system.daemon import DaemonProcess, start_daemon

LOG = "emulator.log"
_LOG_LINES = 5
_MAX_FILES = 4096
_TAIL_BYTES = 16_384


def detach(settings: Settings, log_file: Path | None, out: Output) -> int:
    """Start an emulator in the background and return when it is ready. Raises UsageError, CommandFailed.

    The log is a file in the data directory. In memory mode there is no log, unless a file is named.
    """
    path = log_file or (settings.data_dir / LOG if settings.data_dir else None)
    with _open_log(path) as log:
        url, pid = _start(settings, log)
    document = {"url": url, "pid": pid, "log_file": str(path) if path else None}
    selection = f"--data-dir {shlex.quote(str(settings.data_dir))}" if settings.data_dir else f"--url {url}"
    logged = f", log in {path}" if path else ""
    out.result(document, f"listening on {url}\nprocess {pid}{logged}; stop it with: {PROGRAM} stop {selection}")
    return OK


def _start(settings: Settings, log: IO[bytes]) -> tuple[str, int]:
    """Return the URL and the process id of an emulator that is ready. Raises UsageError, CommandFailed."""
    log_start = log.seek(0, os.SEEK_END)
    daemon = start_daemon(log, partial(_serve, settings))
    report = _read_report(daemon)
    if "url" in report:
        daemon.release()
        return str(report["url"]), daemon.pid
    code = daemon.wait()
    if "error" in report:
        raise (UsageError if report["code"] == UsageError.code else CommandFailed)(report["error"])
    log.seek(max(log_start, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
    raise _crashed(log.read().decode("utf-8", "replace"), code)


def _serve(settings: Settings, descriptor: int) -> int:
    """Run the emulator; report its URL or its error to the parent. Runs in the child process."""
    pipe = _ReportPipe(descriptor)

    def report_error(error: UsageError | CommandFailed) -> None:
        print_error(error)  # into the log
        pipe.send({"error": str(error), "code": error.code})

    return exit_code_of(lambda: serve(settings, Output(), on_ready=lambda url: pipe.send({"url": url})), report_error)


class _ReportPipe:
    """The child's end of the pipe for one report to the parent; later reports are dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, report: dict[str, Any]) -> None:
        """Send a report and close the pipe."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:  # a closed descriptor may already belong to another file
            with suppress(BrokenPipeError):  # the parent has exited
                os.write(descriptor, json.dumps(report).encode())
            os.close(descriptor)


def _open_log(path: Path | None) -> IO[bytes]:
    """Open the log for appending, and for reading by this process. Raises UsageError."""
    try:
        if path is None:
            return tempfile.TemporaryFile()
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b")
    except OSError as error:
        raise UsageError(f"cannot write the log file {path}: {error.strerror}") from None


def _read_report(daemon: DaemonProcess) -> dict[str, Any]:
    """Return the child's report, empty if it exited without one. An interrupt stops the child as well."""
    try:
        with os.fdopen(daemon.reading, "rb") as pipe:
            found: dict[str, Any] = json.loads(pipe.read() or b"{}")
            return found
    except KeyboardInterrupt:
        daemon.terminate()
        daemon.wait()
        raise


def _crashed(logged: str, code: int) -> CommandFailed:
    """Return the error for a child that exited without a report, with the end of its log."""
    lines = [line for line in logged.splitlines() if line.strip()]
    end = " | ".join(lines[-_LOG_LINES:]) or f"its process exited with code {code}"
    return CommandFailed(f"the emulator did not start: {end}")
