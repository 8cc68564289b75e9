"""Seed a running emulator from files and folders; for the command ``seed`` and for the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.cli.commands.restore import upload_snapshot
from modelarts_emulator.cli.commands.snapshot import SNAPSHOTS, snapshot_line
from modelarts_emulator.cli.control_client import CONTROL
from modelarts_emulator.cli.output import Output, StepCounter
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.seeding.detect import SeedSource, detect_source
from modelarts_emulator.seeding.login import log_in
from modelarts_emulator.seeding.object_upload import ObjectUploader
from modelarts_emulator.seeding.seeder import SeededDataset, Seeder
from modelarts_emulator.util.http_client import Client, quote_segment


class SeedTarget(NamedTuple):
    """The emulator to seed: clients of its API and control API, the user and project, and how to upload objects."""

    client: Callable[[], Client]
    user: User | None
    project: str | None
    uploader: Callable[[Client], ObjectUploader]
    control: Callable[[], Client]


class SeedResult(NamedTuple):
    """The seeded datasets, and the snapshots with whether they were restored."""

    datasets: list[SeededDataset]
    snapshots: list[dict[str, Any]]

    def document(self) -> dict[str, Any]:
        """Return the result for scripts."""
        return {"datasets": [each._asdict() for each in self.datasets], "snapshots": self.snapshots}

    def text(self) -> str:
        """Return the result for people, one line each."""
        return "\n".join([*map(_snapshot_text, self.snapshots), *(each.line() for each in self.datasets)])


def run_seeds(target: SeedTarget, paths: Sequence[Path], out: Output) -> SeedResult:
    """Create the datasets that the paths describe, after all paths have been checked.

    Raises UsageError, CommandFailed.
    """
    result = SeedResult([], [])
    for source in [detect_source(path) for path in paths]:
        if source.snapshot:
            result.snapshots.append(_restore(target, source.snapshot, out))
        else:
            result.datasets.extend(_seed(target, source, out))
    return result


def _seed(target: SeedTarget, source: SeedSource, out: Output) -> list[SeededDataset]:
    counter = StepCounter()
    with target.client() as client, out.progress("seeding", lambda: (counter.value, source.steps)):
        project = log_in(client, target.user, target.project or source.project)
        seeder = Seeder(client, project, target.uploader(client), counter.step)
        return [seeder.seed(plan) for plan in source.plans]


def _restore(target: SeedTarget, path: Path, out: Output) -> dict[str, Any]:
    """Restore a snapshot, unless there are datasets that it would replace."""
    with target.control() as client, out.progress(f"restoring {path.name}"):
        if client.call("GET", f"{CONTROL}/health")["datasets"]:
            return {"path": str(path), "restored": False}
        name = upload_snapshot(client, path)
        restored: dict[str, Any] = client.call("POST", f"{SNAPSHOTS}/{quote_segment(name)}")
        return {"path": str(path), "restored": True, **restored}


def _snapshot_text(snapshot: dict[str, Any]) -> str:
    if snapshot["restored"]:
        return f"restored {snapshot_line(snapshot)}"
    return f"{snapshot['path']}: not restored, because there are datasets already; use the command restore"
