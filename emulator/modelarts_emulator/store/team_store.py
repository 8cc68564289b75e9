"""Teams, members and sent e-mails of all projects, in one TinyDB file that is replaced with every change.

There are few of them: at most ten teams of a hundred members in a project.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from modelarts_emulator.store.files import Rows, Tables, read_tables, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.team_records import MailRecord, TeamRecord, WorkerRecord
from modelarts_emulator.system.durability import replace_file

log = logging.getLogger(__name__)

TEAMS_FILE = "teams.json"
MAX_MAILS = 1_000
"""Number of sent e-mails that are kept, the newest ones."""


class TeamData(NamedTuple):
    """Teams, members and e-mails, each by its id and in order of creation."""

    teams: dict[str, TeamRecord]
    workers: dict[str, WorkerRecord]
    mails: dict[str, MailRecord]

    def teams_of(self, project_id: str) -> list[TeamRecord]:
        """Return the teams of a project."""
        return [team for team in self.teams.values() if team.project_id == project_id]

    def workers_of(self, project_id: str) -> list[WorkerRecord]:
        """Return the members of all teams of a project."""
        return [worker for worker in self.workers.values() if worker.project_id == project_id]

    def members_of(self, team_id: str) -> list[WorkerRecord]:
        """Return the members of a team."""
        return [worker for worker in self.workers.values() if worker.team_id == team_id]

    def mails_of(self, project_id: str | None) -> list[MailRecord]:
        """Return the e-mails of a project, or all."""
        return [mail for mail in self.mails.values() if project_id in (None, mail.project_id)]

    def without(self, project_id: str | None) -> TeamData:
        """Return the data without those of a project; with None, without any."""
        return TeamData(
            _others(self.teams, project_id), _others(self.workers, project_id), _others(self.mails, project_id)
        )


R = TypeVar("R", TeamRecord, WorkerRecord, MailRecord)


def _others(records: dict[str, R], project_id: str | None) -> dict[str, R]:
    if project_id is None:
        return {}
    return {key: record for key, record in records.items() if record.project_id != project_id}


class TeamStore:
    """The teams of a data directory, or of memory only without a path.

    Reading never waits: ``data`` is replaced as a whole by each change.
    """

    def __init__(
        self, path: Path | None, *, fsync: bool, now_ms: int = 0, on_written: Callable[[], None] = lambda: None
    ) -> None:
        """Read the file; one that cannot be read is quarantined. ``on_written`` is called after each change.

        Raises: FormatTooNew, OSError.
        """
        self._path, self._fsync, self._on_written = path, fsync, on_written
        self._lock = threading.Lock()
        self.data = TeamData({}, {}, {})
        if path is None or not path.exists():
            return
        try:
            self.data = read_teams(path)
        except Damaged as error:
            target = path.with_name(f"{path.name}.damaged-{now_ms}")
            replace_file(path, target)
            log.error("Cannot read the teams (%s); quarantined as %s", error, target)

    @contextmanager
    def changing(self) -> Iterator[TeamData]:
        """Give a copy to change; it replaces the data at the end of the context, and is durable then.

        An exception inside the context discards it. Raises OSError; nothing has changed then.
        """
        with self._lock:
            changed = TeamData(dict(self.data.teams), dict(self.data.workers), dict(self.data.mails))
            yield changed
            if changed != self.data:
                self._replace(changed)

    def replace(self, data: TeamData) -> None:
        """Replace everything. Raises OSError."""
        with self._lock:
            self._replace(data)

    def _replace(self, data: TeamData) -> None:
        mails = dict(list(data.mails.items())[-MAX_MAILS:])
        data = data._replace(mails=mails)
        if self._path is not None:
            write_teams(self._path, data, fsync=self._fsync)
            self._on_written()
        self.data = data


def write_teams(path: Path, data: TeamData, *, fsync: bool) -> None:
    """Write teams, members and e-mails to a file. Raises OSError."""
    tables = {
        "teams": _documents(data.teams.values()),
        "workers": _documents(data.workers.values()),
        "mails": _documents(data.mails.values()),
    }
    write_tables(path, tables, fsync=fsync)


def read_teams(path: Path) -> TeamData:
    """Read a file that ``write_teams`` has written. Raises Damaged, FormatTooNew, OSError."""
    _, tables = read_tables(path)
    try:
        return TeamData(
            _by_id(tables, "teams", TeamRecord),
            _by_id(tables, "workers", WorkerRecord),
            _by_id(tables, "mails", MailRecord),
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error


def _by_id(tables: Tables, name: str, kind: type[R]) -> dict[str, R]:
    decode = msgspec.json.Decoder(kind).decode
    found = (decode(document) for document in tables.get(name, Rows([], [])).documents)
    return {each.id: each for each in found}


def _documents(records: Iterable[msgspec.Struct]) -> Iterable[tuple[int, bytes]]:
    return ((number, msgspec.json.encode(record)) for number, record in enumerate(records, 1))
