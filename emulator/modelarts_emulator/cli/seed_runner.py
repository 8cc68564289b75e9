"""Seeds an emulator that runs, from whatever lies at some paths; for the command, and at a start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.cli.commands.restore import upload
from modelarts_emulator.cli.commands.snapshot import SNAPSHOTS, line
from modelarts_emulator.cli.control_client import CONTROL
from modelarts_emulator.cli.output import Count, Output
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.seeding.detect import SeedSource, detect_source
from modelarts_emulator.seeding.login import log_in
from modelarts_emulator.seeding.object_upload import ObjectUploader
from modelarts_emulator.seeding.seeder import SeededDataset, Seeder
from modelarts_emulator.util.http_client import Client, quote_segment


class SeedTarget(NamedTuple):
    """An emulator to seed: where it is, who seeds into which project, where files go, and its control API."""

    url: str
    user: User | None
    project: str | None
    objects: Callable[[Client], ObjectUploader]
    control: Callable[[], Client]


class SeedResult(NamedTuple):
    """What has come of it: datasets, and snapshots with whether they have been put back."""

    datasets: list[SeededDataset]
    snapshots: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """For scripts."""
        return {"datasets": [each._asdict() for each in self.datasets], "snapshots": self.snapshots}

    def text(self) -> str:
        """For people."""
        return "\n".join([*map(_line, self.snapshots), *(each.line() for each in self.datasets)])


def run_seeds(soil: SeedTarget, paths: Sequence[Path], out: Output) -> SeedResult:
    """Make what lies at the paths; all of them are read before anything is made. Raises UsageError, CommandFailed."""
    planted = SeedResult([], [])
    for source in [detect_source(path) for path in paths]:
        if source.snapshot:
            planted.snapshots.append(_restored(soil, source.snapshot, out))
        else:
            planted.datasets.extend(_seeded(soil, source, out))
    return planted


def _seeded(soil: SeedTarget, source: SeedSource, out: Output) -> list[SeededDataset]:
    done = Count()
    with Client(soil.url) as client, out.progress("seeding", lambda: (done.value, source.steps)):
        project = log_in(client, soil.user, soil.project or source.project)
        seeder = Seeder(client, project, soil.objects(client), done.step)
        return [seeder.seed(plan) for plan in source.plans]


def _restored(soil: SeedTarget, path: Path, out: Output) -> dict[str, Any]:
    """Put a snapshot back, where there is nothing yet that it would replace."""
    with soil.control() as client, out.progress(f"restoring {path.name}"):
        if client.call("GET", f"{CONTROL}/health")["datasets"]:
            return {"path": str(path), "restored": False}
        name = upload(client, path)
        kept: dict[str, Any] = client.call("POST", f"{SNAPSHOTS}/{quote_segment(name)}")
        return {"path": str(path), "restored": True, **kept}


def _line(snapshot: dict[str, Any]) -> str:
    if snapshot["restored"]:
        return f"restored {line(snapshot)}"
    return f"{snapshot['path']}: there are datasets already, left as they are; restore puts it in their place"
