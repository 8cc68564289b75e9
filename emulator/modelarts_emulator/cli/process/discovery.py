"""Finds the emulator that is meant: by its URL, ready file or data directory, or because it is the only one."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.cli.process.ready_file import EmulatorProcess, read_ready_file
from modelarts_emulator.config.options import ENVIRONMENT_PREFIX, Parser, base_url
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import CommandFailed, NotRunning, UsageError

PROCESS_FILE = "running"
"""The ready file that every started emulator has in its data directory, or in its temporary one."""
TEMPORARY = "modelarts-emulator-*"


class RunningEmulator(NamedTuple):
    """Where an emulator is. Its process is None where only a URL is known; the URL is empty while it is starting."""

    url: str
    found: EmulatorProcess | None = None
    data_dir: Path | None = None


def add_emulator_options(parser: Parser) -> None:
    """Add the options that say which emulator is meant."""
    parser.add_argument("--url", type=base_url, metavar="URL", help="where it is (or MODELARTS_EMULATOR_URL)")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="its data directory (default: emulator-data)")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="its ready file")


def find_emulator(options: dict[str, Any]) -> RunningEmulator:
    """Return the emulator that is meant. What is typed counts more than the environment.

    Raises NotRunning, UsageError for several of which none is named.
    """
    environment: dict[str, Any] = {
        name: os.environ.get(ENVIRONMENT_PREFIX + name.upper()) for name in ("url", "ready_file", "data_dir")
    }
    default = Settings().data_dir
    folders = [Path(each) for each in (options.get("data_dir"), environment["data_dir"], default) if each]
    for source in (options, environment):
        if source.get("url"):
            return _known(RunningEmulator(_url(source["url"])), folders)
        if source.get("ready_file"):
            return _of_file(Path(source["ready_file"]), folders)
        if source.get("data_dir"):
            return _of_directory(Path(source["data_dir"]))
    assert default is not None
    with suppress(NotRunning):
        return _of_directory(default)
    return _only([*_in_memory()], default)


def _url(text: str) -> str:
    try:
        return base_url(text)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{ENVIRONMENT_PREFIX}URL: {error}") from None


def _known(place: RunningEmulator, folders: Iterable[Path]) -> RunningEmulator:
    """A place with its process and directory, where it is one of this machine that can be seen from here."""
    for folder in folders:
        with suppress(NotRunning):
            if (other := _of_directory(folder)).url == place.url:
                return other
    return next((other for other in _in_memory() if other.url == place.url), place)


def _of_file(path: Path, folders: Iterable[Path]) -> RunningEmulator:
    """The emulator of a ready file.

    Where that lies in a bucket, whoever has read the object has ended the lock on it: the process is then known by the
    file in its data directory.
    """
    found = _looked(path)
    if found is None and not path.is_file():
        raise NotRunning(f"no emulator is running: {path} is not there")
    text = found.url if found else path.read_text("utf-8", "replace").strip()
    place = _known(RunningEmulator(text, found), folders)
    if place.found is None:
        raise NotRunning(f"no emulator is running: {path} is of a dead process")
    return place


def _of_directory(data_dir: Path) -> RunningEmulator:
    found = _looked(data_dir / PROCESS_FILE)
    if found is None:
        raise NotRunning(f"no emulator is running with the data directory {data_dir}")
    return RunningEmulator(found.url, found, data_dir)


def _only(places: list[RunningEmulator], default: Path) -> RunningEmulator:
    if not places:
        raise NotRunning(f"no emulator is running with the data directory {default}; --data-dir or --url names another")
    if len(places) > 1:
        urls = ", ".join(place.url or f"process {place.found.pid if place.found else 0}" for place in places)
        raise UsageError(f"several emulators are running: {urls}; say which with --url")
    return places[0]


def _in_memory() -> Iterator[RunningEmulator]:
    """This user's emulators that have no data directory. What another user lays there is not looked at."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(TEMPORARY)):
        with suppress(OSError):
            path = folder / PROCESS_FILE
            is_own = all(each.lstat().st_uid == os.getuid() and not each.is_symlink() for each in (folder, path))
            if is_own and (found := read_ready_file(path)):
                yield RunningEmulator(found.url, found, folder)


def _looked(path: Path) -> EmulatorProcess | None:
    try:
        return read_ready_file(path)
    except OSError as error:
        raise CommandFailed(f"cannot read {path}: {error.strerror}") from None
