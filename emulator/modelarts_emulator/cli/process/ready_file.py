"""A file with the URL of an emulator, valid while its process lives."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.system.process_file import ProcessFile, ProcessFileReader


class EmulatorProcess(NamedTuple):
    """The living process that holds a ready file. ``url`` is empty while it is starting."""

    pid: int
    url: str
    path: Path


class ReadyFile:
    """A ready file of this process. Raises UsageError if another emulator holds it, or if it cannot be written."""

    def __init__(self, path: Path, text: str = "") -> None:
        self._file = ProcessFile(path)
        try:
            owner = read_ready_file(path)
            if owner:
                raise UsageError(f"the file {path} belongs to a running emulator, process {owner.pid}")
            self._file.create(text)
        except OSError as error:
            self.remove()
            raise UsageError(f"cannot write the ready file {path}: {error.strerror or error}") from None

    def write(self, text: str) -> None:
        """Replace the text of the file. Raises OSError."""
        self._file.write(text)

    def remove(self) -> None:
        """Delete the file, unless another one has replaced it. It is held until the process exits."""
        self._file.remove()


def read_ready_file(path: Path) -> EmulatorProcess | None:
    """Return the process that holds a ready file; None if file or process do not exist. Raises OSError."""
    try:
        with ProcessFileReader(path) as file:
            pid = file.holder()
            return EmulatorProcess(pid, file.text(), path) if pid is not None else None
    except FileNotFoundError:
        return None
