"""Find the emulator that a command is for: by URL, ready file or data directory, or because it is the only one."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.cli.process.ready_file import EmulatorProcess, read_ready_file
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, base_url
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.embedding.certificates import ca_bundle
from modelarts_emulator.exceptions import CommandFailed, NotRunning, UsageError
from modelarts_emulator.system.processes import own_path
from modelarts_emulator.system.temporary_folder import PREFIX
from modelarts_emulator.util.http_client import Client

PROCESS_FILE = "running"
"""The ready file that every emulator process has in its data directory, or in its temporary directory."""
TEMPORARY = f"{PREFIX}*"


class RunningEmulator(NamedTuple):
    """A running emulator. ``process`` is None if only its URL is known; ``url`` is empty while it is starting."""

    url: str
    process: EmulatorProcess | None = None
    data_dir: Path | None = None

    @property
    def pid(self) -> int:
        """The process id, 0 if it is not known."""
        return self.process.pid if self.process else 0

    @property
    def ca_file(self) -> Path | None:
        """The authorities with which clients verify its certificate; None without one of its own."""
        return ca_bundle(self.data_dir) if self.url.startswith("https:") else None

    def client(self, headers: Mapping[str, str] | None = None) -> Client:
        """Return a client for its API."""
        return Client(self.url, headers, ca_file=self.ca_file)


def add_emulator_options(parser: Parser) -> None:
    """Add the options that select a running emulator."""
    parser.add_argument("--url", type=base_url, metavar="URL", help="its URL (default: MODELARTS_EMULATOR_URL)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="its data directory (default: emulator-data)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="its ready file")


def find_emulator(options: dict[str, Any], *, accept_unselected: bool = False) -> RunningEmulator:
    """Return the selected emulator. Options take precedence over environment variables.

    If none is selected and none runs on the default data directory, ``accept_unselected`` returns the only emulator in
    memory. A command that changes something must not do that: the emulator may belong to a test run elsewhere.

    Raises NotRunning, or UsageError if several are running and none is selected.
    """
    environment: dict[str, Any] = {
        name: os.environ.get(ENVIRONMENT_PREFIX + name.upper()) for name in ("url", "ready_file", "data_dir")
    }
    default = Settings().data_dir
    folders = [Path(each) for each in (options.get("data_dir"), environment["data_dir"], default) if each]
    for source in (options, environment):
        if source.get("url"):
            return _with_process(RunningEmulator(_url(source["url"])), folders)
        if source.get("ready_file"):
            return _of_ready_file(Path(source["ready_file"]), folders)
        if source.get("data_dir"):
            return _of_data_dir(Path(source["data_dir"]))
    assert default is not None
    with suppress(NotRunning):
        return _of_data_dir(default)
    found = [*_in_memory()]
    if found and not accept_unselected:
        urls = ", ".join(each.url or f"process {each.pid}" for each in found)
        raise NotRunning(
            f"no emulator is running with the data directory {default}; in memory: {urls}, select by --url"
        )
    return _only_one(found, default)


def _url(text: str) -> str:
    try:
        return base_url(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{ENVIRONMENT_PREFIX}URL: {error}") from None


def _with_process(known: RunningEmulator, folders: Iterable[Path]) -> RunningEmulator:
    """Return a known emulator with its process and data directory, if it runs on this machine and is visible."""
    for folder in folders:
        with suppress(NotRunning):
            if (other := _of_data_dir(folder)).url == known.url:
                return other
    return next((other for other in _in_memory() if other.url == known.url), known)


def _of_ready_file(path: Path, folders: Iterable[Path]) -> RunningEmulator:
    """Return the emulator that wrote a ready file.

    If the file is in a bucket, the emulator loses its POSIX lock whenever a client reads the object, because closing
    any descriptor of a file releases the lock. The process is then found by the file in its data directory.
    """
    process = _read(path)
    if process is None and not path.is_file():
        raise NotRunning(f"no emulator is running: {path} does not exist")
    url = process.url if process else path.read_text("utf-8", "replace").strip()
    found = _with_process(RunningEmulator(url, process), folders)
    if found.process is None:
        raise NotRunning(f"no emulator is running: the process that wrote {path} has exited")
    return found


def _of_data_dir(data_dir: Path) -> RunningEmulator:
    process = _read(data_dir / PROCESS_FILE)
    if process is None:
        raise NotRunning(f"no emulator is running with the data directory {data_dir}")
    return RunningEmulator(process.url, process, data_dir)


def _only_one(found: list[RunningEmulator], default: Path) -> RunningEmulator:
    if not found:
        raise NotRunning(
            f"no emulator is running with the data directory {default}; select another one with --data-dir or --url"
        )
    if len(found) > 1:
        urls = ", ".join(each.url or f"process {each.pid}" for each in found)
        raise UsageError(f"several emulators are running: {urls}; select one with --url")
    return found[0]


def _in_memory() -> Iterator[RunningEmulator]:
    """Yield this user's emulators without a data directory; files of other users are ignored."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(TEMPORARY)):
        with suppress(OSError):
            path = folder / PROCESS_FILE
            is_own = all(map(own_path, (folder, path)))
            if is_own and (process := read_ready_file(path)):
                yield RunningEmulator(process.url, process, folder)


def _read(path: Path) -> EmulatorProcess | None:
    try:
        return read_ready_file(path)
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from None
